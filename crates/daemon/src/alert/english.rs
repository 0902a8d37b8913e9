//! Alerts in English.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_model::duration::Seconds;
use raccord_model::fact::{DeletedBy, Hold, Notice, NoticeAbout, RunId, Share, Trip, TripCause};
use raccord_model::{EntityRef, Name};

use super::message::{Part, Setting, grouped, looking, with_rejects};

/// A subject and the parts below it.
type Said = (String, Vec<Part>);

/// The subject and the parts of a message.
pub(super) fn message(notice: &Notice, setting: &Setting) -> Said {
    let at = when(notice.at, setting);
    let (subject, mut parts) = match &notice.about {
        NoticeAbout::Tripped { integration, trip, rejects, deliveries } => {
            let lead = format!(
                "The integration {integration} was disabled on {}: {}.",
                when(trip.at, setting),
                cause(trip)
            );
            let mut parts = tripped(integration, lead, trip, (rejects, deliveries));
            parts.push(look(&notice.about));
            (format!("Integration {integration} was disabled"), parts)
        }
        NoticeAbout::HalfWay { integration, transfer, share, errors } => {
            let mut parts = vec![Part::Text(half_way(integration, transfer, share))];
            parts.extend(last_errors(errors));
            parts.push(look(&notice.about));
            (format!("Integration {integration} may soon be disabled"), parts)
        }
        NoticeAbout::Resumed { integration, by, trip } => {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let lead = format!("The integration {integration} was started again on {at}{by}.");
            let since = when(trip.at, setting);
            let before = format!("It had been disabled since {since}: {}.", cause(trip));
            (format!("Integration {integration} runs again"), vec![Part::Text(lead), Part::Text(before)])
        }
        NoticeAbout::Held { run, transfer, to, hold } => {
            (format!("A run of {transfer} waits for approval"), held(*run, (transfer, to, &at), hold))
        }
        NoticeAbout::BadConfiguration { diagnostics, count, .. } => {
            bad_configuration(&setting.stack, &at, diagnostics, *count)
        }
        NoticeAbout::Pending { why, count, .. } => pending(&setting.stack, &at, why, *count),
        NoticeAbout::Test { integration } => {
            let text = format!(
                "This is a test: alerts of the integration {integration} arrive here. Nothing else has happened."
            );
            (format!("Test of the alerts of {integration}"), vec![Part::Text(text)])
        }
    };
    let (whose, stack) = (whose(&notice.about), &setting.stack);
    parts.push(Part::Foot(format!(
        "Sent by Raccord to the recipients of the alerts of {whose} (stack {stack})."
    )));
    (format!("[Raccord] {subject}"), parts)
}

fn whose(about: &NoticeAbout) -> String {
    match about {
        NoticeAbout::Tripped { integration, .. }
        | NoticeAbout::HalfWay { integration, .. }
        | NoticeAbout::Resumed { integration, .. }
        | NoticeAbout::Test { integration } => format!("the integration {integration}"),
        NoticeAbout::Held { transfer, .. } => format!("the integrations that subscribe to {transfer}"),
        NoticeAbout::BadConfiguration { .. } | NoticeAbout::Pending { .. } => {
            "the active integrations".to_owned()
        }
    }
}

fn tripped(
    integration: &Name,
    lead: String,
    trip: &Trip,
    waiting: (&BTreeMap<Name, u64>, &BTreeMap<Name, u64>),
) -> Vec<Part> {
    let (rejects, deliveries) = waiting;
    let rest = "None of its transfers runs until it is started again. What is stored stays as it is.";
    let mut parts = vec![Part::Text(lead), Part::Text(rest.to_owned())];
    parts.extend(last_errors(&trip.errors));
    parts.push(Part::Text(rejected_records(rejects)));
    parts.extend(delivered(deliveries));
    let resume = vec![format!("raccord resume {integration}")];
    parts.push(Part::Commands("When the cause is gone, start it again:".to_owned(), resume));
    parts
}

