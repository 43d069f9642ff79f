//! Tokens: 256 bits that nobody can guess, behind a prefix that says what they are.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curfew_engine::seams::Entropy;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What a person's token begins with, so that secret scanners know it.
pub(crate) const SESSION_PREFIX: &str = "cfs_";
/// What a machine's token begins with. It is taken only with a proof of the key that it is bound to.
pub(crate) const WORKLOAD_PREFIX: &str = "cfw_";
/// What an SSH host's token begins with.
pub(crate) const HOST_PREFIX: &str = "cfh_";

/// Characters of 32 bytes in base 64 without padding.
const BODY_CHARS: usize = 43;

/// A token's text. It has no `Debug`.
pub(crate) struct Token(Zeroizing<String>);

impl Token {
    /// A new one.
    pub(crate) fn fresh(prefix: &'static str, entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        entropy.fill(bytes.as_mut_slice());
        Self(Zeroizing::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(*bytes))))
    }

    /// The one that a provider's token is exchanged for by whoever has the key of this thumbprint. The same two give the same
    /// again, so that a lost answer is no second sign-in; the provider's signature is in it, which nobody can guess.
    pub(crate) fn bound(provider_token: &str, key_thumbprint: &str) -> Self {
        let mut hash = Sha256::new();
        for part in ["curfew: a workload's sign-in", key_thumbprint, provider_token] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        Self(Zeroizing::new(format!("{WORKLOAD_PREFIX}{}", URL_SAFE_NO_PAD.encode(hash.finalize()))))
    }

    /// Of its text, if that has this prefix and the length of a token.
    pub(crate) fn of(text: &str, prefix: &'static str) -> Option<Self> {
        let sound = text.starts_with(prefix) && text.len() == prefix.len() + BODY_CHARS;
        sound.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The one in the `Authorization` header, if it has this prefix and the length of a token.
    pub(crate) fn presented(headers: &HeaderMap, prefix: &'static str) -> Presented {
        match Authorization::of(headers) {
            Authorization::Absent => Presented::Nothing,
            Authorization::Of { scheme, text } if scheme.eq_ignore_ascii_case("bearer") => {
                Self::of(text, prefix).map_or(Presented::Malformed, Presented::Token)
            }
            Authorization::Of { .. } | Authorization::Unreadable => Presented::Malformed,
        }
    }

    /// SHA-256 of the text, in hex: all that is kept.
    pub(crate) fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }

    /// The text, to be hashed.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The text, to be shown once to whom it belongs.
    pub(crate) fn reveal(&self) -> String {
        self.0.to_string()
    }
}

/// What stands in the `Authorization` header.
pub(super) enum Authorization<'a> {
    /// It is not there.
    Absent,
    /// It is there twice, or is no scheme with a text.
    Unreadable,
    /// A scheme, whose case means nothing, and what belongs to it.
    Of { scheme: &'a str, text: &'a str },
}

impl<'a> Authorization<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = all.next() else { return Self::Absent };
        let text = value.to_str().ok().filter(|_| all.next().is_none());
        match text.and_then(|text| text.split_once(' ')) {
            Some((scheme, text)) => Self::Of { scheme, text },
            None => Self::Unreadable,
        }
    }
}

/// Whether a call shows a token of a kind.
pub(crate) enum Presented {
    /// There is none.
    Nothing,
    /// It is not what such a token looks like.
    Malformed,
    /// It could be one.
    Token(Token),
}

/// Whether two hashes are one, in a time that does not depend on where they differ.
pub(crate) fn is_same_hash(ours: &str, theirs: &str) -> bool {
    ours.as_bytes().ct_eq(theirs.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.iter_mut().zip(0u8..).for_each(|(b, n)| *b = n);
        }
    }

    fn presented(value: &str) -> Presented {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).expect("a header"));
        Token::presented(&headers, SESSION_PREFIX)
    }

    #[test]
    fn a_token_is_read_back_to_the_same_hash() {
        let token = Token::fresh(SESSION_PREFIX, &Counting);
        let text = token.reveal();
        assert_eq!(text.len(), 47);
        let Presented::Token(read) = presented(&format!("bearer {text}")) else { panic!("a token") };
        assert!(is_same_hash(&read.hash(), &token.hash()));
        assert_eq!(token.hash().len(), 64);
    }

    #[test]
    fn what_is_no_token_is_told_from_nothing() {
        assert!(matches!(Token::presented(&HeaderMap::new(), SESSION_PREFIX), Presented::Nothing));
        let text = Token::fresh(SESSION_PREFIX, &Counting).reveal();
        for bad in
            ["", "Bearer", "Bearer ", "Bearer cfs_short", &format!("DPoP {text}"), &format!("Bearer {text}x"), &text]
        {
            assert!(matches!(presented(bad), Presented::Malformed), "{bad}");
        }
        let host = Token::fresh(HOST_PREFIX, &Counting).reveal();
        assert!(matches!(presented(&format!("Bearer {host}")), Presented::Malformed));
    }
}
