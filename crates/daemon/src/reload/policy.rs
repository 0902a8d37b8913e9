//! Whether the daemon may apply a plan without a person.
//!
//! A pure function of the plan. Whatever the policy, what a plan may only do with `--allow-delete` or
//! `--allow-rekey` waits: no policy stands for these flags.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use raccord_model::plan::{Action, Consequence};
use raccord_model::{Key, Kind};
use raccord_plan::{Change, DataEffect, Note, Plan, Refusal, Subject, loses};

/// How many reasons are given at the most.
const MAX_REASONS: usize = 20;

/// What the daemon applies by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Nothing.
    None,
    /// What has no consequence for data.
    #[default]
    Safe,
    /// Everything that loses no data.
    All,
}

impl Policy {
    /// Every policy, from the strictest.
    pub const ALL: [Self; 3] = [Self::None, Self::Safe, Self::All];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Safe => "safe",
            Self::All => "all",
        }
    }

    /// Whether a change with this consequence is applied.
    pub const fn takes(self, consequence: Consequence) -> bool {
        match consequence {
            // That the schedule begins anew moves a run, and no record.
            Consequence::None | Consequence::Restart => matches!(self, Self::Safe | Self::All),
            // Deletions that begin take rows away from now on; those that cease leave rows behind.
            Consequence::Guard | Consequence::Deletions | Consequence::Reread | Consequence::Remap => {
                matches!(self, Self::All)
            }
            Consequence::DropField | Consequence::Rekey | Consequence::Drop => false,
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a policy is one of none, safe, all")]
pub struct PolicyError;

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text).ok_or(PolicyError)
    }
}

/// What the policy says of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is applied.
    Apply,
    /// It waits for a person.
    Wait {
        /// Why, the gravest reason first, each a part of a sentence.
        why: Vec<String>,
    },
}

/// Whether a plan is applied without a person. It is the same whatever flags the plan was made with.
pub fn verdict(plan: &Plan, policy: Policy) -> Verdict {
    if !plan.has_work() {
        return Verdict::Apply;
    }
    let mut why: Vec<String> = refusals(plan).iter().map(refused).collect();
    match policy {
        Policy::None => why.extend(plan.changes.iter().map(everything)),
        Policy::Safe | Policy::All => {
            why.extend(
                plan.effects.iter().filter(|effect| !policy.takes(effect.consequence)).filter_map(effect),
            );
            why.extend(plan.changes.iter().flat_map(|change| fields(change, policy)));
        }
    }
    if policy != Policy::All {
        why.extend(plan.notes.iter().filter_map(|said| note(said, policy)));
    }
    let mut said = BTreeSet::new();
    why.retain(|reason| said.insert(reason.clone()));
    if why.is_empty() {
        return Verdict::Apply;
    }
    if policy != Policy::None {
        // Where a person is asked for another reason anyway, the brake is told first.
        let switched_off = plan.changes.iter().filter(|change| change.action == Action::Deactivate);
        why = switched_off.map(brake).chain(why).collect();
    }
    let more = why.len().saturating_sub(MAX_REASONS);
    if more > 0 {
        why.truncate(MAX_REASONS);
        why.push(format!("and {more} more"));
    }
    Verdict::Wait { why }
}

