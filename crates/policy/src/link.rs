//! Checks that the parts of a draft fit: names are unique, references lead somewhere, nobody opens a door by omission.

use crate::check::Purpose;
use crate::draft::Draft;
use crate::inventory::Inventory;
use crate::model::{
    Account, Approval, Condition, Listed, Pattern, Principal, Receiver, Requesters, Resource, Risk, Role, StageRule,
};
use crate::nearest::nearest;
use crate::problem::Problems;
use crate::source::Place;
use curfew_domain::{ActionName, GroupName};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Reports everything about the draft that needs more than one place of the text to see.
pub(crate) fn link(draft: &Draft, inventory: &Inventory, purpose: Purpose, out: &mut Problems) {
    let named = draft.unfit.iter().filter_map(|u| Some((u.name.as_ref()?.as_str(), &u.role.place)));
    let roles: Vec<(&str, &Place)> = draft.roles.iter().map(|r| (r.name.as_str(), &r.place)).chain(named).collect();
    unique("role", roles.iter().copied(), out);
    unique("resource", draft.resources.iter().map(|d| (d.resource.name.as_str(), &d.place)), out);
    let groups = draft.groups.iter().map(|g| (g.name.as_str(), &g.place));
    let idp_groups = draft.idp_groups.iter().map(|(name, place)| (name.as_str(), place));
    unique("group", groups.chain(idp_groups), out);
    unique("chain", draft.chains.iter().map(|c| (c.name.as_str(), &c.place)), out);
    unique("bundle", draft.bundles.iter().map(|b| (b.name.as_str(), &b.place)), out);
    people(draft, out);
    admin_references(draft, out);
    groups_exist(draft, out);
    group_cycles(draft, out);
    let known: BTreeMap<String, &str> = roles.iter().map(|(name, _)| (name.to_ascii_lowercase(), *name)).collect();
    roles_exist(draft, &known, out);
    let scopes = Scopes { inventory, purpose };
    for role in all_roles(draft) {
        scopes.role(role, out);
    }
}

/// An account belongs to one person, and a person stands in one entry.
fn people(draft: &Draft, out: &mut Problems) {
    let numbers = |of: fn(&Account) -> Option<&str>| draft.people.iter().filter_map(move |p| Some((of(p)?, &p.place)));
    unique("person", numbers(|p| Some(p.email.as_str())), out);
    unique("GitHub account", numbers(|p| p.github.as_deref()), out);
    unique("GitLab account", numbers(|p| p.gitlab.as_deref()), out);
}

/// Bundles and tests speak of roles that there are; a bundle has no role's name.
fn roles_exist(draft: &Draft, known: &BTreeMap<String, &str>, out: &mut Problems) {
    for bundle in &draft.bundles {
        if let Some(role) = known.get(&bundle.name.as_str().to_ascii_lowercase()) {
            let message = format!("`{}` is the name of the role `{role}` already", bundle.name);
            refuse(out, &bundle.place, "duplicate-name", message, "one asks for both by name: choose another");
        }
        unique("role of the bundle", bundle.roles.iter().map(|(name, place)| (name.as_str(), place)), out);
    }
    let bundled = draft.bundles.iter().flat_map(|b| &b.roles).map(|(name, place)| (name.as_str(), place));
    let tested = draft.tests.iter().map(|t| (t.ask.role.as_str(), &t.role_place));
    for (name, place) in bundled.chain(tested) {
        if known.get(&name.to_ascii_lowercase()).is_some_and(|exact| *exact == name) {
            continue;
        }
        let hint = match nearest(name, known.values().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "define it under `roles`".to_owned(),
            None => format!("there are: {}", some(known.values().copied())),
        };
        refuse(out, place, "unknown-role", format!("there is no role `{name}`"), hint);
    }
}

/// The first few of a list, for a hint.
fn some<'n>(names: impl Iterator<Item = &'n str>) -> String {
    const FEW: usize = 8;
    let all: Vec<&str> = names.collect();
    let more = if all.len() > FEW { ", ..." } else { "" };
    format!("{}{more}", all[..all.len().min(FEW)].join(", "))
}

fn refuse(out: &mut Problems, place: &Place, code: &'static str, message: String, hint: impl Into<String>) {
    out.error(&place.file, place.at(), code, message, hint);
}

