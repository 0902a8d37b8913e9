//! The key of the vault: where it is read, and how it is made beside the state when there is none.
//!
//! It is read when something is first sealed or opened, and made only to seal the first secret of a state. A key that
//! is there is never replaced, and no message ever holds one.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use raccord_model::named_pipe::is_named_pipe;
use raccord_model::port::environment::Environment;
use raccord_model::port::vault::VaultError;
use secrecy::zeroize::Zeroizing;

/// Names the file that holds the key.
const KEY_FILE: &str = "RACCORD_KEY_FILE";

/// Holds the key itself.
const KEY: &str = "RACCORD_KEY";

/// How many bytes a key has.
const LENGTH: usize = 32;

/// The largest file that is taken for a key, in bytes.
const MAX_FILE: u64 = 1024;

/// What tells one key from another and gives neither away: the beginning of a digest made for this alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key, ready to be used. It is wiped from memory when it is dropped.
pub struct SealingKey {
    /// What tells it from others.
    pub id: KeyId,
    pub(crate) cipher: XChaCha20Poly1305,
}

impl SealingKey {
    /// The key of these bytes.
    pub fn new(bytes: &[u8; LENGTH]) -> Self {
        let digest = Zeroizing::new(blake3::derive_key("raccord 2026 identity of a vault key", bytes));
        let id = digest.first_chunk().copied().unwrap_or_default();
        Self { id: KeyId(id), cipher: XChaCha20Poly1305::new(bytes.into()) }
    }
}

/// Where the key is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// In the variable [`KEY`].
    Variable,
    /// In the file that [`KEY_FILE`] names.
    Named(PathBuf),
    /// In the file beside the state.
    Beside(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable => f.write_str(KEY),
            Self::Named(path) => write!(f, "{} ({KEY_FILE})", path.display()),
            Self::Beside(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Place {
    /// The error for a key that is of no use.
    fn unusable(&self, why: impl Into<String>) -> VaultError {
        VaultError::Key { place: self.to_string(), why: why.into() }
    }

    fn failed(&self, what: &str) -> impl Fn(io::Error) -> VaultError {
        move |error| self.unusable(format!("cannot be {what}: {error}"))
    }
}

/// Makes a file with a text, whole, for its owner alone; one that is there already is left as it is.
pub type MakeFile = fn(&Path, &str) -> io::Result<()>;

/// Finds the key, once.
pub struct Keyring {
    environment: Arc<dyn Environment>,
    /// The state's file, and what makes one beside it; none for a state that is no file.
    state: Option<(PathBuf, MakeFile)>,
    found: Mutex<Option<Arc<SealingKey>>>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("state", &self.state.as_ref().map(|(path, _)| path))
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// The key of a state that is a file: one may be made beside it.
    pub fn beside(environment: Arc<dyn Environment>, state: PathBuf, make: MakeFile) -> Self {
        Self { environment, state: Some((state, make)), found: Mutex::default() }
    }

    /// The key of a state that is no file: the environment alone says where it is.
    pub fn named(environment: Arc<dyn Environment>) -> Self {
        Self { environment, state: None, found: Mutex::default() }
    }

    /// What the key and its surroundings are read with.
    pub fn environment(&self) -> &dyn Environment {
        &*self.environment
    }

    /// The key that secrets are sealed with.
    ///
    /// # Errors
    /// When it is not there, or another one is.
    pub fn opening(&self, sealed_with: KeyId) -> Result<Arc<SealingKey>, VaultError> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.place()?;
        if found.is_none() {
            *found = self.read(&place)?.map(Arc::new);
        }
        match &*found {
            Some(key) if key.id == sealed_with => Ok(Arc::clone(key)),
            Some(key) => Err(VaultError::OtherKey {
                place: place.to_string(),
                sealed_with: sealed_with.to_string(),
                found: key.id.to_string(),
            }),
            None => Err(VaultError::NoKey { place: place.to_string(), sealed_with: sealed_with.to_string() }),
        }
    }

    /// A key to seal the first secret with; it is made when there is none.
    ///
    /// # Errors
    /// When it is of no use, or cannot be made.
    pub fn first(&self) -> Result<Arc<SealingKey>, VaultError> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &*found {
            return Ok(Arc::clone(key));
        }
        let place = self.place()?;
        let key = match self.read(&place)? {
            Some(key) => key,
            None => self.make(&place)?,
        };
        Ok(Arc::clone(found.insert(Arc::new(key))))
    }

    fn place(&self) -> Result<Place, VaultError> {
        let named = self.environment.variable(KEY_FILE);
        match (named, self.environment.variable(KEY).is_some(), &self.state) {
            (Some(_), true, _) => {
                Err(Place::Variable
                    .unusable(format!("and {KEY_FILE} are both set: only one of them can count")))
            }
            (Some(path), false, _) => Ok(Place::Named(PathBuf::from(path))),
            (None, true, _) => Ok(Place::Variable),
            (None, false, Some((state, _))) => Ok(Place::Beside(beside(state))),
            (None, false, None) => Err(Place::Variable.unusable(format!(
                "is not set, nor is {KEY_FILE}, and a state that is no file has no key beside it"
            ))),
        }
    }

    /// The key in a place; nothing where there is none beside the state. What was named must be there.
    fn read(&self, place: &Place) -> Result<Option<SealingKey>, VaultError> {
        if let Place::Named(path) = place
            && fs::metadata(path).is_ok_and(|metadata| is_named_pipe(path, metadata.file_type()))
        {
            return Err(place.unusable("is a named pipe, which may never have an end"));
        }
        let text = match place {
            Place::Variable => Zeroizing::new(self.environment.variable(KEY).unwrap_or_default()),
            Place::Named(path) | Place::Beside(path) => match File::open(path) {
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && matches!(place, Place::Beside(_)) =>
                {
                    return Ok(None);
                }
                opened => text_of(place, opened.map_err(place.failed("read"))?)?,
            },
        };
        let wrong = || place.unusable("is not a key: 32 bytes in base64, or as 64 hexadecimal digits");
        let bytes = parse(text.trim_ascii()).ok_or_else(wrong)?;
        Ok(Some(SealingKey::new(&bytes)))
    }

    /// Makes a key beside the state. One that is there meanwhile stands.
    fn make(&self, place: &Place) -> Result<SealingKey, VaultError> {
        let (Place::Beside(path), Some((_, make))) = (place, &self.state) else {
            return Err(place.unusable("is not there"));
        };
        let bytes = Zeroizing::new(self.environment.random()?);
        let text = Zeroizing::new(STANDARD.encode(bytes.as_slice()) + "\n");
        make(path, &text).map_err(place.failed("made"))?;
        self.read(place)?.ok_or_else(|| place.unusable("went away while it was made"))
    }
}

