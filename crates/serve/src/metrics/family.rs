//! The one table of what is served: every family of metrics with its type, its unit, its labels and its help.
//!
//! The exposition and the page of the documentation are made from it. It holds no value.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// What a value of a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, and begins at 0 with the daemon.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
    /// Is always 1; what it says is in its labels.
    Info,
}

impl Kind {
    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }

    pub(super) const fn metric_type(self) -> MetricType {
        match self {
            Self::Counter => MetricType::Counter,
            Self::Gauge => MetricType::Gauge,
            Self::Histogram => MetricType::Histogram,
            Self::Info => MetricType::Info,
        }
    }
}

/// Metrics that share a name.
#[derive(Debug)]
pub struct Family {
    /// The name without what its unit and its type add.
    pub(super) base: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// In what they are measured.
    pub(super) unit: Option<Unit>,
    /// What tells its series apart.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

impl Family {
    /// The name under which it is asked for.
    pub fn name(&self) -> String {
        let unit = self.unit.as_ref().map(|unit| format!("_{}", unit.as_str())).unwrap_or_default();
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{ending}", self.base)
    }

    const fn counter(base: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { base, kind: Kind::Counter, unit: None, labels, help }
    }

    const fn gauge(base: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { base, kind: Kind::Gauge, unit: None, labels, help }
    }

