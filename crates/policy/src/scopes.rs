//! What roles can give, against the resources there are.

use crate::check::Purpose;
use crate::inventory::Inventory;
use crate::link::{actions_of, has_action, refuse};
use crate::model::{Approval, Condition, Pattern, Requesters, Resource, Risk, Role};
use crate::nearest::nearest;
use crate::problem::Problems;
use curfew_domain::ActionName;
use std::collections::{BTreeMap, BTreeSet};

/// Checks what roles can give against what there is.
pub(crate) struct Scopes<'a> {
    inventory: &'a Inventory,
    /// Resources that are defined, if wrongly, which is said where they are.
    unfit: BTreeSet<&'a str>,
    purpose: Purpose,
    /// The first resource of a pattern over which roles of a file may not stand. Roles tend to share both.
    elsewhere: BTreeMap<(&'a Pattern, &'a str), Option<&'a Resource>>,
}

impl<'a> Scopes<'a> {
    pub(crate) fn new(inventory: &'a Inventory, unfit: &'a [String], purpose: Purpose) -> Self {
        let unfit = unfit.iter().map(String::as_str).collect();
        Self { inventory, unfit, purpose, elsewhere: BTreeMap::new() }
    }

    pub(crate) fn role(&mut self, role: &'a Role, out: &mut Problems) {
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
    fn defined_by(&mut self, role: &'a Role, out: &mut Problems) {
        let inventory = self.inventory;
        for condition in &role.conditions {
            let file: &'a str = &condition.place.file;
            let elsewhere = |r: &&Resource| !r.defined_by.is_empty() && !r.defined_by.iter().any(|g| g.matches(file));
            let found = match &condition.resource {
                Pattern::Exact(name) => inventory.resource(name).filter(elsewhere),
                pattern @ (Pattern::Glob(_) | Pattern::Labels(_)) => {
                    let first = || inventory.guarded(pattern).find(elsewhere);
                    *self.elsewhere.entry((pattern, file)).or_insert_with(first)
                }
            };
            if let Some(resource) = found {
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
                let riskiest = self.inventory.riskiest(&condition.resource);
                riskiest.filter(|r| r.risk > Risk::Low).map(|r| r.name.to_string())
            }
        })
    }

    fn condition(&self, condition: &Condition, out: &mut Problems) {
        match &condition.resource {
            Pattern::Exact(name) => match self.inventory.resource(name) {
                Some(resource) => {
                    let connectors = BTreeSet::from([resource.connector.name]);
                    let missing = |action: &ActionName| !has_action(resource, action);
                    let known = || actions_of(resource).collect();
                    self.actions(condition, &connectors, missing, known, out);
                }
                None => self.undefined(condition, out),
            },
            Pattern::Glob(_) | Pattern::Labels(_) => {
                let covered = self.inventory.coverage(&condition.resource).filter(|covered| !covered.is_empty());
                let Some(covered) = covered else {
                    let message = format!("`{}` matches no resource of the set", condition.resource.as_str());
                    let hint = "check the spelling, or define resources that it matches; `services/**` is all below `services`, not itself";
                    return out.warning(
                        &condition.place.file,
                        condition.place.at(),
                        "glob-matches-nothing",
                        message,
                        hint,
                    );
                };
                let missing = |action: &ActionName| !covered.actions.contains(action.as_str());
                let known = || covered.actions.iter().map(String::as_str).collect();
                self.actions(condition, &covered.connectors, missing, known, out);
            }
        }
    }

    fn undefined(&self, condition: &Condition, out: &mut Problems) {
        let is_full = match self.purpose {
            Purpose::Check => out.is_full_of_warnings(),
            Purpose::Load => out.is_full(),
        };
        let name = condition.resource.as_str();
        if is_full || self.unfit.contains(name) {
            return;
        }
        let names = || self.inventory.resources().map(|r| r.name.as_str());
        let near = out.may_suggest().then(|| nearest(name, names())).flatten();
        let hint = near.map_or_else(|| define(name), |near| format!("did you mean `{near}`?"));
        let message = format!("nothing defines the resource `{name}`");
        let (file, at) = (&condition.place.file, condition.place.at());
        match self.purpose {
            Purpose::Check => out.warning(file, at, "undefined-resource", message, hint),
            Purpose::Load => out.error(file, at, "undefined-resource", message, hint),
        }
    }

    /// Every action has to exist on at least one of the resources; it is given where it does.
    fn actions<'k>(
        &self,
        condition: &Condition,
        connectors: &BTreeSet<&str>,
        missing: impl Fn(&ActionName) -> bool,
        known: impl Fn() -> BTreeSet<&'k str>,
        out: &mut Problems,
    ) {
        for (action, place) in condition.actions.iter().zip(&condition.action_places) {
            if missing(action) && !out.is_full() {
                let known = known();
                let near = out.may_suggest().then(|| nearest(action.as_str(), known.iter().copied())).flatten();
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => "define actions in the resource's `settings`".to_owned(),
                    None => format!("there are: {}", listed(&known)),
                };
                let on = connectors.iter().copied().collect::<Vec<_>>().join(" or ");
                let message = format!("`{}` ({on}) has no action `{action}`", condition.resource.as_str());
                refuse(out, place, "unknown-action", message, hint);
            }
        }
    }
}

/// Some of them, if they are many.
fn listed(known: &BTreeSet<&str>) -> String {
    const MOST: usize = 20;
    let more = if known.len() > MOST { ", ..." } else { "" };
    known.iter().take(MOST).copied().collect::<Vec<_>>().join(", ") + more
}

/// How a resource that nothing defines is defined.
fn define(name: &str) -> String {
    format!("define it: `resources: [{{name: {name}, connector: postgres}}]`, with the connector it has")
}
