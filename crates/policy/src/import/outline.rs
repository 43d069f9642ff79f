//! What is to be written: roles as this language has them, each with its remarks.

use super::names::Names;
use super::{Effect, Remark};
use crate::allowance::{Allowance, Paid};
use crate::node::Node;
use curfew_domain::text::visible;
use curfew_domain::{Email, Seconds, limits};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is carried over.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) roles: Vec<Role>,
    pub(super) remarks: Vec<Remark>,
    /// Groups of the identity provider, by what the other system calls them.
    pub(super) groups: Names,
    pub(super) role_names: Names,
    /// For what roles share: it is written out for each.
    allowance: Allowance,
}

/// A role to be written.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) requesters: Requesters,
    pub(super) deny: BTreeSet<String>,
    pub(super) min: Option<Seconds>,
    pub(super) max: Seconds,
    /// Actions by resource.
    pub(super) conditions: BTreeMap<String, BTreeSet<String>>,
    pub(super) approval: Approval,
    pub(super) justification: Option<Justification>,
    /// A pattern for the ticket; an empty one asks for any.
    pub(super) ticket: Option<String>,
    pub(super) inputs: Vec<Input>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Requesters {
    Anyone,
    /// As they are written: an address, `group:NAME`.
    Listed(BTreeSet<String>),
}

#[derive(Debug)]
pub(super) enum Approval {
    Automatic,
    /// One stage: how many, of whom.
    Needed {
        require: u32,
        any_of: BTreeSet<String>,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Justification {
    pub(super) min_length: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) name: String,
    /// `string`, `integer` or `boolean`.
    pub(super) kind: &'static str,
    pub(super) max_length: Option<u32>,
    pub(super) prompt: String,
}

impl Outline {
    /// For texts of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let steps = limits::POLICY_IMPORT + bytes / limits::POLICY_BYTES_PER_IMPORT;
        let (groups, role_names) = (Names::default(), Names::default());
        Self { roles: Vec::new(), remarks: Vec::new(), groups, role_names, allowance: Allowance::of(steps) }
    }

    /// Pays for so many steps; none when they are too many.
    pub(super) fn pay(&self, steps: usize) -> Option<()> {
        (self.allowance.pay(steps) == Paid::Yes).then_some(())
    }

    /// Whether it came to too much, so that not all of it is here.
    pub(super) fn is_too_much(&self) -> bool {
        self.allowance.is_spent()
    }

    /// Notes a difference.
    pub(super) fn remark(&mut self, role: &str, (file, at): (&str, &Node), effect: Effect, message: impl Into<String>) {
        if self.remarks.len() < limits::POLICY_PROBLEMS {
            let (role, message) = (role.to_owned(), message.into());
            self.remarks.push(Remark { role, message, effect, file: file.to_owned(), line: at.pos.line });
        }
    }

    /// How a group of the identity provider is written here.
    pub(super) fn group(&mut self, foreign: &str) -> String {
        let local = foreign.split('@').next().unwrap_or(foreign);
        format!("group:{}", self.groups.of(&foreign.to_ascii_lowercase(), local))
    }

    /// The length, or the longest there is.
    pub(super) fn bounded(&mut self, role: &str, at: (&str, &Node), length: Seconds) -> Seconds {
        if length <= limits::LONGEST_GRANT {
            return length;
        }
        let longest = limits::LONGEST_GRANT;
        self.remark(role, at, Effect::Narrower, format!("{length} was allowed; access ends after {longest} here"));
        longest
    }

