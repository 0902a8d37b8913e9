//! The laws, on generated services, settings and misfortunes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use raccord_model::fact::{Run, RunOutcome};

use crate::configuration::Configuration;
use crate::form::{Form, Order, Paging, Signal, TokenPlace, Tokens};
use crate::service::{Change, Fault, Record, Service, Step};
use crate::world::{Rows, World};

/// How the transfer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Everything, every time; deletions are not learned of.
    Full,
    /// Everything, every time; what is no longer shown is deleted.
    Snapshot,
    /// What has changed since the last time.
    Incremental { is_ordered: bool },
    /// The same, and everything now and then.
    Both,
    /// Everything, or what has changed since the last time; a field says what is deleted.
    Field { is_incremental: bool },
    /// What the service says has changed since its token.
    Token {
        /// Whether a field says what is deleted.
        by_field: bool,
        /// Whether everything is read now and then.
        snapshot: bool,
    },
}

impl Mode {
    /// Whether every deletion is learned of in the end. What a service has forgotten that does not keep what is deleted,
    /// nothing tells.
    const fn learns_of_deletions(self, has_forgotten: bool) -> bool {
        match self {
            Self::Full | Self::Incremental { .. } => false,
            Self::Snapshot | Self::Both | Self::Field { .. } => true,
            Self::Token { by_field, snapshot } => snapshot || by_field && !has_forgotten,
        }
    }

    const fn by_token(self) -> bool {
        matches!(self, Self::Token { .. })
    }

    const fn by_field(self) -> bool {
        matches!(self, Self::Field { .. } | Self::Token { by_field: true, .. })
    }
}

/// A life of a transfer.
#[derive(Debug, Clone)]
struct Life {
    form: Form,
    mode: Mode,
    records: u32,
    lag: i64,
    /// What happens to each request of the bad times.
    script: Vec<Step>,
    /// What changes before each run of the bad times.
    changes: Vec<Vec<Change>>,
}

fn form() -> impl Strategy<Value = Form> {
    use Paging::{Cursor, Header, LastRecord, Link, NextUrl, Offset, Page, Value};
    use Signal::{Done, More, Nothing, Pages, PagesHeader, Total, TotalHeader};
    let paging = prop::sample::select(vec![
        Page, Page, Page, Offset, Offset, Offset, Cursor, Cursor, LastRecord, NextUrl, Link, Header, Value,
    ]);
    let signal = prop::sample::select(vec![Nothing, Total, TotalHeader, Pages, PagesHeader, More, Done]);
    let order = prop::sample::select(vec![Order::Id, Order::OldestFirst, Order::NewestFirst]);
    let traits = [0.3, 0.25, 0.3].map(prop::bool::weighted);
    let sizes = (1..5_usize, 1..5_usize);
    (paging, signal, order, sizes, traits, tokens()).prop_map(
        |(paging, signal, order, (asked, cap), [has_parents, keeps_deleted, continues], tokens)| {
            let (tokens, token_place) = (meaning(tokens.0, paging, order), tokens.1);
            let form = Form {
                paging,
                signal,
                order,
                asked,
                cap,
                has_parents,
                keeps_deleted,
                continues: continues && paging == Cursor,
                tokens,
                token_place,
            };
            if paging != Value {
                return form;
            }
            // Pages that follow values need them in their order, and room for more than one record.
            Form { order: Order::OldestFirst, asked: asked + 1, cap: cap + 1, has_parents: false, ..form }
        },
    )
}

fn tokens() -> impl Strategy<Value = (Tokens, TokenPlace)> {
    let meaning = prop::sample::select(vec![Tokens::Begin, Tokens::Now, Tokens::Position]);
    (meaning, prop::sample::select(vec![TokenPlace::Body, TokenPlace::Header]))
}

