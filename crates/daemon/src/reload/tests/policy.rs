//! What each policy says of plans that the planner has made.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_model::fact::{EntityFact, Entry, IntegrationFact, Observed, TransferFact, Trip, TripCause, Uid};
use raccord_model::plan::Consequence;
use raccord_model::port::state::Head;
use raccord_model::resource::Spec;
use raccord_model::{Desired, Ident, Kind};
use raccord_plan::{Current, Facts, Options, Plan, diff};
use uuid::Uuid;

use crate::reload::{Policy, PolicyError, Verdict, verdict};

const GOLDEN: &str = "
apiVersion: raccord/v1
kind: Stack
metadata: {name: shop}
spec: {}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact: {key: id, fields: {id: text, email: email, city: text, spare: text}}
    idle: {key: id, fields: {id: text}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: boutique}
spec:
  connector: http
  authorization: {type: bearer, token: '${env:TOKEN}'}
  config: {baseUrl: 'https://boutique.example', dataTypes: {customers: {records: data}, orders: {records: data}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: spare}
spec:
  connector: http
  config: {baseUrl: 'https://spare.example', dataTypes: {things: {records: data}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: boutique
  to: crm.contact
  active: true
  schedule: 15m
  deletes: {field: gone}
  mapping: {primaryKey: {id: id}, fields: {email: email, city: city}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: orders}
spec: {source: boutique, to: crm.idle, mapping: {primaryKey: {id: id}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: boutique}
spec:
  active: true
  subscriptions: {customers: [created]}
  alerts: [ops@example.com]
";

/// The configuration after some replacements, each of which must find something.
fn desired(edits: &[(&str, &str)]) -> Desired {
    let mut text = GOLDEN.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from} is not in the configuration");
        text = text.replace(from, to);
    }
    let texts = vec![("a.yaml".to_owned(), text.into_bytes())];
    let loaded = raccord_config::load_texts(texts, "/conf", &BTreeMap::new());
    loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

/// A state in which this was applied, read 100 records by each transfer, stored 80 rows in each entity, and was
/// tripped, if it was.
fn state(applied: &Desired, is_tripped: bool) -> Current {
    let mut facts = Facts::default();
    let (mut index, mut bodies) = (BTreeMap::new(), BTreeMap::new());
    for (at, (key, wanted)) in (1_u32..).zip(&applied.resources) {
        let uid = Uid(Uuid::from_u128(at.into()));
        index.insert(key.clone(), Entry { uid, digest: wanted.digest });
        bodies.insert(wanted.digest, wanted.resource.clone());
        match &wanted.resource.spec {
            Spec::Transfer(_) => {
                let observed = Observed { last_full_read: 100, ..Observed::default() };
                facts.transfers.insert(uid, TransferFact { observed, ..TransferFact::default() });
            }
            Spec::Project(project) => {
                for (entity, number) in project.entities.keys().zip(1..) {
                    let fact = EntityFact {
                        incarnation: number,
                        fields: BTreeMap::new(),
                        next_field: 1,
                        replaces: Vec::new(),
                    };
                    facts.entities.insert((uid, Ident::clone(entity)), fact);
                    facts.rows.insert(number, 80);
                }
            }
            Spec::Integration(_) if is_tripped => {
                let trip = Trip {
                    at: Timestamp::UNIX_EPOCH,
                    transfer: "customers".parse().unwrap(),
                    cause: TripCause::Unauthorized,
                    errors: Vec::new(),
                };
                facts
                    .integrations
                    .insert(uid, IntegrationFact { trip: Some(trip), ..IntegrationFact::default() });
            }
            _ => {}
        }
    }
    let (stack, root) = (Some(applied.stack.clone()), Some(applied.root.clone()));
    let head = Head { lineage: Uuid::nil(), serial: 1, generation: 1, stack, root };
    Current { head, index, bodies, facts }
}

fn plan(edits: &[(&str, &str)], options: &Options) -> Plan {
    diff(&desired(edits), &state(&desired(&[]), false), options).unwrap()
}

fn reasons(verdict: Verdict) -> Vec<String> {
    match verdict {
        Verdict::Apply => Vec::new(),
        Verdict::Wait { why } => why,
    }
}

/// Applied by `safe` and by `all`; `none` waits.
#[track_caller]
fn applied(edits: &[(&str, &str)]) {
    let plan = plan(edits, &Options::default());
    assert!(plan.has_work(), "{edits:?} changes nothing");
    assert_eq!(verdict(&plan, Policy::Safe), Verdict::Apply, "{edits:?}");
    assert_eq!(verdict(&plan, Policy::All), Verdict::Apply, "{edits:?}");
    assert_eq!(reasons(verdict(&plan, Policy::None)).len(), plan.changes.len(), "{edits:?}");
}

/// `safe` waits for these reasons; `all` applies.
#[track_caller]
fn waits(edits: &[(&str, &str)], why: &[&str]) {
    let plan = plan(edits, &Options::default());
    assert_eq!(reasons(verdict(&plan, Policy::Safe)), why, "{edits:?}");
    assert_eq!(verdict(&plan, Policy::All), Verdict::Apply, "{edits:?}");
    assert!(!reasons(verdict(&plan, Policy::None)).is_empty(), "{edits:?}");
}

/// Every policy waits, and gives these reasons first, whatever the plan was allowed.
#[track_caller]
fn destroys(edits: &[(&str, &str)], why: &[&str]) {
    for allowed in [false, true] {
        let options = Options { allow_delete: allowed, allow_rekey: allowed, ..Options::default() };
        let plan = plan(edits, &options);
        for policy in Policy::ALL {
            let given = reasons(verdict(&plan, policy));
            let given: Vec<&str> = given.iter().map(String::as_str).collect();
            assert!(given.starts_with(why), "{policy}: {edits:?}: {given:?}");
        }
        assert_eq!(reasons(verdict(&plan, Policy::All)), why, "{edits:?}");
    }
}

#[test]
fn nothing_to_do_waits_for_nobody() {
    let plan = plan(&[], &Options::default());
    for policy in Policy::ALL {
        assert_eq!(verdict(&plan, policy), Verdict::Apply);
    }
}

#[test]
fn what_has_no_consequence_for_data_is_applied() {
    applied(&[("schedule: 15m", "schedule: 1h")]);
    applied(&[("ops@example.com", "dev@example.com")]);
    applied(&[("alerts:", "breaker: {consecutiveFailures: 9}\n  alerts:")]);
    applied(&[("token: '${env:TOKEN}'", "token: '${env:OTHER}'")]);
    applied(&[("schedule: 15m", "schedule: 15m\n  protect: true")]);
    applied(&[("email: email, city: text", "email: {type: email, required: true}, city: text")]);
    applied(&[("spare: text}", "spare: text, phone: phone}")]);
    applied(&[("    idle:", "    more: {key: id, fields: {id: text}}\n    idle:")]);
    applied(&[("orders: {records: data}}", "orders: {records: data}, items: {records: data}}")]);
    // No transfer reads this source, so what it says concerns no record.
    applied(&[("https://spare.example", "https://other.example")]);
    applied(&[("spec: {}", "spec: {limits: {perSource: 7}}")]);
}

#[test]
fn a_deactivation_that_waits_names_the_other_brake() {
    let switches = "active: true\n  schedule";
    let both = [
        (switches, "active: false\n  schedule"),
        ("spec:\n  active: true\n  subscriptions", "spec:\n  active: false\n  subscriptions"),
        ("city: city}", "city: town}"),
    ];
    let why = reasons(verdict(&plan(&both, &Options::default()), Policy::Safe));
    let brakes = [
        "Integration/boutique is not deactivated before that: `raccord pause boutique` stops it at once",
        "Transfer/customers is not deactivated before that: `raccord pause` of its integrations stops it at once",
    ];
    assert!(brakes.iter().all(|brake| why[..2].iter().any(|said| said == brake)), "{why:?}");
    assert!(why.len() > 2, "{why:?}");
}

#[test]
fn switches_are_applied() {
    applied(&[
        ("active: true\n  schedule", "active: false\n  schedule"),
        ("active: true\n  subscriptions", "active: false\n  subscriptions"),
    ]);
    applied(&[("spec:\n  active: true\n  subscriptions", "spec:\n  active: false\n  subscriptions")]);
    applied(&[("to: crm.idle,", "to: crm.idle, active: true,")]);
}

#[test]
fn what_is_new_is_applied() {
    let transfer = "---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: more}
spec: {source: boutique, dataType: orders, to: crm.idle, active: true, mapping: {primaryKey: {id: id}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: more}
spec: {active: true, subscriptions: {more: [created, updated]}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: boutique}
";
    let edits = [("---\napiVersion: raccord/v1\nkind: Integration\nmetadata: {name: boutique}\n", transfer)];
    applied(&edits);
    let first = diff(&desired(&[]), &empty(), &Options::default()).unwrap();
    assert_eq!(verdict(&first, Policy::Safe), Verdict::Apply, "a first apply");
}

fn empty() -> Current {
    let head = Head { lineage: Uuid::nil(), serial: 0, generation: 0, stack: None, root: None };
    Current { head, index: BTreeMap::new(), bodies: BTreeMap::new(), facts: Facts::default() }
}

#[test]
fn what_reads_again_waits() {
    let again = "transfer customers reads everything again (≈100 records)";
    let remade = "transfer customers reads everything again under new rules (≈100 records)";
    let deletions = "transfer customers begins or ceases to receive deletions";
    waits(&[("schedule: 15m", "resync: '1'\n  schedule: 15m")], &[again]);
    waits(
        &[("https://boutique.example", "https://new.example")],
        &[again, "transfer orders reads everything again (≈0 records)"],
    );
    waits(&[("{customers: {records: data}", "{customers: {records: rows}")], &[again]);
    waits(&[("city: city}", "city: town}")], &[remade]);
    waits(&[("city: text", "city: phone")], &[remade]);
    waits(&[("[created]", "[created, updated]")], &[again]);
    waits(&[("[created]", "[created, deleted]")], &[deletions]);
    waits(&[("deletes: {field: gone}", "deletes: {field: removed}")], &[deletions]);
    waits(&[("city: city}", "city: town}"), ("schedule: 15m", "schedule: 1h"), ("ops@", "dev@")], &[remade]);
    // No transfer feeds the field, but rows may hold it.
    waits(
        &[("spare: text", "spare: phone")],
        &["Project/crm spec.entities.contact.fields.spare.type: re-map"],
    );
}

#[test]
fn what_loses_data_waits_whatever_the_policy() {
    destroys(
        &[("spare: text}", "}")].map(|_| (", spare: text}", "}")),
        &["`spare` would be dropped from 80 rows of crm.contact, which needs --allow-delete"],
    );
    destroys(
        &[("primaryKey: {id: id}, fields", "primaryKey: {id: code}, fields")],
        &[
            "80 rows of crm.contact would be dropped and read again under other keys, which needs --allow-rekey",
        ],
    );
    destroys(
        &[(
            "kind: Source\nmetadata: {name: spare}\nspec:\n  connector: http\n  config: {baseUrl: 'https://spare.example', dataTypes: {things: {records: data}}}\n---\napiVersion: raccord/v1\n",
            "",
        )],
        &["Source/spare would be deleted, which needs --allow-delete"],
    );
    destroys(
        &[
            ("    idle: {key: id, fields: {id: text}}\n", ""),
            (
                "kind: Transfer\nmetadata: {name: orders}\nspec: {source: boutique, to: crm.idle, mapping: {primaryKey: {id: id}}}\n---\napiVersion: raccord/v1\n",
                "",
            ),
        ],
        &[
            "Transfer/orders would be deleted, which needs --allow-delete",
            "80 rows of crm.idle would be dropped, which needs --allow-delete",
        ],
    );
}

#[test]
fn another_stack_and_what_is_protected_wait_for_ever() {
    let other = plan(&[("metadata: {name: shop}", "metadata: {name: other}")], &Options::default());
    let why = reasons(verdict(&other, Policy::All));
    assert_eq!(why[0], "the state belongs to stack `shop`, not to `other`");
    let guarded = desired(&[("schedule: 15m", "schedule: 15m\n  protect: true")]);
    let mut without = desired(&[(
        "active: true\n  subscriptions: {customers: [created]}",
        "active: false\n  subscriptions: {}",
    )]);
    without.resources.retain(|key, _| key.kind != Kind::Transfer || key.name.as_str() != "customers");
    let plan = diff(&without, &state(&guarded, false), &Options { allow_delete: true, ..Options::default() })
        .unwrap();
    let why = reasons(verdict(&plan, Policy::All));
    assert_eq!(
        why,
        [
            "Integration/boutique is not deactivated before that: `raccord pause boutique` stops it at once",
            "Transfer/customers is protected: set `protect: false`, apply, and delete it after that",
        ]
    );
}

#[test]
fn another_root_waits_and_a_resumption_does_not() {
    let moved = Desired { root: "/elsewhere".to_owned(), ..desired(&[]) };
    let plan = diff(&moved, &state(&desired(&[]), false), &Options::default()).unwrap();
    let why = "data paths would lead from /elsewhere and no longer from /conf";
    assert_eq!(reasons(verdict(&plan, Policy::Safe)), [why]);
    assert_eq!(verdict(&plan, Policy::All), Verdict::Apply);
    let mended = desired(&[("token: '${env:TOKEN}'", "token: '${env:OTHER}'")]);
    let plan = diff(&mended, &state(&desired(&[]), true), &Options::default()).unwrap();
    assert_eq!(plan.notes.len(), 1, "{:?}", plan.notes);
    assert_eq!(verdict(&plan, Policy::Safe), Verdict::Apply);
}

#[test]
fn reasons_are_bounded() {
    let mut fewer = desired(&[(
        "active: true\n  subscriptions: {customers: [created]}",
        "active: false\n  subscriptions: {}",
    )]);
    fewer.resources.retain(|key, _| key.kind != Kind::Transfer);
    let mut many = desired(&[]);
    let (key, wanted) = many.resources.iter().find(|(key, _)| key.kind == Kind::Transfer).unwrap();
    let (key, wanted) = (key.clone(), wanted.clone());
    for at in 0..40 {
        let name = format!("t{at}").parse().unwrap();
        many.resources.insert(raccord_model::Key { name, ..key.clone() }, wanted.clone());
    }
    let plan = diff(&fewer, &state(&many, false), &Options::default()).unwrap();
    let why = reasons(verdict(&plan, Policy::Safe));
    assert_eq!((why.len(), why.last().unwrap().as_str()), (21, "and 23 more"));
}

#[test]
fn words() {
    for policy in Policy::ALL {
        assert_eq!(policy.as_str().parse(), Ok(policy));
    }
    assert_eq!("Safe".parse::<Policy>(), Err(PolicyError));
    assert_eq!(Policy::default(), Policy::Safe);
}

/// The table of the guide says of every class what the code does.
#[test]
fn the_guide_has_the_table() {
    let guide = include_str!("../../../../../docs/guides/daemon.md");
    let says = |is_taken: bool| if is_taken { "applied" } else { "waits" };
    for class in Consequence::ALL {
        let [none, safe, all] = Policy::ALL.map(|policy| says(policy.takes(class)));
        let begins = format!("| {} |", class.as_str());
        let row = guide.lines().find(|line| line.starts_with(&begins)).unwrap_or_else(|| panic!("{begins}"));
        assert!(row.ends_with(&format!("| {none} | {safe} | {all} |")), "{row}");
    }
}
