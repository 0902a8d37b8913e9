//! A code becomes an identity: it is exchanged for a token, the token is judged, and groups that it does not name are asked
//! for. It trusts what is signed by the provider's own keys alone.

use std::time::{Duration, SystemTime};

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    EmptyExtraTokenFields, EndUserEmail, EndUserName, EndUserUsername, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IdTokenClaims, IdTokenFields, LocalizedClaim, Nonce, OAuth2TokenResponse as _,
    PkceCodeVerifier, RequestTokenError, SignatureVerificationError, StandardErrorResponse,
    StandardTokenResponse, TokenResponse as _, UserInfoClaims, UserInfoError,
};
use raccord_model::port::identity::{Callback, Identity, IdentityError};
use secrecy::{ExposeSecret as _, SecretString};

use super::claims::Claims;
use super::transport::{Transport, TransportError};
use super::{OpenIdProvider, Wanted};
use crate::mask::Masker;

/// The longest text of a provider about a refusal that is shown, in characters.
const MAX_SAID: usize = 200;

/// The longest name of a person, in characters.
const MAX_NAME: usize = 100;

/// The signatures that count: those that the provider alone can make.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type Answer = StandardTokenResponse<Fields, CoreTokenType>;
type Refusal = StandardErrorResponse<CoreErrorResponseType>;

/// The library's client with our claims, of a provider that has said what it is.
pub(super) type Client = openidconnect::Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    Refusal,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A client that proves itself as the provider wants it: in the header unless it takes forms alone.
pub(super) fn client(metadata: CoreProviderMetadata, id: ClientId, secret: Option<ClientSecret>) -> Client {
    let methods = metadata.token_endpoint_auth_methods_supported();
    let knows = |method| methods.is_none_or(|methods| methods.contains(&method));
    let in_form =
        !knows(CoreClientAuthMethod::ClientSecretBasic) && knows(CoreClientAuthMethod::ClientSecretPost);
    let client = Client::from_provider_metadata(metadata, id, secret);
    client.set_auth_type(if in_form { AuthType::RequestBody } else { AuthType::BasicAuth })
}

/// The flow with a code.
pub(super) fn code_flow() -> AuthenticationFlow<CoreResponseType> {
    AuthenticationFlow::AuthorizationCode
}

impl OpenIdProvider {
    /// Who a person is who has come back.
    pub(super) async fn identify(&self, back: &Callback) -> Result<Identity, IdentityError> {
        if back.issuer.as_ref().is_some_and(|issuer| *issuer != self.settings.issuer) {
            // RFC 9207: another provider has sent the person.
            return Err(self.unproved("the answer comes from another issuer"));
        }
        let (metadata, secret) = (self.metadata(Wanted::Fresh).await?, self.secret().await?);
        let client = self.client_of(&metadata, secret.as_ref());
        let transport = self.transport()?;
        let answer = self.exchange(&client, &transport, (back, secret.as_ref())).await?;
        let claims = match self.verify(&client, &answer, back) {
            // The provider may have new keys.
            Err(Unverified::NoKey(_)) => {
                let metadata = self.metadata(Wanted::Anew).await?;
                let client = self.client_of(&metadata, secret.as_ref());
                self.verify(&client, &answer, back)
            }
            verified => verified,
        };
        let claims =
            claims.map_err(|(Unverified::NoKey(why) | Unverified::Wrong(why))| self.unproved(why))?;
        self.person(&client, &transport, (&answer, &claims)).await
    }

    /// Who a token tells of. What it leaves out of the person's name and groups is asked where the provider tells more.
    async fn person(
        &self,
        client: &Client,
        transport: &Transport,
        (answer, claims): (&Answer, &VerifiedClaims),
    ) -> Result<Identity, IdentityError> {
        let address = claims.email().filter(|_| claims.email_verified() == Some(true));
        let mut name = name(claims.preferred_username(), address, claims.name());
        let mut groups = claims.additional_claims().groups(&self.settings.groups);
        if name.is_none() || groups.is_none() {
            match self.user_info(client, transport, (answer, claims)).await {
                Ok(Some(told)) => {
                    name = name.or_else(|| {
                        let address = told.email().filter(|_| told.email_verified() == Some(true));
                        self::name(told.preferred_username(), address, told.name())
                    });
                    groups = groups.or_else(|| told.additional_claims().groups(&self.settings.groups));
                }
                Ok(None) => {}
                // A name is no condition of signing in.
                Err(error) if groups.is_some() => tracing::warn!(%error, "a person's name is not known"),
                Err(error) => return Err(error),
            }
        }
        let subject = claims.subject().to_string();
        let name = name.unwrap_or_else(|| shown(&subject));
        Ok(Identity { subject, name, groups: groups.unwrap_or_default() })
    }

    async fn exchange(
        &self,
        client: &Client,
        transport: &Transport,
        (back, secret): (&Callback, Option<&SecretString>),
    ) -> Result<Answer, IdentityError> {
        let code = AuthorizationCode::new(back.code.text().to_owned());
        let redirect = self.redirect(&back.redirect)?;
        let question = client.exchange_code(code).map_err(|error| self.settings(error.to_string()))?;
        let question = question
            .set_redirect_uri(std::borrow::Cow::Owned(redirect))
            .set_pkce_verifier(PkceCodeVerifier::new(back.verifier.text().to_owned()));
        let mut masker = Masker::default();
        for secret in [back.code.text(), back.verifier.text()] {
            masker.hide(secret);
        }
        if let Some(secret) = secret {
            masker.hide(secret.expose_secret());
        }
        question.request_async(transport).await.map_err(|error| self.not_exchanged(error, &masker))
    }

