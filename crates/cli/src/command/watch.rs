//! `raccord watch`.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use raccord_daemon::reload::{
    Checkout, DEBOUNCE, GIT_TIMEOUT, GitSettings, Loader, PULL_INTERVAL, Policy, Remote, WatchSettings,
};
use raccord_daemon::shell::{Origin, Settings};
use raccord_model::duration::Seconds;
use raccord_run::Ports;
use raccord_serve::http::{Limits, Listen, Open};
use raccord_serve::standby::{self, Listening};
use raccord_serve::watch::{Watch, watch as live};
use tokio::sync::{Mutex, watch};

use crate::configuration;
use crate::error::CommandError;
use crate::interrupt;
use crate::openid::OpenIdArgs;
use crate::options::Global;
use crate::owner;
use crate::place::{SharedPlace, StateAt};
use crate::ports::ports;
use crate::session::{self, Opening};
use crate::shared::{self, Sharing, Waiting};
use crate::ui::Ui;

/// Run what is activated on its schedules, and follow the configuration as it changes
///
/// Owns the state while it lives: every other verb asks it, without being told to. SIGHUP reloads, SIGTERM stops
/// after the page in hand.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  raccord watch -f integrations\n  raccord watch --git https://git.example/shop.git#main\n  \
    raccord watch --from api --listen 127.0.0.1:8420"
)]
pub(crate) struct WatchArgs {
    /// Where the configuration comes from: the directories and files of -f, or each apply
    #[arg(long, value_enum, default_value = "dir", hide_possible_values = true, value_name = "dir|api")]
    from: From,
    /// Pull the configuration from a repository instead
    #[arg(long, value_name = "URL#BRANCH", conflicts_with_all = ["from", "files"])]
    git: Option<Remote>,
    /// The directory of the repository that holds it
    #[arg(long, value_name = "DIR", requires = "git")]
    git_path: Option<PathBuf>,
    /// How often the repository is pulled
    #[arg(long, value_name = "TIME", default_value_t = seconds(PULL_INTERVAL))]
    git_interval: Seconds,
    /// Which changes are applied without a person: none, safe (those without a consequence for data) or all
    #[arg(long, value_name = "none|safe|all", default_value = "safe", hide_possible_values = true, value_parser = policies())]
    policy: Policy,
    /// For how many milliseconds files must be quiet before they are loaded
    #[arg(long, value_name = "MS", default_value_t = milliseconds(DEBOUNCE))]
    debounce: u64,
    /// Also look at the files this often, for file systems without events
    #[arg(long, value_name = "TIME")]
    poll: Option<Seconds>,
    /// Serve the console, health, metrics, webhooks and the API at this address and port
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
    /// The certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", requires = "listen")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", requires = "listen")]
    tls_key: Option<PathBuf>,
    /// Listen beyond loopback without TLS, because a proxy in front does it
    #[arg(long, requires = "listen")]
    insecure_listen: bool,
    /// Serve metrics to everybody who reaches the address, without a token
    #[arg(long, requires = "listen")]
    open_metrics: bool,
    /// Show the console to everybody on this machine without a token, to look at alone
    #[arg(long, requires = "listen")]
    open_console: bool,
    /// How long runs may take to stop once an end is asked for
    #[arg(long, value_name = "TIME", default_value = "30s")]
    drain: Seconds,
    /// The form of the log on standard error
    #[arg(long, value_enum, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    log: crate::log::Form,
    // The last, for its heading is over what follows.
    #[command(flatten)]
    openid: OpenIdArgs,
}

/// The policies, known to completions.
fn policies() -> impl TypedValueParser<Value = Policy> {
    PossibleValuesParser::new(Policy::ALL.map(Policy::as_str)).try_map(|text| text.parse::<Policy>())
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// From directories and files.
    Dir,
    /// From the callers that apply.
    Api,
}

/// An address and a port, as a machine has them.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address and a port, for example 127.0.0.1:8420".to_owned())
}

