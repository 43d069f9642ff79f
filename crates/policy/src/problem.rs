//! What is wrong with a policy text, and where.

use crate::codes::problem_kind;
use crate::source::{Pos, Span};
use curfew_domain::limits;
use serde::Serialize;
use std::collections::HashSet;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The set cannot be used.
    Error,
    /// The set can be used; somebody should look.
    Warning,
}

/// One thing that is wrong, with the place and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// A stable word for scripts: `unknown-key`.
    pub code: &'static str,
    /// What is wrong, for a person.
    pub message: String,
    /// What to do about it, for a person.
    pub hint: String,
    /// The file, relative to the policy folder.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// The offending text in the bytes of the file; none when the file as a whole is meant.
    #[serde(skip)]
    pub span: Option<Span>,
}

/// Where a problem is, before it is known which file it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) pos: Pos,
    pub(crate) span: Option<Span>,
}

impl At {
    /// The file as a whole.
    pub(crate) const FILE: At = At { pos: Pos { line: 1, column: 1 }, span: None };
}

/// Collects problems, never more than [`limits::POLICY_PROBLEMS`] of a kind.
///
/// Errors and warnings are bounded apart, so that no number of warnings can hide an error.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    /// What `defaults` says wrong would otherwise be said with every role.
    seen: HashSet<(Severity, String, u32, u32, &'static str, String)>,
    /// How often an error was found, said before or not.
    errors_found: usize,
    /// How often a likely spelling was looked for.
    suggested: usize,
}

impl Problems {
    pub(crate) fn error(
        &mut self,
        file: &str,
        at: At,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(problem(Severity::Error, file, at, code, message.into(), hint.into()));
    }

    pub(crate) fn warning(
        &mut self,
        file: &str,
        at: At,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(problem(Severity::Warning, file, at, code, message.into(), hint.into()));
    }

    /// One that was made elsewhere.
    pub(crate) fn push(&mut self, problem: Problem) {
        debug_assert!(problem_kind(problem.code).is_some(), "`{}` is not in the table of codes", problem.code);
        self.errors_found += usize::from(problem.severity == Severity::Error);
        let list = match problem.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if list.len() >= limits::POLICY_PROBLEMS {
            return;
        }
        let (file, message) = (problem.file.clone(), problem.message.clone());
        let key = (problem.severity, file, problem.line, problem.column, problem.code, message);
        if self.seen.insert(key) {
            list.push(problem);
        }
    }

    /// How often an error was found, those included that were said before: what grew by nothing is sound.
    pub(crate) fn errors_found(&self) -> usize {
        self.errors_found
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Nothing more can be recorded that would change the answer.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.len() >= limits::POLICY_PROBLEMS
    }

    /// Whether one more likely spelling may be looked for: among many names that takes a while.
    pub(crate) fn may_suggest(&mut self) -> bool {
        self.suggested += 1;
        self.suggested <= limits::SUGGESTIONS
    }

    /// No more warnings can be recorded.
    pub(crate) fn is_full_of_warnings(&self) -> bool {
        self.warnings.len() >= limits::POLICY_PROBLEMS
    }

    /// All of them in the order of the text; errors win when there are too many.
    pub(crate) fn sorted(self) -> Vec<Problem> {
        let mut all = self.errors;
        let room = limits::POLICY_PROBLEMS.saturating_sub(all.len());
        all.extend(self.warnings.into_iter().take(room));
        all.sort_by(|a, b| place(a).cmp(&place(b)));
        all
    }
}

fn place(p: &Problem) -> (&str, u32, u32, Severity, &str) {
    (&p.file, p.line, p.column, p.severity, p.code)
}

fn problem(severity: Severity, file: &str, at: At, code: &'static str, message: String, hint: String) -> Problem {
    Problem {
        severity,
        code,
        message,
        hint,
        file: file.to_owned(),
        line: at.pos.line,
        column: at.pos.column,
        span: at.span,
    }
}
