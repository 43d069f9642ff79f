//! Who says yes: one of three ways to write it, and never none.

use super::layers::{Field, Layer, Layers};
use super::{Drafter, NamedChain};
use crate::allowance::Paid;
use crate::leaf;
use crate::model::{Approval, Chain, Counting, OnTimeout, StageRule};
use crate::nearest::nearest;
use crate::node::{Looks, Node, Value};
use crate::problem::Problems;
use crate::shape::shown;
use crate::source::Place;
use curfew_domain::{RoleName, limits};
use std::collections::BTreeMap;

/// The one stage of a role that has `approvers`.
const ONLY_STAGE: &str = "approval";

impl Drafter<'_> {
    /// Adds the named chains of a file.
    pub(super) fn chains(&mut self, file: Layer<'_>, out: &mut Problems) {
        for entry in file.field("approvals").into_iter().flat_map(Field::items) {
            let Some(named) = entry.field("name") else { continue };
            let Some(name) = named.text() else { continue };
            let place = named.place_of(named.value);
            if name == "automatic" {
                let message = "`automatic` means that nobody approves, and is no name for a chain";
                out.error(entry.file, named.value.at(), "name", message, "choose another name, such as prod-change");
            }
            if let Some(chain) = self.chain(entry, place.clone(), out) {
                let entries = entry.entries();
                self.draft.chains.push(NamedChain { name: name.to_owned(), chain, place, entries });
            }
        }
    }

    /// Exactly one of `approvers` and `approval`; neither never means "nobody has to".
    pub(super) fn approval(&mut self, layers: &Layers<'_>, out: &mut Problems) -> Option<Approval> {
        for layer in layers.top_first() {
            match (layer.field("approvers"), layer.field("approval")) {
                (None, None) => {}
                (Some(_), Some(field)) => {
                    let message = "`approvers` and `approval` are two answers to one question";
                    out.error(field.file, field.key.at(), "approval-twice", message, "keep one of the two");
                    return None;
                }
                (Some(field), None) => return Some(Approval::Stages(self.only_stage(field))),
                (None, Some(field)) => {
                    let of_all = layers.defaults.is_some_and(|d| std::ptr::eq(d.node, layer.node));
                    if of_all && field.text() == Some("automatic") {
                        // Said where `defaults` is read.
                        return None;
                    }
                    return self.written_approval(field, out);
                }
            }
        }
        let own = layers.own;
        let hint = "write `approvers: [ann@example.com]`; that nobody has to approve is written `approval: automatic`";
        out.error(own.file, own.node.head(), "no-approval", "nothing says who approves this role", hint);
        None
    }

    /// What is checked in place of an approval that could not be read.
    pub(super) fn stand_in_approval(&self, layers: &Layers<'_>, place: Place) -> Approval {
        match layers.field("approvers") {
            Some(field) => Approval::Stages(self.only_stage(field)),
            None => Approval::Stages(Chain::of(Vec::new(), place)),
        }
    }

    fn only_stage(&self, field: Field<'_>) -> Chain {
        let stage = StageRule {
            name: ONLY_STAGE.to_owned(),
            counting: Counting::AnyOf,
            require: 1,
            approvers: self.listed(field),
            timeout: None,
            on_timeout: OnTimeout::Reject,
            fallback: Vec::new(),
            place: field.place(),
        };
        Chain::of(vec![stage], field.place())
    }

    fn written_approval(&mut self, field: Field<'_>, out: &mut Problems) -> Option<Approval> {
        match (&field.value.value, field.text()) {
            (_, Some("automatic")) => Some(Approval::Automatic(field.place())),
            (_, Some(name)) => {
                if let Some(named) = self.draft.chains.iter().find(|c| c.name == name) {
                    let paid = self.inherits(named.entries, field.layer(), out);
                    return (paid == Paid::Yes).then(|| Approval::Stages(named.chain.clone()));
                }
                if !matches!(name, "none" | "auto" | "never" | "") && is_name(field.value) {
                    let known = self.draft.chains.iter().map(|c| c.name.as_str()).chain(["automatic"]);
                    let near = out.may_suggest().then(|| nearest(name, known)).flatten();
                    let hint = match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "define it under `approvals`, or list who approves: `approvers: [ann@example.com]`"
                            .to_owned(),
                    };
                    let message = format!("there is no chain `{}` among `approvals`", shown(name));
                    out.error(field.file, field.value.at(), "approval", message, hint);
                }
                None
            }
            (Value::Map(..), None) => self.chain(field.layer(), field.place(), out).map(Approval::Stages),
            (Value::Scalar(_) | Value::List(..) | Value::Broken, None) => None,
        }
    }

    fn chain(&mut self, layer: Layer<'_>, place: Place, out: &mut Problems) -> Option<Chain> {
        let mut stages = Vec::new();
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for (entry, number) in layer.field("stages")?.items().zip(1..) {
            let Some(stage) = self.stage(entry, number, out) else { continue };
            if let Some(line) = seen.insert(stage.name.to_ascii_lowercase(), stage.place.line) {
                let message = format!("there is a stage `{}` already, in line {line}", stage.name);
                out.error(entry.file, stage.place.at(), "duplicate-name", message, "give one of them another name");
            }
            stages.push(stage);
        }
        let persons = stages.iter().fold(0_u32, |all, stage| all.saturating_add(stage.require));
        if persons > limits::STAGE_PERSONS {
            let message = format!("these stages take {persons} persons; {} is the most", limits::STAGE_PERSONS);
            out.error(layer.file, layer.node.head(), "out-of-range", message, "ask fewer of them");
            return None;
        }
        let flag = |key: &str| layer.field(key).and_then(|f| leaf::boolean(f.value));
        let lapses_after = layer.field("lapses_after").and_then(|f| leaf::duration(f.value));
        (!stages.is_empty()).then(|| Chain {
            stages,
            distinct_approvers: flag("distinct_approvers").unwrap_or(true),
            reason_required: flag("reason_required").unwrap_or(false),
            lapses_after: lapses_after.unwrap_or(limits::LAPSES_AFTER),
            place,
        })
    }

    fn stage(&mut self, entry: Layer<'_>, number: usize, out: &mut Problems) -> Option<StageRule> {
        if !matches!(entry.node.value, Value::Map(..)) {
            return None;
        }
        let (any_of, all_of) = (entry.field("any_of"), entry.field("all_of"));
        let (field, counting) = match (any_of, all_of) {
            (Some(field), None) => (field, Counting::AnyOf),
            (None, Some(field)) => (field, Counting::AllOf),
            (Some(_), Some(both)) => {
                let message = "`any_of` and `all_of` are two answers to one question";
                out.error(
                    entry.file,
                    both.key.at(),
                    "stage-twice",
                    message,
                    "keep one of the two, or write two stages",
                );
                return None;
            }
            (None, None) => {
                let message = "nothing says who decides this stage";
                out.error(
                    entry.file,
                    entry.node.head(),
                    "missing-key",
                    message,
                    "write `any_of: [group:dba]`, or `all_of` for each of them",
                );
                return None;
            }
        };
        let approvers = self.listed(field);
        let require = entry.field("require");
        let require = match (counting, require) {
            (Counting::AnyOf, require) => require.and_then(|f| leaf::integer(f.value)).unwrap_or(1),
            (Counting::AllOf, Some(require)) => {
                let message = "`all_of` requires each of its entries";
                out.error(
                    entry.file,
                    require.key.at(),
                    "stage-require",
                    message,
                    "remove `require`, or write `any_of`",
                );
                return None;
            }
            (Counting::AllOf, None) => u32::try_from(approvers.len()).unwrap_or(u32::MAX),
        };
        let named = entry.field("name");
        let place = named.map_or_else(|| entry.place(entry.node.head()), |f| f.place_of(f.value));
        let name = named.and_then(Field::text).map_or_else(|| format!("stage-{number}"), str::to_owned);
        let timeout = entry.field("timeout").and_then(|f| leaf::duration(f.value));
        let on_timeout = self.on_timeout(entry, out);
        let fallback = self.listed_at(entry, "fallback");
        Some(StageRule { name, counting, require, approvers, timeout, on_timeout, fallback, place })
    }

    fn on_timeout(&self, entry: Layer<'_>, out: &mut Problems) -> OnTimeout {
        let (said, to) = (entry.field("on_timeout"), entry.field("escalate_to"));
        let escalates = said.is_some_and(|f| f.text() == Some("escalate"));
        if let (Some(said), None) = (said, entry.field("timeout")) {
            let message = "`on_timeout` says what happens after a `timeout` that is not there";
            out.error(entry.file, said.key.at(), "missing-key", message, "write `timeout: 15m`, or remove it");
        }
        match (escalates, to) {
            (true, Some(field)) => OnTimeout::Escalate(self.listed(field)),
            (true, None) => {
                let message = "`on_timeout: escalate` has nobody to escalate to";
                out.error(entry.file, entry.node.head(), "missing-key", message, "write `escalate_to: [group:sre]`");
                OnTimeout::Reject
            }
            (false, Some(field)) => {
                let message = "`escalate_to` is of no use without `on_timeout: escalate`";
                out.error(entry.file, field.key.at(), "missing-key", message, "write `on_timeout: escalate` beside it");
                OnTimeout::Reject
            }
            (false, None) => OnTimeout::Reject,
        }
    }
}

/// A text that can name a chain; what cannot was refused before.
fn is_name(node: &Node) -> bool {
    let Value::Scalar(scalar) = &node.value else { return false };
    scalar.looks() == Looks::Text && RoleName::new(scalar.text.as_str()).is_ok()
}
