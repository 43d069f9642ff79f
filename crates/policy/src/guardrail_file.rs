//! `*.cedar` files: policies that bound every role.

use crate::allowance::{Allowance, Paid};
use crate::expression::{self, Guardrail, NotCedar, pieces};
use crate::parse::{BYTE_ORDER_MARK, end_of, utf8};
use crate::problem::{At, Problems};
use crate::source::{Place, Pos, SourceFile, Span};
use crate::whereabouts::{Verbatim, within};
use curfew_domain::limits;
use std::sync::Arc;

/// Adds the guardrails of a file.
pub(crate) fn read(file: &SourceFile, guardrails: &mut Vec<Guardrail>, allowance: &Allowance, out: &mut Problems) {
    if file.bytes.len() > limits::POLICY_FILE_BYTES {
        let message = format!("the file has {} bytes; {} is the most", file.bytes.len(), limits::POLICY_FILE_BYTES);
        return out.error(&file.path, At::FILE, "file-too-large", message, "split it");
    }
    let skipped = if file.bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let Some(text) = utf8(file, skipped, out) else { return };
    let pieces = pieces(text);
    if pieces.is_empty() {
        out.error(&file.path, At::FILE, "empty-file", "the file says nothing", "write a `forbid`, or remove the file");
    }
    let path: Arc<str> = Arc::from(file.path.as_str());
    // Places are counted on from the one before: a file may hold many.
    let (mut pos, mut counted) = (Pos { line: 1, column: 1 }, 0);
    for (offset, piece) in pieces {
        let further = end_of(&text[counted..offset]);
        let column = if further.line > 1 { further.column } else { pos.column + further.column - 1 };
        pos = Pos { line: pos.line + further.line - 1, column };
        counted = offset;
        let first_line = piece.lines().next().unwrap_or_default().len();
        let at = At { pos, span: Some(Span { offset: skipped + offset, len: first_line }) };
        if expression::pay(allowance, piece) == Paid::No {
            let hint = "say it in fewer: one guardrail can name several cases";
            return out.error(&file.path, at, "too-much", "the guardrails of the set are too many", hint);
        }
        match Guardrail::parse(piece, guardrails.len(), Place::new(path.clone(), at)) {
            Ok(guardrail) => guardrails.push(guardrail),
            Err(NotCedar { code, message, hint }) => {
                out.error(&file.path, within(at, (piece, Verbatim::Lines(0)), &message), code, message, hint);
            }
        }
        if out.is_full() {
            return;
        }
    }
}
