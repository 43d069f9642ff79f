//! What exactly an approval is for: the commit, image or plan that a run has to present.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Claims of tokens that are the commit a run is of, the first that is there: of GitHub and GitLab, of Buildkite.
pub const COMMIT_CLAIMS: [&str; 2] = ["sha", "build_commit"];

/// What kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtefactKind {
    /// A commit, by its id; compared with what the run's token says.
    Commit,
    /// A container image, by its digest.
    Image,
    /// A plan of changes, by the SHA-256 of its file.
    Plan,
}

impl ArtefactKind {
    /// The word, as on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Image => "image",
            Self::Plan => "plan",
        }
    }
}

/// One thing, by a hash of it: hex in lower case, without `sha256:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Artefact {
    /// What it is.
    pub kind: ArtefactKind,
    /// Its hash.
    value: String,
}

/// The text is no hash of that kind of thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a commit is 40 or 64 hex digits; an image or plan is `sha256:` and 64 hex digits, or those alone")]
pub struct NotAnArtefact;

#[derive(Deserialize)]
struct Unchecked {
    kind: ArtefactKind,
    value: String,
}

impl TryFrom<Unchecked> for Artefact {
    type Error = NotAnArtefact;
    fn try_from(of: Unchecked) -> Result<Self, NotAnArtefact> {
        Self::new(of.kind, &of.value)
    }
}

impl Artefact {
    /// From a hash as people write it.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(kind: ArtefactKind, text: &str) -> Result<Self, NotAnArtefact> {
        let (lengths, bare): (&[usize], &str) = match kind {
            ArtefactKind::Commit => (&[40, 64], text),
            ArtefactKind::Image | ArtefactKind::Plan => (&[64], text.strip_prefix("sha256:").unwrap_or(text)),
        };
        if lengths.contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self { kind, value: bare.to_ascii_lowercase() });
        }
        Err(NotAnArtefact)
    }

    /// The hash: hex in lower case.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Artefact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.value)
    }
}

/// How it is known that a run presents a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presented {
    /// Its provider's signed token says so.
    Token,
    /// Curfew's own program hashed it where it runs.
    Measured,
    /// The run says so, and nothing else does.
    Claimed,
}

/// A thing that a run presents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PresentedArtefact {
    /// The thing.
    #[serde(flatten)]
    pub artefact: Artefact,
    /// How that is known. What is only claimed is shown and counts for nothing.
    pub by: Presented,
}

impl PresentedArtefact {
    /// Whether it counts as this very thing.
    pub fn is(&self, wanted: &Artefact) -> bool {
        let counts = match (wanted.kind, self.by) {
            (ArtefactKind::Commit, Presented::Token) => true,
            (ArtefactKind::Image | ArtefactKind::Plan, Presented::Measured) => true,
            (ArtefactKind::Commit, Presented::Measured | Presented::Claimed) => false,
            (ArtefactKind::Image | ArtefactKind::Plan, Presented::Token | Presented::Claimed) => false,
        };
        counts && self.artefact == *wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_hashes() {
        let (short, long) = ("c0ffee25".repeat(5), "C0FFEE25".repeat(8));
        let commit = Artefact::new(ArtefactKind::Commit, &short).expect("a commit");
        assert_eq!((commit.value(), commit.to_string()), (short.as_str(), format!("commit {short}")));
        let plan = Artefact::new(ArtefactKind::Plan, &format!("sha256:{long}")).expect("a plan");
        assert_eq!(plan.value(), long.to_lowercase());
        assert_eq!(Artefact::new(ArtefactKind::Image, &long).map(|a| a.value().len()), Ok(64));
        for (kind, bad) in [
            (ArtefactKind::Commit, "main".to_owned()),
            (ArtefactKind::Commit, short[..39].to_owned()),
            (ArtefactKind::Commit, format!("sha256:{long}")),
            (ArtefactKind::Plan, short.clone()),
            (ArtefactKind::Image, format!("sha512:{long}")),
            (ArtefactKind::Image, "g".repeat(64)),
        ] {
            assert_eq!(Artefact::new(kind, &bad), Err(NotAnArtefact), "{bad}");
        }
        let json = format!(r#"{{"kind":"plan","value":"sha256:{long}"}}"#);
        assert_eq!(serde_json::from_str::<Artefact>(&json).expect("JSON"), plan);
        assert!(serde_json::from_str::<Artefact>(r#"{"kind":"plan","value":"x"}"#).is_err());
    }

    #[test]
    fn only_what_somebody_else_vouches_for_counts() {
        let commit = Artefact::new(ArtefactKind::Commit, &"a".repeat(40)).expect("a commit");
        let plan = Artefact::new(ArtefactKind::Plan, &"b".repeat(64)).expect("a plan");
        let by = |artefact: &Artefact, by| PresentedArtefact { artefact: artefact.clone(), by };
        assert!(by(&commit, Presented::Token).is(&commit) && by(&plan, Presented::Measured).is(&plan));
        for (of, how) in [
            (&commit, Presented::Measured),
            (&commit, Presented::Claimed),
            (&plan, Presented::Token),
            (&plan, Presented::Claimed),
        ] {
            assert!(!by(of, how).is(of), "{of} {how:?}");
        }
        assert!(!by(&commit, Presented::Token).is(&Artefact { value: "c".repeat(40), ..commit.clone() }));
    }
}
