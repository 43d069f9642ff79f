//! Resources, and what an environment fills in.

use super::layers::Layer;
use super::{Defined, Drafter, Tree};
use crate::glob::PathGlob;
use crate::language::{RESOURCE, RISKS};
use crate::model::{Resource, Risk};
use crate::nearest::nearest;
use crate::node::{Entry, Node, Value};
use crate::problem::Problems;
use crate::settings;
use crate::shape::{Site, article, shown};
use curfew_domain::ResourceName;
use curfew_domain::connector::{ConnectorKind, Presence};
use std::collections::{BTreeMap, BTreeSet};

impl Drafter<'_> {
    /// Adds the resources of the files, with what the environment fills in, and those of the environment alone.
    pub(super) fn resources(&mut self, trees: &[Tree], overlay: Option<&Tree>, out: &mut Problems) {
        let of_overlay: Vec<Layer<'_>> =
            overlay.and_then(|tree| tree.layer().field("resources")).into_iter().flat_map(|f| f.items()).collect();
        let mut filled_in: BTreeMap<&str, Layer<'_>> = BTreeMap::new();
        let (with_connector, without): (Vec<_>, Vec<_>) =
            of_overlay.into_iter().partition(|layer| layer.field("connector").is_some());
        let base: Vec<Layer<'_>> =
            trees.iter().filter_map(|tree| tree.layer().field("resources")).flat_map(|f| f.items()).collect();
        let with_connector = of_the_overlay_alone(with_connector, &base, out);
        for layer in without {
            let Some(name) = layer.field("name").and_then(|f| f.text()) else { continue };
            if filled_in.insert(name, layer).is_some() {
                let message = format!("`{}` is filled in already", shown(name));
                out.error(layer.file, layer.node.head(), "duplicate-name", message, "say it in one place");
            }
        }
        let mut known: Vec<&str> = Vec::new();
        for own in base.into_iter().chain(with_connector) {
            let name = own.field("name").and_then(|f| f.text());
            known.extend(name);
            self.resource(own, name.and_then(|name| filled_in.remove(name)), out);
        }
        for (name, layer) in filled_in {
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "write `connector: postgres` beside it, if it is a resource of this environment alone".to_owned()
                }
            };
            let message = format!("there is no resource `{}` to fill in", shown(name));
            out.error(layer.file, layer.node.head(), "undefined-resource", message, hint);
        }
    }

    fn resource(&mut self, own: Layer<'_>, more: Option<Layer<'_>>, out: &mut Problems) {
        let Some(kind) = self.connector(own, out) else {
            // It is defined, if wrongly: to say that nothing defines it would mislead.
            self.draft.unfit_resources.extend(own.field("name").and_then(|f| f.text()).map(str::to_owned));
            return;
        };
        let layers = || more.into_iter().chain([own]);
        let settings = settings_of(own, more, kind, out);
        let Some(named) = own.field("name") else { return };
        let Some(name) = named.text().and_then(|t| ResourceName::new(t).ok()) else { return };
        let field = |key: &str| layers().find_map(|layer| layer.field(key));
        let written = field("admin").and_then(|f| f.text()).map(str::to_owned);
        let admin = written.or_else(|| (kind.admin == Presence::Required).then(|| default_reference(&name)));
        let place = named.place_of(named.value);
        let globs = field("defined_by").into_iter().flat_map(|f| f.value.items());
        let resource = Resource {
            connector: kind,
            labels: labels(own).into_iter().chain(more.map(labels).unwrap_or_default()).collect(),
            risk: field("risk").and_then(|f| f.text()).and_then(risk).unwrap_or_default(),
            admin,
            settings,
            defined_by: globs.filter_map(|n| PathGlob::parse(n.text()?)).collect(),
            file: own.file.to_string(),
            line: place.line,
            name,
        };
        self.draft.resources.push(Defined { resource, place });
    }

    fn connector(&self, own: Layer<'_>, out: &mut Problems) -> Option<&'static ConnectorKind> {
        let word = own.field("connector")?.value;
        let text = word.text()?;
        if let Some(kind) = self.kinds.iter().find(|k| k.name == text) {
            return Some(kind);
        }
        let names: Vec<&str> = self.kinds.iter().map(|k| k.name).collect();
        let hint = match nearest(text, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        out.error(own.file, word.at(), "unknown-connector", format!("there is no connector `{}`", shown(text)), hint);
        None
    }
}

/// Resources that an environment defines, save those that the base has.
fn of_the_overlay_alone<'n>(defined: Vec<Layer<'n>>, base: &[Layer<'n>], out: &mut Problems) -> Vec<Layer<'n>> {
    let name = |layer: &Layer<'n>| layer.field("name").and_then(|field| field.text());
    let known: BTreeSet<&str> = base.iter().filter_map(name).collect();
    let (again, new): (Vec<_>, Vec<_>) =
        defined.into_iter().partition(|layer| name(layer).is_some_and(|name| known.contains(name)));
    for field in again.into_iter().filter_map(|layer| layer.field("name")) {
        let message = format!("there is a resource `{}` already", shown(field.text().unwrap_or_default()));
        let hint = "remove `connector`: an environment fills in what the base defines, whose connector it keeps";
        out.error(field.file, field.value.at(), "duplicate-name", message, hint);
    }
    new
}

/// What a resource and its environment set, checked.
fn settings_of<'n>(
    own: Layer<'n>,
    more: Option<Layer<'n>>,
    kind: &ConnectorKind,
    out: &mut Problems,
) -> serde_json::Value {
    let (theirs, ours) = (more.and_then(|more| more.field("settings")), own.field("settings"));
    let site = |file: &'n str| {
        RESOURCE.key("settings").map_or(Site::of(file, "settings"), |key| Site::of(file, "").under(key))
    };
    // What is no mapping at all is told where it stands.
    let whole = theirs.filter(|field| !matches!(field.value.value, Value::Map(..))).or(ours).or(theirs);
    let file: &'n str = whole.map_or(own.file, |field| field.file);
    let own_site = site(file);
    let overlay = theirs.map(|field| (site(field.file), field.value));
    let settings = merged(theirs.map(|field| field.value), ours.map(|field| field.value));
    if let Some(settings) = settings {
        return settings::read(&settings, kind, settings::Origin { own: own_site, overlay }, out);
    }
    for needed in settings::needed(kind) {
        let (name, article) = (kind.name, article(kind.name));
        let message = format!("{article} {name} resource needs `settings` with `{needed}`");
        let hint = format!("write `{}`", settings::to_write(kind));
        own_site.refuse(out, own.node.head(), "missing-key", message, hint);
    }
    serde_json::json!({})
}

/// The settings of both, the environment's where both speak.
fn merged(more: Option<&Node>, own: Option<&Node>) -> Option<Node> {
    let (Some(more), Some(own)) = (more, own) else { return more.or(own).cloned() };
    let (Value::Map(layout, entries), Value::Map(..)) = (&own.value, &more.value) else {
        return Some(if matches!(more.value, Value::Map(..)) { own } else { more }.clone());
    };
    let kept = |e: &&Entry| more.entries().iter().all(|m| m.key.text() != e.key.text());
    let entries = entries.iter().filter(kept).chain(more.entries()).cloned().collect();
    Some(Node { value: Value::Map(*layout, entries), ..own.clone() })
}

fn labels(layer: Layer<'_>) -> BTreeMap<String, String> {
    let pair = |e: &Entry| Some((e.key.text()?.to_owned(), e.value.text()?.to_owned()));
    layer.field("labels").map(|f| f.value.entries()).unwrap_or_default().iter().filter_map(pair).collect()
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
