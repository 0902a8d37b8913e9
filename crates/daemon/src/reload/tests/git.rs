//! Pulls from a real repository, and what comes in their way.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{load, outcome, project, put, stack};
use crate::reload::{Checkout, GIT_TIMEOUT, GitError, GitSettings, Loader, Pulled};
use raccord_connect::System;

/// A repository that is worked on, and a state beside which it is checked out.
struct WatchedFiles(TempDir);

impl WatchedFiles {
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        fs::create_dir(scene.origin()).unwrap();
        scene.git(&["init", "--quiet", "--initial-branch=main", "."]);
        scene.commit("conf/a.yaml", &stack("one"));
        scene
    }

    fn origin(&self) -> PathBuf {
        self.0.path().join("origin")
    }

    fn state(&self) -> PathBuf {
        self.0.path().join("home/state.redb")
    }

    fn directory(&self) -> PathBuf {
        self.0.path().join("home/state.redb.git")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(self.origin()).env("GIT_CONFIG_GLOBAL", "/dev/null");
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits a file, and says which commit that is.
    fn commit(&self, name: &str, text: &str) -> String {
        put(&self.origin().join(name), text);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message=x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn settings(&self, branch: &str, path: Option<&str>) -> GitSettings {
        let remote = format!("file://{}{branch}", self.origin().display());
        GitSettings { remote: remote.parse().unwrap(), path: path.map(Into::into), timeout: GIT_TIMEOUT }
    }

    fn checkout(&self, branch: &str, path: Option<&str>) -> Checkout {
        Checkout::new(self.settings(branch, path), &self.state(), &System::default()).unwrap()
    }
}

async fn found(checkout: &Checkout) -> Vec<String> {
    outcome(&load(&Loader::of_checkout(checkout, std::collections::BTreeMap::new())).await)
}

fn is(commit: &str, is_new: bool) -> Pulled {
    Pulled { commit: commit.to_owned(), is_new }
}

#[tokio::test]
async fn a_branch_is_followed_wherever_it_goes() {
    let scene = WatchedFiles::new();
    let first = scene.git(&["rev-parse", "HEAD"]);
    let mut checkout = scene.checkout("#main", None);
    assert_eq!(checkout.restore().await.unwrap(), None);
    assert_eq!(checkout.pull().await.unwrap(), is(&first, true));
    assert_eq!(found(&checkout).await, ["Stack/one"]);
    assert_eq!(checkout.pull().await.unwrap(), is(&first, false));
    let second = scene.commit("conf/b.yaml", &project("b"));
    assert_eq!(checkout.pull().await.unwrap(), is(&second, true));
    assert_eq!(found(&checkout).await, ["Stack/one", "Project/b"]);
    // What a commit removes is gone; what was left in the tree by other means is, too.
    put(&checkout.tree().join("stray.yaml"), &project("stray"));
    scene.git(&["rm", "--quiet", "conf/b.yaml"]);
    let third = scene.commit("conf/c.yaml", &project("c"));
    assert_eq!(checkout.pull().await.unwrap(), is(&third, true));
    assert_eq!(found(&checkout).await, ["Stack/one", "Project/c"]);
    // History is rewritten: back to the first commit, and on from there.
    scene.git(&["reset", "--quiet", "--hard", &first]);
    assert_eq!(checkout.pull().await.unwrap(), is(&first, true));
    let other = scene.commit("conf/a.yaml", &stack("other"));
    assert_eq!(checkout.pull().await.unwrap(), is(&other, true));
    assert_eq!(found(&checkout).await, ["Stack/other"]);
    let trees = fs::read_dir(scene.directory().join(".trees")).unwrap().count();
    assert_eq!(trees, 1, "trees that are not in use are kept");
}

#[tokio::test]
async fn without_a_branch_it_is_the_one_that_the_repository_shows() {
    let scene = WatchedFiles::new();
    scene.git(&["checkout", "--quiet", "-b", "feature/x"]);
    let on_branch = scene.commit("conf/b.yaml", &project("b"));
    assert_eq!(scene.checkout("", None).pull().await.unwrap().commit, on_branch);
    assert_eq!(scene.checkout("#feature/x", None).pull().await.unwrap().commit, on_branch);
    assert_ne!(scene.checkout("#main", None).pull().await.unwrap().commit, on_branch);
}

#[tokio::test]
async fn a_failing_pull_keeps_what_is_there() {
    let scene = WatchedFiles::new();
    scene.git(&["branch", "live"]);
    let mut checkout = scene.checkout("#live", None);
    let first = checkout.pull().await.unwrap().commit;
    scene.git(&["branch", "--quiet", "-D", "live"]);
    let error = checkout.pull().await.unwrap_err().to_string();
    assert!(error.contains("couldn't find remote ref refs/heads/live"), "{error}");
    assert_eq!(found(&checkout).await, ["Stack/one"]);
    fs::rename(scene.origin(), scene.0.path().join("moved")).unwrap();
    let error = checkout.pull().await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("fetch {}: fatal:", checkout.remote())), "{error}");
    assert_eq!(found(&checkout).await, ["Stack/one"]);
    // After a restart, too; and then the tree is made anew, whatever it looks like.
    put(&checkout.tree().join("conf/a.yaml"), "");
    let mut again = scene.checkout("#live", None);
    assert!(again.pull().await.is_err());
    assert_eq!(again.restore().await.unwrap(), Some(is(&first, true)));
    assert_eq!(found(&again).await, ["Stack/one"]);
    fs::rename(scene.0.path().join("moved"), scene.origin()).unwrap();
    // After some in a row it counts as lost, until one succeeds.
    assert!(!again.is_lost());
    for _ in 0..2 {
        assert!(!again.is_lost() && again.pull().await.is_err());
    }
    assert!(again.is_lost());
    scene.git(&["branch", "live"]);
    assert_eq!(again.pull().await.unwrap(), is(&first, false));
    assert!(!again.is_lost());
}

