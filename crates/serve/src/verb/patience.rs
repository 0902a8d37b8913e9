//! How long a caller who looks at a source waits for it. A run has more patience: it tries again as its settings say, and no person
//! waits for it.

use std::future::Future;
use std::time::Duration;

use raccord_model::DataTypeName;
use raccord_model::duration::Seconds;
use raccord_model::language::SourceSpec;
use raccord_model::port::source::SourceError;

use crate::reply::RequestError;

/// How long a look waits for one data type.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How long records are waited for unless the caller says so.
const READ_PATIENCE: Seconds = Seconds(60);

/// The longest that a caller may have records waited for.
const MOST_PATIENCE: Seconds = Seconds(3600);

/// How much a look at records takes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// At most so many records.
    pub limit: usize,
    /// At most so long.
    patience: Seconds,
}

impl Bounds {
    /// At most so many records, in a time that the caller may say.
    pub fn new(limit: usize, timeout: Option<Seconds>) -> Self {
        Self { limit, patience: timeout.unwrap_or(READ_PATIENCE).min(MOST_PATIENCE) }
    }

    /// How long is waited.
    pub(super) const fn patience(self) -> Duration {
        self.patience.duration()
    }

    /// The error of a read that took longer, when so many of the records were still wanted.
    pub(super) fn exceeded(
        self,
        (spec, data_type): (&SourceSpec, &DataTypeName),
        left: usize,
    ) -> RequestError {
        let Self { limit, patience } = self;
        let count = limit.saturating_sub(left);
        if count == 0 {
            let message =
                format!("no record of `{data_type}` came within {patience}; --timeout waits longer");
            return SourceError::Unreachable { url: place(spec, data_type), message }.into();
        }
        let records = if count == 1 { "record" } else { "records" };
        let message = format!(
            "only {count} {records} of `{data_type}` came within {patience}; --timeout waits longer, and --limit wants less"
        );
        RequestError::Invalid(message)
    }
}

/// What is said not to answer.
fn place(spec: &SourceSpec, data_type: &DataTypeName) -> String {
    spec.settings.base_url().map_or_else(|| format!("`{data_type}`"), str::to_owned)
}

/// Looks at a data type, for so long at the most.
pub(super) async fn within<T>(
    patience: Duration,
    (spec, data_type): (&SourceSpec, &DataTypeName),
    look: impl Future<Output = Result<T, RequestError>>,
) -> Result<T, RequestError> {
    if let Ok(seen) = tokio::time::timeout(patience, look).await {
        return seen;
    }
    let seconds = patience.as_secs();
    let message = format!(
        "no page of `{data_type}` came within {seconds} s, and a look waits no longer; a run tries for as long as `retry` and \
         `timeout` of the source say"
    );
    Err(SourceError::Unreachable { url: place(spec, data_type), message }.into())
}

/// Whether a service did not answer at all, so that asking it for something else is in vain.
pub(super) const fn is_silent(error: &RequestError) -> bool {
    matches!(error, RequestError::Source(SourceError::Unreachable { .. }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use raccord_config::load_texts;
    use raccord_model::port::source::{Source, Sources};
    use raccord_model::{Desired, Name};

    use super::*;
    use crate::request::Reply;
    use crate::verb::discover::discover;

    const SHOP: &str = "apiVersion: raccord/v1\nkind: Source\nmetadata: {name: shop}\nspec:\n  connector: http\n  authorization: \
                        {type: none}\n  config: {baseUrl: 'https://shop.example/api', dataTypes: {a: {}, b: {}, c: {}}}\n";

    fn desired() -> Desired {
        let texts = vec![("shop.yaml".to_owned(), SHOP.as_bytes().to_vec())];
        load_texts(texts, "/conf", &BTreeMap::new()).desired.unwrap()
    }

    /// A service that never answers, and how often it was asked.
    #[derive(Default)]
    struct Silent(AtomicUsize);

    impl Sources for Silent {
        fn open(&self, _: &Desired, _: &Name, _: &DataTypeName) -> Result<Box<dyn Source>, SourceError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            let url = "https://shop.example/api".to_owned();
            Err(SourceError::Unreachable { url, message: "no route".to_owned() })
        }
        fn keep(&self, _: &Desired) {}
        fn apart(&self) -> Box<dyn Sources> {
            Box::<Self>::default()
        }
    }

    #[tokio::test]
    async fn a_service_that_does_not_answer_is_asked_once() {
        let (silent, desired) = (Silent::default(), desired());
        let mut told = Vec::new();
        let mut replies = |reply| {
            if let Reply::DataType(view) = reply {
                told.push(view.error.unwrap_or_default());
            }
        };
        discover((&silent, jiff::Timestamp::UNIX_EPOCH), &desired, &"shop".parse().unwrap(), &mut replies)
            .await
            .unwrap();
        let rest = "not asked for, because the service does not answer";
        assert_eq!(told, ["https://shop.example/api did not answer: no route", rest, rest]);
        assert_eq!(silent.0.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_look_ends_with_what_it_waited_for() {
        let (desired, name) = (desired(), "shop".parse().unwrap());
        let spec = desired.source(&name).unwrap();
        let data_type = "a".parse().unwrap();
        let never = std::future::pending::<Result<(), RequestError>>();
        let error = within(Duration::ZERO, (spec, &data_type), never).await.unwrap_err();
        assert!(is_silent(&error));
        assert!(
            error
                .to_string()
                .starts_with("https://shop.example/api did not answer: no page of `a` came within 0 s")
        );
        let name = |limit, left| Bounds::new(limit, None).exceeded((spec, &data_type), left).to_string();
        assert!(name(5, 5).contains("no record of `a` came within 1m; --timeout"));
        assert!(name(5, 4).contains("only 1 record of `a` came within 1m"));
        assert!(name(5, 2).contains("only 3 records of `a`"));
        assert_eq!(Bounds::new(1, Some(Seconds(90_000))).patience(), Duration::from_hours(1));
        let seen = within(PATIENCE, (spec, &data_type), std::future::ready(Ok(7))).await;
        assert_eq!(seen.unwrap(), 7);
    }
}
