//! Sign-in by OpenID Connect at a provider that a test makes lie: whose tokens count, and what is said of the others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey as _};
use raccord_connect::{OpenIdError, OpenIdProvider, OpenIdSettings, System};
use raccord_model::port::authorization::Passed;
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::identity::{Callback, Identity, IdentityError, IdentityProvider as _};
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;
use uuid::Uuid;
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const SECRET: &str = "correct-horse-battery";
const BACK: &str = "http://127.0.0.1:8420/sign-in/openid/callback";

/// A machine whose clock a test moves.
struct Machine(Mutex<Timestamp>);

impl Machine {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2025-01-31T09:30:00Z".parse().unwrap())))
    }

    fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(by).unwrap();
    }
}

impl Environment for Machine {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn new_id(&self) -> Uuid {
        System::default().new_id()
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "SECRET").then(|| SECRET.to_owned())
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        System::default().random()
    }
}

/// A key with which a provider signs.
fn key(name: &str) -> CoreEdDsaPrivateSigningKey {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let pem = pair.serialize_pem();
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(name.to_owned()))).unwrap()
}

/// A provider, and the key that it names.
struct Issuer {
    server: MockServer,
    key: CoreEdDsaPrivateSigningKey,
}

impl Issuer {
    async fn start() -> Self {
        let issuer = Self { server: MockServer::start().await, key: key("one") };
        issuer.describe(&issuer.server.uri(), &issuer.key).await;
        issuer
    }

