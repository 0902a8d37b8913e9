//! Pages that shift while they are read: whatever is shown where, and whenever the program is started again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use raccord_model::checkpoint::Spot;
use raccord_model::port::destination::{Batch, Destination};

use crate::fixture::{batch, page, partition, shift, transfer};
use crate::{Subject, block_on};

/// A page: its number, its partition and its keys.
type Page = (u64, Option<u8>, BTreeSet<u8>);

fn pages() -> impl Strategy<Value = Vec<Page>> {
    let keys = prop::collection::btree_set(0_u8..12, 0..5);
    prop::collection::vec((1_u64..5, prop::option::of(0_u8..2), keys), 1..12)
}

/// Exactly the readings in which a key came on two pages of one chain are shifts, whatever kills there were.
pub fn are_seen_whenever_there_is_one<S: Subject>() {
    let config = Config { failure_persistence: None, ..Config::with_cases(24) };
    let result = TestRunner::new(config).run(&(pages(), 0_usize..12), |(pages, kill)| {
        let (found, expected) = block_on(read::<S>(&pages, kill));
        prop_assert_eq!(found, expected);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Whether a shift was found, and whether there was one.
async fn read<S: Subject>(pages: &[Page], kill: usize) -> (bool, bool) {
    let mut subject = S::empty().await;
    subject.destination().begin_window(transfer('A'), batch('A').fence).await.unwrap();
    let mut known: BTreeMap<u8, (u64, Option<u8>)> = BTreeMap::new();
    let (mut expected, mut found) = (false, false);
    for (number, (at, of, keys)) in pages.iter().enumerate() {
        for key in keys {
            let before = known.insert(*key, (*at, *of));
            expected |= before.is_some_and(|(page, partition)| partition == *of && page != *at);
        }
        let text: Vec<String> = keys.iter().map(|key| format!("k{key}")).collect();
        let spot = Spot { partition: of.map(partition), page: *at };
        let page = Batch { durable: true, ..page(Some(spot), 0, &text.join(" ")) };
        subject.destination().commit(page).await.unwrap();
        found |= shift(subject.destination()).await.0.is_some();
        if number == kill {
            subject = subject.reopen().await;
        }
    }
    (found, expected)
}
