//! The secrets of one grant, in a folder that goes when the grant does.

use super::{StateFolder, private};
use crate::failure::Failure;
use crate::machine::Machine;
use curfew_domain::{Grant, Id, Request, ResourceName, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use zeroize::Zeroizing;

const RECORD: &str = "grant.json";

/// What is known of a grant without asking the server. Nothing in it is secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GrantRecord {
    /// The server that gave it.
    pub(crate) server: String,
    /// The request it came from.
    pub(crate) request_id: Id<Request>,
    /// The public half for each resource: the same is sent again when an answer was lost.
    pub(crate) halves: BTreeMap<ResourceName, Half>,
    /// When it ends by itself, once it is activated.
    #[serde(default)]
    pub(crate) expires_at: Option<Timestamp>,
    /// The later end that was asked for and that people have to approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked_until: Option<Timestamp>,
    /// How to connect, once it is activated.
    #[serde(default)]
    pub(crate) credentials: Vec<crate::commands::credentials::Credential>,
}

impl GrantRecord {
    /// Whether it is over by its own time, and by the later one that was asked for.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end.max(self.asked_until.unwrap_or(end)) < now)
    }
}

/// A public half that was made here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Half {
    /// `scram_sha_256`, `ssh_public_key`.
    pub(crate) kind: String,
    /// The half itself.
    pub(crate) value: String,
}

/// Where the secrets of one grant are.
#[derive(Debug, Clone)]
pub(crate) struct GrantFolder {
    path: PathBuf,
}

impl GrantFolder {
    /// The folder of this grant; it need not be there.
    pub(crate) fn of(state: &StateFolder, id: Id<Grant>) -> Self {
        Self { path: state.root().join("grants").join(id.to_string()) }
    }

    /// The folder of the grant that this request became, if it was activated on this machine.
    pub(crate) fn of_request(state: &StateFolder, id: Id<Request>) -> Result<Option<(Id<Grant>, Self)>, Failure> {
        for grant in kept_grants(state) {
            let folder = Self::of(state, grant);
            if folder.record()?.is_some_and(|record| record.request_id == id) {
                return Ok(Some((grant, folder)));
            }
        }
        Ok(None)
    }

    /// What is known of the grant; none when it was not activated here.
    pub(crate) fn record(&self) -> Result<Option<GrantRecord>, Failure> {
        let path = self.path.join(RECORD);
        let Some(text) = private::read(&path)? else { return Ok(None) };
        let wrong = |_| Failure::wrong_use(format!("{} cannot be understood", path.display()));
        serde_json::from_str(&text).map(Some).map_err(wrong)
    }

    /// Keeps what is known of the grant.
    pub(crate) fn keep_record(&self, machine: &Machine, record: &GrantRecord) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(record).expect("INVARIANT: a record serializes");
        private::write(machine, &self.path.join(RECORD), &text)
    }

    /// Where a file of one resource is.
    pub(crate) fn file(&self, resource: &ResourceName, name: &str) -> PathBuf {
        self.path.join(folder_name(resource)).join(name)
    }

    /// Keeps a file of one resource.
    pub(crate) fn keep(
        &self,
        machine: &Machine,
        (resource, name): (&ResourceName, &str),
        text: &str,
    ) -> Result<PathBuf, Failure> {
        let path = self.file(resource, name);
        private::write(machine, &path, text.as_bytes())?;
        Ok(path)
    }

    /// A file of one resource, if it is there.
    pub(crate) fn read(&self, resource: &ResourceName, name: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        private::read(&self.file(resource, name))
    }

    /// Removes everything of the grant. One that is not there is removed already.
    pub(crate) fn remove(&self) -> Result<(), Failure> {
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::file("remove", &self.path, &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    #[cfg(test)]
    fn path(&self) -> &std::path::Path {
        &self.path
    }
}

/// The grants that were activated on this machine and not yet cleared away.
fn kept_grants(state: &StateFolder) -> Vec<Id<Grant>> {
    let Ok(entries) = std::fs::read_dir(state.root().join("grants")) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Removes what is kept of grants that are over by their own time. What cannot be read is left for a person.
pub(crate) fn sweep(state: &StateFolder, now: Timestamp) {
    for id in kept_grants(state) {
        let folder = GrantFolder::of(state, id);
        let ended = folder.record().is_ok_and(|record| record.is_some_and(|r| r.is_over(now)));
        if ended {
            // Best effort: the credential in it opens nothing any more.
            let _ = folder.remove();
        }
    }
}

/// A resource's name as one path segment: readable, and a hash because `..` is a resource name too.
fn folder_name(resource: &ResourceName) -> String {
    let readable: String = resource.as_str().chars().take(48).map(|c| if c == '/' { '_' } else { c }).collect();
    let hash = hex::encode(&Sha256::digest(resource.as_str())[..4]);
    format!("r-{readable}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn resource(text: &str) -> ResourceName {
        text.parse().expect("a resource name")
    }

    #[test]
    fn folder_names_are_one_plain_segment_each() {
        let long = "x/".repeat(120) + "y";
        let names: Vec<_> = ["a/b", "a_b", "..", ".", "../..", &long].map(|n| folder_name(&resource(n))).into();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| !name.contains('/') && name.starts_with("r-") && name.len() < 64), "{names:?}");
    }

    #[test]
    fn a_grant_is_found_by_its_request_and_removed_whole() {
        let base = tempfile::tempdir().expect("a folder");
        let machine = Machine::with(base.path(), [("CURFEW_STATE".into(), base.path().join("s").into())]);
        let state = StateFolder::of(&machine).expect("a state folder");
        let at = Timestamp::from_millis(1_772_445_600_000);
        let (grant, request) = (Id::<Grant>::new(at, [1; 10]), Id::<Request>::new(at, [2; 10]));
        let folder = GrantFolder::of(&state, grant);
        assert!(folder.record().expect("read").is_none());
        let record = GrantRecord {
            server: "http://127.0.0.1:1".into(),
            request_id: request,
            halves: BTreeMap::new(),
            expires_at: None,
            asked_until: None,
            credentials: Vec::new(),
        };
        folder.keep_record(&machine, &record).expect("kept");
        folder.keep(&machine, (&resource("a/b"), "password"), "x").expect("kept");
        let found = GrantFolder::of_request(&state, request).expect("read").map(|(id, _)| id);
        assert_eq!(found, Some(grant));
        let later = Timestamp::from_millis(at.as_millis() + 10);
        let asked = GrantRecord { expires_at: Some(at), asked_until: Some(later), ..record.clone() };
        folder.keep_record(&machine, &asked).expect("kept");
        sweep(&state, Timestamp::from_millis(at.as_millis() + 1));
        assert!(folder.path().exists(), "more time may have been approved");
        folder.keep_record(&machine, &GrantRecord { expires_at: Some(at), ..record.clone() }).expect("kept");
        sweep(&state, at);
        assert!(folder.path().exists(), "not over yet");
        sweep(&state, Timestamp::from_millis(at.as_millis() + 1));
        assert!(!folder.path().exists(), "over");
        folder.keep_record(&machine, &record).expect("kept");
        folder.remove().expect("removed");
        folder.remove().expect("removed twice");
        assert!(!folder.path().exists());
        assert_eq!(kept_grants(&state), []);
    }
}
