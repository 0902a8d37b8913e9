//! What the pages cost the daemon with thousands of transfers and much stored: bytes are asserted, CPU seconds are printed and no
//! part of a verdict. `cargo xtask pages` does it with the release binary on 5,000 transfers and 1,000,000 records.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::api::listening;
use crate::console::person::Person;
use crate::daemon::wait_for_generation;
use crate::environment::TestEnvironment;

/// The most that a page may have, in bytes.
const MOST: usize = 200_000;

/// How many entities a project has.
const ENTITIES: usize = 25;

/// How many transfers read from one source.
const OF_ONE_SOURCE: usize = 100;

/// How many records of the large entity are rejected.
const REJECTED: usize = 100;

/// How much there is, and how often each page is asked for.
struct Size {
    transfers: usize,
    records: usize,
    times: u32,
    open: Duration,
}

impl Size {
    /// Much when a recipe says how much; little otherwise.
    fn new() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
        match (number("RACCORD_PAGES_TRANSFERS"), number("RACCORD_PAGES_RECORDS")) {
            (Some(transfers), Some(records)) => {
                Self { transfers, records, times: 20, open: Duration::from_mins(1) }
            }
            _ => Self { transfers: 60, records: 3_000, times: 1, open: Duration::from_secs(1) },
        }
    }

    fn project(&self) -> TestEnvironment {
        let environment = TestEnvironment::new();
        let mut yaml = String::from(STACK);
        for number in 0..self.transfers.div_ceil(ENTITIES) {
            write!(yaml, "---\napiVersion: raccord/v1\nkind: Project\nmetadata: {{name: p{number}}}\nspec:\n  entities:\n").unwrap();
            for entity in 0..ENTITIES {
                writeln!(yaml, "    e{entity}: {{key: id, fields: {{id: integer, name: text, email: email, city: text}}}}").unwrap();
            }
        }
        for number in 0..self.transfers.div_ceil(OF_ONE_SOURCE) {
            write!(yaml, "{}", SOURCE.replace("NUMBER", &number.to_string())).unwrap();
        }
        for number in 0..self.transfers {
            let data_type = if number == 0 { "many" } else { "one" };
            let integration = INTEGRATION
                .replace("NUMBER", &number.to_string())
                .replace("SOURCE", &(number / OF_ONE_SOURCE).to_string())
                .replace("DATA", data_type)
                .replace("PROJECT", &(number / ENTITIES).to_string())
                .replace("ENTITY", &(number % ENTITIES).to_string());
            yaml.push_str(&integration);
        }
        environment.write("conf/all.yaml", &yaml);
        let line =
            |number: usize, email: &str| format!("{number},Person {number},{email},City {}\n", number % 500);
        let head = "id,name,email,city\n";
        environment.write("conf/one.csv", &format!("{head}{}", line(1, "p1@example.org")));
        let mut many = String::from(head);
        for number in 0..self.records - (self.transfers - 1) {
            many.push_str(&line(number, &format!("p{number}@example.org")));
        }
        for number in 0..REJECTED {
            many.push_str(&line(self.records + number, "none"));
        }
        environment.write("conf/many.csv", &many);
        environment
    }

    /// The pages, and the routes of the API that answer the same.
    fn places(&self) -> Vec<String> {
        let (middle, last) = (self.transfers / 2, (self.transfers / 50).max(1));
        let (project, entity) = (middle / ENTITIES, middle % ENTITIES);
        let fixed = [
            "/",
            "/transfers/t0",
            "/records",
            "/records/p0.e0",
            "/records/p0.e0/record?key=1234",
            "/rejects",
            "/changes",
            "/changes/1",
            "/changes/1/rollback",
            "/graph",
            "/audit",
        ];
        let mut places: Vec<String> = fixed.iter().map(ToString::to_string).collect();
        places.extend([
            format!("/?q=t{middle}"),
            format!("/?status=active&page={last}"),
            format!("/integrations/i{middle}"),
            format!("/transfers/t{middle}"),
            format!("/records?q=p{project}.e{entity}"),
            format!("/records?page={last}"),
            format!("/records/p{project}.e{entity}"),
            format!("/records/p0.e0?field=id&value={}", self.records / 2),
            "/records/p0.e0?field=name&value=Person+999999999".to_owned(),
            format!("/graph?q=t{middle}"),
            format!("/v1/status?integration=i{middle}"),
            "/v1/status?held".to_owned(),
            "/v1/entities?limit=50".to_owned(),
            "/v1/records/p0.e0?limit=50".to_owned(),
            "/v1/rejects/groups?limit=50".to_owned(),
        ]);
        places
    }
}

