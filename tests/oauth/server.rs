//! A small OAuth 2.0 server on loopback with a service behind it: tokens of a stated life, rotation with detection of
//! reuse, revocation, slow answers, a page where everybody agrees, codes that are typed after some questions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::http_server::{HttpServer, Request, Response, answer, json, status};

/// What the client proves itself with. No message, file or trace may ever hold it.
pub(crate) const CLIENT_SECRET: &str = "client-canary-5ac1";

/// The first refresh token, as an operator copies it from a page.
pub(crate) const SEED: &str = "refresh-canary-seed";

/// How the server is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// How long an access token counts, in milliseconds.
    pub(crate) life: u64,
    /// What it says of that, in seconds.
    pub(crate) says: Option<u64>,
    /// Whether a refresh token counts once.
    pub(crate) rotates: bool,
    /// Whether the old one counts until the new access token was used.
    pub(crate) forgives: bool,
    /// How long it takes to issue tokens, in milliseconds.
    pub(crate) slow: u64,
    /// After how many questions a code was typed.
    pub(crate) questions: u32,
}

impl Default for Manner {
    fn default() -> Self {
        Self { life: 3_000, says: Some(3), rotates: true, forgives: false, slow: 0, questions: 1 }
    }
}

/// What the server knows.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Access tokens, each with its end and the refresh token that was issued with it.
    access: BTreeMap<String, (Instant, Option<String>)>,
    /// Refresh tokens that count.
    refresh: BTreeSet<String>,
    /// Those that counted once.
    used: BTreeSet<String>,
    /// The one before each, while it still counts.
    before: BTreeMap<String, String>,
    /// Codes, each with its challenge and redirect.
    codes: BTreeMap<String, (String, String)>,
    number: u32,
    asked: u32,
    /// Everything that may not be shown.
    pub(crate) secrets: Vec<String>,
    /// How often tokens were issued.
    pub(crate) issued: u32,
    /// How often a used refresh token came again, which ends everything.
    pub(crate) reused: u32,
    /// How often a request came with a token that does not count.
    pub(crate) refused: u32,
    /// How many requests for tokens are under way, and the most at once.
    under_way: u32,
    pub(crate) most_at_once: u32,
    /// Whether an answer of an error is wanted for every question.
    pub(crate) trouble: Option<(u16, &'static str)>,
}

impl Memory {
    /// Agrees once more, with this refresh token.
    pub(crate) fn refresh_with(&mut self, token: &str) {
        self.used.remove(token);
        self.refresh.insert(token.to_owned());
        self.secrets.push(token.to_owned());
    }
}

/// The server.
pub(crate) struct OAuthServer {
    http: HttpServer,
    pub(crate) memory: Arc<Mutex<Memory>>,
}

impl OAuthServer {
    pub(crate) fn start(manner: Manner) -> Self {
        let memory = Arc::new(Mutex::new(Memory::default()));
        memory.lock().unwrap().refresh.insert(SEED.to_owned());
        memory.lock().unwrap().secrets.extend([SEED.to_owned(), CLIENT_SECRET.to_owned()]);
        let shared = Arc::clone(&memory);
        let http = HttpServer::start(move |request| respond(request, manner, &shared));
        Self { http, memory }
    }

    pub(crate) fn url(&self) -> String {
        self.http.url()
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Memory) -> T) -> T {
        look(&mut self.memory.lock().unwrap())
    }

    /// Takes every agreement back.
    pub(crate) fn revoke(&self) {
        self.with(|memory| {
            memory.refresh.clear();
            memory.access.clear();
            memory.before.clear();
        });
    }

    /// Ends every access token, before its time.
    pub(crate) fn end_access(&self) {
        self.with(|memory| memory.access.clear());
    }

    /// The requests for tokens so far.
    pub(crate) fn questions(&self) -> Vec<Request> {
        self.http.requests().into_iter().filter(|request| request.path == "/token").collect()
    }
}

fn respond(request: &Request, manner: Manner, memory: &Mutex<Memory>) -> Response {
    match request.path.as_str() {
        "/token" => {
            {
                let mut memory = memory.lock().unwrap();
                memory.under_way += 1;
                memory.most_at_once = memory.most_at_once.max(memory.under_way);
            }
            std::thread::sleep(Duration::from_millis(manner.slow));
            let mut memory = memory.lock().unwrap();
            memory.under_way -= 1;
            token(request, manner, &mut memory)
        }
        "/agree" => agree(request, &mut memory.lock().unwrap()),
        "/device" => device(&mut memory.lock().unwrap()),
        path if path.starts_with("/people") => people(request, &mut memory.lock().unwrap()),
        _ => status(404),
    }
}

fn error(status: u16, code: &str) -> Response {
    answer(status, "Content-Type: application/json", &format!("{{\"error\":\"{code}\"}}"))
}

/// The parameters of a body.
fn form(body: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes()).map(|(name, value)| (name.into(), value.into())).collect()
}

