//! What all requests of a reading share: the way to the service, the configuration, the authenticators with their
//! tokens, and the values that may never be shown.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::Json;
use crate::authenticate::{Authenticator, TokenStore};
use crate::budget::Budget;
use crate::cache::AnswerCache;
use crate::component::{Component, Problem};
use crate::exchange::{ComplaintContext, Complaints};
use crate::template::Context;
use crate::transport::{Request, Response, Transport, TransportError};

/// What the requests of a reading share.
pub struct Service {
    transport: Arc<dyn Transport>,
    config: Json,
    context: Context,
    tokens: Option<Arc<dyn TokenStore>>,
    authenticators: Mutex<HashMap<String, Arc<Authenticator>>>,
    masks: Masks,
    budget: Option<Budget>,
    answers: AnswerCache,
    complaints: Option<Arc<dyn Complaints>>,
    may_be_missing: bool,
}

/// Values that may never be shown. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Masks(Arc<Mutex<Vec<SecretString>>>);

/// What stands where a secret was.
const MASK: &str = "****";

/// Shorter values are no secrets: masking them would only hide words.
const SHORTEST: usize = 4;

impl Service {
    /// A service that is reached over a transport, with a configuration.
    pub fn new(transport: Arc<dyn Transport>, config: &Json) -> Self {
        let authenticators = Mutex::new(HashMap::new());
        let (config, context) = (config.clone(), Context::new(config));
        Self {
            transport,
            config,
            context,
            tokens: None,
            authenticators,
            masks: Masks::default(),
            budget: None,
            answers: AnswerCache::default(),
            complaints: None,
            may_be_missing: false,
        }
    }

    /// The same with what knows how services complain in answers with a status of success.
    #[must_use]
    pub fn with_complaints(mut self, complaints: Arc<dyn Complaints>) -> Self {
        self.complaints = Some(complaints);
        self
    }

    /// The same, where an answer in which the records are missing has none, instead of being wrong.
    #[must_use]
    pub fn with_missing_lists(mut self, may_be_missing: bool) -> Self {
        self.may_be_missing = may_be_missing;
        self
    }

    /// Whether an answer in which the records are missing has none.
    pub(crate) fn may_be_missing(&self) -> bool {
        self.may_be_missing
    }

    /// What an answer says went wrong.
    pub(crate) fn complaint(&self, body: &[u8], context: ComplaintContext<'_>) -> Option<String> {
        self.complaints.as_ref()?.find(body, context)
    }

    /// The same with a place where tokens outlive the reading.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Arc<dyn TokenStore>) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// The same, where values are masked that others know already: those of the config that are secret.
    #[must_use]
    pub fn with_masks(mut self, masks: Masks) -> Self {
        self.masks = masks;
        self
    }

    /// The same with so much to spend.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sends a request once there is something to spend, and learns from the answer what is left.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let Some(budget) = &self.budget else { return self.transport.send(request.clone()).await };
        // The clock may stand still; what was waited counts all the same.
        let mut waited = Duration::ZERO;
        let now = |waited: Duration| {
            let now = self.transport.now();
            now.checked_add(waited).unwrap_or(now)
        };
        while let Err(wait) = budget.spend(request, now(waited)) {
            let began = self.transport.now();
            self.transport.sleep(wait).await;
            if self.transport.now() == began {
                waited += wait;
            }
        }
        let answer = self.transport.send(request.clone()).await?;
        budget.learn(request, &answer, now(waited));
        Ok(answer)
    }

    /// The answers that this reading has had.
    pub(crate) fn answers(&self) -> &AnswerCache {
        &self.answers
    }

    /// The way to the service.
    pub fn transport(&self) -> &dyn Transport {
        self.transport.as_ref()
    }

    /// The configuration.
    pub fn config(&self) -> &Json {
        &self.config
    }

    /// A context that knows the config and the time of now.
    pub fn context(&self) -> Context {
        self.context.at(self.transport.now())
    }

    /// Where tokens outlive the reading.
    pub fn tokens(&self) -> Option<&Arc<dyn TokenStore>> {
        self.tokens.as_ref()
    }

    /// The values that may not be shown.
    pub fn masks(&self) -> &Masks {
        &self.masks
    }

    /// The authenticator that a component describes. Equal components have one and the same, so that a token is
    /// fetched once for all of them.
    ///
    /// # Errors
    /// When it is wrong, or cannot be used here.
    pub fn authenticator(
        self: &Arc<Self>,
        component: Option<&Component>,
    ) -> Result<Arc<Authenticator>, Problem> {
        let Some(component) = component else { return Ok(Arc::new(Authenticator::None)) };
        let key = serde_json::to_string(component.members()).unwrap_or_default();
        let known = |known: &HashMap<String, Arc<Authenticator>>| known.get(&key).cloned();
        if let Some(authenticator) =
            known(&self.authenticators.lock().unwrap_or_else(PoisonError::into_inner))
        {
            return Ok(authenticator);
        }
        let authenticator = Arc::new(Authenticator::new(component, self)?);
        let mut authenticators = self.authenticators.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(authenticators.entry(key).or_insert(authenticator).clone())
    }
}

impl Masks {
    /// Adds a value.
    pub fn add(&self, secret: &str) {
        if secret.len() >= SHORTEST {
            let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !secrets.iter().any(|known| known.expose_secret() == secret) {
                secrets.push(SecretString::from(secret));
            }
        }
    }

    /// Gives each of the values to `hear`, which must not show it.
    pub fn each(&self, mut hear: impl FnMut(&str)) {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().for_each(|secret| hear(secret.expose_secret()));
    }

    /// A text with all of the values replaced.
    pub fn mask(&self, text: &str) -> String {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), MASK))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}
