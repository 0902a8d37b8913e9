//! Leads a person through an agreement: the page with PKCE and state, the code for another device, and what the server
//! issues for either. The port [`Authorizations`].

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::authorization::{Grant, OAuth2};
use raccord_model::port::Async;
use raccord_model::port::authorization::{
    Authorizations, Completion, Consent, DeviceInvitation, Invitation, PageInvitation, Passed, Standing,
};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::source::SourceError;
use raccord_model::{Desired, Name};
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::answer::Refusal;
use super::credentials::tokens;
use super::custody::{Custody, Keeper, Known};
use super::endpoint::{Endpoint, Refused};
use super::grant::{Client, Question, Unasked, for_device, question, scopes, with_code, with_device};
use super::standings::{Remembered, granted};
use super::tokens::Tokens;
use crate::secret::{SecretHost, SecretReader};

/// How long there are between two questions where the server does not say it, in seconds (RFC 8628, 3.2).
const INTERVAL: u64 = 5;

/// How long a code counts where the server does not say it, in seconds.
const LIFETIME: i64 = 900;

/// Leads people through agreements.
pub struct ServiceAuthorizations {
    environment: Arc<dyn Environment>,
    host: Arc<SecretHost>,
    custody: Custody,
    remembered: Remembered,
}

impl ServiceAuthorizations {
    /// With tokens that are kept there.
    pub fn new(environment: Arc<dyn Environment>, custody: Custody) -> Self {
        let host = SecretHost::new(&environment);
        Self { environment, host, custody, remembered: Remembered::default() }
    }

    /// The Authorization, and what reads its secrets.
    fn oauth<'d>(
        &self,
        desired: &'d Desired,
        name: &Name,
    ) -> Result<(&'d OAuth2, SecretReader), SourceError> {
        let root = if desired.root.is_empty() { "." } else { &desired.root };
        match desired.authorization(name) {
            Some(AuthorizationSpec::OAuth2(oauth)) => {
                Ok((oauth, SecretReader::at(Path::new(root), &self.host)))
            }
            Some(_) => Err(settings(name, "is not of `type: oauth2`: there is nothing to agree to")),
            None => {
                Err(settings(name, "is not in the configuration in force; `raccord apply` puts it there"))
            }
        }
    }

    async fn invite(
        &self,
        (name, oauth): (&Name, &OAuth2),
        secrets: &SecretReader,
        redirect: Option<String>,
    ) -> Result<Invitation, SourceError> {
        let client = Client::read(oauth, secrets).await?;
        match (oauth.grant, &oauth.authorization_url, &oauth.device_url) {
            (Grant::AuthorizationCode, Some(page), _) => {
                let redirect = oauth
                    .redirect_url
                    .clone()
                    .or(redirect)
                    .ok_or_else(|| settings(name, "has no `redirectUrl`, and none was given"))?;
                self.page((name, oauth), page, &client, redirect).map(Invitation::Page)
            }
            (Grant::DeviceCode, _, Some(url)) => {
                let endpoint = Endpoint::of(oauth, secrets).await?;
                let answer = endpoint.ask(url, oauth, (&client, &for_device(oauth))).await;
                let body = answer.map_err(|refused| refused.error)?;
                self.device(url, &body).map(Invitation::Device)
            }
            _ => Ok(Invitation::Unneeded),
        }
    }

    /// The page on which a person agrees.
    fn page(
        &self,
        (name, oauth): (&Name, &OAuth2),
        page: &str,
        client: &Client,
        redirect: String,
    ) -> Result<PageInvitation, SourceError> {
        let failed = |error: RandomError| SourceError::Custody {
            authorization: name.to_string(),
            source: error.into(),
        };
        let random = || self.environment.random().map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let (state, verifier) = (random().map_err(failed)?, random().map_err(failed)?);
        let mut url = Url::parse(page)
            .map_err(|error| settings(name, &format!("has an `authorizationUrl` that is none: {error}")))?;
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", client.id.expose_secret())
                .append_pair("redirect_uri", &redirect)
                .append_pair("state", &state)
                .append_pair("code_challenge", &challenge(&verifier))
                .append_pair("code_challenge_method", "S256");
            if !oauth.scopes.is_empty() {
                query.append_pair("scope", &scopes(oauth));
            }
            for (name, value) in &oauth.parameters {
                query.append_pair(name, value);
            }
        }
        Ok(PageInvitation {
            url: url.into(),
            redirect,
            state: Passed::of(state),
            verifier: Passed::of(verifier),
        })
    }

    /// The code that a person types.
    fn device(&self, url: &str, body: &[u8]) -> Result<DeviceInvitation, SourceError> {
        let wrong =
            |message: &str| SourceError::Answer { place: url.to_owned(), message: message.to_owned() };
        let body: Value = serde_json::from_slice(body).map_err(|_| wrong("the answer is not JSON"))?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let needed = |name: &str| text(name).ok_or_else(|| wrong(&format!("the answer has no `{name}`")));
        let seconds = body.get("expires_in").and_then(Value::as_i64).unwrap_or(LIFETIME);
        let now = self.environment.now();
        Ok(DeviceInvitation {
            url: text("verification_uri").map_or_else(|| needed("verification_url"), Ok)?,
            complete_url: text("verification_uri_complete"),
            user_code: needed("user_code")?,
            code: Passed::of(needed("device_code")?),
            interval: body.get("interval").and_then(Value::as_u64).unwrap_or(INTERVAL),
            expires: now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now),
        })
    }

    async fn complete(
        &self,
        (name, oauth): (&Name, &OAuth2),
        secrets: &SecretReader,
        consent: &Consent,
    ) -> Result<Completion, SourceError> {
        let keeper = Keeper::new(Some(self.custody.clone()), name, false);
        let place = keeper.place().await?;
        let place = place.ok_or_else(|| settings(name, "is not applied; `raccord apply` comes first"))?;
        let client = Client::read(oauth, secrets).await?;
        let lease = place.lease().await?;
        let asked = self.asked(oauth, (&client, secrets), consent).await;
        let completed = match asked {
            Ok(asked) => match self.ask((oauth, secrets), &client, &asked).await {
                Ok(tokens) => {
                    let Known { revision, .. } = place.load().await?;
                    place.keep(revision, &tokens).await.map(|_| Completion::Granted(granted(name, &tokens)))
                }
                Err(refused) => waits(refused, name),
            },
            Err(error) => Err(error),
        };
        place.release(lease).await;
        completed
    }

    /// The question that a consent allows.
    async fn asked(
        &self,
        oauth: &OAuth2,
        who: (&Client, &SecretReader),
        consent: &Consent,
    ) -> Result<Question, SourceError> {
        match consent {
            Consent::Code { code, verifier, redirect } => {
                Ok(with_code(code.text(), verifier.text(), redirect, oauth))
            }
            Consent::Device { code } => Ok(with_device(code.text())),
            // Without a person: as if nothing were kept, so that a first refresh token of the configuration counts.
            Consent::Unneeded => {
                question(oauth, who, None, self.environment.now()).await.map_err(|error| match error {
                    Unasked::NoGrant => SourceError::Settings {
                        place: "the authorization".to_owned(),
                        message: "it needs a person's agreement".to_owned(),
                    },
                    Unasked::Failed(error) => error,
                })
            }
        }
    }

    async fn ask(
        &self,
        (oauth, secrets): (&OAuth2, &SecretReader),
        client: &Client,
        asked: &Question,
    ) -> Result<Tokens, Refused> {
        let failed = |error| Refused { refusal: Refusal::Settings, error, code: String::new() };
        let endpoint = Endpoint::of(oauth, secrets).await.map_err(failed)?;
        let body = endpoint.ask(&oauth.token_url, oauth, (client, asked)).await?;
        tokens(&body, asked, oauth, self.environment.now()).map_err(failed)
    }
}

