//! The pages of records, rejects, changes, the graph and the audit log, as a browser asks for them: over real HTTP, with a
//! session, on a real state.

use raccord_model::fact::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::foreign_corpus::CORPUS;
use crate::stage::{Answer, Server, send, shop};

/// A person who is signed in.
pub(crate) struct Person<'s> {
    server: &'s Server,
    cookie: String,
    language: &'static str,
}

impl<'s> Person<'s> {
    pub(crate) async fn with(server: &'s Server, name: &str, roles: &[Role]) -> Self {
        let token = server.token(name, roles).await;
        let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("token", &token).finish();
        let request = server.request(Method::POST, "/sign-in").header("sec-fetch-site", "same-origin");
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = client.build().unwrap().execute(request.build().unwrap()).await.unwrap();
        assert_eq!(answer.status(), 303);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        Self { server, cookie: cookie.split(';').next().unwrap().to_owned(), language: "en" }
    }

    async fn get(&self, path: &str) -> Answer {
        let request = self.server.request(Method::GET, path).header("cookie", &self.cookie);
        send(request.header("accept-language", self.language)).await
    }

    /// The text of a page that is there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await.expect(200);
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        answer.text
    }

    /// Sends a form as a page has it.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.page("/audit").await;
        let csrf = between(&page, "name=\"csrf\" value=\"", "\"").to_owned();
        let answer = self.send(path, &csrf, fields).await;
        // What was done leads to a page, where a browser goes.
        if answer.status == 303 { self.get(answer.header("location")).await } else { answer }
    }

    async fn send(&self, path: &str, csrf: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("csrf", csrf).extend_pairs(fields);
        let request = self.server.request(Method::POST, path).header("cookie", &self.cookie);
        let request = request.header("sec-fetch-site", "same-origin");
        send(request.header("content-type", "application/x-www-form-urlencoded").body(body.finish())).await
    }
}

/// What stands between two texts, the first time.
#[track_caller]
pub(crate) fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap_or_else(|| panic!("no {after} after {before}")).0
}

#[track_caller]
pub(crate) fn expect(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "no {text} in {page}");
    }
}

/// A server on which a file was read once.
pub(crate) async fn with_file(documents: &Value, name: &str, text: &str) -> Server {
    let server = Server::start().await;
    let token = server.token("setup", &Role::ALL).await;
    server.write(name, text);
    send(server.post("/v1/apply?serial=0", &token, documents)).await.expect(200);
    run(&server, &token).await;
    server
}

pub(crate) async fn run(server: &Server, token: &str) {
    send(server.request(Method::POST, "/v1/integrations/shop/run").bearer_auth(token)).await.expect(200);
}

