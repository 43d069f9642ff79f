//! Policy text as it came, and places in it.

use crate::problem::At;
use serde::Serialize;
use std::sync::Arc;

/// One file of a policy set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the policy folder, with `/`.
    pub path: String,
    /// As they are on disk.
    pub bytes: Vec<u8>,
}

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// From 0.
    pub offset: usize,
    /// How many.
    pub len: usize,
}

/// A place as a person counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pos {
    /// From 1.
    pub(crate) line: u32,
    /// In characters, from 1.
    pub(crate) column: u32,
}

/// A place in a file of the set, for reasons and problems that point back at the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Relative to the policy folder.
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    pub(crate) span: Option<Span>,
}

impl Place {
    pub(crate) fn new(file: Arc<str>, at: At) -> Self {
        Self { file, line: at.pos.line, column: at.pos.column, span: at.span }
    }

    pub(crate) fn at(&self) -> At {
        At { pos: Pos { line: self.line, column: self.column }, span: self.span }
    }
}
