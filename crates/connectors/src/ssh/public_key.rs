//! The client's public key: input, so it is parsed strictly and built anew.

use super::wire::{Reader, Writer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A public key that a certificate can be made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// `ssh-ed25519`, 32 bytes (RFC 8709).
    Ed25519([u8; 32]),
    /// `ecdsa-sha2-nistp256`, an uncompressed point of 65 bytes (RFC 5656).
    EcdsaP256([u8; 65]),
}

/// The text is no public key that Curfew certifies. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an SSH public key: {0}")]
pub(super) struct NotAKey(&'static str);

const ED25519: &str = "ssh-ed25519";
const ECDSA: &str = "ecdsa-sha2-nistp256";
const ED25519_CERTIFICATE: &str = "ssh-ed25519-cert-v01@openssh.com";
const ECDSA_CERTIFICATE: &str = "ecdsa-sha2-nistp256-cert-v01@openssh.com";
const CURVE: &str = "nistp256";

impl PublicKey {
    /// Reads one line as `ssh-keygen` writes it: kind, base 64, and perhaps a comment, which is dropped.
    pub(super) fn parse(line: &str) -> Result<Self, NotAKey> {
        if line.len() > curfew_domain::limits::PUBLIC_HALF_BYTES {
            return Err(NotAKey("too long"));
        }
        let line = line.trim_end_matches(['\n', '\r', ' ']);
        if line.chars().any(char::is_control) {
            return Err(NotAKey("it must be one line"));
        }
        let mut words = line.splitn(3, ' ');
        let (Some(kind), Some(base64)) = (words.next(), words.next()) else {
            return Err(NotAKey("it should read `ssh-ed25519 AAAA...`"));
        };
        let blob = STANDARD.decode(base64).map_err(|_| NotAKey("the second word is not base 64"))?;
        let mut reader = Reader::new(&blob);
        if reader.string() != Some(kind.as_bytes()) {
            return Err(NotAKey("its kind differs from what the key says inside"));
        }
        let key = match kind {
            ED25519 => Self::ed25519(&mut reader)?,
            ECDSA => Self::ecdsa(&mut reader)?,
            _ => return Err(NotAKey("only ssh-ed25519 and ecdsa-sha2-nistp256 are certified")),
        };
        if !reader.is_empty() {
            return Err(NotAKey("something follows the key"));
        }
        Ok(key)
    }

    /// The key that a certificate of ours is for: the line of a `-cert.pub` file.
    pub(super) fn of_certificate(line: &str) -> Result<Self, NotAKey> {
        let mut words = line.splitn(3, ' ');
        let (Some(kind), Some(base64)) = (words.next(), words.next()) else {
            return Err(NotAKey("there is no certificate"));
        };
        let blob = STANDARD.decode(base64).map_err(|_| NotAKey("the certificate is not base 64"))?;
        let mut reader = Reader::new(&blob);
        if reader.string() != Some(kind.as_bytes()) || reader.string().is_none() {
            return Err(NotAKey("the certificate begins otherwise"));
        }
        let key = match kind {
            ED25519_CERTIFICATE => Self::ed25519(&mut reader)?,
            ECDSA_CERTIFICATE => Self::ecdsa(&mut reader)?,
            _ => return Err(NotAKey("a certificate of another kind")),
        };
        Ok(key)
    }

    /// As a line that [`PublicKey::parse`] reads.
    pub(super) fn line(&self) -> String {
        let kind = match self {
            Self::Ed25519(_) => ED25519,
            Self::EcdsaP256(_) => ECDSA,
        };
        format!("{kind} {}", STANDARD.encode(self.blob()))
    }

    fn ed25519(reader: &mut Reader<'_>) -> Result<Self, NotAKey> {
        let bytes = reader.string().and_then(|b| <[u8; 32]>::try_from(b).ok());
        let bytes = bytes.ok_or(NotAKey("an ed25519 key has 32 bytes"))?;
        let point = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| NotAKey("not a point of the curve"))?;
        if point.is_weak() {
            return Err(NotAKey("a weak point: anybody could sign for it"));
        }
        Ok(Self::Ed25519(bytes))
    }

    // Whether the point is on the curve is checked by sshd before it is used; nothing is computed with it here.
    fn ecdsa(reader: &mut Reader<'_>) -> Result<Self, NotAKey> {
        if reader.string() != Some(CURVE.as_bytes()) {
            return Err(NotAKey("another curve than nistp256"));
        }
        let point = reader.string().and_then(|b| <[u8; 65]>::try_from(b).ok()).filter(|p| p[0] == 4);
        point.map(Self::EcdsaP256).ok_or(NotAKey("not an uncompressed point of nistp256"))
    }

    /// The kind of a certificate for it (OpenSSH, PROTOCOL.certkeys).
    pub(super) fn certificate_kind(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => ED25519_CERTIFICATE,
            Self::EcdsaP256(_) => ECDSA_CERTIFICATE,
        }
    }

    /// Its fields, as they stand in a key and in a certificate.
    pub(super) fn write_fields(&self, writer: &mut Writer) {
        match self {
            Self::Ed25519(bytes) => writer.string(bytes),
            Self::EcdsaP256(point) => writer.string(CURVE).string(point),
        };
    }

    fn blob(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(128);
        writer.string(match self {
            Self::Ed25519(_) => ED25519,
            Self::EcdsaP256(_) => ECDSA,
        });
        self.write_fields(&mut writer);
        writer.into_bytes()
    }

    /// SHA-256 of the key, in hex: enough to tell whether two orders carry the same one.
    pub(super) fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(self.blob()))
    }
}

/// The blob of an ed25519 key, as authorities have it.
pub(super) fn ed25519_blob(key: &ed25519_dalek::VerifyingKey) -> Vec<u8> {
    PublicKey::Ed25519(*key.as_bytes()).blob()
}

/// The blob as a line for `TrustedUserCAKeys`.
pub(super) fn ed25519_line(key: &ed25519_dalek::VerifyingKey, comment: &str) -> String {
    format!("{ED25519} {} {comment}", STANDARD.encode(ed25519_blob(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: [u8; 32]) -> String {
        let mut w = Writer::default();
        w.string(ED25519).string(bytes);
        format!("{ED25519} {}", STANDARD.encode(w.bytes()))
    }

    fn good() -> [u8; 32] {
        *ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key().as_bytes()
    }

    #[test]
    fn comments_are_dropped() {
        let key = PublicKey::parse(&line(good())).expect("a key");
        assert_eq!(PublicKey::parse(&format!("{} ann@laptop and more\n", line(good()))), Ok(key));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let other = line(good()).replacen(ED25519, ECDSA, 1);
        let trailing = {
            let mut w = Writer::default();
            w.string(ED25519).string(good()).byte(0);
            format!("{ED25519} {}", STANDARD.encode(w.bytes()))
        };
        let options = format!("command=\"id\" {}", line(good()));
        let two = format!("{}\n{}", line(good()), line(good()));
        let mut identity = [0; 32];
        identity[0] = 1;
        for bad in ["", "ssh-ed25519", "ssh-ed25519 !!!!", "ssh-rsa AAAA", &other, &trailing, &options, &two] {
            assert!(PublicKey::parse(bad).is_err(), "{bad}");
        }
        assert!(PublicKey::parse(&line(identity)).is_err(), "a weak point");
        assert!(PublicKey::parse(&format!("{} {}", line(good()), "x".repeat(2_000))).is_err());
    }
}
