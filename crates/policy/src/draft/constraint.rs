//! Constraints: each by its own name the role's, or what `defaults` has.

use super::Drafter;
use super::layers::{Field, Layer, Layers};
use crate::address::Network;
use crate::language::VERIFY;
use crate::leaf;
use crate::model::{
    Budget, Concurrency, Constraints, Cooldown, Expressed, Input, InputKind, Justification, Mfa, Required, SourceIp,
    Ticket, Verify, Windows,
};
use crate::node::{Node, Value};
use crate::problem::Problems;
use crate::window::{self, Days, Window};
use curfew_domain::limits;
use std::collections::BTreeMap;

impl Drafter<'_> {
    pub(super) fn constraints(&mut self, layers: &Layers<'_>, out: &mut Problems) -> Constraints {
        let field = |name: &str| layers.inner_field("constraints", name);
        Constraints {
            justification: field("justification").map(|f| self.justification(f, out)),
            ticket: field("ticket").map(|f| self.ticket(f, out)),
            windows: field("windows").map(|f| windows(f, out)),
            source_ip: field("source_ip").map(source_ip),
            mfa: field("mfa").map(|f| mfa(f, out)),
            concurrency: field("concurrency").map(|f| concurrency(f, out)),
            inputs: field("inputs").map(|f| inputs(f, out)).unwrap_or_default(),
            when: field("when").map(|f| self.when(f, out)).unwrap_or_default(),
            budget: field("budget").and_then(budget),
            cooldown: field("cooldown")
                .and_then(|f| Some(Cooldown { wait: leaf::duration(f.value)?, place: f.place() })),
        }
    }

    fn justification(&mut self, field: Field<'_>, out: &mut Problems) -> Justification {
        let layer = field.layer();
        Justification {
            min_length: layer.field("min_length").and_then(|f| leaf::integer(f.value)).unwrap_or(0),
            pattern: self.pattern(layer, out),
            required: required(layer),
            place: field.place(),
        }
    }

    fn ticket(&mut self, field: Field<'_>, out: &mut Problems) -> Ticket {
        const LEVELS: [Verify; 3] = [Verify::None, Verify::Exists, Verify::Open];
        let layer = field.layer();
        let verify = layer.field("verify").and_then(Field::text);
        let verify =
            verify.and_then(|word| VERIFY.iter().position(|w| *w == word)).and_then(|i| LEVELS.get(i)).copied();
        Ticket {
            pattern: self.pattern(layer, out),
            verify: verify.unwrap_or(Verify::None),
            required: required(layer),
            place: field.place(),
        }
    }

    fn when(&mut self, field: Field<'_>, out: &mut Problems) -> Vec<Expressed> {
        let expressed = |layer: Layer<'_>| {
            let cedar = layer.field("cedar")?;
            let expression = self.expression(cedar, out)?;
            let message = layer.field("message").and_then(Field::text).unwrap_or_default().to_owned();
            Some(Expressed { message, expression, place: layer.place(layer.node.head()) })
        };
        field.items().filter_map(expressed).collect()
    }
}

fn required(layer: Layer<'_>) -> Required {
    match layer.field("required").and_then(|f| leaf::boolean(f.value)) {
        Some(false) => Required::No,
        Some(true) | None => Required::Yes,
    }
}

fn windows(field: Field<'_>, out: &mut Problems) -> Windows {
    if field.value.items().len() > limits::WINDOWS {
        let message = format!("these are more than {} windows", limits::WINDOWS);
        out.error(field.file, field.value.head(), "out-of-range", message, "one window can be for several days");
    }
    Windows { any_of: field.items().filter_map(|layer| one_window(layer, out)).collect(), place: field.place() }
}

fn one_window(layer: Layer<'_>, out: &mut Problems) -> Option<Window> {
    let clock = |key: &str| window::parse_clock(layer.field(key)?.text()?);
    let (from, to) = (clock("from")?, clock("to")?);
    if from == to {
        let at = layer.field("to")?.value.at();
        let hint = "a whole day is from \"00:00\" to \"24:00\"";
        out.error(layer.file, at, "window-empty", "`from` and `to` are the same time", hint);
        return None;
    }
    let days = match layer.field("days") {
        None => Days::ALL,
        Some(field) => {
            let nodes = if field.text().is_some() { std::slice::from_ref(field.value) } else { field.value.items() };
            nodes.iter().filter_map(|n| window::parse_days(n.text()?)).reduce(Days::and)?
        }
    };
    let zone = layer.field("tz")?.text()?;
    let tz = window::zone(zone)?;
    Some(Window { days, from, to, zone: zone.to_owned(), tz, place: layer.place(layer.node.head()) })
}

