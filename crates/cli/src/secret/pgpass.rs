//! libpq's password file (PostgreSQL documentation, "The Password File").

use zeroize::Zeroizing;

/// Where a password is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// A name, an address, or the folder of a socket.
    pub(crate) host: String,
    /// A number, as text.
    pub(crate) port: String,
    /// The one database it is for.
    pub(crate) database: String,
    /// The temporary role.
    pub(crate) user: String,
}

/// The one line of the file, its newline included.
pub(crate) fn pgpass_line(login: &Login, password: &str) -> Zeroizing<String> {
    let [host, port, database, user] = [&login.host, &login.port, &login.database, &login.user].map(|f| escape(f));
    Zeroizing::new(format!("{host}:{port}:{database}:{user}:{}\n", *Zeroizing::new(escape(password))))
}

fn escape(field: &str) -> String {
    field.replace('\\', r"\\").replace(':', r"\:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads a line as libpq's `passwordFromFile` does.
    fn fields(line: &str) -> Vec<String> {
        let (mut fields, mut escaped) = (vec![String::new()], false);
        for c in line.strip_suffix('\n').expect("a line").chars() {
            match c {
                '\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                ':' if !escaped => fields.push(String::new()),
                c => fields.last_mut().expect("one at least").push(c),
            }
            escaped = false;
        }
        fields
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        let login = Login { host: "::1".into(), port: "5432".into(), database: r"a\b".into(), user: "cf_x".into() };
        assert_eq!(pgpass_line(&login, "s3cret").as_str(), "\\:\\:1:5432:a\\\\b:cf_x:s3cret\n");
    }

    proptest! {
        #[test]
        fn every_field_reads_back(texts in proptest::array::uniform5("[a-z:\\\\/.%]{1,12}")) {
            let [host, port, database, user, password] = texts.clone();
            let line = pgpass_line(&Login { host, port, database, user }, &password);
            prop_assert_eq!(fields(&line), texts.to_vec());
        }
    }
}