const STACK: &str = "apiVersion: raccord/v1
kind: Stack
metadata: {name: pages}
spec: {limits: {parallelTransfers: 16, perSource: 4}}
";

const SOURCE: &str = "---
apiVersion: raccord/v1
kind: Source
metadata: {name: sNUMBER}
spec: {connector: file, config: {dataTypes: {many: {path: many.csv}, one: {path: one.csv}}}}
";

const INTEGRATION: &str = "---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: tNUMBER}
spec:
  source: sSOURCE
  dataType: DATA
  to: pPROJECT.eENTITY
  active: true
  schedule: 24h
  mapping: {primaryKey: {id: id}, fields: {name: name, email: {from: email, transform: [trim, lowercase]}, city: city}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: iNUMBER, labels: {team: sales}}
spec: {active: true, subscriptions: {tNUMBER: [created, updated]}}
";

#[test]
fn pages_stay_small_and_cheap_with_much_of_everything() {
    let size = Size::new();
    let environment = size.project();
    let begun = Instant::now();
    environment.ok("apply -f conf --auto-approve");
    // The rejected records are told by the exit code.
    environment.run("run");
    println!(
        "{} transfers, {} records: applied and run in {:.0?}",
        size.transfers,
        size.records,
        begun.elapsed()
    );
    let (daemon, base) = listening(&environment, "watch --from api --listen 127.0.0.1:0");
    wait_for_generation(&environment, 1);
    let person = Person::sign_in(&environment, daemon, &base);
    come_to_rest(&person);
    for place in size.places() {
        let bytes = person.get(&place);
        let before = person.cpu();
        for _ in 0..size.times {
            person.get(&place);
        }
        let each = (person.cpu() - before) * 1_000.0 / f64::from(size.times);
        println!("{place:60} {each:6.1} ms {:7.1} kB", f64::from(u32::try_from(bytes).unwrap()) / 1_000.0);
        assert!(bytes < MOST, "{place}: {bytes} bytes");
    }
    open_page(&size, &person);
}

/// Waits until the daemon has done what it does at its start: that is no page's work.
fn come_to_rest(person: &Person) {
    const LOOK: Duration = Duration::from_secs(2);
    for _ in 0..300 {
        let before = person.cpu();
        std::thread::sleep(LOOK);
        if person.cpu() - before < 0.02 * LOOK.as_secs_f64() {
            return;
        }
    }
    panic!("the daemon does not come to rest");
}

/// What a page costs that is left open, without news and with news all the time: then it asks for itself again at the pace that
/// it says itself.
fn open_page(size: &Size, person: &Person) {
    let share = |before: f64| 100.0 * (person.cpu() - before) / size.open.as_secs_f64();
    let before = person.cpu();
    std::thread::sleep(size.open);
    let alone = share(before);
    let stream = person.connect("GET", "/events", "", "");
    let before = person.cpu();
    std::thread::sleep(size.open);
    let open = share(before);
    println!("of a core: {alone:.2}% without a page, {open:.2}% with one that hears of no news");
    for path in [
        "/",
        &format!("/integrations/i{}", size.transfers / 2),
        &format!("/transfers/t{}", size.transfers / 2),
    ] {
        let page = person.send("GET", path, "", "");
        let (_, live) = page.split_once("data-live=\"").unwrap();
        let interval = Duration::from_secs(live.split('"').next().unwrap().parse().unwrap());
        let (begun, before) = (Instant::now(), person.cpu());
        while begun.elapsed() < size.open {
            person.send("GET", path, "raccord-live: 1\r\n", "");
            std::thread::sleep(interval);
        }
        println!("of a core: {:.2}% with {path} open and news all the time", share(before));
    }
    drop(stream);
}
