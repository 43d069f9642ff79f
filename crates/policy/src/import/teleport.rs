//! Teleport's roles: which of them may be asked for, by whom, and who reviews.
//!
//! The format is <https://goteleport.com/docs/reference/access-controls/roles/>. A Teleport role is both what somebody
//! holds and what somebody asks for. Holders become a group of the identity provider with the role's name; what can be
//! asked for becomes a role.

use super::outline::{Approval, Justification, Outline, Requesters, Role};
use super::{Effect, Read, lengths, teleport_targets};
use crate::node::Node;
use crate::problem::Problems;
use curfew_domain::Seconds;
use std::collections::{BTreeMap, BTreeSet};

/// Teleport's own default for `max_session_ttl`.
const SESSION: Seconds = Seconds::new(12 * 3_600);

/// Roles by name, with the file each is in.
type Roles<'a> = BTreeMap<&'a str, (&'a str, &'a Node)>;

/// Reads every role into the outline.
pub(super) fn read(documents: &[Read], outline: &mut Outline, out: &mut Problems) {
    let mut roles = Roles::new();
    for (file, document) in documents {
        let root = &document.root;
        match (at(root, &["kind"]).and_then(Node::text), at(root, &["metadata", "name"]).and_then(Node::text)) {
            (Some("role"), Some(name)) => {
                roles.insert(name, (file, root));
            }
            (Some(kind), _) => {
                outline.remark("", (file, root), Effect::ToDo, format!("a `{kind}` is no role: left out"));
            }
            (None, _) => {
                let hint = "a role of Teleport has `kind: role`, `metadata` and `spec`";
                out.error(file, root.head(), "import-format", "this is no resource of Teleport", hint);
            }
        }
    }
    let rights = Rights::of(&roles, outline);
    for (name, (file, role)) in &roles {
        if !rights.of_holders(Right::Request, name).is_empty() {
            Importer { name, file, role, roles: &roles, rights: &rights, outline }.role();
        } else if !is_holder(role) {
            let message = format!("nobody asks for the role `{name}`, so its holders keep it: left out");
            outline.remark("", (file, role), Effect::Narrower, message);
        }
    }
}

/// The value at the end of a path of keys.
pub(super) fn at<'n>(node: &'n Node, path: &[&str]) -> Option<&'n Node> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

/// A list of texts, which may be written as one text.
pub(super) fn texts(node: Option<&Node>) -> Vec<&str> {
    let Some(node) = node else { return Vec::new() };
    match node.text() {
        Some(text) => vec![text],
        None => node.items().iter().filter_map(Node::text).collect(),
    }
}

/// Whether a role only lets its holders ask and review.
fn is_holder(role: &Node) -> bool {
    at(role, &["spec", "allow", "request"]).is_some() || at(role, &["spec", "allow", "review_requests"]).is_some()
}

/// What the holders of a role may do, or not, to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    Request,
    Review,
    NoRequest,
    NoReview,
}

impl Right {
    const ALL: [(Right, [&'static str; 4]); 4] = [
        (Right::Request, ["spec", "allow", "request", "roles"]),
        (Right::Review, ["spec", "allow", "review_requests", "roles"]),
        (Right::NoRequest, ["spec", "deny", "request", "roles"]),
        (Right::NoReview, ["spec", "deny", "review_requests", "roles"]),
    ];
}

/// Whose holders may do what to each role, with `*` and `^...$` resolved among the roles there are.
struct Rights<'a>(BTreeMap<(Right, &'a str), BTreeSet<&'a str>>);

impl<'a> Rights<'a> {
    /// Some of them when it comes to too much.
    fn of(roles: &Roles<'a>, outline: &Outline) -> Self {
        let mut rights = BTreeMap::<_, BTreeSet<&str>>::new();
        for (right, path) in Right::ALL {
            for (holder, (_, role)) in roles {
                for pattern in texts(at(role, &path)) {
                    let Some(named) = matching(pattern, roles, outline) else { return Self(rights) };
                    for name in named {
                        rights.entry((right, name)).or_default().insert(*holder);
                    }
                }
            }
        }
        Self(rights)
    }

