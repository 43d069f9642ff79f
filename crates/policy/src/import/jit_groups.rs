//! Policy documents of JIT Groups: environments of systems of groups, each with who may join and approve.
//!
//! The format is <https://googlecloudplatform.github.io/jit-groups/policy-reference>. Access and constraints of an
//! environment hold for its systems, and theirs for their groups; a constraint replaces its namesake further out.

use super::outline::{Approval, Input, Justification, Outline, Requesters, Role, person};
use super::{Effect, Read, lengths, names};
use crate::node::{Node, Value};
use crate::problem::Problems;
use curfew_domain::Seconds;
use std::collections::{BTreeMap, BTreeSet};

/// What a group without an `expiry` constraint gets.
const NO_EXPIRY: Seconds = Seconds::new(3_600);

/// Reads every document into the outline.
pub(super) fn read(documents: &[Read], outline: &mut Outline, out: &mut Problems) {
    for (file, document) in documents {
        let Some(environment) = document.root.get("environment") else {
            let hint = "a policy document of JIT Groups has `schemaVersion` and `environment`";
            out.error(file, document.root.head(), "import-format", "there is no `environment`", hint);
            continue;
        };
        for system in items(environment, "systems") {
            for group in items(system, "groups") {
                Importer { file, levels: [environment, system, group], outline }.group();
            }
        }
    }
}

struct Importer<'a> {
    file: &'a str,
    /// Environment, system, group: from the outside in.
    levels: [&'a Node; 3],
    outline: &'a mut Outline,
}

/// Who may do what to a group.
#[derive(Default)]
struct Access {
    /// With approval.
    join: BTreeSet<String>,
    /// Without.
    join_alone: BTreeSet<String>,
    everybody_joins: bool,
    approve: BTreeSet<String>,
    deny: BTreeSet<String>,
}

impl<'a> Importer<'a> {
    fn group(mut self) {
        let [environment, system, group] = self.levels;
        let full = [environment, system, group].map(|level| text(level, "name")).join(".");
        let name = self.outline.role_names.of(&full, &full);
        if self.outline.pay(self.shared()).is_none() {
            return;
        }
        let Some(shape) = self.constraints(&name) else { return };
        let access = self.access(&name);
        let conditions = self.privileges(&name);
        let (alone, asking) = (!access.join_alone.is_empty(), !access.join.is_empty() || access.everybody_joins);
        if asking && access.approve.is_empty() {
            self.remark(
                &name,
                Effect::Narrower,
                "nobody may approve who joins, so that nobody could: not carried over",
            );
        }
        let role = |name: String, requesters, approval| Role {
            name,
            description: text(group, "description").to_owned(),
            requesters,
            deny: access.deny.clone(),
            min: shape.min,
            max: shape.max,
            conditions: conditions.clone(),
            approval,
            justification: shape.justification.map(|min_length| Justification { min_length }),
            ticket: shape.ticket.clone(),
            inputs: shape.inputs.clone(),
        };
        if asking && !access.approve.is_empty() {
            let listed = Requesters::Listed(access.join.clone());
            let requesters = if access.everybody_joins { Requesters::Anyone } else { listed };
            let approval = Approval::Needed { require: 1, any_of: access.approve.clone() };
            self.outline.roles.push(role(name.clone(), requesters, approval));
        }
        if alone {
            let both = asking && !access.approve.is_empty();
            let wanted = if both { format!("{full}.self") } else { full };
            let name = if both { self.outline.role_names.of(&wanted, &wanted) } else { name };
            self.outline.roles.push(role(name, Requesters::Listed(access.join_alone.clone()), Approval::Automatic));
        }
    }

    /// What is looked at for this group, most of which its neighbours share.
    fn shared(&self) -> usize {
        let of = |level: &Node| {
            let constraints = level.get("constraints").map(|c| items(c, "join").len() + items(c, "approve").len());
            items(level, "access").len() + constraints.unwrap_or_default()
        };
        1 + self.levels.into_iter().map(of).sum::<usize>()
    }

    fn remark(&mut self, role: &str, effect: Effect, message: impl Into<String>) {
        let at = (self.file, self.levels[2]);
        self.outline.remark(role, at, effect, message);
    }

