//! Delivers what waits in the outbox: mails through the stack's mail server, JSON to webhooks.
//!
//! A notice is taken out only after the other side has said that it has the message, so that a kill loses none
//! and doubles one at most, under the same Message-ID. Settings and secrets are read from the generation in force
//! whenever something is to be sent.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use raccord_model::fact::{Channel, Notice};
use raccord_model::failpoint::Failpoint;
use raccord_model::language::integration::{Addresses, EmailAddress};
use raccord_model::port::alert::{Mail, Mailer, PostError, Poster};
use raccord_model::port::state::Table;
use raccord_model::secret::TextOrSecret;
use tokio::sync::Mutex;

use super::message::{Setting, document, message};
use crate::error::DaemonError;
use raccord_model::port::environment::Environment;
use raccord_run::Ports;
use raccord_run::facts::put;
use raccord_run::notice::outbox::{self, KEPT_FOR, Miss, after_miss, is_given_up, superfluous};

/// Held while notices are delivered: two at it would send everything twice. One process has the state.
static DELIVERING: Mutex<()> = Mutex::const_new(());

/// What became of the notices that were due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// How many were taken.
    pub sent: usize,
    /// How many were not, and wait for another attempt.
    pub failed: usize,
    /// Why the last of these was not taken.
    pub error: Option<String>,
    /// How many will not be delivered: too old, or too many.
    pub given_up: usize,
    /// When the next one is due.
    pub next: Option<Timestamp>,
}

/// What became of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// To whom: addresses, or the reference to a URL.
    pub to: String,
    /// Why it was not taken; none when it was.
    pub error: Option<String>,
}

/// Delivers every notice that is due.
pub async fn deliver_due(ports: &Ports) -> Result<Delivery, DaemonError> {
    deliver(ports, Notice::is_due).await
}

/// Delivers what is due at the end of `raccord run`; what goes wrong is only said, for the runs are over.
pub async fn deliver_after_runs(ports: &Ports) -> Option<String> {
    match deliver_due(ports).await {
        Ok(Delivery { error, given_up: 0, .. }) => error,
        Ok(Delivery { error, given_up, .. }) => {
            let gone = format!("{given_up} of them given up after {} days", KEPT_FOR.as_hours() / 24);
            Some(error.map_or_else(|| gone.clone(), |error| format!("{gone}; {error}")))
        }
        Err(error) => Some(error.to_string()),
    }
}

/// Delivers every notice, also those whose last attempt was a short while ago.
pub async fn deliver_all(ports: &Ports) -> Result<Delivery, DaemonError> {
    deliver(ports, |_, _| true).await
}

/// Delivers notices that are not in the outbox yet, and says of each what became of it. What is not taken is
/// forgotten: the caller has the answer.
pub async fn deliver_at_once(ports: &Ports, notices: Vec<Notice>) -> Result<Vec<Attempt>, DaemonError> {
    let _alone = DELIVERING.lock().await;
    let facts = ports.facts();
    let new: Result<Vec<_>, _> =
        notices.iter().map(|notice| put(Table::Outbox, &notice.id, notice)).collect();
    facts.commit(new?).await?;
    let mut sender = AlertSender::new(ports).await?;
    let mut told = Vec::new();
    for notice in notices {
        let error = sender.hand_over(&notice).await.err().map(|miss| miss.error);
        facts.commit(vec![outbox::remove(notice.id)]).await?;
        told.push(Attempt { to: notice.channel.to_string(), error });
    }
    Ok(told)
}

async fn deliver(
    ports: &Ports,
    is_wanted: impl Fn(&Notice, Timestamp) -> bool,
) -> Result<Delivery, DaemonError> {
    let _alone = DELIVERING.lock().await;
    let facts = ports.facts();
    let waiting = outbox::waiting(&facts).await?;
    let mut delivery = Delivery::default();
    if waiting.is_empty() {
        return Ok(delivery);
    }
    let superfluous = superfluous(&waiting);
    let mut sender = None;
    let mut later = Vec::new();
    let mut writes = Vec::new();
    for notice in waiting {
        let now = ports.environment.now();
        if superfluous.contains(&notice.id) || is_given_up(&notice, now) {
            give_up(&notice);
            delivery.given_up += 1;
            writes.push(outbox::remove(notice.id));
        } else if is_wanted(&notice, now) {
            let sender = match &mut sender {
                Some(sender) => sender,
                none => none.insert(AlertSender::new(ports).await?),
            };
            match sender.hand_over(&notice).await {
                Ok(()) => {
                    facts.commit(vec![outbox::remove(notice.id)]).await?;
                    tracing::info!(notice = %notice.id, to = %notice.channel, "an alert was taken");
                    delivery.sent += 1;
                }
                Err(miss) => {
                    tracing::warn!(notice = %notice.id, to = %notice.channel, error = %miss.error, "an alert was not taken");
                    delivery.failed += 1;
                    delivery.error = Some(miss.error.clone());
                    let notice = after_miss(notice, miss, ports.environment.now());
                    writes.push(put(Table::Outbox, &notice.id, &notice)?);
                    later.push(notice);
                }
            }
        } else {
            later.push(notice);
        }
    }
    if !writes.is_empty() {
        facts.commit(writes).await?;
    }
    let now = ports.environment.now();
    delivery.next = later.iter().map(|notice| notice.next_at.unwrap_or(now)).min();
    Ok(delivery)
}

