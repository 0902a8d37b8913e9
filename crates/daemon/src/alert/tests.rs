//! What is said in each language, word for word, and who hears it.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use jiff::tz::TimeZone;
use raccord_model::diagnostic::Code;
use raccord_model::fact::{DeletedBy, Entry, Hold, RunId, Share, Trip, TripCause};
use raccord_model::language::{IntegrationSpec, StackSpec};
use raccord_model::port::state::Head;
use raccord_model::resource::Wanted;
use raccord_model::{Desired, Key, Name, Resource, Spec};
use serde_json::json;

use super::message::{Setting, document, message};
use raccord_model::fact::{Channel, Notice};
use raccord_model::language::integration::Language;

use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn trip(cause: TripCause) -> Trip {
    let errors = [
        "https://boutique.example/api/customers answered 500: <h1>\"Oops\" & more</h1>",
        "email: the field is required (page 3, record 17)",
    ];
    Trip {
        at: at("2025-03-14T13:30:05Z"),
        transfer: name("customers"),
        cause,
        errors: errors.map(str::to_owned).to_vec(),
    }
}

fn tripped(cause: TripCause, rejects: &[(&str, u64)]) -> NoticeAbout {
    let rejects = rejects.iter().map(|(transfer, count)| (name(transfer), *count)).collect();
    NoticeAbout::Tripped {
        integration: name("boutique"),
        trip: trip(cause),
        rejects,
        deliveries: BTreeMap::new(),
    }
}

fn half_way(share: Share) -> NoticeAbout {
    let errors = vec!["email: the field is required (page 3, record 17)".to_owned()];
    NoticeAbout::HalfWay { integration: name("boutique"), transfer: name("customers"), share, errors }
}

fn run_id() -> RunId {
    RunId(Uuid::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_0001))
}

/// Every sort of notice, and the forms that the words of each can take.
fn abouts() -> Vec<(&'static str, NoticeAbout)> {
    let resumed = NoticeAbout::Resumed {
        integration: name("boutique"),
        by: Some("zoe@ops".to_owned()),
        trip: trip(TripCause::ConsecutiveFailures(5)),
    };
    let bad = |diagnostics: &[&str], count| NoticeAbout::BadConfiguration {
        digest: Digest::of(b"bad"),
        diagnostics: diagnostics.iter().map(ToString::to_string).collect(),
        count,
    };
    let pending = |why: &[&str], count| NoticeAbout::Pending {
        digest: Digest::of(b"pending"),
        why: why.iter().map(ToString::to_string).collect(),
        count,
    };
    let held = |hold| NoticeAbout::Held {
        run: run_id(),
        transfer: name("customers"),
        to: "crm.contact".parse().unwrap(),
        hold,
    };
    let of_rows = |keyless, incomplete, by| {
        held(Hold::Deletions { deletes: 1_200, of: 15_000, keyless, incomplete, by, rows: None })
    };
    let deletions = |keyless, by| of_rows(keyless, false, by);
    let vanished = vec!["phone".to_owned(), "address.city".to_owned()];
    let sign = "the record 17 came twice".to_owned();
    let rejects = [("customers", 1_210), ("orders", 24)];
    vec![
        ("tripped-failures", tripped(TripCause::ConsecutiveFailures(5), &rejects)),
        ("tripped-rejects", tripped(TripCause::Rejects(500, 5_400), &[("customers", 1)])),
        ("tripped-unauthorized", tripped(TripCause::Unauthorized, &[])),
        ("half-way-failures", half_way(Share::Failures(3, 5))),
        ("half-way-rejects", half_way(Share::Rejects(250, 500, 3_600))),
        ("resumed", resumed),
        ("bad-configuration", bad(&["shop.yaml:3:1: the field `spec` is missing"], 1)),
        ("bad-configuration-many", bad(&["shop.yaml:3:1: a", "shop.yaml:5:1: b"], 12)),
        ("pending", pending(&["1 deletion"], 1)),
        ("pending-many", pending(&["1 deletion", "the key of crm.contact changes"], 7)),
        ("held", deletions(0, DeletedBy::Snapshot)),
        ("held-keyless", deletions(2, DeletedBy::Snapshot)),
        ("held-left", of_rows(0, true, DeletedBy::Snapshot)),
        ("held-field", deletions(0, DeletedBy::Field)),
        ("held-webhook", deletions(0, DeletedBy::Webhook)),
        ("held-vanished", held(Hold::Vanished { vanished, values: 1_200 })),
        ("held-shifted", held(Hold::Shifted { shifted: 3, sign })),
        ("test", NoticeAbout::Test { integration: name("boutique") }),
    ]
}

