//! Objects copied out of the store as they are: the blobs of a listing, and commits.

use super::GitError;
use super::plumbing::{Plumbing, Running};
use super::tree::{Blob, Listing};
use crate::folder::{self, MOST_BYTES, PolicyFiles};
use curfew_domain::limits;
use curfew_policy::{IGNORE_FILE, SourceFile, select_files};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::ChildStdout;

/// Bytes of the line before an object.
const HEADER_BYTES: u64 = 256;
/// One more than a policy file may have, so that the checker sees that it is too large.
const FILE_BYTES: u64 = limits::POLICY_FILE_BYTES as u64 + 1;

/// The files of the set; `place` is how a person would name the folder: `<commit>:policies/`.
pub(super) fn files(git: &Plumbing, listing: Listing, place: &str) -> Result<PolicyFiles, GitError> {
    let mut source = Source::open(git)?;
    let ignore = listing.blobs.get(IGNORE_FILE).map(|blob| source.blob(blob)).transpose()?;
    let (ignore, not_text) = folder::ignore_text(ignore);
    let selection = select_files(&listing.found.regular, ignore.as_deref());
    let mut problems = selection.problems;
    problems.extend(not_text);
    problems.extend(folder::irregular(&listing.found, ignore.as_deref()));
    let (mut files, mut total) = (Vec::new(), 0);
    for path in selection.files {
        let blob = &listing.blobs[&path];
        total += blob.size.min(FILE_BYTES);
        if total > MOST_BYTES as u64 {
            return Err(GitError::TooLarge(MOST_BYTES));
        }
        files.push(SourceFile { bytes: source.blob(blob)?, path });
    }
    source.close()?;
    Ok(PolicyFiles { folder: PathBuf::from(place), files, problems })
}

/// One `git cat-file --batch`, asked for an object at a time.
pub(crate) struct Source {
    running: Running,
    out: BufReader<ChildStdout>,
}

impl Source {
    pub(crate) fn open(git: &Plumbing) -> Result<Self, GitError> {
        let mut running = git.start("cat-file", &["--batch"])?;
        let out = running.take_out();
        Ok(Self { running, out: BufReader::new(out) })
    }

    /// The bytes of a blob, at most one more than a policy file may have.
    pub(crate) fn blob(&mut self, blob: &Blob) -> Result<Vec<u8>, GitError> {
        let (bytes, size) = self.object(&blob.id, "blob")?;
        if size == blob.size { Ok(bytes) } else { Err(broken("does not have an object of the tree: fetch it first")) }
    }

    /// The bytes of an object of this kind, at most one more than a policy file may have, and how many there are.
    pub(crate) fn object(&mut self, id: &str, kind: &str) -> Result<(Vec<u8>, u64), GitError> {
        let input = self.running.input.as_mut().ok_or(broken("does not listen"))?;
        input.write_all(format!("{id}\n").as_bytes()).map_err(|_| broken("does not listen"))?;
        let mut header = String::new();
        let read = self.out.by_ref().take(HEADER_BYTES).read_line(&mut header);
        read.map_err(|_| broken("printed no header"))?;
        let size = header.strip_prefix(&format!("{id} {kind} ")).and_then(|size| size.trim_end().parse::<u64>().ok());
        let size = size.ok_or(broken("does not have an object of the tree: fetch it first"))?;
        let mut bytes = Vec::new();
        let wanted = size.min(FILE_BYTES);
        let got = self.out.by_ref().take(wanted).read_to_end(&mut bytes).map_err(|_| broken("stopped early"))?;
        // What is beyond the bound, and the newline after the object.
        let rest = size - wanted + 1;
        let skipped = std::io::copy(&mut self.out.by_ref().take(rest), &mut std::io::sink());
        let whole = got as u64 == wanted && skipped.is_ok_and(|skipped| skipped == rest);
        if whole { Ok((bytes, size)) } else { Err(broken("stopped early")) }
    }

    pub(crate) fn close(self) -> Result<(), GitError> {
        drop(self.out);
        self.running.ended_well()
    }
}

fn broken(what: &'static str) -> GitError {
    GitError::Broken { verb: "cat-file", what }
}
