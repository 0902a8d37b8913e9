//! Proves who we are: the headers and the query parameter that carry credentials.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use raccord_compiler::signing::{RequestPart, RequestText};
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::authorization::{ApiKey, AwsSigV4, Basic, HmacSigning, OAuth1};
use raccord_model::language::webhook::SecretEncoding;
use raccord_model::port::source::SourceError;
use raccord_model::secret::{SecretRef, TextOrSecret};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::hmac::HmacKeys;
use super::oauth1::OAuth1Keys;
use super::sign::Signer;
use super::sigv4::AwsKeys;
use super::strip::strip;
use crate::mask::Masker;
use crate::secret::{SecretReader, unusable};

/// Credentials, resolved. Its debug form shows none of them.
#[derive(Debug, Default)]
pub(crate) struct Authenticator {
    headers: Vec<(HeaderName, HeaderValue)>,
    query: Option<(String, SecretString)>,
    signer: Option<Signer>,
    /// How many requests were signed.
    signed: AtomicU64,
    pub(crate) masker: Masker,
    references: Vec<String>,
}

impl Authenticator {
    /// Reads the secrets that an authorization refers to.
    pub(crate) async fn resolve(
        authorization: Option<&AuthorizationSpec>,
        secrets: &SecretReader,
    ) -> Result<Self, SourceError> {
        let mut resolved = Self::default();
        match authorization {
            None | Some(AuthorizationSpec::None(_)) => {}
            Some(AuthorizationSpec::ApiKey(key)) => resolved.add_api_key(key, secrets).await?,
            Some(AuthorizationSpec::Bearer(bearer)) => {
                let token = resolved.read(&bearer.token, secrets).await?;
                resolved.add_header(AUTHORIZATION, "Bearer ", &token, &bearer.token)?;
            }
            Some(AuthorizationSpec::Basic(basic)) => resolved.add_basic(basic, secrets).await?,
            Some(AuthorizationSpec::OAuth1(oauth)) => resolved.add_oauth1(oauth, secrets).await?,
            Some(
                other @ (AuthorizationSpec::Database(_)
                | AuthorizationSpec::S3(_)
                | AuthorizationSpec::Gcs(_)
                | AuthorizationSpec::Azure(_)
                | AuthorizationSpec::Sftp(_)),
            ) => {
                return Err(SourceError::Settings {
                    place: "authorization".to_owned(),
                    message: format!("one of type {} is not for a service", other.type_name()),
                });
            }
            Some(AuthorizationSpec::Hmac(signing)) => resolved.add_hmac(signing, secrets).await?,
            Some(AuthorizationSpec::AwsSigV4(signing)) => resolved.add_aws(signing, secrets).await?,
            Some(AuthorizationSpec::OAuth2(_)) => {
                return Err(SourceError::Settings {
                    place: "authorization".to_owned(),
                    message: "its tokens are issued, not read".to_owned(),
                });
            }
        }
        Ok(resolved)
    }

    /// Where the secrets are read.
    pub(crate) fn references(&self) -> &[String] {
        &self.references
    }

    /// Puts the credentials on a request to the service's own origin, in place of those that `masker` finds there.
    pub(crate) fn apply(&self, request: &mut reqwest::Request, masker: &Masker) {
        for (name, value) in &self.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        if let Some((name, key)) = &self.query {
            strip(request.url_mut(), &[name], masker);
            request.url_mut().query_pairs_mut().append_pair(name, key.expose_secret());
        }
        let signing = self.signer.as_ref().map(Signer::parameters).unwrap_or_default();
        if !signing.is_empty() {
            strip(request.url_mut(), &signing, masker);
        }
    }

    /// Whether each request is signed.
    pub(crate) const fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// Signs a request that is complete. The nonce differs from one request to the next, and cannot be guessed.
    pub(crate) fn sign(&self, request: &mut reqwest::Request, now: jiff::Timestamp) {
        if let Some(signer) = &self.signer {
            signer.sign(request, now, self.signed.fetch_add(1, Ordering::Relaxed));
        }
    }

