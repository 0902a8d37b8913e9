//! Tokens that a server issues: a renewal that no caller that waits for it can end, one at a time for all callers, and messages
//! without any token of now or of before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use raccord_config::load_texts;
use raccord_connect::{Custody, ServiceAuthorizations, SourcePool};
use raccord_model::fact::{Entry, Uid};
use raccord_model::port::Async;
use raccord_model::port::authorization::{Agreement, Authorizations};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::source::{Read, Source, SourceError, Sources};
use raccord_model::port::state::{Commit, State, Write};
use raccord_model::port::vault::{Kept, KeptInfo, RefreshLease, Revision, Vault, VaultError};
use raccord_model::{Desired, Digest, Key, Kind};
use raccord_store::{Store, StoreVault};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::service::{ok, serve};

/// What every secret of these tests has in it; no message may show it.
const MARK: &str = "canary";

struct Settings;

impl Environment for Settings {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "RACCORD_KEY" => Some("00".repeat(32)),
            "SECRET" => Some("canary-of-the-client".to_owned()),
            "SEED" => Some("canary-refresh-0".to_owned()),
            _ => None,
        }
    }
    fn random(&self) -> Result<[u8; 32], RandomError> {
        Ok([7; 32])
    }
}

/// A pool whose tokens are kept in a state in memory, and the identity of the Authorization `crm`.
struct Home {
    custody: Custody,
    uid: Uid,
    desired: Desired,
}

impl Home {
    async fn new(server: &MockServer, members: &str) -> Self {
        let base = server.uri();
        let text = format!(
            "apiVersion: raccord/v1\nkind: Authorization\nmetadata: {{name: crm}}\nspec: {{type: oauth2, grant: \
             refreshToken, refreshToken: '${{env:SEED}}', tokenUrl: '{base}/token', clientId: me, clientSecret: \
             '${{env:SECRET}}'{members}}}\n---\napiVersion: raccord/v1\nkind: Source\nmetadata: {{name: \
             crm}}\nspec: {{connector: http, authorization: crm, config: {{baseUrl: '{base}', retry: {{attempts: \
             1}}, dataTypes: {{a: {{records: data}}}}}}}}\n"
        );
        let loaded = load_texts(vec![("a.yaml".to_owned(), text.into_bytes())], ".", &[].into());
        let desired = loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let store = Arc::new(Store::in_memory("nowhere".as_ref()).unwrap());
        let uid = Uid(Uuid::from_u128(7));
        let key = Key::new(Kind::Authorization, "crm".parse().unwrap());
        let entry = Entry { uid, digest: Digest([0; 32]) };
        let commit = Commit { writes: vec![Write::Index(key, entry)], ..Commit::default() };
        store.commit(commit).await.unwrap();
        let vault = StoreVault::new(&store, Arc::new(Settings));
        Self { custody: Custody { vault: Arc::new(vault), state: store }, uid, desired }
    }

    fn pool(&self) -> SourcePool {
        SourcePool::new(Arc::new(Settings)).keeping(self.custody.clone())
    }

    fn open(&self, pool: &dyn Sources) -> Box<dyn Source> {
        pool.open(&self.desired, &"crm".parse().unwrap(), &"a".parse().unwrap()).unwrap()
    }

    /// What is kept, as text.
    async fn kept(&self) -> Option<String> {
        let kept = self.custody.vault.get(self.uid).await.unwrap();
        kept.map(|kept| kept.secret.expose_secret().to_owned())
    }
}

