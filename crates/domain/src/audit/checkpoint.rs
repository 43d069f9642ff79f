//! Signed statements of how the log stood: a C2SP checkpoint (<https://c2sp.org/tlog-checkpoint>) in a
//! C2SP signed note (<https://c2sp.org/signed-note>), Ed25519 as in RFC 8032.
//!
//! Each text has one spelling here: what we would not write ourselves we do not read. The one freedom that
//! the format demands is kept: lines of keys we do not know, such as cosignatures of witnesses, are skipped.

use super::canonical::LARGEST_INTEGER;
use super::merkle::{Frontier, Growth, NotConsistent, TreeHash, verify_growth};
use crate::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// Bytes of a signed note that is read at all: 16 post-quantum cosignatures fit.
pub const NOTE_BYTES: usize = 128 * 1024;
/// Signature lines of a note; the format asks for at least this many to be taken.
pub const NOTE_SIGNATURES: usize = 16;
/// Bytes of a key's name.
pub const KEY_NAME_BYTES: usize = 128;

/// The signature type of Ed25519 in C2SP signed notes.
const ED25519: u8 = 0x01;
const TIME_LINE: &str = "at ";

/// How the log stood at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many events it held.
    pub size: u64,
    /// The root of the tree over them.
    pub root: TreeHash,
    /// When it was signed, by Curfew's clock.
    pub at: Option<Timestamp>,
}

impl Checkpoint {
    /// Of a tree as it stands.
    pub fn of(tree: &Frontier, at: Timestamp) -> Self {
        Self { size: tree.size(), root: tree.root(), at: Some(at) }
    }

    fn text(&self, origin: &str) -> String {
        let root = BASE64.encode(self.root.as_bytes());
        let at = self.at.map(|at| format!("{TIME_LINE}{at}\n")).unwrap_or_default();
        format!("{origin}\n{}\n{root}\n{at}", self.size)
    }

    fn parse(text: &str, origin: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        if lines.next() != Some(origin) {
            return Err(CheckpointError::Origin);
        }
        let size = lines.next().and_then(|line| line.parse().ok()).filter(|size| *size <= LARGEST_INTEGER as u64);
        let root = lines.next().and_then(|line| BASE64.decode(line).ok()?.try_into().ok());
        let (Some(size), Some(root)) = (size, root) else {
            return Err(CheckpointError::Text);
        };
        let at = match lines.next() {
            None => None,
            Some(line) => {
                let time = line.strip_prefix(TIME_LINE).and_then(|time| time.parse().ok());
                Some(time.ok_or(CheckpointError::Text)?)
            }
        };
        let read = Self { size, root: TreeHash::from_bytes(root), at };
        // A number or time may have several spellings, and lines may follow: only ours stands.
        if read.text(origin) == text { Ok(read) } else { Err(CheckpointError::Text) }
    }
}

/// Why a signed note is no checkpoint of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Longer than [`NOTE_BYTES`].
    #[error("the checkpoint is longer than {NOTE_BYTES} bytes")]
    TooLong,
    /// Not lines of text, an empty line, and 1 to [`NOTE_SIGNATURES`] signature lines.
    #[error("the checkpoint is not a signed note (https://c2sp.org/signed-note)")]
    NotANote,
    /// No signature by the key, or two.
    #[error("the checkpoint is not signed by the key {0}")]
    NotSigned(String),
    /// The signature is not of this text by this key.
    #[error("the signature of the checkpoint is wrong")]
    WrongSignature,
    /// Another log's.
    #[error("the checkpoint is of another log")]
    Origin,
    /// Signed, but not the lines of a checkpoint as Curfew writes them.
    #[error("the signed text is not a checkpoint (https://c2sp.org/tlog-checkpoint)")]
    Text,
}

/// The name cannot be that of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key's name is 1 to {KEY_NAME_BYTES} printable ASCII characters without blanks and `+`")]
pub struct BadKeyName;