impl Authorizations for ServiceAuthorizations {
    fn begin<'a>(
        &'a self,
        desired: &'a Desired,
        authorization: &'a Name,
        redirect: Option<String>,
    ) -> Async<'a, Result<Invitation, SourceError>> {
        Box::pin(async move {
            let (oauth, secrets) = self.oauth(desired, authorization)?;
            self.invite((authorization, oauth), &secrets, redirect).await
        })
    }

    fn complete<'a>(
        &'a self,
        desired: &'a Desired,
        authorization: &'a Name,
        consent: Consent,
    ) -> Async<'a, Result<Completion, SourceError>> {
        Box::pin(async move {
            let (oauth, secrets) = self.oauth(desired, authorization)?;
            self.complete((authorization, oauth), &secrets, &consent).await
        })
    }

    fn standings<'a>(&'a self, desired: &'a Desired) -> Async<'a, Result<Vec<Standing>, SourceError>> {
        Box::pin(self.remembered.of(desired, &self.custody))
    }

    fn forget_gone(&self) -> Async<'_, Result<usize, SourceError>> {
        Box::pin(async {
            self.custody.forget_gone().await.map_err(|source| SourceError::Custody {
                authorization: "of former generations".to_owned(),
                source,
            })
        })
    }
}

/// What proves that the code is asked back by who began (RFC 7636, 4.2).
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

fn settings(name: &Name, message: &str) -> SourceError {
    SourceError::Settings { place: format!("Authorization `{name}`"), message: message.to_owned() }
}

/// What a refusal means for a person who has been asked.
fn waits(refused: Refused, name: &Name) -> Result<Completion, SourceError> {
    let again = |why: String| SourceError::Ungranted { authorization: name.to_string(), why };
    match refused.refusal {
        Refusal::Pending => Ok(Completion::Waits { slower: false }),
        Refusal::SlowDown => Ok(Completion::Waits { slower: true }),
        Refusal::Denied => Err(again("the person has not agreed".to_owned())),
        Refusal::Expired => Err(again("the code was not typed in time".to_owned())),
        Refusal::Grant => {
            Err(again(format!("the server does not accept what was agreed ({})", refused.code)))
        }
        Refusal::Client | Refusal::Settings | Refusal::Transient => Err(refused.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
