//! A resource's `settings`, typed by its connector's own table.

use crate::address::Network;
use crate::leaf::{self, check_choice};
use crate::meant::stands_for;
use crate::nearest::nearest;
use crate::node::{Entry, Looks, Node, Scalar, Value};
use crate::problem::Problems;
use crate::shape::{Due, Site, article, shown};
use crate::words;
use curfew_domain::RoleName;
use curfew_domain::connector::{ConnectorKind, Field, Presence, Shape};
use curfew_domain::limits;
use serde_json::{Map, Value as Json};

/// Whose words the settings are: those of the environment where it says a key, else the resource's own.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// Where the resource's own stand.
    pub(crate) own: Site<'a>,
    /// Where the environment's stand, and what they are.
    pub(crate) overlay: Option<(Site<'a>, &'a Node)>,
}

impl<'a> Origin<'a> {
    /// Where the value of a key stands.
    fn of(self, key: &str) -> Site<'a> {
        self.overlay.filter(|(_, node)| node.get(key).is_some()).map_or(self.own, |(site, _)| site)
    }
}

/// Checks the settings and turns them into JSON. What is wrong is in `out`; the JSON then lacks it.
pub(crate) fn read(node: &Node, kind: &ConnectorKind, origin: Origin<'_>, out: &mut Problems) -> Json {
    let before = out.errors_found();
    let settings = all(node, kind, origin, out);
    for entry in node.get("actions").map(Node::entries).unwrap_or_default() {
        let built_in = kind.actions.iter().find(|a| entry.key.text() == Some(a.name));
        if let Some(action) = built_in {
            let message = format!("`{}` is built in: {}", action.name, action.meaning);
            origin.of("actions").refuse(
                out,
                entry.key.at(),
                "built-in-action",
                message,
                format!("built-in names keep their meaning; call yours `{}-more`", action.name),
            );
        }
    }
    if out.errors_found() == before {
        for misfit in (kind.fit.0)(&settings) {
            let site = misfit.path.first().map_or(origin.own, |key| origin.of(key));
            site.refuse(out, along(node, &misfit.path).head(), "setting", misfit.message, misfit.hint);
        }
    }
    settings
}

/// The settings as a whole, each read under the name of the file it stands in.
fn all(node: &Node, kind: &ConnectorKind, origin: Origin<'_>, out: &mut Problems) -> Json {
    let mut reader = Reader { kind: kind.name, site: origin.own, out };
    let Value::Map(_, entries) = &node.value else { return reader.record(node, kind.settings, "settings") };
    let mut map = Map::new();
    for entry in entries {
        let Some(name) = entry.key.text() else { continue };
        reader.site = origin.of(name);
        reader.entry(entry, kind.settings, "settings", &mut map);
    }
    reader.site = origin.own;
    reader.missing(node, kind.settings, "settings");
    Json::Object(map)
}

/// What stands at the end of a path, or as far along it as there is something.
fn along<'n>(node: &'n Node, path: &[String]) -> &'n Node {
    path.iter().fold(node, |node, step| {
        let item = step.parse::<usize>().ok().and_then(|at| node.items().get(at));
        node.get(step).or(item).unwrap_or(node)
    })
}

/// Whether a key that is not there is one that was misspelt, which is said where it stands.
fn is_misspelt(node: &Node, missing: &str, fields: &[Field]) -> bool {
    let names = || fields.iter().map(|field| field.name);
    let unknown = node.entries().iter().filter(|e| e.key.text().is_some_and(|key| names().all(|name| name != key)));
    unknown.take(limits::SPELLINGS).any(|entry| stands_for(entry, node.entries(), names()) == Some(missing))
}

/// The names of the settings a connector cannot do without.
pub(crate) fn needed(kind: &ConnectorKind) -> Vec<&'static str> {
    kind.settings.iter().filter(|f| f.presence == Presence::Required).map(|f| f.name).collect()
}

struct Reader<'a> {
    kind: &'a str,
    site: Site<'a>,
    out: &'a mut Problems,
}