/// Names that differ in case only would be one name to most people.
fn unique<'d>(what: &str, names: impl Iterator<Item = (&'d str, &'d Place)>, out: &mut Problems) {
    let mut seen: HashMap<String, (&str, &Place)> = HashMap::new();
    for (name, place) in names {
        let Some((first, there)) = seen.get(&name.to_ascii_lowercase()) else {
            seen.insert(name.to_ascii_lowercase(), (name, place));
            continue;
        };
        let place_of_first = format!("{} line {}", there.file, there.line);
        let message = match *first == name {
            true => format!("there is a {what} `{name}` already, in {place_of_first}"),
            false => format!("`{name}` and `{first}` ({place_of_first}) are the same {what} name but for case"),
        };
        let hint = match what {
            "person" => "write all accounts of a person into one entry",
            "GitHub account" | "GitLab account" => "an account is one person's: remove it from one of the two",
            "role of the bundle" => "name it once",
            "group" if *first == name => "a group is static or the identity provider's, and declared once: remove one",
            _ => "give one of them another name",
        };
        refuse(out, place, "duplicate-name", message, hint);
    }
}

/// Two resources behind one reference would be one target under two names.
fn admin_references(draft: &Draft, out: &mut Problems) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for defined in &draft.resources {
        let Some(reference) = defined.resource.admin.as_deref() else { continue };
        let name = defined.resource.name.as_str();
        match seen.get(reference) {
            Some(first) if *first != name => {
                let message = format!("`{name}` and `{first}` have the same way in, `{reference}`");
                let hint = "they would be one target under two names: write an `admin` of its own for one of them, and bind it under `[secrets]` of the server";
                refuse(out, &defined.place, "shared-admin", message, hint);
            }
            Some(_) => {}
            None => {
                seen.insert(reference, name);
            }
        }
    }
}

fn groups_exist(draft: &Draft, out: &mut Problems) {
    let known: BTreeSet<&str> = draft
        .groups
        .iter()
        .map(|g| &g.name)
        .chain(draft.idp_groups.iter().map(|(n, _)| n))
        .map(GroupName::as_str)
        .collect();
    for (name, place) in group_names(draft) {
        if known.contains(name.as_str()) {
            continue;
        }
        let hint = match nearest(name.as_str(), known.iter().copied()) {
            Some(near) => format!("did you mean group:{near}?"),
            None => "declare it in `groups`, or in `idp_groups` if it is the identity provider's".to_owned(),
        };
        refuse(out, place, "unknown-group", format!("there is no group `{name}`"), hint);
    }
    for (name, place) in draft.tests.iter().flat_map(|t| &t.groups) {
        if !draft.idp_groups.iter().any(|(known, _)| known == name) {
            let message = format!("`{name}` is none of `idp_groups`, so being in it changes nothing");
            out.warning(&place.file, place.at(), "unknown-group", message, "static groups hold persons by address");
        }
    }
}

fn all_roles(draft: &Draft) -> impl Iterator<Item = &Role> {
    draft.roles.iter().chain(draft.unfit.iter().map(|u| &u.role))
}

/// Every group that something names, and where.
fn group_names(draft: &Draft) -> impl Iterator<Item = (&GroupName, &Place)> {
    let roles = all_roles(draft).flat_map(|role| {
        let received = role.triggers.iter().flat_map(|t| &t.grant_to).filter_map(|to| match to {
            Receiver::Named(listed) => Some(listed),
            Receiver::Pipeline | Receiver::Actor => None,
        });
        role.lists().flatten().chain(received).chain(&role.owner)
    });
    let groups = draft.groups.iter().flat_map(|g| &g.members);
    let offices = draft.administrators.iter().chain(&draft.auditors).flatten();
    let approvers = draft.policy_approvers.iter().flat_map(|p| &p.any_of);
    let chains = draft.chains.iter().flat_map(|c| &c.chain.stages).flat_map(StageRule::lists).flatten();
    let defaults = draft.defaults.iter().flat_map(Role::lists).flatten();
    let all = groups.chain(offices).chain(approvers).chain(chains).chain(roles).chain(defaults);
    all.filter_map(|listed| match &listed.principal {
        Principal::Group(name) => Some((name, &listed.place)),
        Principal::Person(_) | Principal::OnCall(_) | Principal::Workload(_) => None,
    })
}