    /// Whether a request with the other would look the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_same_query = match (&self.query, &other.query) {
            (Some((name, key)), Some((other_name, other_key))) => {
                name == other_name && key.expose_secret() == other_key.expose_secret()
            }
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let is_same_signer = match (&self.signer, &other.signer) {
            (Some(keys), Some(others)) => keys.is_same(others),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        is_same_query && is_same_signer && self.headers == other.headers
    }

    async fn add_api_key(&mut self, key: &ApiKey, secrets: &SecretReader) -> Result<(), SourceError> {
        if let Some(reference) = &key.value {
            let value = self.read(reference, secrets).await?;
            if key.header.is_none() && key.query.is_none() {
                return Err(unusable(reference, "would not be sent: name a `header` or a `query`").into());
            }
            if let Some(header) = &key.header {
                let name = header_name(header)?;
                self.add_header(name, key.prefix.as_deref().unwrap_or_default(), &value, reference)?;
            }
            if let Some(query) = &key.query {
                check_edges(&value, reference)?;
                self.query = Some((query.clone(), value));
            }
        }
        for (name, reference) in &key.headers {
            let value = self.read(reference, secrets).await?;
            self.add_header(header_name(name)?, "", &value, reference)?;
        }
        Ok(())
    }

    async fn add_basic(&mut self, basic: &Basic, secrets: &SecretReader) -> Result<(), SourceError> {
        let username = secrets.read_text(&basic.username).await?;
        if matches!(basic.username, TextOrSecret::Secret(_)) {
            self.masker.hide(username.expose_secret());
        }
        let password = match &basic.password {
            Some(reference) => self.read(reference, secrets).await?,
            None => SecretString::default(),
        };
        let pair = SecretString::from(format!("{}:{}", username.expose_secret(), password.expose_secret()));
        let encoded = SecretString::from(STANDARD.encode(pair.expose_secret()));
        self.masker.hide(pair.expose_secret());
        self.masker.hide(encoded.expose_secret());
        let mut value = header_value("Basic ", &encoded).ok_or_else(|| SourceError::Secret {
            reference: "authorization".to_owned(),
            why: "cannot be sent in a header".to_owned(),
        })?;
        value.set_sensitive(true);
        self.headers.push((AUTHORIZATION, value));
        Ok(())
    }

    async fn add_oauth1(&mut self, oauth: &OAuth1, secrets: &SecretReader) -> Result<(), SourceError> {
        let consumer_key = secrets.read_text(&oauth.consumer_key).await?;
        if matches!(oauth.consumer_key, TextOrSecret::Secret(_)) {
            self.masker.hide(consumer_key.expose_secret());
        }
        self.signer = Some(Signer::OAuth1(Box::new(OAuth1Keys {
            consumer_key,
            consumer_secret: self.read(&oauth.consumer_secret, secrets).await?,
            token: self.read(&oauth.token, secrets).await?,
            token_secret: self.read(&oauth.token_secret, secrets).await?,
            method: oauth.signature,
        })));
        Ok(())
    }

    async fn add_hmac(&mut self, spec: &HmacSigning, secrets: &SecretReader) -> Result<(), SourceError> {
        let wrong = |message: String| SourceError::Settings { place: "authorization".to_owned(), message };
        let signed = RequestText::parse(&spec.signed).map_err(wrong)?;
        let prefix = RequestText::parse(spec.prefix.as_deref().unwrap_or_default()).map_err(wrong)?;
        let key = match &spec.key {
            Some(key) => self.read_text(key, secrets).await?,
            None => SecretString::default(),
        };
        let secret = self.read(&spec.secret, secrets).await?;
        let secret = decoded(secret.expose_secret(), spec.secret_encoding)
            .ok_or_else(|| unusable(&spec.secret, "is not a key in the encoding that is expected"))?;
        for (name, reference) in &spec.headers {
            let value = self.read(reference, secrets).await?;
            self.add_header(header_name(name)?, "", &value, reference)?;
        }
        if prefix.has(&RequestPart::Key) && header_value("", &key).is_none() {
            return Err(wrong("`key` has characters that cannot stand in a header".to_owned()));
        }
        let keys = HmacKeys { spec: spec.clone(), signed, prefix, key, secret };
        self.signer = Some(Signer::Hmac(Box::new(keys)));
        Ok(())
    }