    /// Access of all three levels together, as they add up there.
    fn access(&mut self, role: &str) -> Access {
        let mut access = Access::default();
        for entry in self.levels.into_iter().flat_map(|level| items(level, "access")) {
            let who = text(entry, "principal");
            let words = |key| -> BTreeSet<String> {
                text(entry, key).split(',').map(|w| w.trim().to_ascii_uppercase()).filter(|w| !w.is_empty()).collect()
            };
            self.allowed(role, who, &words("allow"), &mut access);
            let denied = words("deny");
            if denied.iter().any(|w| matches!(w.as_str(), "JOIN" | "APPROVE_SELF" | "APPROVE_OTHERS")) {
                if let Some(who) = self.principal(role, who) {
                    access.deny.insert(who);
                }
                if !(denied.contains("JOIN") && denied.contains("APPROVE_OTHERS")) {
                    let message = format!("`{who}` was denied one of joining and approving; here both are denied");
                    self.remark(role, Effect::Narrower, message);
                }
            }
        }
        access
    }

    fn allowed(&mut self, role: &str, who: &str, words: &BTreeSet<String>, access: &mut Access) {
        let has = |word: &str| words.contains(word);
        if has("JOIN") && !has("APPROVE_SELF") && who == "class:iapUsers" {
            access.everybody_joins = true;
        } else if has("JOIN") {
            let list = if has("APPROVE_SELF") { &mut access.join_alone } else { &mut access.join };
            list.extend(self.principal(role, who));
        }
        if has("APPROVE_OTHERS") {
            access.approve.extend(self.principal(role, who));
        }
    }

    fn principal(&mut self, role: &str, who: &str) -> Option<String> {
        let (kind, id) = who.split_once(':').unwrap_or(("", who));
        let found = match kind {
            "user" => person(id),
            "group" => Some(self.outline.group(id)),
            "class" if id == "iapUsers" => Some(self.outline.group("iap-users")),
            _ => None,
        };
        match (&found, kind) {
            (None, _) => self.remark(role, Effect::Narrower, format!("`{who}` is no person or group here: left out")),
            (Some(group), "class") => {
                let message = format!("everybody whom the proxy lets in became `{group}`: give it members");
                self.remark(role, Effect::ToDo, message);
            }
            (Some(_), _) => {}
        }
        found
    }

    /// What the privileges give, by resource.
    fn privileges(&mut self, role: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut conditions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let group = self.levels[2];
        for binding in group.get("privileges").map(|p| items(p, "iam")).unwrap_or_default() {
            let project = text(binding, "project");
            let place =
                if project.is_empty() { text(binding, "resource").to_owned() } else { format!("projects/{project}") };
            let place: Vec<String> = place.split('/').filter(|s| !s.is_empty()).map(names::segment).collect();
            let iam_role = text(binding, "role");
            let action = names::segment(iam_role.strip_prefix("roles/").unwrap_or(iam_role));
            conditions.entry(format!("gcp/{}", place.join("/"))).or_default().insert(action);
            if binding.get("condition").is_some() {
                let message =
                    format!("the IAM condition on `{iam_role}` is not carried over: put it into the resource");
                self.remark(role, Effect::Wider, message);
            }
        }
        if conditions.is_empty() {
            let name = names::segment(text(group, "name"));
            conditions.insert(format!("gcp/groups/{name}"), BTreeSet::from(["member".to_owned()]));
        }
        conditions
    }

    /// The constraints in force, or none when they let nobody in.
    fn constraints(&mut self, role: &str) -> Option<Shape> {
        let mut shape = Shape { min: None, max: NO_EXPIRY, justification: None, ticket: None, inputs: Vec::new() };
        let mut expires = false;
        for constraint in self.inherited("join") {
            match text(constraint, "type") {
                "expiry" => expires |= self.expiry(role, constraint, &mut shape),
                "expression" if text(constraint, "expression").trim() == "false" => {
                    self.remark(role, Effect::Narrower, "its constraints let nobody join: not carried over");
                    return None;
                }
                _ => self.expression(role, constraint, &mut shape),
            }
        }
        for constraint in self.inherited("approve") {
            let message = format!("the constraint `{}` on approving is not carried over", text(constraint, "name"));
            self.remark(role, Effect::Wider, message);
        }
        if !expires {
            self.remark(role, Effect::ToDo, format!("no expiry was set: {NO_EXPIRY} was chosen"));
        }
        Some(shape)
    }

