//! Sign-in by OpenID Connect over real connections, with a provider that a test makes up: who comes in as what, who is
//! refused, and when a session ends.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use raccord_model::fact::Role;
use raccord_model::port::Async;
use raccord_model::port::authorization::Passed;
use raccord_model::port::identity::{
    AuthorizationRequest, Callback, Identity, IdentityError, IdentityProvider,
};
use raccord_serve::http::{Bound, Listen, MAX_ATTEMPTS, OpenId, ServeError};
use raccord_serve::{Reply, Request};
use reqwest::{Client, Method, redirect};

use crate::stage::{Answer, Server, loopback, send};

const ISSUER: &str = "https://login.example/realms/main";

/// A provider at which one person is.
#[derive(Debug)]
struct Provider {
    issuer: String,
    /// The identity that the provider proves, or why it proves none.
    answer: Mutex<Result<Identity, IdentityError>>,
    /// With what people came back.
    seen: Mutex<Vec<Callback>>,
}

impl Provider {
    fn of(answer: Result<Identity, IdentityError>) -> Arc<Self> {
        Arc::new(Self { issuer: ISSUER.to_owned(), answer: Mutex::new(answer), seen: Mutex::default() })
    }
}

fn ann(groups: &[&str]) -> Identity {
    let groups = groups.iter().map(|&group| group.to_owned()).collect();
    Identity { subject: "0815".to_owned(), name: "ann".to_owned(), groups }
}

impl IdentityProvider for Provider {
    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn client(&self) -> &'static str {
        "raccord"
    }

    fn begin<'a>(&'a self, redirect: &'a str) -> Async<'a, Result<AuthorizationRequest, IdentityError>> {
        Box::pin(async move {
            if let Err(error @ IdentityError::Unavailable { .. }) = &*self.answer.lock().unwrap() {
                return Err(error.clone());
            }
            Ok(AuthorizationRequest {
                url: format!("{ISSUER}/auth?redirect_uri={redirect}"),
                state: Passed::of("the-state"),
                nonce: Passed::of("the-nonce"),
                verifier: Passed::of("the-verifier"),
            })
        })
    }

    fn complete<'a>(&'a self, back: &'a Callback) -> Async<'a, Result<Identity, IdentityError>> {
        Box::pin(async move {
            self.seen.lock().unwrap().push(back.clone());
            self.answer.lock().unwrap().clone()
        })
    }
}

fn openid(provider: &Arc<Provider>, roles: &[(&str, &[Role])]) -> OpenId {
    let roles = roles.iter().map(|(group, roles)| ((*group).to_owned(), roles.iter().copied().collect()));
    let provider: Arc<dyn IdentityProvider> = Arc::<Provider>::clone(provider);
    OpenId { provider, roles: roles.collect(), public_url: None }
}

const ROLES: &[(&str, &[Role])] = &[("ops", &[Role::Operate]), ("sales", &[Role::Read])];

async fn start(provider: &Arc<Provider>, roles: &[(&str, &[Role])]) -> Server {
    let mut server = Server::with(Listen { openid: Some(openid(provider, roles)), ..loopback() }).await;
    server.client = client();
    server
}

/// One that follows no redirect.
fn client() -> Client {
    let builder = Client::builder().tls_certs_only([]).no_proxy().pool_max_idle_per_host(0);
    builder.redirect(redirect::Policy::none()).build().unwrap()
}

/// The value of a cookie that an answer sets.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let set = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let mut pairs = set.filter_map(|text| text.split(';').next()?.split_once('='));
    pairs.find_map(|(found, value)| (found == name).then(|| format!("{name}={value}")))
}

async fn depart(server: &Server, back: &str) -> Answer {
    send(server.request(Method::GET, &format!("/sign-in/openid?back={back}"))).await
}

async fn come_back(server: &Server, cookie: &str, query: &str) -> Answer {
    let path = format!("/sign-in/openid/callback?{query}");
    send(server.request(Method::GET, &path).header("cookie", cookie)).await
}

/// Goes there and back; what comes of it.
async fn sign_in(server: &Server) -> Answer {
    let begun = cookie(&depart(server, "/records").await.expect(303), "raccord-sign-in").unwrap();
    come_back(server, &begun, "code=abc&state=the-state").await
}