/// The shop, whose entity wants an email.
fn strict() -> Value {
    let mut documents = shop("");
    documents["documents"][0]["spec"]["entities"]["customer"]["fields"]["email"] =
        json!({ "type": "text", "required": true });
    documents
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_listed_searched_explained_and_downloaded() {
    let rows: String = (0..60).map(|at| format!("{at:02},c{at}@example.com\n")).collect();
    let server = with_file(&shop(""), "customers.csv", &format!("id,email\n{rows}zz,=1+1\n")).await;
    let person = Person::with(&server, "ann", &[Role::Read]).await;
    expect(&person.page("/records").await, &["shop.customer", "61", "embedded"]);
    let first = person.page("/records/shop.customer").await;
    expect(&first, &["c0@example.com", "c49@example.com", "Next page"]);
    assert!(!first.contains("c50@example.com"));
    let next = between(&first, "rel=\"next\" href=\"", "\"").replace("&amp;", "&");
    let second = person.page(&next).await;
    expect(&second, &["c50@example.com", "=1+1", "First page"]);
    assert!(!second.contains("Next page"));
    let found = person.page("/records/shop.customer?field=email&value=c7@example.com").await;
    expect(&found, &["c7@example.com", "All records"]);
    assert!(!found.contains("c8@example.com"));
    let record = between(&found, "<td><a href=\"", "\"").replace("&amp;", "&");
    expect(&person.page(&record).await, &["c7@example.com", "exports", "customers", "Nothing was rejected"]);
    let csv = person.get("/records/shop.customer/download?form=csv").await.expect(200);
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"shop.customer.csv\"");
    assert!(
        csv.text.starts_with("id,email\r\n00,c0@example.com\r\n") && csv.text.ends_with("zz,'=1+1\r\n"),
        "{}",
        csv.text
    );
    let lines = person.get("/records/shop.customer/download?form=jsonl&field=id&value=zz").await.expect(200);
    assert_eq!(lines.text, "{\"id\":\"zz\",\"email\":\"=1+1\"}\n");
    for (path, status) in [
        ("/records/shop.order", 404),
        ("/records/shop.customer?field=nope&value=1", 400),
        ("/records/shop.customer?after=x", 400),
        ("/records/shop.order/download?form=csv", 404),
        ("/records/shop.customer/download?form=exe", 400),
        ("/records/shop.customer/record", 400),
    ] {
        person.get(path).await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_are_grouped_marked_and_replayed_after_a_question() {
    let server = with_file(&strict(), "customers.csv", "id,email\n1,zoe@example.com\n2,\n3,\n").await;
    let person = Person::with(&server, "ann", &[Role::Operate, Role::Apply]).await;
    let groups = person.page("/rejects").await;
    expect(&groups, &["customers", "<code>email</code>", "Replay all of customers…"]);
    let group = between(&groups, "href=\"/rejects/groups/", "\"").replace("&amp;", "&");
    let of_group = person.page(&format!("/rejects/groups/{group}")).await;
    let id = between(&of_group, "<a href=\"/rejects/", "\"");
    // A hidden link of the trail leads to the list itself.
    let id = if id.len() == 16 { id } else { between(&of_group, "<td><a href=\"/rejects/", "\"") };
    expect(&person.page(&format!("/rejects/{id}")).await, &["The record as it came", "email"]);
    // From now on the email may be missing.
    let token = server.token("ci", &[Role::Apply]).await;
    send(server.post("/v1/apply?serial=1", &token, &shop(""))).await.expect(200);
    person.post("/rejects/replay", &[("transfer", "customers")]).await.expect(400);
    let one = [("transfer", "customers"), ("id", id), ("sure", "on")];
    let done = person.post("/rejects/replay", &one).await.expect(200).text;
    expect(&done, &["1 replayed: 1 created"]);
    let all = [("transfer", "customers"), ("sure", "on")];
    expect(&person.post("/rejects/replay", &all).await.expect(200).text, &["1 replayed: 1 created"]);
    expect(&person.page("/rejects").await, &["No record is rejected."]);
    expect(&person.page("/audit").await, &[&format!("replay the reject {id} of customers"), "ann (token)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_shows_differences_and_the_way_back() {
    let server = with_file(&shop(""), "customers.csv", "id,email\n").await;
    let token = server.token("ci", &[Role::Apply]).await;
    send(server.post("/v1/apply?serial=1&commit=abc123", &token, &shop("city"))).await.expect(200);
    let person = Person::with(&server, "ann", &[Role::Apply]).await;
    expect(&person.page("/changes").await, &["ci (token)", "abc123", "No run is held.", "No change waits"]);
    expect(&person.page("/changes/2").await, &["Project/shop", "city", "Go back to this generation"]);
    let plan = person.page("/changes/1/rollback").await;
    expect(&plan, &["Project/shop", "city", "its values are dropped", "Not allowed as it is"]);
    let serial = between(&plan, "name=\"serial\" value=\"", "\"");
    person.post("/changes/1/rollback", &[("serial", serial), ("allowDelete", "yes")]).await.expect(400);
    person.post("/changes/1/rollback", &[("serial", serial), ("sure", "on")]).await.expect(422);
    let allowed = [("serial", serial), ("sure", "on"), ("allowDelete", "yes")];
    person.post("/changes/1/rollback", &allowed).await.expect(200);
    let stale = person.post("/changes/1/rollback", &allowed).await;
    assert_eq!(stale.status, 409, "{stale:?}");
    expect(&person.page("/changes").await, &["back to", "ann (token)"]);
    person.get("/changes/99").await.expect(404);
    let reader = Person::with(&server, "eve", &[Role::Read]).await;
    assert!(!reader.page("/changes/1").await.contains("Go back to this generation"));
    reader.get("/changes/1/rollback").await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_run_is_approved_once_its_rows_were_seen() {
    let mut documents = shop("");
    documents["documents"][2]["spec"]["deletes"] = json!({ "snapshot": { "maxShare": "10%" } });
    documents["documents"][3]["spec"]["subscriptions"]["customers"] =
        json!(["created", "updated", "deleted"]);
    let rows: String = (0..40).map(|at| format!("{at:02},c{at}@example.com\n")).collect();
    let server = with_file(&documents, "customers.csv", &format!("id,email\n{rows}")).await;
    server.write("customers.csv", "id,email\n00,c0@example.com\n");
    let token = server.token("ops", &[Role::Operate]).await;
    run(&server, &token).await;
    let person = Person::with(&server, "ann", &[Role::Operate]).await;
    let page = person.page("/changes").await;
    expect(&page, &["Rows that would go: <b>39</b> of 40", "An approval deletes them now."]);
    expect(&person.page("/graph").await, &["class=\"node held\""]);
    let id = between(&page, "name=\"run\" value=\"", "\"");
    let transfer = person.page("/transfers/customers").await;
    expect(
        &transfer,
        &[
            "Rows that would go: <b>39</b> of 40",
            "href=\"/changes#held\">Approve…</a>",
            &format!("?held={id}"),
        ],
    );
    let reader = Person::with(&server, "bob", &[Role::Read]).await;
    expect(&reader.page("/transfers/customers").await, &["href=\"/changes#held\">Held runs</a>"]);
    person.post("/changes/approve", &[("run", id)]).await.expect(400);
    expect(
        &person.post("/changes/approve", &[("run", id), ("sure", "on")]).await.expect(200).text,
        &["No run is held."],
    );
    assert!(!person.page("/transfers/customers").await.contains("#held"));
    let records = person.page("/records").await;
    expect(&records, &["<td class=\"number\">1</td>"]);
    expect(&person.page("/audit").await, &[&format!("approve the run {id}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_shows_filters_and_leads_on() {
    let server = with_file(&shop(""), "customers.csv", "id,email\n1,a\n").await;
    let person = Person::with(&server, "ann", &[Role::Read]).await;
    let page = person.page("/graph").await;
    expect(
        &page,
        &[
            "href=\"/transfers/customers\"",
            "href=\"/records/shop.customer\"",
            "embedded",
            "class=\"node active\"",
        ],
    );
    expect(&person.page("/graph?q=exports").await, &["customers"]);
    expect(&person.page("/graph?q=nothing").await, &["No transfer fits."]);
    expect(&person.page("/graph?status=tripped").await, &["No transfer fits."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_does_needs_its_session_its_role_and_its_site() {
    let server = with_file(&shop(""), "customers.csv", "id,email\n").await;
    let reader = Person::with(&server, "eve", &[Role::Read]).await;
    let owner = Person::with(&server, "ann", &[Role::Operate, Role::Apply]).await;
    let run = "0198c0de-0000-7000-8000-000000000000";
    for (path, fields) in [
        ("/rejects/replay", vec![("transfer", "customers")]),
        ("/changes/apply", vec![("serial", "1")]),
        ("/changes/approve", vec![("run", run)]),
        ("/changes/1/rollback", vec![("serial", "1")]),
    ] {
        let sure: Vec<_> = fields.iter().copied().chain([("sure", "on")]).collect();
        assert_eq!(reader.post(path, &sure).await.status, 403, "{path}");
        assert_eq!(owner.send(path, "forged", &sure).await.status, 403, "{path}");
        let stranger = Person { server: &server, cookie: "raccord=nothing".to_owned(), language: "en" };
        assert_eq!(stranger.send(path, "", &sure).await.status, 401, "{path}");
        let foreign = server.request(Method::POST, path).header("cookie", &owner.cookie);
        let foreign = foreign.header("sec-fetch-site", "cross-site").body("sure=on");
        assert_eq!(send(foreign).await.status, 403, "{path}");
    }
    let audit = owner.page("/audit").await;
    assert!(!audit.contains("roll back to generation"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_speaks_french() {
    let server = with_file(&strict(), "customers.csv", "id,email\n1,a\n2,\n").await;
    let person = Person::with(&server, "ann", &Role::ALL).await;
    let person = Person { language: "fr", ..person };
    for (path, texts) in [
        ("/records", &["Entité", "Enregistrements"][..]),
        ("/records/shop.customer", &["Télécharger", "Valeur"]),
        ("/records/shop.customer/record?key=1", &["D’où il vient"]),
        ("/rejects", &["Rejets", "Rejouer"]),
        ("/changes", &["Changements", "Historique", "Exécutions retenues"]),
        ("/changes/1", &["Génération", "créer"]),
        ("/changes/1/rollback", &["points de reprise"]),
        ("/graph", &["Graphe", "Les flèches"]),
        ("/audit", &["Qui a changé"]),
    ] {
        let page = person.page(path).await;
        expect(&page, texts);
        expect(&page, &["<html lang=\"fr\">"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_text_is_only_text_on_every_page() {
    let mut documents = strict();
    documents["documents"][1]["spec"]["config"]["dataTypes"]["customers"]["path"] = json!("customers.jsonl");
    documents["documents"][0]["spec"]["entities"]["customer"]["fields"]["age"] = json!("integer");
    documents["documents"][2]["spec"]["mapping"]["fields"]["age"] = json!("age");
    documents["documents"][0]["metadata"]["annotations"] =
        json!({ "about": format!("{} {}", CORPUS[11], CORPUS[12]) });
    let hostile =
        CORPUS.iter().copied().chain(["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>"]);
    let hostile: Vec<&str> = hostile.collect();
    let stored = hostile.iter().map(|text| json!({ "id": text, "email": text }));
    let rejected = hostile.iter().map(|text| json!({ "id": format!("r{text}"), "email": text, "age": text }));
    let large = json!({ "id": "large", "email": "x".repeat(1_000_000) });
    let lines: String = stored.chain(rejected).chain([large]).map(|record| format!("{record}\n")).collect();
    let server = with_file(&documents, "customers.jsonl", &lines).await;
    let person = Person::with(&server, "ann", &Role::ALL).await;
    let mut pages = vec![
        "/records/shop.customer".to_owned(),
        "/rejects".to_owned(),
        "/changes".to_owned(),
        "/changes/1".to_owned(),
        "/changes/1/rollback".to_owned(),
        "/graph".to_owned(),
        "/audit".to_owned(),
        "/records/shop.customer/record?key=large".to_owned(),
    ];
    for text in &hostile {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("key", text).finish();
        pages.push(format!("/records/shop.customer/record?{query}"));
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", text).finish();
        pages.push(format!("/graph?{query}"));
    }
    let token = server.token("reader", &[Role::Read]).await;
    let rejects = send(server.get("/v1/rejects", &token)).await.expect(200).json();
    let rejects = rejects["rejects"].as_array().unwrap();
    assert!(rejects.len() >= hostile.len());
    pages.extend(rejects.iter().map(|reject| format!("/rejects/{}", reject["id"].as_str().unwrap())));
    for path in &pages {
        let page = person.page(path).await;
        let is_bad = |c: char| {
            (c.is_control() && !matches!(c, '\n' | '\t'))
                || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        };
        assert!(!page.contains(is_bad), "{path}: {:?}", page.chars().find(|c| is_bad(*c)));
        for markup in ["<script>", "<img", "<!-- FORGED"] {
            assert!(!page.contains(markup), "{path}: {markup}");
        }
        assert!(page.len() < 200_000, "{path}: {} bytes", page.len());
    }
}
