//! Sessions: how one begins, is recognised and ends. The browser holds 32 random bytes; the state keeps their digest alone,
//! and who is signed in. What the person may do is looked up at each request, so a session ends with its token.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use raccord_model::fact::{Role, Session, SignedIn, Token};
use raccord_model::port::state::{Scan, StateError, Table, Write};
use raccord_run::facts::{Facts, put};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::openid::OpenId;

/// How long a session lasts in which nothing is asked for.
pub(crate) const IDLE: SignedDuration = SignedDuration::from_mins(30);

/// How long a session lasts at the most.
pub(crate) const ABSOLUTE: SignedDuration = SignedDuration::from_hours(12);

/// How many sessions are kept; when there are more, those that were used longest ago end.
const MOST: usize = 1_000;

/// How exact the last use is: no request within it writes.
const COARSE: SignedDuration = SignedDuration::from_mins(1);

/// The longest part of a name that is shown, in characters.
const LONGEST: usize = 255;

/// How many random bytes an id holds.
pub(super) const RANDOM_BYTES: usize = 32;

/// How many characters they have in base64 without padding.
const CHARACTERS: usize = 43;

/// The id of a session: who has it, is signed in.
pub(super) struct SessionId(SecretString);

impl SessionId {
    /// The id that is made of random bytes.
    pub(super) fn of(bytes: &[u8; RANDOM_BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// A text that has the form of an id.
    pub(super) fn read(text: &str) -> Option<Self> {
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (text.len() == CHARACTERS && text.bytes().all(is_ours)).then(|| Self(text.into()))
    }

    /// The id itself, for the cookie.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Under what the session is kept.
    fn digest(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.expose().as_bytes()))
    }

    /// What every form of the session carries. It follows from the id, which no other site can read.
    pub(super) fn csrf(&self) -> String {
        let digest = Sha256::new().chain_update("raccord csrf ").chain_update(self.expose()).finalize();
        URL_SAFE_NO_PAD.encode(digest)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

/// Whether a form carries what its session's forms carry, compared in constant time.
pub(super) fn is_same(expected: &str, sent: &str) -> bool {
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(sent.as_bytes()))
}

/// Keeps a new session, and takes away those that are over.
pub(super) async fn begin(
    facts: &Facts,
    id: &SessionId,
    who: SignedIn,
    now: Timestamp,
) -> Result<(), StateError> {
    let kept = facts.scan::<Session>(Table::Sessions, Scan::default()).await?;
    let mut writes: Vec<Write> =
        surplus(kept, now).into_iter().map(|key| Write::Remove(Table::Sessions, key)).collect();
    writes.push(put(Table::Sessions, &id.digest(), &Session { who, created: now, seen: now })?);
    facts.commit(writes).await
}

/// Which sessions go when another begins: those that are over, and of too many those that were used longest ago.
fn surplus(kept: Vec<(String, Session)>, now: Timestamp) -> Vec<String> {
    let (over, mut alive): (Vec<_>, Vec<_>) =
        kept.into_iter().partition(|(_, session)| is_over(session, now));
    alive.sort_by_key(|(_, session)| session.seen);
    let many = (alive.len() + 1).saturating_sub(MOST);
    over.into_iter().chain(alive.into_iter().take(many)).map(|(key, _)| key).collect()
}

/// Whether the time of a session is over.
fn is_over(session: &Session, now: Timestamp) -> bool {
    session.seen.duration_until(now) >= IDLE || session.created.duration_until(now) >= ABSOLUTE
}

/// Who is signed in, and what they may do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// As the audit log names them.
    pub(super) name: String,
    /// Never none: a session ends with the last role.
    pub(super) roles: BTreeSet<Role>,
}

impl From<Token> for Person {
    fn from(token: Token) -> Self {
        Self { name: format!("{} (token)", token.name), roles: token.roles }
    }
}

/// A person whom a provider of OpenID Connect knows, as the audit log names them: what the issuer calls them is theirs for
/// ever, and what people call them may change.
pub(super) fn known_as(name: &str, subject: &str) -> String {
    let subject: String = subject.chars().filter(|character| !character.is_control()).take(LONGEST).collect();
    if name == subject { format!("{name} (openid)") } else { format!("{name} (openid {subject})") }
}