fn notice(about: NoticeAbout, language: Language) -> Notice {
    let to = serde_json::from_value(json!(["ops@example.com"])).unwrap();
    Notice {
        id: Uuid::from_u128(7),
        at: at("2025-04-01T06:00:00Z"),
        about,
        channel: Channel::Mail { to },
        language,
        attempts: 0,
        next_at: None,
        error: None,
    }
}

fn setting(zone: &str) -> Setting {
    Setting { stack: name("shop"), zone: TimeZone::get(zone).unwrap() }
}

#[test]
fn every_notice_in_both_languages() {
    for (sort, about) in abouts() {
        for (language, code) in [(Language::En, "en"), (Language::Fr, "fr")] {
            let message = message(&notice(about.clone(), language), &setting("UTC"));
            let shown = format!("Subject: {}\n\n{}", message.subject, message.text());
            assert_snapshot!(format!("{sort}.{code}"), shown);
        }
    }
}

#[test]
fn a_notice_as_html_and_as_json() {
    let (_, about) = abouts().swap_remove(0);
    for (language, code) in [(Language::En, "en"), (Language::Fr, "fr")] {
        let notice = notice(about.clone(), language);
        let message = message(&notice, &setting("UTC"));
        assert_snapshot!(format!("html.{code}"), message.html());
        assert_snapshot!(format!("chat.{code}"), message.chat());
    }
    let posted = document(&notice(about, Language::En), &setting("UTC"));
    assert_snapshot!("document", serde_json::to_string_pretty(&posted).unwrap());
}

#[test]
fn no_value_becomes_markup() {
    let nasty = "</li><script>alert('x')</script>\r\nBcc: x@example.com\u{1b}[2J\u{202e}\nFORGED";
    for (_, about) in abouts() {
        let about = match about {
            NoticeAbout::Tripped { integration, mut trip, rejects, deliveries } => {
                trip.errors = vec![nasty.to_owned()];
                NoticeAbout::Tripped { integration, trip, rejects, deliveries }
            }
            NoticeAbout::BadConfiguration { digest, count, .. } => {
                NoticeAbout::BadConfiguration { digest, diagnostics: vec![nasty.to_owned()], count }
            }
            NoticeAbout::Pending { digest, count, .. } => {
                NoticeAbout::Pending { digest, why: vec![nasty.to_owned()], count }
            }
            NoticeAbout::Resumed { integration, trip, .. } => {
                NoticeAbout::Resumed { integration, by: Some(nasty.to_owned()), trip }
            }
            other => other,
        };
        for language in [Language::En, Language::Fr] {
            let message = message(&notice(about.clone(), language), &setting("UTC"));
            assert!(!message.html().contains("<script"), "{}", message.html());
            assert!(!message.subject.contains(['\r', '\n', '<']), "{}", message.subject);
            assert!(!message.chat().contains("<script"), "{}", message.chat());
            for form in [message.text(), message.html(), message.chat()] {
                assert!(!form.contains(['\u{1b}', '\u{202e}']) && !form.contains("\nFORGED"), "{form}");
            }
        }
    }
}

#[test]
fn french_never_breaks_a_line_before_a_colon_or_inside_quotation_marks() {
    for (sort, about) in abouts() {
        let text = message(&notice(about, Language::Fr), &setting("America/Montreal")).text();
        for wrong in [" : ", " :\n", "« ", " »", "' ", "  h", " h "] {
            assert!(!text.contains(wrong), "{sort}: {wrong:?} is in\n{text}");
        }
        assert!(!text.contains('\''), "{sort}: an apostrophe is ’\n{text}");
    }
}

#[test]
fn instants_are_told_with_their_time_zone() {
    let lead = |language, zone, when: &str| {
        let notice = Notice { at: at(when), ..notice(abouts().swap_remove(5).1, language) };
        message(&notice, &setting(zone)).text().lines().next().unwrap().replace('\u{a0}', "~")
    };
    for (language, zone, when, expected) in [
        (Language::En, "UTC", "2025-04-01T06:00:00Z", "1 April 2025 at 06:00 (UTC)"),
        (
            Language::En,
            "America/Montreal",
            "2025-04-01T06:05:00Z",
            "1 April 2025 at 02:05 (America/Montreal)",
        ),
        (Language::Fr, "UTC", "2025-04-01T06:00:00Z", "le 1er~avril 2025 à 6~h (UTC)"),
        (Language::Fr, "UTC", "2025-08-31T23:05:00Z", "le 31~août 2025 à 23~h~05 (UTC)"),
        (
            Language::Fr,
            "Europe/Paris",
            "2025-12-31T23:05:00Z",
            "le 1er~janvier 2026 à 0~h~05 (fuseau Europe/Paris)",
        ),
    ] {
        let lead = lead(language, zone, when);
        assert!(lead.contains(expected), "{expected} is not in {lead}");
    }
}

