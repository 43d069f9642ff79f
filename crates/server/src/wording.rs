//! Messages of libraries, made fit to be shown.

/// A parser's message without the values it quotes: `invalid type: string "hunter2"` shows no `hunter2`.
/// Names in backticks stay, cut at 64 characters each.
pub(crate) fn without_values(message: &str) -> String {
    let mut shown = String::with_capacity(message.len());
    let mut rest = message.char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            '"' => {
                shown.push_str("\"…\"");
                skip_quoted(&mut rest, &message[at + 1..]);
            }
            '`' => {
                let name = message[at + 1..].split('`').next().unwrap_or_default();
                shown.push('`');
                shown.extend(name.chars().take(64));
                if name.chars().nth(64).is_some() {
                    shown.push('…');
                }
                shown.push('`');
                skip(&mut rest, name.chars().count() + 1);
            }
            other => shown.push(other),
        }
    }
    curfew_domain::text::visible(&shown).into_owned()
}

/// Passes over the rest of a quoted text, escapes and all.
fn skip_quoted(rest: &mut std::str::CharIndices<'_>, inside: &str) {
    let mut escaped = false;
    let mut length = 0;
    for c in inside.chars() {
        length += 1;
        if c == '"' && !escaped {
            break;
        }
        escaped = c == '\\' && !escaped;
    }
    skip(rest, length);
}

fn skip(rest: &mut std::str::CharIndices<'_>, characters: usize) {
    for _ in 0..characters {
        rest.next();
    }
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn values_are_left_out_and_names_stay() {
        let cases = [
            (r#"invalid type: string "hunter2", expected u32"#, "invalid type: string \"…\", expected u32"),
            (r#"string "a\"b\\", then"#, "string \"…\", then"),
            (r#"string "never ends"#, "string \"…\""),
            ("unknown field `x`, expected `y`", "unknown field `x`, expected `y`"),
            ("`never ends", "`never ends`"),
        ];
        for (message, shown) in cases {
            assert_eq!(without_values(message), shown);
        }
        assert_eq!(without_values(&format!("`{}`", "x".repeat(70))), format!("`{}…`", "x".repeat(64)));
    }
}
