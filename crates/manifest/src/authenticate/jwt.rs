//! `JwtAuthenticator`: a token that is signed here, anew for each request. Keys are what the config holds; none is made.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair};
use serde_json::{Map, Value};

use super::Credential;
use crate::component::{Component, Problem, ProblemKind};
use crate::error::ReadError;
use crate::exchange::Place;
use crate::request::RequestOption;
use crate::request::text::python_text;
use crate::service::Service;
use crate::template::{Context, Literals, Template};

/// A token that is signed here, compiled.
pub struct Jwt {
    algorithm: Algorithm,
    name: String,
    key: Template,
    encodes_key: bool,
    seconds: Option<i64>,
    prefix: Option<Template>,
    headers: Vec<(String, Template)>,
    payload: Vec<(String, Template)>,
    credential: Credential,
}

/// How a token is signed.
#[derive(Clone, Copy)]
enum Algorithm {
    Hmac(hmac::Algorithm),
    Rsa(&'static dyn RsaEncoding),
    Ecdsa(&'static EcdsaSigningAlgorithm),
    Ed25519,
}

/// For how many seconds a token is valid where nothing is said.
const SECONDS: i64 = 1200;

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "HS256" => Self::Hmac(hmac::HMAC_SHA256),
            "HS384" => Self::Hmac(hmac::HMAC_SHA384),
            "HS512" => Self::Hmac(hmac::HMAC_SHA512),
            "RS256" => Self::Rsa(&signature::RSA_PKCS1_SHA256),
            "RS384" => Self::Rsa(&signature::RSA_PKCS1_SHA384),
            "RS512" => Self::Rsa(&signature::RSA_PKCS1_SHA512),
            "PS256" => Self::Rsa(&signature::RSA_PSS_SHA256),
            "PS384" => Self::Rsa(&signature::RSA_PSS_SHA384),
            "PS512" => Self::Rsa(&signature::RSA_PSS_SHA512),
            "ES256" => Self::Ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => Self::Ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            "EdDSA" => Self::Ed25519,
            _ => return None,
        })
    }

    /// Signs a text; none where the key does not fit.
    fn sign(self, key: &str, text: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Hmac(algorithm) => {
                let key = hmac::Key::new(algorithm, key.as_bytes());
                Some(hmac::sign(&key, text).as_ref().to_vec())
            }
            Self::Rsa(encoding) => {
                let der = der(key)?;
                let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der)).ok()?;
                let mut signed = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &random, text, &mut signed).ok()?;
                Some(signed)
            }
            Self::Ecdsa(algorithm) => {
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, &der(key)?, &random).ok()?;
                Some(pair.sign(&random, text).ok()?.as_ref().to_vec())
            }
            Self::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der(key)?).ok()?;
                Some(pair.sign(text).as_ref().to_vec())
            }
        }
    }
}

/// Signs a text with the algorithm of this name (RFC 7518); none where there is no such algorithm or the key does not
/// fit. A key is PEM, or for `HS…` the secret itself.
pub fn sign(algorithm: &str, key: &str, text: &[u8]) -> Option<Vec<u8>> {
    Algorithm::named(algorithm)?.sign(key, text)
}

/// The bytes of a PEM text. Its line feeds may be missing, or be written as `\n`.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (_, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String =
        body.replace("\\n", "").chars().filter(|character| !character.is_whitespace()).collect();
    STANDARD.decode(body).ok()
}

