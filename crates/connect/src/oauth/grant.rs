//! What is asked of a server for each grant: the parameters of the question, and who asks. Pure but for the secrets that
//! it reads.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use raccord_model::language::authorization::{Assertion, Grant, OAuth2};
use raccord_model::port::source::SourceError;
use raccord_model::secret::TextOrSecret;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::tokens::{Tokens, digest};
use crate::mask::Masker;
use crate::secret::{SecretReader, unusable};

/// A parameter of a question.
pub(crate) type Parameter = (String, SecretString);

/// Who asks, with secrets that were read now.
pub(crate) struct Client {
    /// Its name.
    pub(crate) id: SecretString,
    /// Its secret.
    pub(crate) secret: Option<SecretString>,
    /// Finds both.
    pub(crate) masker: Masker,
}

impl Client {
    /// Reads who we are.
    pub(crate) async fn read(oauth: &OAuth2, secrets: &SecretReader) -> Result<Self, SourceError> {
        let mut masker = Masker::default();
        let id = secrets.read_text(&oauth.client_id).await?;
        if matches!(oauth.client_id, TextOrSecret::Secret(_)) {
            masker.hide(id.expose_secret());
        }
        let secret = match &oauth.client_secret {
            Some(reference) => Some(secrets.read(reference).await?),
            None => None,
        };
        if let Some(secret) = &secret {
            masker.hide(secret.expose_secret());
        }
        Ok(Self { id, secret, masker })
    }
}

/// A question for tokens.
pub(crate) struct Question {
    /// Its parameters, without those that say who asks.
    pub(crate) parameters: Vec<Parameter>,
    /// The refresh token that it carries.
    pub(crate) refresh: Option<SecretString>,
    /// Which first refresh token of the configuration that comes from.
    pub(crate) seed: Option<String>,
}

/// Why no question can be asked.
pub(crate) enum Unasked {
    /// A person has to agree first.
    NoGrant,
    /// What is needed for it cannot be read.
    Failed(SourceError),
}

impl<E: Into<SourceError>> From<E> for Unasked {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The question for the next tokens.
pub(crate) async fn question(
    oauth: &OAuth2,
    (client, secrets): (&Client, &SecretReader),
    kept: Option<&Tokens>,
    now: Timestamp,
) -> Result<Question, Unasked> {
    let mut question = Question { parameters: Vec::new(), refresh: None, seed: None };
    match oauth.grant {
        Grant::ClientCredentials => question.add("grant_type", "client_credentials"),
        Grant::JwtBearer => {
            question.add("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
            if let Some(assertion) = &oauth.assertion {
                let signed = signed(assertion, oauth, (client, secrets), now).await?;
                question.parameters.push(("assertion".to_owned(), signed));
            }
        }
        Grant::AuthorizationCode | Grant::DeviceCode => {
            let refresh = kept.and_then(|kept| kept.refresh.clone()).ok_or(Unasked::NoGrant)?;
            return Ok(refreshing(refresh, None, oauth));
        }
        Grant::RefreshToken => {
            let reference = oauth.refresh_token.as_ref().ok_or(Unasked::NoGrant)?;
            let first = secrets.read(reference).await?;
            let seed = digest(first.expose_secret().as_bytes());
            // Another first token has been put there since: that one counts.
            let kept = kept.filter(|kept| kept.seed.as_ref() == Some(&seed));
            let refresh = kept.and_then(|kept| kept.refresh.clone()).unwrap_or(first);
            return Ok(refreshing(refresh, Some(seed), oauth));
        }
    }
    add_scopes(&mut question, oauth);
    question.add_stated(oauth);
    Ok(question)
}

/// The question with a refresh token.
pub(crate) fn refreshing(refresh: SecretString, seed: Option<String>, oauth: &OAuth2) -> Question {
    let parameters = vec![("refresh_token".to_owned(), refresh.clone())];
    let mut question = Question { parameters, refresh: Some(refresh), seed };
    question.add("grant_type", "refresh_token");
    question.add_stated(oauth);
    question
}

/// The question with what a person's consent has brought.
pub(crate) fn with_code(code: &str, verifier: &str, redirect: &str, oauth: &OAuth2) -> Question {
    let mut question = Question { parameters: Vec::new(), refresh: None, seed: None };
    question.add("grant_type", "authorization_code");
    question.add("code", code);
    question.add("redirect_uri", redirect);
    question.add("code_verifier", verifier);
    question.add_stated(oauth);
    question
}

/// The question whether a person has typed the code.
pub(crate) fn with_device(code: &str) -> Question {
    let mut question = Question { parameters: Vec::new(), refresh: None, seed: None };
    question.add("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
    question.add("device_code", code);
    question
}

/// The question for a code that a person types.
pub(crate) fn for_device(oauth: &OAuth2) -> Question {
    let mut question = Question { parameters: Vec::new(), refresh: None, seed: None };
    add_scopes(&mut question, oauth);
    question.add_stated(oauth);
    question
}

fn add_scopes(question: &mut Question, oauth: &OAuth2) {
    if !oauth.scopes.is_empty() {
        question.add("scope", &scopes(oauth));
    }
}

/// The scopes as one text.
pub(crate) fn scopes(oauth: &OAuth2) -> String {
    let scopes: Vec<&str> = oauth.scopes.iter().map(String::as_str).collect();
    scopes.join(" ")
}

impl Question {
    fn add(&mut self, name: &str, value: &str) {
        self.parameters.push((name.to_owned(), value.into()));
    }

    fn add_stated(&mut self, oauth: &OAuth2) {
        for (name, value) in &oauth.parameters {
            self.add(name, value);
        }
    }
}

/// What is said in place of a password, signed.
async fn signed(
    assertion: &Assertion,
    oauth: &OAuth2,
    (client, secrets): (&Client, &SecretReader),
    now: Timestamp,
) -> Result<SecretString, SourceError> {
    let key = secrets.read(&assertion.key).await?;
    let issuer = assertion.issuer.as_deref().unwrap_or_else(|| client.id.expose_secret());
    let algorithm = assertion.algorithm.as_str();
    let mut head = json!({"alg": algorithm, "typ": "JWT"});
    if let Some(id) = &assertion.key_id {
        head["kid"] = id.as_str().into();
    }
    let (since, until) = (now.as_second(), now.as_second().saturating_add(assertion.lifetime.signed()));
    let mut body = json!({
        "iss": issuer,
        "sub": assertion.subject.as_deref().unwrap_or(issuer),
        "aud": assertion.audience.as_deref().unwrap_or(&oauth.token_url),
        "iat": since,
        "exp": until,
    });
    // Google reads the scopes here and nowhere else.
    if !oauth.scopes.is_empty() {
        body["scope"] = scopes(oauth).into();
    }
    let [head, body] = [head, body].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let text = format!("{head}.{body}");
    let signature = raccord_manifest::authenticate::sign(algorithm, key.expose_secret(), text.as_bytes())
        .ok_or_else(|| unusable(&assertion.key, &format!("is not a key for {algorithm}")))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}
