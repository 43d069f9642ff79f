//! Proofs that a call comes from who holds the key of a sign-in (DPoP, RFC 9449).
//!
//! A machine's sign-in is bound to a key that its client made and never sends. Each call carries a proof of its own,
//! good for this method, this address and this minute; whoever reads a call has nothing to make another with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

/// The header that a proof stands in.
pub(super) const HEADER: &str = "DPoP";

/// The ed25519 key that a machine's sign-in is bound to. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct ProofKey(SigningKey);

impl std::fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProofKey").finish_non_exhaustive()
    }
}

impl ProofKey {
    /// A key that nobody has.
    #[allow(clippy::disallowed_methods, reason = "the client stands outside the simulated world")]
    pub fn fresh() -> Self {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).expect("INVARIANT: the system gives random bytes");
        Self::from_seed(&seed)
    }

    /// The key of a seed that [`ProofKey::to_seed`] gave.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The secret itself, for a file that only its owner reads.
    pub fn to_seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// A proof for one call, made now.
    pub(super) fn prove(&self, method: &Method, url: &Url, token: Option<&str>) -> String {
        let mut id = [0u8; 16];
        fill(&mut id);
        self.prove_as(&Claims { method, url, token, id: &id, at: unix_seconds() })
    }

    /// The compact JWS (RFC 7515) of a proof (RFC 9449, section 4.2).
    fn prove_as(&self, claims: &Claims<'_>) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes());
        let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}});
        let mut payload = json!({
            "jti": URL_SAFE_NO_PAD.encode(claims.id),
            "htm": claims.method.as_str(),
            "htu": target(claims.url),
            "iat": claims.at,
        });
        if let Some(token) = claims.token {
            payload["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())).into();
        }
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&header), part(&payload));
        let signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// What one proof says.
struct Claims<'a> {
    method: &'a Method,
    url: &'a Url,
    token: Option<&'a str>,
    id: &'a [u8; 16],
    at: u64,
}

/// The address without query and fragment.
fn target(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[allow(clippy::disallowed_methods, reason = "the client stands outside the simulated world")]
fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("INVARIANT: the system gives random bytes");
}

#[allow(clippy::disallowed_methods, reason = "the client stands outside the simulated world")]
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signature, Verifier};

    fn parts(proof: &str) -> (serde_json::Value, serde_json::Value) {
        let parts: Vec<&str> = proof.split('.').collect();
        let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base 64")).expect("JSON");
        assert_eq!(parts.len(), 3);
        (json(parts[0]), json(parts[1]))
    }

    #[test]
    fn a_proof_says_what_rfc_9449_asks_for() {
        let key = ProofKey::from_seed(&[7; 32]);
        let url: Url = "https://curfew.example.com/api/v1/runs/a%2Fb?x=1#y".parse().expect("a URL");
        let proof = key.prove(&Method::POST, &url, Some("cfw_x"));
        let (header, claims) = parts(&proof);
        assert_eq!((&header["typ"], &header["alg"]), (&"dpop+jwt".into(), &"EdDSA".into()));
        let members: std::collections::BTreeSet<_> = header["jwk"].as_object().expect("a key").keys().collect();
        assert_eq!(members.into_iter().collect::<Vec<_>>(), ["crv", "kty", "x"], "nothing that is private");
        assert_eq!(claims["htm"], "POST");
        assert_eq!(claims["htu"], "https://curfew.example.com/api/v1/runs/a%2Fb");
        assert_eq!(claims["ath"], URL_SAFE_NO_PAD.encode(Sha256::digest("cfw_x")));
        assert!(claims["iat"].as_u64().is_some_and(|at| at > 1_700_000_000));
        let (signed, signature) = proof.rsplit_once('.').expect("three parts");
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).expect("base 64")).expect("64 bytes");
        key.0.verifying_key().verify(signed.as_bytes(), &signature).expect("its own signature");
    }

    #[test]
    fn no_two_proofs_are_one_and_none_is_without_an_id() {
        let (key, url) = (ProofKey::fresh(), "http://127.0.0.1:1/".parse::<Url>().expect("a URL"));
        let proofs = [key.prove(&Method::GET, &url, None), key.prove(&Method::GET, &url, None)];
        assert_ne!(proofs[0], proofs[1]);
        assert_ne!(parts(&proofs[0]).1["jti"], parts(&proofs[1]).1["jti"]);
        assert_eq!(parts(&proofs[0]).1["ath"], serde_json::Value::Null);
    }

    #[test]
    fn a_key_comes_back_from_its_seed_and_is_not_printed() {
        let key = ProofKey::fresh();
        assert_eq!(ProofKey::from_seed(&key.to_seed()).to_seed(), key.to_seed());
        assert_ne!(ProofKey::fresh().to_seed(), key.to_seed());
        assert_eq!(format!("{key:?}"), "ProofKey { .. }");
    }
}
