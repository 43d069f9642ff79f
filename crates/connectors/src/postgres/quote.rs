//! The one way text gets into a statement. DDL takes no bind parameters, so there is one function for
//! identifiers and one for literals, held against the server's own `quote_ident` and `quote_literal`.

use curfew_domain::limits::TARGET_NAME_BYTES;

/// Why a text cannot stand in a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unquotable {
    /// PostgreSQL's text has no NUL.
    #[error("a text with a NUL character cannot be sent to PostgreSQL")]
    Nul,
    /// No identifier is empty.
    #[error("an empty name cannot be sent to PostgreSQL")]
    Empty,
    /// The server would cut it with no more than a notice, and two names would become one.
    #[error("the name `{0}` is longer than the {TARGET_NAME_BYTES} bytes PostgreSQL keeps of it")]
    TooLong(String),
}

/// An identifier, always in double quotes, so that no list of reserved words is needed.
///
/// # Errors
/// When it is empty, holds a NUL, or would be cut.
pub(crate) fn ident(name: &str) -> Result<String, Unquotable> {
    if name.is_empty() {
        return Err(Unquotable::Empty);
    }
    if name.contains('\0') {
        return Err(Unquotable::Nul);
    }
    if name.len() > TARGET_NAME_BYTES {
        return Err(Unquotable::TooLong(name.chars().take(80).collect()));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// A string literal that reads the same whatever `standard_conforming_strings` says.
///
/// # Errors
/// When it holds a NUL.
pub(crate) fn literal(text: &str) -> Result<String, Unquotable> {
    if text.contains('\0') {
        return Err(Unquotable::Nul);
    }
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        // A space before E, as the server does, so that a word in front cannot swallow it.
        return Ok(format!(" E'{}'", quoted.replace('\\', "\\\\")));
    }
    Ok(format!("'{quoted}'"))
}

/// A list of literals as an array of text: `ARRAY['a', 'b']::text[]`.
///
/// # Errors
/// As [`literal`].
pub(crate) fn texts<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Result<String, Unquotable> {
    let items = items.into_iter().map(|t| literal(t.as_ref())).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("ARRAY[{}]::text[]", items.join(",")))
}

/// A list of oids as an array.
pub(crate) fn oids(items: impl IntoIterator<Item = u32>) -> String {
    let items: Vec<_> = items.into_iter().map(|oid| oid.to_string()).collect();
    format!("'{{{}}}'::oid[]", items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_would_be_cut_or_break_out() {
        assert_eq!(ident("a\"b").as_deref(), Ok("\"a\"\"b\""));
        assert_eq!(ident(""), Err(Unquotable::Empty));
        assert_eq!(ident("a\0b"), Err(Unquotable::Nul));
        assert!(ident(&"ä".repeat(31)).is_ok());
        assert!(matches!(ident(&"ä".repeat(32)), Err(Unquotable::TooLong(_))));
        assert_eq!(literal("it's \\x").as_deref(), Ok(" E'it''s \\\\x'"));
        assert_eq!(literal("\0"), Err(Unquotable::Nul));
    }

    /// The server itself is the judge: a literal of ours is its text again and what `quote_literal` makes of
    /// it, and an identifier of ours is the name again, quoted as `quote_ident` quotes or more carefully.
    #[tokio::test]
    async fn the_server_reads_what_was_meant() {
        use crate::postgres::private::{Durability, Options, PrivatePostgres};
        use proptest::strategy::ValueTree;
        use proptest::test_runner::TestRunner;
        use secrecy::ExposeSecret;

        struct Fixed;
        impl curfew_engine::seams::Entropy for Fixed {
            fn fill(&self, buffer: &mut [u8]) {
                buffer.fill(7);
            }
        }
        let dir = tempfile::tempdir_in("/var/tmp").expect("a folder");
        let mut options = Options::new(&Fixed);
        options.durability = Durability::Careless;
        let server = PrivatePostgres::start(&dir.path().join("pg"), options).expect("a server");
        let url = server.admin_url();
        let (client, connection) =
            tokio_postgres::connect(url.expose_secret(), tokio_postgres::NoTls).await.expect("a connection");
        let mut runner = TestRunner::deterministic();
        let odd = "([a-zA-Z_ ]|\"|'|\\\\|[$;\\-/*\n\t]|[^\0]){1,30}";
        let strategy = proptest::string::string_regex(odd).expect("a pattern");
        let tries = async {
            for mode in ["on", "off"] {
                client.batch_execute(&format!("SET standard_conforming_strings = {mode}")).await.expect("set");
                for _ in 0..200 {
                    let text = strategy.new_tree(&mut runner).expect("a text").current();
                    let Ok(name) = ident(&text) else { continue };
                    let quoted = literal(&text).expect("no NUL");
                    // As a parameter nothing has to be quoted.
                    let (as_name, as_literal) = (literal(&name).expect("no NUL"), quoted.trim_start());
                    let sql = format!(
                        "SELECT {quoted} = $1 AND parse_ident({as_name}) = ARRAY[$1] AND quote_literal($1) = $2 \
                         AND quote_ident($1) IN ($1, $3), 1 AS {name}"
                    );
                    let row = client.query_one(&sql, &[&text, &as_literal, &name]).await.expect(&sql);
                    assert!(row.get::<_, bool>(0), "{text:?}");
                    assert_eq!(row.columns()[1].name(), text);
                }
            }
        };
        let (tries, connection) = (std::pin::pin!(tries), std::pin::pin!(connection));
        let first = futures::future::select(tries, connection).await;
        assert!(matches!(first, futures::future::Either::Left(_)), "the connection stayed");
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(text in "[^\0]{1,20}") {
            prop_assume!(text.len() <= TARGET_NAME_BYTES);
            let name = ident(&text).expect("quotable");
            prop_assert_eq!(name[1..name.len() - 1].replace("\"\"", "\""), text.as_str());
            prop_assert!(!name[1..name.len() - 1].replace("\"\"", "").contains('"'));
        }
    }
}
