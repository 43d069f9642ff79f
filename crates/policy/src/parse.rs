//! Bytes of a YAML or JSON file to a [`Document`], refusing what would make it mean two things.

use crate::advice;
use crate::node::{Comment, Document, Entry, Layout, Looks, Node, Scalar, Style, Value};
use crate::problem::{At, Problems};
use crate::select::{self, Kind};
use crate::source::{Pos, SourceFile, Span};
use crate::whereabouts::Verbatim;
use curfew_domain::limits;
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, StructureStyle};
use std::collections::BTreeMap;

pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads one file; nothing when there is no tree to go on with. What is wrong is in `out`.
pub(crate) fn parse(file: &SourceFile, out: &mut Problems) -> Option<Document> {
    if file.bytes.len() > limits::POLICY_FILE_BYTES {
        let message = format!("the file has {} bytes; {} is the most", file.bytes.len(), limits::POLICY_FILE_BYTES);
        out.error(
            &file.path,
            At::FILE,
            "file-too-large",
            message,
            "split it: every file below the folder belongs to the set",
        );
        return None;
    }
    let skipped = if file.bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let text = utf8(file, skipped, out)?;
    if is_json(&file.path) {
        // YAML forbids tabs where JSON allows them. Strict JSON has none inside a text, and a blank is as long.
        json_is_sound(&file.path, text, skipped, out)?;
        let blanks = text.replace('\t', " ");
        return Builder::new(&file.path, &blanks, skipped, out).run();
    }
    Builder::new(&file.path, text, skipped, out).run()
}

pub(crate) fn is_json(path: &str) -> bool {
    path.ends_with(".json")
}

pub(crate) fn utf8<'a>(file: &'a SourceFile, skipped: usize, out: &mut Problems) -> Option<&'a str> {
    let bytes = &file.bytes[skipped..];
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(e) => {
            let good = String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned();
            let at = At { pos: end_of(&good), span: Some(Span { offset: skipped + good.len(), len: 1 }) };
            out.error(&file.path, at, "not-utf8", "the file is not UTF-8 text", "save it as UTF-8");
            None
        }
    }
}

/// Where the character after this text stands.
pub(crate) fn end_of(text: &str) -> Pos {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    Pos { line: line as u32, column: column as u32 }
}

fn json_is_sound(path: &str, text: &str, skipped: usize, out: &mut Problems) -> Option<()> {
    let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(text) else { return Some(()) };
    if text.trim().is_empty() {
        empty_file(path, out);
        return None;
    }
    let line_start: usize = text.split_inclusive('\n').take(e.line().saturating_sub(1)).map(str::len).sum();
    let mut offset = (line_start + e.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let at = At { pos: end_of(&text[..offset]), span: Some(Span { offset: skipped + offset, len: 1 }) };
    let message = e.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    out.error(
        path,
        at,
        "syntax",
        format!("this is not JSON: {message}"),
        "write strict JSON, without comments and without a comma after the last entry, or name the file .yaml",
    );
    None
}

fn empty_file(path: &str, out: &mut Problems) {
    let hint = match select::kind(path) {
        Kind::Tests => "write at least one test under `tests`, or remove the file",
        Kind::Overlay(_) => "write what differs there, under `resources` and `roles`, or remove the file",
        Kind::Policy | Kind::Guardrails | Kind::Misplaced => "write at least one role, or remove the file",
    };
    out.error(path, At::FILE, "empty-file", "the file says nothing", hint);
}

/// A collection that is still open.
enum Open {
    List { start: Node, layout: Layout, items: Vec<Node> },
    Map { start: Node, layout: Layout, entries: Vec<Entry>, key: Option<Node>, seen: BTreeMap<String, u32> },
}

/// Turns events into a tree, with a stack of its own: no document can exhaust the machine's.
struct Builder<'a> {
    path: &'a str,
    text: &'a str,
    /// Bytes before `text` in the file.
    skipped: usize,
    out: &'a mut Problems,
    open: Vec<Open>,
    root: Option<Node>,
    comments: Vec<Comment>,
    documents: u32,
    /// Texts, lists, mappings and comments so far.
    values: usize,
}

/// Whether to go on reading.
#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    Stop,
}

impl<'a> Builder<'a> {
    fn new(path: &'a str, text: &'a str, skipped: usize, out: &'a mut Problems) -> Self {
        Self { path, text, skipped, out, open: Vec::new(), root: None, comments: Vec::new(), documents: 0, values: 0 }
    }