    /// The text, before it is brought into its canonical form.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for remark in self.remarks.iter().filter(|r| !self.roles.iter().any(|role| role.name == r.role)) {
            text.push_str(&comment("", remark));
        }
        text.push_str("version: 1\n");
        let groups: BTreeSet<&str> = self.groups.all().collect();
        let used = self.used_groups();
        let groups: Vec<String> = groups.into_iter().filter(|g| used.contains(*g)).map(quoted).collect();
        if !groups.is_empty() {
            text.push_str(&format!("idp_groups: [{}]\n", groups.join(", ")));
        }
        text.push_str(if self.roles.is_empty() { "roles: []\n" } else { "roles:\n" });
        for role in &self.roles {
            for remark in self.remarks.iter().filter(|r| r.role == role.name) {
                text.push_str(&comment("  ", remark));
            }
            role.write(&mut text);
        }
        text
    }

    fn used_groups(&self) -> BTreeSet<&str> {
        let lists = self.roles.iter().flat_map(|role| {
            let requesters = match &role.requesters {
                Requesters::Anyone => None,
                Requesters::Listed(list) => Some(list),
            };
            let approvers = match &role.approval {
                Approval::Automatic => None,
                Approval::Needed { any_of, .. } => Some(any_of),
            };
            [requesters, approvers, Some(&role.deny)].into_iter().flatten()
        });
        lists.flatten().filter_map(|who| who.strip_prefix("group:")).collect()
    }
}

impl Role {
    fn write(&self, text: &mut String) {
        text.push_str(&format!("  - name: {}\n", quoted(&self.name)));
        let mut line = |line: String| text.push_str(&format!("    {line}\n"));
        let description = self.description.split_whitespace().collect::<Vec<_>>().join(" ");
        if !description.is_empty() {
            line(format!("description: {}", quoted(&description)));
        }
        match &self.requesters {
            Requesters::Anyone => line("requesters: anyone".to_owned()),
            Requesters::Listed(list) => line(format!("requesters: {}", flow(list))),
        }
        if !self.deny.is_empty() {
            line(format!("deny: {}", flow(&self.deny)));
        }
        match self.min {
            Some(min) if min < self.max => line(format!("duration: {{min: {min}, max: {}}}", self.max)),
            Some(_) | None => line(format!("duration: {}", self.max)),
        }
        line("conditions:".to_owned());
        for (resource, actions) in &self.conditions {
            line(format!("  - {{resource: {}, actions: {}}}", quoted(resource), flow(actions)));
        }
        match &self.approval {
            Approval::Automatic => line("approval: automatic".to_owned()),
            Approval::Needed { require: 1, any_of } => line(format!("approvers: {}", flow(any_of))),
            Approval::Needed { require, any_of } => {
                line("approval:".to_owned());
                line(format!("  stages: [{{name: approval, any_of: {}, require: {require}}}]", flow(any_of)));
            }
        }
        self.write_constraints(&mut line);
    }

    fn write_constraints(&self, line: &mut impl FnMut(String)) {
        if self.justification.is_none() && self.ticket.is_none() && self.inputs.is_empty() {
            return;
        }
        line("constraints:".to_owned());
        if let Some(justification) = &self.justification {
            line(format!("  justification: {{min_length: {}}}", justification.min_length));
        }
        match self.ticket.as_deref() {
            None => {}
            Some("") => line("  ticket: {verify: none}".to_owned()),
            Some(pattern) => line(format!("  ticket: {{pattern: {}}}", quoted(pattern))),
        }
        if !self.inputs.is_empty() {
            line("  inputs:".to_owned());
        }
        for input in &self.inputs {
            let length = input.max_length.map_or_else(String::new, |n| format!(", max_length: {n}"));
            let (name, prompt) = (quoted(&input.name), quoted(&input.prompt));
            line(format!("    - {{name: {name}, type: {}{length}, prompt: {prompt}}}", input.kind));
        }
    }
}

fn flow(list: &BTreeSet<String>) -> String {
    format!("[{}]", list.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
}

/// JSON's quotes are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn comment(indent: &str, remark: &Remark) -> String {
    let word = match remark.effect {
        Effect::Wider => "WIDER",
        Effect::Narrower => "narrower",
        Effect::ToDo => "to do",
    };
    let message = remark.message.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{indent}# {word}: {}\n", visible(&message))
}

/// A person as policy names one; none when it is no address.
pub(super) fn person(text: &str) -> Option<String> {
    text.parse::<Email>().ok().map(|email| email.to_string())
}
