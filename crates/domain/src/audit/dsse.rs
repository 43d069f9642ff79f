//! Signed statements for others to keep: a DSSE envelope (<https://github.com/secure-systems-lab/dsse>) around an in-toto
//! statement (<https://in-toto.io/Statement/v1>), by the key that signs the checkpoints.
//!
//! One key signs two kinds of texts, and neither can pass as the other: what is signed here begins with `DSSEv1` and a
//! blank, while a signed note is read only if its first line is the key's name, which has no blank.

use super::checkpoint::{CheckpointKey, VerifierKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE};
use serde::{Deserialize, Serialize};

/// What an envelope holds.
pub const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";
/// Bytes of an envelope that is read at all.
pub const ENVELOPE_BYTES: usize = 64 << 20;
/// Signatures of one envelope.
pub const ENVELOPE_SIGNATURES: usize = 16;

/// A payload with its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What the payload is: [`STATEMENT_TYPE`].
    pub payload_type: String,
    /// The payload, in base64.
    pub payload: String,
    /// Who vouches for it.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    /// Whose it is, as [`VerifierKey::key_id`]. A hint: it is not signed.
    #[serde(default)]
    pub keyid: String,
    /// The signature, in base64.
    pub sig: String,
}

/// Why an envelope says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not an envelope's JSON, too long, not base64, or with too many signatures.
    #[error("it is not a DSSE envelope (https://github.com/secure-systems-lab/dsse)")]
    NotAnEnvelope,
    /// It holds something else.
    #[error("it holds no in-toto statement: its type is not {STATEMENT_TYPE}")]
    Type,
    /// No signature by the key.
    #[error("it is not signed by the key {0}")]
    NotSigned(String),
    /// The signature is not of this payload by this key.
    #[error("its signature is wrong")]
    WrongSignature,
}

impl Envelope {
    /// Reads one. Members that are not known are passed over, as the format demands.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > ENVELOPE_BYTES {
            return Err(EnvelopeError::NotAnEnvelope);
        }
        serde_json::from_slice(bytes).map_err(|_| EnvelopeError::NotAnEnvelope)
    }
}

impl CheckpointKey {
    /// A statement in its envelope. The same statement gives the same bytes.
    pub fn sign_statement(&self, statement: &[u8]) -> Envelope {
        let signature = self.sign_bytes(&encoded(STATEMENT_TYPE, statement));
        Envelope {
            payload_type: STATEMENT_TYPE.to_owned(),
            payload: BASE64.encode(statement),
            signatures: vec![EnvelopeSignature { keyid: self.verifier().key_id(), sig: BASE64.encode(signature) }],
        }
    }
}

impl VerifierKey {
    /// The statement in an envelope, if this key signed it. Signatures of others are passed over, and the id that stands
    /// beside a signature proves nothing: each is tried.
    ///
    /// # Errors
    /// When it is no envelope, holds no statement, or no signature in it is of this statement by this key.
    pub fn verify_statement(&self, envelope: &Envelope) -> Result<Vec<u8>, EnvelopeError> {
        if envelope.payload_type != STATEMENT_TYPE {
            return Err(EnvelopeError::Type);
        }
        if envelope.signatures.len() > ENVELOPE_SIGNATURES {
            return Err(EnvelopeError::NotAnEnvelope);
        }
        let statement = decoded(&envelope.payload)?;
        let signed = encoded(STATEMENT_TYPE, &statement);
        for signature in &envelope.signatures {
            if self.has_signed(&signed, &decoded(&signature.sig)?) {
                return Ok(statement);
            }
        }
        let id = self.key_id();
        let is_ours = envelope.signatures.iter().any(|signature| signature.keyid == id);
        Err(if is_ours { EnvelopeError::WrongSignature } else { EnvelopeError::NotSigned(id) })
    }
}

