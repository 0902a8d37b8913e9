//! The channels on which alerts leave: mail over SMTP and JSON over HTTP, each with secrets read when it is opened.

use std::path::Path;
use std::sync::Arc;

use raccord_model::language::stack::MailServer;
use raccord_model::port::Async;
use raccord_model::port::alert::{AlertChannels, MailError, Mailer, Poster};
use raccord_model::port::environment::Environment;

use crate::mail::SmtpMailer;
use crate::post::HttpPoster;
use crate::secret::{SecretHost, SecretReader};

/// Mail servers and webhooks, as this machine reaches them.
pub struct OutgoingAlerts {
    host: Arc<SecretHost>,
}

impl OutgoingAlerts {
    /// Secrets that are variables are read from this environment.
    pub fn new(environment: &Arc<dyn Environment>) -> Self {
        Self { host: SecretHost::new(environment) }
    }
}

impl AlertChannels for OutgoingAlerts {
    fn mailer<'a>(
        &'a self,
        settings: &'a MailServer,
        root: &'a Path,
    ) -> Async<'a, Result<Box<dyn Mailer>, MailError>> {
        Box::pin(async move {
            let mailer: Box<dyn Mailer> =
                Box::new(SmtpMailer::new(settings, &SecretReader::at(root, &self.host)).await?);
            Ok(mailer)
        })
    }

    fn poster(&self, root: &Path) -> Box<dyn Poster> {
        Box::new(HttpPoster::new(SecretReader::at(root, &self.host)))
    }
}
