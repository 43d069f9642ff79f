//! Signed tokens in their compact form (RFC 7515), read before anything of them is believed.

use super::jwk::PublicKey;
use super::strict;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curfew_domain::limits;
use serde_json::{Map, Value};

/// A token whose signature nobody has checked yet.
pub(super) struct Jws<'a> {
    pub(super) header: Map<String, Value>,
    pub(super) payload: Map<String, Value>,
    /// What was signed: header and payload as they came.
    pub(super) signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes a token apart. None when it is too long, or no such token, or it says `crit`: what that names would have to be
    /// understood, and nothing is.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > limits::WORKLOAD_TOKEN_BYTES {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        // The decoder takes one spelling of each text only: no padding, nothing in the bits left over.
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let header = strict::object(&part(header)?)?;
        if header.contains_key("crit") {
            return None;
        }
        Some(Self { header, payload: strict::object(&part(payload)?)?, signed, signature: part(signature)? })
    }

    /// A text of the header.
    pub(super) fn says(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// Whether the header says the algorithm that this key is used with, and the key made the signature.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.says("alg") == Some(key.algorithm()) && key.has_signed(self.signed.as_bytes(), &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(header), part(payload), part("sig!"))
    }

    #[test]
    fn a_token_has_three_parts_of_one_spelling() {
        let good = token(r#"{"alg":"ES256"}"#, r#"{"sub":"x"}"#);
        assert!(Jws::parse(&good).is_some_and(|jws| jws.says("alg") == Some("ES256") && jws.payload["sub"] == "x"));
        for bad in [
            String::new(),
            "..".to_owned(),
            good.replace('.', ""),
            format!("{good}."),
            format!("{good}=="),
            format!("{good}.x"),
            good.replacen('.', " .", 1),
            // Another spelling of the same signature: the bits left over are not zero.
            format!("{}R", &good[..good.len() - 1]),
            token(r#"{"alg":"ES256","alg":"none"}"#, "{}"),
            token(r#"{"alg":"ES256"}"#, r#"{"aud":"a","aud":"b"}"#),
            token(r#"{"alg":"ES256","crit":["exp"]}"#, "{}"),
            token(r#"{"alg":"ES256"}"#, "[]"),
            token(r#"{"alg":"ES256"}"#, &format!(r#"{{"x":"{}"}}"#, "y".repeat(16 * 1024))),
        ] {
            assert!(Jws::parse(&bad).is_none(), "{bad}");
        }
    }
}
