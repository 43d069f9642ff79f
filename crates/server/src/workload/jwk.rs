//! Public keys as JSON Web Keys (RFC 7517), of the three kinds that are taken.
//!
//! **Invariant:** a key says with which algorithm it is used, by what it is. What a token's header says can only be compared
//! with that.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Bits of an RSA modulus. A longer one takes the time of others to check.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// What only a private or a shared key has (RFC 7518, section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// RS256.
    Rsa {
        /// The modulus, big-endian, without leading zeros.
        n: Vec<u8>,
        /// The exponent, likewise.
        e: Vec<u8>,
    },
    /// ES256: both coordinates.
    P256([[u8; 32]; 2]),
    /// EdDSA.
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// The key of a JWK; none when it is of another kind, not fit for checking signatures, or not public.
    pub(super) fn of(jwk: &Map<String, Value>) -> Option<Self> {
        if PRIVATE.iter().any(|member| jwk.contains_key(*member)) || !is_for_signatures(jwk) {
            return None;
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let word = |name: &str| bytes(name).and_then(|b| <[u8; 32]>::try_from(b).ok());
        let key = match (text("kty")?, text("crv")) {
            ("RSA", None) => {
                let (n, e) = (without_zeros(bytes("n")?), without_zeros(bytes("e")?));
                let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
                if !RSA_BITS.contains(&bits) {
                    return None;
                }
                Self::Rsa { n, e }
            }
            ("EC", Some("P-256")) => Self::P256([word("x")?, word("y")?]),
            ("OKP", Some("Ed25519")) => Self::Ed25519(word("x")?),
            (_, _) => return None,
        };
        let says = jwk.get("alg").map_or(Some(key.algorithm()), Value::as_str);
        (says == Some(key.algorithm())).then_some(key)
    }

    /// What it is used with.
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    /// Whether it made this signature.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Self::P256([x, y]) => {
                let point = [&[4u8], x.as_slice(), y.as_slice()].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Self::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature).is_ok(),
        }
    }

    /// Its RFC 7638 thumbprint, in base 64.
    pub(super) fn thumbprint(&self) -> String {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        // The members that are required, written in the order of their names, which is also how they are printed.
        let members = match self {
            Self::Rsa { n, e } => json!({"e": b64(e), "kty": "RSA", "n": b64(n)}),
            Self::P256([x, y]) => json!({"crv": "P-256", "kty": "EC", "x": b64(x), "y": b64(y)}),
            Self::Ed25519(x) => json!({"crv": "Ed25519", "kty": "OKP", "x": b64(x)}),
        };
        b64(&Sha256::digest(members.to_string()))
    }
}

fn is_for_signatures(jwk: &Map<String, Value>) -> bool {
    let is_use = jwk.get("use").is_none_or(|purpose| purpose == "sig");
    let is_operation = jwk
        .get("key_ops")
        .is_none_or(|ops| ops.as_array().is_some_and(|ops| ops.iter().any(|operation| operation == "verify")));
    is_use && is_operation
}

fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes[zeros..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(jwk: Value) -> Option<PublicKey> {
        PublicKey::of(jwk.as_object().expect("an object"))
    }

    #[test]
    fn thumbprints_are_those_of_the_standards() {
        // RFC 8037, appendix A.3.
        let edwards = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert_eq!(key(edwards).expect("a key").thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let rsa = json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
        assert_eq!(key(rsa).expect("a key").thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn only_public_keys_for_signatures_of_these_kinds() {
        let x = URL_SAFE_NO_PAD.encode([9; 32]);
        let edwards = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        assert!(key(edwards.clone()).is_some());
        for (member, value) in [
            ("d", json!(x)),
            ("k", json!("x")),
            ("use", json!("enc")),
            ("key_ops", json!(["sign"])),
            ("alg", json!("HS256")),
            ("alg", json!("RS256")),
            ("alg", json!(7)),
            ("crv", json!("X25519")),
            ("kty", json!("oct")),
            ("x", json!(URL_SAFE_NO_PAD.encode([9; 31]))),
        ] {
            let mut other = edwards.clone();
            other[member] = value;
            assert_eq!(key(other.clone()), None, "{other}");
        }
        assert!(key(json!({"kty": "OKP", "crv": "Ed25519", "x": x, "use": "sig", "key_ops": ["verify"]})).is_some());
        let rsa =
            |bytes: usize| key(json!({"kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(vec![0xC1; bytes])}));
        assert!(rsa(256).is_some() && rsa(255).is_none() && rsa(1_024).is_some() && rsa(1_025).is_none());
    }
}
