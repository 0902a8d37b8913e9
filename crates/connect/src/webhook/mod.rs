//! Webhooks: whether a delivery is the service's own, and how the service is told where to push.
//!
//! What a delivery says is read by the compiler's hook, and kept by the daemon; here are the secrets.

mod authentic;
mod register;
mod signature;
mod verify;

use std::path::Path;
use std::sync::Arc;

use raccord_compiler::webhook::{Registrar, lower_register};
use raccord_model::language::webhook::VerifySpec;
use raccord_model::language::{AuthorizationSpec, ByNameOrInline};
use raccord_model::port::Async;
use raccord_model::port::environment::Environment;
use raccord_model::port::webhook::{Announcement, Service, Verifier, WebhookError, Webhooks};
use raccord_model::secret::SecretError;

use self::verify::SecretVerifier;
use crate::credentials::Credentials;
use crate::http::StaticCredentials;
use crate::oauth::{Custody, Keeper, OAuthCredentials};
use crate::secret::{SecretHost, SecretReader};
use crate::shared::SourceShared;

/// Webhooks of services, with the secrets of this machine.
pub struct ServiceWebhooks {
    environment: Arc<dyn Environment>,
    host: Arc<SecretHost>,
    /// Where tokens are that a server has issued.
    custody: Option<Custody>,
}

/// The requests of a source, and what it takes to send them.
struct Prepared {
    registrar: Registrar,
    shared: SourceShared,
    credentials: Arc<dyn Credentials>,
}

impl ServiceWebhooks {
    /// Secrets that are variables are read from this environment, and so is the time.
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        let host = SecretHost::new(&environment);
        Self { environment, host, custody: None }
    }

    /// The same with the tokens that are kept there.
    #[must_use]
    pub fn keeping(mut self, custody: Custody) -> Self {
        self.custody = Some(custody);
        self
    }

    fn prepare(&self, service: Service<'_>) -> Result<Prepared, WebhookError> {
        let (settings, webhook) = (service.source.settings.webhooks(), service.source.webhook.as_deref());
        let requests =
            settings.zip(webhook).and_then(|(settings, webhook)| lower_register(webhook, settings).0);
        let registrar = requests.ok_or(WebhookError::NotRegistrable)?;
        let (secrets, clock) = (SecretReader::at(service.root, &self.host), Arc::clone(&self.environment));
        let (seed, _) = self.environment.new_id().as_u64_pair();
        let shared =
            SourceShared::new(&service.source.settings, secrets, Arc::new(move || clock.now()), seed)?;
        let credentials: Arc<dyn Credentials> = match (service.authorization, &service.source.authorization) {
            (Some(AuthorizationSpec::OAuth2(oauth)), Some(ByNameOrInline::ByName(name))) => {
                let keeper = Keeper::new(self.custody.clone(), name, false);
                Arc::new(OAuthCredentials::new(oauth, &shared.secrets, shared.now.clone(), keeper))
            }
            (authorization, _) => {
                Arc::new(StaticCredentials::new(authorization, &shared.secrets).timed(shared.now.clone()))
            }
        };
        Ok(Prepared { registrar, shared, credentials })
    }
}

impl Webhooks for ServiceWebhooks {
    fn read_ahead<'a>(&'a self, verify: &'a VerifySpec, root: &'a Path) -> Async<'a, ()> {
        Box::pin(async move {
            let secrets = SecretReader::at(root, &self.host);
            for reference in verify.references().into_iter().filter(|reference| reference.is_elsewhere()) {
                // What went wrong is remembered, for who verifies.
                drop(secrets.read(reference).await);
            }
        })
    }

    fn verifier(&self, verify: &VerifySpec, root: &Path) -> Result<Box<dyn Verifier>, SecretError> {
        Ok(Box::new(SecretVerifier::new(verify, &SecretReader::at(root, &self.host))?))
    }

    fn register<'a>(
        &'a self,
        service: Service<'a>,
        announcement: Announcement<'a>,
    ) -> Async<'a, Result<String, WebhookError>> {
        Box::pin(async move {
            let Prepared { registrar, shared, credentials } = self.prepare(service)?;
            register::register(&registrar, credentials, &shared, announcement).await
        })
    }

    fn unregister<'a>(&'a self, service: Service<'a>, id: &'a str) -> Async<'a, Result<(), WebhookError>> {
        Box::pin(async move {
            let Prepared { registrar, shared, credentials } = self.prepare(service)?;
            register::unregister(&registrar, credentials, &shared, id).await
        })
    }
}
