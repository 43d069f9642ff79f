//! TEAM, the AWS sample for temporary elevated access: who is eligible for which permission sets in which accounts,
//! and who approves for an account or organizational unit.
//!
//! The tables are `Eligibility`, `Approvers` and `Settings` of
//! <https://github.com/aws-samples/iam-identity-center-team>, as GraphQL answers or DynamoDB exports give them.

use super::outline::{Approval, Justification, Outline, Requesters, Role, person};
use super::{Effect, Read, names};
use crate::node::{Node, Value};
use crate::problem::Problems;
use curfew_domain::Seconds;
use std::collections::{BTreeMap, BTreeSet};

/// Whether this looks like one of the tables.
pub(super) fn is_table(root: &Node) -> bool {
    rows(root).iter().any(|row| is_eligibility(row) || is_approvers(row))
}

fn is_eligibility(row: &Node) -> bool {
    row.get("permissions").is_some() && (row.get("accounts").is_some() || row.get("ous").is_some())
}

fn is_approvers(row: &Node) -> bool {
    row.get("approvers").is_some() && row.get("type").is_some()
}

fn is_settings(row: &Node) -> bool {
    plain(row, "id") == "settings" || row.get("approval").is_some_and(|n| n.items().is_empty())
}

/// Every row of every table in a document, however deep the export wraps them.
fn rows(root: &Node) -> Vec<&Node> {
    let (mut rows, mut open) = (Vec::new(), vec![root]);
    while let Some(node) = open.pop() {
        if is_eligibility(node) || is_approvers(node) || is_settings(node) {
            rows.push(node);
            continue;
        }
        open.extend(node.items().iter().rev());
        open.extend(node.entries().iter().rev().map(|e| &e.value));
    }
    rows
}

/// A value with DynamoDB's type around it taken away: `{"S": "x"}`, `{"L": [...]}`, `{"M": {...}}`.
fn bare(node: &Node) -> &Node {
    match &node.value {
        Value::Map(_, entries) if entries.len() == 1 => match entries[0].key.text() {
            Some("S" | "N" | "L" | "M" | "BOOL" | "SS" | "NULL") => &entries[0].value,
            Some(_) | None => node,
        },
        Value::Map(..) | Value::List(..) | Value::Scalar(_) | Value::Broken => node,
    }
}

fn field<'n>(row: &'n Node, key: &str) -> Option<&'n Node> {
    row.get(key).map(bare)
}

fn plain<'n>(row: &'n Node, key: &str) -> &'n str {
    field(row, key).and_then(Node::text).unwrap_or_default()
}

fn list<'n>(row: &'n Node, key: &str) -> Vec<&'n Node> {
    field(row, key).map(Node::items).unwrap_or_default().iter().map(bare).collect()
}

/// The switches that hold for everything.
struct Settings {
    approval: bool,
    comments: bool,
    ticket: bool,
}

/// Who approves where, by the id of an account or unit.
type Approvers<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Reads the tables into the outline.
pub(super) fn read(documents: &[Read], outline: &mut Outline, out: &mut Problems) {
    let all: Vec<(&str, &Node)> =
        documents.iter().flat_map(|(file, d)| rows(&d.root).into_iter().map(move |r| (file.as_str(), r))).collect();
    let eligible: Vec<_> = all.iter().filter(|(_, row)| is_eligibility(row)).collect();
    let Some((file, document)) = documents.first() else { return };
    if eligible.is_empty() {
        let hint = "export the Eligibility, Approvers and Settings tables as JSON";
        out.error(file, document.root.head(), "import-format", "there is no table of eligibility", hint);
        return;
    }
    let approvers: Approvers<'_> = all
        .iter()
        .filter(|(_, row)| is_approvers(row) && !is_eligibility(row))
        .map(|(_, row)| (plain(row, "id"), list(row, "approvers").into_iter().filter_map(Node::text).collect()))
        .collect();
    let settings = all.iter().map(|(_, row)| *row).find(|row| is_settings(row) && !is_eligibility(row));
    let says = |key: &str, unsaid: &str| settings.map_or(unsaid, |row| plain(row, key)) == "true";
    let settings = Settings {
        approval: says("approval", "true"),
        comments: says("comments", "true"),
        ticket: says("ticketNo", "true"),
    };
    for (file, row) in eligible {
        Importer { at: (file, row), approvers: &approvers, settings: &settings, outline }.eligibility();
    }
}

