//! Mail: hands messages to a mail server over SMTP, one connection a message.
//!
//! What is not on this machine is spoken to under TLS alone: STARTTLS is required where it is configured, never
//! merely tried. Nothing is retried here, nothing is logged, and no error holds a secret.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lettre::message::header::{Header, HeaderName, HeaderValue, MessageId};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::{Address, Message};
use raccord_model::language::integration::EmailAddress;
use raccord_model::language::stack::{MailSecurity, MailServer};
use raccord_model::port::Async;
use raccord_model::port::alert::{Mail, MailError, Mailer, RefusedRecipient};
use raccord_model::secret::TextOrSecret;
use secrecy::{ExposeSecret, SecretString};

use crate::mask::Masker;
use crate::secret::SecretReader;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long everything may take from the first byte to the server's word that it has the mail.
const EXCHANGE_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the farewell may take, when the mail is in the server's hands already.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);
/// How much of what a server says about an error is kept, in characters.
const MAX_SAID: usize = 300;

/// A mail server, ready to be handed mails.
pub(crate) struct SmtpMailer {
    host: String,
    port: u16,
    security: MailSecurity,
    login: Option<(SecretString, SecretString)>,
    masker: Masker,
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer").field("server", &self.server()).finish_non_exhaustive()
    }
}

impl SmtpMailer {
    /// Reads the login. Nothing is asked of the server yet.
    pub(crate) async fn new(settings: &MailServer, secrets: &SecretReader) -> Result<Self, MailError> {
        let mut masker = Masker::default();
        let login = match (&settings.username, &settings.password) {
            (Some(username), Some(password)) => {
                let is_secret = matches!(username, TextOrSecret::Secret(_));
                let (username, password) =
                    (secrets.read_text(username).await?, secrets.read(password).await?);
                hide(&mut masker, (&username, is_secret), &password);
                Some((username, password))
            }
            _ => None,
        };
        let port = settings.port.unwrap_or_else(|| settings.security.default_port());
        Ok(Self { host: settings.host.clone(), port, security: settings.security, login, masker })
    }

    async fn hand_over(&self, mail: &Mail) -> Result<Vec<RefusedRecipient>, MailError> {
        let bytes = formatted(mail)?;
        let exchange = tokio::time::timeout(EXCHANGE_TIMEOUT, self.exchange(mail, &bytes));
        let (mut connection, refused) = exchange.await.map_err(|_| self.too_slow())??;
        // The mail is there; how the conversation ends does not matter.
        drop(tokio::time::timeout(QUIT_TIMEOUT, connection.quit()).await);
        Ok(refused)
    }