/// A generation with integrations: their names, whether they are active, and their alerts.
fn applied(integrations: &[(&str, bool, serde_json::Value)]) -> Applied {
    let mut resources = BTreeMap::new();
    let mut index = BTreeMap::new();
    let specs = integrations.iter().enumerate().map(|(at, (name, active, alerts))| {
        let spec: IntegrationSpec =
            serde_json::from_value(json!({ "active": active, "alerts": alerts })).unwrap();
        (at, self::name(name), Spec::Integration(spec))
    });
    let stack: StackSpec = serde_json::from_value(json!({ "language": "fr" })).unwrap();
    for (at, name, spec) in specs.chain([(99, name("shop"), Spec::Stack(stack))]) {
        let key = Key::new(spec.kind(), name);
        let digest = Digest::of(&at.to_be_bytes());
        let uid = Uid(Uuid::from_u128(u128::try_from(at).unwrap()));
        let resource = Resource { labels: BTreeMap::new(), annotations: BTreeMap::new(), spec };
        index.insert(key.clone(), Entry { uid, digest });
        resources.insert(key, Wanted { resource, digest, renamed_from: None });
    }
    let head = Head { lineage: Uuid::nil(), serial: 1, generation: 1, stack: Some(name("shop")), root: None };
    let desired = Desired { stack: name("shop"), root: String::new(), resources };
    Applied { head, index, desired }
}

#[test]
fn everybody_is_told_once_and_in_their_language() {
    let applied = applied(&[
        (
            "a",
            true,
            json!(["ops@x.ca", { "email": ["b@x.ca", "c@x.ca"], "webhook": "${env:HOOK}", "language": "en" }]),
        ),
        ("b", true, json!([{ "email": ["c@x.ca", "d@x.ca"] }, "ops@x.ca", { "webhook": "${env:HOOK}" }])),
        ("c", false, json!(["e@x.ca"])),
    ]);
    let audience = |of: &[u128]| -> Vec<String> {
        let of: Vec<Uid> = of.iter().map(|uid| Uid(Uuid::from_u128(*uid))).collect();
        let all = audience(&applied, &of).into_iter();
        all.map(|(channel, language)| format!("{channel} {language:?}")).collect()
    };
    assert_eq!(audience(&[0]), ["ops@x.ca Fr", "b@x.ca, c@x.ca En", "webhook ${env:HOOK} En"]);
    let both = ["ops@x.ca Fr", "b@x.ca, c@x.ca En", "webhook ${env:HOOK} En", "d@x.ca Fr"];
    assert_eq!(audience(&[0, 1]), both);
    assert_eq!(audience(&[]), Vec::<String>::new());
    let mut ids = 0;
    let mut new_id = || {
        ids += 1;
        Uuid::from_u128(ids)
    };
    let diagnostic = |severity, message: &str| Diagnostic {
        place: None,
        severity,
        code: Code::YamlSyntax,
        message: message.to_owned(),
        path: String::new(),
        help: None,
    };
    let diagnostics = [diagnostic(Severity::Warning, "mind"), diagnostic(Severity::Error, "wrong")];
    let now = at("2025-01-01T00:00:00Z");
    let writes = bad_configuration(&applied, Digest::of(b"x"), &diagnostics, now, &mut new_id).unwrap();
    let notices: Vec<Notice> = writes
        .into_iter()
        .map(|write| match write {
            Write::Put(Table::Outbox, _, bytes) => raccord_model::fact::read(&bytes).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    let told: Vec<String> = notices.iter().map(|notice| notice.channel.to_string()).collect();
    assert_eq!(told, ["ops@x.ca", "b@x.ca, c@x.ca", "webhook ${env:HOOK}", "d@x.ca"]);
    let about = NoticeAbout::BadConfiguration {
        digest: Digest::of(b"x"),
        diagnostics: vec!["wrong".to_owned()],
        count: 1,
    };
    assert!(notices.iter().all(|notice| notice.about == about), "{notices:#?}");
}
