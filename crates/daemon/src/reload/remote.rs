//! A branch of a repository elsewhere: `URL#branch`. What the URL may hold of secrets never gets into a message.

use std::fmt;
use std::str::FromStr;

/// What stands for a secret.
const MASK: &str = "***";

/// A repository and its branch.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    url: String,
    branch: Option<String>,
}

/// Why a text names no branch of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// Not a URL of a kind that is fetched.
    #[error(
        "this is not the URL of a repository: write https://HOST/PATH#BRANCH, ssh://HOST/PATH#BRANCH, \
         USER@HOST:PATH#BRANCH or file:///PATH#BRANCH"
    )]
    Url,
    /// No branch can have this name.
    #[error("`{0}` cannot be the name of a branch")]
    Branch(String),
}

impl Remote {
    /// The URL as git needs it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What is fetched: the branch, or whatever the repository shows first.
    pub(super) fn reference(&self) -> String {
        self.branch.as_ref().map_or_else(|| "HEAD".to_owned(), |branch| format!("refs/heads/{branch}"))
    }

    /// The text without what the URL holds of secrets, in whatever URL they stand.
    pub(super) fn mask(&self, text: &str) -> String {
        let mut masked = text.replace(&self.url, &shown(&self.url));
        for secret in secrets(&self.url) {
            masked = masked.replace(&secret, MASK);
        }
        let mut rest = masked.as_str();
        let mut whole = String::with_capacity(masked.len());
        // git follows redirections, and may name a URL that we did not.
        while let Some(at) = rest.find("://") {
            let (before, after) = rest.split_at(at + "://".len());
            let authority = after.find(ends_authority).unwrap_or(after.len());
            let end = after[..authority].rfind('@').unwrap_or(0);
            whole.push_str(before);
            whole.push_str(if end > 0 && !is_plain_user(before, &after[..end]) {
                MASK
            } else {
                &after[..end]
            });
            rest = &after[end..];
        }
        whole.push_str(rest);
        whole
    }
}

const fn ends_authority(c: char) -> bool {
    matches!(c, '/' | '?' | '#' | '\'' | '"') || c.is_ascii_whitespace()
}

/// The user of an ssh URL is no secret; a password is, and so is whatever proves who we are over https.
fn is_plain_user(scheme: &str, userinfo: &str) -> bool {
    scheme.ends_with("ssh://") && !userinfo.contains(':')
}

/// The parts of a URL that are not to be shown, as they are written and as they are meant.
fn secrets(url: &str) -> Vec<String> {
    let mut found = Vec::new();
    let Some((scheme, rest)) = url.split_once("://") else { return found };
    let authority = rest.find(ends_authority).unwrap_or(rest.len());
    if let Some((userinfo, _)) = rest[..authority].rsplit_once('@')
        && !is_plain_user(&format!("{scheme}://"), userinfo)
    {
        found.push(userinfo.split_once(':').map_or(userinfo, |(_, password)| password).to_owned());
    }
    found.extend(url.split_once('?').map(|(_, query)| query.to_owned()));
    let meant: Vec<String> = found.iter().map(|secret| decoded(secret)).collect();
    found.extend(meant);
    found.retain(|secret| !secret.is_empty());
    found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    found.dedup();
    found
}

/// A text with its percent-encoded bytes.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = &after[if code.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A URL for people.
fn shown(url: &str) -> String {
    let url = url.split_once('?').map_or_else(|| url.to_owned(), |(before, _)| format!("{before}?{MASK}"));
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    let authority = rest.find(ends_authority).unwrap_or(rest.len());
    match rest[..authority].rsplit_once('@') {
        Some((userinfo, _)) if !is_plain_user(&format!("{scheme}://"), userinfo) => {
            format!("{scheme}://{MASK}@{}", &rest[userinfo.len() + 1..])
        }
        _ => url,
    }
}

impl FromStr for Remote {
    type Err = RemoteError;

    fn from_str(text: &str) -> Result<Self, RemoteError> {
        let (url, branch) = text.rsplit_once('#').map_or((text, None), |(url, branch)| (url, Some(branch)));
        if url.chars().any(|c| c.is_whitespace() || c.is_control()) || !is_fetched(url) {
            return Err(RemoteError::Url);
        }
        match branch {
            Some(branch) if !is_branch(branch) => Err(RemoteError::Branch(branch.to_owned())),
            _ => Ok(Self { url: url.to_owned(), branch: branch.map(str::to_owned) }),
        }
    }
}

/// Whether a URL is one of https, ssh or file: nothing that runs a program, nothing that anybody can forge.
fn is_fetched(url: &str) -> bool {
    let names_host = |rest: &str| {
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        !host.is_empty() && !host.starts_with(['-', '/', ':'])
    };
    match url.split_once("://") {
        Some(("https" | "ssh", rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            names_host(authority) && !path.is_empty()
        }
        Some(("file", rest)) => rest.starts_with('/') && rest.len() > 1,
        Some(_) => false,
        None => url.split_once(':').is_some_and(|(host, path)| {
            // `ext::…` names a program.
            !path.is_empty()
                && !path.starts_with(':')
                && !host.contains('/')
                && !url.starts_with('-')
                && names_host(host)
        }),
    }
}

/// Whether git could have a branch of this name.
fn is_branch(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && Some("lock") != part.rsplit_once('.').map(|(_, extension)| extension)
    };
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && !name.contains(is_bad)
        && name.split('/').all(is_part)
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.url))?;
        self.branch.as_ref().map_or(Ok(()), |branch| write!(f, "#{branch}"))
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({self})")
    }
}