/// `about`: the transfer, the entity that it writes, and when it read.
fn held(run: RunId, about: (&Name, &EntityRef, &str), hold: &Hold) -> Vec<Part> {
    let (transfer, to, at) = about;
    let again = "If not, there is nothing to do: the next run compares again.";
    let (lead, agree, otherwise) = match hold {
        Hold::Deletions { deletes, of, keyless, incomplete, by, .. } => {
            let lead = deletions(about, (*deletes, *of), (*keyless, *incomplete), *by);
            (lead, "If these rows are to go, approve the run:", again)
        }
        Hold::Vanished { vanished, values } => {
            let (paths, values) = (vanished.join(", "), number(*values));
            let lead = format!(
                "No record that the transfer {transfer} read on {at} has {paths}. Rows of {to} have values of it that would be lost ({values}). They stay until the run is approved."
            );
            let otherwise = "If not, mend the mapping or the service: the next run compares again.";
            (lead, "If these values are to go, approve the run, and the next one lets them go:", otherwise)
        }
        Hold::Shifted { shifted, sign } => {
            let lead = format!(
                "The pages that the transfer {transfer} read on {at} shifted each time ({shifted} times): {sign}. Records may be missing, so that nothing was deleted and the next run reads the same again."
            );
            (lead, "If what was read is to count as complete, approve the run:", again)
        }
    };
    vec![
        Part::Text(lead),
        Part::Commands(agree.to_owned(), vec![format!("raccord approve {run}")]),
        Part::Text(otherwise.to_owned()),
    ]
}

fn deletions(
    (transfer, to, at): (&Name, &EntityRef, &str),
    (deletes, of): (u64, u64),
    (keyless, incomplete): (u64, bool),
    by: DeletedBy,
) -> String {
    let (deletes, of) = (number(deletes), number(of));
    let what = match by {
        DeletedBy::Snapshot => format!(
            "The snapshot that the transfer {transfer} read on {at} no longer shows {deletes} of the {of} rows of {to}."
        ),
        DeletedBy::Field => format!(
            "The records that the transfer {transfer} read on {at} say that {deletes} of the {of} rows of {to} are deleted."
        ),
        DeletedBy::Webhook => format!(
            "The service has said by webhook that {deletes} of the {of} rows of {to} are deleted; the transfer {transfer} was held on {at}."
        ),
    };
    let why = match keyless {
        0 if incomplete => "They may be missing only because not everything was read, as the notes of the run say: pages that no setting leads to, or the rest of a file that was cut off. They are not deleted before the run is approved.".to_owned(),
        0 => "Such a share is not deleted before it is approved.".to_owned(),
        keyless => format!(
            "They may be those of {} whose key cannot be read, and are not deleted before it is approved.",
            records(keyless)
        ),
    };
    format!("{what} {why}")
}

fn when(at: Timestamp, setting: &Setting) -> String {
    let zone = setting.zone_name();
    format!("{} ({zone})", setting.local(at).strftime("%-d %B %Y at %H:%M"))
}

fn number<N: ToString + Copy>(number: N) -> String {
    grouped(number, ',')
}

fn cause(trip: &Trip) -> String {
    let transfer = &trip.transfer;
    match &trip.cause {
        TripCause::ConsecutiveFailures(1) => format!("the transfer {transfer} failed"),
        TripCause::ConsecutiveFailures(count) => {
            format!("the transfer {transfer} failed {} times in a row", number(count))
        }
        TripCause::Rejects(count, within) => format!(
            "{}{}, most recently of the transfer {transfer}",
            rejected(*count),
            if *within == 0 { String::new() } else { format!(" within {}", Seconds(*within)) }
        ),
        TripCause::Unauthorized => {
            format!("the service refused our credentials when the transfer {transfer} ran")
        }
    }
}

fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{} records", number(count)) }
}

fn rejected(count: u64) -> String {
    if count == 1 {
        "1 record was rejected".to_owned()
    } else {
        format!("{} records were rejected", number(count))
    }
}