    async fn exchange(
        &self,
        mail: &Mail,
        bytes: &[u8],
    ) -> Result<(AsyncSmtpConnection, Vec<RefusedRecipient>), MailError> {
        let mut connection = self.connect().await?;
        self.log_in(&mut connection).await?;
        let from = address(&mail.from)?;
        let is_ascii = mail.from.as_str().is_ascii() && mail.to.iter().all(|to| to.as_str().is_ascii());
        let can_be_more = connection.server_info().supports_feature(Extension::SmtpUtfEight);
        let parameters =
            if !is_ascii && can_be_more { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        let sent = connection.command(MailFrom::new(Some(from), parameters)).await;
        sent.map_err(|error| self.refused(&error))?;
        let mut refused = Vec::new();
        for to in &mail.to {
            if let Err(error) = connection.command(Rcpt::new(address(to)?, Vec::new())).await {
                refused.push(RefusedRecipient { address: to.clone(), error: self.refused(&error) });
            }
        }
        if refused.len() == mail.to.len() {
            let no_recipient = || MailError::Malformed("it has no recipient".to_owned());
            return Err(refused.pop().map_or_else(no_recipient, |refused| refused.error));
        }
        connection.command(Data).await.map_err(|error| self.refused(&error))?;
        connection.message(bytes).await.map_err(|error| self.refused(&error))?;
        Ok((connection, refused))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, MailError> {
        let unreachable = |error| self.unreachable(&error);
        let tls = || TlsParameters::new(self.host.clone()).map_err(unreachable);
        let (us, timeout) = (ClientId::default(), Some(CONNECT_TIMEOUT));
        let server = (&*self.host, self.port);
        let connection = match self.security {
            MailSecurity::None => {
                let loopback = self.loopback()?;
                AsyncSmtpConnection::connect_tokio1(&*loopback, timeout, &us, None, None).await
            }
            MailSecurity::Implicit => {
                AsyncSmtpConnection::connect_tokio1(server, timeout, &us, Some(tls()?), None).await
            }
            MailSecurity::Starttls => {
                let mut connection = AsyncSmtpConnection::connect_tokio1(server, timeout, &us, None, None)
                    .await
                    .map_err(unreachable)?;
                connection.starttls(tls()?, &us).await.map(|()| connection)
            }
        };
        connection.map_err(unreachable)
    }

    /// The addresses that may be spoken to in the clear: what a name server says does not count.
    fn loopback(&self) -> Result<Vec<SocketAddr>, MailError> {
        let addresses: Vec<IpAddr> = if self.host == "localhost" {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        } else {
            self.host.parse().ok().into_iter().filter(IpAddr::is_loopback).collect()
        };
        if addresses.is_empty() {
            let message = "it is not on this machine, and `security` is none".to_owned();
            return Err(MailError::Unreachable { server: self.server(), message });
        }
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, self.port)).collect())
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), MailError> {
        let Some((username, password)) = &self.login else { return Ok(()) };
        let login =
            Credentials::new(username.expose_secret().to_owned(), password.expose_secret().to_owned());
        let answer = connection.auth(&[Mechanism::Plain, Mechanism::Login], &login).await;
        answer.map(drop).map_err(|error| MailError::Login {
            server: self.server(),
            message: self.said(&error),
            permanent: !is_temporary(&error),
        })
    }

    fn too_slow(&self) -> MailError {
        MailError::TooSlow { server: self.server(), seconds: EXCHANGE_TIMEOUT.as_secs() }
    }

    fn unreachable(&self, error: &smtp::Error) -> MailError {
        MailError::Unreachable { server: self.server(), message: self.said(error) }
    }

    /// The error of a mail or of a recipient; a connection that breaks is no answer.
    fn refused(&self, error: &smtp::Error) -> MailError {
        if error.status().is_none() {
            return self.unreachable(error);
        }
        let (message, permanent) = (self.said(error), error.is_permanent());
        MailError::Refused { server: self.server(), message, permanent }
    }

    /// What the server said, or what kept it from saying anything.
    fn said(&self, error: &smtp::Error) -> String {
        let mut words = Vec::new();
        words.extend(error.status().map(|code| code.to_string()));
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !words.iter().any(|said| said.contains(&text)) {
                words.push(text);
            }
            cause = inner.source();
        }
        if words.is_empty() {
            words.push(error.to_string());
        }
        let separator = if error.status().is_some() { " " } else { ": " };
        self.masker.excerpt(words.join(separator).as_bytes(), MAX_SAID)
    }

    fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl Mailer for SmtpMailer {
    fn send<'a>(&'a self, mail: &'a Mail) -> Async<'a, Result<Vec<RefusedRecipient>, MailError>> {
        Box::pin(self.hand_over(mail))
    }
}

/// Hides a login in the forms in which it travels.
fn hide(masker: &mut Masker, (username, is_secret): (&SecretString, bool), password: &SecretString) {
    let (username, password) = (username.expose_secret(), password.expose_secret());
    let plain = format!("\0{username}\0{password}");
    for travelling in [&*plain, password] {
        masker.hide(&BASE64_STANDARD.encode(travelling));
    }
    masker.hide(password);
    if is_secret {
        masker.hide(username);
        masker.hide(&BASE64_STANDARD.encode(username));
    }
}

fn is_temporary(error: &smtp::Error) -> bool {
    // Without an answer the connection broke, which says nothing about the login.
    error.is_transient() || error.status().is_none() && !error.is_client()
}

fn address(address: &EmailAddress) -> Result<Address, MailError> {
    address.as_str().parse().map_err(|error| MailError::Malformed(format!("{address}: {error}")))
}