/// The name of the key beside a state.
fn beside(state: &Path) -> PathBuf {
    let mut name = OsString::from(state);
    name.push(".key");
    PathBuf::from(name)
}

/// What a file of a key says. The one beside the state is Raccord's own, and other users may not be able to read it.
/// One that was named is the operator's: containers mount secrets so that every user inside may read them.
fn text_of(place: &Place, file: File) -> Result<Zeroizing<String>, VaultError> {
    #[cfg(unix)]
    if matches!(place, Place::Beside(_)) {
        let metadata = file.metadata().map_err(place.failed("read"))?;
        let mode = std::os::unix::fs::MetadataExt::mode(&metadata) & 0o777;
        if mode & 0o077 != 0 {
            return Err(place.unusable(format!("may be used by others (mode {mode:03o}): `chmod 600` it")));
        }
    }
    let mut text = Zeroizing::new(String::new());
    match file.take(MAX_FILE).read_to_string(&mut text) {
        Err(error) if error.kind() != io::ErrorKind::InvalidData => Err(place.failed("read")(error)),
        // What is no text is no key, and is told like any other that is none.
        _ => Ok(text),
    }
}

/// The bytes of a key that is written as text.
fn parse(text: &str) -> Option<Zeroizing<[u8; LENGTH]>> {
    let bytes = if text.len() == 2 * LENGTH {
        Zeroizing::new(HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?)
    } else {
        let engine = if text.contains(['-', '_']) { URL_SAFE_NO_PAD } else { STANDARD_NO_PAD };
        Zeroizing::new(engine.decode(text.trim_end_matches('=')).ok()?)
    };
    let mut key = Zeroizing::new([0; LENGTH]);
    (bytes.len() == LENGTH).then(|| key.copy_from_slice(&bytes))?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_in_base64_or_hexadecimal() {
        let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 8 + 7).unwrap());
        let standard = STANDARD.encode(bytes);
        let hexadecimal = HEXLOWER.encode(&bytes);
        for good in [
            standard.clone(),
            STANDARD_NO_PAD.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
            hexadecimal.clone(),
            hexadecimal.to_uppercase(),
        ] {
            assert_eq!(parse(&good).as_deref(), Some(&bytes), "{good}");
        }
        let not_a_digit = hexadecimal.replace("07", "0g");
        for bad in ["", "secret", &standard[1..], &hexadecimal[2..], &not_a_digit, &STANDARD.encode([1; 48])]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_identity_of_a_key_is_its_own_and_stays() {
        let id = |byte| SealingKey::new(&[byte; 32]).id.to_string();
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
        assert_eq!(id(1).len(), 16);
    }
}