/// DSSE's pre-authentication encoding: what is signed.
fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Base64 in either alphabet, as the format demands.
fn decoded(text: &str) -> Result<Vec<u8>, EnvelopeError> {
    BASE64.decode(text).or_else(|_| URL_SAFE.decode(text)).map_err(|_| EnvelopeError::NotAnEnvelope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Checkpoint, CheckpointError, TreeHash};

    const STATEMENT: &[u8] = br#"{"_type":"https://in-toto.io/Statement/v1"}"#;

    fn key() -> CheckpointKey {
        CheckpointKey::from_seed("curfew.example.com/audit", [7; 32]).expect("a key")
    }

    fn verify(envelope: &Envelope) -> Result<Vec<u8>, EnvelopeError> {
        key().verifier().verify_statement(envelope)
    }

    fn note() -> String {
        key().sign(&Checkpoint { size: 12, root: TreeHash::of_leaf(b"x"), at: None })
    }

    /// The example of the specification (protocol.md).
    #[test]
    fn what_is_signed_is_as_dsse_says() {
        let bytes = encoded("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    /// The signature is what OpenSSL makes of the same key and bytes.
    #[test]
    fn an_envelope_keeps_its_bytes() {
        let envelope = concat!(
            r#"{"payloadType":"application/vnd.in-toto+json","payload":"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQv"#,
            r#"djEifQ==","signatures":[{"keyid":"curfew.example.com/audit+b81fd354","sig":"I5/WpekZkE6aJDcgEREHMD7pxF3pgPmBFW"#,
            r#"x1ZjTKMbWYSzYC25yAj2LzRNAOMdHQbeSNt1ofs0QrCEjDJrf7AA=="}]}"#
        );
        assert_eq!(serde_json::to_string(&key().sign_statement(STATEMENT)).expect("JSON"), envelope);
    }

    #[test]
    fn signs_what_it_verifies_in_either_alphabet() {
        let envelope = key().sign_statement(STATEMENT);
        assert_eq!(verify(&envelope).as_deref(), Ok(STATEMENT));
        let bytes = serde_json::to_vec(&envelope).expect("JSON");
        assert_eq!(Envelope::read(&bytes).as_ref(), Ok(&envelope));
        let safe = |text: &str| URL_SAFE.encode(BASE64.decode(text).expect("base64"));
        let mut other = envelope.clone();
        (other.payload, other.signatures[0].sig) = (safe(&envelope.payload), safe(&envelope.signatures[0].sig));
        assert_eq!(verify(&other).as_deref(), Ok(STATEMENT));
    }

    #[test]
    fn the_hint_proves_nothing_and_others_may_sign_too() {
        let mut envelope = key().sign_statement(STATEMENT);
        envelope.signatures[0].keyid.clear();
        let other = CheckpointKey::from_seed("curfew.example.com/audit", [8; 32]).expect("a key");
        let theirs = other.sign_statement(STATEMENT);
        envelope.signatures.insert(0, theirs.signatures[0].clone());
        assert_eq!(verify(&envelope).as_deref(), Ok(STATEMENT));
        assert_eq!(verify(&theirs), Err(EnvelopeError::NotSigned(key().verifier().key_id())));
        let mut claimed = theirs;
        claimed.signatures[0].keyid = key().verifier().key_id();
        assert_eq!(verify(&claimed), Err(EnvelopeError::WrongSignature));
        envelope.signatures = vec![envelope.signatures[1].clone(); ENVELOPE_SIGNATURES + 1];
        assert_eq!(verify(&envelope), Err(EnvelopeError::NotAnEnvelope));
        envelope.signatures.clear();
        assert!(matches!(verify(&envelope), Err(EnvelopeError::NotSigned(_))));
    }

    #[test]
    fn every_changed_byte_is_found() {
        let envelope = key().sign_statement(STATEMENT);
        for place in 0..STATEMENT.len() {
            let mut changed = STATEMENT.to_vec();
            changed[place] ^= 1;
            let changed = Envelope { payload: BASE64.encode(changed), ..envelope.clone() };
            assert_eq!(verify(&changed), Err(EnvelopeError::WrongSignature), "byte {place}");
        }
        let other = Envelope { payload_type: "application/json".to_owned(), ..envelope.clone() };
        assert_eq!(verify(&other), Err(EnvelopeError::Type));
        let other = Envelope { payload: "?".to_owned(), ..envelope };
        assert_eq!(verify(&other), Err(EnvelopeError::NotAnEnvelope));
        for no_envelope in [&b""[..], b"{}", b"[]", note().as_bytes(), br#"{"payloadType":"x","payload":"","sig":""}"#]
        {
            assert_eq!(Envelope::read(no_envelope), Err(EnvelopeError::NotAnEnvelope));
        }
    }

    #[test]
    fn a_signed_checkpoint_is_no_statement() {
        let note = note();
        let (text, line) = note.split_at(note.find("\n\n").expect("a note") + 1);
        let signature = BASE64.decode(line.trim().rsplit(' ').next().expect("a signature")).expect("base64");
        let as_statement = |payload: &str| Envelope {
            payload_type: STATEMENT_TYPE.to_owned(),
            payload: BASE64.encode(payload),
            signatures: vec![EnvelopeSignature {
                keyid: key().verifier().key_id(),
                sig: BASE64.encode(&signature[4..]),
            }],
        };
        assert!(key().verifier().has_signed(text.as_bytes(), &signature[4..]), "the signature of the note is right");
        for payload in [text, text.trim_end(), note.as_str()] {
            assert_eq!(verify(&as_statement(payload)), Err(EnvelopeError::WrongSignature), "{payload}");
        }
        // Nor has any log the name that it would take.
        assert!(CheckpointKey::from_seed("DSSEv1 28 application/vnd.in-toto+json", [7; 32]).is_err());
    }

    #[test]
    fn a_signed_statement_is_no_checkpoint() {
        let note = note();
        let (text, _) = note.split_at(note.find("\n\n").expect("a note") + 1);
        // The best that a forger could get signed: the very lines of a checkpoint.
        for payload in [text.to_owned(), format!("\n{text}")] {
            let signature = BASE64.decode(&key().sign_statement(payload.as_bytes()).signatures[0].sig).expect("base64");
            let id = BASE64.decode(note.trim().rsplit(' ').next().expect("a signature")).expect("base64");
            let line = BASE64.encode([&id[..4], signature.as_slice()].concat());
            let as_note = |text: &str| format!("{text}\n\u{2014} {} {line}\n", key().verifier().name());
            let signed = String::from_utf8(encoded(STATEMENT_TYPE, payload.as_bytes())).expect("UTF-8");
            let whole = key().verifier().verify(&as_note(&signed));
            assert_eq!(whole, Err(CheckpointError::Origin), "signed, and of no log that there is");
            assert_eq!(key().verifier().verify(&as_note(text)), Err(CheckpointError::WrongSignature));
        }
    }
}