fn token(request: &Request, manner: Manner, memory: &mut Memory) -> Response {
    if let Some((status, code)) = memory.trouble {
        return error(status, code);
    }
    let form = form(&request.body);
    let said = |name: &str| form.get(name).cloned().unwrap_or_default();
    let is_client = said("client_id") == "raccord" && said("client_secret") == CLIENT_SECRET
        || request.headers.get("authorization").is_some_and(|header| header.starts_with("Basic "));
    if !is_client {
        return error(401, "invalid_client");
    }
    match said("grant_type").as_str() {
        "client_credentials" => issue(manner, memory, false, None),
        "refresh_token" => refresh(&said("refresh_token"), manner, memory),
        "authorization_code" => match memory.codes.remove(&said("code")) {
            Some((challenge, redirect))
                if challenge == challenge_of(&said("code_verifier")) && redirect == said("redirect_uri") =>
            {
                issue(manner, memory, true, None)
            }
            _ => error(400, "invalid_grant"),
        },
        "urn:ietf:params:oauth:grant-type:device_code" => {
            memory.asked += 1;
            if memory.asked <= manner.questions {
                return error(400, "authorization_pending");
            }
            issue(manner, memory, true, None)
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" if said("assertion").split('.').count() == 3 => {
            issue(manner, memory, false, None)
        }
        _ => error(400, "unsupported_grant_type"),
    }
}

fn refresh(token: &str, manner: Manner, memory: &mut Memory) -> Response {
    if memory.refresh.contains(token) {
        if !manner.rotates {
            return issue(manner, memory, false, None);
        }
        if !manner.forgives {
            memory.refresh.remove(token);
            memory.used.insert(token.to_owned());
        }
        return issue(manner, memory, true, Some(token.to_owned()));
    }
    if memory.used.contains(token) {
        memory.reused += 1;
        memory.refresh.clear();
        memory.access.clear();
    }
    answer(
        400,
        "Content-Type: application/json",
        &format!("{{\"error\":\"invalid_grant\",\"error_description\":\"no {token} here\"}}"),
    )
}

fn issue(manner: Manner, memory: &mut Memory, with_refresh: bool, before: Option<String>) -> Response {
    memory.number += 1;
    memory.issued += 1;
    let access = format!("access-canary-{}-of-many", memory.number);
    let refresh = with_refresh.then(|| format!("refresh-canary-{}-of-many", memory.number));
    memory.secrets.push(access.clone());
    memory.secrets.extend(refresh.clone());
    if let Some(refresh) = &refresh {
        memory.refresh.insert(refresh.clone());
        if let Some(before) = before.filter(|_| manner.forgives) {
            memory.before.insert(refresh.clone(), before);
        }
    }
    memory
        .access
        .insert(access.clone(), (Instant::now() + Duration::from_millis(manner.life), refresh.clone()));
    let says = manner.says.map(|seconds| format!(",\"expires_in\":{seconds}")).unwrap_or_default();
    let refresh = refresh.map(|refresh| format!(",\"refresh_token\":\"{refresh}\"")).unwrap_or_default();
    json(format!("{{\"access_token\":\"{access}\",\"token_type\":\"Bearer\"{says}{refresh}}}"))
}

/// Everybody agrees at once, and is sent back.
fn agree(request: &Request, memory: &mut Memory) -> Response {
    let said = |name: &str| request.query.get(name).cloned().unwrap_or_default();
    assert_eq!((said("response_type").as_str(), said("code_challenge_method").as_str()), ("code", "S256"));
    memory.number += 1;
    let code = format!("code-canary-{}-of-many", memory.number);
    memory.secrets.push(code.clone());
    memory.codes.insert(code.clone(), (said("code_challenge"), said("redirect_uri")));
    let back = format!("Location: {}?code={code}&state={}", said("redirect_uri"), said("state"));
    answer(302, &back, "")
}

fn device(memory: &mut Memory) -> Response {
    memory.secrets.push("device-canary-77".to_owned());
    json(
        r#"{"device_code":"device-canary-77","user_code":"WDJB-MJHT","verification_uri":"https://id.example/device",
            "expires_in":600,"interval":1}"#,
    )
}

/// The service: 30 people on three pages, for who has a token that counts.
fn people(request: &Request, memory: &mut Memory) -> Response {
    let token = request.headers.get("authorization").and_then(|header| header.strip_prefix("Bearer "));
    let known = token.and_then(|token| memory.access.get(token)).cloned();
    let Some((_, refresh)) = known.filter(|(end, _)| Instant::now() < *end) else {
        memory.refused += 1;
        return error(401, "invalid_token");
    };
    // The new token was used: the one before counts no more.
    if let Some(before) = refresh.and_then(|refresh| memory.before.remove(&refresh)) {
        memory.refresh.remove(&before);
        memory.used.insert(before);
    }
    let page = request.number("page").unwrap_or(1);
    let rows: Vec<String> =
        (0..10).map(|at| format!("{{\"id\":\"{}\",\"name\":\"Ann\"}}", page * 10 + at)).collect();
    let next = if page < 3 { format!("\"/people?page={}\"", page + 1) } else { "null".to_owned() };
    json(format!("{{\"data\":[{}],\"next\":{next}}}", rows.join(",")))
}

fn challenge_of(verifier: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(verifier.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}
