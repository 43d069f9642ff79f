//! Who signed a commit: an SSH signature, made with a key of an allowed-signers file (ssh-keygen(1), ALLOWED SIGNERS).
//!
//! What is signed is the commit without its signature, as git-commit(1) with `gpg.format=ssh` writes it. `ssh-keygen`
//! checks it at the time it arrives, not at the time the commit claims: a key that has run out must not be able to sign
//! by writing an older date.

use crate::git::{GitError, Surroundings};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// What git signs under (git-config(1), `gpg.format`).
const NAMESPACE: &str = "git";
/// Bytes of a file of allowed signers.
const SIGNERS_BYTES: usize = 1 << 20;
/// Bytes of what `ssh-keygen` prints.
const ANSWER_BYTES: u64 = 16 * 1024;
/// Principals of one key that are tried.
const PRINCIPALS: usize = 16;

/// The keys whose signatures count, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers(Vec<u8>);

impl Signers {
    /// The text of an allowed-signers file; none when it is too long, or names nobody.
    pub fn new(text: Vec<u8>) -> Option<Self> {
        let names_somebody = text.split(|b| *b == b'\n').any(|line| {
            let line = line.trim_ascii_start();
            !line.is_empty() && !line.starts_with(b"#")
        });
        (text.len() <= SIGNERS_BYTES && names_somebody).then_some(Self(text))
    }
}

/// Why a commit counts as nobody's.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// It has no signature that could be checked.
    #[error("commit {} is not signed by an allowed signer: {why}", short(commit))]
    Unsigned {
        /// Which.
        commit: String,
        /// What is wrong.
        why: &'static str,
    },
    /// It could not be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The program that checks signatures does not do so.
    #[error("cannot run ssh-keygen: {0}")]
    NoKeygen(std::io::Error),
}

/// The principal of the list whose key made the signature of a commit.
pub(crate) fn signer_of(
    surroundings: &Surroundings,
    scratch: &Path,
    signers: &Signers,
    (commit, raw): (&str, &[u8]),
) -> Result<String, SignatureError> {
    let unsigned = |why| SignatureError::Unsigned { commit: commit.to_owned(), why };
    let signed = split(raw).map_err(unsigned)?;
    let (list, signature) = (scratch.join("signers"), scratch.join("signature"));
    for (file, bytes) in [(&list, &signers.0), (&signature, &signed.signature)] {
        let why = |error: std::io::Error| GitError::Copy { path: file.clone(), why: error.to_string() };
        fs::write(file, bytes).map_err(why)?;
    }
    let keygen = |verb: &str, more: &[&str], input: &[u8]| {
        let mut command = Command::new("ssh-keygen");
        command.env_clear().env("LC_ALL", "C");
        command.envs(surroundings.path.iter().map(|path| ("PATH", path)));
        command.args(["-Y", verb, "-f"]).arg(&list).arg("-s").arg(&signature).args(more);
        answer(command, input).map_err(SignatureError::NoKeygen)
    };
    let Some(names) = keygen("find-principals", &[], b"")? else {
        return Err(unsigned("its key is not in the list"));
    };
    for name in names.lines().take(PRINCIPALS) {
        if keygen("verify", &["-n", NAMESPACE, "-I", name], &signed.payload)?.is_some() {
            return Ok(name.to_owned());
        }
    }
    Err(unsigned("its signature is not of this text, or the key may not sign commits now"))
}

/// What a program prints when it ends well.
fn answer(mut command: Command, input: &[u8]) -> std::io::Result<Option<String>> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that has made up its mind does not read on.
        let _ = stdin.write_all(input);
    }
    let mut printed = String::new();
    if let Some(out) = child.stdout.take() {
        let read = out.take(ANSWER_BYTES).read_to_string(&mut printed);
        if read.is_err() {
            let _ = child.kill();
        }
    }
    Ok(child.wait()?.success().then_some(printed))
}

