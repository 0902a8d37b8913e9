//! A scrape as a whole: what is served of a state, that what is gone is not, and that it stays bounded.

use std::sync::Arc;

use raccord_model::fact::{Entry, Run, RunCause, RunId, RunOutcome, Tally, Uid};
use raccord_model::port::state::Head;
use raccord_model::resource::Wanted;
use raccord_model::{Desired, Digest, Key, Resource};
use uuid::Uuid;

use super::*;
use crate::request::{IntegrationState, IntegrationStatus, Status, TransferStatus};

const NOW: &str = "2025-03-05T12:00:00Z";

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A generation of transfers that run hourly.
fn applied(transfers: usize) -> Arc<Applied> {
    let body = r#"{"spec": {"Transfer": {"source": "shop", "to": "crm.contact", "active": true, "schedule": "1h"}}}"#;
    let resource = Resource::open(body.as_bytes()).unwrap();
    let digest = Digest([0; 32]);
    let wanted = || Wanted { resource: resource.clone(), digest, renamed_from: None };
    let key = |number: usize| Key::new(Kind::Transfer, name(&format!("t-{number}")));
    let entry = Entry { uid: Uid(Uuid::nil()), digest };
    Arc::new(Applied {
        head: Head { lineage: Uuid::nil(), serial: 3, generation: 3, stack: None, root: None },
        index: (0..transfers).map(|number| (key(number), entry)).collect(),
        desired: Desired {
            stack: Name::of_default_stack(),
            root: String::new(),
            resources: (0..transfers).map(|number| (key(number), wanted())).collect(),
        },
    })
}

/// Each transfer succeeded as many minutes ago as its number says, and each second integration is tripped.
fn observed(applied: &Arc<Applied>) -> Observed {
    let now: Timestamp = NOW.parse().unwrap();
    let transfer = |number: usize| TransferStatus {
        name: name(&format!("t-{number}")),
        source: name("shop"),
        to: "crm.contact".parse().unwrap(),
        active: true,
        standing: crate::request::Standing::Active,
        cursor: None,
        last_run: None,
        deliveries_held: None,
        unseen: Vec::new(),
        last_success: Some(now - jiff::SignedDuration::from_mins(i64::try_from(number).unwrap())),
        next_run: Some(now + jiff::SignedDuration::from_mins(5)),
        running: None,
        consecutive_failures: u32::from(number == 7),
        deliveries: 0,
        rows: Some(2),
        rejects: Some(1),
    };
    let integration = |number: usize| IntegrationStatus {
        name: name(&format!("i-{number}")),
        state: if number.is_multiple_of(2) { IntegrationState::Tripped } else { IntegrationState::Paused },
        trip: None,
        pause: None,
        subscriptions: Vec::new(),
        alerts: Vec::new(),
    };
    let count = applied.index.len();
    let status = Status {
        authorizations: Vec::new(),
        stack: None,
        generation: 3,
        serial: 3,
        integrations: (0..count).map(integration).collect(),
        transfers: (0..count).map(transfer).collect(),
        steps: 0,
        outbox: 4,
        outbox_error: None,
        notes: Vec::new(),
        left_out: 0,
        daemon: None,
    };
    let inbox = [(name("t-0"), 9)].into();
    Observed { status: Box::new(status), applied: Arc::clone(applied), inbox, good: true }
}

fn run(transfer: &str) -> Run {
    Run {
        id: RunId(Uuid::nil()),
        transfer_uid: Uid(Uuid::nil()),
        transfer: name(transfer),
        to: "crm.contact".parse().unwrap(),
        generation: 3,
        cause: RunCause::Requested,
        started: NOW.parse().unwrap(),
        ended: Some("2025-03-05T12:00:07Z".parse().unwrap()),
        outcome: RunOutcome::Succeeded,
        tally: Tally { fetched: 3, created: 2, unchanged: 1, ..Tally::default() },
        pages: 1,
        parents: raccord_model::fact::Parents::default(),
        notes: Vec::new(),
        unseen: None,
        again: None,
        uncounted: false,
    }
}

/// What is served when each of so many transfers has run once.
fn served(transfers: usize) -> String {
    let (now, applied) = (NOW.parse().unwrap(), applied(transfers));
    let metrics = Metrics::new(&applied, now);
    for number in 0..transfers {
        metrics.run_ended(&run(&format!("t-{number}")));
    }
    metrics.reload_ended(ReloadResult::Bad);
    metrics.delivered(&name("nobody"), Received::Refused);
    scrape(&metrics, Some(observed(&applied)))
}

fn scrape(metrics: &Metrics, observed: Option<Observed>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(metrics.scrape((NOW.parse().unwrap(), Instant::now()), async { observed }))
}

#[track_caller]
fn check(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "no line {line:?} in\n{text}");
    }
}

