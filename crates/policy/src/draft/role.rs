//! Roles: each with what its environment and `defaults` say for it.

use super::layers::{Field, Layer, Layers};
use super::{Drafter, Tree, Unfit};
use crate::allowance::Paid;
use crate::glob;
use crate::leaf;
use crate::model::{
    Activation, Approval, BreakGlass, Condition, DurationRule, Extension, ExtensionApproval, Listed, Notice,
    OnPolicyChange, Pattern, Receiver, Requesters, Role, Trigger,
};
use crate::nearest::nearest;
use crate::node::{Node, Value};
use crate::problem::Problems;
use crate::shape::shown;
use crate::source::Place;
use crate::workload;
use curfew_domain::{ActionName, RoleName, Seconds};
use std::collections::BTreeMap;

impl Drafter<'_> {
    /// Adds the roles of the files.
    pub(super) fn roles(
        &mut self,
        trees: &[Tree],
        overlay: Option<&Tree>,
        defaults: Option<Layer<'_>>,
        out: &mut Problems,
    ) {
        let mut changed: BTreeMap<&str, Layer<'_>> = BTreeMap::new();
        let of_overlay = overlay.and_then(|tree| tree.layer().field("roles"));
        for layer in of_overlay.into_iter().flat_map(|f| f.items()) {
            let Some(name) = layer.field("name").and_then(|f| f.text()) else { continue };
            if changed.insert(name, layer).is_some() {
                let message = format!("role `{}` stands in this environment already", shown(name));
                out.error(layer.file, layer.node.head(), "duplicate-name", message, "say it in one place");
            }
        }
        let mut names: Vec<&str> = Vec::new();
        let inherited = defaults.map_or(0, Layer::entries);
        for own in trees.iter().filter_map(|tree| tree.layer().field("roles")).flat_map(|f| f.items()) {
            let name = own.field("name").and_then(|f| f.text());
            names.extend(name);
            let overlay = name.and_then(|name| changed.remove(name));
            // Each would be read with all of it.
            if self.inherits(inherited, own, out) == Paid::No {
                break;
            }
            self.role(&Layers { overlay, own, defaults }, out);
        }
        for (name, layer) in changed {
            let hint = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "define it in the base: an environment only narrows roles".to_owned(),
                None => format!("name one that there is: {}", names.join(", ")),
            };
            out.error(
                layer.file,
                layer.node.head(),
                "unknown-role",
                format!("there is no role `{}`", shown(name)),
                hint,
            );
        }
        self.draft.defaults = defaults.map(|layer| self.stand_alone(layer));
    }

    /// `defaults` as a role, to compare others with. What is wrong with it was said with the first role.
    fn stand_alone(&mut self, layer: Layer<'_>) -> Role {
        let mut silent = Problems::default();
        self.read_role(&Layers { overlay: None, own: layer, defaults: None }, &mut silent).1
    }

    fn role(&mut self, layers: &Layers<'_>, out: &mut Problems) {
        if !matches!(layers.own.node.value, Value::Map(..)) {
            return;
        }
        let (fit, role) = self.read_role(layers, out);
        let name = layers.own.field("name").and_then(|f| RoleName::new(f.text()?).ok());
        match fit {
            true => self.draft.roles.push(role),
            false => self.draft.unfit.push(Unfit { name, role }),
        }
    }

    /// The role, and whether all of it could be read.
    fn read_role(&mut self, layers: &Layers<'_>, out: &mut Problems) -> (bool, Role) {
        let own = layers.own;
        let approval = self.approval(layers, out);
        let auto = layers.field("auto_approve_when");
        let auto_approve_when = auto.and_then(|field| self.expression(field, out));
        let unattended = matches!(approval, Some(Approval::Automatic(_))) || auto.is_some();
        let requesters = self.requesters(layers);
        if unattended && matches!(requesters, Requesters::Anyone(_)) && layers.field("requesters").is_none() {
            let hint = "list `requesters`, or write `requesters: anyone` if every signed-in person may have it";
            let message = "nobody approves this role, so it has to say who may ask";
            out.error(own.file, own.node.head(), "automatic-without-requesters", message, hint);
        }
        let constraints = self.constraints(layers, out);
        let conditions = layers.field("conditions").into_iter().flat_map(Field::items);
        let conditions = conditions.filter_map(condition).collect();
        let named = own.field("name");
        let name = named.and_then(|f| RoleName::new(f.text()?).ok());
        let duration = self.duration(layers, out);
        let fit = name.is_some() && approval.is_some() && duration.is_some();
        let place = named.map_or_else(|| own.place(own.node.head()), |f| f.place_of(f.value));
        let stand_in = || RoleName::new("unnamed").expect("INVARIANT: a name");
        let deny = layers.top_first().filter_map(|layer| layer.field("deny")).flat_map(|f| self.listed(f)).collect();
        let role = Role {
            name: name.unwrap_or_else(stand_in),
            description: layers.field("description").and_then(Field::text).unwrap_or_default().to_owned(),
            owner: layers.field("owner").and_then(owner),
            requesters,
            triggers: self.triggers(layers),
            deny,
            duration: duration.unwrap_or_else(|| no_duration(place.clone())),
            conditions,
            approval: approval.unwrap_or_else(|| self.stand_in_approval(layers, place.clone())),
            auto_approve_when,
            constraints,
            extension: layers.field("extension").and_then(extension),
            activation: layers.field("activation").and_then(activation).unwrap_or_default(),
            break_glass: layers.field("break_glass").and_then(|f| self.break_glass(f)),
            notify: layers.field("notify").into_iter().flat_map(Field::items).map(notice).collect(),
            on_policy_change: match layers.field("on_policy_change").and_then(Field::text) {
                Some("end") => OnPolicyChange::End,
                Some(_) | None => OnPolicyChange::Keep,
            },
            place,
        };
        (fit, role)
    }

    fn requesters(&self, layers: &Layers<'_>) -> Requesters {
        match layers.field("requesters") {
            None if layers.field("triggers").is_some() => Requesters::TriggersOnly,
            None => Requesters::Anyone(layers.own.place(layers.own.node.head())),
            Some(field) if field.text() == Some("anyone") => Requesters::Anyone(field.place()),
            Some(field) => Requesters::Listed(self.listed(field)),
        }
    }

    fn triggers(&self, layers: &Layers<'_>) -> Vec<Trigger> {
        let items = layers.field("triggers").into_iter().flat_map(Field::items);
        let trigger = |layer: Layer<'_>| {
            let workload = workload::read(layer.node)?;
            let field = layer.field("grant_to")?;
            let receiver = |node: &Node| match node.text()? {
                "pipeline" => Some(Receiver::Pipeline),
                "actor" => Some(Receiver::Actor),
                _ => Some(Receiver::Named(Listed { principal: leaf::principal(node)?, place: field.place_of(node) })),
            };
            let grant_to = field.value.items().iter().filter_map(receiver).collect();
            Some(Trigger { workload, grant_to, place: layer.place(layer.node.head()) })
        };
        items.filter_map(trigger).collect()
    }

    fn duration(&self, layers: &Layers<'_>, out: &mut Problems) -> Option<DurationRule> {
        let own = layers.own;
        let Some(field) = layers.field("duration") else {
            let hint = "write `duration: 2h`: how long access lasts at most";
            out.error(own.file, own.node.head(), "missing-key", "a role needs `duration`", hint);
            return None;
        };
        let (place, first) = (field.place(), Seconds::new(1));
        if let Some(max) = leaf::duration(field.value) {
            return Some(DurationRule { min: first, default: max, max, place });
        }
        let length = |key| field.value.get(key).and_then(leaf::duration);
        let max = length("max")?;
        let min = length("min").unwrap_or(first);
        Some(DurationRule { min, default: length("default").unwrap_or(max), max, place })
    }

    fn break_glass(&self, field: Field<'_>) -> Option<BreakGlass> {
        let layer = field.layer();
        Some(BreakGlass {
            who: self.listed_at(layer, "who"),
            duration: layer.field("duration").and_then(|f| leaf::duration(f.value))?,
            review_within: layer.field("review_within").and_then(|f| leaf::duration(f.value))?,
            place: field.place(),
        })
    }
}