impl Reader<'_> {
    fn record(&mut self, node: &Node, fields: &'static [Field], what: &str) -> Json {
        let Value::Map(_, entries) = &node.value else {
            self.site.named(what).wrong_kind(self.out, node, Due::Words("a mapping"));
            return Json::Null;
        };
        let mut map = Map::new();
        for entry in entries {
            self.entry(entry, fields, what, &mut map);
        }
        self.missing(node, fields, what);
        Json::Object(map)
    }

    fn entry(&mut self, entry: &Entry, fields: &'static [Field], what: &str, map: &mut Map<String, Json>) {
        let Some(name) = entry.key.text() else { return };
        match fields.iter().find(|f| f.name == name) {
            Some(field) => {
                map.insert(name.to_owned(), self.value(&entry.value, &field.shape, name));
            }
            None => self.unknown(entry.key.at(), name, fields, what),
        }
    }

    fn missing(&mut self, node: &Node, fields: &'static [Field], what: &str) {
        for field in fields.iter().filter(|f| f.presence == Presence::Required && node.get(f.name).is_none()) {
            if is_misspelt(node, field.name, fields) {
                continue;
            }
            let message = format!("`{what}` of {} {} resource needs `{}`", article(self.kind), self.kind, field.name);
            let hint = format!("write `{}: {}`: {}", field.name, sample(&field.shape), field.doc);
            self.site.refuse(self.out, node.head(), "missing-key", message, hint);
        }
    }

    fn unknown(&mut self, at: crate::problem::At, name: &str, fields: &[Field], what: &str) {
        let hint = match nearest(name, fields.iter().map(|f| f.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it can have: {}", fields.iter().map(|f| f.name).collect::<Vec<_>>().join(", ")),
        };
        let (kind, article) = (self.kind, article(self.kind));
        let message = format!("`{what}` of {article} {kind} resource has no key `{}`", shown(name));
        self.site.refuse(self.out, at, "unknown-key", message, hint);
    }

    fn value(&mut self, node: &Node, shape: &'static Shape, what: &str) -> Json {
        if matches!(node.value, Value::Broken) {
            return Json::Null;
        }
        match shape {
            Shape::Either(shapes) => match shapes.iter().find(|s| suits(node, s)) {
                Some(shape) => self.value(node, shape, what),
                None => {
                    let words: Vec<&str> = shapes.iter().map(due).collect();
                    self.site.named(what).wrong_kind(self.out, node, Due::Words(&words.join(" or ")));
                    Json::Null
                }
            },
            Shape::List(item) => self.list(node, item, what),
            Shape::Map(item) => self.map(node, item, what),
            Shape::Record(fields) => self.record(node, fields, what),
            Shape::Text(_) | Shape::Integer(..) | Shape::Choice(_) | Shape::HostPort | Shape::Cidr => {
                self.leaf(node, shape, what)
            }
        }
    }

    fn list(&mut self, node: &Node, item: &'static Shape, what: &str) -> Json {
        let Value::List(_, items) = &node.value else {
            self.site.named(what).wrong_kind(self.out, node, Due::Texts);
            return Json::Null;
        };
        if items.is_empty() {
            let message = format!("`{what}` is empty");
            let hint = format!("write `{what}: [{}]`, or leave the key out", sample(item));
            self.site.refuse(self.out, node.at(), "empty-list", message, hint);
        }
        Json::Array(items.iter().map(|node| self.value(node, item, what)).collect())
    }

    fn map(&mut self, node: &Node, item: &'static Shape, what: &str) -> Json {
        let Value::Map(_, entries) = &node.value else {
            self.site.named(what).wrong_kind(self.out, node, Due::Words("a mapping"));
            return Json::Null;
        };
        let mut map = Map::new();
        for entry in entries {
            leaf::check(&entry.key, &crate::language::Shape::Name("name"), self.site.named(what), self.out);
            let name = entry.key.text().unwrap_or_default();
            map.insert(name.to_owned(), self.value(&entry.value, item, name));
        }
        Json::Object(map)
    }

    fn leaf(&mut self, node: &Node, shape: &Shape, what: &str) -> Json {
        let site = self.site.named(what);
        let Value::Scalar(scalar) = &node.value else {
            site.wrong_kind(self.out, node, Due::Words(due(shape)));
            return Json::Null;
        };
        if let Shape::Integer(low, high) = shape {
            return self.integer(node, scalar, (*low, *high), what);
        }
        if !leaf::is_text(node, scalar, site, self.out) {
            return Json::Null;
        }
        let text = scalar.text.as_str();
        match shape {
            Shape::Choice(words) => check_choice(node, text, words, site, self.out),
            Shape::Text(bytes) if text.is_empty() || text.len() > *bytes => {
                let message = format!("`{what}` has to have 1 to {bytes} bytes, not {}", text.len());
                let hint = if text.is_empty() { "name what you mean, or leave the key out" } else { "shorten it" };
                site.refuse(self.out, node.at(), "text-length", message, hint);
            }
            Shape::HostPort if !is_host_port(text) => {
                let message = format!("`{}` is not host:port", shown(text));
                let hint = "write a host and a port: db.example.com:5432, \"[2001:db8::1]:22\"";
                site.refuse(self.out, node.at(), "host-port", message, hint);
            }
            Shape::Cidr => self.cidr(node, text, what),
            Shape::Text(_)
            | Shape::HostPort
            | Shape::Integer(..)
            | Shape::List(_)
            | Shape::Map(_)
            | Shape::Record(_)
            | Shape::Either(_) => {}
        }
        Json::String(text.to_owned())
    }

    fn integer(&mut self, node: &Node, scalar: &Scalar, (low, high): (i64, i64), what: &str) -> Json {
        let digits = scalar.text.strip_prefix('-').unwrap_or(&scalar.text);
        let plain = digits == "0" || (digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0'));
        let number = scalar.text.parse::<i64>().ok().filter(|_| plain && scalar.looks() == Looks::Number);
        let site = self.site.named(what);
        match number {
            Some(n) if (low..=high).contains(&n) => return Json::from(n),
            Some(n) => site.refuse(
                self.out,
                node.at(),
                "out-of-range",
                format!("`{what}` cannot be {n}"),
                format!("write a number from {low} to {high}"),
            ),
            None => {
                let message = format!("`{what}` has to be a whole number, not `{}`", shown(&scalar.text));
                let hint = format!("write a number from {low} to {high}, in decimal digits and without quotes");
                site.refuse(self.out, node.at(), "not-a-number", message, hint);
            }
        }
        Json::Null
    }

    fn cidr(&mut self, node: &Node, text: &str, what: &str) {
        let site = self.site.named(what);
        if let Err(why) = Network::parse(text) {
            let message = format!("`{}` is not an address range: {why}", shown(text));
            site.refuse(self.out, node.at(), "cidr", message, words::range_to_write(text));
        }
    }
}

fn due(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text(_) | Shape::Choice(_) => "a text",
        Shape::Integer(..) => "a whole number",
        Shape::HostPort => "host:port",
        Shape::Cidr => "an address range",
        Shape::List(_) => "a list",
        Shape::Map(_) | Shape::Record(_) => "a mapping",
        Shape::Either(_) => "something else",
    }
}

