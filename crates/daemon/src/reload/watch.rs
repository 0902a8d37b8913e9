//! Notices that the files of a configuration changed, and says so once they are quiet.
//!
//! Events of the system are hints and nothing more: after each burst the files are read, and a change is
//! announced when their content is news to the loader. Signals coalesce; no event is ever queued.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use raccord_config::{Input, Reading};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep, sleep_until};

use super::load::{Loader, Seen};
use super::scene::WatchedFiles;

/// For how long files must be quiet before a change is announced.
pub const DEBOUNCE: Duration = Duration::from_millis(300);

/// After how many times the debounce an edit that never ends is announced all the same.
const MAX_DEBOUNCES: u32 = 10;

/// How often the files are looked at when the system gives no more watches.
pub const FALLBACK_POLL: Duration = Duration::from_secs(2);

/// How many directories are watched at the most; beyond, they are polled.
pub const MAX_WATCHES: usize = 8_192;

/// How often at the most the directories are walked again, because some were new.
const MAX_ROUNDS: u32 = 8;

/// How a configuration is watched.
#[derive(Debug, Clone, Copy)]
pub struct WatchSettings {
    /// For how long files must be quiet.
    pub debounce: Duration,
    /// How often they are looked at beside: for file systems without events.
    pub poll: Option<Duration>,
    /// How many directories are watched at the most.
    pub watches: usize,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { debounce: DEBOUNCE, poll: None, watches: MAX_WATCHES }
    }
}

/// Why a configuration cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Standard input ends.
    #[error("standard input cannot be watched: name a directory or a file")]
    Stdin,
    /// The look at the files ended before its time.
    #[error("watch the files of the configuration")]
    Task(#[source] JoinError),
}

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    task: JoinHandle<()>,
    fallback: Arc<OnceLock<String>>,
}

impl Watcher {
    /// Watches what the loader loads; every change from now on is announced, and one since the loader loaded
    /// last. What is notified loads, with this loader.
    pub async fn start(
        loader: &Loader,
        settings: WatchSettings,
        changed: Arc<Notify>,
    ) -> Result<Self, WatchError> {
        let input = loader.input().clone();
        if input.paths.iter().any(|path| path.as_os_str() == "-") {
            return Err(WatchError::Stdin);
        }
        let hint = Arc::new(Notify::new());
        let fallback = Arc::new(OnceLock::new());
        let (ears, trouble) = match Ears::open(settings.watches, &hint) {
            Ok(ears) => (Some(ears), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let (seen, said) = (loader.seen(), Arc::clone(&fallback));
        let mut attendant = Attendant { input, settings, ears, hint, seen, changed, fallback: said };
        if let Some(trouble) = trouble {
            attendant.fall_back(trouble);
        }
        let is_late = attendant.seen.is_used();
        let digest = attendant.look().await.map_err(WatchError::Task)?;
        if is_late && attendant.seen.is_news(digest) {
            attendant.changed.notify_one();
        }
        Ok(Self { task: tokio::spawn(attendant.attend()), fallback })
    }

    /// Why the files are polled although that was not asked for, if they are.
    pub fn fallback(&self) -> Option<&str> {
        self.fallback.get().map(String::as_str)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits, looks, announces.
struct Attendant {
    input: Input,
    settings: WatchSettings,
    ears: Option<Ears>,
    hint: Arc<Notify>,
    seen: Arc<Seen>,
    changed: Arc<Notify>,
    fallback: Arc<OnceLock<String>>,
}

impl Attendant {
    async fn attend(mut self) {
        loop {
            self.wait().await;
            match self.look().await {
                Ok(digest) if self.seen.is_news(digest) => self.changed.notify_one(),
                Ok(_) => {}
                // A look that panicked took its ears with it.
                Err(error) => self.fall_back(format!("the look at the files failed ({error})")),
            }
        }
    }

    /// Until something was hinted at and all is quiet again, or it is time to poll.
    async fn wait(&self) {
        let poll = async {
            match self.settings.poll {
                Some(every) => sleep(every).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.hint.notified() => self.quiet().await,
            () = poll => {}
        }
    }

    async fn quiet(&self) {
        let end = Instant::now() + self.settings.debounce * MAX_DEBOUNCES;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(end) => return,
                () = self.hint.notified() => {}
                () = sleep(self.settings.debounce) => return,
            }
        }
    }

    /// Watches what is there by now, and reads it: in this order, so that nothing changes unnoticed in between.
    async fn look(&mut self) -> Result<raccord_model::Digest, JoinError> {
        let (mut ears, input) = (self.ears.take(), self.input.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let renewed = ears.as_mut().map_or(Ok(()), |ears| ears.renew(&input.paths));
            (ears, renewed, Reading::of(&input).digest())
        });
        let (ears, renewed, digest) = looked.await?;
        match renewed {
            Ok(()) => self.ears = ears,
            Err(trouble) => self.fall_back(trouble),
        }
        Ok(digest)
    }

    fn fall_back(&mut self, trouble: String) {
        let every = *self.settings.poll.get_or_insert(FALLBACK_POLL);
        tracing::warn!("{trouble}: the configuration is looked at every {every:?} instead of being watched");
        drop(self.fallback.set(trouble));
    }
}

/// What listens to the system.
struct Ears {
    notify: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    heard: Arc<Heard>,
    most: usize,
}

/// What the thread of the system's events shares with us.
struct Heard {
    scene: Mutex<WatchedFiles>,
    /// Watched directories that were deleted or moved away: what stands there now is another one.
    lost: Mutex<BTreeSet<PathBuf>>,
    hint: Arc<Notify>,
}

impl Heard {
    fn hear(&self, event: notify::Result<notify::Event>) {
        let Ok(event) = event else { return self.hint.notify_one() };
        let scene = self.scene.lock().unwrap_or_else(PoisonError::into_inner);
        if !scene.concerns(&event) {
            return;
        }
        if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.extend(event.paths.into_iter().filter(|path| scene.has(path)));
        }
        self.hint.notify_one();
    }
}

impl Ears {
    fn open(most: usize, hint: &Arc<Notify>) -> notify::Result<Self> {
        let heard = Heard { scene: Mutex::default(), lost: Mutex::default(), hint: Arc::clone(hint) };
        let heard = Arc::new(heard);
        let ear = Arc::clone(&heard);
        let notify = notify::recommended_watcher(move |event| ear.hear(event))?;
        Ok(Self { notify, watched: BTreeSet::new(), heard, most })
    }

