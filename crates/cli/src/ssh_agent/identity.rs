//! What the agent offers: the key of each SSH lease with each of its certificates.

use crate::machine::Machine;
use crate::secret::SecretKind;
use crate::state::{GrantFolder, StateFolder};
use curfew_domain::{Grant, Id, ResourceName, Timestamp};
use ed25519_dalek::{Signer, SigningKey};
use ssh_key::{Certificate, PrivateKey};

/// A key with one certificate. It has no `Debug`: half of it is secret.
pub(crate) struct Identity {
    key: SigningKey,
    certificate: Vec<u8>,
    name: String,
}

impl Identity {
    /// The certificate, as clients name the key.
    pub(super) fn blob(&self) -> &[u8] {
        &self.certificate
    }

    /// What `ssh-add -l` shows: the resource, and the action where it has a certificate of its own.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The signature of these bytes.
    pub(super) fn sign(&self, data: &[u8]) -> [u8; 64] {
        self.key.sign(data).to_bytes()
    }

    #[cfg(test)]
    pub(super) fn of_seed(seed: [u8; 32]) -> Self {
        let key = SigningKey::from_bytes(&seed);
        Self { certificate: key.verifying_key().to_bytes().to_vec(), key, name: "a key".to_owned() }
    }
}

/// What these grants have on this machine now. A grant that was returned has nothing, and a certificate that is over is not
/// offered: hosts count every key that is.
pub(crate) fn of_grants(machine: &Machine, grants: &[Id<Grant>]) -> Vec<Identity> {
    let Ok(state) = StateFolder::of(machine) else { return Vec::new() };
    let mut all = Vec::new();
    for id in grants {
        let folder = GrantFolder::of(&state, *id);
        // What cannot be read is not there: an agent has nobody to tell.
        let Ok(Some(record)) = folder.record() else { continue };
        for credential in &record.credentials {
            let certificates = credential.files.keys().filter(|name| name.starts_with("certificate"));
            all.extend(certificates.filter_map(|name| one(&folder, (&credential.resource, name), machine.now())));
        }
    }
    all
}

fn one(folder: &GrantFolder, (resource, name): (&ResourceName, &str), now: Timestamp) -> Option<Identity> {
    let text = folder.read(resource, SecretKind::SshPublicKey.file_name()).ok()??;
    let key = PrivateKey::from_openssh(text.as_bytes()).ok()?;
    let key = SigningKey::from(&key.key_data().ed25519()?.private);
    let certificate = Certificate::from_openssh(folder.read(resource, name).ok()??.trim()).ok()?;
    let now = u64::try_from(now.as_millis() / 1_000).ok()?;
    if certificate.valid_before() <= now {
        return None;
    }
    let action = name.strip_prefix("certificate_").map(|action| format!(" {action}")).unwrap_or_default();
    Some(Identity { key, certificate: certificate.to_bytes().ok()?, name: format!("{resource}{action}") })
}
