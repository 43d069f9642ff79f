//! Where a secret of the server's own stands: never the secret itself.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

/// Bytes of a file that a reference may name.
const FILE_BYTES: u64 = 64 * 1024;

/// `env:NAME` or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reference {
    /// An environment variable.
    Env(String),
    /// A file; an end of line at its end is not part of the secret.
    File(PathBuf),
}

/// The text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a secret stands as `env:NAME` or `file:/PATH`, never in the configuration itself")]
pub struct NotAReference;

/// What a reference names cannot be had. The message holds the reference, never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reference}: {why}")]
pub struct Unresolved {
    /// The reference as written.
    pub reference: String,
    /// Why.
    pub why: String,
}

impl FromStr for Reference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let is_name = |name: &str| {
            !name.is_empty() && name.len() <= 256 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        match text.split_once(':') {
            Some(("env", name)) if is_name(name) => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if path.starts_with('/') && path.len() <= 4_096 => Ok(Self::File(path.into())),
            Some(_) | None => Err(NotAReference),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl TryFrom<String> for Reference {
    type Error = NotAReference;
    fn try_from(text: String) -> Result<Self, NotAReference> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> String {
        reference.to_string()
    }
}

impl Reference {
    /// The secret it names.
    ///
    /// # Errors
    /// When there is no such variable or file, or it is empty or too long.
    pub fn read(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<SecretString, Unresolved> {
        let failed = |why: &str| Unresolved { reference: self.to_string(), why: why.to_owned() };
        let text = match self {
            Self::Env(name) => lookup(name).ok_or_else(|| failed("the variable is not set"))?,
            Self::File(path) => {
                let file = std::fs::File::open(path).map_err(|e| failed(&e.kind().to_string()))?;
                let mut text = String::new();
                let read = file.take(FILE_BYTES + 1).read_to_string(&mut text);
                read.map_err(|e| failed(&e.kind().to_string()))?;
                if text.len() as u64 > FILE_BYTES {
                    return Err(failed("the file is longer than 64 KiB"));
                }
                text
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(failed("it is empty"));
        }
        Ok(SecretString::from(text.to_owned()))
    }
}
