//! Deliveries of every sort against every scheme: the right ones pass, each of the others is refused for its own
//! reason, and no reason holds a secret.
//!
//! The signatures were made by others. Standard Webhooks: `Webhook(secret).sign(id, time, body)` of the package
//! standardwebhooks 1.0.1 of the Python Package Index. Stripe: `WebhookSignature._compute_signature` of stripe 16.1.0, from there
//! too.
//! GitHub: `sign` of @octokit/webhooks-methods 6.0.0 over an example of @octokit/webhooks-examples 7.6.1, and the
//! example in GitHub's own documentation; Slack: the example in Slack's. The others: `hmac.new` of Python 3.

use std::sync::Arc;

use jiff::Timestamp;
use raccord_compiler::webhook::{Hook, Intent, Reading, Route, lower};
use raccord_connect::ServiceWebhooks;
use raccord_model::language::webhook::WebhookSpec;
use raccord_model::port::webhook::{Delivery, Refused, Verifier, Webhooks as _};
use raccord_model::secret::SecretError;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::service::Variables;

/// When the deliveries were signed.
const SIGNED: i64 = 1_700_000_000;

const BODY: &str = r#"{"id":"evt_1","type":"customer.created","data":{"object":{"id":"cus_é"}}}"#;

/// The secrets, by the name of their variable.
const SECRETS: [(&str, &str); 10] = [
    ("STANDARD", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("STANDARD_OLD", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    ("STRIPE", "whsec_stripe_test_é"),
    ("STRIPE_OTHER", "whsec_other"),
    ("GITHUB", "It's a Secret to Everybody"),
    ("SLACK", "8f742231b10e8888abcd99yyyzzz85a5"),
    ("HEX", "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056"),
    ("PLAIN", "secret"),
    ("EMPTY", ""),
    ("NO_KEY", "whsec_"),
];

fn try_verifier(verify: &Value) -> Result<Box<dyn Verifier>, SecretError> {
    let environment = Variables(|name: &str| {
        SECRETS.iter().find(|(known, _)| *known == name).map(|(_, secret)| (*secret).to_owned())
    });
    let webhooks = ServiceWebhooks::new(Arc::new(environment));
    webhooks.verifier(&serde_json::from_value(verify.clone()).unwrap(), ".".as_ref())
}

fn verifier(verify: &Value) -> Box<dyn Verifier> {
    try_verifier(verify).unwrap()
}

/// Headers in their order; one may stand there twice.
fn headers(written: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in written {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// One delivery, `after` seconds after it was signed.
struct Case<'a> {
    what: &'static str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
    after: i64,
    expected: Result<(), Refused>,
}

impl Case<'_> {
    fn verify(&self, verifier: &dyn Verifier) -> Result<(), Refused> {
        let headers = headers(self.headers);
        let url = Some("https://raccord.example/hooks/shop/billing");
        let delivery = Delivery { headers: &headers, body: self.body.as_bytes(), url, query: None };
        verifier.verify(&delivery, Timestamp::from_second(SIGNED + self.after).unwrap())
    }
}

/// Checks each delivery, and that neither a reason nor the verifier shows a secret.
fn check(verify: &Value, cases: &[Case<'_>]) {
    let verifier = verifier(verify);
    for case in cases {
        let verdict = case.verify(verifier.as_ref());
        assert_eq!(verdict, case.expected, "{}", case.what);
        let said = verdict.err().map(|refused| format!("{refused} {refused:?}")).unwrap_or_default();
        let said = format!("{said} {verifier:?}");
        for (_, secret) in SECRETS.iter().filter(|(name, secret)| *name != "PLAIN" && !secret.is_empty()) {
            assert!(!said.contains(secret), "{}: {said}", case.what);
        }
    }
}

fn case<'a>(
    what: &'static str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
    expected: Result<(), Refused>,
) -> Case<'a> {
    Case { what, headers, body, after: 0, expected }
}

/// A reason that is about one header.
fn about(reason: fn(String) -> Refused, header: &str) -> Result<(), Refused> {
    Err(reason(header.to_owned()))
}

const STANDARD: &str = "v1,AGyXusvqtMkpXuxIrtGBNKy+s9BfJUxlQcAkSDiiu2c=";
const STANDARD_OLD: &str = "v1,RauaHYwh3D19sFs1ZHiYKdHLVI93MA2uE8NcaKrpSyg=";

#[test]
fn standard_webhooks() {
    let of = |signature| {
        [("webhook-id", "msg_1"), ("webhook-timestamp", "1700000000"), ("webhook-signature", signature)]
    };
    let right = of(STANDARD);
    let (several, old) = (format!("{STANDARD_OLD} v1a,abc= {STANDARD} v9,x"), of(STANDARD_OLD));
    let (several, asymmetric) = (of(&several), of("v1a,AGyXusvqtMkpXuxIrtGBNKy+s9BfJUxlQcAkSDiiu2c="));
    let unpadded = of(STANDARD.trim_end_matches('='));
    let cut = of(&STANDARD[..STANDARD.len() - 9]);
    let broken = of("v1,!!!!");
    let changed = BODY.replace("cus_é", "cus_e");
    let many = [STANDARD; 17].join(" ");
    let many = of(&many);
    let (mut other_id, mut other_time, mut no_time) = (right, right, right);
    other_id[0].1 = "msg_2";
    other_time[1].1 = "1700000001";
    no_time[1].1 = "+1700000000";
    let doubled = [right.as_slice(), &[("Webhook-Signature", STANDARD)]].concat();
    let cases = [
        case("right", &right, BODY, Ok(())),
        case("right among others", &several, BODY, Ok(())),
        case("right without padding", &unpadded, BODY, Ok(())),
        Case { what: "at the end of the tolerance", after: 300, ..case("", &right, BODY, Ok(())) },
        Case { what: "from the future, within the tolerance", after: -300, ..case("", &right, BODY, Ok(())) },
        Case { what: "old", after: 301, ..case("", &right, BODY, Err(Refused::TooOld(301))) },
        Case { what: "future", after: -301, ..case("", &right, BODY, Err(Refused::TooNew(301))) },
        case("another secret", &old, BODY, Err(Refused::Wrong)),
        case("another id", &other_id, BODY, Err(Refused::Wrong)),
        case("another time", &other_time, BODY, Err(Refused::Wrong)),
        case("a time that is no number", &no_time, BODY, about(Refused::Time, "webhook-timestamp")),
        case("a changed body", &right, &changed, Err(Refused::Wrong)),
        case("a truncated body", &right, &BODY[..BODY.len() - 1], Err(Refused::Wrong)),
        case("no body", &right, "", Err(Refused::Wrong)),
        case("a truncated signature", &cut, BODY, Err(Refused::Wrong)),
        case("a signature that is no base64", &broken, BODY, about(Refused::Encoding, "webhook-signature")),
        case(
            "an asymmetric signature alone",
            &asymmetric,
            BODY,
            Err(Refused::Version { header: "webhook-signature".to_owned(), version: "v1" }),
        ),
        case("too many signatures", &many, BODY, about(Refused::TooMany, "webhook-signature")),
        case("no id", &right[1..], BODY, about(Refused::Missing, "webhook-id")),
        case("no signature", &right[..2], BODY, about(Refused::Missing, "webhook-signature")),
        case("no header at all", &[], BODY, about(Refused::Missing, "webhook-id")),
        case("two signatures", &doubled, BODY, about(Refused::Doubled, "webhook-signature")),
    ];
    check(&json!({"standardWebhooks": {"secret": "${env:STANDARD}"}}), &cases);
    // While a secret is replaced, both are right; and some services call the headers otherwise.
    let both = json!({"standardWebhooks": {"secret": ["${env:STANDARD}", "${env:STANDARD_OLD}"]}});
    check(&both, &[case("the new", &right, BODY, Ok(())), case("the old", &old, BODY, Ok(()))]);
    let svix = json!({"standardWebhooks": {"secret": "${env:STANDARD}", "headerPrefix": "Svix-"}});
    let named = [("svix-id", "msg_1"), ("svix-timestamp", "1700000000"), ("svix-signature", STANDARD)];
    check(
        &svix,
        &[
            case("svix", &named, BODY, Ok(())),
            case("not svix", &right, BODY, about(Refused::Missing, "svix-id")),
        ],
    );
}

const STRIPE: &str = "5d175a97d88fc9d263aa8fa9c2413a6afc1dc290c016071583b8ee7c9bc776de";
const STRIPE_OTHER: &str = "a97aad6d77050a3913b3f7386d105e5ada1033fd99caa23bef92d89046d8ffa5";

#[test]
fn stripe() {
    let right = format!("t=1700000000,v1={STRIPE}");
    let two = format!("t=1700000000,v1={STRIPE_OTHER},v1={STRIPE},v0={STRIPE_OTHER}");
    let v0 = format!("t=1700000000,v0={STRIPE}");
    let upper = format!("t=1700000000,v1={}", STRIPE.to_uppercase());
    let other = format!("t=1700000000,v1={STRIPE_OTHER}");
    let cut = format!("t=1700000000,v1={}", &STRIPE[..62]);
    let odd = format!("t=1700000000,v1={}", &STRIPE[..63]);
    let base64 = "t=1700000000,v1=XRdal9iPydJjqo+pwkE6avwdwpDAFgcVg7jufJvHdt4=";
    let late = format!("t=1700000001,v1={STRIPE}");
    let two_times = format!("t=1700000000,t=1700000000,v1={STRIPE}");
    let no_time = format!("v1={STRIPE}");
    let many = format!("t=1700000000{}", format!(",v1={STRIPE}").repeat(17));
    let name = "Stripe-Signature";
    let malformed = || about(Refused::Malformed, "stripe-signature");
    let wrong = || Err(Refused::Wrong);
    let later = |what, after, expected| Case { what, headers: &[], body: BODY, after, expected };
    let cases: Vec<(Case<'_>, &str)> = vec![
        (later("right", 0, Ok(())), &right),
        (later("right with the secret before it", 0, Ok(())), &two),
        (later("right in capitals", 0, Ok(())), &upper),
        (later("old", 301, Err(Refused::TooOld(301))), &right),
        (later("future", -301, Err(Refused::TooNew(301))), &right),
        (later("another secret", 0, wrong()), &other),
        (later("another time", 0, wrong()), &late),
        (later("a truncated signature", 0, wrong()), &cut),
        (later("half a byte", 0, about(Refused::Encoding, "stripe-signature")), &odd),
        (later("base64", 0, about(Refused::Encoding, "stripe-signature")), base64),
        (
            later(
                "v0 alone",
                0,
                Err(Refused::Version { header: "stripe-signature".to_owned(), version: "v1" }),
            ),
            &v0,
        ),
        (later("two times", 0, malformed()), &two_times),
        (later("no time", 0, malformed()), &no_time),
        (later("something else", 0, malformed()), STRIPE),
        (later("too many", 0, about(Refused::TooMany, "stripe-signature")), &many),
        (later("a time that is none", 0, about(Refused::Time, "stripe-signature")), "t=-1,v1=00"),
        (
            later("a time beyond all times", 0, about(Refused::Time, "stripe-signature")),
            "t=99999999999999999999,v1=00",
        ),
    ];
    let verify = json!({"stripe": {"secret": "${env:STRIPE}"}});
    for (case, signature) in cases {
        check(&verify, &[Case { headers: &[(name, signature)], ..case }]);
    }
}

#[test]
fn stripe_while_a_secret_is_replaced() {
    let name = "Stripe-Signature";
    let right = format!("t=1700000000,v1={STRIPE}");
    let other = format!("t=1700000000,v1={STRIPE_OTHER}");
    let both = json!({"stripe": {"secret": ["${env:STRIPE_OTHER}", "${env:STRIPE}"], "tolerance": "1s"}});
    check(
        &both,
        &[
            case("the one", &[(name, &right)], BODY, Ok(())),
            case("the other", &[(name, &other)], BODY, Ok(())),
            Case {
                after: 2,
                ..case("too old for one second", &[(name, &right)], BODY, Err(Refused::TooOld(2)))
            },
        ],
    );
}

#[test]
fn github() {
    const EXAMPLE: &str = include_str!("organization.json");
    const RIGHT: &str = "sha256=77acb39380d3746635ea02cdfa0c374ea008b45f4155f335b7a58e6ea7bd2f96";
    const DOCUMENTED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const EMPTY: &str = "sha256=66a0c074deaa0f489ead6537e0d32f9a344b90bbeda705b6ed45ecd3b413fb40";
    let name = "X-Hub-Signature-256";
    let verify = json!({"hmac": {"secret": "${env:GITHUB}", "header": name, "prefix": "sha256="}});
    let encoding = || about(Refused::Encoding, name);
    check(
        &verify,
        &[
            case("an organization", &[(name, RIGHT)], EXAMPLE, Ok(())),
            case("the documented example", &[(name, DOCUMENTED)], "Hello, World!", Ok(())),
            case("an empty body that was signed", &[(name, EMPTY)], "", Ok(())),
            case("an empty body that was not", &[(name, RIGHT)], "", Err(Refused::Wrong)),
            case("a space more", &[(name, RIGHT)], &format!("{EXAMPLE} "), Err(Refused::Wrong)),
            case(
                "another prefix",
                &[(name, &RIGHT.replace("sha256", "sha1"))],
                EXAMPLE,
                about(Refused::Prefix, name),
            ),
            case(
                "the prefix in capitals",
                &[(name, &RIGHT.replace("sha", "SHA"))],
                EXAMPLE,
                about(Refused::Prefix, name),
            ),
            case("no prefix", &[(name, &RIGHT[7..])], EXAMPLE, about(Refused::Prefix, name)),
            case("the prefix alone", &[(name, "sha256=")], EXAMPLE, Err(Refused::Wrong)),
            case("half the signature", &[(name, &RIGHT[..39])], EXAMPLE, Err(Refused::Wrong)),
            case("not hexadecimal", &[(name, &RIGHT.replace('9', "é"))], EXAMPLE, encoding()),
            case("twice", &[(name, RIGHT), (name, RIGHT)], EXAMPLE, about(Refused::Doubled, name)),
            case("under another name", &[("X-Hub-Signature", RIGHT)], EXAMPLE, about(Refused::Missing, name)),
        ],
    );
}

#[test]
fn other_signatures() {
    let name = "X-Signature";
    let with = |members: Value| {
        let mut hmac = json!({"secret": "${env:GITHUB}", "header": name});
        for (member, value) in members.as_object().unwrap() {
            hmac[member] = value.clone();
        }
        json!({ "hmac": hmac })
    };
    let time = |at: &'static str, signature| [("X-Time", at), ("X-Id", "msg_1"), (name, signature)];
    let right = |members: Value, signature: &str| {
        check(&with(members), &[case("right", &[(name, signature)], BODY, Ok(()))]);
    };
    right(json!({"algorithm": "sha1"}), "e9dc6cf1ed4687ceb9f65aad05498889f4a61703");
    right(json!({"encoding": "base64"}), "b8CFCD0z9tWuYH9JAyDhxDpw2UeqK4hVt+zrbQe29PU=");
    right(
        json!({"encoding": "base64", "algorithm": "sha512"}),
        "66ycjITe6SN8poRCX/yhf2mUhPU7fKPWju7dD4MhDpC79B47QtSnrzvnXESdYLHvuRQ1xrvuhYPllnFRDbBOOA==",
    );
    right(
        json!({"encoding": "base64", "secret": "${env:HEX}", "secretEncoding": "hex"}),
        "IY8GgBgq/KrZPYDjfXV7RR1MT4sI6ywSxsPs9gnMaHM=",
    );
    // A service that signs more than the body.
    let url = with(json!({
        "encoding": "base64", "timestamp": {"header": "X-Time", "format": "unixMillis"},
        "signed": "{timestamp}{url}{body}{header.X-Id}",
    }));
    let signature = "9zV+Imt397rJmP2SMfecemZlwDzde2/83uaSkvBPUzE=";
    let delivered = time("1700000000000", signature);
    check(
        &url,
        &[
            case("the URL too", &delivered, BODY, Ok(())),
            case("without the id", &delivered[..1], BODY, about(Refused::Missing, name)),
            Case { after: 400, ..case("old", &delivered, BODY, Err(Refused::TooOld(400))) },
        ],
    );
    let headers = headers(&delivered);
    let nowhere = Delivery { headers: &headers, body: BODY.as_bytes(), url: None, query: None };
    let now = Timestamp::from_second(SIGNED).unwrap();
    assert_eq!(verifier(&url).verify(&nowhere, now), Err(Refused::NoUrl));
    let zendesk = json!({"hmac": {
        "secret": "${env:PLAIN}", "header": name, "encoding": "base64", "signed": "{timestamp}{body}",
        "timestamp": {"header": "X-Time", "format": "rfc3339"},
    }});
    let signature = "ootpKmNXMk+w5TZL0DU66fhaqThSS4I0xV/84gMKqnI=";
    let (right, other) = (time("2023-11-14T22:13:20Z", signature), time("2023-11-14T22:13:21Z", signature));
    let local = time("2023-11-14T22:13:20", signature);
    check(
        &zendesk,
        &[
            case("an RFC 3339 time", &right, BODY, Ok(())),
            case("another time", &other, BODY, Err(Refused::Wrong)),
            case("a time without zone", &local, BODY, about(Refused::Time, "X-Time")),
        ],
    );
}

#[test]
fn slack() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let delivered = [("X-Slack-Request-Timestamp", "1531420618"), ("X-Slack-Signature", signature)];
    let verify = json!({"hmac": {
        "secret": "${env:SLACK}", "header": "X-Slack-Signature", "prefix": "v0=",
        "timestamp": {"header": "X-Slack-Request-Timestamp"}, "signed": "v0:{timestamp}:{body}",
    }});
    let right =
        Case { after: 1_531_420_618 - SIGNED, ..case("the documented example", &delivered, body, Ok(())) };
    let old = Case {
        expected: Err(Refused::TooOld(SIGNED.unsigned_abs() - 1_531_420_618)),
        after: 0,
        ..case("old", &delivered, body, Ok(()))
    };
    check(&verify, &[right, old]);
}