/// Signs checkpoints. Its name is also the origin line of what it signs.
pub struct CheckpointKey {
    signing: SigningKey,
    verifier: VerifierKey,
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl CheckpointKey {
    /// The key of a 32-byte seed (RFC 8032, section 5.1.5). The name should be a URL without its scheme,
    /// such as `curfew.example.com/audit`.
    ///
    /// # Errors
    /// When the name cannot be that of a key.
    pub fn from_seed(name: &str, seed: [u8; 32]) -> Result<Self, BadKeyName> {
        if !is_key_name(name) {
            return Err(BadKeyName);
        }
        let signing = SigningKey::from_bytes(&seed);
        let verifier = VerifierKey::new(name, signing.verifying_key());
        Ok(Self { signing, verifier })
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The public half as text, for `audit key` and the verifiers.
    pub fn vkey(&self) -> String {
        self.verifier.to_string()
    }

    /// The signed note. The same checkpoint gives the same bytes.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.text(&self.verifier.name);
        let signature = self.signing.sign(text.as_bytes()).to_bytes();
        let signature = BASE64.encode([self.verifier.id.as_slice(), &signature].concat());
        format!("{text}\n\u{2014} {} {signature}\n", self.verifier.name)
    }

    /// Signs bytes that no note's text can be: see [`super::dsse`].
    pub(super) fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.signing.sign(bytes).to_bytes()
    }
}

/// Verifies checkpoints. Printed and parsed as a C2SP vkey: `<name>+<key id in hex>+<base64 of 0x01 and key>`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64.encode([[ED25519].as_slice(), self.key.as_bytes()].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.id))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no verifier key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint key: it should be what `curfew audit key` prints, <name>+<8 hex digits>+<base64>")]
pub struct BadVerifierKey;

impl VerifierKey {
    fn new(name: &str, key: VerifyingKey) -> Self {
        let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes());
        let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
        Self { name: name.to_owned(), id: [a, b, c, d], key }
    }

    /// Reads a vkey, without blanks or a newline around it.
    ///
    /// # Errors
    /// When it is spelled otherwise than [`VerifierKey`] prints, its id is another key's, or the key is a
    /// point that no honest key is (not canonical, or of small order).
    pub fn parse(text: &str) -> Result<Self, BadVerifierKey> {
        let (name, rest) = text.split_once('+').ok_or(BadVerifierKey)?;
        let (_, key) = rest.split_once('+').filter(|_| is_key_name(name)).ok_or(BadVerifierKey)?;
        let key: [u8; 33] = BASE64.decode(key).ok().and_then(|key| key.try_into().ok()).ok_or(BadVerifierKey)?;
        let (_, point) = key.split_first_chunk::<1>().ok_or(BadVerifierKey)?;
        let point: &[u8; 32] = point.try_into().map_err(|_| BadVerifierKey)?;
        let key = VerifyingKey::from_bytes(point).map_err(|_| BadVerifierKey)?;
        let read = Self::new(name, key);
        let sound = read.to_string() == text && !key.is_weak() && is_reduced(point);
        if sound { Ok(read) } else { Err(BadVerifierKey) }
    }

    /// The key's name, which is also the log's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key among others: `<name>+<key id in hex>`, the vkey without the key itself.
    pub fn key_id(&self) -> String {
        format!("{}+{}", self.name, hex::encode(self.id))
    }

    /// Whether the signature is of these bytes by this key.
    pub(super) fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.key.verify_strict(bytes, &signature).is_ok())
    }

    /// Checks a signed note and reads the checkpoint in it.
    ///
    /// # Errors
    /// When it is no signed note, not signed by exactly one good signature of this key, or not a checkpoint
    /// of the log that the key is named after.
    pub fn verify(&self, note: &str) -> Result<Checkpoint, CheckpointError> {
        let (text, signatures) = split_note(note)?;
        let mut ours = None;
        for line in signatures {
            let (name, signature) = read_signature(line).ok_or(CheckpointError::NotANote)?;
            let (id, signature) = signature.split_at(4);
            if name == self.name && id == self.id && ours.replace(signature.to_vec()).is_some() {
                return Err(CheckpointError::NotSigned(self.name.clone()));
            }
        }
        let ours = ours.ok_or_else(|| CheckpointError::NotSigned(self.name.clone()))?;
        if !self.has_signed(text.as_bytes(), &ours) {
            return Err(CheckpointError::WrongSignature);
        }
        Checkpoint::parse(text, &self.name)
    }
}

