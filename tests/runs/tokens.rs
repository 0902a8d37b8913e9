//! Tokens that a service gives for the next reading: kept once a reading is complete, given up once the service no longer
//! knows them, told where there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{counts, rows, run};
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::http_server::{self, HttpServer, Request, Response};
use crate::shop::Shop;

/// An event: its name, unless it is cancelled, and the revision that changed it last.
type Event = (Option<String>, u64);

/// A calendar that lets others keep in step, as Google's does: pages of two, a token on the last one, which says what the
/// calendar was when the first page was asked for; events that are cancelled come with a token alone.
#[derive(Default)]
struct Calendar {
    events: BTreeMap<String, Event>,
    revision: u64,
    /// Tokens before this one are no longer known.
    oldest: u64,
    /// Which pages are answered with an error.
    broken: BTreeSet<u64>,
    /// Whether the last page has a token.
    is_silent: bool,
    wait: Duration,
}

impl Calendar {
    fn set(&mut self, id: &str, name: Option<&str>) {
        self.revision += 1;
        self.events.insert(id.to_owned(), (name.map(str::to_owned), self.revision));
    }

    fn answer(&self, request: &Request) -> Response {
        let token =
            request.query.get("syncToken").map(|token| token.trim_start_matches('s').parse().unwrap());
        if token.is_some_and(|token: u64| token < self.oldest) {
            return http_server::status(410);
        }
        // A page is known by the revision that the first one was made of, and its number.
        let (revision, page) = match request.query.get("pageToken").map(|page| page.split_once('-').unwrap())
        {
            Some((revision, page)) => (revision.parse().unwrap(), page.parse().unwrap()),
            None => (self.revision, 1),
        };
        if self.broken.contains(&page) {
            return http_server::status(500);
        }
        let is_shown = |(_, (name, changed)): &(&String, &Event)| match token {
            Some(token) => *changed > token,
            None => name.is_some(),
        };
        let shown: Vec<_> = self.events.iter().filter(is_shown).collect();
        let first = usize::try_from(page - 1).unwrap() * 2;
        let items = shown.iter().skip(first).take(2).map(|(id, (name, _))| match name {
            Some(name) => json!({"id": id, "name": name}),
            None => json!({"id": id, "deleted": true}),
        });
        let mut body = json!({"items": items.collect::<Vec<_>>()});
        if shown.len() > first + 2 {
            body["nextPageToken"] = json!(format!("{revision}-{}", page + 1));
        } else if !self.is_silent {
            body["nextSyncToken"] = json!(format!("s{revision}"));
        }
        http_server::json(body.to_string())
    }
}

struct Service {
    server: HttpServer,
    calendar: Arc<Mutex<Calendar>>,
}

const SYNC: &str = "incremental: {token: nextSyncToken, param: syncToken}";
const BY_FIELD: &str = "deletes: {field: {path: deleted, maxShare: 100%}}";

impl Service {
    /// A calendar of five events.
    fn start() -> Self {
        let calendar = Arc::new(Mutex::new(Calendar::default()));
        let answering = Arc::clone(&calendar);
        let server = HttpServer::start(move |request| {
            let wait = answering.lock().unwrap().wait;
            std::thread::sleep(wait);
            answering.lock().unwrap().answer(request)
        });
        let service = Self { server, calendar };
        for id in ["a", "b", "c", "d", "e"] {
            service.change(|calendar| calendar.set(id, Some(&id.to_uppercase())));
        }
        service
    }

    fn change<T>(&self, change: impl FnOnce(&mut Calendar) -> T) -> T {
        change(&mut self.calendar.lock().unwrap())
    }

    /// The source with this `incremental`, and a transfer that says this.
    fn applied(&self, incremental: &str, transfer: &str) -> TestEnvironment {
        let source = format!(
            "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", retry: {{attempts: 1}}, \
             dataTypes: {{people: {{records: items, pagination: {{cursor: nextPageToken, param: pageToken}}, \
             {incremental}}}}}}}}}",
            self.server.url()
        );
        let updates = "created, updated, deleted";
        Shop { source: &source, transfer, updates, ..Shop::default() }.applied()
    }

    /// With which tokens readings were begun: `- s5`.
    fn begun(&self) -> String {
        let requests = self.server.requests();
        self.server.forget();
        let first = requests.iter().filter(|request| !request.query.contains_key("pageToken"));
        let token = |request: &Request| request.query.get("syncToken").map_or("-", String::as_str).to_owned();
        first.map(token).collect::<Vec<_>>().join(" ")
    }
}

