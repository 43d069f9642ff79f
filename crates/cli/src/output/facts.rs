//! One thing for people: what it is, a fact a line.

use super::Output;
use crate::failure::Failure;
use curfew_domain::text::visible;

/// Labelled facts, printed in a column.
pub(crate) struct Facts {
    lines: Vec<(&'static str, String)>,
}

impl Facts {
    pub(crate) fn new() -> Self {
        Self { lines: Vec::new() }
    }

    /// One more fact; an empty one is left out.
    pub(crate) fn add(&mut self, label: &'static str, value: impl Into<String>) -> &mut Self {
        let value = value.into();
        if !value.is_empty() {
            self.lines.push((label, value));
        }
        self
    }

    /// One fact with several values, each on a line of its own.
    pub(crate) fn list(&mut self, label: &'static str, values: impl IntoIterator<Item = String>) -> &mut Self {
        let mut label = label;
        for value in values {
            self.lines.push((label, value));
            label = "";
        }
        self
    }

    /// The lines, safe to print.
    fn text(&self) -> String {
        let width = self.lines.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        let line = |(label, value): &(&str, String)| format!("{label:width$}  {}\n", visible(value));
        self.lines.iter().map(line).collect()
    }

    pub(crate) fn print(&self, output: &mut Output) -> Result<(), Failure> {
        output.raw(self.text().as_bytes())
    }

    /// Prints it on stderr, for a person who is about to decide.
    pub(crate) fn note(&self, output: &mut Output) {
        for line in self.text().lines() {
            output.note(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Facts;

    #[test]
    fn facts_line_up_and_nothing_hides() {
        let mut facts = Facts::new();
        facts.add("role", "db-debug").add("ticket", "").add("reason", "a\u{202e}b");
        facts.list("scope", ["services/db: read".to_owned(), "hosts/web: shell".to_owned()]);
        let expected = "role    db-debug\nreason  a\\u{202e}b\nscope   services/db: read\n        hosts/web: shell\n";
        assert_eq!(facts.text(), expected);
    }
}
