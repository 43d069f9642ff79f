//! JSON: two blanks a level; what is short and flat stays on one line.

use super::WIDTH;
use super::scalar::quoted;
use crate::node::{Node, Scalar, Style, Value};

/// The document with a final line break.
pub(super) fn print(root: &Node) -> String {
    let mut out = String::new();
    write(root, 0, &mut out);
    out.push('\n');
    out
}

fn write(node: &Node, indent: usize, out: &mut String) {
    match &node.value {
        Value::Scalar(scalar) => out.push_str(&text(scalar)),
        Value::List(_, items) if items.iter().all(is_scalar) && fits(node, indent) => {
            out.push_str(&flat(node));
        }
        Value::List(_, items) => {
            open('[', out);
            for (i, item) in items.iter().enumerate() {
                line(indent + 2, i > 0, out);
                write(item, indent + 2, out);
            }
            close(']', indent, out);
        }
        Value::Map(_, entries) if entries.is_empty() => out.push_str("{}"),
        Value::Map(_, entries) => {
            open('{', out);
            for (i, entry) in entries.iter().enumerate() {
                line(indent + 2, i > 0, out);
                out.push_str(&flat(&entry.key));
                out.push_str(": ");
                write(&entry.value, indent + 2, out);
            }
            close('}', indent, out);
        }
        Value::Broken => {}
    }
}

fn open(bracket: char, out: &mut String) {
    out.push(bracket);
}

fn line(indent: usize, after_another: bool, out: &mut String) {
    out.push_str(if after_another { ",\n" } else { "\n" });
    out.push_str(&" ".repeat(indent));
}

fn close(bracket: char, indent: usize, out: &mut String) {
    out.push('\n');
    out.push_str(&" ".repeat(indent));
    out.push(bracket);
}

fn is_scalar(node: &Node) -> bool {
    matches!(node.value, Value::Scalar(_))
}

fn fits(node: &Node, indent: usize) -> bool {
    indent + flat(node).chars().count() <= WIDTH
}

/// A scalar, or a list of scalars.
fn flat(node: &Node) -> String {
    match &node.value {
        Value::Scalar(scalar) => text(scalar),
        Value::List(_, items) => format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(", ")),
        Value::Map(..) | Value::Broken => String::new(),
    }
}

fn text(scalar: &Scalar) -> String {
    match scalar.style {
        Style::Plain => scalar.text.clone(),
        Style::Quoted | Style::Block => quoted(&scalar.text),
    }
}
