//! Text that people typed, made safe to show.

use std::borrow::Cow;

/// The text with control, bidirectional and other invisible characters written as `\u{...}`, so that
/// what an approver reads is what is there. Sources: Unicode TR 36 and TR 9 (bidirectional controls).
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn hidden_characters_are_shown() {
        assert_eq!(visible("orders stuck – äöü 漢字"), "orders stuck – äöü 漢字");
        assert_eq!(visible("a\u{202e}b\nc\u{1b}[2J"), "a\\u{202e}b\\u{a}c\\u{1b}[2J");
        assert_eq!(visible("\u{200b}\u{feff}"), "\\u{200b}\\u{feff}");
    }
}
