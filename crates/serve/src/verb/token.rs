//! Tokens of the HTTP API: made, listed and revoked on the machine of the state. Whether one is right, `http` asks here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use raccord_model::Name;
use raccord_model::fact::{Role, Token, TokenUse};
use raccord_model::port::state::{Scan, StateError, Table, Write};
use serde::Deserialize;

use crate::reply::{Replies, RequestError};
use crate::request::{NewToken, Reply, TokenView};
use crate::token::{MAX_TOKENS, TokenText};
use raccord_run::Ports;
use raccord_run::Unknown;
use raccord_run::facts::{Facts, Retries, Transaction, put};

/// What stands after the name in the key of a token's last use. No name holds a slash.
const USE: &str = "/use";

/// How exact the last use is.
const COARSE: SignedDuration = SignedDuration::from_hours(1);

/// Makes a token. Its text is in the answer, and nowhere else ever.
pub async fn create(
    ports: &Ports,
    name: Name,
    roles: BTreeSet<Role>,
    expires: Option<Timestamp>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let now = ports.environment.now();
    if roles.is_empty() {
        return Err(RequestError::Invalid("a token without a role allows nothing".to_owned()));
    }
    if let Some(expires) = expires.filter(|expires| *expires <= now) {
        return Err(RequestError::Invalid(format!("{expires} is over: the token would be refused")));
    }
    let text = TokenText::of(&ports.environment.random()?);
    let token = Token { name, roles, sha256: text.sha256(), created: now, expires };
    let mut retries = Retries::default();
    loop {
        let mut transaction = ports.facts().transaction();
        add(&ports.facts(), &token, &mut transaction).await?;
        if retries.settle(transaction.commit().await)? {
            replies(Reply::NewToken(NewToken { token: text, view: view(token, None) }));
            return Ok(());
        }
    }
}

/// Adds a token to those that are there, unless there is one of its name, or no more room.
async fn add(facts: &Facts, token: &Token, transaction: &mut Transaction) -> Result<(), RequestError> {
    let name = &token.name;
    if transaction.get::<Token>(Table::Tokens, name.as_str()).await?.is_some() {
        return Err(RequestError::Invalid(format!(
            "there is a token `{name}` already; `raccord token revoke {name}` takes it away"
        )));
    }
    if tokens(facts).await?.len() >= MAX_TOKENS {
        return Err(RequestError::Invalid(format!("there are {MAX_TOKENS} tokens; revoke one first")));
    }
    transaction.remove(Table::Tokens, format!("{name}{USE}"));
    Ok(transaction.put(Table::Tokens, name, token)?)
}

/// Every token, by name, with its last use.
pub async fn list(ports: &Ports, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let facts = ports.facts();
    let uses = uses(&facts).await?;
    for token in tokens(&facts).await? {
        let last = uses.get(token.name.as_str()).copied();
        replies(Reply::Token(view(token, last)));
    }
    Ok(())
}

/// Takes a token away; it is refused from now on.
pub async fn revoke(ports: &Ports, name: &Name, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let facts = ports.facts();
    if facts.get::<Token>(Table::Tokens, name.as_str()).await?.is_none() {
        return Err(RequestError::Unknown(Unknown {
            kind: "token",
            name: name.to_string(),
            hint: "; `raccord token list` shows them".to_owned(),
        }));
    }
    let gone = |key: String| Write::Remove(Table::Tokens, key);
    facts.commit(vec![gone(name.to_string()), gone(format!("{name}{USE}"))]).await?;
    replies(Reply::Done(format!("the token {name} is revoked")));
    Ok(())
}

/// What a text is.
#[derive(Debug)]
pub enum Verified {
    /// A token that is right.
    Right(Token),
    /// A token whose time is over.
    Expired(Token),
    /// Nothing that is known.
    Unknown,
}

/// Whether a text is a token that is right. Its use is remembered, to the hour.
pub async fn verify(facts: &Facts, text: &TokenText, now: Timestamp) -> Result<Verified, StateError> {
    let token = match text.find(tokens(facts).await?) {
        Some(token) if token.is_expired(now) => return Ok(Verified::Expired(token)),
        Some(token) => token,
        None => return Ok(Verified::Unknown),
    };
    if let Err(error) = remember(facts, &token.name, now).await {
        // A disk that is full must not keep people from looking.
        tracing::warn!(%error, "the use of a token could not be written down");
    }
    Ok(Verified::Right(token))
}

async fn remember(facts: &Facts, name: &Name, now: Timestamp) -> Result<(), StateError> {
    let key = format!("{name}{USE}");
    let known = facts.get::<TokenUse>(Table::Tokens, &key).await?;
    if known.is_none_or(|known| known.at.duration_until(now) >= COARSE) {
        facts.commit(vec![put(Table::Tokens, &key, &TokenUse { at: now })?]).await?;
    }
    Ok(())
}

/// What the table of tokens holds: tokens, and beside each its last use.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Token(Token),
    Use(TokenUse),
}

async fn tokens(facts: &Facts) -> Result<Vec<Token>, StateError> {
    let kept = facts.scan(Table::Tokens, Scan::default()).await?.into_iter();
    Ok(kept.filter_map(|(_, kept)| if let Kept::Token(token) = kept { Some(token) } else { None }).collect())
}

async fn uses(facts: &Facts) -> Result<BTreeMap<String, Timestamp>, StateError> {
    let kept = facts.scan(Table::Tokens, Scan::default()).await?.into_iter();
    let used = |(key, kept): (String, Kept)| {
        let Kept::Use(TokenUse { at }) = kept else { return None };
        Some((key.strip_suffix(USE)?.to_owned(), at))
    };
    Ok(kept.filter_map(used).collect())
}

fn view(token: Token, used: Option<Timestamp>) -> TokenView {
    let Token { name, roles, created, expires, .. } = token;
    TokenView { name, roles, created, expires, used }
}
