//! Credentials of which the secrets are read where the configuration refers to them, while they are in use.
//!
//! All readers of an Authorization share it, so that what one of them learns after a refusal serves the others. It
//! never says whether a refusal counts; that is the reader's part once nothing newer is to be had.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use raccord_model::language::AuthorizationSpec;
use raccord_model::port::Async;
use raccord_model::port::source::SourceError;
use reqwest::Request;

use super::authenticator::Authenticator;
use crate::clock::Now;
use crate::credentials::{Credentials, FORMER, Issue, Verdict};
use crate::mask::Masker;
use crate::secret::SecretReader;
use crate::tls::TlsConnections;

/// Credentials that an operator puts where a configuration refers to them: a key, a token, a password. They change
/// only when the operator changes them.
pub(crate) struct StaticCredentials {
    authorization: Option<AuthorizationSpec>,
    secrets: SecretReader,
    connections: TlsConnections,
    /// Held while secrets are read, so that what was read earlier never takes the place of what was read later.
    reading: tokio::sync::Mutex<()>,
    /// What time it is, for requests that say it.
    now: Option<Now>,
    current: RwLock<Current>,
}

impl fmt::Debug for StaticCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticCredentials")
            .field("authorization", &self.authorization)
            .field("secrets", &self.secrets)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

/// What was read last.
#[derive(Debug, Default)]
struct Current {
    /// How often something new was read.
    issue: u64,
    authenticator: Arc<Authenticator>,
    /// What finds the credentials before, the latest first.
    former: VecDeque<Masker>,
    /// What finds all of them.
    masker: Arc<Masker>,
}

impl Current {
    /// Puts what was read in force, unless it is what is in force. Says which is then.
    fn take(&mut self, read: Authenticator) -> Issue {
        if self.issue == 0 || !read.is_same(&self.authenticator) {
            if self.issue > 0 {
                self.former.push_front(self.authenticator.masker.clone());
                self.former.truncate(FORMER);
            }
            self.issue += 1;
            self.masker = Arc::new(self.former.iter().fold(read.masker.clone(), Masker::and));
            self.authenticator = Arc::new(read);
        }
        Issue(self.issue)
    }
}

impl StaticCredentials {
    /// Reads nothing yet.
    pub(crate) fn new(authorization: Option<&AuthorizationSpec>, secrets: &SecretReader) -> Self {
        Self {
            authorization: authorization.cloned(),
            secrets: secrets.clone(),
            connections: TlsConnections::of(authorization, secrets),
            reading: tokio::sync::Mutex::default(),
            now: None,
            current: RwLock::default(),
        }
    }

    /// The same with a clock, for requests that say when they were signed.
    #[must_use]
    pub(crate) fn timed(self, now: Now) -> Self {
        Self { now: Some(now), ..self }
    }

    /// Reads the secrets where the Authorization refers to them.
    async fn read(&self) -> Result<Issue, SourceError> {
        let _alone = self.reading.lock().await;
        self.read_alone(&self.secrets).await
    }

    async fn read_alone(&self, secrets: &SecretReader) -> Result<Issue, SourceError> {
        let read = Authenticator::resolve(self.authorization.as_ref(), secrets).await?;
        Ok(self.current.write().unwrap_or_else(PoisonError::into_inner).take(read))
    }

    async fn look_for_newer(&self, refused: Issue) -> Result<Verdict, SourceError> {
        let _alone = self.reading.lock().await;
        let mut present = self.with(|current| Issue(current.issue));
        if present == refused {
            present = self.read_alone(&self.secrets.anew()).await?;
        }
        Ok(if present == refused { Verdict::GiveUp } else { Verdict::Retry })
    }

    fn with<T>(&self, look: impl FnOnce(&Current) -> T) -> T {
        look(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Credentials for StaticCredentials {
    fn begin(&self) -> Async<'_, Result<(), SourceError>> {
        Box::pin(async { self.read().await.map(|_| ()) })
    }

    fn apply<'a>(&'a self, request: &'a mut Request) -> Async<'a, Result<Issue, SourceError>> {
        Box::pin(async {
            let (issue, authenticator, masker) = self.with(|current| {
                (current.issue, Arc::clone(&current.authenticator), Arc::clone(&current.masker))
            });
            authenticator.apply(request, &masker);
            if let (true, Some(now)) = (authenticator.signs(), &self.now) {
                authenticator.sign(request, now());
            }
            Ok(Issue(issue))
        })
    }

    fn rejected(&self, refused: Issue) -> Async<'_, Result<Verdict, SourceError>> {
        Box::pin(self.look_for_newer(refused))
    }

    fn connections(&self) -> &TlsConnections {
        &self.connections
    }

    fn parameters(&self) -> Vec<&str> {
        match &self.authorization {
            Some(AuthorizationSpec::ApiKey(key)) => key.query.as_deref().into_iter().collect(),
            Some(AuthorizationSpec::Hmac(signing)) => signing.parameters(),
            Some(
                AuthorizationSpec::None(_)
                | AuthorizationSpec::Bearer(_)
                | AuthorizationSpec::Basic(_)
                | AuthorizationSpec::OAuth1(_)
                | AuthorizationSpec::AwsSigV4(_)
                | AuthorizationSpec::OAuth2(_)
                | AuthorizationSpec::Database(_)
                | AuthorizationSpec::S3(_)
                | AuthorizationSpec::Gcs(_)
                | AuthorizationSpec::Azure(_)
                | AuthorizationSpec::Sftp(_),
            )
            | None => Vec::new(),
        }
    }

    fn masker(&self) -> Arc<Masker> {
        self.with(|current| Arc::clone(&current.masker))
    }

    fn prepare_masker(&self) -> Async<'_, bool> {
        Box::pin(async { self.read().await.is_ok() })
    }

