//! Every way in which files change, over the real file system.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{LONG, load, outcome, project, put, stack, until};
use crate::reload::{Loader, WatchError, WatchSettings, Watcher};

/// Short enough to be waited for many times.
const DEBOUNCE: Duration = Duration::from_millis(40);

/// A directory that is watched.
struct WatchedFiles {
    home: TempDir,
    loader: Loader,
    watcher: Watcher,
    changed: Arc<Notify>,
}

impl WatchedFiles {
    async fn at(home: TempDir, paths: &[&str], settings: WatchSettings) -> Self {
        let paths: Vec<PathBuf> = paths.iter().map(|path| home.path().join(path)).collect();
        let loader = Loader::new(paths, BTreeMap::new());
        load(&loader).await;
        let changed = Arc::new(Notify::new());
        let watcher = Watcher::start(&loader, settings, Arc::clone(&changed)).await.unwrap();
        Self { home, loader, watcher, changed }
    }

    /// With these files, watching these paths.
    async fn of(files: &[(&str, String)], paths: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        for (name, text) in files {
            put(&home.path().join(name), text);
        }
        Self::at(home, paths, WatchSettings { debounce: DEBOUNCE, ..WatchSettings::default() }).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    async fn until(&self, expected: &[&str]) -> usize {
        until(&self.changed, &self.loader, expected).await
    }

    /// At last nothing more is announced. What was read while it changed may be announced once more.
    async fn settles(&self) {
        let begin = Instant::now();
        while tokio::time::timeout(DEBOUNCE * 8, self.changed.notified()).await.is_ok() {
            assert!(begin.elapsed() < LONG, "signals without end");
        }
    }

    /// Nothing is announced while as much time passes as a change would need many times over.
    async fn stays_quiet(&self) {
        let signal = tokio::time::timeout(DEBOUNCE * 8, self.changed.notified()).await;
        assert!(signal.is_err(), "a signal without a change of what is read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_save_a_file() {
    for paths in [["conf"], ["conf/a.yaml"]] {
        let scene = WatchedFiles::of(&[("conf/a.yaml", stack("zero"))], &paths).await;
        let file = scene.path("conf/a.yaml");
        put(&file, &stack("truncated"));
        scene.until(&["Stack/truncated"]).await;
        put(&scene.path("conf/a.yaml.tmp"), &stack("renamed"));
        fs::rename(scene.path("conf/a.yaml.tmp"), &file).unwrap();
        scene.until(&["Stack/renamed"]).await;
        // As vim does with `backupcopy=no`.
        fs::rename(&file, scene.path("conf/a.yaml~")).unwrap();
        put(&file, &stack("backed"));
        scene.until(&["Stack/backed"]).await;
        fs::remove_file(&file).unwrap();
        sleep(DEBOUNCE * 3).await;
        put(&file, &stack("recreated"));
        scene.until(&["Stack/recreated"]).await;
        File::options().append(true).open(&file).map(drop).unwrap();
        let longer = stack("recreated").replace("spec: {}", "spec: {}\n---\n") + &project("crm");
        put(&file, &longer);
        scene.until(&["Stack/recreated", "Project/crm"]).await;
        // Of the same length, in the moment after.
        put(&file, &longer.replace("crm", "erp"));
        scene.until(&["Stack/recreated", "Project/erp"]).await;
        scene.settles().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_directories_come_and_go() {
    let scene = WatchedFiles::of(&[("conf/a.yaml", stack("shop"))], &["conf"]).await;
    put(&scene.path("conf/b.yml"), &project("b"));
    scene.until(&["Stack/shop", "Project/b"]).await;
    put(&scene.path("conf/deep/er/c.yaml"), &project("c"));
    scene.until(&["Stack/shop", "Project/b", "Project/c"]).await;
    put(&scene.path("conf/deep/er/c.yaml"), &project("d"));
    scene.until(&["Stack/shop", "Project/b", "Project/d"]).await;
    fs::rename(scene.path("conf/deep"), scene.path("conf/moved")).unwrap();
    put(&scene.path("conf/moved/er/e.yaml"), &project("e"));
    scene.until(&["Stack/shop", "Project/b", "Project/d", "Project/e"]).await;
    fs::rename(scene.path("conf/moved"), scene.path("conf/.hidden")).unwrap();
    scene.until(&["Stack/shop", "Project/b"]).await;
    fs::remove_file(scene.path("conf/b.yml")).unwrap();
    scene.until(&["Stack/shop"]).await;
    fs::rename(scene.path("conf/.hidden"), scene.path("conf/shown")).unwrap();
    scene.until(&["Stack/shop", "Project/d", "Project/e"]).await;
    put(&scene.path("conf/shown/er/e.yaml"), &project("f"));
    scene.until(&["Stack/shop", "Project/d", "Project/f"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_loader_passes_over_wakes_nobody() {
    let scene = WatchedFiles::of(
        &[
            ("conf/a.yaml", stack("shop")),
            ("conf/.raccord/state.redb", "s".to_owned()),
            ("conf/state.redb", "s".to_owned()),
        ],
        &["conf"],
    )
    .await;
    for round in 0..20 {
        let text = round.to_string();
        for name in [
            "state.redb",
            "state.redb.tmp",
            ".raccord/state.redb",
            ".raccord/new.yaml",
            ".a.yaml.swp",
            ".hidden.yaml",
            "node_modules/a.yaml",
            "target/a.yaml",
            "notes.txt",
            "deep/notes.txt",
        ] {
            put(&scene.path("conf").join(name), &text);
        }
        fs::remove_file(scene.path("conf/state.redb.tmp")).unwrap();
        put(&scene.path("conf/a.yaml.tmp"), &stack("shop"));
        fs::rename(scene.path("conf/a.yaml.tmp"), scene.path("conf/a.yaml")).unwrap();
        load(&scene.loader).await;
    }
    scene.stays_quiet().await;
    put(&scene.path("conf/a.yaml"), &stack("other"));
    assert_eq!(scene.until(&["Stack/other"]).await, 1);
}

/// As the kubelet does: `a.yaml` leads through `..data`, which is replaced by a rename.
#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_is_swapped_again_and_again() {
    for paths in [["mount"], ["mount/a.yaml"]] {
        let home = tempfile::tempdir().unwrap();
        let mount = home.path().join("mount");
        let swap = |round: usize| {
            let data = format!("..2025_{round}");
            put(&mount.join(&data).join("a.yaml"), &stack(&format!("s{round}")));
            symlink(&data, mount.join("..data_tmp")).unwrap();
            fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
            if let Some(before) = round.checked_sub(1) {
                fs::remove_dir_all(mount.join(format!("..2025_{before}"))).unwrap();
            }
        };
        swap(0);
        symlink("..data/a.yaml", mount.join("a.yaml")).unwrap();
        let settings = WatchSettings { debounce: DEBOUNCE, ..WatchSettings::default() };
        let scene = WatchedFiles::at(home, &paths, settings).await;
        let mount = scene.path("mount");
        for round in 1..4 {
            let data = format!("..2025_{round}");
            put(&mount.join(&data).join("a.yaml"), &stack(&format!("s{round}")));
            symlink(&data, mount.join("..data_tmp")).unwrap();
            fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
            fs::remove_dir_all(mount.join(format!("..2025_{}", round - 1))).unwrap();
            scene.until(&[&format!("Stack/s{round}")]).await;
        }
        // The new target is watched as the first one was.
        put(&mount.join("..2025_3/a.yaml"), &stack("edited"));
        scene.until(&["Stack/edited"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_on_the_way_and_inside_are_followed() {
    let home = tempfile::tempdir().unwrap();
    put(&home.path().join("releases/1/conf/a.yaml"), &stack("one"));
    put(&home.path().join("releases/2/conf/a.yaml"), &stack("two"));
    put(&home.path().join("releases/2/conf/parts/b.txt"), &project("b"));
    symlink("releases/1", home.path().join("current")).unwrap();
    symlink("parts/b.txt", home.path().join("releases/2/conf/b.yaml")).unwrap();
    let settings = WatchSettings { debounce: DEBOUNCE, ..WatchSettings::default() };
    let scene = WatchedFiles::at(home, &["current/conf"], settings).await;
    symlink("releases/2", scene.path("next")).unwrap();
    fs::rename(scene.path("next"), scene.path("current")).unwrap();
    scene.until(&["Stack/two", "Project/b"]).await;
    put(&scene.path("releases/2/conf/parts/b.txt"), &project("c"));
    scene.until(&["Stack/two", "Project/c"]).await;
    put(&scene.path("releases/1/conf/a.yaml"), &stack("three"));
    scene.settles().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_watched_is_deleted_and_comes_back() {
    let scene =
        WatchedFiles::of(&[("way/conf/a.yaml", stack("one")), ("way/x", String::new())], &["way/conf"]).await;
    fs::remove_dir_all(scene.path("way/conf")).unwrap();
    scene.until(&["unreadable"]).await;
    put(&scene.path("way/conf/a.yaml"), &stack("two"));
    scene.until(&["Stack/two"]).await;
    put(&scene.path("way/conf/a.yaml"), &stack("three"));
    scene.until(&["Stack/three"]).await;
    // Deleted and recreated before anybody looks.
    fs::remove_dir_all(scene.path("way")).unwrap();
    put(&scene.path("way/conf/a.yaml"), &stack("four"));
    scene.until(&["Stack/four"]).await;
    put(&scene.path("way/conf/a.yaml"), &stack("five"));
    scene.until(&["Stack/five"]).await;
    // Another directory is moved into its place.
    put(&scene.path("new/conf/a.yaml"), &stack("six"));
    fs::rename(scene.path("way"), scene.path("old")).unwrap();
    fs::rename(scene.path("new"), scene.path("way")).unwrap();
    scene.until(&["Stack/six"]).await;
    put(&scene.path("old/conf/a.yaml"), &stack("nobody"));
    put(&scene.path("way/conf/a.yaml"), &stack("seven"));
    scene.until(&["Stack/seven"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_yet_is_waited_for() {
    let scene = WatchedFiles::of(&[], &["not/there/yet"]).await;
    put(&scene.path("not/there/yet/a.yaml"), &stack("come"));
    scene.until(&["Stack/come"]).await;
    put(&scene.path("not/there/yet/a.yaml"), &stack("again"));
    scene.until(&["Stack/again"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_paths_are_watched_together() {
    let files = [("one/a.yaml", stack("shop")), ("two/b.yaml", project("b")), ("two/c.yaml", project("c"))];
    let scene = WatchedFiles::of(&files, &["one", "two/b.yaml"]).await;
    put(&scene.path("two/b.yaml"), &project("d"));
    scene.until(&["Stack/shop", "Project/d"]).await;
    put(&scene.path("two/c.yaml"), &project("e"));
    put(&scene.path("one/f.yaml"), &project("f"));
    scene.until(&["Stack/shop", "Project/d", "Project/f"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_becomes_readable() {
    let scene =
        WatchedFiles::of(&[("conf/a.yaml", stack("shop")), ("conf/deep/b.yaml", project("b"))], &["conf"])
            .await;
    let mode = |mode| fs::set_permissions(scene.path("conf/deep"), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o000);
    if fs::read_dir(scene.path("conf/deep")).is_ok() {
        // Nothing is forbidden to root.
        return;
    }
    scene.until(&["unreadable"]).await;
    mode(0o700);
    scene.until(&["Stack/shop", "Project/b"]).await;
    put(&scene.path("conf/deep/b.yaml"), &project("c"));
    scene.until(&["Stack/shop", "Project/c"]).await;
}

fn git(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(directory).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_of_hundreds_of_files_is_few_signals() {
    let home = tempfile::tempdir().unwrap();
    git(home.path(), &["init", "--quiet", "--initial-branch=main", "."]);
    for name in ["one", "two"] {
        git(home.path(), &["checkout", "--quiet", "--orphan", name]);
        for at in 0..300 {
            put(&home.path().join(format!("d{}/p{at}.yaml", at % 7)), &project(&format!("{name}-{at}")));
        }
        git(home.path(), &["add", "."]);
        git(home.path(), &["commit", "--quiet", "-m", name]);
    }
    let settings = WatchSettings { debounce: DEBOUNCE, ..WatchSettings::default() };
    let scene = WatchedFiles::at(home, &["."], settings).await;
    for name in ["one", "two", "one"] {
        git(scene.home.path(), &["checkout", "--quiet", name]);
        let last = load(&Loader::new(vec![scene.home.path().to_owned()], BTreeMap::new())).await;
        let expected = outcome(&last);
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        assert_eq!(expected.len(), 300);
        let signals = scene.until(&expected).await;
        assert!(signals < 10, "{signals} signals for one checkout");
    }
    scene.settles().await;
}

/// Nothing but polling notices here: no watch is allowed at all.
#[tokio::test(flavor = "multi_thread")]
async fn without_watches_the_files_are_polled_and_it_is_said() {
    let home = tempfile::tempdir().unwrap();
    for at in 0..5 {
        put(&home.path().join(format!("d{at}/p.yaml")), &project(&format!("p{at}")));
    }
    let polled = Some(Duration::from_millis(30));
    let settings = WatchSettings { debounce: DEBOUNCE, poll: polled, watches: 3 };
    let scene = WatchedFiles::at(home, &["."], settings).await;
    assert_eq!(scene.watcher.fallback(), Some("there are more than 3 directories to watch"));
    put(&scene.path("d0/p.yaml"), &project("q0"));
    let rest = ["Project/p1", "Project/p2", "Project/p3", "Project/p4"];
    scene.until(&[&rest[..], &["Project/q0"]].concat()).await;
    scene.settles().await;
    put(&scene.path("d0/p.yaml"), &project("r0"));
    scene.until(&[&rest[..], &["Project/r0"]].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_between_the_load_and_the_watch_is_announced() {
    let home = tempfile::tempdir().unwrap();
    put(&home.path().join("a.yaml"), &stack("one"));
    let loader = super::loader(home.path());
    load(&loader).await;
    put(&home.path().join("a.yaml"), &stack("two"));
    let changed = Arc::new(Notify::new());
    let watcher = Watcher::start(&loader, WatchSettings::default(), Arc::clone(&changed)).await.unwrap();
    assert_eq!(watcher.fallback(), None);
    until(&changed, &loader, &["Stack/two"]).await;
}

#[tokio::test]
async fn standard_input_cannot_be_watched() {
    let loader = Loader::new(vec!["-".into()], BTreeMap::new());
    let error = Watcher::start(&loader, WatchSettings::default(), Arc::default()).await.unwrap_err();
    assert!(matches!(error, WatchError::Stdin), "{error}");
}

/// How much more memory edits may take, in kB: far less than one event of each would.
const MOST_MEMORY: u64 = 16 << 10;

/// The memory of this process, in kB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Edits without an end: they are announced meanwhile, the last one is seen, and signals do not pile up.
async fn endless(edits: u32, every: Duration, settings: WatchSettings) {
    let home = tempfile::tempdir().unwrap();
    put(&home.path().join("a.yaml"), &stack("zero"));
    let scene = WatchedFiles::at(home, &["."], settings).await;
    let path = scene.path("a.yaml");
    let writing = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        for round in 1..=edits {
            let text = stack(&format!("s{round}"));
            if round % 2 == 0 {
                put(&path, &text);
            } else {
                put(&path.with_extension("new"), &text);
                fs::rename(path.with_extension("new"), &path).unwrap();
            }
            std::thread::sleep((every * round).saturating_sub(begun.elapsed()));
        }
        begun.elapsed()
    });
    let (mut meanwhile, mut after) = (0_u32, 0_u32);
    let mut found = Vec::new();
    let before = memory();
    while !writing.is_finished() {
        if tokio::time::timeout(settings.debounce, scene.changed.notified()).await.is_ok() {
            meanwhile += 1;
            found = outcome(&load(&scene.loader).await);
        }
    }
    let took = writing.await.unwrap();
    while found != [format!("Stack/s{edits}")] {
        tokio::time::timeout(LONG, scene.changed.notified()).await.expect("the last edit is announced");
        after += 1;
        found = outcome(&load(&scene.loader).await);
    }
    let grown = memory().saturating_sub(before);
    println!(
        "{edits} edits in {took:?}: {meanwhile} signals meanwhile, {after} after, {grown} kB more memory"
    );
    assert!(grown < MOST_MEMORY, "{grown} kB more memory after {edits} edits");
    // One at the most in each stretch of patience or quiet.
    let most = took.as_millis() / settings.debounce.as_millis() + 2;
    assert!(meanwhile >= 1, "nothing was announced during {took:?} of edits");
    assert!(u128::from(meanwhile + after) <= most, "{meanwhile} and {after} signals in {took:?}");
    scene.settles().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_without_an_end_are_announced_meanwhile() {
    let settings = WatchSettings { debounce: DEBOUNCE, ..WatchSettings::default() };
    endless(400, Duration::from_millis(5), settings).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute"]
async fn ten_thousand_edits_in_a_minute() {
    endless(10_000, Duration::from_millis(6), WatchSettings::default()).await;
}
