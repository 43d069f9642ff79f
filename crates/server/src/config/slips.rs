//! What the parser finds wrong with `curfew.toml`, in the words of somebody who wrote it for the first time: what to type
//! instead.

/// Edits between two keys that are still taken for a slip.
const EDITS: usize = 2;

/// The parser's message without the names of our types, and with what to write.
pub(super) fn said(message: &str) -> String {
    if let Some((unknown, known)) = message.split_once(", expected ").filter(|(m, _)| m.starts_with("unknown field")) {
        let name = quoted(unknown).next().unwrap_or_default();
        let near = quoted(known).filter_map(|key| Some((edits(name, key)?, key))).min();
        return match near {
            Some((_, key)) => {
                format!("{unknown}; did you mean `{key}`? docs/configuration.md lists the keys there are")
            }
            None => format!("{unknown}; docs/configuration.md lists the keys there are"),
        };
    }
    let plain = match message.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a table"),
        None => message.to_owned(),
    };
    match hint(&plain) {
        Some(hint) => format!("{plain}; {hint}"),
        None => plain,
    }
}

fn hint(message: &str) -> Option<&'static str> {
    const HINTS: [(&str, &str); 11] = [
        ("expected a table", "write its name in brackets on a line of its own, such as `[policy]`, and its keys below"),
        ("map, expected a sequence", "there can be several: write its name in double brackets, such as `[[webhooks]]`"),
        ("expected a sequence", "write a list: [\"services/db\"]"),
        ("expected a string", "put it into quotes: key = \"24h\""),
        ("expected a boolean", "write true or false, without quotes"),
        ("missing field", "write it below, as key = \"value\""),
        ("duplicate key", "keep one of the two"),
        ("with no value", "write key = \"value\""),
        ("expected nothing", "a text stands in quotes: key = \"value\""),
        ("string values must be quoted", "write key = \"value\""),
        ("expected newline", "a text stands in quotes: key = \"value\"; each key has a line of its own"),
    ];
    HINTS.iter().find(|(words, _)| message.contains(words)).map(|(_, hint)| *hint)
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// How many letters are to be changed, added or left out, when that is few.
fn edits(a: &str, b: &str) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = (before + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            before = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row.last().copied().filter(|n| *n <= EDITS && *n < a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_answered_with_what_to_type() {
        for (message, wanted) in [
            (
                "unknown field `publicurl`, expected one of `listen`, `public_url`, `ledger`",
                "did you mean `public_url`?",
            ),
            ("unknown field `leger`, expected one of `listen`, `ledger`", "did you mean `ledger`?"),
            ("unknown field `database`, expected one of `listen`, `ledger`", "docs/configuration.md"),
            ("invalid type: integer `7399`, expected a string", "quotes"),
            ("invalid type: string \"…\", expected struct PolicyTable", "expected a table; write its name in brackets"),
            ("invalid type: map, expected a sequence", "`[[webhooks]]`"),
            ("invalid type: string \"…\", expected a sequence", "[\"services/db\"]"),
            ("invalid type: string \"…\", expected a boolean", "true or false"),
            ("missing field `key`", "key = \"value\""),
            ("key with no value, expected `=`", "key = \"value\""),
            ("invalid float, expected nothing", "in quotes"),
            ("duplicate key", "one of the two"),
        ] {
            let said = said(message);
            assert!(said.contains(wanted) && !said.contains("struct"), "{message}: {said}");
        }
        assert_eq!(said("something else"), "something else");
        assert_eq!((edits("abc", "abc"), edits("abc", "xyz"), edits("", "ab")), (Some(0), None, None));
    }
}
