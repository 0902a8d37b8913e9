//! Pulls a branch of a repository into a directory beside the state, with the `git` program.
//!
//! A pull either brings a whole new tree or leaves the one that is there. No hook is run, no password is asked
//! for, and no message holds one.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::remote::Remote;
use raccord_model::port::environment::Environment;

mod program;

use program::{Program, Said};

/// How often a repository is pulled.
pub const PULL_INTERVAL: Duration = Duration::from_mins(1);

/// For how long one command of git may take.
pub const GIT_TIMEOUT: Duration = Duration::from_mins(2);

/// The repository itself, inside the checkout's directory.
const REPOSITORY: &str = "repository";
/// The link to the tree in use. Hidden, as the trees are: a configuration beside the state never finds them.
const TREE: &str = ".tree";
/// The trees, by commit.
const TREES: &str = ".trees";
/// Which remote all this belongs to.
const OWNER: &str = "remote";
/// What was fetched last.
const FETCHED: &str = "refs/raccord/fetched";

/// What is pulled.
#[derive(Debug, Clone)]
pub struct GitSettings {
    /// From where.
    pub remote: Remote,
    /// The directory or file of the repository that is the configuration; the whole of it without one.
    pub path: Option<PathBuf>,
    /// For how long one command of git may take.
    pub timeout: Duration,
}

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The commit that stands in the tree.
    pub commit: String,
    /// Whether it was put there now.
    pub is_new: bool,
}