    fn run(mut self) -> Option<Document> {
        let options = granit_parser::options! {
            emit_anchor_events: true,
            emit_unresolved_aliases: true,
            max_buffered_comment_events: limits::POLICY_VALUES,
        };
        let text = self.text;
        for next in Parser::new_from_str_with_options(text, options) {
            let (event, span) = match next {
                Ok(pair) => pair,
                Err(e) => {
                    self.syntax(&e);
                    return None;
                }
            };
            if self.take(event, &span) == Then::Stop {
                return None;
            }
        }
        let root = self.root.filter(|root| !is_absent(root));
        if root.is_none() && self.documents < 2 {
            empty_file(self.path, self.out);
        }
        root.map(|root| Document { root, comments: self.comments })
    }

    fn take(&mut self, event: Event<'_>, span: &granit_parser::Span) -> Then {
        if let Some(tag) = event.tag() {
            let at = span.tag_span().map_or_else(|| self.at(span), |s| self.at(&s));
            let tag = tag.to_string().replacen("tag:yaml.org,2002:", "!!", 1);
            self.refuse(at, "tag", format!("`{tag}` is a tag"), "write the value without a tag");
        }
        self.values += 1;
        if self.values > limits::POLICY_VALUES {
            let message = format!("the file holds more than {} values", limits::POLICY_VALUES);
            self.refuse(
                self.at(span),
                "too-many-values",
                message,
                "split it: every file below the folder belongs to the set",
            );
            return Then::Stop;
        }
        match event {
            Event::DocumentStart(..) => return self.document(span),
            Event::Comment(..) => self.comment(span),
            Event::Scalar(text, style, ..) => {
                let raw = span.slice(self.text).unwrap_or_default();
                let (style, verbatim) = match style {
                    ScalarStyle::Plain => (Style::Plain, Verbatim::plain(raw, &text)),
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                        (Style::Quoted, Verbatim::quoted(raw, &text))
                    }
                    ScalarStyle::Literal => (Style::Block, Verbatim::literal(raw, &text, pos(&span.start).column)),
                    ScalarStyle::Folded => (Style::Block, Verbatim::No),
                };
                let scalar = Scalar { text: text.into_owned(), style, verbatim };
                let node = self.node(span, Value::Scalar(scalar));
                self.put(node);
            }
            Event::SequenceStart(style, ..) => {
                let start = self.node(span, Value::Broken);
                return self.push(Open::List { start, layout: layout(style), items: Vec::new() });
            }
            Event::MappingStart(style, ..) => {
                let (start, layout) = (self.node(span, Value::Broken), layout(style));
                return self.push(Open::Map { start, layout, entries: Vec::new(), key: None, seen: BTreeMap::new() });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Anchor(_, name) => {
                let (at, message) = (self.at(span), format!("`&{name}` is an anchor"));
                self.refuse(
                    at,
                    "anchor",
                    message,
                    "write the value out where it is needed; a group can hold what repeats",
                );
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let node = self.node(span, Value::Broken);
                let hint = "write the value out where it is needed; a group can hold what repeats";
                self.refuse(node.at(), "alias", "an alias stands for a value from elsewhere".to_owned(), hint);
                self.put(node);
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            // The parser's enum may grow; what is not known here is not part of the language.
            _ => {
                let at = self.at(span);
                self.refuse(at, "syntax", "this YAML is not part of the language".to_owned(), "write it more simply");
            }
        }
        Then::GoOn
    }

    fn document(&mut self, span: &granit_parser::Span) -> Then {
        self.documents += 1;
        if self.documents < 2 {
            return Then::GoOn;
        }
        let at = self.at(span);
        self.refuse(
            at,
            "several-documents",
            "a second document begins here".to_owned(),
            "put it into a file of its own",
        );
        Then::Stop
    }

    fn comment(&mut self, span: &granit_parser::Span) {
        let at = self.node(span, Value::Broken);
        let text = span.slice(self.text).unwrap_or_default().trim_end().to_owned();
        self.comments.push(Comment { text, span: at.span, pos: at.pos });
    }

    fn push(&mut self, open: Open) -> Then {
        if self.open.len() >= limits::POLICY_NESTING {
            let (Open::List { start, .. } | Open::Map { start, .. }) = &open;
            self.nested_too_deep(start.head());
            return Then::Stop;
        }
        self.open.push(open);
        Then::GoOn
    }

    fn close(&mut self, span: &granit_parser::Span) {
        let end = self.at(span).span.map_or(0, |s| s.offset + s.len);
        let Some(open) = self.open.pop() else { return };
        let (mut node, layout, last) = match open {
            Open::List { start, layout, mut items } => {
                items.shrink_to_fit();
                let last = items.last().map(end_of_node);
                (Node { value: Value::List(layout, items), ..start }, layout, last)
            }
            Open::Map { start, layout, mut entries, .. } => {
                entries.shrink_to_fit();
                let last = entries.last().map(|e| end_of_node(&e.value).max(end_of_node(&e.key)));
                (Node { value: Value::Map(layout, entries), ..start }, layout, last)
            }
        };
        // The end of a block is only seen at the next token, which may be lines below.
        let end = match layout {
            Layout::Flow => end,
            Layout::Block => last.unwrap_or(end),
        };
        node.span.len = end.saturating_sub(node.span.offset);
        self.put(node);
    }

    /// A finished node goes where the innermost open collection expects one.
    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { .. }) => {
                let node = self.present(node, None);
                if let Some(Open::List { items, .. }) = self.open.last_mut() {
                    items.push(node);
                }
            }
            Some(Open::Map { key, .. }) => match key.take() {
                None => *key = Some(node),
                Some(key) => self.entry(key, node),
            },
        }
    }

    fn entry(&mut self, key: Node, value: Node) {
        let value = self.present(value, Some(&key));
        let Value::Scalar(Scalar { text, style, .. }) = &key.value else {
            if !matches!(key.value, Value::Broken) {
                self.refuse(key.head(), "key-not-text", "a key has to be a text".to_owned(), "write `key: value`");
            }
            return;
        };
        if text == "<<" && *style == Style::Plain {
            let hint = "write the keys out where they are needed";
            self.refuse(key.at(), "merge-key", "`<<` merges another mapping into this one".to_owned(), hint);
            return;
        }
        let Some(Open::Map { entries, seen, .. }) = self.open.last_mut() else { return };
        if let Some(line) = seen.get(text) {
            let message = format!("`{text}` stands here a second time; the first is in line {line}");
            self.refuse(key.at(), "duplicate-key", message, "keep one of the two");
            return;
        }
        seen.insert(text.clone(), key.pos.line);
        entries.push(Entry { key, value, meant: None });
    }

    /// Refuses a null, and says so at the key when there is no text to point at.
    fn present(&mut self, node: Node, key: Option<&Node>) -> Node {
        let Value::Scalar(scalar) = &node.value else { return node };
        if scalar.looks() != Looks::Null {
            return node;
        }
        let at = match key {
            Some(key) if node.span.len == 0 => key.at(),
            Some(_) | None => node.at(),
        };
        let name = key.and_then(Node::text).map_or_else(|| "this item".to_owned(), |k| format!("`{k}`"));
        self.refuse(at, "null", format!("{name} has no value"), "give it a value, or remove it");
        Node { value: Value::Broken, pos: at.pos, span: at.span.unwrap_or(node.span) }
    }

    fn refuse(&mut self, at: At, code: &'static str, message: String, hint: &str) {
        self.out.error(self.path, at, code, message, hint);
    }

    fn syntax(&mut self, e: &granit_parser::ScanError) {
        let mark = e.marker();
        let at = At {
            pos: pos(mark),
            span: mark.byte_offset().map(|o| Span { offset: self.skipped + o, len: self.one_char(o) }),
        };
        if matches!(e.kind(), ErrorKind::RecursionLimitExceeded) {
            return self.nested_too_deep(at);
        }
        let complaint = e.info();
        self.refuse(at, "syntax", format!("this is not YAML: {complaint}"), advice::yaml(&complaint));
    }

    fn nested_too_deep(&mut self, at: At) {
        let message = format!("this is nested deeper than {} levels", limits::POLICY_NESTING);
        self.refuse(at, "nesting", message, "no policy needs that; look for a missing bracket");
    }

    /// Bytes of the character at an offset; none at the end.
    fn one_char(&self, offset: usize) -> usize {
        self.text.get(offset..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
    }

    fn node(&self, span: &granit_parser::Span, value: Value) -> Node {
        let at = self.at(span);
        Node { pos: at.pos, span: at.span.unwrap_or(Span { offset: 0, len: 0 }), value }
    }

    fn at(&self, span: &granit_parser::Span) -> At {
        let range = span.byte_range().map(|r| Span { offset: self.skipped + r.start, len: r.len() });
        At { pos: pos(&span.start), span: range }
    }
}

fn end_of_node(node: &Node) -> usize {
    node.span.offset + node.span.len
}

/// A document without a value: comments at most.
fn is_absent(root: &Node) -> bool {
    root.span.len == 0 && matches!(&root.value, Value::Scalar(s) if s.looks() == Looks::Null)
}

fn layout(style: StructureStyle) -> Layout {
    match style {
        StructureStyle::Flow => Layout::Flow,
        StructureStyle::Block => Layout::Block,
    }
}

/// The parser counts columns from 0.
fn pos(mark: &granit_parser::Marker) -> Pos {
    Pos { line: mark.line() as u32, column: mark.col() as u32 + 1 }
}