#[tokio::test]
async fn what_was_cut_short_is_made_good() {
    let scene = WatchedFiles::new();
    let mut checkout = scene.checkout("#main", None);
    checkout.pull().await.unwrap();
    // A kill in the middle leaves locks, half a tree, a link that was not put in place.
    put(&scene.directory().join("index.lock"), "");
    put(&scene.directory().join(".trees/partial/conf/stray.yaml"), &project("stray"));
    symlink("nowhere", scene.directory().join(".tree.new")).unwrap();
    let second = scene.commit("conf/b.yaml", &project("b"));
    let mut again = scene.checkout("#main", None);
    assert_eq!(again.pull().await.unwrap(), is(&second, true));
    assert_eq!(found(&again).await, ["Stack/one", "Project/b"]);
}

#[tokio::test]
async fn a_part_of_the_repository() {
    let scene = WatchedFiles::new();
    scene.commit("other/b.yaml", &project("b"));
    let mut checkout = scene.checkout("#main", Some("conf"));
    let first = checkout.pull().await.unwrap().commit;
    assert_eq!(found(&checkout).await, ["Stack/one"]);
    let bad = scene.commit("conf/bad.yaml", "apiVersion: raccord/v1\nkind: Projekt\n");
    checkout.pull().await.unwrap();
    let loaded = load(&Loader::of_checkout(&checkout, std::collections::BTreeMap::new())).await;
    let diagnostics = loaded.outcome.unwrap_err();
    assert_eq!(diagnostics[0].place.as_ref().unwrap().file, "conf/bad.yaml", "as the repository calls it");
    scene.git(&["rm", "--quiet", "-r", "conf"]);
    scene.git(&["commit", "--quiet", "--message=x"]);
    let error = checkout.pull().await.unwrap_err();
    assert!(matches!(error, GitError::NoPath { .. }), "{error}");
    assert!(fs::read_link(checkout.tree()).unwrap().ends_with(&bad), "the last good tree stays");
    assert_ne!(first, bad);
    // A link of the repository leads out of it.
    symlink("/etc", scene.origin().join("conf")).unwrap();
    scene.commit("x", "x");
    let error = checkout.pull().await.unwrap_err();
    assert!(matches!(error, GitError::NoPath { .. }), "{error}");
    for path in ["..", "/etc", "a/../..", "../origin"] {
        let settings = scene.settings("#main", Some(path));
        let error = Checkout::new(settings, &scene.state(), &System::default()).unwrap_err();
        assert!(matches!(error, GitError::Outside(_)), "{path}: {error}");
    }
}