/// The token that the next run goes on from.
fn kept(environment: &TestEnvironment) -> Value {
    environment.json("status --output json")["transfers"][0]["cursor"].clone()
}

const ALL: &str = "a=A b=B c=C d=D e=E";

#[test]
fn the_token_of_a_complete_reading_is_where_the_next_one_begins() {
    let service = Service::start();
    let environment = service.applied(SYNC, BY_FIELD);
    assert_says(&environment.ok("check shop"), &["`token: nextSyncToken` is not on the first page"]);
    service.server.forget();
    assert_eq!(run(&environment), "fetched 5, created 5");
    assert_eq!(run(&environment), "");
    assert_eq!((service.begun().as_str(), kept(&environment)), ("- s5", json!("s5")));
    service.change(|calendar| {
        calendar.set("b", Some("Bea"));
        calendar.set("d", None);
        calendar.set("f", Some("F"));
    });
    assert_eq!(run(&environment), "fetched 3, created 1, updated 1, deleted 1");
    assert_eq!(rows(&environment, "name"), "a=A b=Bea c=C e=E f=F");
    assert_eq!((service.begun().as_str(), kept(&environment)), ("s5", json!("s8")));
    assert_says(&environment.ok("check shop"), &["the token `token: nextSyncToken`"]);
    let report = environment.json("run --output json");
    assert_eq!(report["runs"][0].get("notes"), None, "{report:#}");
    environment.ok("resync people --since s5");
    assert_eq!(run(&environment), "fetched 3, unchanged 2, skipped 1");
}

#[test]
fn a_token_that_has_expired_leads_to_a_whole_reading_once_and_is_told() {
    // (what deletes, what is left of the event that was cancelled while no token was known)
    for (transfer, d) in [(BY_FIELD, " d=D"), ("deletes: {snapshot: {every: 24h, maxShare: 100%}}", "")] {
        let service = Service::start();
        let environment = service.applied(SYNC, transfer);
        run(&environment);
        service.change(|calendar| {
            calendar.set("d", None);
            calendar.set("b", Some("Bea"));
            calendar.oldest = 7;
        });
        service.server.forget();
        let told = environment.ok("run");
        let expected = "the token was no longer known to the service (`token: nextSyncToken`)";
        assert_says(&told, &["succeeded", expected, "found by a snapshot alone"]);
        assert_eq!((service.begun().as_str(), kept(&environment)), ("s5 -", json!("s7")));
        assert_eq!(
            rows(&environment, "name"),
            format!("a=A b=Bea c=C{d} e=E"),
            "nothing is deleted unproved"
        );
        for command in ["status", "runs"] {
            assert_says(&environment.ok(command), &[expected]);
        }
        assert_eq!(run(&environment), "");
        assert_eq!(service.begun(), "s7");
        assert!(!environment.ok("status").contains("no longer known"));
    }
}

#[test]
fn a_whole_reading_begins_where_the_very_first_one_did() {
    let service = Service::start();
    let initial = SYNC.replace("syncToken}", "syncToken, initial: s2}");
    let environment = service.applied(&initial, "");
    assert_eq!(run(&environment), "fetched 3, created 3");
    service.change(|calendar| calendar.set("a", Some("Ann")));
    service.change(|calendar| calendar.oldest = 2);
    assert_eq!(run(&environment), "fetched 1, created 1");
    assert_eq!(service.begun(), "s2 s5");
    // One that is as old as that is not known either.
    service.change(|calendar| calendar.oldest = 6);
    assert_eq!(run(&environment), "");
    service.change(|calendar| (calendar.revision, calendar.oldest) = (7, 7));
    let told = environment.ok("run");
    assert_says(&told, &["2 tokens were no longer known", "read from `initial` on"]);
    assert_eq!(service.begun(), "s6 s6 s2 -");
    assert_eq!(rows(&environment, "name"), "a=Ann b=B c=C d=D e=E");
}