    async fn add_aws(&mut self, spec: &AwsSigV4, secrets: &SecretReader) -> Result<(), SourceError> {
        let id = self.read_text(&spec.access_key_id, secrets).await?;
        if header_value("", &id).is_none() {
            let message = "`accessKeyId` has characters that cannot stand in a header".to_owned();
            return Err(SourceError::Settings { place: "authorization".to_owned(), message });
        }
        let token = match &spec.session_token {
            Some(reference) => {
                let token = self.read(reference, secrets).await?;
                if header_value("", &token).is_none() {
                    return Err(unusable(reference, "has characters that cannot stand in a header").into());
                }
                Some(token)
            }
            None => None,
        };
        let secret = self.read(&spec.secret_access_key, secrets).await?;
        let (region, service) = (spec.region.clone(), spec.service.clone());
        self.signer = Some(Signer::Aws(Box::new(AwsKeys { id, secret, token, region, service })));
        Ok(())
    }

    /// A text, which is hidden where it is a secret.
    async fn read_text(
        &mut self,
        text: &TextOrSecret,
        secrets: &SecretReader,
    ) -> Result<SecretString, SourceError> {
        match text {
            TextOrSecret::Text(text) => Ok(SecretString::from(text.clone())),
            TextOrSecret::Secret(reference) => self.read(reference, secrets).await,
        }
    }

    async fn read(
        &mut self,
        reference: &SecretRef,
        secrets: &SecretReader,
    ) -> Result<SecretString, SourceError> {
        let secret = secrets.read(reference).await?;
        self.masker.hide(secret.expose_secret());
        self.references.push(reference.to_string());
        Ok(secret)
    }

    fn add_header(
        &mut self,
        name: HeaderName,
        prefix: &str,
        secret: &SecretString,
        reference: &SecretRef,
    ) -> Result<(), SourceError> {
        check_edges(secret, reference)?;
        let scheme = prefix.trim_end();
        if scheme.len() < prefix.len() && begins_with_scheme(secret.expose_secret(), scheme) {
            let why = format!(
                "begins with `{scheme}`, which is written before it already: keep the credential alone"
            );
            return Err(unusable(reference, &why).into());
        }
        let mut value = header_value(prefix, secret)
            .ok_or_else(|| unusable(reference, "has characters that cannot stand in a header"))?;
        value.set_sensitive(true);
        self.headers.push((name, value));
        Ok(())
    }
}

/// The bytes of a secret that is written in some way.
fn decoded(secret: &str, encoding: SecretEncoding) -> Option<SecretSlice<u8>> {
    let bytes = match encoding {
        SecretEncoding::Text => secret.as_bytes().to_vec(),
        SecretEncoding::Hex => data_encoding::HEXLOWER_PERMISSIVE.decode(secret.as_bytes()).ok()?,
        SecretEncoding::Base64 => STANDARD.decode(secret).ok()?,
    };
    Some(bytes.into())
}

/// Blanks and line breaks around a credential would be sent with it, and no service takes them.
fn check_edges(secret: &SecretString, reference: &SecretRef) -> Result<(), SourceError> {
    let text = secret.expose_secret();
    if text.trim() == text {
        return Ok(());
    }
    let why = "has blanks or line breaks around it: keep the credential alone";
    Err(unusable(reference, why).into())
}

