//! Single values in their canonical form.

use crate::node::{Scalar, Style};

/// On one line, in flow or in block context: plain stays plain, everything else gets double quotes.
pub(super) fn inline(scalar: &Scalar) -> String {
    match scalar.style {
        Style::Plain if !scalar.text.contains('\n') && !scalar.text.is_empty() => scalar.text.clone(),
        Style::Plain | Style::Quoted | Style::Block => quoted(&scalar.text),
    }
}

/// The header and lines of a literal block, where the text can be written so.
pub(super) fn literal(scalar: &Scalar) -> Option<(&'static str, Vec<&str>)> {
    let text = scalar.text.as_str();
    let body = text.strip_suffix('\n').unwrap_or(text);
    let header = if body.len() == text.len() { "|-" } else { "|" };
    let starts_well = !body.starts_with([' ', '\t', '\n']) && !body.is_empty() && !body.ends_with('\n');
    let printable = body.chars().all(|c| c == '\n' || c == '\t' || !needs_escape(c));
    let blank_lines_are_empty = body.split('\n').all(|l| l.is_empty() || !l.trim().is_empty());
    let sound = scalar.style == Style::Block && starts_well && printable && blank_lines_are_empty;
    sound.then(|| (header, body.split('\n').collect()))
}

/// With double quotes, as both YAML and JSON read it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if needs_escape(c) => escape(c, &mut out),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// As UTF-16 units, which is the one way that YAML and JSON share.
fn escape(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}

/// Control characters, other line breaks, and what a reader could not see.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