/// Why a pull brought nothing. What was there before is still there.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// `--git-path` leads out of the repository.
    #[error("`{}` leads out of the repository: name a directory inside", .0.display())]
    Outside(PathBuf),
    /// The commit does not have what was asked for.
    #[error("{commit} has no `{}`", path.display())]
    NoPath {
        /// Which commit.
        commit: String,
        /// What is missing.
        path: PathBuf,
    },
    /// The program cannot be started.
    #[error("start `git`: is it installed?")]
    Program(#[source] io::Error),
    /// The program failed.
    #[error("{operation}: {said}")]
    Failed {
        /// What was to be done.
        operation: String,
        /// What the program said, without secrets.
        said: String,
    },
    /// The program took too long.
    #[error("{operation}: no end after {} s", after.as_secs_f64())]
    TimedOut {
        /// What was to be done.
        operation: String,
        /// How long it had.
        after: Duration,
    },
    /// The directory beside the state is not a checkout that the daemon made.
    #[error("{} is there already, and is no checkout of ours", .0.display())]
    NotOurs(PathBuf),
    /// The disk does not do what is needed.
    #[error("write the checkout in {}", directory.display())]
    Disk {
        /// Where.
        directory: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A branch, checked out.
#[derive(Debug)]
pub struct Checkout {
    settings: GitSettings,
    directory: PathBuf,
    program: Program,
    /// The commit that stands in the tree, as far as this process has put it there. What an earlier one left may
    /// be half of a tree after a loss of power.
    standing: Option<String>,
    /// How many pulls have failed in a row.
    failures: u32,
}

/// After so many pulls in a row that failed, the configuration counts as unreadable: a network may be away for a while.
const PATIENCE: u32 = 3;

impl Checkout {
    /// A checkout in the directory `STATE.git` beside the state. Nothing is read or written yet.
    pub fn new(settings: GitSettings, state: &Path, environment: &dyn Environment) -> Result<Self, GitError> {
        if let Some(path) = &settings.path
            && !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(GitError::Outside(path.clone()));
        }
        let mut directory = OsString::from(std::path::absolute(state).unwrap_or_else(|_| state.to_owned()));
        directory.push(".git");
        let program = Program::new(settings.timeout, environment);
        Ok(Self { settings, directory: directory.into(), program, standing: None, failures: 0 })
    }

    /// Another program than `git`.
    #[cfg(test)]
    pub(super) fn with_program(mut self, program: &Path) -> Self {
        self.program.name = program.into();
        self
    }

    /// Where the tree is, whatever commit stands there.
    pub fn tree(&self) -> PathBuf {
        self.directory.join(TREE)
    }

    /// What is to be loaded.
    pub fn root(&self) -> PathBuf {
        self.settings.path.as_ref().map_or_else(|| self.tree(), |path| self.tree().join(path))
    }

    /// From where.
    pub const fn remote(&self) -> &Remote {
        &self.settings.remote
    }

    /// Fetches the branch and puts its commit into the tree.
    pub async fn pull(&mut self) -> Result<Pulled, GitError> {
        let pulled = self.fetch().await;
        self.failures = if pulled.is_ok() { 0 } else { self.failures.saturating_add(1) };
        pulled
    }

    /// Whether pulls have failed so often in a row that a person is to hear of it.
    pub const fn is_lost(&self) -> bool {
        self.failures >= PATIENCE
    }

    async fn fetch(&mut self) -> Result<Pulled, GitError> {
        self.prepare().await?;
        let remote = &self.settings.remote;
        let refspec = format!("+{}:{FETCHED}", remote.reference());
        let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1"];
        let from = [remote.url(), &*refspec];
        self.git(&format!("fetch {remote}"), &[&fetch[..], &from].concat()).await?;
        self.put_fetched().await?.ok_or_else(|| GitError::Failed {
            operation: format!("fetch {}", self.settings.remote),
            said: "there is no commit on the branch".to_owned(),
        })
    }

    /// Puts what an earlier pull fetched into the tree, without asking the remote; `None` when there was none.
    pub async fn restore(&mut self) -> Result<Option<Pulled>, GitError> {
        self.prepare().await?;
        self.put_fetched().await
    }

    async fn put_fetched(&mut self) -> Result<Option<Pulled>, GitError> {
        let wanted = format!("{FETCHED}^{{commit}}");
        let found = self.git("find the commit", &["rev-parse", "--verify", "--quiet", &wanted]).await;
        let commit = match found {
            Ok(said) => said.out.trim().to_owned(),
            Err(GitError::Failed { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let is_new = self.standing.as_ref() != Some(&commit);
        if is_new {
            self.check_out(&commit).await?;
            self.standing = Some(commit.clone());
        }
        Ok(Some(Pulled { commit, is_new }))
    }

    /// Makes a tree of the commit, and then the tree of it.
    async fn check_out(&self, commit: &str) -> Result<(), GitError> {
        let partial = self.directory.join(TREES).join("partial");
        let index = self.directory.join("index");
        let (tree, old_index) = (partial.clone(), index.clone());
        self.on_disk(move || {
            remove(&tree)?;
            remove(&old_index)?;
            remove(&old_index.with_extension("lock"))?;
            fs::create_dir_all(&tree)
        })
        .await?;
        let tree = OsString::from_iter([OsStr::new("--work-tree="), partial.as_os_str()]);
        let arguments = [&*tree, "read-tree".as_ref(), "--reset".as_ref(), "-u".as_ref(), commit.as_ref()];
        let checked = [("GIT_INDEX_FILE", index.as_os_str())];
        let operation = format!("check out {commit}");
        self.run(&operation, &arguments, &checked).await?;
        let (directory, path, name) = (self.directory.clone(), self.settings.path.clone(), commit.to_owned());
        let is_there = self.on_disk(move || swap(&directory, path.as_deref(), &name)).await?;
        match &self.settings.path {
            Some(path) if !is_there => {
                Err(GitError::NoPath { commit: commit.to_owned(), path: path.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Makes the repository, unless it is there. One of another remote is thrown away.
    async fn prepare(&self) -> Result<(), GitError> {
        let (directory, owner) = (self.directory.clone(), self.settings.remote.to_string());
        let is_ours = self.on_disk(move || claim(&directory, &owner)).await?;
        if !is_ours {
            return Err(GitError::NotOurs(self.directory.clone()));
        }
        if !self.repository().join("HEAD").exists() {
            self.git("make the repository", &["init", "--quiet", "--bare", "--template="]).await?;
        }
        Ok(())
    }

    fn repository(&self) -> PathBuf {
        self.directory.join(REPOSITORY)
    }

    async fn git(&self, operation: &str, arguments: &[&str]) -> Result<Said, GitError> {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        self.run(operation, &arguments, &[]).await
    }

    async fn run(
        &self,
        operation: &str,
        arguments: &[&OsStr],
        variables: &[(&str, &OsStr)],
    ) -> Result<Said, GitError> {
        let mut repository = OsString::from("--git-dir=");
        repository.push(self.repository());
        let arguments = [&[&*repository], arguments].concat();
        self.program.run(operation, &arguments, variables, &self.settings.remote).await
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, GitError> {
        let done =
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        done.map_err(|source| GitError::Disk { directory: self.directory.clone(), source })
    }
}

/// Removes a file or a directory, if there is one.
fn remove(path: &Path) -> io::Result<()> {
    let is_directory = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?.is_dir(),
    };
    if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// Makes the directory ours and this remote's. False when it holds files and is not marked as ours.
fn claim(directory: &Path, remote: &str) -> io::Result<bool> {
    let owner = directory.join(OWNER);
    let known = match fs::read_to_string(&owner) {
        Ok(known) => Some(known),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if known.as_deref() == Some(remote) {
        return Ok(true);
    }
    // Only we and our user need to read what a private repository holds.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    if known.is_none() && fs::read_dir(directory)?.next().is_some() {
        return Ok(false);
    }
    for name in [TREE, TREES, REPOSITORY] {
        remove(&directory.join(name))?;
    }
    let beside = directory.join("remote.new");
    io::Write::write_all(&mut fs::File::create(&beside)?, remote.as_bytes())?;
    fs::rename(&beside, &owner)?;
    Ok(true)
}

/// Makes the partial tree the one in use, at once, if it has what is wanted; the others go.
fn swap(directory: &Path, path: Option<&Path>, commit: &str) -> io::Result<bool> {
    let trees = directory.join(TREES);
    let partial = trees.join("partial");
    if let Some(path) = path {
        // A link in the repository may lead anywhere.
        let is_inside = fs::canonicalize(partial.join(path))
            .is_ok_and(|real| fs::canonicalize(&partial).is_ok_and(|partial| real.starts_with(partial)));
        if !is_inside {
            return Ok(false);
        }
    }
    let link = directory.join(TREE);
    let used = fs::read_link(&link).ok();
    // The tree in use may be of the same commit, and damaged: it is not touched before another is there.
    let again = format!("{commit}.again");
    let is_used = |name: &str| used.as_ref().is_some_and(|used| used.ends_with(name));
    let name = if is_used(commit) { &*again } else { commit };
    let tree = trees.join(name);
    remove(&tree)?;
    fs::rename(&partial, &tree)?;
    let beside = directory.join(".tree.new");
    remove(&beside)?;
    symlink(Path::new(TREES).join(name), &beside)?;
    fs::rename(&beside, &link)?;
    for other in fs::read_dir(&trees)? {
        let other = other?;
        if other.file_name() != OsStr::new(name) {
            remove(&other.path())?;
        }
    }
    Ok(true)
}
