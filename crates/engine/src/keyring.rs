//! Signing keys: made here, sealed with a key that is not in the ledger, never shown.

use crate::seams::store::{Change, CommitError, ReadError, SealedKey};
use crate::seams::{Clock, Entropy, Store};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use curfew_domain::Subject;
use curfew_domain::audit::{AuditAction, AuditEvent};
use ed25519_dalek::{SigningKey, VerifyingKey};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// The key that wraps the signing keys: 32 bytes from outside the ledger.
pub struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    /// From its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger did not keep a new key.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The seal key is not the one the ledger's keys were sealed with.
    #[error("the key `{0}` cannot be unsealed: the seal key is not the one it was sealed with")]
    WrongSeal(String),
}

/// A signing key with its number.
#[derive(Clone)]
pub struct NumberedKey {
    /// Which of its name, from 1.
    pub number: u32,
    /// The key.
    pub key: Arc<SigningKey>,
    /// When it was made.
    pub created_at: curfew_domain::Timestamp,
}

/// The signing keys of an installation, made on first use.
pub struct Keyring {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    seal: SealKey,
    open: Mutex<BTreeMap<String, Vec<NumberedKey>>>,
}

impl Keyring {
    /// A keyring over a ledger.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, seal: SealKey) -> Self {
        Self { store, clock, entropy, seal, open: Mutex::default() }
    }

    /// The newest key of a name, made if there is none.
    ///
    /// # Errors
    /// When the ledger cannot be read or written, or the seal key is another one.
    pub async fn current(&self, name: &str) -> Result<NumberedKey, KeyError> {
        let keys = self.all(name).await?;
        match keys.last() {
            Some(key) => Ok(key.clone()),
            None => self.make(name, 1).await,
        }
    }

    /// All keys of a name, oldest first; empty when none was made.
    ///
    /// # Errors
    /// As [`Keyring::current`].
    pub async fn all(&self, name: &str) -> Result<Vec<NumberedKey>, KeyError> {
        if let Some(keys) = self.lock().get(name) {
            return Ok(keys.clone());
        }
        let sealed = self.store.keys(name).await?;
        let keys = sealed.iter().map(|k| self.unseal(k)).collect::<Result<Vec<_>, _>>()?;
        if !keys.is_empty() {
            self.lock().insert(name.to_owned(), keys.clone());
        }
        Ok(keys)
    }

    /// Makes the next key of a name. The ones before stay readable, for the overlap.
    ///
    /// # Errors
    /// As [`Keyring::current`].
    pub async fn rotate(&self, name: &str) -> Result<NumberedKey, KeyError> {
        let newest = self.all(name).await?.last().map_or(0, |k| k.number);
        self.make(name, newest + 1).await
    }

    async fn make(&self, name: &str, number: u32) -> Result<NumberedKey, KeyError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        self.entropy.fill(&mut *seed);
        let key = SigningKey::from_bytes(&seed);
        let public = hex::encode(VerifyingKey::from(&key).as_bytes());
        let now = self.clock.wall();
        let sealed = self.seal(&seed, &label(name, number, &public));
        let sealed = SealedKey { name: name.to_owned(), number, public: public.clone(), sealed, created_at: now };
        let event = AuditEvent::new(now, Subject::system(), AuditAction::KeyMade)
            .with("name", name)
            .with("number", i64::from(number))
            .with("public", public);
        let written = self.store.commit(vec![Change::Key(sealed), Change::Event(Box::new(event))]).await;
        self.lock().remove(name);
        match written {
            Ok(_) => Ok(NumberedKey { number, key: Arc::new(key), created_at: now }),
            // Another caller made the same number first: its key is the one.
            Err(CommitError::Conflict(what)) => {
                let first = self.all(name).await?.into_iter().find(|k| k.number == number);
                first.ok_or(KeyError::Commit(CommitError::Conflict(what)))
            }
            Err(other) => Err(other.into()),
        }
    }

    fn seal(&self, seed: &[u8; 32], label: &str) -> String {
        let mut nonce = [0u8; 12];
        self.entropy.fill(&mut nonce);
        let payload = Payload { msg: seed, aad: label.as_bytes() };
        let sealed = self.cipher().encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.expect("INVARIANT: 32 bytes are within the cipher's limit");
        hex::encode([nonce.as_slice(), &sealed].concat())
    }

    fn unseal(&self, key: &SealedKey) -> Result<NumberedKey, KeyError> {
        let wrong = || KeyError::WrongSeal(key.name.clone());
        let bytes = hex::decode(&key.sealed).map_err(|_| wrong())?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>().ok_or_else(wrong)?;
        let label = label(&key.name, key.number, &key.public);
        let payload = Payload { msg: sealed, aad: label.as_bytes() };
        let seed = self.cipher().decrypt(&Nonce::from(*nonce), payload).map_err(|_| wrong())?;
        let seed = Zeroizing::new(seed);
        let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| wrong())?;
        let signing = SigningKey::from_bytes(seed);
        if hex::encode(VerifyingKey::from(&signing).as_bytes()) != key.public {
            return Err(wrong());
        }
        Ok(NumberedKey { number: key.number, key: Arc::new(signing), created_at: key.created_at })
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&Key::from(*self.seal.0))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<NumberedKey>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn label(name: &str, number: u32, public: &str) -> String {
    format!("curfew signing key {name} {number} {public}")
}