#[tokio::test]
async fn another_remote_begins_anew_and_other_peoples_directories_are_left_alone() {
    let scene = WatchedFiles::new();
    scene.checkout("#main", None).pull().await.unwrap();
    scene.git(&["branch", "live"]);
    let mut other = scene.checkout("#live", None);
    assert_eq!(other.restore().await.unwrap(), None, "what was fetched is another branch's");
    other.pull().await.unwrap();
    let scene = WatchedFiles::new();
    put(&scene.directory().join("precious"), "x");
    let error = scene.checkout("#main", None).pull().await.unwrap_err();
    assert!(matches!(error, GitError::NotOurs(_)), "{error}");
    assert_eq!(fs::read_dir(scene.directory()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_walk_beside_the_state_finds_nothing_of_it() {
    let scene = WatchedFiles::new();
    scene.checkout("#main", None).pull().await.unwrap();
    let beside = load(&super::loader(scene.state().parent().unwrap())).await;
    assert_eq!(outcome(&beside), ["no-documents"]);
    let mode = fs::metadata(scene.directory()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "others can read what a private repository holds");
}

fn script(path: &Path, text: &str) {
    put(path, text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn no_hook_is_run() {
    let scene = WatchedFiles::new();
    scene.checkout("#main", None).pull().await.unwrap();
    let mark = scene.0.path().join("mark");
    for hook in ["reference-transaction", "post-checkout", "post-index-change", "post-merge", "pre-auto-gc"] {
        let hook = scene.directory().join("repository/hooks").join(hook);
        script(&hook, &format!("#!/bin/sh\necho ran >> {}\n", mark.display()));
    }
    let second = scene.commit("conf/b.yaml", &project("b"));
    assert_eq!(scene.checkout("#main", None).pull().await.unwrap(), is(&second, true));
    assert!(!mark.exists(), "a hook was run");
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_with_what_it_started() {
    let scene = WatchedFiles::new();
    let program = scene.0.path().join("git");
    let alive = scene.0.path().join("alive");
    script(
        &program,
        &format!("#!/bin/sh\n(while :; do echo x >> {}; sleep 0.02; done) &\nwait\n", alive.display()),
    );
    let settings = GitSettings { timeout: Duration::from_millis(300), ..scene.settings("#main", None) };
    let checkout = Checkout::new(settings, &scene.state(), &System::default()).unwrap();
    let error = checkout.with_program(&program).pull().await.unwrap_err();
    assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
    let length = || fs::metadata(&alive).map_or(0, |metadata| metadata.len());
    let ended = async {
        loop {
            let before = length();
            tokio::time::sleep(Duration::from_millis(200)).await;
            if length() == before {
                return;
            }
        }
    };
    tokio::time::timeout(super::LONG, ended).await.expect("what the program started lives on");
}

#[tokio::test]
async fn what_the_program_says_is_shown_without_secrets() {
    let scene = WatchedFiles::new();
    let program = scene.0.path().join("git");
    let mut settings = scene.settings("#main", None);
    settings.remote = "https://zoe:hunter2@git.example/a#main".parse().unwrap();
    let checkout = |settings: &GitSettings| {
        let checkout = Checkout::new(settings.clone(), &scene.state(), &System::default()).unwrap();
        checkout.with_program(&program)
    };
    let error = checkout(&settings).pull().await.unwrap_err();
    assert!(matches!(error, GitError::Program(_)), "{error}");
    // A great deal is said, the secret within and control characters, too.
    script(
        &program,
        "#!/bin/sh\ncase \"$*\" in *init*) exit 0;; esac\n\
         printf 'fatal: no access to https://zoe:hunter2@git.example/a \\033[31mhunter2\\n\\n' >&2\n\
         yes 'remote: hunter2' | head -c 1000000 >&2\nexit 128\n",
    );
    let error = format!("{:?}", checkout(&settings).pull().await.unwrap_err());
    assert!(
        !error.contains("hunter2") && error.contains("https://***@git.example/a \u{fffd}[31m***"),
        "{error}"
    );
    assert!(error.chars().count() < 800, "{error}");
}

#[tokio::test]
async fn the_password_stays_out_of_what_is_written() {
    let scene = WatchedFiles::new();
    let mut settings = scene.settings("#main", None);
    // Refused at once: nothing listens there.
    settings.remote = "https://zoe:hunter2@127.0.0.1:1/a#main".parse().unwrap();
    let mut checkout = Checkout::new(settings, &scene.state(), &System::default()).unwrap();
    let error = checkout.pull().await.unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    let found = Command::new("grep").args(["-r", "hunter2"]).arg(scene.directory()).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
}

#[tokio::test]
async fn links_lead_about_in_the_repository_and_nowhere_else() {
    let scene = WatchedFiles::new();
    put(&scene.origin().join("shared/b.yaml"), &project("b"));
    symlink("../shared/b.yaml", scene.origin().join("conf/b.yaml")).unwrap();
    scene.commit("conf/notes.txt", "nothing");
    let mut checkout = scene.checkout("#main", Some("conf"));
    checkout.pull().await.unwrap();
    assert_eq!(found(&checkout).await, ["Stack/one", "Project/b"]);
    let outside = scene.0.path().join("outside.yaml");
    put(&outside, &project("hunter2"));
    for target in ["/proc/self/environ", outside.to_str().unwrap(), "../../../remote"] {
        let link = scene.origin().join("conf/x.yaml");
        drop(fs::remove_file(&link));
        symlink(target, &link).unwrap();
        drop(symlink(scene.0.path(), scene.origin().join("conf/up")));
        scene.commit("conf/notes.txt", target);
        checkout.pull().await.unwrap();
        let loaded = load(&Loader::of_checkout(&checkout, std::collections::BTreeMap::new())).await;
        let said = format!("{:?}", loaded.outcome.unwrap_err());
        assert_eq!(said.matches("leads out").count(), 2, "{target}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("PATH="), "{target}: {said}");
    }
}
