//! Series of values and the text that Prometheus reads of them: `OpenMetrics` 1.0.
//!
//! `prometheus-client` writes it from values as they are at this moment. A recorder, as `metrics` has it, would keep
//! the series of what was deleted, and wants every duration where we have classes of them.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::count::Durations;
use super::family::{Family, Kind};

/// The media type of the text.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Labels with their values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A value of a series.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Of a counter.
    Count(u64),
    /// Of a counter or gauge that is no whole number.
    Number(f64),
    /// Of a histogram.
    Durations(Durations),
    /// Nothing beside its labels.
    Said,
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// The series of one family.
#[derive(Debug)]
pub(super) struct Series {
    family: &'static Family,
    samples: Vec<(Labels, Value)>,
}

impl Series {
    /// The series of a family that there are; it may have none.
    pub(super) const fn new(family: &'static Family, samples: Vec<(Labels, Value)>) -> Self {
        Self { family, samples }
    }

    /// The one series of a family without labels, when there is a value.
    pub(super) fn one(family: &'static Family, value: Option<impl Into<Value>>) -> Self {
        let samples = value.map(|value| (Labels::new(), value.into()));
        Self { family, samples: samples.into_iter().collect() }
    }
}

/// Everything that is served at once.
#[derive(Debug)]
struct Exposition(Vec<Series>);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Series { family, samples } in self.0.iter().filter(|series| !series.samples.is_empty()) {
            let Family { base, kind, unit, help, .. } = family;
            let mut encoder = encoder.encode_descriptor(base, help, unit.as_ref(), kind.metric_type())?;
            for (labels, value) in samples {
                match (labels.is_empty(), kind) {
                    (_, Kind::Info) => encoder.encode_info(labels)?,
                    (true, _) => put(&mut encoder, *kind, value)?,
                    (false, _) => put(&mut encoder.encode_family(labels)?, *kind, value)?,
                }
            }
        }
        Ok(())
    }
}

fn put(encoder: &mut MetricEncoder<'_>, kind: Kind, value: &Value) -> fmt::Result {
    const NO_EXEMPLAR: Option<&Exemplar<Labels, f64>> = None;
    match (value, kind) {
        (Value::Count(count), Kind::Counter) => encoder.encode_counter(count, NO_EXEMPLAR),
        (Value::Number(number), Kind::Counter) => encoder.encode_counter(number, NO_EXEMPLAR),
        (Value::Count(count), _) => encoder.encode_gauge(count),
        (Value::Number(number), _) => encoder.encode_gauge(number),
        (Value::Durations(durations), _) => {
            encoder.encode_histogram::<Labels>(durations.sum(), durations.count(), &durations.buckets(), None)
        }
        (Value::Said, _) => Ok(()),
    }
}

/// The text of some series. Writing into memory does not fail.
pub(super) fn encode(series: Vec<Series>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition(series)));
    let mut written = String::new();
    if text::encode(&mut written, &registry).is_err() {
        tracing::error!("the metrics could not be written down");
    }
    written
}

#[cfg(test)]
mod tests {
    use super::super::family::{BUILD, GENERATION, LAG, RUN_DURATION, RUNS};
    use super::*;

    #[test]
    fn series_are_written_as_openmetrics() {
        let mut durations = Durations::default();
        durations.add(0.2);
        let label = |name, value: &str| vec![(name, value.to_owned())];
        let outcome = [label("transfer", "people"), label("outcome", "failed")].concat();
        let text = encode(vec![
            Series::new(&RUNS, vec![(outcome, Value::Count(3))]),
            Series::new(&LAG, Vec::new()),
            Series::one(&GENERATION, Some(7)),
            Series::new(&BUILD, vec![(label("version", "1\"2"), Value::Said)]),
            Series::new(&RUN_DURATION, vec![(label("transfer", "people"), Value::Durations(durations))]),
        ]);
        for line in [
            "# TYPE raccord_runs counter\nraccord_runs_total{transfer=\"people\",outcome=\"failed\"} 3\n",
            "# TYPE raccord_generation gauge\nraccord_generation 7\n",
            "raccord_build_info{version=\"1\\\"2\"} 1\n",
            "# UNIT raccord_run_duration_seconds seconds\n",
            "raccord_run_duration_seconds_sum{transfer=\"people\"} 0.2\n",
            "raccord_run_duration_seconds_count{transfer=\"people\"} 1\n",
            "raccord_run_duration_seconds_bucket{le=\"0.1\",transfer=\"people\"} 0\n",
            "raccord_run_duration_seconds_bucket{le=\"0.5\",transfer=\"people\"} 1\n",
            "raccord_run_duration_seconds_bucket{le=\"+Inf\",transfer=\"people\"} 1\n",
        ] {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
        assert!(text.ends_with("\n# EOF\n") && !text.contains("raccord_lag"), "{text}");
    }
}
