//! Every code that a problem can have: what it means, and a slip that has it with what to write instead.
//!
//! **Invariant:** no problem is recorded under a code that is not here ([`crate::problem::Problems`] asserts it where
//! debug assertions are on), and the tests produce each from its own example.

mod files;
mod lints;
mod meaning;
#[cfg(test)]
mod tests;
mod values;

use crate::problem::Severity;

/// A kind of problem.
#[derive(Debug, Clone, Copy)]
pub struct ProblemKind {
    /// A stable word for scripts.
    pub code: &'static str,
    /// How bad it is; the worse, where it can be either.
    pub severity: Severity,
    /// What is wrong, in general.
    pub means: &'static str,
    /// Something that has it.
    pub wrong: &'static str,
    /// What to write instead.
    pub right: &'static str,
    /// Where both stand.
    pub(crate) frame: Frame,
}

/// Where an example stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// It is the file.
    File,
    /// It is a key of a role that is fine otherwise.
    Role,
    /// It is said in words: the role lacks this key, which the right one adds.
    Lacking(&'static str),
    /// It is a key of a PostgreSQL resource.
    Resource,
    /// It is the key of a test.
    Test,
    /// It is a `*.cedar` file.
    Guardrail,
    /// It is an entry of `roles` in an environment.
    Overlay,
    /// It is said in words: it is about files, not about what is in them.
    Folder,
}

/// Every kind of problem, in the order in which the reference shows them.
pub fn problem_kinds() -> impl Iterator<Item = &'static ProblemKind> {
    [files::KINDS, values::KINDS, meaning::KINDS, lints::KINDS].into_iter().flatten()
}

/// The kind of a code.
pub fn problem_kind(code: &str) -> Option<&'static ProblemKind> {
    problem_kinds().find(|kind| kind.code == code)
}

const fn error(
    code: &'static str,
    frame: Frame,
    means: &'static str,
    (wrong, right): (&'static str, &'static str),
) -> ProblemKind {
    ProblemKind { code, severity: Severity::Error, means, wrong, right, frame }
}

const fn warning(
    code: &'static str,
    frame: Frame,
    means: &'static str,
    (wrong, right): (&'static str, &'static str),
) -> ProblemKind {
    ProblemKind { code, severity: Severity::Warning, means, wrong, right, frame }
}