impl Jwt {
    pub(super) fn new(component: &Component, service: &Service) -> Result<Self, Problem> {
        let unsupported = |member: &str, message: &str| {
            let path = format!("{}.{member}", component.path());
            Problem { path, kind: ProblemKind::Unsupported, message: message.to_owned() }
        };
        if component.str("passphrase").is_some_and(|text| !text.is_empty()) {
            return Err(unsupported("passphrase", "an encrypted key cannot be used here"));
        }
        let name = component.required("algorithm", component.template("algorithm")?)?;
        let name = name.text(&service.context()).map_err(|error| component.invalid("algorithm", error))?;
        let algorithm = Algorithm::named(&name)
            .ok_or_else(|| unsupported("algorithm", &format!("`{name}` cannot be used here")))?;
        let option =
            component.child("request_option").map(|option| RequestOption::new(&option)).transpose()?;
        let option = match option {
            Some(option) => option,
            None => {
                RequestOption::named(Place::Header, component.template_of("request_option", "Authorization")?)
            }
        };
        let mut headers = pairs(component, "additional_jwt_headers", &["kid", "alg", "typ", "cty"])?;
        headers.extend(stated(component, "jwt_headers", &["kid", "typ", "cty"])?);
        if !headers.iter().any(|(name, _)| name == "typ") && !is_null(component, "jwt_headers", "typ") {
            headers.push(("typ".to_owned(), component.template_of("jwt_headers", "JWT")?));
        }
        let reserved = ["iss", "sub", "aud", "iat", "exp", "nbf"];
        let mut payload = pairs(component, "additional_jwt_payload", &reserved)?;
        payload.extend(stated(component, "jwt_payload", &["iss", "sub", "aud"])?);
        Ok(Self {
            algorithm,
            name,
            key: component.required("secret_key", component.template("secret_key")?)?,
            encodes_key: component.bool("base64_encode_secret_key").unwrap_or(false),
            seconds: match component.members().get("token_duration") {
                None => Some(SECONDS),
                Some(value) => value.as_i64(),
            },
            prefix: component.template("header_prefix")?.filter(|prefix| !prefix.source().is_empty()),
            headers,
            payload,
            credential: Credential::Key(option),
        })
    }

    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The token as it is sent.
    pub(super) fn token(&self, service: &Service) -> Result<String, ReadError> {
        let signed = self.signed(service)?;
        let prefix = self.prefix.as_ref().map(|prefix| prefix.text(&service.context())).transpose()?;
        Ok(match prefix.filter(|prefix| !prefix.is_empty()) {
            Some(prefix) => format!("{prefix} {signed}"),
            None => signed,
        })
    }

    /// The token alone.
    pub(super) fn signed(&self, service: &Service) -> Result<String, ReadError> {
        let context = service.context();
        let mut key = self.key.text(&context)?;
        if self.encodes_key {
            key = STANDARD.encode(key);
        }
        service.masks().add(&key);
        let mut headers = evaluated(&self.headers, &context)?;
        headers.retain(|name, value| name != "typ" || value.as_str().is_some_and(|kind| !kind.is_empty()));
        headers.insert("alg".to_owned(), Value::from(self.name.as_str()));
        let mut payload = evaluated(&self.payload, &context)?;
        let now = service.transport().now().as_second();
        payload.insert("iat".to_owned(), Value::from(now));
        payload.insert("nbf".to_owned(), Value::from(now));
        payload.insert("exp".to_owned(), Value::from(now + self.seconds.unwrap_or(0)));
        let [head, body] =
            [headers, payload].map(|members| URL_SAFE_NO_PAD.encode(Value::Object(members).to_string()));
        let text = format!("{head}.{body}");
        let signature = self.algorithm.sign(&key, text.as_bytes()).ok_or_else(|| {
            ReadError::Settings(format!("the key does not fit the algorithm {} of the token", self.name))
        })?;
        let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature));
        service.masks().add(&token);
        Ok(token)
    }
}

fn is_null(component: &Component, member: &str, name: &str) -> bool {
    component.get(member).and_then(|member| member.get(name)).is_some_and(Value::is_null)
}

/// The members of an object of the component that are stated.
fn stated(component: &Component, member: &str, names: &[&str]) -> Result<Vec<(String, Template)>, Problem> {
    let Some(child) = component.child(member) else { return Ok(Vec::new()) };
    let mut pairs = Vec::new();
    for name in names {
        pairs.extend(
            child.template(name)?.filter(|it| !it.source().is_empty()).map(|it| ((*name).to_owned(), it)),
        );
    }
    Ok(pairs)
}

/// The members of a free object of the component, of which none may have a reserved name.
fn pairs(component: &Component, member: &str, reserved: &[&str]) -> Result<Vec<(String, Template)>, Problem> {
    let members = component.get(member).and_then(Value::as_object);
    let pair = |(name, value): (&String, &Value)| {
        if reserved.contains(&name.as_str()) {
            return Err(component.invalid(member, format!("`{name}` stands elsewhere")));
        }
        Ok((name.clone(), component.template_of(&format!("{member}.{name}"), &python_text(value))?))
    };
    members.into_iter().flatten().map(pair).collect()
}