    /// The constraints of all levels; what has the same name further in replaces it, and there is one expiry.
    fn inherited(&self, kind: &str) -> Vec<&'a Node> {
        let mut found: BTreeMap<&str, &Node> = BTreeMap::new();
        for level in self.levels {
            for constraint in level.get("constraints").map(|c| items(c, kind)).unwrap_or_default() {
                let expiry = text(constraint, "type") == "expiry";
                found.insert(if expiry { "\0expiry" } else { text(constraint, "name") }, constraint);
            }
        }
        found.into_values().collect()
    }

    fn expiry(&mut self, role: &str, constraint: &Node, shape: &mut Shape) -> bool {
        let Some(max) = lengths::seconds(text(constraint, "max")) else { return false };
        let at = (self.file, constraint);
        shape.max = self.outline.bounded(role, at, max);
        shape.min = lengths::seconds(text(constraint, "min")).filter(|min| *min <= shape.max);
        true
    }

    /// Common Expression Language is not read, save the two forms of the documentation's own examples.
    fn expression(&mut self, role: &str, constraint: &Node, shape: &mut Shape) {
        let expression = text(constraint, "expression").trim();
        for variable in items(constraint, "variables") {
            let (name, at_least) = (text(variable, "name"), number(variable, "min").unwrap_or(0));
            if expression == format!("input.{name} != ''") && matches!(name, "justification" | "reason") {
                shape.justification = Some(at_least.max(1));
                return;
            }
            let matched = expression.strip_prefix(&format!("input.{name}.matches('"));
            let pattern = matched.and_then(|rest| rest.strip_suffix("')"));
            let pattern = pattern.filter(|_| self.outline.pay(PATTERN_STEPS).is_some()).and_then(whole);
            if let (Some(pattern), true) = (pattern, name.to_ascii_lowercase().contains("ticket")) {
                shape.ticket = Some(pattern);
                return;
            }
            shape.inputs.push(Input {
                name: names::segment(name),
                kind: match text(variable, "type") {
                    "int" | "integer" => "integer",
                    "bool" | "boolean" => "boolean",
                    _ => "string",
                },
                max_length: number(variable, "max").filter(|_| text(variable, "type") == "string"),
                prompt: text(variable, "displayName").to_owned(),
            });
        }
        let message = format!("the constraint `{}` is not carried over: {expression}", text(constraint, "name"));
        self.remark(role, Effect::Wider, message);
    }
}

/// What the constraints of a group come down to.
struct Shape {
    min: Option<Seconds>,
    max: Seconds,
    /// Characters at least.
    justification: Option<u32>,
    ticket: Option<String>,
    inputs: Vec<Input>,
}

/// A pattern that is found anywhere, as one that matches the whole text; none when it cannot be a pattern here.
fn whole(pattern: &str) -> Option<String> {
    let pattern = pattern.replace("\\\\", "\\");
    let anchored = pattern.strip_prefix('^').and_then(|p| p.strip_suffix('$')).filter(|p| !p.contains('|'));
    let whole = anchored.map_or_else(|| format!("(?s:.*)(?:{pattern})(?s:.*)"), str::to_owned);
    regex::RegexBuilder::new(&whole).size_limit(PATTERN_BYTES).build().is_ok().then_some(whole)
}

/// Bytes that a pattern may take when it is compiled.
const PATTERN_BYTES: usize = 256 << 10;
/// What it costs to see whether a text is a pattern.
const PATTERN_STEPS: usize = 1_000;

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

fn text<'n>(node: &'n Node, key: &str) -> &'n str {
    node.get(key).filter(|n| !matches!(n.value, Value::Broken)).and_then(Node::text).unwrap_or_default()
}

fn number(node: &Node, key: &str) -> Option<u32> {
    text(node, key).parse().ok()
}
