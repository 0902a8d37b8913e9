//! Sources whose deliveries cannot arrive: something active reads their webhooks, and nothing listens for them. It tells that,
//! once for each source, and decides nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use raccord_model::Name;

/// What is known of deliveries that cannot arrive.
#[derive(Debug, Default)]
pub(super) struct Undelivered {
    /// Neither this process nor another listens for deliveries.
    lacks_listener: bool,
    /// The sources that want deliveries in the generation in force.
    wanting: Mutex<BTreeSet<Name>>,
}

impl Undelivered {
    /// Of a daemon that listens nowhere, and for which no other does.
    pub(super) fn without_listener() -> Self {
        Self { lacks_listener: true, wanting: Mutex::default() }
    }

    /// Takes in which sources want deliveries now, and warns of those that have begun to.
    pub(super) fn follow(&self, wanting: BTreeSet<Name>) {
        if !self.lacks_listener {
            return;
        }
        let mut known = self.wanting.lock().unwrap_or_else(PoisonError::into_inner);
        for source in wanting.difference(&known) {
            tracing::warn!("{}", sentence(source));
        }
        *known = wanting;
    }

    /// A sentence for each source whose deliveries cannot arrive.
    pub(super) fn problems(&self) -> Vec<String> {
        self.wanting.lock().unwrap_or_else(PoisonError::into_inner).iter().map(sentence).collect()
    }
}

fn sentence(source: &Name) -> String {
    format!("deliveries to the source {source} cannot arrive: start `raccord watch` with --listen ADDRESS")
}