    fn references(&self) -> Vec<String> {
        self.with(|current| current.authenticator.references().to_vec())
    }

    fn belong_to(&self, authorization: Option<&AuthorizationSpec>, secrets: &SecretReader) -> bool {
        self.authorization.as_ref() == authorization && self.secrets.is_rooted_like(secrets)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Credentials whose one secret is what stands in the cell, and how often it was read.
    fn credentials(cell: &Arc<Mutex<Option<&'static str>>>) -> (StaticCredentials, Arc<AtomicUsize>) {
        let (cell, reads) = (Arc::clone(cell), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&reads);
        let environment = move |_: &str| {
            counted.fetch_add(1, Ordering::SeqCst);
            cell.lock().unwrap().map(str::to_owned)
        };
        let secrets = SecretReader::new(Arc::new(environment), std::path::Path::new("."));
        let authorization = serde_json::json!({"type": "apiKey", "query": "key", "value": "${env:KEY}"});
        let authorization: AuthorizationSpec = serde_json::from_value(authorization).unwrap();
        (StaticCredentials::new(Some(&authorization), &secrets), reads)
    }

    /// The credentials that a request carries.
    async fn sent(credentials: &StaticCredentials) -> (Issue, Option<String>) {
        let url = "https://x.example/p?key=old-and-known".parse().unwrap();
        let mut request = Request::new(reqwest::Method::GET, url);
        let issue = credentials.apply(&mut request).await.unwrap();
        (issue, request.url().query().map(str::to_owned))
    }

    #[tokio::test]
    async fn what_was_refused_is_read_again_once() {
        let cell = Arc::new(Mutex::new(Some("first-secret")));
        let (credentials, reads) = credentials(&cell);
        credentials.begin().await.unwrap();
        let (first, query) = sent(&credentials).await;
        assert_eq!(query.as_deref(), Some("key=first-secret"));
        assert_eq!(credentials.rejected(first).await.unwrap(), Verdict::GiveUp);
        assert_eq!(reads.load(Ordering::SeqCst), 2);
        *cell.lock().unwrap() = Some("second-secret");
        assert_eq!(credentials.rejected(first).await.unwrap(), Verdict::Retry);
        assert_eq!(reads.load(Ordering::SeqCst), 3);
        // Another reader was refused with the first, too: nothing is read for it.
        assert_eq!(credentials.rejected(first).await.unwrap(), Verdict::Retry);
        assert_eq!(reads.load(Ordering::SeqCst), 3);
        let (second, query) = sent(&credentials).await;
        assert_eq!(query.as_deref(), Some("key=second-secret"));
        assert!(second > first);
        *cell.lock().unwrap() = None;
        let error = credentials.rejected(second).await.unwrap_err().to_string();
        assert_eq!(error, "${env:KEY} is not set where this runs");
        assert!(!credentials.prepare_masker().await);
        assert_eq!(sent(&credentials).await, (second, Some("key=second-secret".to_owned())));
    }

    #[tokio::test]
    async fn what_was_used_of_late_stays_masked() {
        let secrets: Vec<&'static str> = vec![
            "secret-one-1",
            "secret-two-2",
            "secret-three-3",
            "secret-four-4",
            "secret-five-5",
            "secret-six-6",
        ];
        let cell = Arc::new(Mutex::new(None));
        let (credentials, _) = credentials(&cell);
        assert_eq!(credentials.masker().mask("secret-one-1"), "secret-one-1");
        for (at, secret) in secrets.iter().enumerate() {
            *cell.lock().unwrap() = Some(secret);
            credentials.begin().await.unwrap();
            credentials.begin().await.unwrap();
            let masker = credentials.masker();
            for (before, known) in secrets[..=at].iter().enumerate() {
                assert_eq!(masker.is_in(known), at - before <= FORMER, "{known} after {secret}");
            }
        }
        assert!(!format!("{credentials:?}").contains("secret-"));
    }

    #[test]
    fn credentials_belong_to_what_they_were_made_for() {
        let root = |root: &str| SecretReader::new(Arc::new(|_| None), root.as_ref());
        let bearer = |token: &str| -> AuthorizationSpec {
            serde_json::from_value(serde_json::json!({"type": "bearer", "token": token})).unwrap()
        };
        let (one, other) = (bearer("${env:A}"), bearer("${env:B}"));
        let credentials = StaticCredentials::new(Some(&one), &root("a"));
        for (authorization, place, expected) in [
            (Some(&one), "a", true),
            (Some(&one), "b", false),
            (Some(&other), "a", false),
            (None, "a", false),
        ] {
            assert_eq!(credentials.belong_to(authorization, &root(place)), expected, "{place}");
        }
    }
}
