//! The privileges that a resource's settings may list: the part of a `GRANT` between the verb and `TO`,
//! read by a small grammar of its own and rebuilt through the one quoting function. What the grammar does
//! not know is refused, never passed through.

use super::quote::{self, Unquotable};
use super::settings::OWN_SCHEMA;

/// Privileges on one thing, or on all things of a kind in a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Privilege {
    /// In capitals, sorted, without repeats: `SELECT`, `UPDATE`.
    pub(crate) words: Vec<&'static str>,
    /// On what.
    pub(crate) on: On,
}

/// What privileges are given on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum On {
    /// A schema itself.
    Schema(String),
    /// Every table, view, materialized view and foreign table of a schema.
    Tables(String),
    /// Every sequence of a schema.
    Sequences(String),
    /// Every function of a schema.
    Functions(String),
    /// A database.
    Database(String),
    /// One table, view or sequence.
    Relation(Qualified),
    /// One function, by its argument types as written.
    Function(Qualified, String),
}

/// A name in a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Qualified {
    pub(crate) schema: String,
    pub(crate) name: String,
}

/// The text is outside the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a grant that Curfew can give: {why}. Write privileges, ON, and one TABLE, SEQUENCE, FUNCTION \
     name(types), SCHEMA, DATABASE, or ALL TABLES|SEQUENCES|FUNCTIONS IN SCHEMA name"
)]
pub(crate) struct NotAGrant {
    text: String,
    why: String,
}

impl NotAGrant {
    /// What is wrong, without what to do about it.
    pub(crate) fn message(&self) -> String {
        let text = curfew_domain::text::visible(&self.text);
        format!("`{text}` is not a grant that Curfew can give: {}", curfew_domain::text::visible(&self.why))
    }

    /// What to write instead: the text itself with its slip mended, where the slip is a usual one.
    pub(crate) fn hint(&self) -> String {
        const FORMS: &str = "write privileges, ON and one thing: `SELECT, UPDATE ON settings`, `EXECUTE ON FUNCTION refresh()`, \
                             `SELECT ON ALL TABLES IN SCHEMA app`, `SELECT ON orders`";
        let safe = curfew_domain::text::visible;
        let mended = mended(&self.text).filter(|grants| grants.iter().all(|g| Privilege::parse(g, "public").is_ok()));
        match mended.as_deref() {
            Some([grant]) => format!("write `{}`: Curfew itself says to whom, and until when", safe(grant)),
            Some(grants) => {
                let quoted: Vec<String> = grants.iter().map(|g| format!("\"{}\"", safe(g))).collect();
                format!("each names one thing: write `[{}]`", quoted.join(", "))
            }
            None => FORMS.to_owned(),
        }
    }
}

/// What somebody may have meant who writes SQL, as grants.
fn mended(text: &str) -> Option<Vec<String>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is = |word: &str, keyword: &str| word.eq_ignore_ascii_case(keyword);
    let start = usize::from(words.first().is_some_and(|w| is(w, "GRANT")));
    let on = start + words.get(start..)?.iter().position(|w| is(w, "ON"))?;
    let end = words.iter().position(|w| is(w, "TO") || is(w, "WITH")).unwrap_or(words.len());
    let things = words.get(on + 1..end)?.join(" ");
    let privileges = words.get(start..on)?.join(" ");
    if is(&privileges, "EXECUTE") && !things.contains('(') {
        return Some(vec![format!("EXECUTE ON FUNCTION {things}()")]);
    }
    let known = privileges.split(',').all(|word| WORDS.iter().any(|w| is(w, word.trim())));
    let privileges = if known { privileges } else { "SELECT, INSERT, UPDATE, DELETE".to_owned() };
    let each = if things.contains('(') { vec![things.as_str()] } else { things.split(',').map(str::trim).collect() };
    Some(each.into_iter().map(|thing| format!("{privileges} ON {thing}")).collect())
}

const WORDS: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "REFERENCES",
    "TRIGGER",
    "USAGE",
    "CREATE",
    "CONNECT",
    "TEMPORARY",
    "EXECUTE",
];

impl Privilege {
    pub(crate) fn new(words: &[&'static str], on: On) -> Self {
        let mut words = words.to_vec();
        words.sort_unstable();
        words.dedup();
        Self { words, on }
    }

    /// Reads a grant; names without a schema are in `schema`.
    pub(crate) fn parse(text: &str, schema: &str) -> Result<Self, NotAGrant> {
        let refuse = |why: String| NotAGrant { text: text.chars().take(120).collect(), why };
        let tokens = lex(text).map_err(refuse)?;
        let mut reader = Reader { tokens: &tokens, at: 0, schema };
        let privilege = reader.privilege().map_err(refuse)?;
        if reader.at < tokens.len() {
            return Err(refuse("something follows the name".to_owned()));
        }
        if privilege.on.schema() == Some(OWN_SCHEMA) {
            return Err(refuse(format!("the schema {OWN_SCHEMA} is Curfew's own")));
        }
        Ok(privilege)
    }

    /// `SELECT, UPDATE ON TABLE "s"."t"`.
    pub(crate) fn sql(&self) -> Result<String, Unquotable> {
        Ok(format!("{} ON {}", self.words.join(", "), self.on.sql()?))
    }
}

impl On {
    pub(crate) fn schema(&self) -> Option<&str> {
        match self {
            Self::Schema(s) | Self::Tables(s) | Self::Sequences(s) | Self::Functions(s) => Some(s),
            Self::Relation(q) | Self::Function(q, _) => Some(&q.schema),
            Self::Database(_) => None,
        }
    }