fn evaluated(pairs: &[(String, Template)], context: &Context) -> Result<Map<String, Value>, ReadError> {
    let pair = |(name, value): &(String, Template)| Ok((name.clone(), value.entry(context, Literals::Any)?));
    crate::try_object(pairs.iter().map(pair))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ring::signature::KeyPair;
    use serde_json::json;

    use super::*;
    use crate::script::Script;

    fn token(members: &Value, key: &str) -> Result<String, String> {
        let mut component =
            json!({"type": "JwtAuthenticator", "secret_key": "{{ config.key }}", "algorithm": "HS256"});
        component.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let component = Component::new(component.as_object().unwrap().clone(), "authenticator");
        let service = Service::new(Arc::new(Script::new(&[])), &Arc::new(json!({"key": key})));
        let jwt = Jwt::new(&component, &service).map_err(|problem| problem.to_string())?;
        jwt.token(&service).map_err(|error| error.to_string())
    }

    fn parts(token: &str) -> (String, Vec<u8>) {
        let (text, signature) = token.rsplit_once('.').unwrap();
        (text.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
    }

    fn shown(token: &str) -> String {
        let decode = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        token.split('.').take(2).map(decode).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tokens_say_what_the_manifest_says() {
        let check = |members: Value, expected: &str| {
            assert_eq!(shown(&token(&members, "k").unwrap()), expected, "{members}");
        };
        let times = r#""exp":1001200,"iat":1000000"#;
        check(json!({}), &format!(r#"{{"alg":"HS256","typ":"JWT"}} {{{times},"nbf":1000000}}"#));
        check(
            json!({"jwt_headers": {"kid": "k", "typ": null}, "jwt_payload": {"iss": "i", "aud": "a"}, "token_duration": 60}),
            r#"{"alg":"HS256","kid":"k"} {"aud":"a","exp":1000060,"iat":1000000,"iss":"i","nbf":1000000}"#,
        );
        check(
            json!({"additional_jwt_headers": {"z": "{{ 1 }}"}, "additional_jwt_payload": {"s": "x {{ 1 }}"}}),
            &format!(r#"{{"alg":"HS256","typ":"JWT","z":1}} {{{times},"nbf":1000000,"s":"x 1"}}"#),
        );
    }

    #[test]
    fn tokens_are_signed() {
        // The signatures are those that Python's `jwt` makes of the same text.
        let sign = |name: &str| {
            let text = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsInoiOjF9.eyJhIjoxfQ";
            URL_SAFE_NO_PAD.encode(Algorithm::named(name).unwrap().sign("k", text).unwrap())
        };
        assert_eq!(sign("HS256"), "88WOX5wC1LwGT1xhmazT8YGPySgZEf938Nz4TIzBfXg");
        let random = SystemRandom::new();
        let signing = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----", STANDARD.encode(&pkcs8));
        let (text, signed) = parts(&token(&json!({"algorithm": "ES256"}), &pem).unwrap());
        let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref(), &random).unwrap();
        let key = signature::UnparsedPublicKey::new(
            &signature::ECDSA_P256_SHA256_FIXED,
            pair.public_key().as_ref(),
        );
        assert!(key.verify(text.as_bytes(), &signed).is_ok());
    }

    #[test]
    fn rsa_keys_are_read_in_both_forms() {
        let pem = include_str!("rsa_for_tests.pem");
        let signed =
            |pem: &str| token(&json!({"algorithm": "RS256", "header_prefix": "Bearer"}), pem).unwrap();
        let (text, signature) = parts(signed(pem).trim_start_matches("Bearer "));
        let pair = RsaKeyPair::from_pkcs8(&der(pem).unwrap()).unwrap();
        let key =
            signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref());
        assert!(key.verify(text.as_bytes(), &signature).is_ok());
        // PKCS #8 holds the older form after its first 26 bytes.
        let older = STANDARD.encode(&der(pem).unwrap()[26..]);
        let older = format!("-----BEGIN RSA PRIVATE KEY-----\n{older}\n-----END RSA PRIVATE KEY-----\n");
        assert_eq!(signed(&older), signed(pem));
    }

    #[test]
    fn what_cannot_be_signed_is_told() {
        let check = |members: Value, expected: &str| assert_eq!(token(&members, "k").unwrap_err(), expected);
        check(json!({"algorithm": "RS256"}), "the key does not fit the algorithm RS256 of the token");
        check(json!({"algorithm": "ES512"}), "authenticator.algorithm: `ES512` cannot be used here");
        check(json!({"passphrase": "p"}), "authenticator.passphrase: an encrypted key cannot be used here");
        check(
            json!({"additional_jwt_payload": {"iss": "i"}}),
            "authenticator.additional_jwt_payload: `iss` stands elsewhere",
        );
    }
}
