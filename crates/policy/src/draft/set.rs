//! What a file says beside its roles and resources.

use super::layers::Layer;
use super::{Drafter, Group};
use crate::glob::PathGlob;
use crate::leaf;
use crate::model::{Account, Bundle, PolicyApprovers};
use crate::node::{Node, Value};
use curfew_domain::{GroupName, RoleName};

impl Drafter<'_> {
    /// Adds groups, offices, people and bundles of one file.
    pub(super) fn set(&mut self, file: Layer<'_>) {
        for entry in file.field("groups").map(|f| f.value.entries()).unwrap_or_default() {
            let Some(name) = entry.key.text().and_then(|t| GroupName::new(t).ok()) else { continue };
            let field = super::layers::Field { file: file.file, key: &entry.key, value: &entry.value };
            let is_empty = matches!(&entry.value.value, Value::List(_, items) if items.is_empty());
            let group = Group { name, members: self.listed(field), is_empty, place: field.place() };
            self.draft.groups.push(group);
        }
        for node in file.field("idp_groups").into_iter().flat_map(|f| f.value.items()) {
            let Some(name) = node.text().and_then(|t| GroupName::new(t).ok()) else { continue };
            self.draft.idp_groups.push((name, file.place(node.at())));
        }
        if let Some(field) = file.field("administrators") {
            let listed = self.listed(field);
            self.draft.administrators.get_or_insert_default().extend(listed);
        }
        if let Some(field) = file.field("auditors") {
            let listed = self.listed(field);
            self.draft.auditors.get_or_insert_default().extend(listed);
        }
        for entry in file.field("policy_approvers").into_iter().flat_map(|f| f.items()) {
            let paths = entry.field("paths").into_iter().flat_map(|f| f.value.items());
            let approvers = PolicyApprovers {
                paths: paths.filter_map(|n| PathGlob::parse(n.text()?)).collect(),
                any_of: self.listed_at(entry, "any_of"),
                require: entry.field("require").and_then(|f| leaf::integer(f.value)).unwrap_or(1),
                place: entry.place(entry.node.head()),
            };
            self.draft.policy_approvers.push(approvers);
        }
        for entry in file.field("people").into_iter().flat_map(|f| f.items()) {
            let Some(email) = entry.field("email").and_then(|f| f.text()?.parse().ok()) else { continue };
            let number = |key| entry.field(key).and_then(|f| f.text()).map(str::to_owned);
            let place = entry.place(entry.node.head());
            self.draft.people.push(Account { email, github: number("github"), gitlab: number("gitlab"), place });
        }
        for entry in file.field("bundles").into_iter().flat_map(|f| f.items()) {
            self.draft.bundles.extend(bundle(entry));
        }
    }
}

fn bundle(entry: Layer<'_>) -> Option<Bundle> {
    let named = entry.field("name")?;
    let role = |node: &Node| Some((RoleName::new(node.text()?).ok()?, entry.place(node.at())));
    Some(Bundle {
        name: RoleName::new(named.text()?).ok()?,
        roles: entry.field("roles")?.value.items().iter().filter_map(role).collect(),
        place: named.place_of(named.value),
    })
}