/// What tokens can mean: numbered pages and the ids of records carry nothing along, and only the order of changes is a
/// position.
fn meaning(wanted: Tokens, paging: Paging, order: Order) -> Tokens {
    let carries = matches!(paging, Paging::Cursor | Paging::NextUrl | Paging::Link | Paging::Header);
    match wanted {
        Tokens::Begin if carries => wanted,
        Tokens::Position if carries && order == Order::OldestFirst => wanted,
        _ => Tokens::Now,
    }
}

fn mode(form: Form) -> BoxedStrategy<Mode> {
    let follows_values = form.paging == Paging::Value;
    // Behind a cursor, newest first, a record that changes while it is read is shown nowhere, and nothing tells: a service
    // that is read so can be asked for changes, and not for what is gone.
    let hides_changes = form.order == Order::NewestFirst && !form.is_by_position();
    if form.keeps_deleted {
        let field = any::<bool>().prop_map(move |it| Mode::Field { is_incremental: it || follows_values });
        return if follows_values {
            field.boxed()
        } else {
            prop_oneof![field, by_token(form, hides_changes)].boxed()
        };
    }
    let is_ordered = form.order == Order::OldestFirst;
    if follows_values {
        let ordered = any::<bool>().prop_map(|is_ordered| Mode::Incremental { is_ordered });
        return prop_oneof![ordered, Just(Mode::Both)].boxed();
    }
    prop_oneof![
        2 => by_token(form, hides_changes),
        1 => Just(Mode::Full),
        1 => Just(if hides_changes { Mode::Full } else { Mode::Snapshot }),
        1 => any::<bool>().prop_map(move |ordered| Mode::Incremental { is_ordered: ordered && is_ordered }),
        1 => Just(if hides_changes { Mode::Incremental { is_ordered: false } } else { Mode::Both }),
    ]
    .boxed()
}

fn by_token(form: Form, hides_changes: bool) -> impl Strategy<Value = Mode> {
    // What is deleted stands among the records there.
    let is_shown = form.keeps_deleted || form.tokens == Tokens::Position;
    (any::<bool>(), any::<bool>()).prop_map(move |(by_field, snapshot)| Mode::Token {
        by_field: by_field || is_shown,
        snapshot: snapshot && !hides_changes,
    })
}

fn change(form: Form, mode: Mode) -> impl Strategy<Value = Change> {
    // A deletion moves the pages behind it without a trace where neither a total nor `more` says so.
    let can_delete = !form.is_by_position() || form.signal.is_total() || form.keeps_deleted;
    // The records of a parent that goes are not shown as deleted, but not at all.
    let can_delete_parent = form.has_parents && can_delete && !form.keeps_deleted;
    prop_oneof![
        3 => Just(Change::Create),
        1 => Just(if mode.by_token() { Change::Expire } else { Change::Create }),
        3 => (0..20_usize).prop_map(Change::Update),
        3 => (0..20_usize).prop_map(move |at| if can_delete { Change::Delete(at) } else { Change::Update(at) }),
        1 => Just(if form.has_parents { Change::CreateParent } else { Change::Create }),
        1 => (0..4_usize).prop_map(move |at| if can_delete_parent { Change::DeleteParent(at) } else { Change::Update(at) }),
    ]
}

fn fault(form: Form, mode: Mode) -> impl Strategy<Value = Fault> {
    use Fault::{
        EmptyPage, ErrorBody, FirstPage, Html, Limited, NoRecords, NoToken, NullRecords, Status, Truncated,
        UnreadableNext, UnreadableToken,
    };
    let statuses = [400, 403, 404, 408, 409, 410, 422, 429, 500, 503].map(Status);
    let mut faults = vec![ErrorBody, Html, Limited, NoRecords, NullRecords, Truncated, FirstPage];
    faults.extend(statuses);
    if form.tells_the_end() {
        faults.extend([EmptyPage, UnreadableNext]);
    }
    if mode.by_token() {
        faults.extend([NoToken, UnreadableToken]);
    }
    prop::sample::select(faults)
}

