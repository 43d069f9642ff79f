//! The part without markup.

use super::Letter;
use curfew_domain::text::visible;

/// The whole text. What people typed stands behind a bar, so that it cannot pass for one of the facts.
pub(super) fn render(letter: &Letter) -> String {
    let mut out = String::new();
    let mut put = |line: &str| {
        out.push_str(&visible(line));
        out.push_str("\r\n");
    };
    put(&letter.lead);
    put("");
    for (name, lines) in &letter.facts {
        match lines.as_slice() {
            [one] => put(&format!("{name}: {one}")),
            many => {
                put(&format!("{name}:"));
                many.iter().for_each(|line| put(&format!("  - {line}")));
            }
        }
    }
    for (heading, lines) in &letter.said {
        put("");
        put(&format!("{heading}:"));
        lines.iter().for_each(|line| put(&format!("  | {line}")));
    }
    for (purpose, command) in &letter.commands {
        put("");
        put(&format!("{purpose}:"));
        put(&format!("    {command}"));
    }
    if let Some(page) = &letter.page {
        put("");
        put("To look at it (opening the page changes nothing):");
        put(page.as_str());
    }
    put("");
    put("-- ");
    put(letter.because);
    out
}
