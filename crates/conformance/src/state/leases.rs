//! Leases: one holder at a time, and tokens that grow.

use std::time::Duration;

use futures_util::future::join_all;
use raccord_model::port::lease::{Held, Lease, LeaseToken};

use super::{StateSubject, empty};

const TTL: Duration = Duration::from_hours(1);

async fn acquire(leases: &dyn Lease, name: &str) -> Option<Held> {
    leases.acquire(name.to_owned(), "a test".to_owned(), TTL).await.unwrap()
}

pub async fn a_lease_has_one_holder_until_it_ends<S: StateSubject>() {
    let subject = empty::<S>().await;
    let leases = subject.leases();
    let mut held: Vec<Held> = Vec::new();
    // After how many minutes what is done: `a` acquires, `t` takes over, `x` releases the lease that was acquired last, a
    // number renews the lease with this number; then the token, or nothing when it was not held.
    for (minutes, act, expected) in [
        (0, 'a', Some(1)),
        (59, 'a', None),
        // It has ended: another acquires it, and the first has lost it.
        (1, 'a', Some(2)),
        (0, '0', None),
        (40, '1', Some(2)),
        (59, 'a', None),
        (1, 'a', Some(3)),
        (0, 't', Some(4)),
        (0, '2', None),
        // Late, but no other has come: it is prolonged.
        (140, '3', Some(4)),
        (1, 'a', None),
        (1, 'x', Some(4)),
        (0, '3', None),
        (0, 'a', Some(5)),
    ] {
        subject.pass(Duration::from_mins(minutes)).await;
        let found: Option<LeaseToken> = match act {
            'a' => acquire(leases, "a").await.map(|lease| {
                held.push(lease.clone());
                lease.token
            }),
            't' => {
                held.push(leases.take_over("a".to_owned(), "a test".to_owned(), TTL, 0).await.unwrap());
                held.last().map(|lease| lease.token)
            }
            'x' => {
                let lease = held.last().unwrap().clone();
                leases.release(lease.clone()).await.unwrap();
                Some(lease.token)
            }
            number => {
                let lease = held.get(usize::try_from(number.to_digit(10).unwrap()).unwrap()).unwrap();
                leases.renew(lease).await.unwrap().then_some(lease.token)
            }
        };
        assert_eq!(found, expected, "{act} after {minutes}");
    }
    assert_eq!(acquire(leases, "b").await.map(|lease| lease.token), Some(1), "another lease");
    // One that was lost is not given back by who lost it.
    leases.release(held.remove(0)).await.unwrap();
    assert_eq!(acquire(leases, "a").await, None);
    for (name, above, token) in [("a", 3, 6), ("a", 40, 41), ("a", 7, 42), ("c", 9, 10)] {
        let held = leases.take_over(name.to_owned(), "a test".to_owned(), TTL, above).await.unwrap();
        assert_eq!(held.token, token, "{name} above {above}");
    }
}

pub async fn tokens_outlive_the_process<S: StateSubject>() {
    let mut subject = empty::<S>().await;
    for token in 1..=3 {
        let held = acquire(subject.leases(), "a").await.unwrap();
        assert_eq!(held.token, token);
        subject.leases().release(held).await.unwrap();
        subject = subject.reopen().await;
    }
}

pub async fn of_many_who_ask_at_once_one_gets_it<S: StateSubject>() {
    let subject = empty::<S>().await;
    let leases = subject.leases();
    for round in 0..10 {
        let answers = join_all((0..8).map(|_| acquire(leases, "a"))).await;
        let held: Vec<Held> = answers.into_iter().flatten().collect();
        assert_eq!(held.len(), 1, "{round}: {held:?}");
        for one in held {
            leases.release(one).await.unwrap();
        }
    }
}