/// Issues `canary-access-N` with `canary-refresh-N`, of which the one before must be shown, and answers with `people`.
async fn serve_tokens(
    delay: Duration,
    life: u32,
    people: impl Fn(&str) -> ResponseTemplate + Send + Sync + 'static,
) -> (MockServer, Arc<AtomicUsize>) {
    let issued = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&issued);
    let server = serve(move |request: &Request| {
        if request.url.path() != "/token" {
            let token = request.headers.get("authorization").and_then(|value| value.to_str().ok());
            return people(token.unwrap_or_default());
        }
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let number = counted.fetch_add(1, Ordering::SeqCst);
        if !body.contains(&format!("refresh_token=canary-refresh-{number}&")) {
            let error = format!(r#"{{"error":"invalid_grant","error_description":"{body}"}}"#);
            return ResponseTemplate::new(400).set_body_string(error);
        }
        let next = number + 1;
        let body = format!(
            r#"{{"access_token":"canary-access-{next}","refresh_token":"canary-refresh-{next}","expires_in":{life}}}"#
        );
        ResponseTemplate::new(200).set_body_string(body).set_delay(delay)
    });
    (server.await, issued)
}

async fn read(source: &dyn Source) -> Result<usize, SourceError> {
    let mut pages = source.open(Read::default()).await?;
    Ok(pages.next().await?.map_or(0, |page| page.records.len()))
}

fn one_record() -> ResponseTemplate {
    ok(&serde_json::json!({"data": [{"id": 1}]}))
}

#[tokio::test]
async fn a_reader_that_is_stopped_ends_no_renewal() {
    let (server, issued) = serve_tokens(Duration::from_millis(300), 3_600, |_| one_record()).await;
    let home = Home::new(&server, "").await;
    let source = home.open(&home.pool());
    let stopped = tokio::time::timeout(Duration::from_millis(100), read(&*source)).await;
    assert!(stopped.is_err(), "it waits for the server");
    assert_eq!(home.kept().await, None);
    // Another reader takes what the first has asked for.
    assert_eq!(read(&*source).await.unwrap(), 1);
    assert_eq!(issued.load(Ordering::SeqCst), 1);
    assert!(home.kept().await.unwrap().contains("canary-refresh-1"));
}

#[tokio::test]
async fn one_renewal_serves_everybody_across_pools() {
    let (server, issued) = serve_tokens(Duration::from_millis(100), 3_600, |_| one_record()).await;
    let home = Arc::new(Home::new(&server, "").await);
    let (pool, other) = (home.pool(), home.pool());
    let apart = other.apart();
    let mut tasks = Vec::new();
    for at in 0..12 {
        let source = match at % 3 {
            0 => home.open(&pool),
            1 => home.open(&other),
            _ => home.open(apart.as_ref()),
        };
        tasks.push(tokio::spawn(async move { read(&*source).await }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), 1);
    }
    assert_eq!(issued.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn no_message_has_a_token_of_now_or_of_before() {
    // Each token has ended when it comes, so that every request has another; the service repeats all of them.
    let (server, issued) = serve_tokens(Duration::ZERO, 0, |token| {
        let before = "Bearer canary-access-1, canary-refresh-1, canary-of-the-client";
        ResponseTemplate::new(400).set_body_string(format!("no: {token}, {before}"))
    })
    .await;
    let home = Home::new(&server, "").await;
    let source = home.open(&home.pool());
    for _ in 0..3 {
        let error = read(&*source).await.unwrap_err();
        let said = format!("{error} {error:?} {source:?}", source = home.custody);
        assert!(!said.contains(MARK), "{said}");
        assert!(said.contains("no: Bearer ***"), "{said}");
    }
    assert_eq!(issued.load(Ordering::SeqCst), 3);
    // The server forgets us, and repeats what it was sent.
    issued.store(9, Ordering::SeqCst);
    let error = read(&*source).await.unwrap_err();
    assert!(error.is_unauthorized(), "{error:?}");
    assert!(!format!("{error} {error:?}").contains(MARK), "{error:?}");
    assert!(error.to_string().ends_with("run `raccord authorize crm`"), "{error}");
}

#[tokio::test]
async fn a_service_that_refuses_every_token_is_not_asked_for_ever() {
    let (server, issued) = serve_tokens(Duration::ZERO, 3_600, |_| ResponseTemplate::new(401)).await;
    let home = Home::new(&server, "").await;
    let source = home.open(&home.pool());
    for _ in 0..5 {
        assert!(read(&*source).await.unwrap_err().is_unauthorized());
    }
    assert_eq!(issued.load(Ordering::SeqCst), 2, "the first, and one for the refusal");
}

#[tokio::test]
async fn where_the_old_token_counts_it_is_tried_and_a_refusal_does_not_trip() {
    let (server, issued) = serve_tokens(Duration::ZERO, 0, |_| one_record()).await;
    let home = Home::new(&server, ", rotation: oldUntilUsed").await;
    let source = home.open(&home.pool());
    for _ in 0..2 {
        assert_eq!(read(&*source).await.unwrap(), 1);
    }
    // The server does not know the new token, and the one before is the next that it takes.
    issued.store(0, Ordering::SeqCst);
    assert_eq!(read(&*source).await.unwrap(), 1);
    // It knows neither.
    issued.store(5, Ordering::SeqCst);
    let error = read(&*source).await.unwrap_err();
    assert!(!error.is_unauthorized(), "{error:?}");
    assert!(error.to_string().contains("if that stays so, run `raccord authorize crm`"), "{error}");
}

/// A vault that counts how often a secret was opened.
struct Counting {
    vault: Arc<dyn Vault>,
    opened: AtomicUsize,
}

impl Vault for Counting {
    fn get(&self, authorization: Uid) -> Async<'_, Result<Option<Kept>, VaultError>> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        self.vault.get(authorization)
    }
    fn replace(
        &self,
        authorization: Uid,
        expected: Option<Revision>,
        secret: SecretString,
    ) -> Async<'_, Result<Revision, VaultError>> {
        self.vault.replace(authorization, expected, secret)
    }
    fn remove(&self, authorization: Uid) -> Async<'_, Result<bool, VaultError>> {
        self.vault.remove(authorization)
    }
    fn list(&self) -> Async<'_, Result<Vec<KeptInfo>, VaultError>> {
        self.vault.list()
    }
    fn lease(&self, authorization: Uid, most: Duration) -> Async<'_, Result<RefreshLease, VaultError>> {
        self.vault.lease(authorization, most)
    }
    fn release(&self, lease: RefreshLease) -> Async<'_, Result<(), VaultError>> {
        self.vault.release(lease)
    }
}

