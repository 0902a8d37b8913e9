//! The channels on which alerts leave: mail over SMTP and JSON over HTTP, each with secrets read when it is opened.

use std::path::Path;
use std::sync::Arc;

use raccord_model::language::stack::MailServer;
use raccord_model::port::alert::{AlertChannels, MailError, Mailer, Poster};
use raccord_model::port::environment::Environment;

use crate::mail::SmtpMailer;
use crate::post::HttpPoster;
use crate::secret::SecretReader;

/// Mail servers and webhooks, as this machine reaches them.
pub struct OutgoingAlerts {
    environment: Arc<dyn Environment>,
}

impl OutgoingAlerts {
    /// Secrets that are variables are read from this environment.
    pub const fn new(environment: Arc<dyn Environment>) -> Self {
        Self { environment }
    }
}

impl AlertChannels for OutgoingAlerts {
    fn mailer(&self, settings: &MailServer, root: &Path) -> Result<Box<dyn Mailer>, MailError> {
        Ok(Box::new(SmtpMailer::new(settings, &SecretReader::at(root, &self.environment))?))
    }

    fn poster(&self, root: &Path) -> Box<dyn Poster> {
        Box::new(HttpPoster::new(SecretReader::at(root, &self.environment)))
    }
}
