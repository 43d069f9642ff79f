//! Reads checked trees into one draft of the set. What a tree lacks was refused before and is left out here.

use crate::glob;
use crate::language::RISKS;
use crate::leaf;
use crate::model::{
    Approval, Condition, DurationRule, Justification, Listed, Requesters, Required, Resource, Risk, Role, StageRule,
    TextPattern,
};
use crate::nearest::nearest;
use crate::node::{Node, Value};
use crate::problem::{At, Problems};
use crate::settings;
use crate::shape::{Site, shown};
use crate::source::Place;
use curfew_domain::connector::{ConnectorKind, Presence};
use curfew_domain::{ActionName, GroupName, ResourceName, RoleName, Seconds};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The one stage of a role that has `approvers`.
const ONLY_STAGE: &str = "approval";

/// Everything the files of a set say, before it is known whether the parts fit.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) roles: Vec<Role>,
    /// Roles with an error of their own. They are never in a set, but what they refer to is checked all the same.
    pub(crate) unfit: Vec<Unfit>,
    pub(crate) resources: Vec<Defined>,
    pub(crate) groups: Vec<Group>,
    pub(crate) idp_groups: Vec<(GroupName, Place)>,
    pub(crate) administrators: Option<Vec<Listed>>,
    pub(crate) auditors: Option<Vec<Listed>>,
}

/// What could be read of a role that has an error.
#[derive(Debug)]
pub(crate) struct Unfit {
    /// Its name, unless that is what is wrong.
    pub(crate) name: Option<RoleName>,
    /// With stand-ins for what could not be read.
    pub(crate) role: Role,
}

/// A resource and where its name stands.
#[derive(Debug)]
pub(crate) struct Defined {
    pub(crate) resource: Resource,
    pub(crate) place: Place,
}

/// A static group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: GroupName,
    pub(crate) members: Vec<Listed>,
    pub(crate) place: Place,
}

/// Reads files one after the other.
pub(crate) struct Drafter<'a> {
    pub(crate) kinds: &'a [&'static ConnectorKind],
    pub(crate) draft: Draft,
    /// Roles tend to share patterns; each is compiled once.
    patterns: HashMap<String, Arc<TextPattern>>,
    file: Arc<str>,
}

