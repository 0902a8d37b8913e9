//! Pages that are asked for by their position shift when records come and go meanwhile: such a window proves nothing.

use std::sync::{Arc, Mutex};

use super::{rows, run};
use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{self, HttpServer};
use crate::shop::Shop;

/// What happens to the records, given how many requests have been answered.
type Event = Box<dyn FnMut(&mut Vec<(u8, u64)>, usize) + Send>;

/// A service with its records in the order in which it shows them, each with a revision; two on a page.
struct Service {
    server: HttpServer,
    records: Arc<Mutex<Vec<(u8, u64)>>>,
    event: Arc<Mutex<Event>>,
}

impl Service {
    fn start(records: impl IntoIterator<Item = u8>) -> Self {
        let records =
            Arc::new(Mutex::new(records.into_iter().map(|id| (id, u64::from(id))).collect::<Vec<_>>()));
        let event: Arc<Mutex<Event>> = Arc::new(Mutex::new(Box::new(|_, _| {})));
        let (known, happens, asked) = (Arc::clone(&records), Arc::clone(&event), Mutex::new(0));
        let server = HttpServer::start(move |request| {
            let since = u64::try_from(request.number("since").unwrap_or(0)).unwrap();
            let mut records = known.lock().unwrap();
            let wanted: Vec<_> = records.iter().filter(|(_, revision)| *revision >= since).copied().collect();
            let page = request.number("page").unwrap_or(1);
            let shown = wanted.iter().skip((page - 1) * 2).take(2);
            let shown = shown
                .map(|(id, revision)| format!(r#"{{"id":"{id}","name":"r{revision}","at":{revision}}}"#));
            let shown = shown.collect::<Vec<_>>().join(",");
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            (happens.lock().unwrap())(&mut records, *asked);
            http_server::json(format!(r#"{{"items":[{shown}],"total":{}}}"#, wanted.len()))
        });
        Self { server, records, event }
    }

    /// From here on this happens after each request.
    fn when(&self, event: impl FnMut(&mut Vec<(u8, u64)>, usize) + Send + 'static) {
        *self.event.lock().unwrap() = Box::new(event);
    }

    /// All of them have changed, in their order.
    fn touch_all(&self) {
        self.records.lock().unwrap().iter_mut().for_each(|(id, revision)| *revision = u64::from(*id) + 50);
    }

    fn quiet(&self) {
        self.when(|_, _| {});
    }

    fn applied(&self, members: &str, transfer: &str) -> TestEnvironment {
        let source = format!(
            "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", retry: {{attempts: 3}}, \
             dataTypes: {{people: {{records: items, {members}}}}}}}}}",
            self.server.url()
        );
        let shop =
            Shop { source: &source, transfer, updates: "created, updated, deleted", ..Shop::default() };
        shop.applied()
    }

    /// The pages that were asked for since the last time.
    fn pages(&self) -> String {
        let pages = self.server.asked("page").join(" ");
        self.server.forget();
        pages
    }
}

const BY_TOTAL: &str = "pagination: {page: page, size: {size: 2}, total: total}";
const BY_SIZE: &str = "pagination: {page: page, size: {size: 2}}";
const ORDERED: &str = "pagination: {page: page, size: {size: 2}}, incremental: {field: at, param: since, format: integer, ordered: true}";
const SNAPSHOT: &str = "deletes: {snapshot: {maxShare: 100%}}";

/// A record of the first page that is touched moves to the end.
fn touch(records: &mut Vec<(u8, u64)>, revision: u64) {
    let (id, _) = records.remove(0);
    records.push((id, revision));
}

#[test]
fn a_window_that_shifted_once_is_read_again_within_the_run() {
    let service = Service::start(1..=5);
    let environment = service.applied(BY_TOTAL, SNAPSHOT);
    run(&environment);
    service.pages();
    // A record goes while the second page is asked for; what moves into its place is not shown.
    service.when(|records, asked| {
        if asked == 4 {
            records.remove(0);
        }
    });
    assert_says(&environment.ok("run"), &["succeeded"]);
    assert_eq!(rows(&environment, "name"), "2=r2 3=r3 4=r4 5=r5", "what is gone went, and nothing else did");
    assert_eq!(service.pages(), "1 2 1 2");
}

#[test]
fn a_record_that_was_skipped_comes_although_the_service_answers_in_order() {
    let service = Service::start(1..=6);
    let environment = service.applied(ORDERED, "");
    service.when(|records, asked| {
        if asked == 1 {
            touch(records, 9);
        }
    });
    assert_eq!(run(&environment), "fetched 12, created 6, updated 1, unchanged 5");
    assert_eq!(rows(&environment, "name"), "1=r9 2=r2 3=r3 4=r4 5=r5 6=r6");
}

