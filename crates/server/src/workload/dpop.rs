//! The proof that a call comes from who holds the key of a sign-in (RFC 9449, section 4.3).

use super::jwk::PublicKey;
use super::jws::Jws;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curfew_domain::Timestamp;
use http::{HeaderMap, Method};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

/// The header a proof stands in.
const HEADER: &str = "dpop";
/// Bytes of a proof.
const PROOF_BYTES: usize = 4 * 1024;
/// Bytes of its id.
const ID_BYTES: usize = 128;
/// Seconds that the client's clock may be off.
const LEEWAY: i64 = 60;

/// The call that a proof has to be for.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    /// Whether an address without query and fragment is that of the call.
    pub(crate) is_at: &'a dyn Fn(&Url) -> bool,
    /// The text of the sign-in's token; none when it is to be had.
    pub(crate) token: Option<&'a str>,
    pub(crate) now: Timestamp,
    /// The first second whose proofs are taken.
    pub(crate) since: i64,
}

/// A proof that holds for its call. Whether it was used before is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The RFC 7638 thumbprint, in base 64, of the key.
    pub(crate) thumbprint: String,
    /// What its client calls it.
    pub(crate) id: String,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProofRefused {
    /// There is none.
    #[error("this takes a proof of the sign-in's key (the `DPoP` header)")]
    Missing,
    /// It is no such proof, or there are several.
    #[error("the `DPoP` header is no proof: one JWS of type dpop+jwt, at most 4 KiB")]
    Malformed,
    /// Its key is private, or of a kind that is not taken.
    #[error("the proof's key is no public key for EdDSA (Ed25519) or ES256 (P-256)")]
    Key,
    /// Its key did not sign it.
    #[error("the proof's signature does not hold")]
    Signature,
    /// It is for another method or address.
    #[error("the proof is for another call")]
    OtherCall,
    /// It is for another token, or for none.
    #[error("the proof is for another token")]
    OtherToken,
    /// Its time is more than a minute off.
    #[error("the proof's time is more than a minute off: check the clock of this machine")]
    Stale,
    /// It was made before this server started.
    #[error("the proof was made before this server started: make another")]
    BeforeStart,
    /// It is of another key than the sign-in.
    #[error("the proof is of another key than the sign-in's")]
    OtherKey,
    /// It came before.
    #[error("the proof was used before")]
    Again,
}

/// Checks the proof in a call's headers.
///
/// # Errors
/// See [`ProofRefused`].
pub(crate) fn prove(headers: &HeaderMap, call: &Call<'_>) -> Result<Proof, ProofRefused> {
    let mut all = headers.get_all(HEADER).iter();
    let text = all.next().ok_or(ProofRefused::Missing)?;
    let text = text.to_str().ok().filter(|text| text.len() <= PROOF_BYTES && all.next().is_none());
    let jws = text.and_then(Jws::parse).filter(|jws| jws.says("typ") == Some("dpop+jwt"));
    let jws = jws.ok_or(ProofRefused::Malformed)?;
    let key = jws.header.get("jwk").and_then(Value::as_object).and_then(PublicKey::of);
    let key = match key {
        Some(key @ (PublicKey::Ed25519(_) | PublicKey::P256(_))) => key,
        Some(PublicKey::Rsa { .. }) | None => return Err(ProofRefused::Key),
    };
    if !jws.is_signed_by(&key) {
        return Err(ProofRefused::Signature);
    }
    let text = |name: &str| jws.payload.get(name).and_then(Value::as_str);
    let id = text("jti").filter(|id| (1..=ID_BYTES).contains(&id.len())).ok_or(ProofRefused::Malformed)?;
    let address = text("htu").and_then(|address| Url::parse(address).ok());
    let is_call = text("htm") == Some(call.method.as_str()) && address.is_some_and(|url| (call.is_at)(&url));
    if !is_call {
        return Err(ProofRefused::OtherCall);
    }
    let at = jws.payload.get("iat").and_then(Value::as_i64).ok_or(ProofRefused::Malformed)?;
    match call.now.as_unix_seconds().abs_diff(at) {
        off if off > LEEWAY.unsigned_abs() => return Err(ProofRefused::Stale),
        _ if at < call.since => return Err(ProofRefused::BeforeStart),
        _ => {}
    }
    let wanted = call.token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())));
    let is_for_token = match (text("ath"), &wanted) {
        (Some(said), Some(wanted)) => said.as_bytes().ct_eq(wanted.as_bytes()).into(),
        (None, Some(_)) => false,
        // Where the token is still to be had, there is none that it could be for.
        (_, None) => !jws.payload.contains_key("ath"),
    };
    if !is_for_token {
        return Err(ProofRefused::OtherToken);
    }
    Ok(Proof { thumbprint: key.thumbprint(), id: id.to_owned() })
}

impl Proof {
    /// Whether it is of this key, in a time that does not depend on where they differ.
    pub(crate) fn is_of(&self, thumbprint: &str) -> bool {
        self.thumbprint.as_bytes().ct_eq(thumbprint.as_bytes()).into()
    }
}