/// Who is in a session, unless it is over or what it rests on is. `is_person` is whether a person asked, and not a page that
/// looks by itself whether anything has changed: that keeps no session alive.
pub(super) async fn find(
    (facts, openid): (&Facts, Option<&OpenId>),
    id: &SessionId,
    (now, is_person): (Timestamp, bool),
) -> Result<Option<Person>, StateError> {
    let key = id.digest();
    let Some(session) = facts.get::<Session>(Table::Sessions, &key).await? else { return Ok(None) };
    if is_over(&session, now) {
        return Ok(None);
    }
    let person = match &session.who {
        SignedIn::Token { name, sha256 } => {
            let token = facts.get::<Token>(Table::Tokens, name.as_str()).await?;
            token.filter(|token| token.sha256 == *sha256 && !token.is_expired(now)).map(Person::from)
        }
        SignedIn::OpenId { issuer, client, subject, name, groups } => {
            let openid = openid.filter(|openid| openid.is_of(issuer, client));
            let roles = openid.map(|openid| openid.roles_of(groups)).unwrap_or_default();
            (!roles.is_empty()).then(|| Person { name: known_as(name, subject), roles })
        }
    };
    let Some(person) = person else { return Ok(None) };
    if is_person && session.seen.duration_until(now) >= COARSE {
        touch(facts, &key, now).await;
    }
    Ok(Some(person))
}

/// Remembers the use of a session, unless it has ended meanwhile.
async fn touch(facts: &Facts, key: &str, now: Timestamp) {
    let mut transaction = facts.transaction();
    let touched = async {
        let Some(session) = transaction.get::<Session>(Table::Sessions, key).await? else { return Ok(()) };
        transaction.put(Table::Sessions, &key, &Session { seen: now, ..session })?;
        transaction.commit().await
    };
    match touched.await {
        // Another request of the session has written it.
        Ok(()) | Err(StateError::FactConflict { .. }) => {}
        // A disk that is full must not keep people from looking.
        Err(error) => tracing::warn!(%error, "the use of a session could not be written down"),
    }
}

/// Ends a session.
pub(super) async fn end(facts: &Facts, id: &SessionId) -> Result<(), StateError> {
    facts.commit(vec![Write::Remove(Table::Sessions, id.digest())]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    fn session(created: i64, seen: i64) -> Session {
        let who = SignedIn::Token { name: "ann".parse().unwrap(), sha256: String::new() };
        Session { who, created: at(created), seen: at(seen) }
    }

    #[test]
    fn a_session_ends_idle_or_old() {
        let check = |created, seen, now, expected| {
            assert_eq!(is_over(&session(created, seen), at(now)), expected, "{created} {seen} {now}");
        };
        check(0, 0, 29, false);
        check(0, 0, 30, true);
        check(0, 700, 719, false);
        check(0, 719, 720, true);
    }

    #[test]
    fn what_is_over_goes_and_of_too_many_the_oldest() {
        let few = vec![("a".to_owned(), session(0, 0)), ("b".to_owned(), session(0, 20))];
        assert_eq!(surplus(few, at(40)), ["a"]);
        let many =
            (0..MOST + 2).map(|number| (number.to_string(), session(0, if number == 7 { 1 } else { 2 })));
        let gone = surplus(many.collect(), at(3));
        assert!(gone.len() == 3 && gone[0] == "7", "{gone:?}");
    }

    #[test]
    fn an_id_is_recognised_by_its_form_and_never_shown() {
        let id = SessionId::of(&[7; RANDOM_BYTES]);
        assert!(SessionId::read(id.expose()).is_some());
        for text in ["", "short", &id.expose()[1..], &id.expose().replace('B', "=")] {
            assert!(SessionId::read(text).is_none(), "{text}");
        }
        assert!(!format!("{id:?}").contains(id.expose()) && !id.csrf().contains(id.expose()));
        assert!(is_same(&id.csrf(), &id.csrf()) && !is_same(&id.csrf(), "") && !is_same("", ""));
    }
}
