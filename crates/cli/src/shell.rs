//! Text for a POSIX shell to read.

/// The word as a POSIX shell reads it back unchanged (XCU 2.2.2): in single quotes, unless it is plain.
pub(crate) fn quote(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `export NAME='value'`, for `eval`.
pub(crate) fn export(name: &str, value: &str) -> String {
    format!("export {name}={}", quote(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn read_back(value: &str) -> Vec<u8> {
        let script = format!("{}\nprintf %s \"$V\"", export("V", value));
        let output = Command::new("sh").arg("-c").arg(script).output().expect("sh runs");
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    #[test]
    fn quotes_what_needs_it() {
        assert_eq!(quote("/run/x-1.2"), "/run/x-1.2");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quote("~"), "'~'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_shell_reads_back_what_was_quoted(value in "[^\\x00]{0,40}") {
            prop_assert_eq!(read_back(&value), value.as_bytes());
        }

        #[test]
        fn a_shell_reads_back_its_own_signs(value in "[-'\"\\\\$`!*?~#;&|<>(){}\\[\\] \t\n=a]{0,24}") {
            prop_assert_eq!(read_back(&value), value.as_bytes());
        }
    }
}
