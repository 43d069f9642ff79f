//! What a runner is asked to hide in its log.

use zeroize::Zeroizing;

/// Lines shorter than this are not hidden: they are no secret, and would blot out half of the log.
const SHORTEST: usize = 8;

/// The workflow commands (GitHub, "Workflow commands": masking a value in a log) that hide these secrets. A secret of several
/// lines is hidden line by line, because the runner reads its log so; the lines that every key has are no secret.
pub(crate) fn masks<'a>(secrets: impl IntoIterator<Item = &'a Zeroizing<String>>) -> Zeroizing<String> {
    let lines = secrets.into_iter().flat_map(|secret| secret.lines()).map(str::trim);
    let secret = lines.filter(|line| line.len() >= SHORTEST && !line.starts_with("-----"));
    Zeroizing::new(secret.map(|line| format!("::add-mask::{}\n", escaped(line))).collect())
}

/// The runner unescapes `%25`, `%0D` and `%0A` in what a command carries.
fn escaped(line: &str) -> String {
    line.replace('%', "%25").replace('\r', "%0D")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_hidden_line_by_line_and_its_frame_is_not() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nAAAA\nQyNTUxOQ%==\n-----END OPENSSH PRIVATE KEY-----\n";
        let secrets = [Zeroizing::new("s3cret-password\n".to_owned()), Zeroizing::new(key.to_owned())];
        let expected = "::add-mask::s3cret-password\n::add-mask::b3BlbnNzaC1rZXk\n::add-mask::QyNTUxOQ%25==\n";
        assert_eq!(masks(&secrets).as_str(), expected);
        assert_eq!(masks(&[]).as_str(), "");
    }
}