fn source_ip(field: Field<'_>) -> SourceIp {
    let range = |node: &Node| Network::parse(node.text()?).ok();
    SourceIp { any_of: field.value.items().iter().filter_map(range).collect(), place: field.place() }
}

fn mfa(field: Field<'_>, out: &mut Problems) -> Mfa {
    let layer = field.layer();
    let flag = |key: &str| layer.field(key).and_then(|f| leaf::boolean(f.value));
    let max_age = layer.field("max_age").and_then(|f| leaf::duration(f.value));
    if required(layer) == Required::No {
        return Mfa { request: false, approve: false, max_age, place: field.place() };
    }
    let approve = flag("approve").unwrap_or(false);
    let request = flag("request").unwrap_or(!approve);
    if !request && !approve {
        let message = "`mfa` asks for it of nobody";
        out.error(
            field.file,
            field.key.at(),
            "mfa",
            message,
            "write `request: true`, `approve: true` or, to lift a default, `required: false`",
        );
    }
    Mfa { request, approve, max_age, place: field.place() }
}

fn concurrency(field: Field<'_>, out: &mut Problems) -> Concurrency {
    let layer = field.layer();
    let count = |key: &str| layer.field(key).and_then(|f| leaf::integer(f.value));
    let is_mapping = matches!(layer.node.value, Value::Map(..));
    if is_mapping && layer.field("per_subject").is_none() && layer.field("total").is_none() {
        let message = "`concurrency` bounds nothing";
        out.error(field.file, layer.node.head(), "missing-key", message, "write `per_subject: 1` or `total: 3`");
    }
    Concurrency { per_subject: count("per_subject"), total: count("total"), place: field.place() }
}

fn inputs(field: Field<'_>, out: &mut Problems) -> Vec<Input> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut found = Vec::new();
    for layer in field.items() {
        let Some(input) = input(layer, out) else { continue };
        if let Some(line) = seen.insert(input.name.to_ascii_lowercase(), input.place.line) {
            let message = format!("there is an input `{}` already, in line {line}", input.name);
            out.error(layer.file, input.place.at(), "duplicate-name", message, "give one of them another name");
        }
        found.push(input);
    }
    found
}

fn input(layer: Layer<'_>, out: &mut Problems) -> Option<Input> {
    let name = layer.field("name")?;
    let (max_length, values) = (layer.field("max_length"), layer.field("values"));
    let kind = match layer.field("type")?.text()? {
        "string" => {
            let most = limits::INPUT_CHARS as u32;
            InputKind::Text { max_length: max_length.and_then(|f| leaf::integer(f.value)).unwrap_or(most) }
        }
        "integer" => InputKind::Integer,
        "boolean" => InputKind::Boolean,
        "enum" => {
            let Some(values) = values else {
                let message = "an enum needs `values`";
                out.error(
                    layer.file,
                    layer.node.head(),
                    "missing-key",
                    message,
                    "write `values: [eu, us]`: what it can be",
                );
                return None;
            };
            InputKind::Enum {
                values: values.value.items().iter().filter_map(|n| n.text().map(str::to_owned)).collect(),
            }
        }
        _ => return None,
    };
    let misplaced = [
        (max_length, "max_length", matches!(kind, InputKind::Text { .. }), "string"),
        (values, "values", matches!(kind, InputKind::Enum { .. }), "enum"),
    ];
    for (field, key, belongs, of) in misplaced {
        if let (Some(field), false) = (field, belongs) {
            let message = format!("only an input of type {of} has `{key}`");
            out.error(layer.file, field.key.at(), "unknown-key", message, "remove it, or change the type");
        }
    }
    Some(Input {
        name: name.text()?.to_owned(),
        kind,
        prompt: layer.field("prompt").and_then(Field::text).unwrap_or_default().to_owned(),
        required: required(layer),
        place: name.place_of(name.value),
    })
}

fn budget(field: Field<'_>) -> Option<Budget> {
    let length = |key: &str| leaf::duration(field.layer().field(key)?.value);
    Some(Budget { per_subject: length("per_subject")?, per: length("per")?, place: field.place() })
}