    /// Watches what is to be watched as things stand; an error tells that the system or we allow no more.
    fn renew(&mut self, paths: &[PathBuf]) -> Result<(), String> {
        for _ in 0..MAX_ROUNDS {
            let scene = WatchedFiles::survey(paths);
            *self.heard.scene.lock().unwrap_or_else(PoisonError::into_inner) = scene.clone();
            self.forget(&scene);
            let mut is_new = false;
            for directory in scene.directories() {
                if self.watched.contains(directory) {
                    continue;
                }
                if self.watched.len() >= self.most {
                    return Err(format!("there are more than {} directories to watch", self.most));
                }
                if listen(&mut self.notify, directory)? {
                    self.watched.insert(directory.clone());
                    is_new = true;
                }
            }
            // What came into a new directory before it was watched is seen by walking once more.
            if !is_new {
                break;
            }
        }
        Ok(())
    }

    fn forget(&mut self, scene: &WatchedFiles) {
        let lost = std::mem::take(&mut *self.heard.lost.lock().unwrap_or_else(PoisonError::into_inner));
        let is_gone = |path: &PathBuf| !scene.has(path) || lost.iter().any(|lost| path.starts_with(lost));
        for path in self.watched.iter().filter(|path| is_gone(path)) {
            // One that the system has dropped by itself is no longer known, and that is what is wanted.
            drop(self.notify.unwatch(path));
        }
        self.watched.retain(|path| !is_gone(path));
    }
}

/// Watches one directory, not those inside. False when it cannot be watched for a reason of its own: gone
/// meanwhile, or not ours to read.
fn listen(notify: &mut RecommendedWatcher, directory: &Path) -> Result<bool, String> {
    match notify.watch(directory, RecursiveMode::NonRecursive) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind, ErrorKind::MaxFilesWatch) => {
            Err("the system allows no more watches (fs.inotify.max_user_watches)".to_owned())
        }
        Err(error) => {
            tracing::debug!(%error, directory = %directory.display(), "not watched");
            Ok(false)
        }
    }
}