    fn sql(&self) -> Result<String, Unquotable> {
        Ok(match self {
            Self::Schema(s) => format!("SCHEMA {}", quote::ident(s)?),
            Self::Tables(s) => format!("ALL TABLES IN SCHEMA {}", quote::ident(s)?),
            Self::Sequences(s) => format!("ALL SEQUENCES IN SCHEMA {}", quote::ident(s)?),
            Self::Functions(s) => format!("ALL FUNCTIONS IN SCHEMA {}", quote::ident(s)?),
            Self::Database(d) => format!("DATABASE {}", quote::ident(d)?),
            Self::Relation(q) => format!("TABLE {}", q.sql()?),
            Self::Function(q, types) => format!("FUNCTION {}({types})", q.sql()?),
        })
    }

    /// The privileges that mean something on it.
    fn knows(&self, word: &str) -> bool {
        let known: &[&str] = match self {
            Self::Schema(_) => &["USAGE", "CREATE"],
            Self::Tables(_) => &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"],
            Self::Sequences(_) => &["USAGE", "SELECT", "UPDATE"],
            Self::Functions(_) | Self::Function(..) => &["EXECUTE"],
            Self::Database(_) => &["CONNECT", "CREATE", "TEMPORARY"],
            Self::Relation(_) => {
                &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "USAGE"]
            }
        };
        known.contains(&word)
    }
}

impl Qualified {
    pub(crate) fn sql(&self) -> Result<String, Unquotable> {
        Ok(format!("{}.{}", quote::ident(&self.schema)?, quote::ident(&self.name)?))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Letters, digits, `_`: a keyword or a folded name.
    Word(String),
    /// A name in double quotes.
    Quoted(String),
    /// One of `. , ( ) [ ]`.
    Mark(char),
}

fn lex(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => {}
            '.' | ',' | '(' | ')' | '[' | ']' => tokens.push(Token::Mark(c)),
            '"' => tokens.push(Token::Quoted(quoted(&mut chars)?)),
            c if c.is_ascii_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            other => return Err(format!("`{}` cannot stand there", other.escape_default())),
        }
    }
    Ok(tokens)
}

fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let mut name = String::new();
    loop {
        match chars.next() {
            Some('"') if chars.next_if_eq(&'"').is_some() => name.push('"'),
            Some('"') => return Ok(name),
            Some(c) => name.push(c),
            None => return Err("a quoted name does not end".to_owned()),
        }
    }
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    schema: &'a str,
}