    fn of_holders(&self, right: Right, name: &str) -> BTreeSet<&'a str> {
        self.0.get(&(right, name)).cloned().unwrap_or_default()
    }
}

/// The roles that a pattern names; none when it is too much to find out.
fn matching<'a>(pattern: &str, roles: &Roles<'a>, outline: &Outline) -> Option<Vec<&'a str>> {
    let regular = pattern.starts_with('^') && pattern.ends_with('$');
    if !regular && !pattern.contains('*') {
        outline.pay(1)?;
        return Some(roles.get_key_value(pattern).map(|(name, _)| *name).into_iter().collect());
    }
    let text = match regular {
        true => pattern.to_owned(),
        false => format!("^{}$", pattern.split('*').map(regex::escape).collect::<Vec<_>>().join(".*")),
    };
    outline.pay(PATTERN_STEPS)?;
    let regex = regex::RegexBuilder::new(&text).size_limit(PATTERN_BYTES).build();
    let Ok(regex) = regex else { return Some(Vec::new()) };
    let found: Vec<&str> = roles.keys().filter(|name| regex.is_match(name)).copied().collect();
    outline.pay(found.len())?;
    Some(found)
}

/// Bytes that a pattern may take when it is compiled.
const PATTERN_BYTES: usize = 64 << 10;
/// What it costs to match a pattern against all roles.
const PATTERN_STEPS: usize = 500;

struct Importer<'a, 'o> {
    name: &'a str,
    file: &'a str,
    role: &'a Node,
    roles: &'a Roles<'a>,
    rights: &'o Rights<'a>,
    outline: &'o mut Outline,
}