/// Takes away groups whose members are all known to end; what cannot be taken away is in a cycle or above one.
fn group_cycles(draft: &Draft, out: &mut Problems) {
    let edges = |listed: &Listed| match &listed.principal {
        Principal::Group(name) => Some(name.clone()),
        Principal::Person(_) | Principal::OnCall(_) | Principal::Workload(_) => None,
    };
    let mut below: BTreeMap<GroupName, BTreeSet<GroupName>> =
        draft.groups.iter().map(|g| (g.name.clone(), g.members.iter().filter_map(edges).collect())).collect();
    prune(&mut below, Direction::Down);
    prune(&mut below, Direction::Up);
    for group in &draft.groups {
        let Some(inside) = below.get(&group.name) else { continue };
        for member in &group.members {
            if let Principal::Group(name) = &member.principal
                && inside.contains(name)
            {
                let message = format!("group `{}` is in itself, through `{name}`", group.name);
                refuse(
                    out,
                    &member.place,
                    "group-cycle",
                    message,
                    "a group cannot contain itself: remove one of the entries",
                );
            }
        }
    }
}

/// From which end groups are taken away.
#[derive(Clone, Copy)]
enum Direction {
    /// Groups that hold no group that is left.
    Down,
    /// Groups that no group that is left holds.
    Up,
}

/// Removes what cannot be on a cycle. Each round looks only at neighbours of what the last one removed.
fn prune(below: &mut BTreeMap<GroupName, BTreeSet<GroupName>>, direction: Direction) {
    let mut above: BTreeMap<GroupName, BTreeSet<GroupName>> = BTreeMap::new();
    for (group, members) in below.iter() {
        for member in members.iter().filter(|m| below.contains_key(*m)) {
            above.entry(member.clone()).or_default().insert(group.clone());
        }
    }
    let names: BTreeSet<GroupName> = below.keys().cloned().collect();
    for members in below.values_mut() {
        members.retain(|m| names.contains(m));
    }
    let mut open: Vec<GroupName> = names.into_iter().collect();
    while let Some(group) = open.pop() {
        let Some(members) = below.get(&group) else { continue };
        let holders = above.get(&group);
        let free = match direction {
            Direction::Down => members.is_empty(),
            Direction::Up => holders.is_none_or(BTreeSet::is_empty),
        };
        if !free {
            continue;
        }
        let members = below.remove(&group).unwrap_or_default();
        for member in members {
            above.get_mut(&member).map(|holders| holders.remove(&group));
            open.push(member);
        }
        for holder in above.remove(&group).into_iter().flatten() {
            below.get_mut(&holder).map(|members| members.remove(&group));
            open.push(holder);
        }
    }
}

/// Checks what roles can give against what there is.
struct Scopes<'a> {
    inventory: &'a Inventory,
    purpose: Purpose,
}

