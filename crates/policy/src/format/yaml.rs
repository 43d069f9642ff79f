//! YAML: two blanks a level, lists indented under their key, comments where they were.

use super::WIDTH;
use super::scalar::{inline, literal};
use crate::node::{Comment, Document, Entry, Layout, Node, Value};

/// The document with a final line break.
pub(super) fn print(document: &Document, source: &[u8]) -> String {
    let mut comments: Vec<&Comment> = document.comments.iter().collect();
    comments.sort_by_key(|c| c.span.offset);
    let mut printer =
        Printer { source, lines: line_starts(source), comments, printed: 0, out: String::new(), after_dash: false };
    let root = &document.root;
    if printer.is_block(root, 0) {
        printer.collection(root, 0, Enclosing { column: 0, end: usize::MAX });
    } else {
        printer.before(root, 0);
        printer.out.push_str(&flat(root));
        printer.end_line(root);
    }
    printer.comments_until(usize::MAX, 0, 0);
    printer.out
}

/// What a collection stands in.
#[derive(Clone, Copy)]
struct Enclosing {
    /// Of the source; a comment further left does not belong into the collection.
    column: u32,
    /// Where in the source the next thing after the collection begins.
    end: usize,
}

struct Printer<'a> {
    source: &'a [u8],
    lines: Vec<usize>,
    /// By place.
    comments: Vec<&'a Comment>,
    /// How many of them are printed.
    printed: usize,
    out: String,
    /// A `- ` was printed; what comes next stands on the same line.
    after_dash: bool,
}