impl<'a> Importer<'a, '_> {
    fn role(mut self) {
        let name = self.outline.role_names.of(self.name, self.name);
        let who = |right| self.rights.of_holders(right, self.name);
        let (askers, reviewers) = (who(Right::Request), who(Right::Review));
        let (denied_asking, denied_reviewing) = (who(Right::NoRequest), who(Right::NoReview));
        let conditions = teleport_targets::conditions(&name, (self.file, self.role), self.outline);
        if reviewers.is_empty() {
            return self.left_out(&name, "nobody reviews requests for it");
        }
        if conditions.is_empty() {
            return self.left_out(&name, "it gives nothing that could be named");
        }
        for holder in denied_asking.symmetric_difference(&denied_reviewing) {
            let message =
                format!("holders of `{holder}` were denied one of asking and reviewing; here both are denied");
            self.remark(&name, Effect::Narrower, message);
        }
        self.say_what_is_lost(&name, &askers, &reviewers);
        let max = self.longest(&name, &askers);
        let denied: BTreeSet<&str> = denied_asking.union(&denied_reviewing).copied().collect();
        let role = Role {
            description: at(self.role, &["metadata", "description"])
                .and_then(Node::text)
                .unwrap_or_default()
                .to_owned(),
            requesters: Requesters::Listed(self.groups(&askers)),
            deny: self.groups(&denied),
            min: None,
            max,
            conditions,
            approval: Approval::Needed { require: self.threshold(&name, &askers), any_of: self.groups(&reviewers) },
            justification: self.reason_is_asked(&askers).then_some(Justification { min_length: 1 }),
            ticket: None,
            inputs: Vec::new(),
            name,
        };
        self.outline.roles.push(role);
    }

    fn remark(&mut self, role: &str, effect: Effect, message: impl Into<String>) {
        self.outline.remark(role, (self.file, self.role), effect, message);
    }

    fn left_out(&mut self, name: &str, why: &str) {
        self.remark("", Effect::Narrower, format!("the role `{name}` is not carried over: {why}"));
    }

    fn groups(&mut self, holders: &BTreeSet<&str>) -> BTreeSet<String> {
        holders.iter().map(|holder| self.outline.group(holder)).collect()
    }

    fn asking(&self, askers: &BTreeSet<&str>, key: &str) -> Vec<&'a Node> {
        let roles = askers.iter().filter_map(|name| self.roles.get(name));
        roles.filter_map(|(_, role)| at(role, &["spec", "allow", "request", key])).collect()
    }

    /// `max_duration` of those who ask, else the role's own session length.
    fn longest(&mut self, name: &str, askers: &BTreeSet<&str>) -> Seconds {
        let lengths = self.asking(askers, "max_duration");
        let asked: Vec<Seconds> = lengths.into_iter().filter_map(Node::text).filter_map(lengths::seconds).collect();
        let own =
            at(self.role, &["spec", "options", "max_session_ttl"]).and_then(Node::text).and_then(lengths::seconds);
        let max = match (asked.iter().min(), own) {
            (Some(least), _) => {
                if asked.iter().any(|length| length != least) {
                    self.remark(
                        name,
                        Effect::Narrower,
                        format!("who asks had several longest times: {least} was taken"),
                    );
                }
                *least
            }
            (None, Some(own)) => own,
            (None, None) => {
                self.remark(name, Effect::ToDo, format!("no longest time was set: Teleport's {SESSION} was taken"));
                SESSION
            }
        };
        self.outline.bounded(name, (self.file, self.role), max)
    }

    /// How many have to approve: the most that any threshold asks for.
    fn threshold(&mut self, name: &str, askers: &BTreeSet<&str>) -> u32 {
        let thresholds: Vec<&Node> = self.asking(askers, "thresholds").into_iter().flat_map(Node::items).collect();
        let count = |node: &&Node| node.get("approve").and_then(Node::text).and_then(|t| t.parse::<u32>().ok());
        let counts: BTreeSet<u32> = thresholds.iter().filter_map(count).collect();
        if counts.len() > 1 {
            self.remark(
                name,
                Effect::Narrower,
                "there were several thresholds, any of which sufficed: the highest holds",
            );
        }
        counts.last().copied().unwrap_or(1).max(1)
    }

    fn reason_is_asked(&self, askers: &BTreeSet<&str>) -> bool {
        let modes = self.asking(askers, "reason").into_iter().filter_map(|reason| reason.get("mode")?.text());
        modes.into_iter().any(|mode| mode == "required")
    }

    fn say_what_is_lost(&mut self, name: &str, askers: &BTreeSet<&str>, reviewers: &BTreeSet<&str>) {
        let holders: BTreeSet<&str> = askers.union(reviewers).copied().collect();
        for holder in holders {
            let group = self.outline.group(holder);
            self.remark(
                name,
                Effect::ToDo,
                format!("`{group}` stands for the holders of the Teleport role `{holder}`"),
            );
        }
        for reviewer in reviewers {
            let Some((_, role)) = self.roles.get(reviewer) else { continue };
            if let Some(condition) = at(role, &["spec", "allow", "review_requests", "where"]).and_then(Node::text) {
                self.remark(name, Effect::Wider, format!("reviewing was bound to a condition: {condition}"));
            }
        }
        for threshold in self.asking(askers, "thresholds").into_iter().flat_map(Node::items) {
            if let Some(filter) = threshold.get("filter").and_then(Node::text) {
                self.remark(name, Effect::ToDo, format!("a threshold held only for some requests: {}", filter.trim()));
            }
        }
        for key in ["claims_to_roles", "search_as_roles"] {
            if !self.asking(askers, key).is_empty() {
                self.remark(name, Effect::Narrower, format!("`{key}` of those who ask is not carried over"));
            }
        }
        for key in ["lock", "require_session_mfa", "client_idle_timeout", "device_trust_mode", "pin_source_ip"] {
            if let Some(value) = at(self.role, &["spec", "options", key]) {
                let value = value.text().unwrap_or("...");
                if !matches!(value, "no" | "false" | "never" | "off" | "best_effort") {
                    self.remark(name, Effect::Wider, format!("the option `{key}: {value}` is not carried over"));
                }
            }
        }
    }
}
