//! When deliveries are taken, that asking has no secret read, and what is read again of what is known.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use raccord_config::load_texts;
use raccord_connect::{ServiceWebhooks, System};
use raccord_daemon::apply::{self, Wanted};
use raccord_daemon::shell::{Origin, Settings, Shell, Signals};
use raccord_model::fact::{IntegrationFact, Pause, TransferFact};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::state::Table;
use raccord_model::port::webhook::Webhooks;
use raccord_store::{Opener, Store};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use super::*;

const CONFIGURATION: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec: {entities: {contact: {key: id, fields: {id: text}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec: {connector: file, config: {dataTypes: {people: {path: people.csv}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec: {source: shop, to: crm.contact, active: true, schedule: EVERY, mapping: {primaryKey: {id: id}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {people: [created]}, alerts: [{webhook: 'http://127.0.0.1:9'}]}
";

/// A state with a configuration applied.
struct Place {
    ports: Ports,
    home: TempDir,
}

impl Place {
    async fn new() -> Self {
        let home = TempDir::new().unwrap();
        let system = System::default();
        let opener = Opener { verb: "test".to_owned(), at: system.now(), lineage: system.new_id() };
        let store = Store::open(&home.path().join("state.redb"), &opener).unwrap();
        let place = Self { ports: crate::embedded::ports(store, Arc::new(system)), home };
        place.apply_text(CONFIGURATION.replace("EVERY", "1h")).await;
        place
    }

    async fn apply_text(&self, text: String) {
        let root = self.home.path().to_str().unwrap();
        let loaded = load_texts(vec![("a.yaml".to_owned(), text.into_bytes())], root, &[].into());
        let desired = loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let wanted = Wanted {
            plan: raccord_plan::Options { allow_delete: true, ..Default::default() },
            serial: self.ports.state.head().await.unwrap().serial,
            by: "test".to_owned(),
            rollback_to: None,
            commit: None,
        };
        apply::apply(&self.ports, &desired, &wanted).await.unwrap();
    }

    async fn applied(&self) -> Arc<Applied> {
        Arc::new(Applied::load(&self.ports.state).await.unwrap())
    }
}

/// A delivery to a source.
fn push() -> Push {
    Push {
        stack: "main".parse().unwrap(),
        source: "shop".parse().unwrap(),
        data_type: None,
        event: None,
        headers: axum::http::HeaderMap::new(),
        query: None,
        body: bytes::Bytes::new(),
        peer: std::net::Ipv4Addr::LOCALHOST.into(),
    }
}

#[tokio::test]
async fn a_daemon_is_not_ready_before_its_first_apply_has_ended() {
    let place = Place::new().await;
    let files = place.home.path().join("configuration");
    std::fs::create_dir(&files).unwrap();
    std::fs::File::create(files.join("a.yaml"))
        .and_then(|mut file| {
            std::io::Write::write_all(&mut file, CONFIGURATION.replace("EVERY", "2h").as_bytes())
        })
        .unwrap();
    let paths = vec![files];
    let loader = Arc::new(raccord_daemon::reload::Loader::new(paths.clone(), BTreeMap::new()));
    let settings = Settings {
        origin: Origin::Files { loader, paths },
        policy: raccord_daemon::reload::Policy::All,
        drain: Duration::from_secs(1),
        by: "test".to_owned(),
        scheduling: None,
    };
    let shell = Shell::new(&place.ports, settings).await.unwrap();
    let daemon = Arc::new(Daemon::new(&place.ports, shell.handle()));
    assert!(!daemon.readiness().ready);
    assert_eq!(daemon.receive(push()).await, Received::Unavailable, "not refused: it is to come again");
    let (stop, stopped) = watch::channel(false);
    let (_reload, reload) = mpsc::channel(1);
    let signals = Signals { stop: stopped, changed: Arc::default(), reload, pull: None };
    let (lived, ()) = tokio::join!(shell.live(signals, daemon.as_ref()), async {
        while !daemon.readiness().ready {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(place.ports.state.head().await.unwrap().generation, 2, "ready before the apply");
        assert_eq!(daemon.receive(push()).await, Received::Refused);
        stop.send_replace(true);
    });
    lived.unwrap();
}

/// An environment that counts how often a secret was read there.
#[derive(Default)]
struct Counting(std::sync::atomic::AtomicUsize);

impl Environment for Counting {
    fn now(&self) -> Timestamp {
        System::default().now()
    }

    fn new_id(&self) -> uuid::Uuid {
        System::default().new_id()
    }

    fn variable(&self, _: &str) -> Option<String> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        None
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        System::default().random()
    }
}

#[tokio::test]
async fn who_asks_how_the_daemon_stands_has_no_secret_read() {
    let place = Place::new().await;
    let stack = "---\napiVersion: raccord/v1\nkind: Stack\nmetadata: {name: main}\nspec: {}\n";
    let source = "{connector: http, authorization: {type: none}, webhook: {verify: {bearer: '${env:HOOK}'}}, \
                  config: {baseUrl: 'http://127.0.0.1:9', dataTypes: {people: {}}}}";
    let text = CONFIGURATION
        .replace("EVERY", "1h")
        .replace("{connector: file, config: {dataTypes: {people: {path: people.csv}}}}", source);
    let counting = Arc::new(Counting::default());
    place.apply_text(text + stack).await;
    let environment: Arc<dyn Environment> = Arc::<Counting>::clone(&counting);
    let webhooks: Arc<dyn Webhooks> = Arc::new(ServiceWebhooks::new(environment));
    let hooks = Hooks::of(&*place.applied().await, &webhooks, &Arc::default());
    let reads = || counting.0.load(std::sync::atomic::Ordering::SeqCst);
    let before = reads();
    assert!(before > 0, "it is tried once when a generation comes into force");
    for _ in 0..3 {
        assert_eq!(hooks.problems().len(), 1, "the secret is missing");
    }
    assert_eq!(reads(), before);
    hooks.look();
    assert!(reads() > before, "and from time to time");
}

#[tokio::test]
async fn of_what_is_known_only_what_is_stale_is_read_again() {
    let place = Place::new().await;
    let (applied, board) = (place.applied().await, Board::default());
    let (_, transfer, _) = applied.transfers().next().unwrap();
    let (_, integration, _) = applied.integrations().next().unwrap();
    let write = async |failures: u32| {
        let failed = move |fact: Option<TransferFact>| {
            let mut fact = fact.unwrap_or_default();
            fact.observed.consecutive_failures = failures;
            fact
        };
        let pause = Pause { at: Timestamp::UNIX_EPOCH, until: None, reason: Some(failures.to_string()) };
        let paused = |_| IntegrationFact { pause: Some(pause.clone()), ..IntegrationFact::default() };
        let facts = place.ports.facts();
        facts.update(Table::Transfers, &transfer.to_string(), failed).await.unwrap();
        facts.update(Table::Integrations, &integration.to_string(), paused).await.unwrap();
    };
    let seen = async || {
        let facts = board.facts(&place.ports, &applied).await.unwrap();
        let failures = facts.transfer(transfer).map(|fact| fact.observed.consecutive_failures);
        let reason = facts.integration(integration).and_then(|fact| fact.pause.clone()?.reason);
        (failures, reason)
    };
    let known = |failures: u32| (Some(failures), Some(failures.to_string()));
    write(1).await;
    assert_eq!(seen().await, known(1));
    write(2).await;
    assert_eq!(seen().await, known(1), "nothing has said that it is another");
    board.ended(transfer);
    assert_eq!(seen().await, known(2));
    write(3).await;
    board.changed();
    assert_eq!(seen().await, known(3));
}
