//! SSH key pairs.

use super::Made;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

/// An ed25519 pair of this seed: the private key in OpenSSH's file format, and the public key as in
/// `authorized_keys`, without a comment that could say who or where.
pub(super) fn make(seed: [u8; 32]) -> Made {
    let seed = Zeroizing::new(seed);
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
    let key = PrivateKey::new(pair, "").expect("INVARIANT: an ed25519 pair is a key");
    let secret = key.to_openssh(LineEnding::LF).expect("INVARIANT: an ed25519 key has a file format");
    let public = key.public_key().to_openssh().expect("INVARIANT: an ed25519 key has a text");
    Made { secret, public: public.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_of_one_pair() {
        let made = make([9; 32]);
        let key = PrivateKey::from_openssh(made.secret.as_bytes()).expect("a key file");
        assert!(made.public.starts_with("ssh-ed25519 AAAA") && made.public.split(' ').count() == 2, "{}", made.public);
        assert_eq!(key.public_key().to_openssh().expect("a text").trim(), made.public);
        assert!(made.secret.ends_with("-----END OPENSSH PRIVATE KEY-----\n"));
    }
}