/// Why one checkpoint does not continue another.
///
/// # Errors
/// When the proof (RFC 9162, section 2.1.4) does not show that the newer log begins with the older one.
pub fn verify_consistency(older: &Checkpoint, newer: &Checkpoint, proof: &[TreeHash]) -> Result<(), NotConsistent> {
    verify_growth(Growth { from: older.size, to: newer.size }, [older.root, newer.root], proof)
}

fn is_key_name(name: &str) -> bool {
    (1..=KEY_NAME_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic() && b != b'+')
}

/// Whether a point's y is below 2^255 - 19, as RFC 8032 (5.1.3) demands; the library takes it modulo that.
fn is_reduced(point: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = point;
    *low < 0xed || high & 0x7f != 0x7f || middle.iter().any(|b| *b != 0xff)
}

/// The text with its last newline, and the signature lines without theirs.
fn split_note(note: &str) -> Result<(&str, Vec<&str>), CheckpointError> {
    if note.len() > NOTE_BYTES {
        return Err(CheckpointError::TooLong);
    }
    let split = note.rfind("\n\n").filter(|_| !note.bytes().any(|b| b < b' ' && b != b'\n'));
    let (text, rest) = note.split_at(split.ok_or(CheckpointError::NotANote)? + 1);
    let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n'));
    let lines: Vec<_> = lines.ok_or(CheckpointError::NotANote)?.split('\n').collect();
    if lines.len() > NOTE_SIGNATURES {
        return Err(CheckpointError::NotANote);
    }
    Ok((text, lines))
}

