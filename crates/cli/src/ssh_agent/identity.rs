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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::credentials::Credential;
    use crate::secret::Iterations;
    use crate::state::GrantRecord;
    use ssh_key::certificate::{Builder, CertType};
    use std::collections::BTreeMap;

    const NOW: u64 = 1_772_445_600;

    /// A certificate of this key that ends then.
    fn certificate(key: &PrivateKey, end: u64) -> String {
        let authority = PrivateKey::from_openssh(
            SecretKind::SshPublicKey.make(&Machine::here(), Iterations::ANY_DRIVER).secret.as_bytes(),
        )
        .expect("a key");
        let mut builder =
            Builder::new([7; 16], key.public_key().key_data().clone(), NOW - 60, end).expect("a validity");
        builder.cert_type(CertType::User).expect("a kind");
        builder.valid_principal("cf:hosts/web:shell").expect("a principal");
        builder.sign(&authority).expect("signed").to_openssh().expect("a text")
    }

    #[test]
    fn a_key_is_offered_with_each_certificate_that_is_not_over() {
        let base = tempfile::tempdir().expect("a folder");
        let machine = Machine::with(base.path(), [("CURFEW_STATE".into(), base.path().join("s").into())]);
        let state = StateFolder::of(&machine).expect("a state folder");
        let id = Id::<Grant>::new(Timestamp::from_millis(0), [1; 10]);
        let (folder, resource) = (GrantFolder::of(&state, id), "hosts/web".parse().expect("a name"));
        let made = SecretKind::SshPublicKey.make(&machine, Iterations::ANY_DRIVER);
        let key = PrivateKey::from_openssh(made.secret.as_bytes()).expect("a key");
        let keep = |name: &str, text: &str| folder.keep(&machine, (&resource, name), text).expect("kept");
        let files = [
            ("key", keep("key", &made.secret)),
            ("certificate", keep("certificate", &certificate(&key, NOW + 2))),
            ("certificate_restart", keep("certificate_restart", &certificate(&key, NOW + 1))),
            ("certificate_stop", keep("certificate_stop", "no certificate")),
        ];
        let offered = |seconds: u64| {
            let now = Timestamp::from_millis(i64::try_from(seconds * 1_000).expect("a time"));
            let all = files.iter().filter_map(|(name, _)| one(&folder, (&resource, name), now));
            all.map(|identity| identity.name).collect::<Vec<_>>()
        };
        assert_eq!(offered(NOW), ["hosts/web", "hosts/web restart"]);
        assert_eq!(offered(NOW + 1), ["hosts/web"]);
        assert_eq!(offered(NOW + 2), Vec::<String>::new());

        let record = GrantRecord {
            server: "http://127.0.0.1:1".to_owned(),
            request_id: Id::new(Timestamp::from_millis(0), [2; 10]),
            halves: BTreeMap::new(),
            expires_at: None,
            asked_until: None,
            credentials: vec![Credential {
                resource: resource.clone(),
                connector: "ssh".to_owned(),
                env: BTreeMap::new(),
                files: [
                    ("key", keep("key", &made.secret)),
                    ("certificate", keep("certificate", &certificate(&key, 4_102_444_800))),
                ]
                .map(|(name, path)| (name.to_owned(), path))
                .into(),
            }],
        };
        folder.keep_record(&machine, &record).expect("kept");
        assert_eq!(of_grants(&machine, &[id]).len(), 1);
        folder.remove().expect("removed");
        assert_eq!(of_grants(&machine, &[id]).len(), 0, "what was returned is not offered");
    }
}
