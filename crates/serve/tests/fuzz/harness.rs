//! Runs a target over mutated samples and watches it from outside.
//!
//! An input whose outcome is new joins the samples; that stands in for coverage, which stable Rust does not tell.

use std::collections::HashSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::mutate::mutate;

/// How long a target runs as a test, and how many inputs that are at the most: those are the same everywhere.
const SECONDS: u64 = 3;
const EXECUTIONS: u64 = 20_000;

/// How long one input may take.
const LONGEST: Duration = Duration::from_secs(20);

/// How much memory the process may take, in pages of 4 KiB: 1 GiB.
const MOST_PAGES: u64 = 1 << 18;

/// The longest input that joins the samples, and how many there may be.
const LONGEST_SAMPLE: usize = 4 * 1024;
const MOST_SAMPLES: usize = 4_096;

/// Panics of this process so far, wherever they were caught, and what the last one said.
static PANICS: AtomicU64 = AtomicU64::new(0);
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Something that reads bytes.
pub(crate) struct Target {
    /// Its name: that of the test.
    pub(crate) name: &'static str,
    /// What it usually reads.
    pub(crate) samples: Vec<Vec<u8>>,
    /// Words that mean something to it.
    pub(crate) words: &'static [&'static str],
}

/// What a number stands for that is the same for like outcomes.
pub(crate) fn outcome(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// What the environment says of this run.
struct Settings {
    time: Duration,
    executions: u64,
    seed: u64,
}

impl Settings {
    fn read() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        let seconds = number("RACCORD_FUZZ_SECONDS");
        Self {
            time: Duration::from_secs(seconds.unwrap_or(SECONDS)),
            executions: if seconds.is_some() { u64::MAX } else { EXECUTIONS },
            // The same inputs every time, unless another seed is asked for.
            seed: number("RACCORD_FUZZ_SEED").unwrap_or(1),
        }
    }
}

/// What the worker has in hand.
#[derive(Clone)]
struct InHand {
    begun: Arc<Mutex<Option<Instant>>>,
}

/// Runs a target for its time, or over the one input that `RACCORD_FUZZ_INPUT` names.
pub(crate) fn fuzz<C: FnMut(&[u8]) -> u64>(target: Target, prepare: impl FnOnce() -> C + Send + 'static) {
    if let Some(path) = std::env::var_os("RACCORD_FUZZ_INPUT") {
        let _outcome = prepare()(&fs::read(path).unwrap());
        return;
    }
    watch_panics();
    let (name, settings) = (target.name, Settings::read());
    eprintln!("{name}: seed {}, {} samples", settings.seed, target.samples.len());
    let in_hand = InHand { begun: Arc::default() };
    let (sender, receiver) = channel();
    let running = directory().join(format!("{name}-{}.running", std::process::id()));
    let (worker, path, seed) = (in_hand.clone(), running.clone(), settings.seed);
    // As much stack as the threads of the program have, so that depth shows.
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let place = Place { in_hand: worker, running: path };
    thread.spawn(move || work(target, prepare(), &place, &settings, &sender)).unwrap();
    let wrong = loop {
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(Ok(said)) => {
                eprintln!("{name}: {said}");
                fs::remove_file(&running).unwrap();
                return;
            }
            Ok(Err(wrong)) => break wrong,
            Err(RecvTimeoutError::Disconnected) => break "the target's thread is gone".to_owned(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let since = in_hand.begun.lock().unwrap().map(|begun| begun.elapsed());
        if since.is_some_and(|since| since > LONGEST) {
            break format!("one input took more than {} s", LONGEST.as_secs());
        }
        if resident() > MOST_PAGES {
            break "more than 1 GiB of memory".to_owned();
        }
    };
    let kept = directory().join(format!("{name}-{seed}.input"));
    fs::copy(&running, &kept).unwrap();
    panic!("{name}, seed {seed}: {wrong}\nthe input is {}", kept.display());
}

/// Where the watching thread finds what the target is at.
struct Place {
    in_hand: InHand,
    running: PathBuf,
}

/// Feeds the target until the time is over; the first finding ends it.
fn work(
    target: Target,
    mut check: impl FnMut(&[u8]) -> u64,
    place: &Place,
    settings: &Settings,
    sender: &Sender<Result<String, String>>,
) {
    let Target { mut samples, words, .. } = target;
    let Place { in_hand, running } = place;
    let mut file = File::create(running).unwrap();
    let mut rng = Rng::with_seed(settings.seed);
    let (begin, mut count, mut outcomes) = (Instant::now(), 0_u64, HashSet::new());
    let mut fresh = samples.clone().into_iter();
    while begin.elapsed() < settings.time && count < settings.executions {
        // The samples as they are come first.
        let sample = fresh.next();
        let is_sample = sample.is_some();
        let input = sample.unwrap_or_else(|| mutate(&mut rng, &samples, words));
        // A crash of the whole process leaves the input behind.
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        file.write_all(&input).unwrap();
        *in_hand.begun.lock().unwrap() = Some(Instant::now());
        let before = PANICS.load(Ordering::SeqCst);
        let result = catch_unwind(AssertUnwindSafe(|| check(&input)));
        *in_hand.begun.lock().unwrap() = None;
        count += 1;
        if PANICS.load(Ordering::SeqCst) != before || result.is_err() {
            let said = LAST_PANIC.lock().unwrap().clone();
            drop(sender.send(Err(format!("after {count} executions: {said}"))));
            return;
        }
        let is_new = result.is_ok_and(|outcome| outcomes.insert(outcome));
        if is_new && !is_sample && input.len() <= LONGEST_SAMPLE && samples.len() < MOST_SAMPLES {
            samples.push(input);
        }
    }
    let (seconds, kinds) = (begin.elapsed().as_secs(), outcomes.len());
    drop(sender.send(Ok(format!("{count} executions in {seconds} s, {kinds} kinds of outcome"))));
}

/// Remembers panics instead of printing them; also those that a runtime catches on another thread.
fn watch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        let said = panic.to_string();
        eprintln!("{said}");
        *LAST_PANIC.lock().unwrap() = said;
    }));
}

/// Where findings go.
fn directory() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz");
    fs::create_dir_all(&root).unwrap();
    root
}

/// The pages of memory that this process has.
fn resident() -> u64 {
    let numbers = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    numbers.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0)
}