/// A commit and its signature, apart.
struct Signed {
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// Takes the signature out of a commit. The head has to be in git's own order, with one signature: what is checked must
/// be what git goes by when it reads trees and parents.
fn split(raw: &[u8]) -> Result<Signed, &'static str> {
    let (mut payload, mut signature): (Vec<u8>, Option<Vec<u8>>) = (Vec::new(), None);
    let mut lines = raw.split_inclusive(|b| *b == b'\n');
    let mut in_signature = false;
    let mut fixed = ["tree ", "author ", "committer "].into_iter().peekable();
    for line in lines.by_ref() {
        if line == b"\n" {
            payload.extend_from_slice(line);
            break;
        }
        match (line.strip_prefix(b" "), &mut signature) {
            (Some(more), Some(signature)) if in_signature => {
                signature.extend_from_slice(more);
                continue;
            }
            _ => in_signature = false,
        }
        if let Some(expected) = fixed.peek() {
            let is_parent = *expected == "author " && line.starts_with(b"parent ");
            if !is_parent && !line.starts_with(expected.as_bytes()) {
                return Err("its head is not in the order that git writes");
            }
            if !is_parent {
                fixed.next();
            }
        } else if line.starts_with(b"gpgsig-") {
            return Err("it has a second signature of another kind");
        } else if ["tree ", "parent ", "author ", "committer "].iter().any(|key| line.starts_with(key.as_bytes())) {
            return Err("its head is not in the order that git writes");
        } else if let Some(first) = line.strip_prefix(b"gpgsig ") {
            if signature.is_some() {
                return Err("it has more than one signature");
            }
            (signature, in_signature) = (Some(first.to_vec()), true);
            continue;
        }
        payload.extend_from_slice(line);
    }
    lines.for_each(|line| payload.extend_from_slice(line));
    match signature {
        None => Err("it has no signature"),
        Some(signature) if !signature.starts_with(b"-----BEGIN SSH SIGNATURE-----\n") => {
            Err("its signature is not one of SSH")
        }
        Some(signature) => Ok(Signed { payload, signature }),
    }
}

/// A commit's id as people say it.
fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "tree 1\nparent 2\nauthor a\ncommitter c\n";
    const SIGNATURE: &str = "gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n";

    #[test]
    fn the_signature_is_taken_out_and_nothing_else() {
        let signed =
            split(format!("{HEAD}{SIGNATURE}encoding x\n\ngpgsig not one\n text\n").as_bytes()).map_err(str::to_owned);
        let signed = signed.expect("signed");
        assert_eq!(signed.payload, format!("{HEAD}encoding x\n\ngpgsig not one\n text\n").into_bytes());
        assert_eq!(signed.signature, b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n");
    }

    #[test]
    fn what_git_would_read_otherwise_is_refused() {
        for (raw, why) in [
            (format!("{HEAD}\ntext\n"), "it has no signature"),
            (format!("{HEAD}\n{SIGNATURE}\n"), "it has no signature"),
            (
                format!("tree 1\n{SIGNATURE}parent 2\nauthor a\ncommitter c\n\n"),
                "its head is not in the order that git writes",
            ),
            (
                format!("tree 1\nparent 2\nauthor a\n{SIGNATURE}committer c\n\n"),
                "its head is not in the order that git writes",
            ),
            (format!("{HEAD}{SIGNATURE}parent 3\n\n"), "its head is not in the order that git writes"),
            (format!("{HEAD}{SIGNATURE}{SIGNATURE}\n"), "it has more than one signature"),
            (format!("{HEAD}gpgsig-sha256 x\n{SIGNATURE}\n"), "it has a second signature of another kind"),
            (format!("{HEAD}gpgsig -----BEGIN PGP SIGNATURE-----\n x\n\n"), "its signature is not one of SSH"),
            (String::new(), "it has no signature"),
        ] {
            assert_eq!(split(raw.as_bytes()).err(), Some(why), "{raw}");
        }
    }

    #[test]
    fn a_list_that_names_nobody_is_none() {
        assert!(Signers::new(b"# nobody\n\n  \n".to_vec()).is_none());
        assert!(Signers::new(vec![b'x'; SIGNERS_BYTES + 1]).is_none());
        assert!(Signers::new(b"ann@example.com ssh-ed25519 AAAA\n".to_vec()).is_some());
    }
}
