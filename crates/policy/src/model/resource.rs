//! What a policy says there is.

use crate::glob::PathGlob;
use curfew_domain::ResourceName;
use curfew_domain::connector::{ConnectorKind, Effect};
use std::collections::BTreeMap;

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
    /// Only files that one of these covers may hold roles over it; none means any file may.
    pub defined_by: Vec<PathGlob>,
    /// The file that defines it; empty when none does.
    pub file: String,
    /// The line in it, from 1; 0 when none.
    pub line: u32,
}

impl Resource {
    /// The words of what an action on it does, as guardrails see it: `read`, `write`, `define`, `admin`. A custom
    /// action that says nothing is `admin`.
    pub fn effects(&self, action: &str) -> Vec<&'static str> {
        if let Some(built_in) = self.connector.actions.iter().find(|a| a.name == action) {
            let word = |effect: &Effect| Effect::ALL.iter().find(|(_, e)| e == effect).map(|(word, _)| *word);
            return built_in.effects.iter().filter_map(word).collect();
        }
        let said = self.settings.get("actions").and_then(|actions| actions.get(action)).and_then(|a| a.get("effects"));
        let said = said.and_then(|list| list.as_array()).map(Vec::as_slice).unwrap_or_default();
        let known = Effect::ALL.iter().map(|(word, _)| *word);
        let known: Vec<&str> = known.filter(|word| said.iter().any(|s| s.as_str() == Some(word))).collect();
        if known.is_empty() { vec!["admin"] } else { known }
    }
}

impl Risk {
    /// The word in policy.
    pub fn word(self) -> &'static str {
        match self {
            Risk::Low => "low",
            Risk::Medium => "medium",
            Risk::High => "high",
            Risk::Critical => "critical",
        }
    }
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