/// Whether a credential repeats the scheme that is written before it.
fn begins_with_scheme(text: &str, scheme: &str) -> bool {
    let begins = text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
    begins && text.get(scheme.len()..).is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

fn header_value(prefix: &str, secret: &SecretString) -> Option<HeaderValue> {
    let text = SecretString::from(format!("{prefix}{}", secret.expose_secret()));
    HeaderValue::from_str(text.expose_secret()).ok()
}

fn header_name(name: &str) -> Result<HeaderName, SourceError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| SourceError::Secret {
        reference: "authorization".to_owned(),
        why: format!("names `{name}`, which is not the name of a header"),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn secrets() -> SecretReader {
        let environment = |name: &str| match name {
            "KEY" => Some("s3cret".to_owned()),
            "BROKEN" => Some("two\nlines".to_owned()),
            "SCHEMED" => Some("bearer s3cret".to_owned()),
            "ENDED" => Some("s3cret\n".to_owned()),
            "BLANK" => Some(" s3cret".to_owned()),
            _ => None,
        };
        SecretReader::new(Arc::new(environment), std::path::Path::new("."))
    }

    /// The headers and the query that an authorization adds to `https://x.example/p?a=1&key=old`.
    async fn check(authorization: serde_json::Value, header: (&str, &str), query: &str) {
        let authorization = serde_json::from_value(authorization).unwrap();
        let authenticator = Authenticator::resolve(Some(&authorization), &secrets()).await.unwrap();
        let url = "https://x.example/p?a=1&key=old".parse().unwrap();
        let mut request = reqwest::Request::new(reqwest::Method::GET, url);
        authenticator.apply(&mut request, &authenticator.masker);
        if !header.0.is_empty() {
            assert_eq!(request.headers()[header.0], header.1);
        }
        assert_eq!(request.url().query(), Some(query));
        assert!(!format!("{authenticator:?} {request:?}").replace("key=s3cret", "").contains("s3cret"));
    }

    #[tokio::test]
    async fn each_form_puts_the_credential_where_it_belongs() {
        let old = "a=1&key=old";
        let key = "${env:KEY}";
        check(serde_json::json!({"type": "none"}), ("", ""), old).await;
        check(serde_json::json!({"type": "bearer", "token": key}), ("authorization", "Bearer s3cret"), old)
            .await;
        check(
            serde_json::json!({"type": "basic", "username": "me", "password": key}),
            ("authorization", "Basic bWU6czNjcmV0"),
            old,
        )
        .await;
        check(
            serde_json::json!({"type": "apiKey", "header": "Authorization", "prefix": "Token ", "value": key}),
            ("authorization", "Token s3cret"),
            old,
        )
        .await;
        check(
            serde_json::json!({"type": "apiKey", "headers": {"X-A": key, "X-B": key}}),
            ("x-b", "s3cret"),
            old,
        )
        .await;
        check(
            serde_json::json!({"type": "apiKey", "query": "key", "value": key}),
            ("", ""),
            "a=1&key=s3cret",
        )
        .await;
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_sent_is_named_by_its_reference() {
        let bearer = |name: &str| serde_json::json!({"type": "bearer", "token": format!("${{env:{name}}}")});
        let key = |prefix: &str, name: &str| {
            serde_json::json!({
                "type": "apiKey", "header": "Authorization", "prefix": prefix, "value": format!("${{env:{name}}}")
            })
        };
        let query = |name: &str| serde_json::json!({"type": "apiKey", "query": "k", "value": format!("${{env:{name}}}")});
        let edges = "has blanks or line breaks around it";
        let scheme = "begins with `Bearer`, which is written before it already";
        for (authorization, expected) in [
            (bearer("BROKEN"), Some("has characters")),
            (bearer("SCHEMED"), Some(scheme)),
            (bearer("ENDED"), Some(edges)),
            (bearer("BLANK"), Some(edges)),
            (key("Bearer ", "SCHEMED"), Some(scheme)),
            (key("", "SCHEMED"), None),
            (key("Token ", "SCHEMED"), None),
            (query("ENDED"), Some(edges)),
            (query("SCHEMED"), None),
        ] {
            let spec = serde_json::from_value(authorization.clone()).unwrap();
            let error = Authenticator::resolve(Some(&spec), &secrets()).await.err();
            let error = error.map(|error| error.to_string());
            assert_eq!(error.is_some(), expected.is_some(), "{authorization}: {error:?}");
            if let (Some(error), Some(expected)) = (error, expected) {
                assert!(error.starts_with("${env:") && error.contains(expected), "{error}");
                assert!(!error.contains("s3cret") && !error.contains("lines\""), "{error}");
            }
        }
    }
}