impl<'a> Drafter<'a> {
    pub(crate) fn new(kinds: &'a [&'static ConnectorKind]) -> Self {
        Self { kinds, draft: Draft::default(), patterns: HashMap::new(), file: Arc::from("") }
    }

    /// Adds what one file says.
    pub(crate) fn read(&mut self, path: &str, root: &Node, out: &mut Problems) {
        self.file = Arc::from(path);
        for entry in root.get("groups").map(Node::entries).unwrap_or_default() {
            let Some(name) = entry.key.text().and_then(|t| GroupName::new(t).ok()) else { continue };
            let group = Group { name, members: self.listed(&entry.value), place: self.place(entry.key.at()) };
            self.draft.groups.push(group);
        }
        for node in root.get("idp_groups").map(Node::items).unwrap_or_default() {
            let Some(name) = node.text().and_then(|t| GroupName::new(t).ok()) else { continue };
            self.draft.idp_groups.push((name, self.place(node.at())));
        }
        if let Some(node) = root.get("administrators") {
            let listed = self.listed(node);
            self.draft.administrators.get_or_insert_default().extend(listed);
        }
        if let Some(node) = root.get("auditors") {
            let listed = self.listed(node);
            self.draft.auditors.get_or_insert_default().extend(listed);
        }
        for node in root.get("resources").map(Node::items).unwrap_or_default() {
            self.resource(node, out);
        }
        for node in root.get("roles").map(Node::items).unwrap_or_default() {
            self.role(node, out);
        }
    }

    fn place(&self, at: At) -> Place {
        Place::new(self.file.clone(), at)
    }

    fn listed(&self, node: &Node) -> Vec<Listed> {
        let listed = |node: &Node| Some(Listed { principal: leaf::principal(node)?, place: self.place(node.at()) });
        node.items().iter().filter_map(listed).collect()
    }

    fn resource(&mut self, node: &Node, out: &mut Problems) {
        let Some(kind) = self.connector(node, out) else { return };
        let file = self.file.clone();
        let site = Site { file: &file, what: "settings" };
        let settings = match node.get("settings") {
            Some(settings) => settings::read(settings, kind, site, out),
            None => {
                for needed in settings::needed(kind) {
                    let message = format!("a {} resource needs `settings` with `{needed}`", kind.name);
                    site.refuse(out, node.head(), "missing-key", message, "add `settings`");
                }
                serde_json::json!({})
            }
        };
        let Some(name_node) = node.get("name") else { return };
        let Some(name) = name_node.text().and_then(|t| ResourceName::new(t).ok()) else { return };
        let written = node.get("admin").and_then(Node::text).map(str::to_owned);
        let admin = written.or_else(|| (kind.admin == Presence::Required).then(|| default_reference(&name)));
        let place = self.place(name_node.at());
        let resource = Resource {
            connector: kind,
            labels: labels(node),
            risk: node.get("risk").and_then(Node::text).and_then(risk).unwrap_or_default(),
            admin,
            settings,
            file: file.to_string(),
            line: place.line,
            name,
        };
        self.draft.resources.push(Defined { resource, place });
    }

    fn connector(&self, node: &Node, out: &mut Problems) -> Option<&'static ConnectorKind> {
        let word = node.get("connector")?;
        let text = word.text()?;
        if let Some(kind) = self.kinds.iter().find(|k| k.name == text) {
            return Some(kind);
        }
        let names: Vec<&str> = self.kinds.iter().map(|k| k.name).collect();
        let hint = match nearest(text, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        out.error(&self.file, word.at(), "unknown-connector", format!("there is no connector `{}`", shown(text)), hint);
        None
    }

    fn role(&mut self, node: &Node, out: &mut Problems) {
        if !matches!(node.value, Value::Map(..)) {
            return;
        }
        let approval = self.approval(node, out);
        self.requesters_are_said(node, approval.as_ref(), out);
        let justification = self.justification(node, out);
        let conditions = node.get("conditions").map(Node::items).unwrap_or_default();
        let conditions = conditions.iter().filter_map(|c| self.condition(c)).collect();
        let name_node = node.get("name");
        let name = name_node.and_then(Node::text).and_then(|t| RoleName::new(t).ok());
        let duration = self.duration(node);
        let fit = name.is_some() && approval.is_some() && duration.is_some();
        let place = self.place(name_node.map_or(node.head(), Node::at));
        let stand_in = || RoleName::new("unnamed").expect("INVARIANT: a name");
        let role = Role {
            name: name.clone().unwrap_or_else(stand_in),
            description: node.get("description").and_then(Node::text).unwrap_or_default().to_owned(),
            requesters: self.requesters(node),
            deny: node.get("deny").map(|n| self.listed(n)).unwrap_or_default(),
            duration: duration.unwrap_or_else(|| no_duration(place.clone())),
            conditions,
            approval: approval.unwrap_or_else(|| Approval::Stages(self.only_stage(node).into_iter().collect())),
            justification,
            place,
        };
        match fit {
            true => self.draft.roles.push(role),
            false => self.draft.unfit.push(Unfit { name, role }),
        }
    }

    fn only_stage(&self, node: &Node) -> Option<StageRule> {
        let (key, list) = entry_of(node, "approvers")?;
        let (name, place) = (ONLY_STAGE.to_owned(), self.place(key.at()));
        Some(StageRule { name, require: 1, approvers: self.listed(list), place })
    }

    /// Exactly one of `approvers` and `approval`; neither never means "nobody has to".
    fn approval(&self, node: &Node, out: &mut Problems) -> Option<Approval> {
        match (entry_of(node, "approvers"), entry_of(node, "approval")) {
            (None, None) => {
                let hint = "list `approvers`; that nobody has to approve is written `approval: automatic`";
                out.error(&self.file, node.head(), "no-approval", "nothing says who approves this role", hint);
                None
            }
            (Some(_), Some((key, _))) => {
                let message = "`approvers` and `approval` are two answers to one question";
                out.error(&self.file, key.at(), "approval-twice", message, "keep one of the two");
                None
            }
            (Some(_), None) => self.only_stage(node).map(|stage| Approval::Stages(vec![stage])),
            (None, Some((key, value))) => {
                (value.text() == Some("automatic")).then(|| Approval::Automatic(self.place(key.at())))
            }
        }
    }

    /// Where nobody approves, leaving `requesters` out must not open the door to everybody.
    fn requesters_are_said(&self, node: &Node, approval: Option<&Approval>, out: &mut Problems) {
        if matches!(approval, Some(Approval::Automatic(_))) && node.get("requesters").is_none() {
            let hint = "list `requesters`, or write `requesters: anyone` if every signed-in person may have it";
            let message = "nobody approves this role, so it has to say who may ask";
            out.error(&self.file, node.head(), "automatic-without-requesters", message, hint);
        }
    }

    fn requesters(&self, node: &Node) -> Requesters {
        match entry_of(node, "requesters") {
            None => Requesters::Anyone(self.place(node.head())),
            Some((key, value)) if value.text() == Some("anyone") => Requesters::Anyone(self.place(key.at())),
            Some((_, value)) => Requesters::Listed(self.listed(value)),
        }
    }

    fn duration(&self, node: &Node) -> Option<DurationRule> {
        let (key, value) = entry_of(node, "duration")?;
        let place = self.place(key.at());
        let first = Seconds::new(1);
        if let Some(max) = leaf::duration(value) {
            return Some(DurationRule { min: first, default: max, max, place });
        }
        let max = leaf::duration(value.get("max")?)?;
        let min = value.get("min").and_then(leaf::duration).unwrap_or(first);
        let default = value.get("default").and_then(leaf::duration).unwrap_or(max);
        Some(DurationRule { min, default, max, place })
    }

    fn condition(&self, node: &Node) -> Option<Condition> {
        let resource = node.get("resource")?;
        let actions = node.get("actions")?.items();
        let named = |n: &Node| Some((ActionName::new(n.text()?).ok()?, self.place(n.at())));
        let (actions, action_places) = actions.iter().filter_map(named).unzip();
        let resource_place = self.place(resource.at());
        let resource = glob::parse(resource.text()?).ok()?;
        Some(Condition { resource, actions, place: resource_place, action_places })
    }

    fn justification(&mut self, node: &Node, out: &mut Problems) -> Option<Justification> {
        let constraints = node.get("constraints")?;
        let (key, value) = entry_of(constraints, "justification")?;
        let pattern = value.get("pattern").and_then(|node| self.pattern(node, out));
        let required = match value.get("required").and_then(leaf::boolean) {
            Some(false) => Required::No,
            Some(true) | None => Required::Yes,
        };
        let min_length = value.get("min_length").and_then(leaf::integer).unwrap_or(0);
        Some(Justification { min_length, pattern, required, place: self.place(key.at()) })
    }

    fn pattern(&mut self, node: &Node, out: &mut Problems) -> Option<Arc<TextPattern>> {
        let text = node.text()?;
        if let Some(known) = self.patterns.get(text) {
            return Some(known.clone());
        }
        match TextPattern::new(text) {
            Ok(pattern) => {
                let pattern = Arc::new(pattern);
                self.patterns.insert(text.to_owned(), pattern.clone());
                Some(pattern)
            }
            Err(why) => {
                let message = format!("`{}` is not a linear-time pattern: {why}", shown(text));
                out.error(
                    &self.file,
                    node.at(),
                    "pattern",
                    message,
                    "look-around and back-references do not exist here",
                );
                None
            }
        }
    }
}

fn entry_of<'n>(node: &'n Node, key: &str) -> Option<(&'n Node, &'n Node)> {
    node.entries().iter().find(|e| e.key.text() == Some(key)).map(|e| (&e.key, &e.value))
}

/// Stands in a role whose duration could not be read; such a role is never in a set.
fn no_duration(place: Place) -> DurationRule {
    let none = Seconds::new(0);
    DurationRule { min: none, default: none, max: none, place }
}

fn labels(node: &Node) -> BTreeMap<String, String> {
    let pair = |e: &crate::node::Entry| Some((e.key.text()?.to_owned(), e.value.text()?.to_owned()));
    node.get("labels").map(Node::entries).unwrap_or_default().iter().filter_map(pair).collect()
}

fn risk(word: &str) -> Option<Risk> {
    const LEVELS: [Risk; 4] = [Risk::Low, Risk::Medium, Risk::High, Risk::Critical];
    RISKS.iter().position(|w| *w == word).and_then(|i| LEVELS.get(i)).copied()
}

/// `env:CURFEW_<NAME>_URL`, the resource's own name in capitals. It is open to that resource alone.
fn default_reference(name: &ResourceName) -> String {
    let word: String =
        name.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("env:CURFEW_{word}_URL")
}
