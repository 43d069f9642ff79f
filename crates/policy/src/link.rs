//! Checks that the parts of a draft fit: names are unique, references lead somewhere, nobody opens a door by omission.

use crate::check::Purpose;
use crate::draft::Draft;
use crate::inventory::Inventory;
use crate::model::{Account, Listed, Pattern, Principal, Receiver, Resource, Role, StageRule};
use crate::nearest::nearest;
use crate::problem::{At, Problems};
use crate::scopes::Scopes;
use crate::source::Place;
use curfew_domain::{ActionName, GroupName, limits};
use serde_json::Value;
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
    accounts_are_apart(draft, out);
    groups_exist(draft, out);
    group_cycles(draft, out);
    let known: BTreeMap<String, &str> = roles.iter().map(|(name, _)| (name.to_ascii_lowercase(), *name)).collect();
    roles_exist(draft, &known, out);
    if inventory.unmatched() > 0 {
        let message = format!("{} globs and selectors cover more than can be worked out", inventory.unmatched());
        let place = all_roles(draft).flat_map(|r| &r.conditions).find(|c| !matches!(c.resource, Pattern::Exact(_)));
        let (file, at) = place.map_or(("", At::FILE), |c| (&c.place.file, c.place.at()));
        out.error(
            file,
            at,
            "too-much",
            message,
            "share globs between roles, let each begin with a name, or divide the set",
        );
        return;
    }
    let mut scopes = Scopes::new(inventory, &draft.unfit_resources, purpose);
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
        if out.is_full() {
            return;
        }
        let near = out.may_suggest().then(|| nearest(name, known.values().copied())).flatten();
        let hint = match near {
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

pub(crate) fn refuse(out: &mut Problems, place: &Place, code: &'static str, message: String, hint: impl Into<String>) {
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

/// One account on one host under two names: whoever may have the one would have the other. What stands in `admin` is compared where
/// references are resolved; this needs none.
fn accounts_are_apart(draft: &Draft, out: &mut Problems) {
    let mut seen: BTreeMap<(String, &str), &str> = BTreeMap::new();
    for defined in &draft.resources {
        let name = defined.resource.name.as_str();
        let accounts = Accounts::of(&defined.resource.settings);
        if seen.len() + accounts.count() > limits::ACCOUNTS {
            let hint = "make one resource of hosts that are alike, and another of those that are not";
            let message = "the set has too many hosts with too many principals".to_owned();
            return refuse(out, &defined.place, "too-much", message, hint);
        }
        for account in accounts.all() {
            let first = *seen.entry(account.clone()).or_insert(name);
            if first != name {
                let (host, principal) = account;
                let message = format!("`{name}` and `{first}` both open the account `{principal}` of {host}");
                let hint = "they would be one target under two names: make it one resource with several actions";
                refuse(out, &defined.place, "shared-account", message, hint);
                break;
            }
        }
    }
}

/// The hosts of a resource, and every principal that one of its actions opens on them.
struct Accounts<'s> {
    hosts: BTreeSet<String>,
    principals: BTreeSet<&'s str>,
}

impl<'s> Accounts<'s> {
    fn of(settings: &'s Value) -> Self {
        fn texts(list: &Value) -> impl Iterator<Item = &str> {
            list.as_array().into_iter().flatten().filter_map(Value::as_str)
        }
        let actions = settings.get("actions").and_then(Value::as_object).into_iter().flatten();
        Self {
            hosts: settings.get("hosts").into_iter().flat_map(texts).map(str::to_ascii_lowercase).collect(),
            principals: actions.filter_map(|(_, action)| action.get("principals")).flat_map(texts).collect(),
        }
    }

    fn count(&self) -> usize {
        self.hosts.len().saturating_mul(self.principals.len())
    }

    fn all(&self) -> impl Iterator<Item = (String, &'s str)> {
        self.hosts.iter().flat_map(|host| self.principals.iter().map(|principal| (host.clone(), *principal)))
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
        if out.is_full() {
            return;
        }
        let near = out.may_suggest().then(|| nearest(name.as_str(), known.iter().copied())).flatten();
        let hint = match near {
            Some(near) => format!("did you mean group:{near}?"),
            None => "declare it in `groups`, or in `idp_groups` if it is the identity provider's".to_owned(),
        };
        refuse(out, place, "unknown-group", format!("there is no group `{name}`"), hint);
    }
    groups_of_tests_exist(draft, &known, out);
}

/// A test may put somebody into groups of the identity provider; into others nobody can be put.
fn groups_of_tests_exist(draft: &Draft, known: &BTreeSet<&str>, out: &mut Problems) {
    let of_the_provider: BTreeSet<&str> = draft.idp_groups.iter().map(|(name, _)| name.as_str()).collect();
    for (name, place) in draft.tests.iter().flat_map(|t| &t.groups) {
        if of_the_provider.contains(name.as_str()) {
            continue;
        }
        if out.is_full_of_warnings() {
            return;
        }
        let near = || nearest(name.as_str(), of_the_provider.iter().copied());
        let hint = match known.contains(name.as_str()) {
            true => format!("remove it: `{name}` is a static group, which holds persons by address"),
            false => out.may_suggest().then(near).flatten().map_or_else(
                || "declare it in `idp_groups`, if the identity provider has it".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        };
        let message = format!("`{name}` is none of `idp_groups`, so being in it changes nothing");
        out.warning(&place.file, place.at(), "unknown-group", message, hint);
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

/// Takes away groups whose members are all known to end, and then those that nothing left holds; what cannot be taken
/// away is in a cycle, or between two.
fn group_cycles(draft: &Draft, out: &mut Problems) {
    let numbers: HashMap<&GroupName, usize> = draft.groups.iter().enumerate().map(|(n, g)| (&g.name, n)).collect();
    let number = |listed: &Listed| match &listed.principal {
        Principal::Group(name) => numbers.get(name).copied(),
        Principal::Person(_) | Principal::OnCall(_) | Principal::Workload(_) => None,
    };
    let mut edges = Vec::new();
    for group in &draft.groups {
        let Some(holder) = numbers.get(&group.name).copied() else { continue };
        edges.extend(group.members.iter().filter_map(number).map(|member| (holder, member)));
    }
    let back: Vec<(usize, usize)> = edges.iter().map(|(holder, member)| (*member, *holder)).collect();
    let mut left = vec![true; draft.groups.len()];
    prune(&edges, &mut left);
    prune(&back, &mut left);
    for group in draft.groups.iter().filter(|group| numbers.get(&group.name).is_some_and(|n| left[*n])) {
        for member in group.members.iter().filter(|member| number(member).is_some_and(|n| left[n])) {
            let message = format!("group `{}` is in itself, through `{}`", group.name, bare(&member.principal));
            let hint = "a group cannot contain itself: remove one of the entries";
            refuse(out, &member.place, "group-cycle", message, hint);
        }
    }
}

fn bare(principal: &Principal) -> String {
    match principal {
        Principal::Group(name) => name.to_string(),
        Principal::Person(_) | Principal::OnCall(_) | Principal::Workload(_) => principal.to_string(),
    }
}

/// Removes, of what is left, whatever leads nowhere. Each step looks only at those that lead to what was removed.
fn prune(edges: &[(usize, usize)], left: &mut [bool]) {
    let mut ways = vec![0_usize; left.len()];
    let mut into: Vec<Vec<usize>> = vec![Vec::new(); left.len()];
    for (from, to) in edges.iter().filter(|(from, to)| left[*from] && left[*to]) {
        ways[*from] += 1;
        into[*to].push(*from);
    }
    let mut open: Vec<usize> = (0..left.len()).filter(|n| left[*n] && ways[*n] == 0).collect();
    while let Some(gone) = open.pop() {
        left[gone] = false;
        for from in std::mem::take(&mut into[gone]) {
            ways[from] -= 1;
            if ways[from] == 0 {
                open.push(from);
            }
        }
    }
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