/// The mail as it travels: the same bytes however often it is sent.
fn formatted(mail: &Mail) -> Result<Vec<u8>, MailError> {
    let mut builder = Message::builder()
        .header(MessageId::from(mail.message_id.clone()))
        .header(AutoSubmitted)
        .date(SystemTime::try_from(mail.date).unwrap_or(SystemTime::UNIX_EPOCH))
        .from(Mailbox::new(Some("Raccord".to_owned()), address(&mail.from)?))
        .subject(one_line(&mail.subject));
    for to in &mail.to {
        builder = builder.to(Mailbox::new(None, address(to)?));
    }
    let boundary: String = mail.message_id.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
    let parts = MultiPart::alternative()
        .boundary(boundary)
        .singlepart(SinglePart::plain(mail.text.clone()))
        .singlepart(SinglePart::html(mail.html.clone()));
    let message = builder.multipart(parts);
    message.map(|message| message.formatted()).map_err(|error| MailError::Malformed(error.to_string()))
}

/// A header is one line, whatever its text holds.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Says that no person wrote this, so that no machine answers it (RFC 3834).
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;

    fn mail(subject: &str) -> Mail {
        Mail {
            message_id: "<0198c0de@raccord.example.com>".to_owned(),
            from: "raccord@example.com".parse().unwrap(),
            to: vec!["ops@example.com".parse().unwrap(), "b@example.com".parse().unwrap()],
            subject: subject.to_owned(),
            text: "L’intégration est arrêtée.\n".to_owned(),
            html: "<p>L’intégration est arrêtée.</p>\n".to_owned(),
            date: "2025-03-14T09:30:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_mail_is_the_same_bytes_every_time() {
        let bytes = formatted(&mail("Désactivée")).unwrap();
        assert_eq!(bytes, formatted(&mail("Désactivée")).unwrap());
        let text = String::from_utf8(bytes).unwrap();
        for header in [
            "Message-ID: <0198c0de@raccord.example.com>\r\n",
            "Date: Fri, 14 Mar 2025 09:30:00 +0000\r\n",
            "From: Raccord <raccord@example.com>\r\n",
            "To: ops@example.com, b@example.com\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(text.contains(header), "{header:?} is not in:\n{text}");
        }
        assert!(text.is_ascii(), "{text}");
    }

    #[test]
    fn no_subject_makes_a_header_of_its_own() {
        let text = String::from_utf8(formatted(&mail("a\r\nBcc: x@example.com\nb")).unwrap()).unwrap();
        assert!(!text.contains("\nBcc:"), "{text}");
    }

    fn settings(host: &str, security: MailSecurity) -> MailServer {
        MailServer {
            host: host.to_owned(),
            port: None,
            security,
            from: "raccord@example.com".parse().unwrap(),
            username: Some("${env:USER}".parse().unwrap()),
            password: Some("${env:PASSWORD}".parse().unwrap()),
        }
    }

    fn secrets() -> SecretReader {
        let read = |name: &str| match name {
            "USER" => Some("mailer".to_owned()),
            "PASSWORD" => Some("hunter2".to_owned()),
            _ => None,
        };
        SecretReader::new(Arc::new(read), Path::new("."))
    }

    #[tokio::test]
    async fn the_clear_is_for_this_machine_alone() {
        let reach = async |host: &str| {
            let mailer = SmtpMailer::new(&settings(host, MailSecurity::None), &secrets()).await.unwrap();
            mailer.loopback().map(|addresses| addresses.len())
        };
        for (host, expected) in [("localhost", 2), ("127.0.0.2", 1), ("::1", 1)] {
            assert_eq!(reach(host).await, Ok(expected), "{host}");
        }
        for host in ["mail.example", "192.0.2.1", "localhost.example"] {
            assert!(reach(host).await.is_err(), "{host}");
        }
    }

    #[tokio::test]
    async fn a_login_is_hidden_in_the_forms_in_which_it_travels() {
        let mailer =
            SmtpMailer::new(&settings("localhost", MailSecurity::Starttls), &secrets()).await.unwrap();
        let plain = BASE64_STANDARD.encode("\0mailer\0hunter2");
        let said = format!("hunter2 {} mailer {plain}", BASE64_STANDARD.encode("hunter2"));
        assert_eq!(mailer.masker.mask(&said), "*** *** *** ***");
        assert_eq!(format!("{mailer:?}"), "SmtpMailer { server: \"localhost:587\", .. }");
        let without = SecretReader::new(Arc::new(|_: &str| None), Path::new("."));
        let error = SmtpMailer::new(&settings("localhost", MailSecurity::Starttls), &without).await;
        let error = error.unwrap_err();
        assert!(error.is_about_server() && error.to_string().contains("${env:USER}"), "{error}");
    }
}
