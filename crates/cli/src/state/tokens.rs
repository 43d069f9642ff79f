//! Who is signed in where, from this machine.

use super::{StateFolder, private};
use crate::failure::Failure;
use crate::machine::Machine;
use curfew_domain::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

const FILE: &str = "tokens.json";

/// The tokens of every server that was signed in to, by its address.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// The server of the last sign-in, which is the one that is meant when nothing else is said.
    pub(crate) current: Option<String>,
    /// One for each server.
    pub(crate) servers: BTreeMap<String, StoredToken>,
}

/// One sign-in.
#[derive(Debug, Clone)]
pub(crate) struct StoredToken {
    /// Who, for display.
    pub(crate) label: String,
    /// What proves it.
    pub(crate) token: SecretString,
    /// Until when.
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct FileForm {
    current: Option<String>,
    servers: BTreeMap<String, TokenForm>,
}

#[derive(Serialize, Deserialize)]
struct TokenForm {
    label: String,
    token: String,
    expires_at: Option<Timestamp>,
}

impl Tokens {
    /// Those that are kept; none when nobody ever signed in.
    pub(crate) fn read(state: &StateFolder) -> Result<Self, Failure> {
        let path = file(state);
        let Some(text) = private::read(&path)? else { return Ok(Self::default()) };
        let form: FileForm = serde_json::from_str(&text).map_err(|_| {
            Failure::wrong_use(format!("{} is not a file of tokens", path.display()))
                .hint("remove it and sign in again")
        })?;
        let token = |t: TokenForm| StoredToken { label: t.label, token: t.token.into(), expires_at: t.expires_at };
        let servers = form.servers.into_iter().map(|(server, t)| (server, token(t))).collect();
        Ok(Self { current: form.current, servers })
    }

    /// Keeps one more, and makes its server the current one.
    pub(crate) fn keep(machine: &Machine, state: &StateFolder, at: &str, token: StoredToken) -> Result<(), Failure> {
        let mut tokens = Self::read(state)?;
        tokens.servers.insert(at.to_owned(), token);
        tokens.current = Some(at.to_owned());
        let form = |t: StoredToken| TokenForm {
            label: t.label,
            token: t.token.expose_secret().to_owned(),
            expires_at: t.expires_at,
        };
        let servers = tokens.servers.into_iter().map(|(server, t)| (server, form(t))).collect();
        let text = serde_json::to_vec_pretty(&FileForm { current: tokens.current, servers });
        let text = zeroize::Zeroizing::new(text.expect("INVARIANT: tokens serialize"));
        private::write(machine, &file(state), &text)
    }
}

fn file(state: &StateFolder) -> PathBuf {
    state.root().join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_kept_by_server_and_never_printed() {
        let base = tempfile::tempdir().expect("a folder");
        let machine = Machine::with(base.path(), [("CURFEW_STATE".into(), base.path().join("s").into())]);
        let state = StateFolder::of(&machine).expect("a state folder");
        let token = |text: &str| StoredToken { label: "a@b.c".into(), token: text.into(), expires_at: None };
        Tokens::keep(&machine, &state, "https://one", token("t1")).expect("kept");
        Tokens::keep(&machine, &state, "https://two", token("t2")).expect("kept");
        let tokens = Tokens::read(&state).expect("read");
        assert_eq!(tokens.current.as_deref(), Some("https://two"));
        assert_eq!(tokens.servers["https://one"].token.expose_secret(), "t1");
        assert!(!format!("{tokens:?}").contains("t1"));
    }
}
