//! What all transfers of one source share: connections, the rate limit, how secrets are read, the clock.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use raccord_manifest::authenticate::TokenStore;
use raccord_manifest::transport::Transport;
use raccord_model::language::ConnectorSettings;
use raccord_model::port::source::SourceError;
use raccord_model::rate::Rate;

use crate::client;
use crate::clock::Now;
use crate::network::Trouble;
use crate::pace::Pace;
use crate::secret::SecretReader;

/// The way to the services of manifests, once it is there.
pub(crate) type ManifestTransport = Mutex<Option<Arc<dyn Transport>>>;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// What all transfers of one source share. Cloning it shares it.
#[derive(Clone)]
pub struct SourceShared {
    client: Option<reqwest::Client>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) secrets: SecretReader,
    pub(crate) now: Now,
    jitter: Arc<Mutex<fastrand::Rng>>,
    pub(crate) manifests: Arc<ManifestTransport>,
    authorization: Option<Arc<str>>,
    /// Where the tokens of a manifest are kept.
    pub(crate) tokens: Option<Arc<dyn TokenStore>>,
}

/// What sources of one authorization spend together: so many requests in a time.
#[derive(Debug, Clone)]
pub struct Budget(pub(crate) Arc<Pace>);

impl Budget {
    /// A budget of so many requests, or of any number.
    pub fn new(rate: Option<Rate>) -> Self {
        Self(Arc::new(Pace::new(rate)))
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(None)
    }
}

impl fmt::Debug for SourceShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceShared").field("pace", &self.pace).finish_non_exhaustive()
    }
}

impl SourceShared {
    /// Prepares what the transfers of a source share. `seed` is where the randomness of waits comes from.
    pub fn new(
        settings: &ConnectorSettings,
        secrets: SecretReader,
        now: Now,
        seed: u64,
    ) -> Result<Self, SourceError> {
        let client =
            settings.base_url().map(|base| build_client(base, &settings.allowed_origins())).transpose()?;
        let rate = settings.rate_limit();
        let jitter = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
        let pace = Arc::new(Pace::new(rate));
        Ok(Self {
            client,
            pace,
            secrets,
            now,
            jitter,
            manifests: Arc::default(),
            authorization: None,
            tokens: None,
        })
    }

    /// The same, whose Authorization has a name of its own.
    #[must_use]
    pub fn authorized_by(mut self, name: Option<&str>) -> Self {
        self.authorization = name.map(Arc::from);
        self
    }

    /// The same, whose manifest keeps its tokens there.
    #[must_use]
    pub(crate) fn keeping(mut self, tokens: Option<Arc<dyn TokenStore>>) -> Self {
        self.tokens = tokens;
        self
    }

    /// What the Authorization is called.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The same, paying its requests from a budget that others spend too.
    #[must_use]
    pub fn paying(mut self, budget: &Budget) -> Self {
        self.pace = Arc::clone(&budget.0);
        self
    }

    /// The HTTP client; a source without a base URL has none.
    pub(crate) fn client(&self) -> Result<reqwest::Client, SourceError> {
        self.client.clone().ok_or_else(|| SourceError::Settings {
            place: "the source".to_owned(),
            message: "its connector does not speak HTTP".to_owned(),
        })
    }

    /// Where the randomness of something else begins.
    pub(crate) fn seed(&self) -> u64 {
        self.jitter.lock().map_or(0, |mut jitter| jitter.u64(..))
    }

    /// A number from 0 up to 1, to spread waits.
    pub(crate) fn random(&self) -> f64 {
        self.jitter.lock().map_or(0.5, |mut jitter| jitter.f64())
    }
}

/// What makes the client of a source.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    client::builder().connect_timeout(CONNECT_TIMEOUT)
}

fn build_client(base: &str, allowed_origins: &[&str]) -> Result<reqwest::Client, SourceError> {
    let urls = std::iter::once(base).chain(allowed_origins.iter().copied());
    let client = client::builder_for(urls).connect_timeout(CONNECT_TIMEOUT).build();
    client.map_err(|error| SourceError::Unreachable {
        url: "the service".to_owned(),
        message: format!("no HTTP client could be made: {}", Trouble::of(error).chain),
    })
}
