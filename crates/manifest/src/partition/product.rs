//! Each partition of one router with each of the others. Those of the first come as they are read; those of the others
//! are needed again and again, and are kept.

use serde_json::{Map, Value};

use super::Partitions;
use crate::error::ReadError;
use crate::exchange::PassedOver;
use crate::slice::Slice;

/// The partitions of a product.
pub struct Product {
    first: Partitions,
    others: Vec<Partitions>,
    kept: Option<Vec<Vec<Slice>>>,
    current: Option<Slice>,
    at: usize,
}

impl Product {
    pub(super) fn new(mut parts: Vec<Partitions>) -> Self {
        let others = parts.split_off(parts.len().min(1));
        let first = parts.pop().unwrap_or(Partitions::One(None));
        Self { first, others, kept: None, current: None, at: 0 }
    }

    pub(super) fn take_passed_over(&mut self) -> Option<PassedOver> {
        let mut all = std::iter::once(&mut self.first).chain(&mut self.others);
        all.find_map(Partitions::take_passed_over)
    }

    pub(super) async fn next_slice(&mut self) -> Result<Option<Slice>, ReadError> {
        if self.kept.is_none() {
            let mut kept = Vec::with_capacity(self.others.len());
            for others in &mut self.others {
                let mut slices = Vec::new();
                while let Some(slice) = others.next_slice().await? {
                    slices.push(slice);
                }
                kept.push(slices);
            }
            self.kept = Some(kept);
        }
        let count = self.kept.iter().flatten().map(Vec::len).product();
        if self.current.is_none() || self.at >= count {
            self.current = if count == 0 { None } else { self.first.next_slice().await? };
            self.at = 0;
        }
        let Some(first) = &self.current else { return Ok(None) };
        let slice = combined(first, self.kept.as_deref().unwrap_or_default(), self.at);
        self.at += 1;
        Ok(Some(slice))
    }
}

/// A slice with the one of each others that belongs to a number; those of the last one change fastest.
fn combined(first: &Slice, others: &[Vec<Slice>], number: usize) -> Slice {
    let mut chosen = Vec::with_capacity(others.len());
    let mut rest = number;
    for slices in others.iter().rev() {
        chosen.extend(slices.get(rest % slices.len().max(1)));
        rest /= slices.len().max(1);
    }
    let mut slice = Slice::default();
    // Of two members with the same name, that of the first router counts.
    for part in chosen.into_iter().chain([first]) {
        add(&mut slice.partition, &part.partition);
        add(&mut slice.cursor, &part.cursor);
        add(&mut slice.extra, &part.extra);
    }
    slice
}

fn add(target: &mut Map<String, Value>, members: &Map<String, Value>) {
    target.extend(members.iter().map(|(name, value)| (name.clone(), value.clone())));
}
