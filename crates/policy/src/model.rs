//! What a checked policy says, as values.

use crate::source::Place;
use curfew_domain::connector::ConnectorKind;
use curfew_domain::{ActionName, Email, GroupName, ResourceName, RoleName, Seconds};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A role: who may ask for what, for how long, and who says yes.
#[derive(Debug, Clone)]
pub struct Role {
    /// Unique in the set without regard to case.
    pub name: RoleName,
    /// What it is for; empty when the policy does not say.
    pub description: String,
    /// Who may ask.
    pub requesters: Requesters,
    /// Who may neither ask nor approve, whatever else is said.
    pub deny: Vec<Listed>,
    /// How long.
    pub duration: DurationRule,
    /// What it can give.
    pub conditions: Vec<Condition>,
    /// Who says yes.
    pub approval: Approval,
    /// What the reason must be like.
    pub justification: Option<Justification>,
    /// Where the role begins.
    pub place: Place,
}

/// A person or a group in a list, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Who.
    pub principal: Principal,
    /// Where.
    pub place: Place,
}

/// Who a list can name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// One person, by address.
    Person(Email),
    /// A static group, or one of the identity provider's.
    Group(GroupName),
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Principal::Person(email) => write!(f, "{email}"),
            Principal::Group(name) => write!(f, "group:{name}"),
        }
    }
}

/// Who may ask for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requesters {
    /// Any signed-in person; never a machine.
    Anyone(Place),
    /// These only. Never empty.
    Listed(Vec<Listed>),
}

/// How long access lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationRule {
    /// Shorter is refused.
    pub min: Seconds,
    /// What a request gets that names no duration.
    pub default: Seconds,
    /// Longer is refused.
    pub max: Seconds,
    /// Where it is said.
    pub place: Place,
}

/// One line of a role's scope: every action on everything the pattern matches.
#[derive(Debug, Clone)]
pub struct Condition {
    /// A resource name or a glob.
    pub resource: Pattern,
    /// Never empty.
    pub actions: Vec<ActionName>,
    /// Where the resource is said.
    pub place: Place,
    /// Where each action is said.
    pub(crate) action_places: Vec<Place>,
}

/// What stands after `resource:` in a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// One resource by name.
    Exact(ResourceName),
    /// `*` within a segment, `**` for one or more segments.
    Glob(String),
}

impl Pattern {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Pattern::Exact(name) => name.as_str(),
            Pattern::Glob(text) => text,
        }
    }
}

/// What it takes to get a role that one may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// Nobody has to say yes.
    Automatic(Place),
    /// Every stage has to, in order. Never empty.
    Stages(Vec<StageRule>),
}

/// One stage of approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRule {
    /// Unique in the role.
    pub name: String,
    /// How many distinct persons it takes; at least one.
    pub require: u32,
    /// Who counts. Never empty.
    pub approvers: Vec<Listed>,
    /// Where it is said.
    pub place: Place,
}

/// What the reason of a request must be like.
#[derive(Debug, Clone)]
pub struct Justification {
    /// In characters, after trimming.
    pub min_length: u32,
    /// What the trimmed text must match as a whole.
    pub pattern: Option<Arc<TextPattern>>,
    /// Whether leaving it out is refused.
    pub required: Required,
    /// Where it is said.
    pub place: Place,
}

/// Whether a constraint binds those who give nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    /// Something must be given.
    Yes,
    /// What is given must be right; nothing may be given.
    No,
}

/// A linear-time pattern that matches whole texts.
#[derive(Debug)]
pub struct TextPattern {
    pub(crate) text: String,
    pub(crate) regex: regex::Regex,
}

impl TextPattern {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A protected thing and the way to it.
#[derive(Debug, Clone)]
pub struct Resource {
    /// As roles name it.
    pub name: ResourceName,
    /// The kind of target.
    pub connector: &'static ConnectorKind,
    /// For people, selectors and guardrails.
    pub labels: BTreeMap<String, String>,
    /// What is at stake.
    pub risk: Risk,
    /// A reference to the way in for Curfew's own account, never the value: `env:CURFEW_SERVICES_DB_URL`.
    pub admin: Option<String>,
    /// As the connector's shapes say.
    pub settings: serde_json::Value,
    /// The file that defines it; empty when none does.
    pub file: String,
    /// The line in it, from 1; 0 when none.
    pub line: u32,
}

/// What is at stake when a resource is misused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Little.
    Low,
    /// What holds unless somebody says otherwise.
    #[default]
    Medium,
    /// Much.
    High,
    /// Everything.
    Critical,
}
