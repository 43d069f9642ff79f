//! What was found, for the programs that show it: SARIF 2.1.0 and the workflow commands of GitHub for problems, JUnit
//! for the results of tests.
//!
//! **Invariant:** paths are as the person named them, so that a check at the root of a repository annotates
//! the repository's own files.

mod github;
mod junit;
mod sarif;

pub(super) use github::annotations;
pub(super) use junit::junit;
pub(super) use sarif::{sarif, sarif_of_failure};

use curfew_policy::{Problem, SourceFile};

/// A problem and where a code host finds its text.
pub(super) struct Located<'a> {
    pub(super) problem: &'a Problem,
    /// With `/`, relative to where the command ran.
    pub(super) path: String,
    /// The column after the last one, in characters, when the offending text is known and ends in its line.
    pub(super) end_column: Option<u32>,
}

impl<'a> Located<'a> {
    pub(super) fn new(problem: &'a Problem, path: String, source: Option<&SourceFile>) -> Self {
        let end_column = source.and_then(|source| end_column(problem, source));
        Self { problem, path, end_column }
    }

    /// What is wrong and what to do about it, in one text.
    fn text(&self) -> String {
        match self.problem.hint.as_str() {
            "" => self.problem.message.clone(),
            hint => format!("{}\n{hint}", self.problem.message),
        }
    }
}

fn end_column(problem: &Problem, source: &SourceFile) -> Option<u32> {
    let span = problem.span?;
    let text = source.bytes.get(span.offset..span.offset.checked_add(span.len)?)?;
    let first_line = text.split(|b| matches!(b, b'\n' | b'\r')).next()?;
    let width = u32::try_from(String::from_utf8_lossy(first_line).chars().count()).ok()?;
    (width > 0).then(|| problem.column.saturating_add(width))
}