    /// Says what it is, and its key.
    async fn describe(&self, name: &str, key: &CoreEdDsaPrivateSigningKey) {
        let uri = self.server.uri();
        let about = json!({
            "issuer": name, "authorization_endpoint": format!("{uri}/auth"), "token_endpoint": format!("{uri}/token"),
            "userinfo_endpoint": format!("{uri}/me"), "jwks_uri": format!("{uri}/keys"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
        });
        let answer = |value: &Value| ResponseTemplate::new(200).set_body_json(value);
        let place = "/.well-known/openid-configuration";
        Mock::given(path(place)).respond_with(answer(&about)).mount(&self.server).await;
        let keys = json!({ "keys": [key.as_verification_key()] });
        Mock::given(path("/keys")).respond_with(answer(&keys)).mount(&self.server).await;
    }

    fn provider(&self, machine: &Arc<Machine>) -> OpenIdProvider {
        provider_at(&self.server.uri(), machine)
    }

    /// The claims of a token that is right.
    fn claims(&self, machine: &Machine, nonce: &str) -> Value {
        let now = machine.now().as_second();
        json!({
            "iss": self.server.uri(), "aud": "raccord", "sub": "0815", "nonce": nonce, "iat": now, "exp": now + 300,
            "preferred_username": "ann", "groups": ["ops", "sales"],
        })
    }

    /// Issues a token for whatever code.
    async fn issue(&self, token: &str) {
        let answer = json!({ "access_token": "at", "token_type": "Bearer", "id_token": token });
        self.answer(ResponseTemplate::new(200).set_body_json(answer)).await;
    }

    async fn answer(&self, answer: ResponseTemplate) {
        let asked =
            Mock::given(method("POST")).and(path("/token")).and(body_string_contains("code_verifier="));
        asked.respond_with(answer).mount(&self.server).await;
    }
}

fn settings(issuer: &str) -> OpenIdSettings {
    OpenIdSettings {
        issuer: issuer.to_owned(),
        client: "raccord".to_owned(),
        secret: Some("${env:SECRET}".parse().unwrap()),
        scopes: vec!["groups".to_owned()],
        groups: "groups".to_owned(),
    }
}

fn provider_at(issuer: &str, machine: &Arc<Machine>) -> OpenIdProvider {
    let environment: Arc<dyn Environment> = machine.clone();
    OpenIdProvider::new(settings(issuer), Path::new("."), environment).unwrap()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token that a key has signed.
fn signed(key: &CoreEdDsaPrivateSigningKey, name: &str, claims: &Value) -> String {
    let text = format!("{}.{}", encoded(&json!({ "alg": "EdDSA", "kid": name })), encoded(claims));
    let signature = key.sign(&CoreJwsSigningAlgorithm::EdDsa, text.as_bytes()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn home(nonce: &str) -> Callback {
    Callback {
        code: Passed::of("the-code-itself"),
        issuer: None,
        nonce: Passed::of(nonce),
        verifier: Passed::of("a-verifier-of-more-than-forty-three-characters-in-all"),
        redirect: BACK.to_owned(),
    }
}

/// What comes of a token.
async fn judged(change: impl FnOnce(&Issuer, Value) -> String) -> Result<Identity, IdentityError> {
    let (issuer, machine) = (Issuer::start().await, Machine::new());
    let token = change(&issuer, issuer.claims(&machine, "n-1"));
    issuer.issue(&token).await;
    issuer.provider(&machine).complete(&home("n-1")).await
}

#[tokio::test]
async fn the_way_to_the_provider_has_proof_state_and_nonce() {
    let (issuer, machine) = (Issuer::start().await, Machine::new());
    let provider = issuer.provider(&machine);
    let departure = provider.begin(BACK).await.unwrap();
    let url = Url::parse(&departure.url).unwrap();
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(url.path(), "/auth");
    for (name, expected) in [
        ("response_type", "code"),
        ("client_id", "raccord"),
        ("redirect_uri", BACK),
        ("scope", "openid profile email groups"),
        ("code_challenge_method", "S256"),
        ("state", departure.state.text()),
        ("nonce", departure.nonce.text()),
    ] {
        assert_eq!(query[name], expected, "{name}");
    }
    assert!(!departure.url.contains(departure.verifier.text()) && query["code_challenge"].len() == 43);
    let other = provider.begin(BACK).await.unwrap();
    assert_ne!(other.state.text(), departure.state.text());
    assert_ne!(other.nonce.text(), departure.nonce.text());
    assert_ne!(other.verifier.text(), departure.verifier.text());
}

#[tokio::test]
async fn a_token_that_is_right_says_who_a_person_is() {
    let identity = judged(|issuer, claims| signed(&issuer.key, "one", &claims)).await.unwrap();
    let groups = vec!["ops".to_owned(), "sales".to_owned()];
    assert_eq!(identity, Identity { subject: "0815".to_owned(), name: "ann".to_owned(), groups });
    let identity = judged(|issuer, mut claims| {
        claims["preferred_username"].take();
        claims["email"] = json!("ann@example.com");
        claims["email_verified"] = json!(true);
        signed(&issuer.key, "one", &claims)
    });
    assert_eq!(identity.await.unwrap().name, "ann@example.com");
    // An address that was not verified may be that of another person.
    let identity = judged(|issuer, mut claims| {
        claims["preferred_username"].take();
        claims["email"] = json!("ann@example.com");
        signed(&issuer.key, "one", &claims)
    });
    assert_eq!(identity.await.unwrap().name, "0815");
}

#[tokio::test]
async fn a_token_that_is_not_right_proves_nothing() {
    type Change = fn(&Issuer, Value) -> String;
    let cases: [(&str, Change); 11] = [
        ("another sign-in", |issuer, mut claims| {
            claims["nonce"] = json!("n-2");
            signed(&issuer.key, "one", &claims)
        }),
        ("another sign-in", |issuer, mut claims| {
            claims.as_object_mut().unwrap().remove("nonce");
            signed(&issuer.key, "one", &claims)
        }),
        ("another application", |issuer, mut claims| {
            claims["aud"] = json!("other");
            signed(&issuer.key, "one", &claims)
        }),
        ("another application", |issuer, mut claims| {
            claims["aud"] = json!(["raccord", "other"]);
            signed(&issuer.key, "one", &claims)
        }),
        ("another issuer", |issuer, mut claims| {
            claims["iss"] = json!("https://evil.example");
            signed(&issuer.key, "one", &claims)
        }),
        ("has expired", |issuer, mut claims| {
            claims["exp"] = json!(claims["iat"].as_i64().unwrap() - 1);
            signed(&issuer.key, "one", &claims)
        }),
        ("not signed in a way that counts", |_, claims| {
            format!("{}.{}.", encoded(&json!({ "alg": "none" })), encoded(&claims))
        }),
        ("not signed in a way that counts", |_, claims| {
            // Rightly, with our secret: a person who has it could be any other.
            let text = format!("{}.{}", encoded(&json!({ "alg": "HS256" })), encoded(&claims));
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(text.as_bytes());
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
        }),
        ("signature of the ID token is wrong", |_, claims| signed(&key("one"), "one", &claims)),
        ("signature of the ID token is wrong", |issuer, claims| {
            let token = signed(&issuer.key, "one", &claims);
            let (head, rest) = token.split_once('.').unwrap();
            let (_, signature) = rest.split_once('.').unwrap();
            let mut claims = claims;
            claims["groups"] = json!(["admins"]);
            format!("{head}.{}.{signature}", encoded(&claims))
        }),
        ("a key that the issuer does not name", |_, claims| signed(&key("two"), "two", &claims)),
    ];
    for (expected, change) in cases {
        let error = judged(change).await.unwrap_err();
        assert!(matches!(error, IdentityError::Unproved { .. }), "{expected}: {error:?}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!error.to_string().contains("0815"), "{error}");
    }
}

#[tokio::test]
async fn groups_are_asked_for_where_the_token_names_none() {
    let (issuer, machine) = (Issuer::start().await, Machine::new());
    let mut claims = issuer.claims(&machine, "n-1");
    claims.as_object_mut().unwrap().remove("groups");
    issuer.issue(&signed(&issuer.key, "one", &claims)).await;
    let me = |value: Value| {
        let answer = ResponseTemplate::new(200).set_body_json(value);
        Mock::given(path("/me")).and(header("authorization", "Bearer at")).respond_with(answer)
    };
    let asked = me(json!({ "sub": "0815", "groups": ["sales"] })).mount_as_scoped(&issuer.server).await;
    let provider = issuer.provider(&machine);
    assert_eq!(provider.complete(&home("n-1")).await.unwrap().groups, ["sales"]);
    drop(asked);
    let asked = me(json!({ "sub": "4711", "groups": ["admins"] })).mount_as_scoped(&issuer.server).await;
    let error = provider.complete(&home("n-1")).await.unwrap_err();
    assert!(error.to_string().contains("different persons"), "{error}");
    drop(asked);
    let _asked = me(json!({ "sub": "0815" })).mount_as_scoped(&issuer.server).await;
    assert!(provider.complete(&home("n-1")).await.unwrap().groups.is_empty());
}

#[tokio::test]
async fn a_name_is_asked_for_where_the_token_has_none_and_is_no_condition() {
    let (issuer, machine) = (Issuer::start().await, Machine::new());
    let mut claims = issuer.claims(&machine, "n-1");
    claims.as_object_mut().unwrap().remove("preferred_username");
    issuer.issue(&signed(&issuer.key, "one", &claims)).await;
    let provider = issuer.provider(&machine);
    let told = json!({ "sub": "0815", "preferred_username": "ann", "groups": ["admins"] });
    for (status, told, expected) in
        [(200, told, "ann"), (200, json!({ "sub": "0815" }), "0815"), (503, json!(null), "0815")]
    {
        let answer = ResponseTemplate::new(status).set_body_json(told);
        let asked = Mock::given(path("/me")).respond_with(answer).mount_as_scoped(&issuer.server).await;
        let identity = provider.complete(&home("n-1")).await.unwrap();
        // The groups of the token are those that count.
        let groups = vec!["ops".to_owned(), "sales".to_owned()];
        assert_eq!(identity, Identity { subject: "0815".to_owned(), name: expected.to_owned(), groups });
        drop(asked);
    }
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_without_a_secret() {
    for (code, is_settings) in [("invalid_grant", false), ("invalid_client", true)] {
        let (issuer, machine) = (Issuer::start().await, Machine::new());
        let said = format!("no the-code-itself for {SECRET}");
        let answer = json!({ "error": code, "error_description": said });
        issuer.answer(ResponseTemplate::new(400).set_body_json(answer)).await;
        let error = issuer.provider(&machine).complete(&home("n-1")).await.unwrap_err();
        assert_eq!(matches!(error, IdentityError::Settings { .. }), is_settings, "{error:?}");
        assert!(error.to_string().contains(&format!("{code}: no *** for ***")), "{error}");
    }
}

#[tokio::test]
async fn another_provider_cannot_answer_for_this_one() {
    let (issuer, machine) = (Issuer::start().await, Machine::new());
    let back = Callback { issuer: Some("https://evil.example".to_owned()), ..home("n-1") };
    let error = issuer.provider(&machine).complete(&back).await.unwrap_err();
    assert!(error.to_string().contains("another issuer"), "{error}");
    let posted = issuer.server.received_requests().await.unwrap();
    assert!(posted.is_empty(), "the code was sent somewhere: {posted:?}");
    // It says that it is another than it is asked as.
    issuer.server.reset().await;
    issuer.describe("https://evil.example", &issuer.key).await;
    let error = issuer.provider(&machine).begin(BACK).await.unwrap_err();
    assert!(matches!(error, IdentityError::Settings { .. }), "{error:?}");
}

#[tokio::test]
async fn a_provider_that_is_away_is_asked_again_later() {
    let machine = Machine::new();
    let issuer = Issuer { server: MockServer::start().await, key: key("one") };
    let provider = issuer.provider(&machine);
    for _ in 0..3 {
        let error = provider.begin(BACK).await.unwrap_err();
        assert!(matches!(error, IdentityError::Unavailable { .. }), "{error:?}");
    }
    assert_eq!(issuer.server.received_requests().await.unwrap().len(), 1, "it is not asked at each attempt");
    issuer.describe(&issuer.server.uri(), &issuer.key).await;
    machine.advance(SignedDuration::from_secs(5));
    provider.begin(BACK).await.unwrap();
    let error = provider_at("http://127.0.0.1:1", &machine).begin(BACK).await.unwrap_err();
    assert!(error.to_string().contains("nothing listens there"), "{error}");
}

#[tokio::test]
async fn new_keys_of_the_provider_are_heard_of() {
    let (mut issuer, machine) = (Issuer::start().await, Machine::new());
    let provider = issuer.provider(&machine);
    provider.begin(BACK).await.unwrap();
    machine.advance(SignedDuration::from_mins(2));
    issuer.server.reset().await;
    issuer.key = key("two");
    issuer.describe(&issuer.server.uri(), &issuer.key).await;
    issuer.issue(&signed(&issuer.key, "two", &issuer.claims(&machine, "n-1"))).await;
    provider.complete(&home("n-1")).await.unwrap();
}

#[test]
fn settings_with_which_no_one_can_sign_in_are_refused() {
    let machine: Arc<dyn Environment> = Machine::new();
    let new = |settings| OpenIdProvider::new(settings, Path::new("."), Arc::clone(&machine));
    for issuer in ["", "login.example", "http://login.example", "ftp://login.example"] {
        let error = new(settings(issuer)).unwrap_err();
        assert_eq!(error, OpenIdError::Issuer(issuer.to_owned()));
    }
    let error =
        new(OpenIdSettings { groups: String::new(), ..settings("https://login.example") }).unwrap_err();
    assert_eq!(error, OpenIdError::Groups);
    let provider = new(settings("https://login.example")).unwrap();
    assert!(!format!("{provider:?}").contains(SECRET));
}
