//! User certificates (OpenSSH, PROTOCOL.certkeys), written field by field so that nothing stands in one that
//! policy did not say.

use super::public_key::{PublicKey, ed25519_blob};
use super::wire::Writer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use curfew_domain::{Id, Lease, Timestamp};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// A certificate is valid from this long before it was made, for hosts whose clock is behind. Seconds.
const CLOCK_SKEW: u64 = 30;
const USER_CERTIFICATE: u32 = 1;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content<'a> {
    pub(super) key: &'a PublicKey,
    pub(super) serial: u64,
    /// What sshd logs for each login: the marker, a space, and who it is for.
    pub(super) key_id: &'a str,
    pub(super) principals: &'a BTreeSet<String>,
    pub(super) now: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) force_command: Option<&'a str>,
    pub(super) source_address: &'a [String],
    pub(super) extensions: &'a BTreeSet<String>,
}

/// The serial of a lease's certificates: 63 bits of a hash of its id, so that an interrupted issue can be
/// revoked without having seen the certificate. Never 0, which revocation lists cannot hold.
pub(super) fn serial(lease: Id<Lease>) -> u64 {
    let hash = Sha256::digest(lease.to_string());
    let (first, _) = hash.split_first_chunk::<8>().expect("INVARIANT: a SHA-256 hash has 32 bytes");
    (u64::from_be_bytes(*first) & (u64::MAX >> 1)).max(1)
}

/// Signs the certificate; gives it as the line of a `-cert.pub` file.
pub(super) fn sign(content: &Content<'_>, authority: &SigningKey) -> String {
    let kind = content.key.certificate_kind();
    let body = body(content, authority);
    let mut whole = Writer::with_capacity(body.len() + 256);
    whole.string(kind).string(nonce(&body, authority)).raw(&body);
    let signature = authority.sign(whole.bytes()).to_bytes();
    let mut signed = Writer::with_capacity(128);
    signed.string("ssh-ed25519").string(signature);
    whole.string(signed.bytes());
    format!("{kind} {}", STANDARD.encode(whole.bytes()))
}

/// Everything between the nonce and the signature.
fn body(content: &Content<'_>, authority: &SigningKey) -> Vec<u8> {
    let mut w = Writer::with_capacity(512);
    content.key.write_fields(&mut w);
    w.u64(content.serial).u32(USER_CERTIFICATE).string(content.key_id);
    w.string(strings(content.principals));
    w.u64(unix(content.now).saturating_sub(CLOCK_SKEW)).u64(unix(content.expires_at));
    w.string(critical_options(content)).string(extensions(content));
    w.string("").string(ed25519_blob(&authority.verifying_key()));
    w.into_bytes()
}

/// Nobody but the authority can foresee it, which is what a nonce is for here, and the same certificate comes
/// out the same.
fn nonce(body: &[u8], authority: &SigningKey) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(authority.as_bytes());
    let mut mac = mac.expect("INVARIANT: HMAC takes keys of any length");
    mac.update(b"curfew ssh certificate nonce");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// The options a host must understand or refuse the certificate; in the order of their names, as required.
fn critical_options(content: &Content<'_>) -> Vec<u8> {
    let mut w = Writer::default();
    if let Some(command) = content.force_command {
        option(&mut w, "force-command", command);
    }
    if !content.source_address.is_empty() {
        option(&mut w, "source-address", &content.source_address.join(","));
    }
    w.into_bytes()
}

fn option(w: &mut Writer, name: &str, value: &str) {
    let mut inner = Writer::default();
    inner.string(value);
    w.string(name).string(inner.bytes());
}

fn extensions(content: &Content<'_>) -> Vec<u8> {
    let mut w = Writer::default();
    for name in content.extensions {
        w.string(name).string("");
    }
    w.into_bytes()
}

fn strings(list: &BTreeSet<String>) -> Vec<u8> {
    let mut w = Writer::default();
    for text in list {
        w.string(text);
    }
    w.into_bytes()
}

fn unix(at: Timestamp) -> u64 {
    u64::try_from(at.as_unix_seconds()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client() -> PublicKey {
        PublicKey::Ed25519(*SigningKey::from_bytes(&[9; 32]).verifying_key().as_bytes())
    }

    fn made(principals: &BTreeSet<String>, extensions: &BTreeSet<String>, command: Option<&str>) -> String {
        let content = Content {
            key: &client(),
            serial: 77,
            key_id: "curfew:x ann@example.com",
            principals,
            now: Timestamp::from_millis(1_000_000_000_500),
            expires_at: Timestamp::from_millis(1_000_000_600_900),
            force_command: command,
            source_address: &["10.0.0.0/8".to_owned(), "192.0.2.1".to_owned()],
            extensions,
        };
        sign(&content, &SigningKey::from_bytes(&[3; 32]))
    }

    #[test]
    fn another_implementation_reads_and_verifies_it() {
        let principals = BTreeSet::from(["cf:hosts/web:shell".to_owned()]);
        let extensions = BTreeSet::from(["permit-pty".to_owned()]);
        let text = made(&principals, &extensions, Some("id -u"));
        let certificate: ssh_key::Certificate = text.parse().expect("a certificate");
        assert_eq!(certificate.serial(), 77);
        assert_eq!(certificate.key_id(), "curfew:x ann@example.com");
        assert_eq!(certificate.valid_principals(), ["cf:hosts/web:shell"]);
        assert_eq!((certificate.valid_after(), certificate.valid_before()), (999_999_970, 1_000_000_600));
        assert_eq!(certificate.critical_options().get("force-command").map(String::as_str), Some("id -u"));
        let ranges = certificate.critical_options().get("source-address").map(String::as_str);
        assert_eq!(ranges, Some("10.0.0.0/8,192.0.2.1"));
        assert!(certificate.extensions().contains_key("permit-pty") && certificate.extensions().len() == 1);
        let authority = ssh_key::public::Ed25519PublicKey(*SigningKey::from_bytes(&[3; 32]).verifying_key().as_bytes());
        let authority = ssh_key::PublicKey::from(authority).fingerprint(ssh_key::HashAlg::Sha256);
        certificate.validate_at(1_000_000_000, [&authority]).expect("a valid certificate");
        assert!(certificate.validate_at(1_000_000_600, [&authority]).is_err(), "its last second is not inside");
    }

    #[test]
    fn serials_are_of_the_lease_and_fit_a_list() {
        let (a, b) = (Id::from_u128(1), Id::from_u128(2));
        assert_eq!(serial(a), serial(a));
        assert_ne!(serial(a), serial(b));
        assert_eq!(serial(a) >> 63, 0);
    }

    proptest! {
        #[test]
        fn any_text_stays_in_its_field(command in "[^\0\r\n]{1,80}", name in "[a-zA-Z0-9._-]{1,64}") {
            let principals = BTreeSet::from([format!("cf:r:{name}")]);
            let text = made(&principals, &BTreeSet::new(), Some(&command));
            let certificate: ssh_key::Certificate = text.parse().expect("a certificate");
            prop_assert_eq!(certificate.critical_options().get("force-command"), Some(&command));
            prop_assert_eq!(certificate.valid_principals(), [format!("cf:r:{name}")]);
            prop_assert!(certificate.extensions().is_empty());
        }
    }
}
