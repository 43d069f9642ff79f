//! Copies of repositories made by the tests with the `git` and `ssh-keygen` of the machine.

use super::*;
use crate::git::tests::{Made, here, paths};
use std::process::Command;

/// A key of somebody.
struct Key {
    folder: tempfile::TempDir,
}

impl Key {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&file).status();
        assert!(made.expect("ssh-keygen runs").success());
        Self { folder }
    }

    fn file(&self) -> String {
        self.folder.path().join("key").display().to_string()
    }

    fn public(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("key.pub")).expect("a public key").trim().to_owned()
    }
}

impl Made {
    /// Commits what there is, signed with a key.
    fn signed(&self, key: &Key) -> String {
        self.git(&["add", "--all"]);
        let signing = format!("user.signingkey={}", key.file());
        let commit = ["commit", "--quiet", "--allow-empty", "--message", "x", "--gpg-sign"];
        self.git(&[&["-c", "gpg.format=ssh", "-c", signing.as_str()], commit.as_slice()].concat());
        self.git(&["rev-parse", "HEAD"])
    }

    fn remote(&self) -> Remote {
        Remote::new(&self.folder.path().display().to_string(), "main").expect("a remote")
    }
}

fn list(lines: &[(&str, &Key)]) -> Signers {
    let text: String = lines.iter().map(|(who, key)| format!("{who} {}\n", key.public())).collect();
    Signers::new(text.into_bytes()).expect("a list")
}

fn mirror(made: &Made) -> (tempfile::TempDir, Mirror) {
    let state = tempfile::tempdir().expect("a folder");
    let mirror = Mirror::open(&here(), &state.path().join("policy.git"), made.remote()).expect("a copy");
    (state, mirror)
}