impl Printer<'_> {
    fn collection(&mut self, node: &Node, indent: usize, around: Enclosing) {
        match &node.value {
            Value::Map(_, entries) => {
                for (i, entry) in entries.iter().enumerate() {
                    let end = entries.get(i + 1).map_or(around.end, |next| next.key.span.offset);
                    self.entry(entry, indent, Enclosing { column: node.pos.column, end });
                }
            }
            Value::List(_, items) => {
                for (i, item) in items.iter().enumerate() {
                    let end = items.get(i + 1).map_or(around.end, |next| next.span.offset);
                    self.item(item, indent, Enclosing { column: node.pos.column, end });
                }
            }
            Value::Scalar(_) | Value::Broken => {}
        }
        self.comments_until(around.end, around.column, indent);
    }

    fn entry(&mut self, entry: &Entry, indent: usize, around: Enclosing) {
        self.before(&entry.key, indent);
        self.out.push_str(&flat(&entry.key));
        self.out.push(':');
        let used = self.current_line_length();
        if self.is_block(&entry.value, used) {
            self.end_line(&entry.key);
            self.collection(&entry.value, indent + 2, around);
        } else {
            self.out.push(' ');
            self.value(&entry.value, Some(&entry.key), indent + 2);
        }
    }

    fn item(&mut self, item: &Node, indent: usize, around: Enclosing) {
        self.before(item, indent);
        self.out.push_str("- ");
        let used = self.current_line_length();
        if self.is_block(item, used) {
            self.after_dash = true;
            self.collection(item, indent + 2, around);
        } else {
            self.value(item, None, indent + 2);
        }
    }

    /// What fits on the line, or a literal block under it. A comment behind the block's mark stays with the key before it; behind a
    /// dash it stands above, where it is read anew in the same place.
    fn value(&mut self, node: &Node, key: Option<&Node>, indent: usize) {
        let lines = match &node.value {
            Value::Scalar(scalar) => literal(scalar),
            Value::List(..) | Value::Map(..) | Value::Broken => None,
        };
        let Some((mark, lines)) = lines else {
            self.out.push_str(&flat(node));
            return self.end_line(node);
        };
        self.out.push_str(mark);
        match key {
            Some(key) => self.end_line(key),
            None => self.out.push('\n'),
        }
        for line in lines {
            if !line.is_empty() {
                self.out.push_str(&" ".repeat(indent));
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }

    /// The comments above, a blank line if there was one, and the indentation.
    fn before(&mut self, node: &Node, indent: usize) {
        if std::mem::take(&mut self.after_dash) {
            return;
        }
        self.comments_until(node.span.offset, 0, indent);
        self.keep_blank_line(node.pos.line);
        self.out.push_str(&" ".repeat(indent));
    }

    /// Comments on lines of their own, as long as they stand before an offset and right of a column.
    fn comments_until(&mut self, end: usize, column: u32, indent: usize) {
        while let Some(comment) = self.comments.get(self.printed).copied() {
            if comment.span.offset >= end || comment.pos.column <= column {
                return;
            }
            self.printed += 1;
            if self.is_alone(comment) {
                self.keep_blank_line(comment.pos.line);
            }
            self.out.push_str(&" ".repeat(indent));
            self.out.push_str(&comment.text);
            self.out.push('\n');
        }
    }

    /// A comment that follows the node on its line stays there.
    fn end_line(&mut self, node: &Node) {
        let end = node.span.offset + node.span.len;
        if let Some(comment) = self.comments.get(self.printed).copied()
            && comment.span.offset >= end
            && !self.is_alone(comment)
            && self.line_of(end) == self.line_of(comment.span.offset)
            && self.only_punctuation(end, comment.span.offset)
        {
            self.printed += 1;
            self.out.push_str("  ");
            self.out.push_str(&comment.text);
        }
        self.out.push('\n');
    }

    fn only_punctuation(&self, from: usize, to: usize) -> bool {
        let between = self.source.get(from..to).unwrap_or_default();
        between.iter().all(|b| b.is_ascii_whitespace() || b":,[]{}|>-+0123456789".contains(b))
    }

    /// Whether nothing but blanks stands before it on its line.
    fn is_alone(&self, comment: &Comment) -> bool {
        let start = self.lines.get(self.line_of(comment.span.offset)).copied().unwrap_or(0);
        self.source.get(start..comment.span.offset).unwrap_or_default().iter().all(u8::is_ascii_whitespace)
    }

    /// Several blank lines become one, and none stands at the start.
    fn keep_blank_line(&mut self, line: u32) {
        let above = (line as usize).checked_sub(2);
        let was_blank = above.is_some_and(|above| {
            let start = self.lines.get(above).copied().unwrap_or(0);
            let end = self.lines.get(above + 1).copied().unwrap_or(self.source.len());
            self.source.get(start..end).unwrap_or_default().iter().all(u8::is_ascii_whitespace)
        });
        if was_blank && !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// Whether a collection goes over several lines: it did before, holds comments, or is too long for one.
    fn is_block(&self, node: &Node, used: usize) -> bool {
        let (layout, empty) = match &node.value {
            Value::List(layout, items) => (*layout, items.is_empty()),
            Value::Map(layout, entries) => (*layout, entries.is_empty()),
            Value::Scalar(_) | Value::Broken => return false,
        };
        let inside = self.comments.partition_point(|c| c.span.offset < node.span.offset);
        let end = node.span.offset + node.span.len;
        let holds_comments = self.comments.get(inside).is_some_and(|c| c.span.offset < end);
        let too_long = || used + 1 + flat(node).chars().count() > WIDTH;
        !empty && (layout == Layout::Block || holds_comments || too_long())
    }

    fn current_line_length(&self) -> usize {
        self.out.rsplit('\n').next().map_or(0, |line| line.chars().count())
    }

    /// From 0.
    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

/// On one line.
fn flat(node: &Node) -> String {
    match &node.value {
        Value::Scalar(scalar) => inline(scalar),
        Value::List(_, items) => format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(", ")),
        Value::Map(_, entries) => {
            let pair = |e: &Entry| format!("{}: {}", flat(&e.key), flat(&e.value));
            format!("{{{}}}", entries.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Value::Broken => String::new(),
    }
}

/// Where each line begins. A carriage return alone breaks a line too.
fn line_starts(source: &[u8]) -> Vec<usize> {
    let breaks =
        source.iter().enumerate().filter(|(i, b)| **b == b'\n' || (**b == b'\r' && source.get(i + 1) != Some(&b'\n')));
    std::iter::once(0).chain(breaks.map(|(i, _)| i + 1)).collect()
}