#[test]
fn each_transfer_has_series_of_its_own() {
    let text = served(10);
    check(
        &text,
        &[
            "raccord_runs_total{transfer=\"t-3\",outcome=\"succeeded\"} 1",
            "raccord_runs_total{transfer=\"t-3\",outcome=\"failed\"} 0",
            "raccord_records_total{transfer=\"t-3\",outcome=\"created\"} 2",
            "raccord_run_duration_seconds_bucket{le=\"15.0\",transfer=\"t-3\"} 1",
            "raccord_last_success_timestamp_seconds{transfer=\"t-3\"} 1741175820.0",
            "raccord_lag_seconds{transfer=\"t-3\"} 180.0",
            "raccord_next_run_timestamp_seconds{transfer=\"t-3\"} 1741176300.0",
            "raccord_schedule_interval_seconds{transfer=\"t-3\"} 3600.0",
            "raccord_consecutive_failures{transfer=\"t-7\"} 1",
            "raccord_rejects{transfer=\"t-3\"} 1",
            "raccord_rows{transfer=\"t-3\"} 2",
            "raccord_inbox_deliveries{transfer=\"t-0\"} 9",
            "raccord_inbox_deliveries{transfer=\"t-3\"} 0",
            "raccord_breaker_tripped{integration=\"i-2\"} 1",
            "raccord_paused{integration=\"i-2\"} 0",
            "raccord_deliveries_total{result=\"refused\"} 1",
            "raccord_reloads_total{result=\"bad\"} 1",
            "raccord_reloads_total{result=\"good\"} 0",
            "raccord_configuration_good 1",
            "raccord_pending_changes 0",
            "raccord_generation 3",
            "raccord_transfers 10",
            "raccord_outbox_notices 4",
            concat!("raccord_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ],
    );
}

#[test]
fn every_family_of_the_table_is_served_under_its_name() {
    let text = served(2);
    for family in FAMILIES {
        let name = family.name();
        let is_served = text.lines().any(|line| {
            let rest = line.strip_prefix(&*name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ', '_']))
        });
        assert!(is_served || family.labels.contains(&"source"), "{name} is not in\n{text}");
    }
    let names: Vec<String> = FAMILIES.iter().map(|family| family.name()).collect();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let is_known = names.iter().any(|known| name.starts_with(&**known));
        assert!(is_known, "{line} is in no family");
    }
}

#[test]
fn with_too_many_transfers_one_series_stands_for_all() {
    let (named, folded) = (served(MAX_NAMED), served(MAX_NAMED + 1));
    assert!(named.contains("transfer=\"t-999\"") && named.contains("integration=\"i-999\""));
    assert!(!folded.contains("transfer=") && !folded.contains("integration="));
    check(
        &folded,
        &[
            "raccord_runs_total{outcome=\"succeeded\"} 1001",
            "raccord_records_total{outcome=\"created\"} 2002",
            "raccord_run_duration_seconds_count 1001",
            // The one that is most behind.
            "raccord_lag_seconds 60000.0",
            "raccord_schedule_interval_seconds 3600.0",
            "raccord_consecutive_failures 1",
            "raccord_rejects 1001",
            "raccord_rows 2002",
            "raccord_inbox_deliveries 9",
            "raccord_breaker_tripped 501",
            "raccord_paused 500",
            "raccord_transfers 1001",
        ],
    );
}

#[test]
fn a_scrape_is_bounded_whatever_the_number_of_transfers() {
    let (most, many) = (served(MAX_NAMED), served(10_000));
    let lines = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    println!("{} lines, {} bytes of {MAX_NAMED} transfers", lines(&most), most.len());
    assert!(lines(&most) < 34 * MAX_NAMED && most.len() < 4 << 20, "{} {}", lines(&most), most.len());
    assert!(lines(&many) < 100 && many.len() < 16 << 10, "{} {}", lines(&many), many.len());
}

#[test]
fn what_was_deleted_is_no_longer_served() {
    let (before, after) = (applied(3), applied(2));
    let metrics = Metrics::new(&before, NOW.parse().unwrap());
    metrics.run_ended(&run("t-2"));
    metrics.follow(&after);
    let text = scrape(&metrics, Some(observed(&after)));
    assert!(text.contains("transfer=\"t-1\"") && !text.contains("t-2"), "{text}");
}

#[test]
fn a_state_that_cannot_be_read_leaves_what_was_counted() {
    let applied = applied(1);
    let metrics = Metrics::new(&applied, NOW.parse().unwrap());
    metrics.run_ended(&run("t-0"));
    let text = scrape(&metrics, None);
    check(&text, &["raccord_runs_total{transfer=\"t-0\",outcome=\"succeeded\"} 1", "# EOF"]);
    assert!(!text.contains("raccord_generation"), "{text}");
}

#[test]
fn a_scrape_serves_the_next_ones_for_a_while() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (now, applied) = (NOW.parse().unwrap(), applied(1));
    let metrics = Metrics::new(&applied, now);
    let begun = Instant::now();
    let later = |milliseconds| begun + Duration::from_millis(milliseconds);
    runtime.block_on(async {
        let first = metrics.scrape((now, begun), async { Some(observed(&applied)) }).await;
        metrics.run_ended(&run("t-0"));
        let nobody_looks = async { unreachable!("the last one is fresh") };
        assert_eq!(metrics.scrape((now, later(999)), nobody_looks).await, first);
        let second = metrics.scrape((now, later(3_600_000)), async { Some(observed(&applied)) }).await;
        assert!(first.contains("outcome=\"succeeded\"} 0") && second.contains("outcome=\"succeeded\"} 1"));
    });
}

#[test]
fn a_scrape_that_takes_long_serves_long() {
    let begun = Instant::now();
    for (cost, fresh) in [(0, 1_000), (100, 1_100), (250, 1_250), (1_000, 5_000), (20_000, 100_000)] {
        let until = fresh_until(begun, Duration::from_millis(cost));
        assert_eq!(until.duration_since(begun), Duration::from_millis(fresh), "{cost}");
    }
}

#[test]
fn two_daemons_in_one_process_do_not_meet() {
    let applied = applied(1);
    let (one, other) =
        (Metrics::new(&applied, NOW.parse().unwrap()), Metrics::new(&applied, NOW.parse().unwrap()));
    one.run_ended(&run("t-0"));
    assert!(scrape(&one, None).contains("outcome=\"succeeded\"} 1"));
    assert!(scrape(&other, None).contains("outcome=\"succeeded\"} 0"));
}