impl Scopes<'_> {
    fn role(&self, role: &Role, out: &mut Problems) {
        for condition in &role.conditions {
            self.condition(condition, out);
        }
        self.defined_by(role, out);
        let unattended = match (&role.approval, &role.auto_approve_when) {
            (Approval::Automatic(place), _) => place,
            (Approval::Stages(_), Some(expression)) => &expression.place,
            (Approval::Stages(_), None) => return,
        };
        let open = match &role.requesters {
            Requesters::Anyone(_) => unattended,
            Requesters::Listed(_) | Requesters::TriggersOnly => return,
        };
        if let Some(name) = self.above_low_risk(role) {
            let message = format!("anyone would get `{name}`, which is above low risk, without anybody's approval");
            refuse(
                out,
                open,
                "automatic-for-anyone",
                message,
                "list `approvers` or `requesters`, or declare the resource `risk: low`",
            );
        }
    }

    /// A resource may say which files hold roles over it.
    fn defined_by(&self, role: &Role, out: &mut Problems) {
        for condition in &role.conditions {
            let covered = match &condition.resource {
                Pattern::Exact(name) => self.inventory.resource(name).into_iter().collect::<Vec<_>>(),
                Pattern::Glob(_) | Pattern::Labels(_) => self.inventory.covered(&condition.resource).collect(),
            };
            let elsewhere = |r: &&&Resource| {
                !r.defined_by.is_empty() && !r.defined_by.iter().any(|glob| glob.matches(&condition.place.file))
            };
            if let Some(resource) = covered.iter().find(elsewhere) {
                let globs: Vec<String> = resource.defined_by.iter().map(ToString::to_string).collect();
                let message = format!("roles over `{}` may stand in {} only", resource.name, globs.join(", "));
                refuse(out, &condition.place, "defined-by", message, "move the role there, or leave the resource out");
            }
        }
    }

    /// A resource that the role gives and that is not declared harmless. What nothing defines is not.
    fn above_low_risk(&self, role: &Role) -> Option<String> {
        role.conditions.iter().find_map(|condition| match &condition.resource {
            Pattern::Exact(name) => {
                let risk = self.inventory.resource(name).map_or(Risk::default(), |r| r.risk);
                (risk > Risk::Low).then(|| name.to_string())
            }
            Pattern::Glob(_) | Pattern::Labels(_) => {
                let mut covered = self.inventory.covered(&condition.resource);
                covered.find(|r| r.risk > Risk::Low).map(|r| r.name.to_string())
            }
        })
    }

    fn condition(&self, condition: &Condition, out: &mut Problems) {
        match &condition.resource {
            Pattern::Exact(name) => match self.inventory.resource(name) {
                Some(resource) => self.actions(condition, &[resource], out),
                None => self.undefined(condition, out),
            },
            Pattern::Glob(_) | Pattern::Labels(_) => {
                let covered: Vec<&Resource> = self.inventory.covered(&condition.resource).collect();
                if covered.is_empty() {
                    let message = format!("`{}` matches no resource of the set", condition.resource.as_str());
                    let hint = "check the spelling, or define resources that it matches; `services/**` is all below `services`, not itself";
                    out.warning(&condition.place.file, condition.place.at(), "glob-matches-nothing", message, hint);
                } else {
                    self.actions(condition, &covered, out);
                }
            }
        }
    }

    fn undefined(&self, condition: &Condition, out: &mut Problems) {
        let name = condition.resource.as_str();
        let near = nearest(name, self.inventory.resources().map(|r| r.name.as_str()));
        let hint = near.map_or_else(|| define(name), |near| format!("did you mean `{near}`?"));
        let message = format!("nothing defines the resource `{name}`");
        let (file, at) = (&condition.place.file, condition.place.at());
        match self.purpose {
            Purpose::Check => out.warning(file, at, "undefined-resource", message, hint),
            Purpose::Load => out.error(file, at, "undefined-resource", message, hint),
        }
    }

    /// Every action has to exist on at least one of the resources; it is given where it does.
    fn actions(&self, condition: &Condition, on: &[&Resource], out: &mut Problems) {
        for (action, place) in condition.actions.iter().zip(&condition.action_places) {
            if !on.iter().any(|r| has_action(r, action)) {
                self.unknown_action(condition, action, place, on, out);
            }
        }
    }

    fn unknown_action(
        &self,
        condition: &Condition,
        action: &ActionName,
        place: &Place,
        on: &[&Resource],
        out: &mut Problems,
    ) {
        let known: BTreeSet<&str> = on.iter().flat_map(|r| actions_of(r)).collect();
        let hint = match nearest(action.as_str(), known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "define actions in the resource's `settings`".to_owned(),
            None => format!("there are: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
        };
        let connectors: BTreeSet<&str> = on.iter().map(|r| r.connector.name).collect();
        let connectors = connectors.into_iter().collect::<Vec<_>>().join(" or ");
        let message = format!("`{}` ({connectors}) has no action `{action}`", condition.resource.as_str());
        refuse(out, place, "unknown-action", message, hint);
    }
}

/// How a resource that nothing defines is defined.
fn define(name: &str) -> String {
    format!("define it: `resources: [{{name: {name}, connector: postgres}}]`, with the connector it has")
}

/// Built-in ones and those of its settings.
pub(crate) fn actions_of(resource: &Resource) -> impl Iterator<Item = &str> {
    let custom = resource.settings.get("actions").and_then(|a| a.as_object());
    resource
        .connector
        .actions
        .iter()
        .map(|a| a.name)
        .chain(custom.into_iter().flat_map(|map| map.keys().map(String::as_str)))
}

pub(crate) fn has_action(resource: &Resource, action: &ActionName) -> bool {
    actions_of(resource).any(|name| name == action.as_str())
}