#[test]
fn a_run_that_fails_or_is_killed_moves_no_token() {
    let service = Service::start();
    let environment = service.applied(SYNC, BY_FIELD);
    run(&environment);
    for id in ["a", "b", "c", "d"] {
        service.change(|calendar| calendar.set(id, Some("new")));
    }
    service.change(|calendar| calendar.broken = [2].into());
    service.server.forget();
    for _ in 0..2 {
        environment.fails(1, "run");
        assert_eq!(kept(&environment), "s5");
    }
    // What changes meanwhile is no part of the reading that goes on, and comes with the next one.
    service.change(|calendar| calendar.set("e", Some("later")));
    service.change(|calendar| calendar.broken.clear());
    environment.ok("run");
    assert_eq!((service.begun().as_str(), kept(&environment)), ("s5 s5", json!("s9")), "each run once more");
    assert_eq!(rows(&environment, "name"), "a=new b=new c=new d=new e=later");
    assert_eq!(run(&environment), "fetched 1, unchanged 1");

    service.change(|calendar| {
        for id in ["a", "b", "c", "d", "e"] {
            calendar.set(id, Some("newer"));
        }
        calendar.wait = Duration::from_millis(1_500);
    });
    service.server.forget();
    let running = environment.start("run");
    wait_until("the last page is asked for", || {
        service.server.asked("pageToken").contains(&"15-3".to_owned())
    });
    running.signal("KILL");
    running.wait();
    assert_eq!(kept(&environment), "s10");
    service.change(|calendar| calendar.wait = Duration::ZERO);
    environment.ok("run");
    assert_eq!(kept(&environment), "s15");
    assert_eq!(rows(&environment, "name"), "a=newer b=newer c=newer d=newer e=newer");
}

#[test]
fn a_reading_that_is_held_moves_no_token_until_a_person_approves_it() {
    let service = Service::start();
    let environment = service.applied(SYNC, "deletes: {field: {path: deleted, maxShare: 30%}}");
    run(&environment);
    service.change(|calendar| {
        calendar.set("a", None);
        calendar.set("b", None);
    });
    for _ in 0..2 {
        let report = environment.json("run --output json");
        assert_eq!(report["runs"][0]["outcome"]["held"]["deletes"], 2, "{report:#}");
        assert_eq!((kept(&environment), rows(&environment, "name").as_str()), (json!("s5"), ALL));
    }
    let held = environment.json("runs --output json")[0]["id"].as_str().unwrap().to_owned();
    environment.ok(&format!("approve {held}"));
    assert_eq!((kept(&environment), rows(&environment, "name").as_str()), (json!("s7"), "c=C d=D e=E"));
    assert_eq!(run(&environment), "");
}

#[test]
fn a_reading_without_a_token_is_told() {
    let service = Service::start();
    let environment = service.applied(SYNC, "");
    service.change(|calendar| calendar.is_silent = true);
    let missing = "`token: nextSyncToken` is on no page of the reading";
    for command in ["run", "status", "runs"] {
        assert_says(&environment.ok(command), &[missing, "so that every run reads everything"]);
    }
    service.change(|calendar| calendar.is_silent = false);
    assert!(!environment.ok("run").contains(missing));
    service.change(|calendar| calendar.is_silent = true);
    assert_says(&environment.ok("run"), &[missing, "asks from the same place again"]);
    assert_eq!((service.begun().as_str(), kept(&environment)), ("- - s5", json!("s5")));
}

#[test]
fn another_definition_begins_anew_and_what_expires_is_none() {
    let service = Service::start();
    let environment = service.applied(SYNC, "");
    run(&environment);
    let mut written = SYNC.to_owned();
    let mut becomes = |other: &str| {
        environment.replace("raccord.yaml", &written, other);
        written = other.to_owned();
        let plan = environment.ok("plan");
        environment.ok("apply --auto-approve");
        run(&environment);
        plan
    };
    service.server.forget();
    let plan =
        becomes("incremental: {token: nextSyncToken, param: syncToken, expired: {status: [404, 410]}}");
    assert_says(&plan, &["config.dataTypes.people.incremental.expired"]);
    assert!(!plan.contains("re-read"), "{plan}");
    assert_eq!(service.begun(), "s5");
    let plan = becomes("incremental: {token: {body: nextSyncToken, page: last}, param: syncToken}");
    assert_says(&plan, &["re-read"]);
    assert_eq!(service.begun(), "-");
    let plan = becomes("incremental: {token: {header: Content-Type}, param: other}");
    assert_says(&plan, &["re-read", "incremental.token"]);
    assert_eq!((service.begun().as_str(), kept(&environment)), ("-", json!("application/json")));
}

#[test]
fn what_a_token_says_to_a_terminal_is_not_said() {
    let token = Arc::new(Mutex::new(json!("\u{1b}[2J\u{202e}é\n\"x\"")));
    let answering = Arc::clone(&token);
    let server = HttpServer::start(move |_| {
        http_server::json(
            json!({"items": [{"id": "1", "name": "Ann"}], "t": *answering.lock().unwrap()}).to_string(),
        )
    });
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", retry: {{attempts: 1}}, \
         dataTypes: {{people: {{records: items, incremental: {{token: t, param: since}}}}}}}}}}",
        server.url()
    );
    let environment = Shop { source: &source, ..Shop::default() }.applied();
    environment.ok("run");
    for command in ["run", "status", "runs", "check shop"] {
        let shown = environment.ok(command);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
    }
    // Data is data, and what is sent back is what came.
    let given = token.lock().unwrap().clone();
    assert_eq!((kept(&environment), json!(server.asked("since")[0])), (given.clone(), given));
    *token.lock().unwrap() = json!({"\u{1b}[2J": 1});
    let told = environment.fails(1, "run");
    assert_says(&told, &["`token: t` leads to `{", "which is no text and no number"]);
    assert!(!told.contains('\u{1b}'), "{told:?}");
    *token.lock().unwrap() = json!("x".repeat(8_193));
    assert_says(&environment.fails(1, "run"), &["it has 8193 bytes, and a token has 8192 at the most"]);
}

