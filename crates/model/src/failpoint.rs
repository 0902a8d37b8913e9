//! Places where a test may have the process killed: before and after everything that becomes durable.
//!
//! Nothing happens at a failpoint until one is armed, and passing it then costs the look whether one is. This
//! module never reads the environment: the program arms what `RACCORD_FAILPOINT` names.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! failpoints {
    ($($(#[$doc:meta])* $point:ident $name:literal)*) => {
        /// A place where the process can be killed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Failpoint {
            $($(#[$doc])* $point,)*
        }

        impl Failpoint {
            /// Every place.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// As it is named from outside.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

failpoints! {
    /// A new file is complete and does not have its name yet.
    PublishBefore "publish.before"
    /// A new file has its name.
    PublishAfter "publish.after"
    /// A commit that need not be durable yet is about to be made.
    LazyCommitBefore "commit.lazy.before"
    /// Such a commit was made, and no caller has been answered.
    LazyCommitAfter "commit.lazy.after"
    /// A durable commit is about to be made.
    DurableCommitBefore "commit.durable.before"
    /// A durable commit was made, and no caller has been answered.
    DurableCommitAfter "commit.durable.after"
    /// An apply is planned, and nothing of it committed.
    ApplyBefore "apply.before"
    /// A new generation is in force, and none of its steps begun.
    ApplyAfter "apply.after"
    /// A step is about to be carried out.
    StepBefore "step.before"
    /// A step was carried out, and is still listed.
    StepAfter "step.after"
    /// A run is listed, and nothing fetched.
    RunBegun "run.begun"
    /// Every page of a snapshot is stored, and what it did not show not deleted.
    SweepBefore "sweep.before"
    /// A snapshot is swept, and its run still under way.
    SweepAfter "sweep.after"
    /// Rows of deliveries are stored elsewhere, and the deliveries still in the inbox.
    SettleBefore "elsewhere.settle.before"
    /// Rows are about to be committed to a store that is a file, and is not the state.
    ElsewhereCommitBefore "elsewhere.commit.before"
    /// They were committed, and nothing else knows of it yet.
    ElsewhereCommitAfter "elsewhere.commit.after"
    /// A run is over, and what that means not written.
    RunEndBefore "run.end.before"
    /// What the end of a run means is written, and not reported yet.
    RunEndAfter "run.end.after"
    /// A notice is about to be handed over.
    NoticeBefore "notice.before"
    /// A notice was taken, and still waits.
    NoticeAfter "notice.after"
    /// A server is about to be asked for a token.
    TokenBefore "token.before"
    /// It has answered, and what it said is not kept yet.
    TokenAnswered "token.answered"
    /// The new tokens are kept, and no request has used them.
    TokenKept "token.kept"
}

/// The one failpoint of this process that kills.
static ARMED: OnceLock<Armed> = OnceLock::new();

struct Armed {
    at: Failpoint,
    passages_left: AtomicU64,
}

impl Failpoint {
    /// Goes on, unless this place is armed and its hour has come.
    pub fn pass(self) {
        if let Some(armed) = ARMED.get()
            && armed.at == self
            && armed.passages_left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            die();
        }
    }
}

/// A failpoint, and at which passage it kills: `commit.lazy.before:17`, or without a number at the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArmedFailpoint {
    at: Failpoint,
    passage: NonZeroU64,
}

impl ArmedFailpoint {
    /// Arms the failpoint for as long as the process lives; the first trap stands.
    pub fn arm(self) {
        ARMED.get_or_init(|| Armed { at: self.at, passages_left: AtomicU64::new(self.passage.get()) });
    }
}

/// A text that names no failpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UnknownFailpoint(String);

impl fmt::Display for UnknownFailpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Failpoint::ALL.iter().map(|point| point.name()).collect();
        write!(f, "`{}` is no failpoint with a number such as `{}:3`", self.0, names[0])?;
        write!(f, "; there are {}", names.join(", "))
    }
}

impl FromStr for ArmedFailpoint {
    type Err = UnknownFailpoint;

    fn from_str(text: &str) -> Result<Self, UnknownFailpoint> {
        let (name, passage) = text.split_once(':').unwrap_or((text, "1"));
        let at = Failpoint::ALL.iter().find(|point| point.name() == name);
        match (at, passage.parse()) {
            (Some(&at), Ok(passage)) => Ok(Self { at, passage }),
            _ => Err(UnknownFailpoint(text.to_owned())),
        }
    }
}

/// Ends the process as `kill -9` does: nothing is written, nothing is let go.
fn die() -> ! {
    let itself = rustix::process::getpid();
    // Only a system that forbids a process to kill itself lets it come past this.
    let _forbidden = rustix::process::kill_process(itself, rustix::process::Signal::KILL);
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trap_is_read_from_its_text() {
        let trap = |at, passage| Ok(ArmedFailpoint { at, passage: NonZeroU64::new(passage).unwrap() });
        let not = |text: &str| Err(UnknownFailpoint(text.to_owned()));
        for (text, expected) in [
            ("apply.before", trap(Failpoint::ApplyBefore, 1)),
            ("commit.lazy.before:17", trap(Failpoint::LazyCommitBefore, 17)),
            ("commit.lazy.before:0", not("commit.lazy.before:0")),
            ("commit.lazy.before:", not("commit.lazy.before:")),
            ("commit", not("commit")),
            ("", not("")),
        ] {
            assert_eq!(text.parse::<ArmedFailpoint>(), expected, "{text}");
        }
        let said = UnknownFailpoint("?".to_owned()).to_string();
        assert!(Failpoint::ALL.iter().all(|point| said.contains(point.name())), "{said}");
    }

    #[test]
    fn nothing_happens_where_nothing_is_armed() {
        for point in Failpoint::ALL {
            point.pass();
        }
    }
}
