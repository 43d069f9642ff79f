//! The canonical form of a policy text: one indentation, one kind of quotes, at most one blank line, comments kept.
//!
//! The order of keys and the choice between `[a, b]` and a list over several lines are the author's. A text is never
//! formatted without reading the result back and comparing.

mod json;
mod scalar;
mod yaml;

use crate::node::Document;
use crate::parse::{is_json, parse};
use crate::problem::{At, Problem, Problems};
use crate::source::SourceFile;

/// Lines longer than this are broken where they can be.
const WIDTH: usize = 110;

/// The file in its canonical form, comments kept. What the text means is not checked, only that it can be read.
///
/// # Errors
/// Everything that keeps the text from being read.
pub fn format(file: &SourceFile) -> Result<String, Vec<Problem>> {
    let document = read(file)?;
    let text = match is_json(&file.path) {
        true => json::print(&document.root),
        false => yaml::print(&document, &file.bytes),
    };
    let again = SourceFile { path: file.path.clone(), bytes: text.clone().into_bytes() };
    let kept = read(&again).is_ok_and(|d| d.root == document.root && d.comments.len() == document.comments.len());
    if kept {
        return Ok(text);
    }
    let mut out = Problems::default();
    let hint = "write the unusual parts more simply";
    out.error(
        &file.path,
        At::FILE,
        "not-formattable",
        "this text cannot be formatted without changing what it means",
        hint,
    );
    Err(out.sorted())
}

fn read(file: &SourceFile) -> Result<Document, Vec<Problem>> {
    let mut out = Problems::default();
    let document = parse(file, &mut out);
    match document {
        Some(document) if !out.has_errors() => Ok(document),
        Some(_) | None => Err(out.sorted()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(text: &str) -> String {
        let file = SourceFile { path: "p.yaml".to_owned(), bytes: text.as_bytes().to_vec() };
        let once = format(&file).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"));
        let again = SourceFile { path: "p.yaml".to_owned(), bytes: once.clone().into_bytes() };
        assert_eq!(format(&again).as_deref(), Ok(once.as_str()), "formatting twice differs for:\n{text}");
        once
    }

    #[test]
    fn the_smallest_document_is_canonical() {
        let text = include_str!("../../../../policies/quickstart/jit-access-policy.yaml");
        assert_eq!(formatted(text), text);
    }

    #[test]
    fn indentation_quotes_and_blank_lines() {
        let text = "\u{feff}\r\n\r\nroles:\r\n- name:   'a'\r\n\r\n\r\n  duration: 2h\r\n  conditions: [ {resource: \"x\",actions: [ read ,write]} ]\r\n";
        let expected = "roles:\n  - name: \"a\"\n\n    duration: 2h\n    conditions: [{resource: \"x\", actions: [read, write]}]\n";
        assert_eq!(formatted(text), expected);
    }

    #[test]
    fn comments_stay_where_they_were() {
        let text = "# top\n\n# groups\ngroups: # right\n  # above\n  dba: [a@b.c] # dba\n  # below\n\n# roles\nroles:\n- name: x   # a name\n  # about duration\n  duration: 1h\n# end\n";
        let expected = "# top\n\n# groups\ngroups:  # right\n  # above\n  dba: [a@b.c]  # dba\n  # below\n\n# roles\nroles:\n  - name: x  # a name\n    # about duration\n    duration: 1h\n# end\n";
        assert_eq!(formatted(text), expected);
    }

    #[test]
    fn comments_in_brackets_open_them() {
        let text = "a: [x, # one\n  y] # two\nb: {k: v, # three\n  l: w}\nc: # four\n  - # five\n    d: e\n";
        let expected = "a:\n  - x  # one\n  - y  # two\nb:\n  k: v  # three\n  l: w\nc:  # four\n  # five\n  - d: e\n";
        assert_eq!(formatted(text), expected);
    }

    #[test]
    fn comments_around_blocks_stay_and_settle() {
        for (text, expected) in [
            ("a:\n- >+\n   text\n #c\n", "a:\n  - |\n    text\n  #c\n"),
            ("a:\n- | #c\n   text\n- b\n", "a:\n  #c\n  - |\n    text\n  - b\n"),
            ("a: | #c\n   text\nb: c\n", "a: |  #c\n  text\nb: c\n"),
            ("a: >+\n  text\n\n#c\nb: c\n", "a: \"text\\n\\n\"\n\n#c\nb: c\n"),
        ] {
            assert_eq!(formatted(text), expected, "{text}");
            assert_eq!(formatted(expected), expected, "{text}");
        }
    }

    #[test]
    fn long_lines_are_broken_and_texts_kept() {
        let list: Vec<String> = (0..20).map(|i| format!("person-{i}@example.com")).collect();
        let text = format!("a: [{}]\n", list.join(", "));
        assert_eq!(formatted(&text), format!("a:\n  - {}\n", list.join("\n  - ")));
        let text = "a: |\n    one\n\n      two\nb: >-\n  folded\n  text\nc: |+\n  kept\n\nd: plain\n  over lines\ne: \"q\\u00e9\\x07\"\n";
        let expected = "a: |\n  one\n\n    two\nb: |-\n  folded text\nc: \"kept\\n\\n\"\n\nd: plain over lines\ne: \"q\u{e9}\\u0007\"\n";
        assert_eq!(formatted(text), expected);
    }

    #[test]
    fn json_stays_json() {
        let text = "{\"roles\":[{\"name\":\"a\\u0041\",\n\"actions\":[\"x\" ,\"y\"],\"n\":1,\"e\":{}, \"l\":[]}]}";
        let file = SourceFile { path: "p.json".to_owned(), bytes: text.as_bytes().to_vec() };
        let expected = "{\n  \"roles\": [\n    {\n      \"name\": \"aA\",\n      \"actions\": [\"x\", \"y\"],\n      \"n\": 1,\n      \"e\": {},\n      \"l\": []\n    }\n  ]\n}\n";
        assert_eq!(format(&file).as_deref(), Ok(expected));
    }

    #[test]
    fn what_cannot_be_read_is_not_formatted() {
        for text in ["a: &x 1", "a: [", "", "a: 1\na: 2"] {
            let file = SourceFile { path: "p.yaml".to_owned(), bytes: text.as_bytes().to_vec() };
            assert!(format(&file).is_err(), "{text}");
        }
    }
}
