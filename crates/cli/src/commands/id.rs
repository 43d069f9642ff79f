//! The ids that people paste.

use crate::failure::Failure;
use curfew_domain::{Grant, Id, Request};
use std::fmt;
use std::str::FromStr;

/// `req_...`: one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestRef(Pasted);

/// `grt_...`, or the `req_...` it came from: one grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrantRef(Pasted);

/// What a pasted id can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Referent {
    /// A request.
    Request(Id<Request>),
    /// A grant.
    Grant(Id<Grant>),
}

impl fmt::Display for Referent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(id) => id.fmt(f),
            Self::Grant(id) => id.fmt(f),
        }
    }
}

/// A text that begins like an id. One that is none cannot be found, which is another answer than wrong use.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pasted {
    Id(Referent),
    Nothing(String),
}

/// The text does not even begin like an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id: it should begin with {0}")]
pub(crate) struct NotLikeAnId(&'static str);

fn parse(text: &str) -> Option<Pasted> {
    let id = if text.starts_with("req_") {
        text.parse().ok().map(Referent::Request)
    } else if text.starts_with("grt_") {
        text.parse().ok().map(Referent::Grant)
    } else {
        return None;
    };
    Some(id.map_or_else(|| Pasted::Nothing(text.chars().take(64).collect()), Pasted::Id))
}

fn missing(text: &str) -> Failure {
    Failure::not_found(format!("there is no `{text}`"))
        .hint("`curfew requests` and `curfew grants` list what you may see")
}

impl FromStr for RequestRef {
    type Err = NotLikeAnId;

    fn from_str(text: &str) -> Result<Self, NotLikeAnId> {
        parse(text).filter(|_| text.starts_with("req_")).map(Self).ok_or(NotLikeAnId("req_"))
    }
}

impl FromStr for GrantRef {
    type Err = NotLikeAnId;

    fn from_str(text: &str) -> Result<Self, NotLikeAnId> {
        parse(text).map(Self).ok_or(NotLikeAnId("req_ or grt_"))
    }
}

impl RequestRef {
    /// The id, to be sent.
    pub(crate) fn id(&self) -> Result<String, Failure> {
        GrantRef(self.0.clone()).referent().map(|referent| referent.to_string())
    }
}

impl GrantRef {
    /// What it names.
    pub(crate) fn referent(&self) -> Result<Referent, Failure> {
        match &self.0 {
            Pasted::Id(referent) => Ok(*referent),
            Pasted::Nothing(text) => Err(missing(text)),
        }
    }

    /// The id, to be sent.
    pub(crate) fn id(&self) -> Result<String, Failure> {
        self.referent().map(|referent| referent.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    const REQUEST: &str = "req_01kb9n7r00e00000000000000a";

    #[test]
    fn ids_and_what_only_looks_like_one() {
        assert_eq!(REQUEST.parse::<GrantRef>().expect("an id").id(), Ok(REQUEST.to_owned()));
        assert_eq!(REQUEST.parse::<RequestRef>().expect("an id").id(), Ok(REQUEST.to_owned()));
        let missing = "grt_nothing".parse::<GrantRef>().expect("like an id").id();
        assert_eq!(missing.map_err(|failure| failure.exit), Err(Exit::NotFound));
        for wrong in ["", "nothing", "lse_01kb9n7r00e00000000000000a", "-x"] {
            assert!(wrong.parse::<GrantRef>().is_err(), "{wrong}");
        }
        assert!("grt_01kb9n7r00e00000000000000a".parse::<RequestRef>().is_err());
    }
}