fn life() -> impl Strategy<Value = Life> {
    let kinds = form().prop_flat_map(|form| (Just(form), mode(form)));
    kinds.prop_flat_map(|(form, mode)| {
        let amid = prop::option::weighted(0.12, change(form, mode));
        let step = (amid, prop::option::weighted(0.12, fault(form, mode)));
        let changes = vec(vec(change(form, mode), 0..4), 1..5);
        // A record that is found later than it changed is not in the order of its values.
        let lag = if form.paging == Paging::Value { 0..1_i64 } else { 0..4_i64 };
        (Just(form), Just(mode), 0..12_u32, lag, vec(step, 0..30), changes).prop_map(
            |(form, mode, records, lag, script, changes)| Life { form, mode, records, lag, script, changes },
        )
    })
}

fn pagination(form: Form) -> String {
    let Form { paging, signal, asked, continues, .. } = form;
    let signal = match signal {
        Signal::Nothing => "",
        Signal::Total => ", total: total",
        Signal::TotalHeader => ", total: {header: X-Total}",
        Signal::Pages => ", pages: pages",
        Signal::PagesHeader => ", pages: {header: X-Pages}",
        Signal::More => ", while: more",
        Signal::Done => ", until: done",
    };
    let complete = if continues { ", complete: complete" } else { "" };
    let size = format!("size: {{limit: {asked}}}");
    match paging {
        Paging::Page => format!("{{page: page, {size}{signal}}}"),
        Paging::Offset => format!("{{offset: offset, {size}{signal}}}"),
        Paging::Cursor => format!("{{cursor: next, param: after, {size}{complete}}}"),
        Paging::LastRecord => format!("{{cursor: {{lastRecord: at}}, param: after, while: more, {size}}}"),
        Paging::NextUrl => format!("{{nextUrl: next, {size}}}"),
        Paging::Link => format!("{{link: next, {size}}}"),
        Paging::Header => format!("{{nextUrl: {{header: Next-Page}}, {size}}}"),
        Paging::Value => format!("{{by: incremental, {size}}}"),
    }
}

fn configuration(life: &Life) -> String {
    let pagination = pagination(life.form);
    let incremental = |ordered: bool| {
        format!(
            ", incremental: {{field: updated, param: since, format: unix, lookback: {}s, ordered: {ordered}}}",
            life.lag + 1
        )
    };
    let (incremental, deletes) = match life.mode {
        Mode::Full => (String::new(), "none"),
        Mode::Snapshot => (String::new(), "{snapshot: {maxShare: 100%}}"),
        Mode::Incremental { is_ordered } => (incremental(is_ordered), "none"),
        Mode::Both => (incremental(false), SNAPSHOT),
        Mode::Field { is_incremental } => {
            let incremental = if is_incremental { incremental(false) } else { String::new() };
            (incremental, FIELD)
        }
        Mode::Token { by_field, snapshot } => {
            let deletes = match (by_field, snapshot) {
                (false, false) => "none",
                (true, false) => FIELD,
                (false, true) => SNAPSHOT,
                (true, true) => {
                    "[{field: {path: gone, maxShare: 100%}}, {snapshot: {every: 1m, maxShare: 100%}}]"
                }
            };
            (since_token(life.form), deletes)
        }
    };
    let items = format!("records: data, pagination: {pagination}{incremental}");
    let data_types = if life.form.has_parents {
        format!(
            "parents: {{records: data}}, items: {{path: '/parents/{{parent.id}}/items', parent: parents, {items}}}"
        )
    } else {
        format!("items: {{{items}}}")
    };
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: 'BASE', maxPages: 400, retry: {{attempts: 3, \
         maxWait: 0s}}, dataTypes: {{{data_types}}}}}}}"
    );
    Configuration { source: &source, deletes, ..Configuration::default() }.yaml()
}

const SNAPSHOT: &str = "{snapshot: {every: 1m, maxShare: 100%}}";
const FIELD: &str = "{field: {path: gone, maxShare: 100%}}";