fn half_way(integration: &Name, transfer: &Name, share: &Share) -> String {
    match share {
        Share::Failures(count, limit) => {
            let times =
                if *count == 1 { "once".to_owned() } else { format!("{} times in a row", number(count)) };
            format!(
                "The transfer {transfer}, which the integration {integration} subscribes to, failed {times}. At {} failures in a row the integration is disabled.",
                number(limit)
            )
        }
        Share::Rejects(count, limit, within) => format!(
            "{} within {} in the integration {integration}, most recently of the transfer {transfer}. At {} rejects the integration is disabled.",
            rejected(*count),
            Seconds(*within),
            number(limit)
        ),
    }
}

fn last_errors(errors: &[String]) -> Option<Part> {
    (!errors.is_empty()).then(|| Part::List("Last errors, the newest first:".to_owned(), errors.to_vec()))
}

fn rejected_records(rejects: &BTreeMap<Name, u64>) -> String {
    let all: u64 = rejects.values().sum();
    let by_transfer: Vec<String> =
        rejects.iter().map(|(name, count)| format!("{} of {name}", number(count))).collect();
    let where_to_look = match rejects.keys().next() {
        Some(only) if rejects.len() == 1 => format!("transfer {only}"),
        _ => by_transfer.join(", "),
    };
    match all {
        0 => "No record waits as a reject.".to_owned(),
        1 => format!("1 record waits as a reject ({where_to_look})."),
        all => format!("{} records wait as rejects ({where_to_look}).", number(all)),
    }
}

/// Deliveries that wait, and are processed once it is started again.
fn delivered(deliveries: &BTreeMap<Name, u64>) -> Option<Part> {
    let all: u64 = deliveries.values().sum();
    let by_transfer: Vec<String> =
        deliveries.iter().map(|(name, count)| format!("{} of {name}", number(*count))).collect();
    let (those, wait) =
        if all == 1 { ("delivery", "waits and is kept") } else { ("deliveries", "wait and are kept") };
    let text = format!("{} webhook {those} {wait} ({}).", number(all), by_transfer.join(", "));
    (all > 0).then_some(Part::Text(text))
}

fn look(about: &NoticeAbout) -> Part {
    Part::Commands("To look into it:".to_owned(), looking(with_rejects(about)))
}

/// The first of `count` lines, and how many more there are.
fn and_more(some: &[String], count: usize) -> Vec<String> {
    let mut listed = some.to_vec();
    if count > some.len() {
        listed.push(format!("and {} more", number(count - some.len())));
    }
    listed
}

fn pending(stack: &Name, at: &str, why: &[String], count: usize) -> Said {
    let lead = format!(
        "The configuration that was read on {at} has changes that are not applied without a person. What was applied last stays in force, and runs go on as before."
    );
    let commands = ["raccord plan --pending", "raccord apply --pending"].map(str::to_owned).to_vec();
    let parts = vec![
        Part::Text(lead),
        Part::List("Why they wait:".to_owned(), and_more(why, count)),
        Part::Commands("To see them, and to apply them:".to_owned(), commands),
    ];
    (format!("Changes of {stack} wait for a person"), parts)
}

fn bad_configuration(stack: &Name, at: &str, diagnostics: &[String], count: usize) -> Said {
    let errors = if count == 1 { "1 error".to_owned() } else { format!("{} errors", number(count)) };
    let lead = format!(
        "The configuration that was read on {at} has {errors} and is not applied. The last good one stays in force, and runs go on as before."
    );
    let listed = and_more(diagnostics, count);
    let commands = ["raccord validate", "raccord status"].map(str::to_owned).to_vec();
    let parts = vec![
        Part::Text(lead),
        Part::List("What is wrong:".to_owned(), listed),
        Part::Commands("To see all of it:".to_owned(), commands),
    ];
    (format!("The configuration of {stack} is not valid"), parts)
}