#[test]
fn credentials() {
    let name = "authorization";
    let wrong = || Err(Refused::Wrong);
    let prefix = || about(Refused::Prefix, name);
    check(
        &json!({"bearer": "${env:PLAIN}"}),
        &[
            case("right", &[(name, "Bearer secret")], BODY, Ok(())),
            case("in another case", &[(name, "bearer  secret")], BODY, Ok(())),
            case("another token", &[(name, "Bearer Secret")], BODY, wrong()),
            case("a shorter token", &[(name, "Bearer secre")], BODY, wrong()),
            case("a longer token", &[(name, "Bearer secrets")], BODY, wrong()),
            case("no token", &[(name, "Bearer ")], BODY, wrong()),
            case("no space", &[(name, "Bearersecret")], BODY, prefix()),
            case("another scheme", &[(name, "Basic c2VjcmV0")], BODY, prefix()),
            case("nothing", &[], BODY, about(Refused::Missing, name)),
            case(
                "twice",
                &[(name, "Bearer secret"), (name, "Bearer secret")],
                BODY,
                about(Refused::Doubled, name),
            ),
        ],
    );
    check(
        &json!({"basic": {"username": "zoé", "password": ["${env:PLAIN}", "${env:HEX}"]}}),
        &[
            case("right", &[(name, "Basic em/DqTpzZWNyZXQ=")], BODY, Ok(())),
            case("another user", &[(name, "Basic em9lOnNlY3JldA==")], BODY, wrong()),
            case("another password", &[(name, "Basic em/DqTpzZWNyZXRz")], BODY, wrong()),
            case("not base64", &[(name, "Basic zoé:secret")], BODY, about(Refused::Encoding, name)),
        ],
    );
    let key = "X-Gitlab-Token";
    check(
        &json!({"apiKey": {"header": key, "value": "${env:PLAIN}", "prefix": "Key "}}),
        &[
            case("right", &[(key, "Key secret")], BODY, Ok(())),
            case("another", &[(key, "Key public")], BODY, wrong()),
            case("without prefix", &[(key, "secret")], BODY, about(Refused::Prefix, key)),
        ],
    );
}