    const fn seconds(base: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { base, kind: Kind::Gauge, unit: Some(Unit::Seconds), labels, help }
    }
}

const TRANSFER: &[&str] = &["transfer"];
const INTEGRATION: &[&str] = &["integration"];

/// Runs that ended.
pub(super) static RUNS: Family = Family::counter(
    "raccord_runs",
    &["transfer", "outcome"],
    "Runs that ended: succeeded, failed, stopped between two pages, or held for an approval",
);
/// How long they took.
pub(super) static RUN_DURATION: Family = Family {
    base: "raccord_run_duration",
    kind: Kind::Histogram,
    unit: Some(Unit::Seconds),
    labels: TRANSFER,
    help: "How long runs took, whatever their outcome",
};
/// What became of records.
pub(super) static RECORDS: Family = Family::counter(
    "raccord_records",
    &["transfer", "outcome"],
    "Records by what became of them: created, updated, deleted, unchanged, skipped, rejected; swept are rows \
     that a snapshot no longer showed",
);
/// When a run last succeeded.
pub(super) static LAST_SUCCESS: Family = Family::seconds(
    "raccord_last_success_timestamp",
    TRANSFER,
    "When a run last succeeded or was held, in seconds since 1970; absent when none ever did",
);
/// How long ago that was.
pub(super) static LAG: Family = Family::seconds(
    "raccord_lag",
    TRANSFER,
    "How long ago a run last succeeded or was held; absent when none ever did",
);
/// When it runs next.
pub(super) static NEXT_RUN: Family = Family::seconds(
    "raccord_next_run_timestamp",
    TRANSFER,
    "When it runs next by itself, in seconds since 1970, in the past while it waits for its turn; absent \
     without a schedule, and while it is inactive, disabled or paused without an end",
);
/// How far its due times are apart.
pub(super) static INTERVAL: Family = Family::seconds(
    "raccord_schedule_interval",
    TRANSFER,
    "The longest time between two due times of its schedule; absent without a schedule",
);
/// Failures in a row.
pub(super) static FAILURES: Family =
    Family::gauge("raccord_consecutive_failures", TRANSFER, "How many runs have failed since one succeeded");
/// Rejects that are kept.
pub(super) static REJECTS: Family = Family::gauge(
    "raccord_rejects",
    TRANSFER,
    "Rejected records that are kept, until they are replayed or expire",
);
/// Rows that are owned.
pub(super) static ROWS: Family = Family::gauge("raccord_rows", TRANSFER, "Rows that it owns");
/// Deliveries that wait.
pub(super) static INBOX: Family =
    Family::gauge("raccord_inbox_deliveries", TRANSFER, "Webhook deliveries that wait to be processed");
/// Whether the breaker disabled it.
pub(super) static TRIPPED: Family =
    Family::gauge("raccord_breaker_tripped", INTEGRATION, "1 when the breaker has disabled it");
/// Whether it is paused.
pub(super) static PAUSED: Family =
    Family::gauge("raccord_paused", INTEGRATION, "1 while a person lets it stand still");
/// Deliveries that came.
pub(super) static DELIVERIES: Family = Family::counter(
    "raccord_deliveries",
    &["source", "result"],
    "Webhook deliveries that came: accepted, replayed, ignored, refused, unreadable, too_large, too_many, \
     unavailable; without a source, those for one that is not there",
);
/// Reloads that ended.
pub(super) static RELOADS: Family = Family::counter(
    "raccord_reloads",
    &["result"],
    "Reloads that ended: good, bad when the configuration has mistakes, failed when it could not be read or \
     applied",
);
/// Whether the configuration is good.
pub(super) static GOOD: Family = Family::gauge(
    "raccord_configuration_good",
    &[],
    "0 while the last configuration has mistakes, and an earlier one is in force",
);
/// Whether changes wait.
pub(super) static PENDING: Family =
    Family::gauge("raccord_pending_changes", &[], "1 while changes wait for a person to apply them");
/// The generation in force.
pub(super) static GENERATION: Family = Family::gauge("raccord_generation", &[], "The generation in force");
/// How many transfers there are.
pub(super) static TRANSFERS: Family =
    Family::gauge("raccord_transfers", &[], "Transfers of the generation in force");
/// Steps that are outstanding.
pub(super) static STEPS: Family = Family::gauge(
    "raccord_outstanding_steps",
    &[],
    "Steps of an apply that are still to be carried out, such as webhooks to register",
);
/// Notices that wait.
pub(super) static OUTBOX: Family = Family::gauge(
    "raccord_outbox_notices",
    &[],
    "Alerts that wait to be taken by the mail server or a webhook",
);
/// What is running.
pub(super) static BUILD: Family = Family {
    base: "raccord_build",
    kind: Kind::Info,
    unit: None,
    labels: &["version"],
    help: "What is running",
};
/// Processor time.
pub(super) static CPU: Family = Family {
    base: "process_cpu",
    kind: Kind::Counter,
    unit: Some(Unit::Seconds),
    labels: &[],
    help: "Processor time that the process has used",
};
/// Memory in use.
pub(super) static RESIDENT_MEMORY: Family = Family {
    base: "process_resident_memory",
    kind: Kind::Gauge,
    unit: Some(Unit::Bytes),
    labels: &[],
    help: "Memory that the process holds",
};
/// Address space.
pub(super) static VIRTUAL_MEMORY: Family = Family {
    base: "process_virtual_memory",
    kind: Kind::Gauge,
    unit: Some(Unit::Bytes),
    labels: &[],
    help: "Address space of the process",
};
/// Open files.
pub(super) static OPEN_FILES: Family =
    Family::gauge("process_open_fds", &[], "Files and connections that the process has open");
/// How many may be open.
pub(super) static MOST_FILES: Family =
    Family::gauge("process_max_fds", &[], "How many files and connections the process may have open");
/// When it began.
pub(super) static START: Family =
    Family::seconds("process_start_time", &[], "When the daemon began, in seconds since 1970");

/// Every family, in the order of the documentation.
pub static FAMILIES: [&Family; 28] = [
    &RUNS,
    &RUN_DURATION,
    &RECORDS,
    &LAST_SUCCESS,
    &LAG,
    &NEXT_RUN,
    &INTERVAL,
    &FAILURES,
    &REJECTS,
    &ROWS,
    &INBOX,
    &TRIPPED,
    &PAUSED,
    &DELIVERIES,
    &RELOADS,
    &GOOD,
    &PENDING,
    &GENERATION,
    &TRANSFERS,
    &STEPS,
    &OUTBOX,
    &BUILD,
    &CPU,
    &RESIDENT_MEMORY,
    &VIRTUAL_MEMORY,
    &OPEN_FILES,
    &MOST_FILES,
    &START,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_as_prometheus_wants_them() {
        let names: BTreeSet<String> = FAMILIES.iter().map(|family| family.name()).collect();
        assert_eq!(names.len(), FAMILIES.len());
        for name in &names {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
            assert!(name.starts_with("raccord_") || name.starts_with("process_"), "{name}");
        }
        let expected = [
            "raccord_runs_total",
            "raccord_run_duration_seconds",
            "raccord_build_info",
            "process_cpu_seconds_total",
        ];
        assert!(expected.iter().all(|name| names.contains(*name)), "{names:?}");
    }

    #[test]
    fn help_is_one_line_and_no_sentence() {
        for family in FAMILIES {
            let help = family.help;
            assert!(!help.is_empty() && !help.contains(['\n', '|', '\\']) && !help.ends_with('.'), "{help}");
            assert!(!help.contains("  "), "{help}");
        }
    }
}
