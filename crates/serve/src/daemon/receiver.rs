//! What one source may be told by webhook: which of its events are read, into which inboxes they go, and how often it may tell.
//! It proves no delivery and keeps none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use jiff::Timestamp;
use raccord_compiler::webhook::{self, Hook, Intent, Reading, RecordContent, Route};
use raccord_model::fact::Uid;
use raccord_model::language::webhook::VerifySpec;
use raccord_model::port::inbox::{Accept, Delivery, DeliveryKind};
use raccord_model::{DataTypeName, Digest, Kind, Name};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::job;
use tokio::time::Instant;

use super::allowance::{Allowance, COMPLAINTS, complain};
use crate::serving::Push;

/// What one source may be told.
pub(super) struct Receiver {
    uid: Uid,
    pub(super) hook: Hook,
    pub(super) verify: VerifySpec,
    transfers: BTreeMap<DataTypeName, Vec<Uid>>,
    /// The transfers that would read them if they were active, and an active integration subscribed.
    inactive: BTreeMap<DataTypeName, Vec<Name>>,
    allowance: Mutex<Allowance>,
    pub(super) complaints: Mutex<Allowance>,
}

/// What a source may be told, when it has a webhook. Validation has compiled it before.
pub(super) fn receiver(applied: &Applied, name: &Name) -> Option<Receiver> {
    let spec = applied.desired.source(name)?;
    let settings = spec.settings.webhooks()?;
    let webhook = spec.webhook.as_ref()?;
    let (hook, _) = webhook::lower(webhook, settings);
    let hook = hook?;
    let mut transfers: BTreeMap<DataTypeName, Vec<Uid>> = BTreeMap::new();
    let mut inactive: BTreeMap<DataTypeName, Vec<Name>> = BTreeMap::new();
    for (transfer, uid, spec) in applied.transfers().filter(|(_, _, spec)| spec.source == *name) {
        let Some(data_type) = job::data_type(transfer, spec) else { continue };
        if spec.active && is_subscribed(applied, transfer) {
            transfers.entry(data_type).or_default().push(uid);
        } else {
            inactive.entry(data_type).or_default().push(transfer.clone());
        }
    }
    let allowance = Mutex::new(Allowance::new(hook.rate_limit()));
    let complaints = Mutex::new(Allowance::new(COMPLAINTS));
    let uid = applied.uid(Kind::Source, name)?;
    let verify = webhook.verify.clone();
    Some(Receiver { uid, hook, verify, transfers, inactive, allowance, complaints })
}

/// Whether an active integration subscribes. One that is paused or tripped takes what waited when it goes on.
fn is_subscribed(applied: &Applied, transfer: &Name) -> bool {
    applied.integrations().any(|(_, _, spec)| spec.active && spec.subscriptions.contains_key(transfer))
}

impl Receiver {
    /// Says something in the log, unless enough was said.
    pub(super) fn complain(&self, say: impl FnOnce()) {
        complain(&self.complaints, say);
    }

    pub(super) fn wait_for_allowance(&self) -> Option<Duration> {
        let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        allowance.spend(Instant::now())
    }

    /// What goes into whose inbox; nothing when no event is listed or no active transfer reads its records. And the
    /// transfers that would read what is not kept at all, if they were active.
    pub(super) fn read(
        &self,
        push: &Push,
        ports: &Ports,
    ) -> Result<(Vec<Accept>, BTreeSet<&Name>), webhook::Unreadable> {
        let route = Route {
            data_type: push.data_type.as_ref().map(DataTypeName::as_str),
            event: push.event.as_deref(),
        };
        let header = |name: &str| push.headers.get(name).map(HeaderValue::as_bytes);
        let now = ports.environment.now();
        let readings = self.hook.read(route, &header, &push.body)?;
        let unwanted = readings.iter().filter_map(|reading| match reading {
            Reading::Received(event) if self.is_unread(&event.data_type) => {
                self.inactive.get(&event.data_type)
            }
            Reading::Received(_) | Reading::Ignored { .. } => None,
        });
        let unwanted = unwanted.flatten().collect();
        let accepts = readings.into_iter().filter_map(|reading| self.accept(reading, &push.body, now));
        Ok((accepts.collect(), unwanted))
    }

    /// Whether something active reads what it is told.
    pub(super) fn is_read(&self) -> bool {
        !self.transfers.is_empty()
    }

    fn is_unread(&self, data_type: &DataTypeName) -> bool {
        !self.transfers.contains_key(data_type)
    }

    /// Whether there is something that would be read if its transfers were active, and is not kept.
    pub(super) fn has_unread(&self) -> bool {
        self.inactive.keys().any(|data_type| self.is_unread(data_type))
    }

    fn accept(&self, reading: Reading, body: &Bytes, now: Timestamp) -> Option<Accept> {
        let Reading::Received(event) = reading else { return None };
        let transfers = self.transfers.get(&event.data_type)?.clone();
        let kind = match event.intent {
            Intent::Upsert => DeliveryKind::Upsert,
            Intent::Partial => DeliveryKind::Partial,
            Intent::Delete => DeliveryKind::Delete,
            Intent::Fetch { path } => {
                let record = self.hook.record_in_answer(&event.event);
                DeliveryKind::Fetch { path, record, retry: None }
            }
        };
        let said = body.get(event.said).unwrap_or_default();
        let id = event.delivery.map(|id| known_again(&id, &event.data_type, said));
        let record = match event.record {
            RecordContent::Within(range) => body.slice(range),
            RecordContent::Made(text) => text.into(),
        };
        let delivery = Delivery { kind, record, received: now, event: event.event };
        Some(Accept { source: self.uid, id, transfers, delivery })
    }
}

/// What an event is known by when it comes again: its id, its data type and what it said. An id alone could be reused
/// for something else, which would then be lost.
fn known_again(id: &str, data_type: &DataTypeName, said: &[u8]) -> String {
    format!("{id}\0{data_type}\0{}", Digest::of(said))
}
