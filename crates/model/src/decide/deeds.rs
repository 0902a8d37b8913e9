//! What is to be written of rows: the difference that a working set makes, in an order in which it can be written.

use super::overlay::Changed;
use super::working::{Key, Stored, Working};

/// What is done to a row, in the order in which it is done: so a value that one row gives up is free for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// It goes.
    Delete,
    /// Its fields change.
    Update,
    /// What is kept beside the row changes alone.
    Touch,
    /// It comes.
    Create,
}

/// A change of a row.
#[derive(Debug, Clone, Copy)]
pub struct Op<'s> {
    /// What is done.
    pub deed: Deed,
    /// The row's key.
    pub key: &'s Key,
    /// The row as it is to be; of one that goes, as it was.
    pub row: &'s Stored,
    /// The row as it was found, of one that is there.
    pub before: Option<&'s Stored>,
}

/// The difference that a working set makes to rows.
pub fn ops(set: &Working) -> Vec<Op<'_>> {
    let mut ops: Vec<(usize, Op<'_>)> = set.rows.changed().filter_map(op).collect();
    ops.sort_by_key(|(order, op)| (op.deed, *order));
    ops.into_iter().map(|(_, op)| op).collect()
}

fn op(Changed { key, before, now, order }: Changed<'_, Key, Stored>) -> Option<(usize, Op<'_>)> {
    let (deed, row) = match (before, now) {
        (None, None) => return None,
        (None, Some(now)) => (Deed::Create, now),
        (Some(before), None) => (Deed::Delete, before),
        (Some(before), Some(now)) if before.row != now.row => (Deed::Update, now),
        (Some(before), Some(now)) if before.is_beside(now) => return None,
        (Some(_), Some(now)) => (Deed::Touch, now),
    };
    Some((order, Op { deed, key, row, before }))
}
