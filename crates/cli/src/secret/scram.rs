//! SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677) in PostgreSQL's form, made where the password is made.

use super::Made;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// How often PBKDF2 hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Iterations(u32);

impl Iterations {
    /// Where Curfew itself starts a libpq client: a 256-bit random password needs no stretching.
    pub(crate) const LIBPQ: Self = Self(1);
    /// Everywhere else: some drivers (pgjdbc) refuse fewer.
    pub(crate) const ANY_DRIVER: Self = Self(4_096);
}

/// A password of 32 random bytes as URL-safe ASCII, which SASLprep (RFC 4013) leaves as it is.
pub(super) fn make(random: [u8; 32], salt: [u8; 16], iterations: Iterations) -> Made {
    let random = Zeroizing::new(random);
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(random.as_slice()));
    let public = verifier(&secret, &salt, iterations);
    Made { secret, public }
}

/// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, as PostgreSQL keeps it.
fn verifier(password: &str, salt: &[u8], iterations: Iterations) -> String {
    let mut salted = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations.0, salted.as_mut_slice());
    let client_key = Zeroizing::new(keyed(salted.as_slice(), b"Client Key"));
    let stored_key = Sha256::digest(client_key.as_slice());
    let server_key = keyed(salted.as_slice(), b"Server Key");
    let [salt, stored, server] = [salt, &stored_key, &server_key].map(|bytes| BASE64.encode(bytes));
    format!("SCRAM-SHA-256${}:{salt}${stored}:{server}", iterations.0)
}

fn keyed(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("INVARIANT: HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3: the verifier must accept the client's proof and give the
    /// server's signature that are printed there.
    #[test]
    fn agrees_with_rfc_7677() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
        let text = verifier("pencil", &salt, Iterations::ANY_DRIVER);
        let (head, keys) = text.rsplit_once('$').expect("three parts");
        assert_eq!(head, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==");
        let (stored, server) = keys.split_once(':').expect("two keys");
        let [stored, server] = [stored, server].map(|key| BASE64.decode(key).expect("base64"));
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let message =
            format!("n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}");
        let proof = BASE64.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").expect("base64");
        let signature = keyed(&stored, message.as_bytes());
        let client_key: Vec<u8> = proof.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        assert_eq!(Sha256::digest(client_key).as_slice(), stored);
        assert_eq!(BASE64.encode(keyed(&server, message.as_bytes())), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn passwords_are_256_bits_of_plain_ascii() {
        let made = make([0xfb; 32], [7; 16], Iterations::LIBPQ);
        assert_eq!(made.secret.len(), 43);
        assert!(made.secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        assert!(made.public.starts_with("SCRAM-SHA-256$1:BwcHBwcHBwcHBwcHBwcHBw==$"), "{}", made.public);
        assert!(make([1; 32], [7; 16], Iterations::ANY_DRIVER).public.starts_with("SCRAM-SHA-256$4096:"));
    }
}