/// What could stand there, for a hint.
fn sample(shape: &Shape) -> String {
    match shape {
        Shape::Text(_) => "TEXT".to_owned(),
        Shape::Choice(words) => words.first().copied().unwrap_or_default().to_owned(),
        Shape::Integer(low, _) => low.to_string(),
        Shape::HostPort => "host.example.com:22".to_owned(),
        Shape::Cidr => "10.0.0.0/8".to_owned(),
        Shape::List(item) => format!("[{}]", sample(item)),
        Shape::Map(item) => format!("{{NAME: {}}}", sample(item)),
        Shape::Record(fields) => {
            let needed = fields.iter().filter(|f| f.presence == Presence::Required);
            let inside: Vec<String> = needed.map(|f| format!("{}: {}", f.name, sample(&f.shape))).collect();
            format!("{{{}}}", inside.join(", "))
        }
        Shape::Either(shapes) => shapes.first().map(sample).unwrap_or_default(),
    }
}

/// The settings that a connector cannot do without, as one would write them.
pub(crate) fn to_write(kind: &ConnectorKind) -> String {
    format!("settings: {}", sample(&Shape::Record(kind.settings)))
}

/// Whether the node is of the kind that the shape describes, right or wrong.
fn suits(node: &Node, shape: &Shape) -> bool {
    match (shape, &node.value) {
        (Shape::Integer(..), Value::Scalar(s)) => s.looks() == Looks::Number,
        (Shape::Text(_) | Shape::Choice(_) | Shape::HostPort | Shape::Cidr, Value::Scalar(s)) => {
            s.looks() != Looks::Number
        }
        (Shape::List(_), Value::List(..)) | (Shape::Map(_) | Shape::Record(_), Value::Map(..)) => true,
        (Shape::Either(shapes), _) => shapes.iter().any(|s| suits(node, s)),
        (
            Shape::Text(_)
            | Shape::Choice(_)
            | Shape::HostPort
            | Shape::Cidr
            | Shape::Integer(..)
            | Shape::List(_)
            | Shape::Map(_)
            | Shape::Record(_),
            Value::Scalar(_) | Value::List(..) | Value::Map(..) | Value::Broken,
        ) => false,
    }
}

fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let port_is_sound =
        !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let host_is_sound = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            host.len() <= 253
                && host
                    .split('.')
                    .all(|label| RoleName::new(label).is_ok() && !label.contains('.') && !label.starts_with('-'))
        }
    };
    port_is_sound && host_is_sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for good in ["db:5432", "web-1.example.com:22", "10.0.0.1:1", "[2001:db8::1]:22"] {
            assert!(is_host_port(good), "{good}");
        }
        for bad in [
            "db",
            "db:",
            ":22",
            "db:0",
            "db:65536",
            "db:022",
            "db:22 ",
            "2001:db8::1:22",
            "a b:1",
            "-x:1",
            "a..b:1",
            "db:+1",
        ] {
            assert!(!is_host_port(bad), "{bad}");
        }
    }
}
