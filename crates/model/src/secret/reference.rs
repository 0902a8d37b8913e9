//! One reference to a secret: what may be written, and what it says. Nothing is resolved here.

use std::fmt;
use std::str::FromStr;

use super::SECRET_MARKER;

/// Where a secret is read when a run needs it: `${env:NAME}`, `${file:PATH}`, `${vault:PATH#KEY}` or
/// `${cmd:PROGRAM ARG…}`.
///
/// ```
/// use raccord_model::secret::{NotAReference, SecretRef};
///
/// let reference: SecretRef = "${env:SHOP_TOKEN}".parse()?;
/// assert_eq!(reference, SecretRef::Env("SHOP_TOKEN".to_owned()));
/// assert_eq!(reference.to_string(), "${env:SHOP_TOKEN}");
/// // What is no reference may be the secret itself, so the error does not repeat it.
/// assert_eq!("hunter2".parse::<SecretRef>(), Err(NotAReference::Text));
/// # Ok::<(), NotAReference>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// An environment variable of the process that runs.
    Env(String),
    /// A file readable where runs happen; its content without the final line end.
    File(String),
    /// One entry of a secret in a vault that speaks the protocol of engine KV, version 2.
    Vault(VaultRef),
    /// What a program writes to its standard output, without the final line end.
    Command(CommandRef),
}

impl SecretRef {
    /// Whether another process or another machine has to be asked, which takes a while.
    pub const fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Vault(_) | Self::Command(_))
    }
}

/// One entry of a secret in a KV engine, version 2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultRef {
    path: String,
    key: String,
}

impl VaultRef {
    /// Where the engine is mounted: the first part of the path, in which `%2F` is a slash.
    pub fn mount(&self) -> String {
        let mount = self.path.split_once('/').map_or(self.path.as_str(), |(mount, _)| mount);
        mount.replace("%2F", "/").replace("%2f", "/")
    }

    /// The path of the secret below the mount.
    pub fn secret(&self) -> &str {
        self.path.split_once('/').map_or("", |(_, secret)| secret)
    }

    /// The entry of the secret.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// A program with its arguments, which no shell sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandRef(String);

impl CommandRef {
    /// The program: a name that is looked up in `PATH`, or a path.
    pub fn program(&self) -> &str {
        self.0.split_ascii_whitespace().next().unwrap_or_default()
    }

    /// Its arguments, which spaces part from each other.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace().skip(1)
    }
}

/// A text in a secret field that is not a reference. The text is not repeated: it may be the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReference {
    /// It does not look like one.
    #[error("only a reference to a secret may stand here")]
    Text,
    /// It begins like one and is written wrongly.
    #[error("`${{{sort}:…}}` {why}")]
    Malformed {
        /// The word before its colon.
        sort: &'static str,
        /// What is wrong, to stand after the reference.
        why: &'static str,
    },
}

impl NotAReference {
    /// What to write instead.
    pub fn help(self) -> &'static str {
        match self {
            Self::Malformed { sort: "vault", .. } => {
                "write ${vault:MOUNT/PATH#KEY}, for example ${vault:secret/crm#token}"
            }
            Self::Malformed { sort: "cmd", .. } => {
                "write ${cmd:PROGRAM ARGUMENT…}, for example ${cmd:pass show crm/token}; what needs a shell belongs into a \
                 script"
            }
            Self::Malformed { sort: "sops", .. } => {
                "write ${cmd:sops decrypt --extract [\"KEY\"] FILE}, and have the host allow the program `sops`"
            }
            Self::Text | Self::Malformed { .. } => {
                "write ${env:NAME} or ${file:PATH}; the value itself never belongs in YAML"
            }
        }
    }
}

/// What reads a text after the colon, and says what is wrong with it.
type Reading = fn(&str) -> Result<SecretRef, &'static str>;

/// What is written before the colon, and read after it.
const SORTS: [(&str, Reading); 5] = [
    ("env", |name| {
        let reference = is_variable_name(name).then(|| SecretRef::Env(name.to_owned()));
        reference.ok_or("has a name that no variable can have")
    }),
    ("file", |path| {
        let reference = (!path.is_empty()).then(|| SecretRef::File(path.to_owned()));
        reference.ok_or("names no file")
    }),
    ("vault", |text| vault(text).map(SecretRef::Vault)),
    ("cmd", |text| command(text).map(SecretRef::Command)),
    ("sops", |_| Err("is not a reference: the program `sops` decrypts its files")),
];

impl FromStr for SecretRef {
    type Err = NotAReference;
    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let (word, rest) = inner.and_then(|inner| inner.split_once(':')).ok_or(NotAReference::Text)?;
        let known = SORTS.into_iter().find(|(sort, _)| *sort == word).ok_or(NotAReference::Text)?;
        if rest.contains(['}', '$']) || rest.chars().any(char::is_control) {
            return Err(NotAReference::Text);
        }
        let (sort, read) = known;
        read(rest).map_err(|why| NotAReference::Malformed { sort, why })
    }
}

