//! The signature of a webhook. Source: Standard Webhooks 1.0 (`webhook-signature: v1,<base64>`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use curfew_domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes a secret must have at least.
const LEAST_BYTES: usize = 16;

/// The secret is none that can sign. The message does not hold it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's secret is `whsec_` and base64, or any text, of 16 bytes at least")]
pub(super) struct NotASecret;

/// What signs the messages to one webhook.
pub(super) struct Signer(Zeroizing<Vec<u8>>);

impl Signer {
    /// From the secret as it is configured: `whsec_` and base64, or the bytes of any other text.
    pub(super) fn new(secret: &SecretString) -> Result<Self, NotASecret> {
        let text = secret.expose_secret();
        let key = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| NotASecret)?,
            None => text.as_bytes().to_vec(),
        };
        let key = Zeroizing::new(key);
        if key.len() < LEAST_BYTES { Err(NotASecret) } else { Ok(Self(key)) }
    }

    /// The value of `webhook-signature` for a message.
    pub(super) fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("INVARIANT: HMAC takes keys of any length");
        mac.update(format!("{id}.{}.", at.as_unix_seconds()).as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks reference libraries.
    #[test]
    fn signs_like_the_reference() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let signer = Signer::new(&secret).expect("a secret");
        let at = Timestamp::from_millis(1_614_265_330_000);
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn weak_secrets_are_refused() {
        for bad in ["", "short", "whsec_!!!", "whsec_c2hvcnQ="] {
            assert!(Signer::new(&SecretString::from(bad.to_owned())).is_err(), "{bad}");
        }
    }
}
