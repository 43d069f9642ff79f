//! Problems of a policy text, with the place underlined.
//!
//! The text is a stranger's, so it is shown with hidden characters made visible, and the marks stand under
//! what is shown.

use super::{Colour, Output};
use curfew_domain::text::visible;
use curfew_policy::{Problem, Severity, SourceFile};

/// Characters of a line that are shown.
const WIDEST: usize = 160;
/// How a tab is shown: its own width depends on where it stands.
const TAB: &str = "    ";

/// The problem as a compiler prints it.
pub(crate) fn render(output: &Output, problem: &Problem, shown_path: &str, source: Option<&SourceFile>) -> String {
    let (word, colour) = match problem.severity {
        Severity::Error => ("error", Colour::Red),
        Severity::Warning => ("warning", Colour::Yellow),
    };
    let mark = output.paint(colour, &format!("{word}[{}]", problem.code));
    let mut text = format!("{mark}: {}\n", visible(&problem.message));
    // What is wrong with the folder stands in no line of it.
    let place = if problem.file.is_empty() { String::new() } else { format!(":{}:{}", problem.line, problem.column) };
    text.push_str(&format!("  --> {}{place}\n", visible(shown_path)));
    if let Some(lines) = source.and_then(|source| underlined(output, colour, problem, source)) {
        text.push_str(&lines);
    }
    if !problem.hint.is_empty() {
        text.push_str(&format!("  hint: {}\n", visible(&problem.hint)));
    }
    text
}

fn underlined(output: &Output, colour: Colour, problem: &Problem, source: &SourceFile) -> Option<String> {
    let span = problem.span?;
    let number = usize::try_from(problem.line).ok()?.checked_sub(1)?;
    let line = source.bytes.split(|b| *b == b'\n').nth(number)?;
    let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
    let line = if number == 0 { line.trim_start_matches('\u{feff}') } else { &line };
    let start = usize::try_from(problem.column).ok()?.checked_sub(1)?;
    let offending = source.bytes.get(span.offset..span.offset + span.len).unwrap_or_default();
    let length = String::from_utf8_lossy(offending).split(['\n', '\r']).next().unwrap_or_default().chars().count();
    // A long line is shown from a little before the place.
    let first = if start > WIDEST / 2 { start - WIDEST / 4 } else { 0 };
    let part = |from: usize, count: usize| -> String { line.chars().skip(from).take(count).map(shown).collect() };
    let before = part(first, start - first);
    let width = part(start, length.min(WIDEST)).chars().count().clamp(1, WIDEST);
    let gutter = problem.line.to_string();
    let blank = " ".repeat(gutter.len());
    let (indent, marks) = (" ".repeat(before.chars().count()), output.paint(colour, &"^".repeat(width)));
    Some(format!("{blank} |\n{gutter} | {}\n{blank} | {indent}{marks}\n", part(first, WIDEST)))
}

fn shown(c: char) -> String {
    if c == '\t' { TAB.to_owned() } else { visible(c.encode_utf8(&mut [0; 4])).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::tests::kept;
    use super::super::{Output, Reader, Voice};
    use super::render;
    use curfew_policy::{Problem, Severity, SourceFile, Span};

    fn rendered(text: &str, word: &str, (line, column): (u32, u32)) -> String {
        let offset = text.find(word).expect("the word");
        let problem = Problem {
            severity: Severity::Error,
            code: "unknown-key",
            message: "there is no key `rols`".into(),
            hint: "did you mean `roles`?".into(),
            file: "a.yaml".into(),
            line,
            column,
            span: Some(Span { offset, len: word.len() }),
        };
        let source = SourceFile { path: "a.yaml".into(), bytes: text.into() };
        render(&Output::new(kept(Reader::Program).0, Voice::Human), &problem, "policies/a.yaml", Some(&source))
    }

    #[test]
    fn the_word_is_underlined() {
        let expected = "error[unknown-key]: there is no key `rols`\n  --> policies/a.yaml:2:3\n  |\n2 |   rols: x\n  |   ^^^^\n  hint: did you mean `roles`?\n";
        assert_eq!(rendered("a:\n  rols: x\n", "rols", (2, 3)), expected);
    }

    #[test]
    fn marks_stand_under_what_is_shown() {
        let text = rendered("\t\u{202e}rols: \u{1b}[2J", "rols", (1, 3));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[3], "1 |     \\u{202e}rols: \\u{1b}[2J");
        assert_eq!(lines[4].find('^'), lines[3].find("rols"));
        assert_eq!(lines[4].matches('^').count(), 4);
    }

    #[test]
    fn long_lines_and_places_beyond_the_text_do_no_harm() {
        let long = format!("{}rols{}", "x".repeat(5_000), "y".repeat(5_000));
        let text = rendered(&long, "rols", (1, 5_001));
        assert!(text.lines().all(|line| line.len() < 200) && text.contains("rols"), "{text}");
        rendered("rols", "rols", (99, 1));
        rendered("rols", "rols", (1, 99));
        rendered("rols\nrols", "rols\nrols", (1, 1));
    }
}