#[test]
fn a_window_that_shifts_each_time_is_held_until_a_person_accepts_it() {
    for (members, transfer) in [(ORDERED, ""), (BY_SIZE, SNAPSHOT)] {
        let service = Service::start(1..=6);
        let environment = service.applied(members, transfer);
        run(&environment);
        service.touch_all();
        let mut revision = 100;
        // One that is touched each time, so that it is shown on two pages.
        let shifts = move |records: &mut Vec<(u8, u64)>, _: usize| {
            revision += 1;
            for (_, at) in records.iter_mut() {
                *at = revision;
            }
            records.rotate_left(1);
        };
        service.pages();
        service.when(shifts);
        let told = environment.ok("run");
        let held = "its pages were read 3 times and shifted each time: a record of page";
        assert_says(&told, &["people is held", held, "came again on page", "raccord approve"]);
        let status = environment.ok("status");
        assert_says(&status, &["people is held", held]);
        assert_says(&environment.ok("runs"), &["held", held]);
        service.quiet();
        // No row went, and the next run begins where this one began.
        assert_eq!(rows(&environment, "name").split(' ').count(), 6);
        let id = environment.json("runs --output json --limit 1")[0]["id"].as_str().unwrap().to_owned();
        let accepted = environment.ok(&format!("approve {id}"));
        assert_says(&accepted, &[&format!("the run {id} is approved")]);
        assert_eq!(rows(&environment, "name").split(' ').count(), 6, "what was accepted deletes nothing");
        assert_says(&environment.ok("run"), &["succeeded"]);
    }
}

#[test]
fn a_held_window_moves_no_cursor_and_is_begun_again() {
    let service = Service::start(1..=6);
    let environment = service.applied(ORDERED, "");
    run(&environment);
    service.touch_all();
    let mut revision = 100;
    service.when(move |records, _| {
        revision += 1;
        touch(records, revision);
    });
    assert_says(&environment.ok("run"), &["people is held"]);
    service.quiet();
    service.server.forget();
    environment.ok("run");
    assert_eq!(service.server.asked("since").first().map(String::as_str), Some("6"));
    let truth: Vec<_> = service.records.lock().unwrap().clone();
    let mut expected: Vec<String> = truth.iter().map(|(id, revision)| format!("{id}=r{revision}")).collect();
    expected.sort();
    assert_eq!(rows(&environment, "name"), expected.join(" "));
}

#[test]
fn a_key_twice_in_one_answer_or_under_two_parents_is_no_shift() {
    let service = Service::start([1, 1, 2]);
    let environment = service.applied(BY_SIZE, SNAPSHOT);
    environment.ok("run");
    assert_eq!(service.pages(), "1 2");
    let server = HttpServer::start(|request| {
        let page = request.number("page").unwrap();
        let people = if request.path == "/teams" || page > 1 { "" } else { r#"{"id":"7","name":"Ann"}"# };
        match request.path.as_str() {
            "/teams" if page == 1 => http_server::json(r#"{"items":[{"id":1},{"id":2}],"total":2}"#),
            _ => http_server::json(format!(r#"{{"items":[{people}],"total":1}}"#)),
        }
    });
    let pages = "records: items, pagination: {page: page}";
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", dataTypes: {{teams: {{{pages}}}, \
         people: {{path: \"/teams/{{parent.id}}/people\", parent: teams, {pages}}}}}}}}}",
        server.url()
    );
    let environment = Shop { source: &source, ..Shop::default() }.applied();
    environment.ok("run");
}

#[test]
fn parents_on_pages_that_shift_are_read_again() {
    let teams = Arc::new(Mutex::new((1..=4).collect::<Vec<u8>>()));
    let known = Arc::clone(&teams);
    let is_first = Mutex::new(true);
    let server = HttpServer::start(move |request| {
        let Some(team) = request.path.strip_prefix("/teams/") else {
            let page = request.number("page").unwrap();
            let mut teams = known.lock().unwrap();
            let shown: Vec<String> =
                teams.iter().skip((page - 1) * 2).take(2).map(|id| format!("{{\"id\":{id}}}")).collect();
            // The first team moves to the end, and the third into its page.
            if std::mem::take(&mut *is_first.lock().unwrap()) {
                teams.rotate_left(1);
            }
            return http_server::json(format!("[{}]", shown.join(",")));
        };
        let team = team.trim_end_matches("/people");
        http_server::json(format!(r#"[{{"id":"{team}","name":"N{team}"}}]"#))
    });
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", dataTypes: {{teams: {{{BY_SIZE}}}, \
         people: {{path: \"/teams/{{parent.id}}/people\", parent: teams}}}}}}}}",
        server.url()
    );
    let environment = Shop { source: &source, ..Shop::default() }.applied();
    environment.ok("run");
    assert_eq!(rows(&environment, "name"), "1=N1 2=N2 3=N3 4=N4");
}