    fn not_exchanged(
        &self,
        error: RequestTokenError<TransportError, Refusal>,
        masker: &Masker,
    ) -> IdentityError {
        match error {
            RequestTokenError::Request(trouble) => self.unavailable(trouble.to_string()),
            RequestTokenError::ServerResponse(refusal) => {
                let said = match refusal.error_description() {
                    Some(said) => format!("{}: {said}", refusal.error().as_ref()),
                    None => refusal.error().as_ref().to_owned(),
                };
                let said = masker.excerpt(said.as_bytes(), MAX_SAID);
                match refusal.error() {
                    CoreErrorResponseType::InvalidGrant => self.refused(said),
                    _ => self.settings(said),
                }
            }
            RequestTokenError::Parse(error, _) => {
                self.unproved(format!("its answer is not what the standard says, at `{}`", error.path()))
            }
            RequestTokenError::Other(why) => self.unavailable(masker.excerpt(why.as_bytes(), MAX_SAID)),
        }
    }

    /// The claims of the token, when all of it is right.
    fn verify(
        &self,
        client: &Client,
        answer: &Answer,
        back: &Callback,
    ) -> Result<VerifiedClaims, Unverified> {
        let token =
            answer.id_token().ok_or_else(|| Unverified::Wrong("it has issued no ID token".to_owned()))?;
        let seconds = u64::try_from(self.environment.now().as_second()).unwrap_or_default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let verifier =
            client.id_token_verifier().set_allowed_algs(SIGNATURES).set_time_fn(move || now.into());
        let nonce = Nonce::new(back.nonce.text().to_owned());
        token.claims(&verifier, &nonce).cloned().map_err(|error| match error {
            ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
                Unverified::NoKey("it is signed with a key that the issuer does not name".to_owned())
            }
            error => Unverified::Wrong(why(&error)),
        })
    }

    /// What the provider tells of a person at its user info; nothing where it has none.
    async fn user_info(
        &self,
        client: &Client,
        transport: &Transport,
        (answer, claims): (&Answer, &VerifiedClaims),
    ) -> Result<Option<UserInfo>, IdentityError> {
        let token = answer.access_token().clone();
        // The library takes it for granted.
        let is_sent = token.secret().bytes().all(|byte| byte.is_ascii_graphic());
        if client.user_info_url().is_none() || !is_sent {
            return Ok(None);
        }
        let asked = client.user_info(token, Some(claims.subject().clone()));
        let asked = asked.map_err(|error| self.settings(error.to_string()))?;
        let told: Result<UserInfo, _> = asked.request_async(transport).await;
        told.map(Some).map_err(|error| match error {
            UserInfoError::ClaimsVerification(error) => self.unproved(why(&error)),
            UserInfoError::Request(trouble) => self.unavailable(trouble.to_string()),
            UserInfoError::Response(status, _, _) => {
                self.unavailable(format!("it answered {status} where it should tell of the person"))
            }
            _ => self.unproved("what it tells of the person cannot be read"),
        })
    }
}

type VerifiedClaims = IdTokenClaims<Claims, CoreGenderClaim>;
type UserInfo = UserInfoClaims<Claims, CoreGenderClaim>;

/// Why a token does not count.
enum Unverified {
    /// The key that has signed it is not known.
    NoKey(String),
    /// Something else is wrong with it.
    Wrong(String),
}

/// What is wrong with a token, without what stands in it: who holds it has the words that the library repeats.
fn why(error: &ClaimsVerificationError) -> String {
    let words = match error {
        ClaimsVerificationError::Expired(_) => "the ID token has expired, or the clocks differ",
        ClaimsVerificationError::InvalidAudience(_) => "the ID token is for another application",
        ClaimsVerificationError::InvalidIssuer(_) => "the ID token comes from another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "the ID token was issued for another sign-in",
        ClaimsVerificationError::InvalidSubject(_) => "the answers tell of different persons",
        ClaimsVerificationError::SignatureVerification(error) => match error {
            SignatureVerificationError::DisallowedAlg(_)
            | SignatureVerificationError::UnsupportedAlg(_)
            | SignatureVerificationError::NoSignature => "the ID token is not signed in a way that counts",
            _ => "the signature of the ID token is wrong",
        },
        ClaimsVerificationError::Unsupported(_) => "the ID token is encrypted or of an unknown kind",
        _ => "the ID token is not as it should be",
    };
    words.to_owned()
}

/// What people call a person: a name that they sign in with, an address that was checked, or a name.
fn name(
    username: Option<&EndUserUsername>,
    address: Option<&EndUserEmail>,
    full: Option<&LocalizedClaim<EndUserName>>,
) -> Option<String> {
    let name = username.map(|name| name.as_str()).or(address.map(|address| address.as_str()));
    let full = || full.and_then(|name| name.get(None)).map(|name| name.as_str());
    name.or_else(full).map(shown).filter(|name| !name.trim().is_empty())
}

/// A name as it is shown.
fn shown(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(MAX_NAME).collect()
}