async fn get(server: &Server, cookie: &str, path: &str) -> Answer {
    send(server.request(Method::GET, path).header("cookie", cookie)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_comes_in_with_the_roles_of_their_groups() {
    let provider = Provider::of(Ok(ann(&["ops", "others"])));
    let server = start(&provider, ROLES).await;
    let page = send(server.request(Method::GET, "/sign-in?back=/records")).await.expect(200).text;
    assert!(page.contains("Sign in with login.example") && page.contains("/sign-in/openid?back=%2Frecords"));
    let left = depart(&server, "/records").await.expect(303);
    assert!(left.header("location").starts_with(ISSUER), "{left:?}");
    assert!(left.header("location").ends_with("/sign-in/openid/callback"), "{left:?}");
    let kept = left.header("set-cookie");
    assert!(kept.contains("; HttpOnly; SameSite=Lax; Max-Age=600"), "{kept}");

    let arrived = sign_in(&server).await.expect(303);
    assert_eq!(arrived.header("location"), "/records");
    assert!(cookie(&arrived, "raccord-sign-in").unwrap().ends_with('='), "what was begun counts still");
    let seen = provider.seen.lock().unwrap().pop().unwrap();
    let texts = [seen.code.text(), seen.nonce.text(), seen.verifier.text()];
    assert_eq!(texts, ["abc", "the-nonce", "the-verifier"]);
    let session = cookie(&arrived, "raccord").unwrap();
    let page = get(&server, &session, "/audit").await.expect(200).text;
    assert!(page.contains("ann (openid 0815)"), "{page}");
    // The roles are those of the groups, and no others.
    get(&server, &session, "/changes/1/rollback").await.expect(403);
    let csrf = page.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0;
    let post = |path: &str| {
        let sent = server.request(Method::POST, path).header("sec-fetch-site", "same-origin");
        let kind = ("content-type", "application/x-www-form-urlencoded");
        sent.header("cookie", &session).header(kind.0, kind.1).body(format!("csrf={csrf}"))
    };
    send(post("/changes/apply")).await.expect(403);
    let audit = server.locally(Request::Audit { limit: 10 }).await.unwrap();
    assert!(format!("{audit:?}").contains("ann (openid 0815)"), "{audit:?}");
    send(post("/sign-out")).await.expect(303);
    get(&server, &session, "/audit").await.expect(303);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_not_begin_here_does_not_come_in() {
    let provider = Provider::of(Ok(ann(&["ops"])));
    let server = start(&provider, ROLES).await;
    let begun = cookie(&depart(&server, "/").await, "raccord-sign-in").unwrap();
    for (kept, query) in [
        ("", "code=abc&state=the-state"),
        (begun.as_str(), "code=abc&state=another"),
        (begun.as_str(), "code=abc&state="),
        (begun.as_str(), "code=abc"),
        ("raccord-sign-in=", "code=abc&state="),
        ("raccord-sign-in=e30", "code=abc&state="),
    ] {
        let answer = come_back(&server, kept, query).await.expect(400);
        assert!(answer.text.contains("was not begun in this browser"), "{query}: {answer:?}");
        assert!(cookie(&answer, "raccord").is_none(), "{query}: {answer:?}");
    }
    assert!(provider.seen.lock().unwrap().is_empty(), "the provider was asked");
    let denied =
        come_back(&server, &begun, "error=access_denied&error_description=no%3Cb%3E&state=the-state");
    let denied = denied.await.expect(401);
    assert!(denied.text.contains("access_denied") && denied.text.contains("no&lt;b&gt;"), "{denied:?}");
    assert!(provider.seen.lock().unwrap().is_empty(), "the provider was asked");
    // There is no redirect to another site.
    let left = depart(&server, "//evil.example").await.expect(303);
    let arrived =
        come_back(&server, &cookie(&left, "raccord-sign-in").unwrap(), "code=a&state=the-state").await;
    assert_eq!(arrived.expect(303).header("location"), "/");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_known_or_has_no_role_is_told_why() {
    let issuer = || ISSUER.to_owned();
    let why = || "the reason".to_owned();
    let cases = [
        (Err(IdentityError::Unavailable { issuer: issuer(), why: why() }), 503, "does not answer"),
        (Err(IdentityError::Settings { issuer: issuer(), why: why() }), 503, "An operator has to look"),
        (Err(IdentityError::Refused { issuer: issuer(), why: why() }), 401, "does not count"),
        (Err(IdentityError::Unproved { issuer: issuer(), why: why() }), 401, "does not count"),
        (Ok(ann(&["others"])), 403, "none of your groups has a role here"),
        (Ok(ann(&[])), 403, "none of your groups has a role here"),
    ];
    for (answer, status, expected) in cases {
        let is_known = answer.is_ok();
        let is_away = status == 503 && expected == "does not answer";
        let provider = Provider::of(answer);
        let server = start(&provider, ROLES).await;
        let page = if is_away { depart(&server, "/").await } else { sign_in(&server).await }.expect(status);
        assert!(page.text.contains(expected), "{expected}: {page:?}");
        assert!(is_known || page.text.contains("the reason"), "{page:?}");
        assert!(cookie(&page, "raccord").is_none(), "{page:?}");
        // A token works meanwhile.
        assert!(page.text.contains("name=\"token\""), "{page:?}");
        let audit = server.locally(Request::Audit { limit: 10 }).await.unwrap();
        let is_told = audit.iter().any(|reply| matches!(reply, Reply::Audit(_)));
        assert_eq!(is_told, is_known, "{audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_its_time_or_what_it_rests_on() {
    let provider = Provider::of(Ok(ann(&["ops"])));
    let mut server = start(&provider, ROLES).await;
    let idle = cookie(&sign_in(&server).await, "raccord").unwrap();
    server.clock.advance(SignedDuration::from_mins(29));
    get(&server, &idle, "/").await.expect(200);
    server.clock.advance(SignedDuration::from_mins(30));
    get(&server, &idle, "/").await.expect(303);
    let long = cookie(&sign_in(&server).await, "raccord").unwrap();
    for _ in 0..35 {
        server.clock.advance(SignedDuration::from_mins(20));
        get(&server, &long, "/").await.expect(200);
    }
    server.clock.advance(SignedDuration::from_mins(20));
    get(&server, &long, "/").await.expect(303);

    let session = cookie(&sign_in(&server).await, "raccord").unwrap();
    let is_in = async |server: &mut Server, openid: Option<OpenId>| {
        server.serve_again(Listen { openid, ..loopback() }).await;
        get(server, &session, "/").await.status == 200
    };
    assert!(is_in(&mut server, Some(openid(&provider, ROLES))).await, "it outlives the daemon");
    assert!(
        !is_in(&mut server, Some(openid(&provider, &[("sales", &[Role::Read])]))).await,
        "the role is gone"
    );
    assert!(is_in(&mut server, Some(openid(&provider, &[("ops", &[Role::Read])]))).await);
    let other = Arc::new(Provider {
        issuer: "https://other.example".to_owned(),
        answer: Mutex::new(Ok(ann(&["ops"]))),
        seen: Mutex::default(),
    });
    assert!(!is_in(&mut server, Some(openid(&other, ROLES))).await, "another issuer says nothing of ann");
    assert!(!is_in(&mut server, None).await, "without a provider the session is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_not_tried_out() {
    let unproved = IdentityError::Unproved { issuer: ISSUER.to_owned(), why: "no".to_owned() };
    let provider = Provider::of(Err(unproved));
    let server = start(&provider, ROLES).await;
    for _ in 0..MAX_ATTEMPTS {
        sign_in(&server).await.expect(401);
    }
    let answer = sign_in(&server).await.expect(429);
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(provider.seen.lock().unwrap().len(), usize::try_from(MAX_ATTEMPTS).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_people_come_back_to_where_it_is() {
    let provider = Provider::of(Ok(ann(&["ops"])));
    let settings =
        OpenId { public_url: Some("https://raccord.example".parse().unwrap()), ..openid(&provider, ROLES) };
    let mut server = Server::with(Listen { openid: Some(settings.clone()), ..loopback() }).await;
    server.client = client();
    let left = depart(&server, "/").await.expect(303);
    let expected = "redirect_uri=https://raccord.example/sign-in/openid/callback";
    assert!(left.header("location").ends_with(expected), "{left:?}");
    let begun = cookie(&left, "__Host-raccord-sign-in").unwrap();
    assert!(left.header("set-cookie").ends_with("; Secure; Max-Age=600"), "{left:?}");
    let arrived = come_back(&server, &begun, "code=abc&state=the-state").await.expect(303);
    let all: BTreeSet<_> = arrived.headers.get_all("set-cookie").iter().collect();
    assert!(cookie(&arrived, "__Host-raccord").is_some(), "{all:?}");

    let beyond = |openid| Listen {
        address: "0.0.0.0:0".parse().unwrap(),
        insecure: true,
        openid: Some(openid),
        ..loopback()
    };
    let refused = Bound::new(&beyond(openid(&provider, ROLES))).await;
    assert!(matches!(refused, Err(ServeError::PublicUrl(_))), "it is not known where people come back to");
    Bound::new(&beyond(settings)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_there_is_nothing_of_it() {
    let mut server = Server::start().await;
    server.client = client();
    let page = send(server.request(Method::GET, "/sign-in")).await.expect(200).text;
    assert!(!page.contains("openid"), "{page}");
    depart(&server, "/").await.expect(404);
    come_back(&server, "", "code=abc&state=x").await.expect(404);
}
