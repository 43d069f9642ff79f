//! The key that wraps the signing keys: read from outside the ledger, never kept beside it.

use crate::config::{Reference, Unresolved};
use curfew_engine::keyring::SealKey;
use curfew_engine::seams::Entropy;
use secrecy::ExposeSecret;
use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// Why there is no seal key.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The reference names nothing.
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
    /// What it names is no key.
    #[error("{0} does not hold 32 bytes in hex: make them with `openssl rand -hex 32`")]
    NotAKey(String),
    /// Others can read the file.
    #[error("{0} can be read by others: `chmod 600` it")]
    Exposed(String),
    /// The file cannot be made.
    #[error("{path}: {why}")]
    NotMade {
        /// Which file.
        path: String,
        /// What the system said.
        why: String,
    },
}

/// Reads the seal key: 32 bytes in hex.
///
/// # Errors
/// When there is none, or others than its owner can read the file.
pub fn read(reference: &Reference, lookup: &dyn Fn(&str) -> Option<String>) -> Result<SealKey, SealError> {
    if let Reference::File(path) = reference
        && let Ok(facts) = std::fs::metadata(path)
        && facts.permissions().mode() & 0o077 != 0
    {
        return Err(SealError::Exposed(reference.to_string()));
    }
    let text = reference.read(lookup)?;
    let mut bytes = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(text.expose_secret(), bytes.as_mut_slice())
        .map_err(|_| SealError::NotAKey(reference.to_string()))?;
    Ok(SealKey::new(*bytes))
}

/// Reads the seal key of a file, which is made, for its owner only, if it is not there. What `curfew dev` does.
///
/// # Errors
/// As [`read`], and when the file cannot be made.
pub fn read_or_make(path: &Path, entropy: &dyn Entropy) -> Result<SealKey, SealError> {
    let reference = Reference::File(path.to_owned());
    if !path.exists() {
        let failed = |e: std::io::Error| SealError::NotMade { path: path.display().to_string(), why: e.to_string() };
        make(path, entropy).map_err(failed)?;
    }
    read(&reference, &|_| None)
}

fn make(path: &Path, entropy: &dyn Entropy) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    let mut bytes = Zeroizing::new([0u8; 32]);
    entropy.fill(bytes.as_mut_slice());
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(Zeroizing::new(hex::encode(*bytes)).as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;
    impl Entropy for Sevens {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    #[test]
    fn a_made_key_is_read_back_and_private() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("keys/seal.key");
        read_or_make(&path, &Sevens).expect("made");
        read_or_make(&path, &Sevens).expect("read back");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("changed");
        assert!(matches!(read_or_make(&path, &Sevens), Err(SealError::Exposed(_))));
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let read = |value: &str| {
            let value = value.to_owned();
            read(&Reference::Env("SEAL".to_owned()), &move |_| Some(value.clone())).err().map(|e| e.to_string())
        };
        assert_eq!(read(&"ab".repeat(32)), None);
        for bad in ["hunter2", &"ab".repeat(31), &"zz".repeat(32)] {
            let error = read(bad).expect("an error");
            assert!(error.contains("env:SEAL") && !error.contains(bad), "{error}");
        }
    }
}
