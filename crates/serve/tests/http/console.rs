//! The console over real connections: who is let in and for how long, what every page refuses, and what hostile content and
//! many transfers make of its pages.

use std::fmt::Write as _;

use jiff::SignedDuration;
use raccord_model::fact::Role;
use raccord_serve::console::served;
use raccord_serve::http::{Listen, MAX_ATTEMPTS, Open};
use raccord_serve::{Reply, Request};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::stage::{Answer, Server, loopback, send, shop};

/// A browser that is signed in: its cookie, and what its forms carry.
struct Browser {
    cookie: String,
    csrf: String,
}

/// A form as a browser sends it.
fn form(server: &Server, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let sent = server.request(Method::POST, path).header("sec-fetch-site", "same-origin");
    sent.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// The path of a page with something in each of its parameters.
fn filled(path: &str, name: &str) -> String {
    let id = "0198c0de-0000-7000-8000-000000000000";
    let path = path.replace("{name}", name).replace("{id}", id);
    path.replace("{entity}", "shop.customer").replace("{number}", "1")
}

/// Signs in with a token that has a role.
async fn sign_in(server: &Server, name: &str, role: Role) -> Browser {
    sign_in_as(server, name, &[role]).await
}

/// Signs in with a token that has roles.
async fn sign_in_as(server: &Server, name: &str, roles: &[Role]) -> Browser {
    let token = server.token(name, roles).await;
    let answer = send(form(server, "/sign-in", &[("token", &token)])).await.expect(303);
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let page = send(server.request(Method::GET, "/").header("cookie", &cookie)).await;
    let csrf =
        page.text.split_once("name=\"csrf\" value=\"").map(|(_, rest)| rest.split_once('"').unwrap().0);
    Browser { csrf: csrf.unwrap_or_default().to_owned(), cookie }
}

impl Browser {
    async fn get(&self, server: &Server, path: &str) -> Answer {
        send(server.request(Method::GET, path).header("cookie", &self.cookie)).await
    }

    async fn post(&self, server: &Server, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields = [&[("csrf", self.csrf.as_str())], fields].concat();
        send(form(server, path, &fields).header("cookie", &self.cookie)).await
    }
}

/// A server whose redirects are seen.
async fn start() -> Server {
    let mut server = Server::start().await;
    server.client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    server
}

async fn apply(server: &Server) {
    let token = server.token("ci", &[Role::Apply]).await;
    send(server.post("/v1/apply?serial=0", &token, &shop("")).header("accept", "application/json"))
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_refuses_whom_it_is_not_for() {
    let server = start().await;
    apply(&server).await;
    let metrics = sign_in(&server, "metrics", Role::Metrics).await;
    let reader = sign_in(&server, "reader", Role::Read).await;
    let all = sign_in_as(&server, "all", &Role::ALL).await;
    let mut forms = 0;
    for page in served().filter(|page| page.role.is_some()) {
        let path = filled(page.path, "shop");
        let role = page.role.unwrap();
        let lesser = match role {
            Role::Metrics => None,
            Role::Read => Some(&metrics),
            Role::Plan | Role::Apply | Role::Operate => Some(&reader),
        };
        if !page.is_form {
            let answer = send(server.request(Method::GET, &path)).await.expect(303);
            assert!(answer.header("location").starts_with("/sign-in"), "{path}: {answer:?}");
            if let Some(lesser) = lesser {
                lesser.get(&server, &path).await.expect(403);
            }
            continue;
        }
        forms += 1;
        send(form(&server, &path, &[])).await.expect(401);
        if let Some(lesser) = lesser {
            lesser.post(&server, &path, &[]).await.expect(403);
        }
        let sent = |csrf: &str| form(&server, &path, &[("csrf", csrf)]).header("cookie", &all.cookie);
        for forged in ["", "x", reader.csrf.as_str()] {
            send(sent(forged)).await.expect(403);
        }
        let plain = || {
            let body = format!("csrf={}", all.csrf);
            let sent = server.request(Method::POST, &path).header("cookie", &all.cookie);
            sent.header("content-type", "application/x-www-form-urlencoded").body(body)
        };
        send(plain()).await.expect(403);
        for site in ["cross-site", "same-site", "none"] {
            send(plain().header("sec-fetch-site", site)).await.expect(403);
        }
        for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
            send(plain().header("origin", origin)).await.expect(403);
        }
    }
    assert!(forms > 5, "the forms were looked at");
    assert_eq!(all.get(&server, "/").await.status, 200, "no forged form has ended the session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_do_no_more_than_a_page_needs() {
    let server = start().await;
    apply(&server).await;
    let reader = sign_in(&server, "reader", Role::Read).await;
    for path in
        ["/", "/sign-in", "/integrations/shop", "/transfers/customers", "/transfers/none", "/asset/x/y"]
    {
        let answer = reader.get(&server, path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let text = answer.text.replace("<script src=\"/asset/", "");
        assert!(
            !text.contains("<script") && !text.contains(" style=") && !text.contains(" onclick"),
            "{path}"
        );
    }
    let page = reader.get(&server, "/").await.text;
    for name in ["console.css", "console.js", "icon.svg"] {
        let at = page.find(name).unwrap();
        let begin = page[..at].rfind('"').unwrap() + 1;
        let asset = send(server.request(Method::GET, &page[begin..at + name.len()])).await.expect(200);
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_its_token_its_time_or_a_wish() {
    let server = start().await;
    let name = |name: &str| name.parse().unwrap();
    let browser = sign_in(&server, "ann", Role::Read).await;
    assert_eq!(browser.get(&server, "/").await.status, 200);
    server.locally(Request::RevokeToken { name: name("ann") }).await.unwrap();
    browser.get(&server, "/").await.expect(303);
    // Another token of the same name is another one.
    server.token("ann", &[Role::Read]).await;
    browser.get(&server, "/").await.expect(303);

    let idle = sign_in(&server, "bob", Role::Read).await;
    server.clock.advance(SignedDuration::from_mins(29));
    idle.get(&server, "/").await.expect(200);
    server.clock.advance(SignedDuration::from_mins(29));
    let looked = server.request(Method::GET, "/").header("cookie", &idle.cookie).header("raccord-live", "1");
    send(looked).await.expect(200);
    server.clock.advance(SignedDuration::from_mins(1));
    idle.get(&server, "/").await.expect(303);

    let long = sign_in(&server, "cleo", Role::Read).await;
    for _ in 0..35 {
        server.clock.advance(SignedDuration::from_mins(20));
        long.get(&server, "/").await.expect(200);
    }
    server.clock.advance(SignedDuration::from_mins(20));
    long.get(&server, "/").await.expect(303);

    let until = Some(server_time(&server) + SignedDuration::from_mins(5));
    let token = server.token_until("dan", &[Role::Read], until).await;
    let answer = send(form(&server, "/sign-in", &[("token", &token)])).await.expect(303);
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let expiring = Browser { cookie, csrf: String::new() };
    expiring.get(&server, "/").await.expect(200);
    server.clock.advance(SignedDuration::from_mins(5));
    expiring.get(&server, "/").await.expect(303);

    let leaving = sign_in(&server, "eve", Role::Read).await;
    let answer = leaving.post(&server, "/sign-out", &[]).await.expect(303);
    assert!(answer.header("set-cookie").contains("Max-Age=0"), "{answer:?}");
    leaving.get(&server, "/").await.expect(303);
}

fn server_time(server: &Server) -> jiff::Timestamp {
    use raccord_model::port::environment::Environment as _;
    server.clock.now()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_not_tried_out() {
    let server = start().await;
    let wrong = format!("rcd_{}", "A".repeat(43));
    for _ in 0..MAX_ATTEMPTS {
        send(form(&server, "/sign-in", &[("token", &wrong)])).await.expect(401);
    }
    let answer = send(form(&server, "/sign-in", &[("token", &wrong)])).await.expect(429);
    assert!(!answer.header("retry-after").is_empty());
    // A token that is right is never refused for it, and the person goes where they wanted to.
    let token = server.token("ann", &[Role::Read]).await;
    let fields = [("token", token.as_str()), ("back", "/transfers/x?a=b")];
    let answer = send(form(&server, "/sign-in", &fields)).await.expect(303);
    assert_eq!(answer.header("location"), "/transfers/x?a=b");
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Lax") && !cookie.contains(&token), "{cookie}");
    let fields = [("token", token.as_str()), ("back", "//evil.example")];
    let answer = send(form(&server, "/sign-in", &fields)).await.expect(303);
    assert_eq!(answer.header("location"), "/");
    let body = format!("token={token}");
    let forged = server.request(Method::POST, "/sign-in").header("origin", "https://evil.example").body(body);
    send(forged).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_console_shows_and_does_nothing() {
    let open = Open { metrics: false, console: true };
    let mut server = Server::with(Listen { open, ..loopback() }).await;
    server.client = start().await.client.clone();
    apply(&server).await;
    send(server.request(Method::GET, "/")).await.expect(200);
    send(server.request(Method::GET, "/").header("host", "evil.example")).await.expect(403);
    for page in served().filter(|page| page.is_form && page.role.is_some()) {
        send(form(&server, &filled(page.path, "shop"), &[("csrf", "")])).await.expect(403);
    }
}

/// What a record, a label or a reason may hold.
const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "invoice\u{202e}fdp.exe\u{202c}\u{2066}",
    "\u{1b}[8mhidden\u{1b}[28m\u{9b}2J",
    "one line\r\nset-cookie: a=b",
    "&lt;b&gt;{{7*7}}</td></table></main>",
];

fn is_text(page: &str, of: &str) {
    let is_bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!page.contains(is_bad), "{of}: a character that deceives");
    let own = page.replace("<script src=\"/asset/", "");
    for mark in ["<script", "<img", "<b>{{", "</td></table></main>"] {
        assert!(!own.contains(mark), "{of}: {mark} is markup in\n{page}");
    }
    // What stands in the double quotes of an attribute has none itself, and so ends where it should.
    for tag in own.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()) {
        let outside: String = tag.split('"').step_by(2).collect();
        assert!(!outside.contains("onmouseover") && !outside.contains('\''), "{of}: {tag} in\n{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_content_is_shown_as_text() {
    let server = start().await;
    let mut rows = "id,email\n".to_owned();
    for (number, text) in HOSTILE.iter().enumerate() {
        writeln!(rows, "{number},\"{}\"", text.replace('"', "\"\"")).unwrap();
    }
    writeln!(rows, "9,{}", "M".repeat(1_000_000)).unwrap();
    server.write("customers.csv", &rows);
    let mut configuration = shop("");
    for document in configuration["documents"].as_array_mut().unwrap() {
        document["metadata"]["labels"] = json!({ "note": HOSTILE.join(" ").replace('\u{9b}', "") });
    }
    let expression = format!("'{}' ~ email", HOSTILE[0]);
    configuration["documents"][2]["spec"]["mapping"]["fields"]["email"] = json!({ "expr": expression });
    let token = server.token("ci", &[Role::Apply]).await;
    send(server.post("/v1/apply?serial=0", &token, &configuration)).await.expect(200);
    server.locally(Request::Run { integrations: Vec::new() }).await.unwrap();
    std::fs::remove_file(server.file("customers.csv")).unwrap();
    server.write("customers.csv", &format!("id,{}\n1,2\n", HOSTILE.join("|").replace(['\r', '\n', '"'], "")));
    server.locally(Request::Run { integrations: Vec::new() }).await.unwrap();
    let operator = sign_in_as(&server, "operator", &Role::ALL).await;
    for text in HOSTILE {
        operator.post(&server, "/integrations/shop/pause", &[("reason", text)]).await.expect(303);
        is_text(&operator.get(&server, "/integrations/shop").await.expect(200).text, text);
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("q", text), ("label", text), ("status", text), ("notice", text), ("back", text)])
            .finish();
        for page in served().filter(|page| !page.is_form && page.path != "/events") {
            let path = format!("{}?{query}", filled(page.path, "shop"));
            let answer = operator.get(&server, &path).await;
            if answer.header("content-type").starts_with("text/html") {
                is_text(&answer.text, &path);
            }
            assert!(answer.header("set-cookie").is_empty(), "{path}");
        }
        let wrong = [("token", text), ("back", text), ("language", text), ("hours", text), ("since", text)];
        for page in served().filter(|page| page.is_form && page.path != "/sign-out") {
            let path = filled(page.path, "customers");
            is_text(&operator.post(&server, &path, &wrong).await.text, &path);
        }
    }
    let shown = [
        "/",
        "/integrations/shop",
        "/transfers/customers",
        "/records/shop.customer",
        "/rejects",
        "/changes",
        "/graph",
    ];
    for path in shown.into_iter().chain(["/audit"]) {
        let page = operator.get(&server, path).await.expect(200).text;
        is_text(&page, path);
        assert!(page.len() < 200_000, "{path} has {} bytes", page.len());
    }
    let page = operator.get(&server, "/transfers/customers").await.text;
    assert!(page.contains("&lt;script&gt;"), "the expression of the mapping is shown:\n{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_stays_small_with_many_transfers() {
    const MANY: usize = 5_000;
    let server = start().await;
    let mut yaml = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec: {entities: {contact: {key: id, fields: {id: text}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: exports}
spec: {connector: file, config: {dataTypes: {people: {path: people.csv}}}}
"
    .to_owned();
    let mut subscriptions = String::new();
    for number in 0..MANY {
        write!(
            yaml,
            "---\napiVersion: raccord/v1\nkind: Transfer\nmetadata: {{name: t-{number}}}\nspec: {{source: exports, dataType: \
             people, to: crm.contact, active: true, mapping: {{primaryKey: {{id: id}}}}}}\n"
        )
        .unwrap();
        write!(subscriptions, "t-{number}: [created], ").unwrap();
    }
    write!(
        yaml,
        "---\napiVersion: raccord/v1\nkind: Integration\nmetadata: {{name: all}}\nspec: {{active: true, subscriptions: \
         {{{subscriptions}}}}}\n"
    )
    .unwrap();
    let loaded = raccord_config::load_texts(vec![("a.yaml".to_owned(), yaml.into_bytes())], ".", &[].into());
    let desired = std::sync::Arc::new(loaded.desired.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)));
    let options = raccord_serve::request::ApplyOptions {
        plan: raccord_plan::Options::default(),
        serial: 0,
        by: raccord_serve::request::Text::cut("test"),
        rollback_to: None,
        commit: None,
    };
    server.locally(Request::Apply(desired, options)).await.unwrap();
    let reader = sign_in(&server, "reader", Role::Read).await;
    let page = reader.get(&server, "/").await.expect(200);
    assert!(page.text.len() < 200_000, "{} bytes", page.text.len());
    assert!(page.text.contains("5,000") && page.text.contains("Page 1 of 100"), "{}", page.text);
    let filtered = reader.get(&server, "/?q=t-4999&status=active").await.expect(200).text;
    assert!(
        filtered.contains("/transfers/t-4999") && !filtered.contains("/transfers/t-4998\""),
        "{filtered}"
    );
    let query = raccord_serve::request::OverviewQuery { limit: 2, skip: 4_999, ..Default::default() };
    let replies = server.locally(Request::Overview(query)).await.unwrap();
    let [Reply::Overview(overview)] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!((overview.fitting, overview.lines.len()), (5_000, 1));
    for path in ["/integrations/all", "/transfers/t-7"] {
        let page = reader.get(&server, path).await.expect(200).text;
        assert!(page.len() < 200_000, "{path} has {} bytes", page.len());
    }
}
