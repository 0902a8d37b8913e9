//! One request a parent record: one parent that cannot be read stands alone, and each has its own cursor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{counts, rows, run};
use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{self, HttpServer, Response};
use crate::shop::Shop;

/// A member: its name, after a `-` once it is deleted, and when it has changed.
type Member = (&'static str, &'static str);

/// Teams with their members, and with which status those of a team are refused.
#[derive(Default)]
struct Known {
    teams: BTreeMap<u8, Vec<Member>>,
    refused: BTreeMap<u8, u16>,
    /// What the list of teams holds beside them, as JSON.
    odd: Option<&'static str>,
    list_is_refused: bool,
}

struct Service {
    server: HttpServer,
    known: Arc<Mutex<Known>>,
}

impl Service {
    /// Three teams of one member each.
    fn start() -> Self {
        let teams = [
            (1, vec![("Ann", "2025-01-10")]),
            (2, vec![("Bob", "2025-01-20")]),
            (3, vec![("Cyd", "2025-01-30")]),
        ];
        let known = Arc::new(Mutex::new(Known { teams: teams.into(), ..Known::default() }));
        let answering = Arc::clone(&known);
        let server = HttpServer::start(move |request| {
            let since = request.query.get("since").map_or("", String::as_str);
            answer(&answering.lock().unwrap(), &request.path, since)
        });
        Self { server, known }
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap());
    }

    /// The source with what its data type of members says, and a transfer that says this.
    fn applied(&self, members: &str, transfer: &str) -> TestEnvironment {
        let source = format!(
            "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", retry: {{attempts: 1}}, \
             dataTypes: {{teams: {{}}, people: {{path: \"/teams/{{parent.id}}/people\", {members}}}}}}}}}",
            self.server.url()
        );
        let shop =
            Shop { source: &source, transfer, updates: "created, updated, deleted", ..Shop::default() };
        shop.applied()
    }

    /// From where on the members of each team were asked for: `1 2:2025-01-20 3`.
    fn asked(&self) -> String {
        let requests = self.server.requests();
        self.server.forget();
        let team =
            |path: &str| path.strip_prefix("/teams/").map(|rest| rest.trim_end_matches("/people").to_owned());
        let asked = requests.iter().filter_map(|request| {
            let since = request.query.get("since").map(|since| format!(":{since}"));
            Some(team(&request.path)? + &since.unwrap_or_default())
        });
        asked.collect::<Vec<_>>().join(" ")
    }
}

fn answer(known: &Known, path: &str, since: &str) -> Response {
    if path == "/teams" {
        if known.list_is_refused {
            return http_server::status(403);
        }
        let odd = known.odd.map(str::to_owned);
        let teams: Vec<String> = known.teams.keys().map(|id| format!("{{\"id\":{id}}}")).chain(odd).collect();
        return http_server::json(format!("[{}]", teams.join(",")));
    }
    let team = path.trim_start_matches("/teams/").trim_end_matches("/people").parse().unwrap();
    if let Some(status) = known.refused.get(&team) {
        return http_server::status(*status);
    }
    let members = known.teams[&team].iter().filter(|(_, at)| *at >= since);
    let records = members.map(|(name, at)| {
        let (id, is_gone) = name.strip_prefix('-').map_or((*name, false), |id| (id, true));
        format!(r#"{{"id":"{id}","name":"{id}","at":"{at}","gone":{is_gone}}}"#)
    });
    http_server::json(format!("[{}]", records.collect::<Vec<_>>().join(",")))
}

const INCREMENTAL: &str = "parent: teams, incremental: {field: at, param: since, format: date}";

#[test]
fn one_parent_that_is_gone_neither_starves_the_rest_nor_trips() {
    let service = Service::start();
    let environment = service.applied("parent: teams", "");
    for status in [404, 403, 401, 410] {
        service.change(|known| known.refused = [(2, status)].into());
        for _ in 0..2 {
            let told = environment.fails(1, "run");
            let first = "the children of 1 of 3 parents could not be read: ";
            assert_says(
                &told,
                &["people failed", first, "/teams/2/people", &status.to_string(), "skip: […]"],
            );
        }
        assert_eq!(rows(&environment, "name"), "Ann=Ann Cyd=Cyd");
    }
    let status = environment.ok("status");
    assert_says(&status, &["integration shop: active", "the children of 1 of 3 parents could not be read"]);
    assert_says(&environment.ok("runs"), &["failed", "the children of 1 of 3 parents could not be read"]);

    // What the cure says, cures; and nothing is read again for it.
    environment.replace("raccord.yaml", "parent: teams", "parent: {dataType: teams, skip: [410]}");
    let plan = environment.ok("plan");
    assert_says(&plan, &["config.dataTypes.people.parent.skip"]);
    assert!(!plan.contains("re-read"), "{plan}");
    environment.ok("apply --auto-approve");
    let passed_over = "people: 1 of 3 parents were passed over";
    assert_says(&environment.ok("run"), &["succeeded", passed_over]);
    assert_says(&environment.ok("status"), &[passed_over]);
    assert_says(&environment.ok("runs"), &[passed_over]);
    let report = environment.json("run --output json");
    assert_eq!(report["runs"][0]["parents"], serde_json::json!({"read": 2, "skipped": 1}));
    service.change(|known| known.refused.clear());
    assert_eq!(run(&environment), "fetched 3, created 1, unchanged 2");
}

#[test]
fn parents_that_are_all_refused_are_the_service() {
    for refuses_list in [true, false] {
        let service = Service::start();
        let environment = service.applied("parent: {dataType: teams, skip: [403]}", "");
        service.change(|known| {
            known.list_is_refused = refuses_list;
            known.refused = [(1, 403), (2, 403), (3, 403)].into();
        });
        environment.fails(1, "run");
        assert_says(&environment.ok("status"), &["integration shop: tripped"]);
    }
}

#[test]
fn a_snapshot_deletes_only_what_the_children_of_every_parent_prove() {
    // (what may be passed over, the status of the second team, what is left when its member and the third team's are gone)
    for (skip, status, left) in [
        ("[]", 404, "Ann=Ann Bob=Bob Cyd=Cyd"),
        ("[404]", 404, "Ann=Ann"),
        ("[403]", 403, "Ann=Ann Bob=Bob Cyd=Cyd"),
        ("[403]", 404, "Ann=Ann Bob=Bob Cyd=Cyd"),
    ] {
        let service = Service::start();
        let members = format!("parent: {{dataType: teams, skip: {skip}}}");
        let environment = service.applied(&members, "deletes: {snapshot: {maxShare: 100%}}");
        run(&environment);
        service.change(|known| {
            known.refused = [(2, status)].into();
            known.teams.insert(3, Vec::new());
        });
        let is_declared = skip.contains(&status.to_string());
        let told = if is_declared { environment.ok("run") } else { environment.fails(1, "run") };
        assert_eq!(rows(&environment, "name"), left, "{skip} {status}");
        if is_declared && status == 403 {
            assert_says(&told, &["no snapshot deletes anything while 1 of them may still have children"]);
        }
        // Once it answers again, what is gone goes.
        service.change(|known| known.refused.clear());
        environment.ok("run");
        assert_eq!(rows(&environment, "name"), "Ann=Ann Bob=Bob", "{skip} {status}");
    }
}

#[test]
fn each_parent_has_its_own_cursor() {
    let service = Service::start();
    let environment = service.applied(INCREMENTAL, "");
    run(&environment);
    assert_eq!(service.asked(), "1 2 3");
    run(&environment);
    assert_eq!(service.asked(), "1:2025-01-10 2:2025-01-20 3:2025-01-30");
    // The older members of a new team come.
    service.change(|known| drop(known.teams.insert(4, vec![("Dan", "2020-01-01")])));
    assert_eq!(run(&environment), "fetched 4, created 1, unchanged 3");
    assert_eq!(service.asked(), "1:2025-01-10 2:2025-01-20 3:2025-01-30 4");
    // One that is refused stays where it was, and so does not lose what changes meanwhile.
    service.change(|known| {
        known.refused = [(1, 403)].into();
        known.teams.insert(2, vec![("Bob", "2025-03-01")]);
    });
    environment.fails(1, "run");
    service.asked();
    service.change(|known| {
        known.refused.clear();
        known.teams.insert(1, vec![("Ann", "2025-01-11"), ("Eve", "2025-01-12")]);
    });
    assert_eq!(run(&environment), "fetched 5, created 1, unchanged 4");
    assert_eq!(service.asked(), "1:2025-01-10 2:2025-03-01 3:2025-01-30 4:2020-01-01");
    // A team that is gone is forgotten: should it come back, it is a new one.
    service.change(|known| drop(known.teams.remove(&2)));
    run(&environment);
    service.change(|known| drop(known.teams.insert(2, vec![("Bob", "2025-03-01")])));
    service.asked();
    run(&environment);
    assert_eq!(service.asked(), "1:2025-01-12 2 3:2025-01-30 4:2020-01-01");
}

#[test]
fn a_parent_goes_on_from_what_was_read_though_it_was_judged_at_the_end_of_the_window() {
    // Deletions, and a path that no record has, are judged at the end of a window. What passes moves every cursor.
    let service = Service::start();
    let environment = service.applied(INCREMENTAL, "deletes: {field: {path: gone, maxShare: 100%}}");
    environment.replace("raccord.yaml", "name: text", "name: text, nick: text");
    environment.replace("raccord.yaml", "name: name", "name: name, nick: nick");
    environment.ok("apply --auto-approve");
    run(&environment);
    assert_eq!(service.asked(), "1 2 3");
    service.change(|known| {
        known.teams.insert(1, vec![("-Ann", "2025-02-01")]);
        known.teams.insert(3, vec![("Cyd", "2025-02-02")]);
    });
    run(&environment);
    assert_eq!(service.asked(), "1:2025-01-10 2:2025-01-20 3:2025-01-30");
    assert_eq!(rows(&environment, "name"), "Bob=Bob Cyd=Cyd");
    run(&environment);
    assert_eq!(service.asked(), "1:2025-02-01 2:2025-01-20 3:2025-02-02");
}

#[test]
fn an_approval_deletes_only_what_the_window_has_proved() {
    let transfer = "deletes: [{field: {path: gone, maxShare: 1%}}, {snapshot: {maxShare: 100%}}]";
    let gone = |service: &Service| {
        service.change(|known| {
            known.refused = [(2, 403)].into();
            known.teams.insert(1, vec![("-Ann", "2025-02-01")]);
        });
    };
    // The second team may still have its member: only what a record says is deleted was held.
    let service = Service::start();
    let environment = service.applied("parent: {dataType: teams, skip: [403]}", transfer);
    run(&environment);
    gone(&service);
    environment.ok("run");
    let held = environment.json("runs --output json")[0]["id"].as_str().unwrap().to_owned();
    assert_says(&environment.ok(&format!("approve {held}")), &["1 row of crm.contact is deleted"]);
    assert_eq!(rows(&environment, "name"), "Bob=Bob Cyd=Cyd");
    // Where it was not read at all, that is what is told, and nothing is held.
    let service = Service::start();
    let environment = service.applied("parent: teams", transfer);
    run(&environment);
    gone(&service);
    assert_says(&environment.fails(1, "run"), &["the children of 1 of 3 parents could not be read"]);
    assert_eq!(rows(&environment, "name"), "Ann=Ann Bob=Bob Cyd=Cyd");
    service.change(|known| known.refused.clear());
    environment.ok("run");
    assert_says(&environment.ok("status"), &["would delete 1 of 3 rows"]);
}

#[test]
fn a_resync_begins_each_parent_again() {
    let service = Service::start();
    let environment = service.applied(INCREMENTAL, "");
    run(&environment);
    environment.ok("resync people --since 2025-01-15");
    service.change(|known| drop(known.teams.insert(4, vec![("Dan", "2020-01-01")])));
    service.asked();
    run(&environment);
    assert_eq!(service.asked(), "1:2025-01-15 2:2025-01-15 3:2025-01-15 4", "of a new team all are wanted");
    run(&environment);
    assert_eq!(service.asked(), "1:2025-01-10 2:2025-01-20 3:2025-01-30 4:2020-01-01");
    environment.ok("resync people");
    run(&environment);
    assert_eq!(service.asked(), "1 2 3 4");
}

#[test]
fn a_parent_without_what_the_path_needs_is_a_reject() {
    let service = Service::start();
    let environment = service.applied("parent: teams", "");
    service.change(|known| known.odd = Some(r#"{"name":"no id"}"#));
    assert_eq!(run(&environment), "fetched 4, created 3, rejected 1");
    assert_says(
        &environment.ok("rejects list"),
        &["`id` of a parent record is missing", "parent page 1, record 4"],
    );
    assert_eq!(run(&environment), "fetched 4, unchanged 3, rejected 1");
    // Also where it is all that there is.
    service.change(|known| known.teams.clear());
    assert_eq!(counts(&environment.json("run --output json"), "people"), "fetched 1, rejected 1");
}

#[test]
fn a_bad_child_does_not_keep_the_others_from_being_read() {
    let service = Service::start();
    let environment = service.applied(INCREMENTAL, "");
    environment.replace("raccord.yaml", "name: text}", "name: {type: text, maxLength: 5}}");
    environment.ok("apply --auto-approve");
    service.change(|known| drop(known.teams.insert(1, vec![("Annabella", "2025-01-10")])));
    for _ in 0..2 {
        environment.ok("run");
    }
    assert_eq!(rows(&environment, "name"), "Bob=Bob Cyd=Cyd");
}
