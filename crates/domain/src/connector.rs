//! What there is to know about a kind of target without linking the code that talks to it.

use serde::Serialize;

/// What an action does, as guardrails see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Sees data.
    Read,
    /// Changes data.
    Write,
    /// Changes what data there is: schemas, definitions, configuration.
    Define,
    /// Anything; also what a custom action does that says nothing.
    Admin,
}

impl Effect {
    /// All of them, with the word policy uses.
    pub const ALL: [(&'static str, Effect); 4] =
        [("read", Effect::Read), ("write", Effect::Write), ("define", Effect::Define), ("admin", Effect::Admin)];
}

/// An action every resource of this kind has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuiltInAction {
    /// The word in policy.
    pub name: &'static str,
    /// What it gives, in one line.
    pub meaning: &'static str,
    /// How guardrails classify it.
    pub effects: &'static [Effect],
}

/// The shape of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Any non-empty text of at most this many bytes.
    Text(usize),
    /// A whole number within these bounds, both inside.
    Integer(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `host:port`.
    HostPort,
    /// An address range such as `10.0.0.0/8`.
    Cidr,
    /// A list, not empty.
    List(&'static Shape),
    /// A mapping from names (the grammar of role names) to values of one shape.
    Map(&'static Shape),
    /// A mapping with these keys only.
    Record(&'static [Field]),
    /// Any of these; the first that fits the node's kind is used.
    Either(&'static [Shape]),
}

/// One key of a connector's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// One line for the reference.
    pub doc: &'static str,
    /// Whether it must be there.
    pub presence: Presence,
    /// What it holds.
    pub shape: Shape,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Leaving it out is an error.
    Required,
    /// It may be left out.
    Optional,
}

/// A privilege Curfew's own account needs in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Privilege {
    /// As the target names it.
    pub name: &'static str,
    /// What goes wrong without it.
    pub why: &'static str,
}

/// One kind of target: PostgreSQL, SSH, ... A plain value, so that `policy check` knows every
/// connector without linking one.
///
/// Custom actions of a resource, where a kind allows them, are the keys of its setting `actions`; their
/// `effects` list says how guardrails classify them, `admin` when absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectorKind {
    /// The word after `connector:` in policy.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Actions every resource of this kind has.
    pub actions: &'static [BuiltInAction],
    /// The keys of `settings`.
    pub settings: &'static [Field],
    /// Whether a resource of this kind needs `admin`, the way in for Curfew's own account.
    pub admin: Presence,
    /// What Curfew's own account needs there.
    pub privileges: &'static [Privilege],
    /// What may outlive the end, and how long at most; one sentence each.
    pub residual_exposure: &'static [&'static str],
    /// What the client makes and sends: `scram_sha_256`, `ssh_public_key`, ...
    pub public_half: &'static str,
    /// What the connector says of settings whose shape is right.
    #[serde(skip)]
    pub fit: Fit,
}

/// Why a connector cannot use settings although their shape is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where in the settings it stands, from the outside in: keys, and places in lists counted from 0.
    pub path: Vec<String>,
    /// What is wrong, for a person.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl Misfit {
    /// At the end of a path.
    pub fn at<P: ToString>(path: &[P], message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { path: path.iter().map(P::to_string).collect(), message: message.into(), hint: hint.into() }
    }
}

/// A connector's own reading of settings, without a target: what is said of a grant or an account's name when the
/// policy is checked is then what will be said when somebody activates.
#[derive(Clone, Copy)]
pub struct Fit(pub fn(&serde_json::Value) -> Vec<Misfit>);

impl Fit {
    /// Whatever has the shape can be used.
    pub const BY_SHAPE: Fit = Fit(|_| Vec::new());
}

impl std::fmt::Debug for Fit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fit")
    }
}

/// Kinds are told apart by what they say, not by where their code lies.
impl PartialEq for Fit {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Fit {}