struct Importer<'a> {
    at: (&'a str, &'a Node),
    approvers: &'a Approvers<'a>,
    settings: &'a Settings,
    outline: &'a mut Outline,
}

impl Importer<'_> {
    fn eligibility(mut self) {
        let row = self.at.1;
        let who = plain(row, "name").to_owned();
        let Some(requester) = self.requester(&who) else {
            return self.left_out(&who, "it is neither a person nor a group here");
        };
        let actions: BTreeSet<String> =
            list(row, "permissions").into_iter().map(|p| names::segment(plain(p, "name"))).collect();
        let Some(max) = hours(plain(row, "duration")) else {
            return self.left_out(&who, "its duration is no number of hours");
        };
        let places = list(row, "accounts").into_iter().map(|a| ("accounts", a));
        let places: Vec<_> = places.chain(list(row, "ous").into_iter().map(|ou| ("units", ou))).collect();
        if actions.is_empty() || places.is_empty() {
            return self.left_out(&who, "it names no permission sets, or no accounts");
        }
        for (kind, place) in places {
            self.role(&who, &requester, (kind, place), &actions, max);
        }
    }

    fn role(&mut self, who: &str, requester: &str, place: (&str, &Node), actions: &BTreeSet<String>, max: Seconds) {
        if self.outline.pay(1 + actions.len()).is_none() {
            return;
        }
        let ((kind, node), row) = (place, self.at.1);
        let (id, called) = (plain(node, "id"), plain(node, "name"));
        let readable = if called.is_empty() { id } else { called };
        let holder = who.split('@').next().unwrap_or(who);
        let foreign = format!("{}\0{kind}\0{id}", plain(row, "id"));
        let name = self.outline.role_names.of(&foreign, &format!("{holder}.{readable}"));
        let needed = self.settings.approval && plain(row, "approvalRequired") != "false";
        let approval = if needed { self.approval(id) } else { Some(Approval::Automatic) };
        let Some(approval) = approval else {
            return self.left_out(&name, "nobody approves there");
        };
        if kind == "units" {
            let message =
                format!("which accounts `{readable}` holds is not known: define `aws/units/{}`", names::segment(id));
            self.outline.remark(&name, self.at, Effect::ToDo, message);
        }
        let max = self.outline.bounded(&name, self.at, max);
        let role = Role {
            description: format!("{} in {readable}", actions.iter().cloned().collect::<Vec<_>>().join(", ")),
            requesters: Requesters::Listed(BTreeSet::from([requester.to_owned()])),
            deny: BTreeSet::new(),
            min: None,
            max,
            conditions: BTreeMap::from([(format!("aws/{kind}/{}", names::segment(id)), actions.clone())]),
            approval,
            justification: self.settings.comments.then_some(Justification { min_length: 1 }),
            ticket: self.settings.ticket.then(String::new),
            inputs: Vec::new(),
            name,
        };
        self.outline.roles.push(role);
    }

    /// Any one of the groups that approve for the account or unit.
    fn approval(&mut self, id: &str) -> Option<Approval> {
        let groups = self.approvers.get(id).filter(|groups| !groups.is_empty())?;
        self.outline.pay(groups.len())?;
        let any_of = groups.iter().map(|group| self.outline.group(group)).collect();
        Some(Approval::Needed { require: 1, any_of })
    }

    fn requester(&mut self, who: &str) -> Option<String> {
        match plain(self.at.1, "type") {
            "Group" => Some(self.outline.group(who)),
            "User" => person(who),
            _ => None,
        }
    }

    fn left_out(&mut self, what: &str, why: &str) {
        self.outline.remark("", self.at, Effect::Narrower, format!("`{what}` is not carried over: {why}"));
    }
}

/// TEAM counts in whole hours.
fn hours(text: &str) -> Option<Seconds> {
    let hours: u32 = text.trim().parse().ok()?;
    hours.checked_mul(3_600).filter(|s| *s > 0).map(Seconds::new)
}