#[tokio::test]
async fn how_an_authorization_stands_is_read_again_only_when_it_has_changed() {
    let (server, _) = serve_tokens(Duration::ZERO, 3_600, |_| one_record()).await;
    let home = Home::new(&server, "").await;
    let counting =
        Arc::new(Counting { vault: Arc::clone(&home.custody.vault), opened: AtomicUsize::default() });
    let vault: Arc<dyn Vault> = Arc::<Counting>::clone(&counting);
    let custody = Custody { vault, state: Arc::clone(&home.custody.state) };
    let authorizations = ServiceAuthorizations::new(Arc::new(Settings), custody);
    let look = async |desired: &Desired| authorizations.standings(desired).await.unwrap().remove(0).state;
    let opened = || counting.opened.swap(0, Ordering::SeqCst);
    assert_eq!((look(&home.desired).await, opened()), (Agreement::Unasked, 0));
    read(&*home.open(&home.pool())).await.unwrap();
    for expected in [1, 0, 0] {
        assert_eq!((look(&home.desired).await, opened()), (Agreement::Granted, expected));
    }
    // Other settings need other tokens; those that are kept are still known.
    let other = Home::new(&server, ", scopes: [more]").await.desired;
    assert_eq!((look(&other).await, opened()), (Agreement::Unasked, 0));
    let kept = home.custody.vault.get(home.uid).await.unwrap().unwrap();
    let revoked = kept.secret.expose_secret().replacen('{', "{\"revoked\":\"2025-01-01T00:00:00Z\",", 1);
    home.custody.vault.replace(home.uid, Some(kept.revision), revoked.into()).await.unwrap();
    assert_eq!((look(&home.desired).await, opened()), (Agreement::Revoked, 1));
    home.custody.vault.remove(home.uid).await.unwrap();
    assert_eq!((look(&home.desired).await, opened()), (Agreement::Unasked, 0));
}
