//! How all Authorizations stand, for pages that ask it at each opening: what the vault has is listed, and only what is new
//! there is opened. It remembers when tokens were issued and until when they count, and never a token.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use raccord_model::fact::Uid;
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::authorization::OAuth2;
use raccord_model::port::Cause;
use raccord_model::port::authorization::{Agreement, Standing};
use raccord_model::port::source::SourceError;
use raccord_model::port::state::Head;
use raccord_model::port::vault::Revision;
use raccord_model::{Desired, Kind, Name, Spec};

use super::custody::Custody;
use super::tokens::{Tokens, binding};

/// What was read of late.
#[derive(Default)]
pub(super) struct Remembered {
    /// The identities of the Authorizations, with the head under which they had them.
    uids: Mutex<Option<(Head, BTreeMap<Name, Uid>)>>,
    /// What the tokens of each are, by their revision; nothing of a secret that is none of ours.
    read: Mutex<BTreeMap<Uid, (Revision, Option<About>)>>,
}

/// What may be said of tokens.
#[derive(Clone)]
struct About {
    binding: String,
    state: Agreement,
    since: Timestamp,
    expires: Option<Timestamp>,
    renews: bool,
}

impl From<&Tokens> for About {
    fn from(tokens: &Tokens) -> Self {
        Self {
            binding: tokens.binding.clone(),
            state: if tokens.revoked.is_some() { Agreement::Revoked } else { Agreement::Granted },
            since: tokens.since,
            expires: tokens.expires,
            renews: tokens.refresh.is_some(),
        }
    }
}

impl About {
    fn standing(self, name: &Name) -> Standing {
        let Self { state, since, expires, renews, .. } = self;
        Standing { name: name.clone(), state, since: Some(since), expires, renews }
    }
}

/// How an agreement stands of which there are these tokens.
pub(super) fn granted(name: &Name, tokens: &Tokens) -> Standing {
    About::from(tokens).standing(name)
}

/// How one stands of which there are none.
fn unknown(name: &Name, oauth: &OAuth2) -> Standing {
    let state = if oauth.grant.needs_person() { Agreement::Waiting } else { Agreement::Unasked };
    Standing { name: name.clone(), state, since: None, expires: None, renews: false }
}

impl Remembered {
    /// How the Authorizations of a configuration stand that have tokens, by name.
    pub(super) async fn of(
        &self,
        desired: &Desired,
        custody: &Custody,
    ) -> Result<Vec<Standing>, SourceError> {
        let oauth = desired.resources.iter().filter_map(|(key, wanted)| match &wanted.resource.spec {
            Spec::Authorization(AuthorizationSpec::OAuth2(oauth)) => Some((&key.name, oauth.as_ref())),
            _ => None,
        });
        let oauth: Vec<(&Name, &OAuth2)> = oauth.collect();
        let Some((first, _)) = oauth.first() else { return Ok(Vec::new()) };
        let uids = self.uids(custody).await.map_err(|source| failed(first, source))?;
        let listed = custody.vault.list().await.map_err(|error| failed(first, error.into()))?;
        let revisions: BTreeMap<Uid, Revision> =
            listed.into_iter().map(|info| (info.authorization, info.revision)).collect();
        lock(&self.read).retain(|uid, _| revisions.contains_key(uid));
        let mut standings = Vec::new();
        for (name, oauth) in oauth {
            let uid = uids.get(name).copied();
            let about = match uid.and_then(|uid| Some((uid, *revisions.get(&uid)?))) {
                Some(which) => self.about(custody, name, which).await?,
                None => None,
            };
            let about = about.filter(|about| about.binding == binding(oauth));
            standings.push(about.map_or_else(|| unknown(name, oauth), |about| about.standing(name)));
        }
        Ok(standings)
    }

    /// The identities of the Authorizations. They change with the generation alone.
    async fn uids(&self, custody: &Custody) -> Result<BTreeMap<Name, Uid>, Cause> {
        let head = custody.state.head().await?;
        if let Some((_, uids)) = lock(&self.uids).as_ref().filter(|(known, _)| *known == head) {
            return Ok(uids.clone());
        }
        let index = custody.state.index().await?;
        let own = index.into_iter().filter(|(key, _)| key.kind == Kind::Authorization);
        let uids: BTreeMap<Name, Uid> = own.map(|(key, entry)| (key.name, entry.uid)).collect();
        *lock(&self.uids) = Some((head, uids.clone()));
        Ok(uids)
    }

    /// What the tokens of an Authorization are.
    async fn about(
        &self,
        custody: &Custody,
        name: &Name,
        (uid, revision): (Uid, Revision),
    ) -> Result<Option<About>, SourceError> {
        if let Some((_, about)) = lock(&self.read).get(&uid).filter(|(known, _)| *known == revision) {
            return Ok(about.clone());
        }
        let kept = custody.vault.get(uid).await.map_err(|error| failed(name, error.into()))?;
        let Some(kept) = kept else { return Ok(None) };
        let about = Tokens::of_secret(&kept.secret).as_ref().map(About::from);
        lock(&self.read).insert(uid, (kept.revision, about.clone()));
        Ok(about)
    }
}

fn failed(name: &Name, source: Cause) -> SourceError {
    SourceError::Custody { authorization: name.to_string(), source }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