fn owner(field: Field<'_>) -> Option<Listed> {
    Some(Listed { principal: leaf::principal(field.value)?, place: field.place_of(field.value) })
}

fn condition(layer: Layer<'_>) -> Option<Condition> {
    let resource = layer.field("resource")?;
    let actions = layer.field("actions")?.value.items();
    let named = |n: &Node| Some((ActionName::new(n.text()?).ok()?, layer.place(n.at())));
    let (actions, action_places) = actions.iter().filter_map(named).unzip();
    let pattern = match resource.text() {
        Some(text) => glob::parse(text).ok()?,
        None => {
            let labels = resource.value.get("labels")?.entries().iter();
            Pattern::labels(
                labels.filter_map(|e| Some((e.key.text()?.to_owned(), e.value.text()?.to_owned()))).collect(),
            )
        }
    };
    let at = if resource.text().is_some() { resource.value.at() } else { resource.value.head() };
    Some(Condition { resource: pattern, actions, place: layer.place(at), action_places })
}

fn extension(field: Field<'_>) -> Option<Extension> {
    let layer = field.layer();
    Some(Extension {
        times: layer.field("times").and_then(|f| leaf::integer(f.value)).unwrap_or(1),
        max_total: layer.field("max_total").and_then(|f| leaf::duration(f.value))?,
        approval: match layer.field("approval").and_then(Field::text) {
            Some("none") => ExtensionApproval::None,
            Some(_) | None => ExtensionApproval::Same,
        },
        place: field.place(),
    })
}

fn activation(field: Field<'_>) -> Option<Activation> {
    let claim_within = field.layer().field("claim_within").and_then(|f| leaf::duration(f.value))?;
    Some(Activation { claim_within, place: Some(field.place()) })
}

fn notice(layer: Layer<'_>) -> Notice {
    let texts = |key: &str| {
        let items = layer.field(key).into_iter().flat_map(|f| f.value.items());
        items.filter_map(Node::text).map(str::to_owned).collect()
    };
    Notice { on: texts("on"), to: texts("to"), place: layer.place(layer.node.head()) }
}

/// Stands in a role whose duration could not be read; such a role is never in a set.
fn no_duration(place: Place) -> DurationRule {
    let none = Seconds::new(0);
    DurationRule { min: none, default: none, max: none, place }
}
