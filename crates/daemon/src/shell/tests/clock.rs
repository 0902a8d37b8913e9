//! A clock that was ahead, and was set right: what it has left in the facts ends no schedule.

use raccord_model::fact::{Grid, Uid};

use super::*;
use crate::step::schedule::next_due;

const AHEAD: &str = "2999-01-01T00:00:00Z";

/// A transfer whose schedule has run under a clock that was ahead.
async fn ran_ahead(place: &Place) -> Uid {
    let (applied, facts) = (place.applied().await, place.ports.facts());
    view::standings(&place.ports, &applied, None).await.unwrap();
    let uid = applied.transfers().next().unwrap().1;
    let ahead: Timestamp = AHEAD.parse().unwrap();
    let mut fact = facts.transfer(uid).await.unwrap();
    let grid = fact.observed.grid.take().unwrap();
    fact.observed.grid = Some(Grid { since: ahead, ..grid });
    fact.observed.served = Some(ahead);
    facts.commit(vec![put(Table::Transfers, &uid, &fact).unwrap()]).await.unwrap();
    uid
}

/// The facts are right, and the schedule goes on within its interval.
async fn expect_right(place: &Place, uid: Uid) {
    let fact = place.ports.facts().transfer(uid).await.unwrap().observed;
    let now = place.ports.environment.now();
    let (since, served) = (fact.grid.unwrap().since, fact.served);
    assert!(since <= now && served.is_some_and(|served| served <= now), "{since} {served:?}");
    let schedule = place.applied().await.transfers().next().unwrap().2.schedule.clone().unwrap();
    let next = next_due(&schedule, uid, since, served).unwrap();
    assert!(next <= now + jiff::SignedDuration::from_hours(1), "{next}");
}

#[tokio::test]
async fn a_start_takes_what_lies_ahead_for_now() {
    let place = Place::new().await;
    let uid = ran_ahead(&place).await;
    let (mut core, _progress) = Core::new(&place.ports, place.applied().await, Policy::Daemon);
    core.begin().await.unwrap();
    expect_right(&place, uid).await;
    let next = core.state.outlook(std::iter::once(uid)).next_runs[&uid];
    assert!(next < AHEAD.parse().unwrap(), "{next}");
}

#[tokio::test]
async fn a_daemon_whose_clock_is_set_right_goes_on() {
    let place = Place::new().await;
    let mut shell = place.shell().await;
    let uid = ran_ahead(&place).await;
    assert_eq!(shell.look_at_clock().await.unwrap(), vec![], "the clock goes as it did");
    shell.last = AHEAD.parse().unwrap();
    shell.look_at_clock().await.unwrap();
    expect_right(&place, uid).await;
}