/// Teams with a token each; `expired` ones are not known any more.
#[derive(Default)]
struct Teams {
    members: BTreeMap<u64, Vec<(String, u64, bool)>>,
    revision: u64,
    expired: BTreeSet<u64>,
}

impl Teams {
    fn set(&mut self, team: u64, name: &str, is_there: bool) {
        self.revision += 1;
        let members = self.members.entry(team).or_default();
        members.retain(|(known, ..)| known != name);
        members.push((name.to_owned(), self.revision, is_there));
    }

    fn answer(&self, request: &Request) -> Response {
        let Some(team) = request.path.strip_prefix("/teams/").and_then(|path| path.strip_suffix("/people"))
        else {
            let teams: Vec<Value> = self.members.keys().map(|id| json!({"id": id})).collect();
            return http_server::json(json!(teams).to_string());
        };
        let team: u64 = team.parse().unwrap();
        let since = request.query.get("since").map(|since| since.parse::<u64>().unwrap());
        if since.is_some() && self.expired.contains(&team) {
            return http_server::status(410);
        }
        let is_shown = |(_, changed, is_there): &&(String, u64, bool)| match since {
            Some(since) => *changed > since,
            None => *is_there,
        };
        let members = self.members[&team].iter().filter(is_shown);
        let items =
            members.map(|(name, _, is_there)| json!({"id": name, "name": name, "deleted": !is_there}));
        http_server::json(json!({"items": items.collect::<Vec<_>>(), "token": self.revision}).to_string())
    }
}

#[test]
fn each_parent_has_its_own_token() {
    let teams = Arc::new(Mutex::new(Teams::default()));
    let answering = Arc::clone(&teams);
    let server = HttpServer::start(move |request| answering.lock().unwrap().answer(request));
    let set = |team, name: &str, is_there| teams.lock().unwrap().set(team, name, is_there);
    for (team, name) in [(1, "Ann"), (2, "Bob"), (3, "Cyd")] {
        set(team, name, true);
    }
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", dataTypes: {{teams: {{}}, \
         people: {{path: \"/teams/{{parent.id}}/people\", parent: teams, records: items, \
         incremental: {{token: token, param: since}}}}}}}}}}",
        server.url()
    );
    let updates = "created, updated, deleted";
    let environment = Shop { source: &source, transfer: BY_FIELD, updates, ..Shop::default() }.applied();
    let asked = || {
        let asked = server.requests();
        server.forget();
        let children = asked.iter().filter(|request| request.path != "/teams");
        let one = |request: &Request| {
            let team = request.path.replace("/teams/", "").replace("/people", "");
            format!("{team}:{}", request.query.get("since").map_or("-", String::as_str))
        };
        children.map(one).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(run(&environment), "fetched 3, created 3");
    assert_eq!(asked(), "1:- 2:- 3:-");
    // A new team is read whole. A deletion waits for the end of the window, and so do the tokens that stand behind it.
    set(4, "Dan", true);
    set(2, "Bob", false);
    let report = environment.json("run --output json");
    assert_eq!(counts(&report, "people"), "fetched 2, created 1, deleted 1");
    assert_eq!(asked(), "1:3 2:3 3:3 4:-");
    assert_eq!(run(&environment), "");
    assert_eq!(asked(), "1:5 2:5 3:5 4:5");
    // The service forgets the token of one team: that one is read whole.
    set(3, "Eve", true);
    teams.lock().unwrap().expired = [3].into();
    assert_says(&environment.ok("run"), &["the token was no longer known to the service"]);
    assert_eq!(asked(), "1:5 2:5 3:5 3:- 4:5");
    teams.lock().unwrap().expired.clear();
    assert_eq!(run(&environment), "");
    assert_eq!(asked(), "1:6 2:6 3:6 4:6");
    assert_eq!(rows(&environment, "name"), "Ann=Ann Cyd=Cyd Dan=Dan Eve=Eve");
}
