//! A server that is restarted and connections that are cut, under daemons that take webhooks: what was acknowledged is there,
//! and everything is as if nothing had happened.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::Cluster;
use super::relay::Relay;
use super::standby::{Daemons, customers, deliver};
use crate::environment::{assert_says, wait_until};

/// How many deliveries are sent, and by how many senders.
const DELIVERIES: usize = 240;
const SENDERS: usize = 4;

#[test]
fn cut_connections_and_restarts_lose_and_double_nothing() {
    let mut cluster = Cluster::new("2s");
    let relay = Relay::start(cluster.server.port);
    let through = format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", relay.port);
    let mut daemons = Daemons::begin(&cluster, 3, "", &through);
    cluster.people(50);
    let (next, acknowledged) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ports = daemons.ports.clone();
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= DELIVERIES {
                        return;
                    }
                    let mut to = number;
                    // A service sends again what was not acknowledged, to whichever daemon.
                    wait_until("it is acknowledged", || {
                        to += 1;
                        deliver(ports[to % ports.len()], number)
                    });
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let so_many = |share: usize| acknowledged.load(Ordering::SeqCst) >= DELIVERIES * share / 10;
        for share in 1..10 {
            wait_until("some more are acknowledged", || so_many(share));
            match share {
                3 | 7 => {
                    cluster.server.kill();
                    sleep(Duration::from_millis(300));
                    cluster.server.start_again();
                }
                5 => daemons.kill(0),
                _ => relay.cut(),
            }
        }
    });
    wait_until("all of them are applied", || customers(&cluster) == DELIVERIES);
    wait_until("the people are read", || cluster.rows() == 50);
    let machine = &daemons.machines[1];
    // The rows are those of a life without disturbance.
    let wrong = "SELECT (SELECT count(*) FROM crm.customers WHERE name <> 'Customer ' || substr(id, 2)) \
                 + (SELECT count(*) FROM crm.contacts WHERE name <> 'Person ' || id)";
    assert_eq!(cluster.server.sql("postgres", wrong), "0");
    let waits = "SELECT count(*) FROM raccord_state.inbox";
    wait_until("nothing waits any more", || cluster.server.sql("postgres", waits) == "0");
    assert_eq!(machine.json("rejects list --output json").as_array().unwrap().len(), 0);
    assert_says(&machine.ok("state check"), &["whole"]);
    // A daemon that could not reach the state for its lease may have ended, to be started again.
    for daemon in daemons.started.into_iter().flatten() {
        daemon.signal("TERM");
        daemon.wait();
    }
}
