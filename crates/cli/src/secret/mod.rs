//! Secrets that are made here, and never leave this machine: only their public halves do.

mod pgpass;
mod scram;
mod ssh;

pub(crate) use pgpass::{Login, pgpass_line};
pub(crate) use scram::Iterations;

use crate::failure::Failure;
use crate::machine::Machine;
use zeroize::Zeroizing;

/// A fresh secret with what may be shown of it.
pub(crate) struct Made {
    /// The secret half, as it is kept in its file.
    pub(crate) secret: Zeroizing<String>,
    /// The public half, as it is sent.
    pub(crate) public: String,
}

/// The kinds of secret this program can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// A password, of which a SCRAM-SHA-256 verifier is sent.
    ScramSha256,
    /// An ed25519 key pair, of which the public key is sent.
    SshPublicKey,
}

impl SecretKind {
    /// Every kind, with the word that connectors use.
    const ALL: [(&'static str, SecretKind); 2] =
        [("scram_sha_256", SecretKind::ScramSha256), ("ssh_public_key", SecretKind::SshPublicKey)];

    /// The names of the files that hold secret halves, whatever their kind.
    pub(crate) const FILES: [&'static str; 2] = ["password", "key"];

    /// The kind of this word.
    pub(crate) fn parse(word: &str) -> Result<Self, Failure> {
        let found = Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
        found.ok_or_else(|| {
            Failure::no("unknown_public_half", format!("this version of curfew cannot make a secret of kind `{word}`"))
                .hint("use a newer curfew, or one of the server's own version")
        })
    }

    /// The word that connectors use.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ScramSha256 => "scram_sha_256",
            Self::SshPublicKey => "ssh_public_key",
        }
    }

    /// The name of the file that holds the secret half.
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::ScramSha256 => "password",
            Self::SshPublicKey => "key",
        }
    }

    /// Makes a secret of this kind.
    pub(crate) fn make(self, machine: &Machine, iterations: Iterations) -> Made {
        match self {
            Self::ScramSha256 => scram::make(machine.random(), machine.random(), iterations),
            Self::SshPublicKey => ssh::make(machine.random()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for (word, kind) in SecretKind::ALL {
            assert_eq!(SecretKind::parse(word), Ok(kind));
            assert_eq!(kind.word(), word);
            assert!(SecretKind::FILES.contains(&kind.file_name()));
        }
        assert!(SecretKind::parse("plaintext").is_err());
    }

    #[test]
    fn the_public_half_does_not_hold_the_secret() {
        for (_, kind) in SecretKind::ALL {
            let made = kind.make(&Machine::here(), Iterations::LIBPQ);
            assert!(!made.public.contains(made.secret.trim()), "{kind:?}");
        }
    }
}