fn since_token(form: Form) -> String {
    let place = match form.token_place {
        TokenPlace::Header => "header: Sync-Token",
        TokenPlace::Body => "body: token",
    };
    let page = if form.tokens == Tokens::Position { "last" } else { "first" };
    format!(", incremental: {{token: {{{place}, page: {page}}}, param: token}}")
}

/// What was there before a run, and has not changed since.
fn untouched(before: &BTreeMap<u32, Record>, after: &BTreeMap<u32, Record>) -> Rows {
    let same = before.iter().filter(|(id, record)| after.get(id) == Some(record));
    same.map(|(id, record)| (*id, record.name.clone())).collect()
}

/// What is there all the while.
fn throughout(before: &BTreeMap<u32, Record>, after: &BTreeMap<u32, Record>) -> BTreeSet<u32> {
    before.keys().filter(|id| after.contains_key(id)).copied().collect()
}

/// Raccord and the service in the course of a life.
struct Course {
    world: World,
    rows: Rows,
    /// The records when the reading began that has not succeeded yet: a later run may go on with it.
    begun: Option<BTreeMap<u32, Record>>,
}

impl Course {
    /// Runs once; what was read and what went must be right, however the run ended.
    fn run(&mut self) -> Run {
        let before = self.records();
        let begun = self.begun.get_or_insert_with(|| before.clone()).clone();
        let run = self.world.run();
        let after = self.records();
        let found = self.world.rows();
        for id in throughout(&before, &after) {
            assert!(
                !self.rows.contains_key(&id) || found.contains_key(&id),
                "the row {id} went, and the service had its record all the while: {run:#?}"
            );
        }
        if run.outcome == RunOutcome::Succeeded {
            for (id, name) in untouched(&begun, &after) {
                assert_eq!(
                    found.get(&id),
                    Some(&name),
                    "the run is green and missed the record {id}: {run:#?}"
                );
            }
            self.begun = None;
        }
        self.rows = found;
        run
    }

    fn records(&self) -> BTreeMap<u32, Record> {
        let mut records = self.world.service.lock().unwrap().records.clone();
        records.retain(|_, record| !record.is_deleted);
        records
    }

    /// After enough healthy runs the entity is the truth, and the last of them is green.
    fn settle(mut self, life: &Life) {
        self.world.service.lock().unwrap().script.clear();
        let mut last = None;
        for _ in 0..HEALTHY_RUNS {
            self.world.service.lock().unwrap().now += 100;
            let run = self.run();
            // What is held in good times is a deletion that the service has made: a person agrees.
            if matches!(run.outcome, RunOutcome::Held(_)) {
                self.world.approve(&run);
                self.rows = self.world.rows();
            }
            last = Some(run.outcome);
        }
        let service = self.world.service.lock().unwrap();
        assert_eq!(last, Some(RunOutcome::Succeeded), "{service:#?}");
        let there = service.records.iter().filter(|(_, record)| !record.is_deleted);
        let truth: Rows = there.map(|(id, record)| (*id, record.name.clone())).collect();
        let has_forgotten = service.has_forgotten && !life.form.keeps_deleted;
        if !life.mode.learns_of_deletions(has_forgotten) {
            self.rows.retain(|id, _| truth.contains_key(id));
        }
        assert_eq!(self.rows, truth);
    }
}

/// After how many healthy runs the entity must be the truth.
const HEALTHY_RUNS: usize = 4;

/// Lives through the bad times, then the good ones.
fn check(life: &Life) {
    let mut service = Service::new(life.form, life.records, life.lag);
    service.script = life.script.clone();
    service.tells_deletions = life.mode.by_field();
    let world = World::new(service, &configuration(life));
    let mut course = Course { world, rows: Rows::new(), begun: None };
    for changes in &life.changes {
        {
            let mut service = course.world.service.lock().unwrap();
            service.now += 40;
            for change in changes {
                service.change(*change);
            }
            // What is not shown yet when a run begins is no part of what it can miss.
            service.now += life.lag;
        }
        course.run();
    }
    course.settle(life);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_reading_proves_only_what_it_saw(life in life()) {
        check(&life);
    }
}
