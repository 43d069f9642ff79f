//! The agent's protocol (IETF, draft-ietf-sshm-ssh-agent): two questions are answered, all others are refused.

use super::Identity;

/// Bytes of a message at most, as OpenSSH's own agent has it.
pub(super) const LONGEST: u32 = 256 * 1024;

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Question<'a> {
    /// What is there.
    Identities,
    /// A signature of these bytes, with the key of this certificate.
    Sign { blob: &'a [u8], data: &'a [u8] },
}

impl<'a> Question<'a> {
    /// None when it is another question, or none at all. The flags of a question to sign choose between hashes of RSA, so
    /// they say nothing here.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let (kind, rest) = message.split_first()?;
        match *kind {
            REQUEST_IDENTITIES => Some(Self::Identities),
            SIGN_REQUEST => {
                let (blob, rest) = string(rest)?;
                let (data, flags) = string(rest)?;
                (flags.len() == 4).then_some(Self::Sign { blob, data })
            }
            _ => None,
        }
    }
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// What there is.
pub(super) fn identities(all: &[Identity]) -> Vec<u8> {
    let mut body = vec![IDENTITIES_ANSWER];
    body.extend(number(all.len()));
    for identity in all {
        put(&mut body, identity.blob());
        put(&mut body, identity.name().as_bytes());
    }
    message(&body)
}

/// An Ed25519 signature (RFC 8709, section 6).
pub(super) fn signed(signature: &[u8; 64]) -> Vec<u8> {
    let mut of_its_kind = Vec::new();
    put(&mut of_its_kind, b"ssh-ed25519");
    put(&mut of_its_kind, signature);
    let mut body = vec![SIGN_RESPONSE];
    put(&mut body, &of_its_kind);
    message(&body)
}

/// No.
pub(super) fn failure() -> Vec<u8> {
    message(&[FAILURE])
}

fn message(body: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(4 + body.len());
    put(&mut all, body);
    all
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(number(bytes.len()));
    to.extend(bytes);
}

fn number(n: usize) -> [u8; 4] {
    u32::try_from(n).expect("INVARIANT: what is answered is far below 4 GiB").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_whole_or_not_at_all() {
        assert_eq!(Question::read(&[11]), Some(Question::Identities));
        let sign = [&[13, 0, 0, 0, 2][..], b"kb", &[0, 0, 0, 3], b"abc", &[0, 0, 0, 0]].concat();
        assert_eq!(Question::read(&sign), Some(Question::Sign { blob: b"kb", data: b"abc" }));
        for end in 0..sign.len() {
            assert_eq!(Question::read(&sign[..end]), None, "{end}");
        }
        assert_eq!(Question::read(&[&sign[..], &[0]].concat()), None);
        assert_eq!(Question::read(&[13, 0xff, 0xff, 0xff, 0xff]), None);
        for other in 0..=u8::MAX {
            assert!(matches!(other, 11 | 13) || Question::read(&[other]).is_none(), "{other}");
        }
    }

    #[test]
    fn answers_say_how_long_they_are() {
        assert_eq!(failure(), [0, 0, 0, 1, 5]);
        let answer = signed(&[9; 64]);
        assert_eq!(answer[..9], [0, 0, 0, 88, 14, 0, 0, 0, 83]);
        assert_eq!(answer[9..13], [0, 0, 0, 11]);
        assert_eq!(answer.len(), 92);
    }
}
