//! Generated configurations with documents of every kind, small to shrink: numbers choose among forms.

use fastrand::Rng;
use proptest::collection::vec;
use proptest::prelude::*;
use raccord_model::language::FieldType;
use serde_json::{Map, Value, json};

/// A configuration: a stack, two projects, and sources with what hangs on them.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    stack: u8,
    lines: Vec<Line>,
}

/// One source, its transfer into an entity of its own, and an integration of both.
#[derive(Debug, Clone)]
struct Line {
    fields: Vec<u8>,
    is_composite: bool,
    source: u8,
    authorization: u8,
    transfer: u8,
    updates: u8,
    integration: u8,
}

pub(crate) fn shape() -> impl Strategy<Value = Shape> {
    let line = (vec(0..36_u8, 0..6), any::<bool>(), any::<[u8; 5]>());
    let line =
        line.prop_map(|(fields, is_composite, [source, authorization, transfer, updates, integration])| {
            Line { fields, is_composite, source, authorization, transfer, updates, integration }
        });
    (0..4_u8, vec(line, 1..4)).prop_map(|(stack, lines)| Shape { stack, lines })
}

/// One of some forms.
fn choose(forms: &[Value], by: u8) -> Value {
    forms[usize::from(by) % forms.len()].clone()
}

fn document(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "raccord/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

impl Shape {
    /// The documents; what may stand inline or by name stands by name when that is asked for.
    pub(crate) fn documents(&self, by_name: bool) -> Vec<Value> {
        let mut entities = [Map::new(), Map::new()];
        let mut documents = vec![self.stack()];
        for (number, line) in self.lines.iter().enumerate() {
            entities[number % 2].insert(format!("e{number}"), line.entity());
            documents.extend(line.documents(number, by_name));
        }
        for (number, entities) in
            entities.into_iter().enumerate().filter(|(_, entities)| !entities.is_empty())
        {
            documents.push(document("Project", &format!("p{number}"), &json!({"entities": entities})));
        }
        documents
    }

    fn stack(&self) -> Value {
        let mail = json!({"host": "mail.example", "from": "a@example.com", "username": "me", "password": "${env:MAIL}"});
        let forms = [
            json!({}),
            json!({"variables": {"HOST": "a.example"}, "language": "fr"}),
            json!({"mail": mail, "limits": {"perSource": 1}}),
            json!({"language": "en"}),
        ];
        document("Stack", "laws", &choose(&forms, self.stack))
    }
}

impl Line {
    fn entity(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("id".to_owned(), choose(&[json!("text"), json!({"type": "integer"})], self.source));
        fields.insert("part".to_owned(), json!("date"));
        fields.insert("extra".to_owned(), json!({"type": "text", "maxLength": 20}));
        for (number, form) in self.fields.iter().enumerate() {
            let kind = FieldType::ALL[usize::from(*form) % 12];
            let mut field = json!({"type": kind.as_str()});
            if matches!(kind, FieldType::Choice | FieldType::Choices) {
                field["options"] = json!(["no", "silver", "gold"]);
            }
            match form / 12 {
                1 => field["required"] = true.into(),
                2 if kind == FieldType::Text => field["default"] = "007".into(),
                2 if kind == FieldType::Boolean => field["default"] = false.into(),
                _ => {}
            }
            fields.insert(format!("f{number}"), field);
        }
        let key = if self.is_composite { json!(["id", "part"]) } else { json!("id") };
        json!({"key": key, "fields": fields})
    }

    fn documents(&self, number: usize, by_name: bool) -> Vec<Value> {
        let mut documents = Vec::new();
        let mut place = |kind: &str, name: String, spec: Value| {
            if !by_name {
                return spec;
            }
            documents.push(document(kind, &name, &spec));
            Value::from(name)
        };
        // Files are read without proving who we are.
        let is_file = self.source.is_multiple_of(3);
        let authorization = if is_file {
            Value::Null
        } else {
            place("Authorization", format!("s{number}"), self.authorization())
        };
        let mapping = place("Mapping", format!("m{number}"), self.mapping());
        let updates = place("Subscription", format!("u{number}"), self.updates());
        let alert =
            place("Alert", format!("a{number}"), json!({"email": ["b@example.com", "a@example.com"]}));
        let mut transfer = self.transfer(number);
        transfer["mapping"] = mapping;
        let mut enriching =
            json!({"source": format!("s{number}"), "dataType": "rows", "mode": "enrich", "active": true});
        enriching["to"] = transfer["to"].clone();
        let mut mapping = self.mapping();
        mapping["fields"] = json!({"extra": {"from": "e", "transform": ["trim"]}});
        enriching["mapping"] = mapping;
        documents.extend([
            document("Source", &format!("s{number}"), &self.source(&authorization)),
            document("Transfer", &format!("t{number}"), &transfer),
            document("Transfer", &format!("x{number}"), &enriching),
            document("Integration", &format!("i{number}"), &self.integration(number, &updates, &alert)),
        ]);
        documents
    }

    fn source(&self, authorization: &Value) -> Value {
        if self.source.is_multiple_of(3) {
            let forms = [
                json!({"path": "data/rows.csv"}),
                json!({"path": "rows-*.jsonl.gz"}),
                json!({"path": "a.json", "records": "a.b"}),
            ];
            let rows = choose(&forms, self.source / 3);
            return json!({"connector": "file", "config": {"dataTypes": {"rows": rows}}});
        }
        let forms = [
            json!({}),
            json!({"records": "data", "pagination": {"nextUrl": "links.next"}}),
            json!({"records": "data", "pagination": {"nextUrl": {"header": "Next-Page"}}}),
            json!({"pagination": {"link": "next"}}),
            json!({"records": "items", "pagination": {"page": "page", "from": 0, "size": {"per_page": 100}}}),
            json!({"records": "items", "pagination": {"offset": "offset", "size": {"limit": 50}, "total": "count"}}),
            json!({"records": "data", "pagination": {"cursor": "meta.next", "param": "cursor"}}),
            json!({"records": "data", "pagination": {"cursor": {"lastRecord": "id"}, "param": "after", "while": "more"}}),
            json!({"method": "POST", "body": {"q": "all", "page": "{{ page }}"}, "records": "hits", "pagination": {"page": {"body": "page"}}}),
            json!({"records": {"path": "d", "missing": "empty"}, "errors": {"path": "fault", "retry": true},
                "pagination": {"page": "page", "total": {"header": "X-Total"}, "until": "done", "end": {"status": [404]}}}),
            json!({"records": "q.pages", "pagination": {"cursor": "continue", "complete": {"path": "done", "key": "pageid"}}}),
            json!({"incremental": {"field": "at", "param": "since"}, "pagination": {"by": "incremental", "size": {"n": 9}}}),
            json!({"path": "/c", "query": {"n": 1, "v": "1.10"}, "incremental": {"field": "at", "param": "since", "lookback": "5m"}}),
        ];
        let rows = choose(&forms, self.source / 3);
        let mut config = json!({"baseUrl": "https://a.example/v1", "dataTypes": {"rows": rows}});
        if self.source % 3 == 1 {
            config["rateLimit"] = "10/s".into();
            config["retry"] = json!({"attempts": 3, "wait": {"body": "ms", "unit": "ms"}});
            config["headers"] = json!({"Accept": "application/json"});
        }
        json!({"connector": "http", "authorization": authorization, "config": config})
    }

    fn authorization(&self) -> Value {
        let forms = [
            json!({"type": "none"}),
            json!({"type": "apiKey", "header": "X-Key", "prefix": "Token ", "value": "${env:KEY}"}),
            json!({"type": "apiKey", "query": "key", "value": "${file:key}"}),
            json!({"type": "apiKey", "headers": {"X-A": "${env:A}", "X-B": "${env:B}"}}),
            json!({"type": "bearer", "token": "${env:TOKEN}"}),
            json!({"type": "basic", "username": "me", "password": "${env:PASSWORD}"}),
            json!({"type": "basic", "username": "${env:USER}"}),
        ];
        choose(&forms, self.authorization)
    }

    fn mapping(&self) -> Value {
        let mut fields = Map::new();
        for (number, form) in self.fields.iter().enumerate() {
            let is_text = form % 12 == 0;
            let from = format!("a.b[{number}]");
            let value = match (is_text, form / 12) {
                (true, 0) => json!({"expr": "first ~ ' ' ~ last"}),
                (true, 1) => {
                    json!({"from": from, "transform": ["trim", {"truncate": 9}], "onEmpty": "reject"})
                }
                (_, 1) if form % 12 == 5 => json!({"from": from, "timezone": "America/Montreal"}),
                _ => json!(from),
            };
            fields.insert(format!("f{number}"), value);
        }
        let mut key = json!({"id": {"from": "id"}});
        if self.is_composite {
            key["part"] = json!("day");
        }
        json!({"primaryKey": key, "fields": fields})
    }

    fn transfer(&self, number: usize) -> Value {
        let mut spec = json!({"source": format!("s{number}"), "dataType": "rows", "active": true});
        spec["to"] = format!("p{}.e{number}", number % 2).into();
        let by = self.transfer;
        let deletes = [json!("none"), json!({"field": "gone"}), json!({"snapshot": {"maxShare": "20%"}})];
        spec["deletes"] = choose(&deletes, by);
        let schedules = [json!("15m"), json!({"cron": "0 6 * * 1-5", "timezone": "America/Montreal"})];
        if by & 4 > 0 {
            spec["schedule"] = choose(&schedules, by / 8);
        }
        if by & 16 > 0 {
            spec["version"] = "at".into();
        }
        if by & 32 > 0 {
            spec["rejects"] = json!({"payload": "drop", "maxAge": "7d"});
            spec["resync"] = "once".into();
        }
        if by & 64 > 0 {
            spec["active"] = false.into();
        }
        spec
    }

    /// Not nothing: the loader asks for at least one.
    fn updates(&self) -> Value {
        let all = ["created", "updated", "deleted"].into_iter().enumerate();
        let chosen: Vec<&str> =
            all.filter(|(at, _)| (self.updates % 7 + 1) & (1 << at) > 0).map(|(_, one)| one).collect();
        json!(chosen)
    }

    fn integration(&self, number: usize, updates: &Value, alert: &Value) -> Value {
        let mut spec = json!({"active": self.integration & 1 > 0});
        let mut subscriptions = Map::new();
        subscriptions.insert(format!("t{number}"), updates.clone());
        if self.integration & 2 > 0 {
            subscriptions.insert(format!("x{number}"), json!(["updated"]));
        }
        spec["subscriptions"] = subscriptions.into();
        spec["alerts"] = json!([alert, "ops@example.com"]);
        if self.integration & 4 > 0 {
            spec["breaker"] = json!({"consecutiveFailures": 3, "rejects": {"count": 9, "within": "2h"}});
        }
        spec
    }
}

/// The documents as texts of files, one below the other.
pub(crate) fn plain(documents: &[Value]) -> Vec<(String, String)> {
    let text: String = documents.iter().map(|document| format!("---\n{document}\n")).collect();
    vec![("a.yaml".to_owned(), text)]
}

/// The same over several files, with keys, set-like lists and documents in another order.
pub(crate) fn shuffled(documents: &[Value], seed: u64) -> Vec<(String, String)> {
    let mut rng = Rng::with_seed(seed);
    let mut documents = documents.to_vec();
    rng.shuffle(&mut documents);
    let mut files = std::collections::BTreeMap::<u8, String>::new();
    for document in &documents {
        let text = files.entry(rng.u8(..3)).or_default();
        text.push_str("---\n");
        write(document, "", &mut rng, text);
        text.push('\n');
    }
    files.into_iter().map(|(number, text)| (format!("{number}.yaml"), text)).collect()
}

/// Writes a value as JSON, which is YAML; `name` is the member it stands under.
fn write(value: &Value, name: &str, rng: &mut Rng, out: &mut String) {
    match value {
        Value::Array(items) => {
            let mut items: Vec<&Value> = items.iter().collect();
            let is_updates =
                items.iter().all(|item| matches!(item.as_str(), Some("created" | "updated" | "deleted")));
            if is_updates || ["options", "alerts", "email"].contains(&name) {
                rng.shuffle(&mut items);
            }
            out.push('[');
            for (at, item) in items.into_iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write(item, "", rng, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            rng.shuffle(&mut members);
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                out.push_str(&format!("{}: ", Value::from(name.as_str())));
                write(member, name, rng, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}
