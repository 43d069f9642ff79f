//! What a tree holds, without looking into any blob.

use super::GitError;
use super::plumbing::Plumbing;
use crate::folder::{Found, MOST_ENTRIES};
use std::collections::BTreeMap;
use std::io::Read;

/// Bytes of a listing: more than the most entries there may be, with long names.
const LISTING_BYTES: u64 = 64 << 20;

/// Bytes of the line of one file.
const RECORD_BYTES: u64 = 16 * 1024;

/// A blob that may belong to the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) id: String,
    /// In bytes.
    pub(crate) size: u64,
}

/// The entries of a tree and the trees below it.
#[derive(Default)]
pub(crate) struct Listing {
    pub(crate) found: Found,
    /// By path, for those that are regular files.
    pub(crate) blobs: BTreeMap<String, Blob>,
}

/// Lists a tree.
pub(crate) fn list(git: &Plumbing, root: &str) -> Result<Listing, GitError> {
    let mut running = git.start("ls-tree", &["-r", "-l", "-z", "--full-tree", root])?;
    let mut bytes = Vec::new();
    let read = running.take_out().take(LISTING_BYTES).read_to_end(&mut bytes);
    read.map_err(|_| running.broken("could not be read"))?;
    if bytes.len() as u64 >= LISTING_BYTES {
        return Err(GitError::TooMany(MOST_ENTRIES));
    }
    running.ended_well()?;
    listing(&bytes)
}

/// One regular file of a commit, wherever it stands; none when there is no such file.
pub(crate) fn blob(git: &Plumbing, commit: &str, path: &str) -> Result<Option<Blob>, GitError> {
    let printed = git.printed("ls-tree", &["-l", "-z", "--full-tree", commit, "--", path], RECORD_BYTES)?;
    let text = String::from_utf8_lossy(&printed);
    let Some((facts, named)) = text.trim_end_matches('\0').split_once('\t') else { return Ok(None) };
    let mut facts = facts.split_ascii_whitespace();
    let (mode, _, id, size) = (facts.next(), facts.next(), facts.next(), facts.next());
    let is_file = matches!(mode, Some("100644" | "100755" | "100664")) && named == path;
    let (Some(id), Some(Ok(size))) = (id, size.map(str::parse)) else { return Ok(None) };
    Ok(is_file.then(|| Blob { id: id.to_owned(), size }))
}

fn listing(bytes: &[u8]) -> Result<Listing, GitError> {
    let mut listing = Listing::default();
    for record in bytes.split(|b| *b == 0).filter(|record| !record.is_empty()) {
        listing.found.entries += 1;
        if listing.found.entries > MOST_ENTRIES {
            return Err(GitError::TooMany(MOST_ENTRIES));
        }
        take(record, &mut listing).ok_or(GitError::Broken { verb: "ls-tree", what: "printed no listing" })?;
    }
    Ok(listing)
}

/// `<mode> <kind> <id> <size>\t<path>`.
fn take(record: &[u8], listing: &mut Listing) -> Option<()> {
    let tab = record.iter().position(|b| *b == b'\t')?;
    let facts = std::str::from_utf8(&record[..tab]).ok()?;
    let (mode, rest) = facts.split_once(' ')?;
    let mut rest = rest.split_ascii_whitespace();
    let (_kind, id, size) = (rest.next()?, rest.next()?, rest.next()?);
    let Ok(path) = std::str::from_utf8(&record[tab + 1..]) else {
        listing.found.badly_named.push(String::from_utf8_lossy(&record[tab + 1..]).into_owned());
        return Some(());
    };
    if is_hidden(path) {
        return Some(());
    }
    match mode {
        // No tool makes such a tree; one that does wants somebody to step out of the folder.
        _ if path.split('/').any(|part| matches!(part, "" | "." | "..")) => {
            listing.found.irregular.push((path.to_owned(), "a path that leaves its folder"));
        }
        "100644" | "100755" | "100664" => {
            listing.found.regular.push(path.to_owned());
            listing.blobs.insert(path.to_owned(), Blob { id: id.to_owned(), size: size.parse().ok()? });
        }
        "120000" => listing.found.irregular.push((path.to_owned(), "a symbolic link")),
        "160000" => listing.found.irregular.push((path.to_owned(), "a submodule")),
        _ => listing.found.irregular.push((path.to_owned(), "no regular file")),
    }
    Some(())
}

/// As in a folder on disk: what begins with a dot never belongs, save the file that says what does not.
fn is_hidden(path: &str) -> bool {
    let dotted = |part: &str| part.starts_with('.') && part != "." && part != "..";
    // A folder in its place is seen, so that it can be refused.
    let is_ignore_file = path.split('/').next() == Some(curfew_policy::IGNORE_FILE);
    !is_ignore_file && path.split('/').any(dotted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(mode: &str, kind: &str, path: &str) -> Vec<u8> {
        format!("{mode} {kind} {} {:>7}\t{path}\0", "a".repeat(40), if kind == "commit" { "-" } else { "12" })
            .into_bytes()
    }

    #[test]
    fn only_regular_files_are_blobs() {
        let bytes = [
            record("100644", "blob", "a.yaml"),
            record("100755", "blob", "x/b.yaml"),
            record("120000", "blob", "link.yaml"),
            record("160000", "commit", "module"),
            record("100644", "blob", "../up.yaml"),
            record("100644", "blob", "x/../../up.yaml"),
            record("100644", "blob", ".git/config.yaml"),
            record("100644", "blob", ".curfewignore"),
            record("100644", "blob", "tab\tin.yaml"),
        ]
        .concat();
        let listing = listing(&bytes).expect("a listing");
        assert_eq!(listing.found.regular, ["a.yaml", "x/b.yaml", ".curfewignore", "tab\tin.yaml"]);
        let irregular: Vec<_> = listing.found.irregular.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(irregular, ["link.yaml", "module", "../up.yaml", "x/../../up.yaml"]);
        assert_eq!(listing.blobs["a.yaml"].size, 12);
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        for bytes in [&b"garbage\0"[..], b"100644 blob abc\tx\0", b"100644 blob abc many\tx.yaml\0"] {
            assert!(listing(bytes).is_err());
        }
    }
}