#[test]
fn a_secret_that_proves_nothing_is_named() {
    for (verify, expected) in [
        (json!({"bearer": "${env:EMPTY}"}), "${env:EMPTY} is empty"),
        (json!({"stripe": {"secret": "${env:NOWHERE}"}}), "${env:NOWHERE} is not set where this runs"),
        (
            json!({"standardWebhooks": {"secret": "${env:NO_KEY}"}}),
            "${env:NO_KEY} is not a key in the encoding that is expected",
        ),
        (
            json!({"standardWebhooks": {"secret": "${env:STRIPE}"}}),
            "${env:STRIPE} is not a key in the encoding that is expected",
        ),
        (
            json!({"hmac": {"secret": ["${env:HEX}", "${env:PLAIN}"], "secretEncoding": "hex", "header": "X"}}),
            "${env:PLAIN} is not a key in the encoding that is expected",
        ),
    ] {
        let error = try_verifier(&verify).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

/// A hook of the service whose deliveries are signed above.
fn hook(max_body: &str) -> Hook {
    let spec: WebhookSpec = serde_json::from_value(json!({
        "verify": {"standardWebhooks": {"secret": "${env:STANDARD}"}}, "event": "type", "maxBody": max_body,
        "events": {"customer.*": {"dataType": "customers", "record": "data.object"}},
    }))
    .unwrap();
    let settings = json!({"baseUrl": "https://api.example", "dataTypes": {"customers": {}}});
    lower(&spec, &serde_json::from_value(settings).unwrap()).0.unwrap()
}

#[test]
fn what_was_verified_is_read_and_a_repetition_has_the_same_id() {
    let right = headers(&[
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", "1700000000"),
        ("webhook-signature", STANDARD),
    ]);
    let header = |name: &str| right.get(name).map(HeaderValue::as_bytes);
    let delivery = Delivery { headers: &right, body: BODY.as_bytes(), url: None, query: None };
    let verifier = verifier(&json!({"standardWebhooks": {"secret": "${env:STANDARD}"}}));
    for _ in 0..2 {
        verifier.verify(&delivery, Timestamp::from_second(SIGNED).unwrap()).unwrap();
        let readings = hook("1MB").read(Route::default(), &header, BODY.as_bytes()).unwrap();
        let [Reading::Received(received)] = readings.as_slice() else { panic!("{readings:?}") };
        assert_eq!((received.data_type.as_str(), &received.intent), ("customers", &Intent::Upsert));
        assert_eq!(received.delivery.as_deref(), Some("msg_1"));
        assert_eq!(received.record.of(BODY.as_bytes()), r#"{"id":"cus_é"}"#.as_bytes());
    }
    let oversized = hook("73B").read(Route::default(), &header, BODY.as_bytes()).unwrap_err();
    assert_eq!(oversized.to_string(), "the body has 74 bytes, 73 are allowed");
}

#[test]
fn a_key_may_stand_in_the_query() {
    let verifier = verifier(&json!({"query": {"name": "key", "value": "${env:PLAIN}"}}));
    let headers = headers(&[]);
    let check = |query, expected: Result<(), Refused>| {
        let delivery = Delivery { headers: &headers, body: BODY.as_bytes(), url: None, query };
        assert_eq!(verifier.verify(&delivery, Timestamp::UNIX_EPOCH), expected, "{query:?}");
    };
    let right: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("a", "b c")
        .append_pair("key", "secret")
        .finish();
    let doubled = format!("{right}&key=x");
    check(Some(&right), Ok(()));
    check(Some("key=wrong"), Err(Refused::Wrong));
    check(Some("key="), Err(Refused::Wrong));
    check(Some(&doubled), Err(Refused::DoubledParameter("key".to_owned())));
    check(Some("Key=x"), Err(Refused::MissingParameter("key".to_owned())));
    check(None, Err(Refused::MissingParameter("key".to_owned())));
}
