//! What the forms of an integration's and a transfer's pages do: run, pause, resume, resync, test an alert. Each asks the
//! engine in the name of the reader, so that it is in the audit log, and leads back to the page it was sent from.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use maud::html;
use raccord_model::Name;

use crate::console::answer::{Answer, Content};
use crate::console::layout::Place;
use crate::console::show;
use crate::console::visit::Visit;
use crate::failure::{Failure, FailureCode};
use crate::request::{Alerted, Reason, Reply, Request, Since};

/// The longest pause that a form sets an end for, in hours.
const LONGEST_PAUSE: i64 = 24 * 365;

/// Runs an integration now. The page does not wait for the end.
pub(super) async fn run(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let name: Name = visit.part("name")?;
    visit.begin(Request::Run { integrations: vec![name.clone()] }).await?;
    Ok(Answer::SeeOther(back(&name, "started")))
}

/// Lets an integration stand still.
pub(super) async fn pause(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let name: Name = visit.part("name")?;
    let hours: Option<i64> = visit.filled("hours")?;
    let until = hours.map(|hours| ahead(visit.now(), hours)).transpose()?;
    let reason: Option<Reason> = visit.filled("reason")?;
    visit.ask(Request::Pause { integration: name.clone(), until, reason }, |_| {}).await?;
    Ok(Answer::SeeOther(back(&name, "paused")))
}

fn ahead(now: Timestamp, hours: i64) -> Result<Timestamp, Failure> {
    let wrong =
        || Failure::new(FailureCode::Invalid, format!("hours: write a number from 1 to {LONGEST_PAUSE}"));
    if !(1..=LONGEST_PAUSE).contains(&hours) {
        return Err(wrong());
    }
    now.checked_add(SignedDuration::from_hours(hours)).map_err(|_| wrong())
}

/// Starts an integration again.
pub(super) async fn resume(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let name: Name = visit.part("name")?;
    visit.ask(Request::Resume { integration: name.clone(), by: None }, |_| {}).await?;
    Ok(Answer::SeeOther(back(&name, "resumed")))
}

/// Sends a test to everyone whom an integration alerts, and tells what became of it.
pub(super) async fn test_alert(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let name: Name = visit.part("name")?;
    let pick = |reply| if let Reply::Alerted(alerted) = reply { Some(alerted) } else { None };
    let alerted: Vec<Alerted> = visit.all(Request::TestAlert { integration: name.clone() }, pick).await?;
    let words = visit.texts().integration;
    let body = html! {
        @if alerted.is_empty() { p { (words.nobody_alerted) } }
        ul { @for alert in &alerted { li {
            (show::line(&alert.to)) " "
            @match &alert.error {
                None => (show::status(show::Tone::Good, words.alert_taken)),
                Some(error) => { (show::status(show::Tone::Bad, words.alert_failed)) " " (show::line(error)) }
            }
        } } }
        p { a href=(super::integration::path(&name)) { (show::line(name.as_str())) } }
    };
    Ok(Answer::Page(Content::new(Place::Overview, words.test_alert, body)))
}

/// Has a transfer read everything again, or from a point on.
pub(super) async fn resync(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let transfer: Name = visit.part("name")?;
    let since: Option<Since> = visit.filled("since")?;
    visit.ask(Request::Resync { transfer: transfer.clone(), since }, |_| {}).await?;
    Ok(Answer::SeeOther(format!("{}?notice=resynced", super::transfer::path(&transfer))))
}

fn back(integration: &Name, notice: &str) -> String {
    format!("{}?notice={notice}", super::integration::path(integration))
}