impl Reader<'_> {
    fn privilege(&mut self) -> Result<Privilege, String> {
        let mut words = vec![self.word()?];
        while self.mark(',') {
            words.push(self.word()?);
        }
        if !self.keyword("ON") {
            return Err("ON is missing".to_owned());
        }
        let on = self.on()?;
        if let Some(odd) = words.iter().find(|w| !on.knows(w)) {
            return Err(format!("{odd} means nothing there"));
        }
        for name in on.names() {
            quote::ident(name).map_err(|e| e.to_string())?;
        }
        Ok(Privilege::new(&words, on))
    }

    fn word(&mut self) -> Result<&'static str, String> {
        let Some(Token::Word(word)) = self.tokens.get(self.at) else {
            return Err("a privilege is missing".to_owned());
        };
        let upper = if word.eq_ignore_ascii_case("temp") { "TEMPORARY".to_owned() } else { word.to_ascii_uppercase() };
        let known = WORDS.iter().find(|w| **w == upper).ok_or(format!("{word} is not a privilege to list"))?;
        self.at += 1;
        Ok(known)
    }

    fn on(&mut self) -> Result<On, String> {
        if self.keyword("ALL") {
            let kind: fn(String) -> On = if self.keyword("TABLES") {
                On::Tables
            } else if self.keyword("SEQUENCES") {
                On::Sequences
            } else if self.keyword("FUNCTIONS") {
                On::Functions
            } else {
                return Err("ALL must be TABLES, SEQUENCES or FUNCTIONS IN SCHEMA".to_owned());
            };
            if !(self.keyword("IN") && self.keyword("SCHEMA")) {
                return Err("IN SCHEMA is missing".to_owned());
            }
            return Ok(kind(self.name()?));
        }
        if self.keyword("SCHEMA") {
            return Ok(On::Schema(self.name()?));
        }
        if self.keyword("DATABASE") {
            return Ok(On::Database(self.name()?));
        }
        if self.keyword("FUNCTION") {
            let name = self.qualified()?;
            return Ok(On::Function(name, self.types()?));
        }
        let _optional = self.keyword("TABLE") || self.keyword("SEQUENCE");
        Ok(On::Relation(self.qualified()?))
    }

    /// Argument types: words, dots, brackets and numbers, nothing that could end the list or the statement.
    fn types(&mut self) -> Result<String, String> {
        if !self.mark('(') {
            return Err("a function needs its argument types: name() or name(integer, text)".to_owned());
        }
        let mut types = String::new();
        let mut depth = 0;
        loop {
            match self.tokens.get(self.at) {
                Some(Token::Mark(')')) if depth == 0 => break,
                Some(Token::Mark('(')) => depth += 1,
                Some(Token::Mark(')')) => depth -= 1,
                Some(Token::Word(_) | Token::Mark(_)) => {}
                Some(Token::Quoted(_)) | None => return Err("the argument types do not end, or are quoted".to_owned()),
            }
            match &self.tokens[self.at] {
                Token::Word(word) if types.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') => {
                    types.push(' ');
                    types.push_str(word);
                }
                Token::Word(text) | Token::Quoted(text) => types.push_str(text),
                Token::Mark(mark) => types.push(*mark),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(types)
    }

    fn qualified(&mut self) -> Result<Qualified, String> {
        let first = self.name()?;
        if self.mark('.') {
            return Ok(Qualified { schema: first, name: self.name()? });
        }
        Ok(Qualified { schema: self.schema.to_owned(), name: first })
    }

    fn name(&mut self) -> Result<String, String> {
        let name = match self.tokens.get(self.at) {
            // As the server folds names that are not quoted.
            Some(Token::Word(word)) if !word.starts_with(|c: char| c.is_ascii_digit()) => word.to_ascii_lowercase(),
            Some(Token::Quoted(name)) => name.clone(),
            Some(Token::Word(_) | Token::Mark(_)) | None => return Err("a name is missing".to_owned()),
        };
        self.at += 1;
        Ok(name)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let here = matches!(self.tokens.get(self.at), Some(Token::Word(w)) if w.eq_ignore_ascii_case(keyword));
        self.at += usize::from(here);
        here
    }

    fn mark(&mut self, mark: char) -> bool {
        let here = self.tokens.get(self.at) == Some(&Token::Mark(mark));
        self.at += usize::from(here);
        here
    }
}

impl On {
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Schema(n) | Self::Tables(n) | Self::Sequences(n) | Self::Functions(n) | Self::Database(n) => vec![n],
            Self::Relation(q) | Self::Function(q, _) => vec![&q.schema, &q.name],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &str) -> String {
        Privilege::parse(text, "app").expect(text).sql().expect("quotable")
    }

    #[test]
    fn grants_are_rebuilt() {
        for (text, built) in [
            ("SELECT, UPDATE ON settings", r#"SELECT, UPDATE ON TABLE "app"."settings""#),
            ("update,select on other.\"Odd \"\" name\"", r#"SELECT, UPDATE ON TABLE "other"."Odd "" name""#),
            ("EXECUTE ON FUNCTION refresh()", r#"EXECUTE ON FUNCTION "app"."refresh"()"#),
            (
                "EXECUTE ON FUNCTION f(double precision, numeric(10,2)[], pg_catalog.int4)",
                r#"EXECUTE ON FUNCTION "app"."f"(double precision,numeric(10,2)[],pg_catalog.int4)"#,
            ),
            ("SELECT ON ALL TABLES IN SCHEMA Reports", r#"SELECT ON ALL TABLES IN SCHEMA "reports""#),
            ("usage on schema reports", r#"USAGE ON SCHEMA "reports""#),
            ("TEMP, CONNECT ON DATABASE d", r#"CONNECT, TEMPORARY ON DATABASE "d""#),
            ("USAGE ON SEQUENCE s", r#"USAGE ON TABLE "app"."s""#),
        ] {
            assert_eq!(sql(text), built);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            "",
            "SELECT",
            "SELECT ON",
            "ALL ON t",
            "SELECT ON t WITH GRANT OPTION",
            "SELECT ON t TO PUBLIC",
            "SELECT ON t; DROP TABLE u",
            "SELECT ON t -- x",
            "SELECT ON t /* x */",
            "SELECT (a) ON t",
            "EXECUTE ON t",
            "SELECT ON SCHEMA s",
            "EXECUTE ON FUNCTION f",
            "EXECUTE ON FUNCTION f(",
            "EXECUTE ON FUNCTION f(\"x\")",
            "EXECUTE ON FUNCTION f())",
            "SELECT ON \"t",
            "SELECT ON curfew.fence",
            "SELECT ON 1t",
            "postgres ON t",
            "SELECT ON a.b.c",
            &format!("SELECT ON {}", "x".repeat(64)),
        ] {
            assert!(Privilege::parse(bad, "app").is_err(), "{bad}");
        }
    }
}