/// The name, and the bytes of key id and signature, from `— <name> <base64>`.
fn read_signature(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let named = !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace());
    let signature = BASE64.decode(signature).ok().filter(|bytes| named && bytes.len() > 4)?;
    Some((name, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> CheckpointKey {
        CheckpointKey::from_seed("curfew.example.com/audit", [7; 32]).expect("a key")
    }

    fn checkpoint() -> Checkpoint {
        let at = Some(Timestamp::from_millis(1_772_445_600_000));
        Checkpoint { size: 12, root: TreeHash::of_leaf(b"x"), at }
    }

    #[test]
    fn signs_what_it_verifies() {
        for checkpoint in
            [checkpoint(), Checkpoint { at: None, ..checkpoint() }, Checkpoint { size: 0, ..checkpoint() }]
        {
            assert_eq!(key().verifier().verify(&key().sign(&checkpoint)), Ok(checkpoint));
        }
    }

    #[test]
    fn a_note_keeps_its_bytes() {
        let note = concat!(
            "curfew.example.com/audit\n12\nPH6byTDck/AfppmF7yQtn56GHzxTVaokzl70tLinDMs=\nat 2026-03-02T10:00:00.000Z\n\n",
            "\u{2014} curfew.example.com/audit uB/TVMx+t4pvWu5iKEYmxHRaheBU+nOPesFuQUKOS0nwV3JmdUuhOYZnK4Q2D1fpBLlqD9qw",
            "xNil/6cyVyuGXHX3mQo=\n"
        );
        assert_eq!(key().sign(&checkpoint()), note);
    }

    /// The log and key of the Go checksum database, whose vkey is published and whose format this is.
    #[test]
    fn reads_a_vkey_of_another_implementation() {
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        assert_eq!(VerifierKey::parse(text).map(|key| key.to_string()), Ok(text.to_owned()));
    }

    #[test]
    fn keys_have_one_spelling() {
        let text = key().vkey();
        assert_eq!(VerifierKey::parse(&text).as_ref(), Ok(key().verifier()));
        let (stem, base64) = text.rsplit_once('+').expect("three parts");
        let mut bytes = BASE64.decode(base64).expect("base64");
        bytes[0] = 2;
        let other_type = format!("{stem}+{}", BASE64.encode(&bytes));
        let others = [
            format!("{text}\n"),
            format!(" {text}"),
            text.replacen("curfew", "curfeW", 1),
            other_type,
            text.to_uppercase(),
            stem.to_owned(),
            format!("+{text}"),
            format!("{stem}+{}", base64.trim_end_matches('=')) + "A",
        ];
        for other in others {
            assert_eq!(VerifierKey::parse(&other), Err(BadVerifierKey), "{other}");
        }
        for name in ["", "a b", "a+b", "ä", "a\n", &"x".repeat(129)] {
            assert!(CheckpointKey::from_seed(name, [1; 32]).is_err(), "{name}");
        }
    }

    #[test]
    fn weak_and_unreduced_points_are_no_keys() {
        let mut one = [0; 32];
        one[0] = 1;
        // y = 2^255 - 16, which is 3 modulo 2^255 - 19, and y = 3 is on the curve.
        let mut unreduced = [0xff; 32];
        (unreduced[0], unreduced[31]) = (0xf0, 0x7f);
        for (point, why) in [(one, "small order"), ([0; 32], "small order"), (unreduced, "not reduced")] {
            let read = VerifyingKey::from_bytes(&point).map(|key| VerifierKey::new("n", key).to_string());
            assert_eq!(VerifierKey::parse(&read.expect("the library takes it")), Err(BadVerifierKey), "{why}");
        }
    }

    #[test]
    fn cosignatures_are_skipped_and_ours_must_stand_once() {
        let note = key().sign(&checkpoint());
        let ours = note.lines().last().expect("a line").to_owned();
        let verify = |note: &str| key().verifier().verify(note);
        let cosigned = format!("{note}\u{2014} witness.example {}\n", BASE64.encode([9; 76]));
        assert_eq!(verify(&cosigned), Ok(checkpoint()));
        assert_eq!(verify(&format!("{note}{ours}\n")), Err(CheckpointError::NotSigned(key().verifier().name.clone())));
        let same_name = CheckpointKey::from_seed("curfew.example.com/audit", [8; 32]).expect("a key");
        assert!(matches!(verify(&same_name.sign(&checkpoint())), Err(CheckpointError::NotSigned(_))));
        let many = format!("\u{2014} w {}\n", BASE64.encode([9; 68])).repeat(NOTE_SIGNATURES);
        assert_eq!(verify(&format!("{note}{many}")), Err(CheckpointError::NotANote));
        for line in
            ["x", "\u{2014} w", "\u{2014}  AAAAAAA=", "\u{2014} w AAAA", "- w AAAAAAA=", "\u{2014} w AAAAAAB=", ""]
        {
            assert!(verify(&format!("{note}{line}\n")).is_err(), "{line}");
        }
    }

    #[test]
    fn only_our_lines_are_a_checkpoint_even_when_signed() {
        let (name, root) = (key().verifier.name.clone(), BASE64.encode([1; 32]));
        let signed = |text: String| {
            let signature = key().signing.sign(text.as_bytes()).to_bytes();
            let signature = BASE64.encode([key().verifier.id.as_slice(), &signature].concat());
            key().verifier().verify(&format!("{text}\n\u{2014} {name} {signature}\n"))
        };
        assert!(signed(format!("{name}\n1\n{root}\n")).is_ok());
        for tail in [
            format!("01\n{root}\n"),
            format!("+1\n{root}\n"),
            format!("-1\n{root}\n"),
            format!("9007199254740992\n{root}\n"),
            format!("1\n{root}\nx\n"),
            format!("1\n{root}\nat 2026-03-02T10:00:00Z\n"),
            format!("1\n{root}\n\n"),
            format!("1\n{root}\nat 2026-03-02T10:00:00.000Z\nx\n"),
            format!("1\n{}\n", &root[..40]),
            "1\n".to_owned(),
        ] {
            assert_eq!(signed(format!("{name}\n{tail}")), Err(CheckpointError::Text), "{tail}");
        }
        assert_eq!(signed(format!("other\n1\n{root}\n")), Err(CheckpointError::Origin));
    }
}