fn unsigned(found: Result<Vec<String>, SignatureError>) -> &'static str {
    match found {
        Err(SignatureError::Unsigned { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_branch_is_followed_and_read() {
    let made = Made::new();
    made.write("policies/a.yaml", "one");
    made.write("keys", "k");
    let first = made.commit();
    let (state, mirror) = mirror(&made);
    assert_eq!(mirror.fetch().expect("fetched"), first);
    let files = mirror.files(&first, "policies/").expect("read").expect("a folder");
    assert_eq!(paths(&files), [("a.yaml", "one")]);
    assert!(mirror.files(&first, "nowhere/").expect("read").is_none());
    assert_eq!(mirror.file(&first, "keys").expect("read").as_deref(), Some(&b"k"[..]));
    for none in ["nothing", "policies"] {
        assert_eq!(mirror.file(&first, none).expect("read"), None, "{none}");
    }
    made.write("policies/a.yaml", "two");
    let second = made.commit();
    made.git(&["rm", "--quiet", "keys"]);
    let third = made.commit();
    assert_eq!(mirror.fetch().expect("fetched"), third);
    let steps: Vec<String> =
        mirror.steps(Between { from: &first, to: &third }).expect("steps").into_iter().map(|s| s.commit).collect();
    assert_eq!(steps, [second.clone(), third.clone()]);
    let leads = |from: &str, to: &str| mirror.leads(Between { from, to }).expect("known");
    assert!(leads(&first, &third) && leads(&first, &first) && !leads(&third, &first));
    let changed: Vec<String> =
        mirror.differences(Between { from: &first, to: &third }).expect("known").into_iter().collect();
    assert_eq!(changed, ["keys", "policies/a.yaml"]);
    assert_eq!(mirror.commit(&second[..12]).expect("known"), second);
    assert!(mirror.commit("nowhere").is_err());
    // A process that died left this behind.
    std::fs::write(state.path().join("policy.git/refs/curfew/seen.lock"), "").expect("written");
    made.write("b.yaml", "x");
    let last = made.commit();
    assert_eq!(mirror.fetch().map_err(|e| e.to_string()), Ok(last));
}

#[test]
fn a_rewritten_branch_is_seen_and_the_old_commits_stay() {
    let made = Made::new();
    made.commit();
    made.write("a.yaml", "one");
    let old = made.commit();
    let (_state, mirror) = mirror(&made);
    mirror.fetch().expect("fetched");
    made.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    made.write("a.yaml", "other");
    let new = made.commit();
    assert_eq!(mirror.fetch().expect("fetched"), new);
    assert!(!mirror.leads(Between { from: &old, to: &new }).expect("known"));
    assert_eq!(paths(&mirror.files(&old, "").expect("read").expect("there")), [("a.yaml", "one")]);
}

#[test]
fn what_a_repository_configures_does_not_run() {
    let made = Made::new();
    made.write("a.yaml", "one");
    let commit = made.commit();
    let proof = made.folder.path().join("ran");
    let command = format!("touch {}; false", proof.display());
    for key in ["uploadpack.packObjectsHook", "core.alternateRefsCommand", "core.fsmonitor", "core.sshCommand"] {
        made.git(&["config", key, &command]);
    }
    let (_state, mirror) = mirror(&made);
    assert_eq!(mirror.fetch().expect("fetched"), commit);
    assert!(!proof.exists());
}

#[test]
fn only_listed_keys_over_this_very_text_count() {
    let (ann, eve) = (Key::new(), Key::new());
    let made = Made::new();
    made.write("a.yaml", "one");
    let good = made.signed(&ann);
    let by_eve = made.signed(&eve);
    let plain = made.commit();
    // The signature of one commit on another text.
    let raw = made.git(&["cat-file", "commit", &good]);
    made.write("forged", &(raw.replace("\n\nx", "\n\ny") + "\n"));
    let forged = made.git(&["hash-object", "-t", "commit", "-w", "forged"]);
    made.git(&["reset", "--quiet", "--hard", &forged]);
    made.git(&["branch", "kept", &plain]);
    let (_state, mirror) = mirror(&made);
    mirror.fetch().expect("fetched");
    let signers = list(&[("ann@example.com", &ann)]);
    mirror
        .git
        .carry_out(
            "fetch",
            &Order {
                args: ["--quiet", "--", mirror.remote.address(), "+refs/heads/kept:refs/curfew/kept"]
                    .map(OsString::from)
                    .to_vec(),
                settings: mirror.remote.settings(),
                environment: Vec::new(),
            },
            FETCH_WITHIN,
        )
        .expect("fetched");
    assert_eq!(mirror.signers([good.as_str()], &signers).expect("signed"), ["ann@example.com"]);
    assert_eq!(unsigned(mirror.signers([good.as_str(), by_eve.as_str()], &signers)), "its key is not in the list");
    assert_eq!(unsigned(mirror.signers([plain.as_str()], &signers)), "it has no signature");
    let wrong = "its signature is not of this text, or the key may not sign commits now";
    assert_eq!(unsigned(mirror.signers([forged.as_str()], &signers)), wrong);
    let both = list(&[("eve@example.com", &eve), ("ann@example.com", &ann)]);
    assert_eq!(
        mirror.signers([by_eve.as_str(), good.as_str()], &both).expect("signed"),
        ["eve@example.com", "ann@example.com"]
    );
}

#[test]
fn a_key_that_has_run_out_does_not_sign_by_an_older_date() {
    let ann = Key::new();
    let made = Made::new();
    let signing = format!("user.signingkey={}", ann.file());
    let mut command = Command::new("git");
    command.current_dir(made.folder.path()).env("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "gpg.format=ssh", "-c", &signing]);
    command.args(["commit", "--quiet", "--allow-empty", "--message", "x", "--gpg-sign"]);
    assert!(command.status().expect("git runs").success());
    let commit = made.git(&["rev-parse", "HEAD"]);
    let (_state, mirror) = mirror(&made);
    mirror.fetch().expect("fetched");
    for (options, counts) in [
        ("", true),
        ("namespaces=\"git\" ", true),
        ("valid-before=\"20210101\" ", false),
        ("namespaces=\"file\" ", false),
    ] {
        let text = format!("ann@example.com {options}{}\n", ann.public());
        let signers = Signers::new(text.into_bytes()).expect("a list");
        assert_eq!(mirror.signers([commit.as_str()], &signers).is_ok(), counts, "{options}");
    }
}

#[test]
fn what_is_not_there_says_so() {
    let made = Made::new();
    let (_state, mirror) = mirror(&made);
    let error = mirror.fetch().expect_err("there is no such branch").to_string();
    assert!(error.contains("no branch `main`"), "{error}");
    let gone = Remote::new("/nowhere/at/all.git", "main").expect("a remote");
    let folder = tempfile::tempdir().expect("a folder");
    let mirror = Mirror::open(&here(), &folder.path().join("policy.git"), gone).expect("a copy");
    assert!(mirror.fetch().is_err());
}

#[test]
fn what_is_not_there_is_said_by_its_name() {
    let made = Made::new();
    made.write("policies/a.yaml", "one");
    made.commit();
    let state = tempfile::tempdir().expect("a folder");
    let said = |remote: Remote, copy: &str| {
        let mirror = Mirror::open(&here(), &state.path().join(copy), remote).expect("a copy");
        mirror.fetch().expect_err("there is nothing").to_string()
    };
    let place = made.folder.path().display().to_string();
    let branch = Remote::new(&place, "mian").expect("a remote");
    assert_eq!(said(branch, "one.git"), "the repository has no branch `mian`");
    let nowhere = format!("{place}/nowhere.git");
    let remote = Remote::new(&nowhere, "main").expect("a remote");
    assert_eq!(said(remote, "two.git"), format!("git fetch: '{nowhere}' does not appear to be a git repository"));
}
