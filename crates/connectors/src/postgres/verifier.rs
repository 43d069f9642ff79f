//! SCRAM-SHA-256 verifiers (RFC 5803, RFC 7677): parsed strictly and rebuilt, because a text that is none
//! would be taken for a password, and one with 20 million iterations would hold a backend for seconds.

use super::settings::Iterations;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use curfew_domain::limits::PUBLIC_HALF_BYTES;

const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;

/// A checked verifier. It is no secret in the sense that it logs nobody in, yet it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Verifier {
    iterations: u32,
    salt: [u8; SALT_BYTES],
    stored_key: [u8; KEY_BYTES],
    server_key: [u8; KEY_BYTES],
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier({} iterations)", self.iterations)
    }
}

/// Why a public half is not taken. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAVerifier {
    /// Not of the form.
    #[error("the public half is not SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>")]
    Malformed,
    /// The salt or a key has another length.
    #[error("a SCRAM-SHA-256 verifier has a 16-byte salt and two 32-byte keys")]
    WrongLength,
    /// The resource asks for another number of iterations.
    #[error("the verifier has {given} iterations; this resource takes {wanted}")]
    Iterations {
        /// What was sent.
        given: u32,
        /// What the resource says.
        wanted: Iterations,
    },
}

impl Verifier {
    /// Reads a verifier with one of the iterations that the resource takes.
    pub(crate) fn parse(text: &str, wanted: Iterations) -> Result<Self, NotAVerifier> {
        let malformed = NotAVerifier::Malformed;
        let text = Some(text).filter(|t| t.len() <= PUBLIC_HALF_BYTES);
        let rest = text.and_then(|t| t.strip_prefix("SCRAM-SHA-256$")).ok_or(malformed.clone())?;
        let (head, keys) = rest.split_once('$').ok_or(malformed.clone())?;
        let (iterations, salt) = head.split_once(':').ok_or(malformed.clone())?;
        let (stored, server) = keys.split_once(':').ok_or(malformed.clone())?;
        let plain = !iterations.is_empty() && iterations.bytes().all(|b| b.is_ascii_digit());
        if !plain || iterations.starts_with('0') {
            return Err(malformed);
        }
        let given = iterations.parse().map_err(|_| malformed)?;
        if !wanted.takes(given) {
            return Err(NotAVerifier::Iterations { given, wanted });
        }
        Ok(Self { iterations: given, salt: bytes(salt)?, stored_key: bytes(stored)?, server_key: bytes(server)? })
    }

    /// The verifier as PostgreSQL keeps it, built from its parts.
    pub(crate) fn rebuild(&self) -> String {
        let [salt, stored, server] = [&self.salt[..], &self.stored_key, &self.server_key].map(|b| STANDARD.encode(b));
        format!("SCRAM-SHA-256${}:{salt}${stored}:{server}", self.iterations)
    }
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], NotAVerifier> {
    let decoded = STANDARD.decode(text).map_err(|_| NotAVerifier::Malformed)?;
    decoded.try_into().map_err(|_| NotAVerifier::WrongLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(iterations: &str, salt: usize, stored: usize, server: usize) -> String {
        let [salt, stored, server] = [salt, stored, server].map(|n| STANDARD.encode(vec![7u8; n]));
        format!("SCRAM-SHA-256${iterations}:{salt}${stored}:{server}")
    }

    #[test]
    fn right_ones_are_rebuilt_as_they_were() {
        for (iterations, wanted) in
            [("1", Iterations::Auto), ("4096", Iterations::Auto), ("77", Iterations::Exactly(77))]
        {
            let text = text(iterations, 16, 32, 32);
            assert_eq!(Verifier::parse(&text, wanted).map(|v| v.rebuild()), Ok(text));
        }
    }

    #[test]
    fn iterations_are_exactly_what_was_chosen() {
        for (given, wanted) in [(2, Iterations::Auto), (20_000_000, Iterations::Auto), (1, Iterations::Exactly(4_096))]
        {
            let text = text(&given.to_string(), 16, 32, 32);
            assert_eq!(Verifier::parse(&text, wanted), Err(NotAVerifier::Iterations { given, wanted }));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for (iterations, salt, stored, server) in
            [("1", 15, 32, 32), ("1", 16, 31, 32), ("1", 16, 32, 33), ("1", 0, 0, 0)]
        {
            let text = text(iterations, salt, stored, server);
            assert_eq!(Verifier::parse(&text, Iterations::Auto), Err(NotAVerifier::WrongLength), "{text}");
        }
        let good = text("1", 16, 32, 32);
        for bad in [
            "hunter2",
            "",
            "md5d41d8cd98f00b204e9800998ecf8427e",
            &good.to_lowercase(),
            &format!(" {good}"),
            &format!("{good}\n"),
            &text("01", 16, 32, 32),
            &text("+1", 16, 32, 32),
            &text("", 16, 32, 32),
            &text("99999999999", 16, 32, 32),
            &good.replace('=', ""),
            &good.replacen('$', "", 1),
            &"x".repeat(2_000),
        ] {
            assert_eq!(Verifier::parse(bad, Iterations::Auto), Err(NotAVerifier::Malformed), "{bad}");
        }
    }

    #[test]
    fn it_is_not_printed() {
        let verifier = Verifier::parse(&text("1", 16, 32, 32), Iterations::Auto).expect("good");
        assert_eq!(format!("{verifier:?}"), "Verifier(1 iterations)");
    }
}