fn seconds(duration: Duration) -> Seconds {
    Seconds(duration.as_secs())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn watch(ui: &Ui, global: &Global, args: &WatchArgs) -> Result<(), CommandError> {
    if args.from == From::Api && !global.files.is_empty() {
        return Err(CommandError::usage("-f names files, but with --from api each apply sends them")
            .hint("leave out one of the two"));
    }
    crate::arenas::limit(crate::arenas::OF_A_DAEMON);
    session::arm_failpoint()?;
    crate::log::begin(args.log, "info");
    let runtime = session::runtime()?;
    let lived = runtime.block_on(async {
        match &global.state {
            StateAt::File(path) => on_a_file(ui, global, args, path).await,
            StateAt::Shared(place) => Box::pin(on_a_shared_state(ui, global, args, place)).await,
        }
    });
    // A disk that does not answer keeps a thread waiting, but not the end.
    runtime.shutdown_timeout(FAREWELL);
    lived
}

async fn on_a_file(ui: &Ui, global: &Global, args: &WatchArgs, path: &Path) -> Result<(), CommandError> {
    let Some(store) = owner::own(ui, path, "watch", Opening::Create).await? else {
        let state = path.display();
        return Err(CommandError::new(format!("another process owns the state {state} and answers for it")));
    };
    let ports = ports(store, session::system()?);
    live_on(ui, (global, args), &ports, what(global, args)?, interrupt::listen()?).await
}

/// Makes what stands in the queue from its start on, until the daemon has ended.
async fn on_a_shared_state(
    ui: &Ui,
    global: &Global,
    args: &WatchArgs,
    place: &SharedPlace,
) -> Result<(), CommandError> {
    let stop = interrupt::listen()?;
    let what = what(global, args)?;
    let waiting = shared::waiting(place).await?;
    let ports = waiting.ports();
    let (end, ended) = watch::channel(false);
    let mut working = tokio::spawn(waiting.worker(&ports).await?.live(ended, what.settings.drain));
    let mut scheduled = Box::pin(scheduled(ui, (global, args), what, (&waiting, &ports), (stop, &end)));
    tokio::select! {
        lived = &mut scheduled => {
            end.send_replace(true);
            working.await.map_err(|error| CommandError::of(&error))?;
            lived
        }
        // It ends by itself only when that was asked of both.
        worked = &mut working => {
            worked.map_err(|error| CommandError::of(&error))?;
            scheduled.await
        }
    }
}

/// Waits for its turn, decides what runs, and ends when the state is lost to another daemon.
async fn scheduled(
    ui: &Ui,
    (global, args): (&Global, &WatchArgs),
    mut what: Watch,
    (waiting, ports): (&Waiting, &Ports),
    (mut stop, end): (watch::Receiver<bool>, &watch::Sender<bool>),
) -> Result<(), CommandError> {
    let Some((sharing, listening)) =
        stand_by(ui, (waiting, ports), (what.listen.take(), what.limits), (&mut stop, end)).await?
    else {
        return Ok(());
    };
    (what.listening, what.settings.scheduling) = (listening, sharing.scheduling(waiting));
    std::fs::create_dir_all(global.state.local().parent().unwrap_or_else(|| Path::new(".")))?;
    let lost = async {
        sharing.until_lost().await;
        tracing::error!("another daemon has taken the state over: this one ends");
        end.send_replace(true);
    };
    let asked = async {
        // Its sender lives as long as the process.
        drop(stop.wait_for(|stop| *stop).await);
        end.send_replace(true);
        pending::<Infallible>().await
    };
    let mut life = std::pin::pin!(live_on(ui, (global, args), ports, what, end.subscribe()));
    tokio::select! {
        lived = &mut life => {
            sharing.end().await?;
            return lived;
        }
        () = lost => {}
        never = asked => match never {},
    }
    life.await?;
    Err(CommandError::new("another daemon has taken the state over")
        .hint("start this one again: it stands by"))
}

/// Waits for its turn, and answers meanwhile at the address that was given; nothing when an end was asked for before.
async fn stand_by(
    ui: &Ui,
    (waiting, ports): (&Waiting, &Ports),
    (listen, limits): (Option<Listen>, Limits),
    (stop, end): (&mut watch::Receiver<bool>, &watch::Sender<bool>),
) -> Result<Option<(Sharing, Option<Listening>)>, CommandError> {
    let Some(listen) = listen else {
        let turn = waiting.turn(ui, stop, |_| {}).await?;
        return Ok(turn.map(|sharing| (sharing, None)));
    };
    let listening = standby::listen(ports, listen, limits, end.subscribe()).await;
    let mut listening = listening.map_err(|error| CommandError::of(&error))?;
    let standby = Arc::clone(&listening.standby);
    let turn = tokio::select! {
        turn = waiting.turn(ui, stop, |other| standby.works(other)) => turn?,
        () = standby.live() => None,
        served = &mut listening.served => {
            let why = match served {
                Ok(Err(error)) => CommandError::of(&error),
                Ok(Ok(())) => CommandError::new("serving HTTP ended before its time"),
                Err(error) => CommandError::of(&error),
            };
            return Err(why);
        }
    };
    let Some(sharing) = turn else {
        end.send_replace(true);
        // What is under way is answered.
        drop(listening.served.await);
        return Ok(None);
    };
    Ok(Some((sharing, Some(listening))))
}

async fn live_on(
    ui: &Ui,
    (global, args): (&Global, &WatchArgs),
    ports: &Ports,
    what: Watch,
    stop: watch::Receiver<bool>,
) -> Result<(), CommandError> {
    // A reader of JSON reads every line of it; the log says the same.
    if args.log == crate::log::Form::Text {
        ui.note(&format!("watching {}; Ctrl-C ends it", what.settings.origin.in_words()));
    }
    let reload = session::listen_for_reload()?;
    live(ports, &global.state.local(), what, stop, reload).await.map_err(|error| CommandError::of(&error))
}

/// How long threads that wait for a disk are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(1);

fn what(global: &Global, args: &WatchArgs) -> Result<Watch, CommandError> {
    let settings = Settings {
        origin: origin(global, args)?,
        policy: args.policy,
        drain: Duration::from_secs(args.drain.0),
        by: "watch".to_owned(),
        scheduling: None,
    };
    let files = WatchSettings {
        debounce: Duration::from_millis(args.debounce),
        poll: args.poll.map(|poll| Duration::from_secs(poll.0.max(1))),
        ..WatchSettings::default()
    };
    let openid = args.openid.settings(session::system()?)?;
    let listen = args.listen.map(|address| Listen {
        address,
        tls: args.tls_cert.clone().zip(args.tls_key.clone()),
        insecure: args.insecure_listen,
        open: Open { metrics: args.open_metrics, console: args.open_console },
        openid,
    });
    let pull = Duration::from_secs(args.git_interval.0.max(1));
    let limits = Limits::default().within(crate::descriptors::raise());
    Ok(Watch { settings, files, pull, listen, listening: None, limits })
}

fn origin(global: &Global, args: &WatchArgs) -> Result<Origin, CommandError> {
    let variables = configuration::variables(global);
    if let Some(repository) = &args.git {
        let shown = repository.to_string();
        let settings =
            GitSettings { remote: repository.clone(), path: args.git_path.clone(), timeout: GIT_TIMEOUT };
        let checkout = Checkout::new(settings, &global.state.local(), &session::system()?)
            .map_err(|error| CommandError::usage(error.to_string()))?;
        return Ok(Origin::Git { checkout: Arc::new(Mutex::new(checkout)), variables, shown });
    }
    Ok(match args.from {
        From::Api => Origin::Api,
        From::Dir => {
            let loader = Loader::new(global.files.clone(), variables);
            let loader = Arc::new(loader.sharing_state(global.state.file().is_none()));
            Origin::Files { loader, paths: global.files.clone() }
        }
    })
}