/// Leaves a trace of a notice that will not be delivered.
fn give_up(notice: &Notice) {
    let (topic, name) = notice.about.topic();
    tracing::error!(
        notice = %notice.id, at = %notice.at, to = %notice.channel, topic, about = name.map(ToString::to_string),
        attempts = notice.attempts, error = notice.error, "an alert is given up"
    );
}

/// Hands messages over, by the settings of the generation in force.
struct AlertSender {
    setting: Setting,
    mailer: Result<(Box<dyn Mailer>, EmailAddress), Miss>,
    poster: Box<dyn Poster>,
    /// The webhooks that did not answer: the next document would only wait for the same silence.
    silent: BTreeMap<TextOrSecret, Miss>,
}

impl AlertSender {
    async fn new(ports: &Ports) -> Result<Self, DaemonError> {
        let applied = ports.applied().await?;
        let root = Path::new(applied.head.root.as_deref().unwrap_or("."));
        let channels = &ports.outside.alerts;
        let mailer = match applied.desired.stack_settings().mail.as_ref() {
            None => Err(miss("the stack has no mail server".to_owned(), false)),
            Some(settings) => channels
                .mailer(settings, root)
                .await
                .map(|mailer| (mailer, settings.from.clone()))
                .map_err(|error| miss(error.to_string(), error.is_permanent())),
        };
        let setting = Setting { stack: applied.desired.stack.clone(), zone: zone(&*ports.environment) };
        Ok(Self { setting, mailer, poster: channels.poster(root), silent: BTreeMap::new() })
    }

    /// Hands a message over; the other side has it when this returns without a miss.
    async fn hand_over(&mut self, notice: &Notice) -> Result<(), Miss> {
        Failpoint::NoticeBefore.pass();
        match &notice.channel {
            Channel::Mail { to } => self.mail(notice, to).await?,
            Channel::Post { url } => self.post(notice, url).await?,
        }
        Failpoint::NoticeAfter.pass();
        Ok(())
    }

    async fn post(&mut self, notice: &Notice, url: &TextOrSecret) -> Result<(), Miss> {
        if let Some(miss) = self.silent.get(url) {
            return Err(miss.clone());
        }
        let document = document(notice, &self.setting);
        self.poster.post(url, &document).await.map_err(|error| {
            let miss = miss(error.to_string(), error.is_permanent());
            if matches!(error, PostError::Unreachable(_)) {
                self.silent.insert(url.clone(), miss.clone());
            }
            miss
        })
    }

    async fn mail(&mut self, notice: &Notice, to: &Addresses) -> Result<(), Miss> {
        let (mailer, from) = self.mailer.as_ref().map_err(Clone::clone)?;
        let message = message(notice, &self.setting);
        let mail = Mail {
            message_id: message_id(notice, from),
            from: from.clone(),
            to: to.0.iter().cloned().collect(),
            subject: message.subject.clone(),
            text: message.text(),
            html: message.html(),
            date: notice.at,
        };
        let refused = match mailer.send(&mail).await {
            Ok(refused) => refused,
            Err(error) => {
                let miss = miss(error.to_string(), error.is_permanent());
                // The next mail would only wait for the same failure.
                if error.is_about_server() {
                    self.mailer = Err(miss.clone());
                }
                return Err(miss);
            }
        };
        let Some(first) = refused.first() else { return Ok(()) };
        let is_permanent = refused.iter().all(|refused| refused.error.is_permanent());
        let left = Addresses(refused.iter().map(|refused| refused.address.clone()).collect());
        let error = format!("{}: {}", first.address, first.error);
        Err(Miss { error, permanent: is_permanent, left: Some(Channel::Mail { to: left }) })
    }
}

fn miss(error: String, permanent: bool) -> Miss {
    Miss { error, permanent, left: None }
}

/// The `Message-ID` of a notice, the same for every attempt, in the sender's domain (RFC 5322, 3.6.4).
fn message_id(notice: &Notice, from: &EmailAddress) -> String {
    let domain = from.as_str().rsplit_once('@').map(|(_, domain)| domain).filter(|domain| domain.is_ascii());
    format!("<{}@raccord.{}>", notice.id, domain.unwrap_or("invalid"))
}

/// The time zone in which instants are told: that of `TZ`, otherwise UTC.
fn zone(environment: &dyn Environment) -> TimeZone {
    let name = environment.variable("TZ").unwrap_or_default();
    TimeZone::get(name.trim_start_matches(':')).unwrap_or(TimeZone::UTC)
}