fn vault(text: &str) -> Result<VaultRef, &'static str> {
    let (path, key) = text.split_once('#').ok_or("has no `#KEY`: which entry of the secret is meant?")?;
    if key.is_empty() {
        return Err("has nothing after `#`: which entry of the secret is meant?");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("has a path with an empty part, or one of dots alone");
    }
    if !path.contains('/') {
        return Err("names the mount alone: which secret of it is meant?");
    }
    Ok(VaultRef { path: path.to_owned(), key: key.to_owned() })
}

fn command(text: &str) -> Result<CommandRef, &'static str> {
    if text.is_empty() || text.trim() != text {
        return Err("begins or ends with a space, or names no program");
    }
    if text.split_ascii_whitespace().any(is_for_a_shell) {
        return Err("is written for a shell: no quotes, pipes or redirections are read");
    }
    Ok(CommandRef(text.to_owned()))
}

/// Whether an argument only makes sense to a shell.
fn is_for_a_shell(argument: &str) -> bool {
    argument.starts_with(['"', '\'', '`', '|', ';', '<', '>', '&'])
        || argument.ends_with(['"', '\'', '`', ';'])
}

/// Whether a text can name a variable: a letter or `_`, then letters, digits and `_`.
pub fn is_variable_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "${{env:{name}}}"),
            Self::File(path) => write!(f, "${{file:{path}}}"),
            Self::Vault(VaultRef { path, key }) => write!(f, "${{vault:{path}#{key}}}"),
            Self::Command(CommandRef(text)) => write!(f, "${{cmd:{text}}}"),
        }
    }
}

impl<'de> serde::Deserialize<'de> for SecretRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reference;
        impl<'de> serde::de::Visitor<'de> for Reference {
            type Value = SecretRef;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reference to a secret, ${env:NAME} or ${file:PATH}")
            }
            fn visit_newtype_struct<D: serde::Deserializer<'de>>(
                self,
                inner: D,
            ) -> Result<SecretRef, D::Error> {
                inner.deserialize_str(self)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretRef, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_newtype_struct(SECRET_MARKER, Reference)
    }
}

impl serde::Serialize for SecretRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for SecretRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern":
                "^\\$\\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^}$]+|vault:[^}$#/]+(/[^}$#/]+)+#[^}$]+|cmd:[^}$ ]([^}$]*[^}$ ])?)\\}$",
            "description": "A reference to a secret: ${env:NAME}, ${file:PATH}, ${vault:MOUNT/PATH#KEY}, or ${cmd:PROGRAM ARGUMENT…} where the host allows the program."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_reference_is_one() {
        for good in [
            "${env:TOKEN}",
            "${file:/run/secrets/token}",
            "${vault:secret/crm#token}",
            "${vault:team%2Fkv/shops/eu/boutique#api key}",
            "${cmd:pass show crm/token}",
            "${cmd:sops decrypt --extract [\"crm\"][\"token\"] secrets.yaml}",
            "${cmd:/usr/local/bin/secret}",
        ] {
            assert_eq!(good.parse::<SecretRef>().unwrap().to_string(), good);
        }
        for bad in ["hunter2", "Bearer ${env:T}", "${var:X}", "${file:a}b}", "${cmd:a\nb}", "${env:$X}"] {
            assert_eq!(bad.parse::<SecretRef>(), Err(NotAReference::Text), "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_reference_is_said_without_repeating_it() {
        for (bad, expected) in [
            ("${env:}", "no variable can have"),
            ("${env:hunter 2}", "no variable can have"),
            ("${file:}", "names no file"),
            ("${vault:secret/hunter2}", "has no `#KEY`"),
            ("${vault:secret/hunter2#}", "nothing after `#`"),
            ("${vault:hunter2#token}", "names the mount alone"),
            ("${vault:secret//hunter2#token}", "empty part"),
            ("${vault:secret/../hunter2#token}", "empty part"),
            ("${cmd:}", "names no program"),
            ("${cmd: hunter2}", "names no program"),
            ("${cmd:sh -c 'echo hunter2'}", "written for a shell"),
            ("${cmd:cat hunter2 | head}", "written for a shell"),
            ("${sops:hunter2#a}", "program `sops`"),
        ] {
            let error = bad.parse::<SecretRef>().unwrap_err();
            let said = error.to_string();
            assert!(said.contains(expected) && !said.contains("hunter2"), "{bad}: {said}");
            assert!(!error.help().is_empty());
        }
    }

    #[test]
    fn a_reference_says_what_is_read() {
        let Ok(SecretRef::Vault(vault)) = "${vault:team%2Fkv/a/b#k#1}".parse() else { panic!() };
        assert_eq!((&*vault.mount(), vault.secret(), vault.key()), ("team/kv", "a/b", "k#1"));
        let Ok(SecretRef::Command(command)) = "${cmd:op read  op://v/i/f}".parse() else { panic!() };
        assert_eq!(command.program(), "op");
        assert_eq!(command.arguments().collect::<Vec<_>>(), ["read", "op://v/i/f"]);
    }
}