/// The plan's refusals, and those that it would have without any flag.
fn refusals(plan: &Plan) -> Vec<Refusal> {
    let mut all = plan.refusals.clone();
    let is_protected = |key: &Key, all: &[Refusal]| {
        all.iter().any(|refusal| matches!(refusal, Refusal::Protected { key: protected } if protected == key))
    };
    let mut gone = BTreeSet::new();
    for change in plan.changes.iter().filter(|change| change.action == Action::Delete) {
        gone.extend(change.uid.filter(|_| change.key.kind == Kind::Project));
        let refusal = Refusal::Delete { key: change.key.clone() };
        if !is_protected(&change.key, &all) && !all.contains(&refusal) {
            all.push(refusal);
        }
    }
    for effect in &plan.effects {
        let DataEffect { consequence, subject, records, .. } = effect;
        let records = *records;
        all.extend(loses(effect).filter(|refusal| !plan.refusals.contains(refusal)));
        let refusal = match (subject, consequence) {
            (Subject::Entity { entity, .. }, Consequence::Rekey) => {
                Refusal::Rekey { entity: entity.clone(), records: effect.kept() }
            }
            // That a project goes says it of its entities.
            (Subject::Entity { project, entity }, Consequence::Drop) if !gone.contains(project) => {
                Refusal::Drop { entity: entity.clone(), records }
            }
            (Subject::Field { entity, field, .. }, _) => {
                Refusal::DropField { entity: entity.clone(), field: field.clone(), records }
            }
            _ => continue,
        };
        if !all.contains(&refusal) {
            all.push(refusal);
        }
    }
    all
}

fn refused(refusal: &Refusal) -> String {
    match refusal.flag() {
        Some(flag) => format!("{refusal}, which needs {flag}"),
        None => refusal.to_string(),
    }
}

/// What is to stand still waits with the rest: a plan is applied whole.
fn brake(change: &Change) -> String {
    let what = match change.key.kind {
        Kind::Integration => format!("`raccord pause {}` stops it at once", change.key.name),
        _ => "`raccord pause` of its integrations stops it at once".to_owned(),
    };
    format!("{} is not deactivated before that: {what}", change.key)
}

fn everything(change: &Change) -> String {
    format!("{} {}: every change waits", change.action.glyph(), change.key)
}

/// What a transfer goes through. Rows and values that go are refusals.
fn effect(effect: &DataEffect) -> Option<String> {
    let Subject::Transfer { name, .. } = &effect.subject else { return None };
    let about = match effect.records {
        Some(1) => " (≈1 record)".to_owned(),
        Some(count) => format!(" (≈{count} records)"),
        None => String::new(),
    };
    Some(match effect.consequence {
        Consequence::None | Consequence::Restart => return None,
        Consequence::Guard => format!("more deletions of transfer {name} are done without a person"),
        Consequence::Deletions => format!("transfer {name} begins or ceases to receive deletions"),
        Consequence::Remap => format!("transfer {name} reads everything again under new rules{about}"),
        Consequence::Reread | Consequence::Rekey | Consequence::DropField | Consequence::Drop => {
            format!("transfer {name} reads everything again{about}")
        }
    })
}

/// Fields whose class no policy of this kind takes although nothing that is known goes through anything: the
/// rows of a project's entity may be there all the same. What a source says concerns those alone that read it.
fn fields(change: &Change, policy: Policy) -> Vec<String> {
    let is_told = change.effects.iter().any(|effect| !policy.takes(effect.consequence));
    if is_told || change.key.kind == Kind::Source {
        return Vec::new();
    }
    let grave = change.fields.iter().filter(|field| !policy.takes(field.consequence));
    grave
        .map(|field| format!("{} {}: {}", change.key, field.path_text(), field.consequence.as_str()))
        .collect()
}

fn note(note: &Note, policy: Policy) -> Option<String> {
    match note {
        Note::RootMoves { from, to } => {
            Some(format!("data paths would lead from {to} and no longer from {from}"))
        }
        Note::StackNamed { stack } if policy == Policy::None => {
            Some(format!("the state would belong to stack {stack}"))
        }
        Note::StackNamed { .. }
        | Note::Resumes { .. }
        | Note::StaysTripped { .. }
        | Note::StaysPaused { .. }
        | Note::RenameIgnored { .. }
        | Note::DropsWaiting { .. }
        | Note::DeliveriesEnd { .. }
        | Note::WebhookMoves { .. }
        | Note::TableStays { .. }
        | Note::FolderStays { .. }
        | Note::FolderTaken { .. }
        | Note::ColumnStays { .. } => None,
    }
}
