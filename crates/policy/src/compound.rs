//! Values that may be written in more than one form: each form, and what only the whole of it can be checked for.

use crate::language::{
    APPROVAL, Compound, DURATION, EXPECT, Emptiness, MFA_FACT, OUTCOMES, SELECTOR, Shape, TRIGGER, WORKLOADS,
};
use crate::leaf;
use crate::nearest::nearest;
use crate::node::{Entry, Looks, Node, Value};
use crate::problem::Problems;
use crate::shape::{Due, Site, check_list, check_record, principal_with_blank, shown};
use crate::window;
use crate::workload;
use curfew_domain::RoleName;

/// Reports everything in a value of several forms that none of them allows.
pub(crate) fn check(node: &Node, form: Compound, site: Site<'_>, out: &mut Problems) {
    match form {
        Compound::Requesters => check_requesters(node, site, out),
        Compound::Trigger => check_trigger(node, site, out),
        Compound::Claim => check_claim(node, site, out),
        Compound::Claims => check_claims(node, site, out),
        Compound::Days => check_days(node, site, out),
        Compound::Approval => check_approval(node, site, out),
        Compound::DurationRule => match &node.value {
            Value::Map(..) => check_duration_rule(node, site, out),
            Value::List(..) => site.wrong_kind(out, node, Due::Words(leaf::due(&Shape::Compound(form)))),
            Value::Scalar(_) | Value::Broken => leaf::check(node, &Shape::Duration, site, out),
        },
        Compound::ResourcePattern => match &node.value {
            Value::Map(..) => check_selector(node, site, out),
            Value::Scalar(scalar) => leaf::check_pattern(node, scalar, site, out),
            Value::List(..) | Value::Broken => {
                site.wrong_kind(out, node, Due::Words(leaf::due(&Shape::Compound(form))))
            }
        },
        Compound::MfaFact => match &node.value {
            Value::Map(..) => check_record(node, &MFA_FACT, site, out),
            Value::Scalar(_) | Value::List(..) | Value::Broken => leaf::check(node, &Shape::Boolean, site, out),
        },
        Compound::Expect => match &node.value {
            Value::Map(..) => check_record(node, &EXPECT, site, out),
            Value::Scalar(_) | Value::List(..) | Value::Broken => {
                leaf::check(node, &Shape::Choice(OUTCOMES), site, out);
            }
        },
    }
}

fn check_requesters(node: &Node, site: Site<'_>, out: &mut Problems) {
    match &node.value {
        Value::Scalar(s) if s.text == "anyone" => {}
        Value::List(_, items) => {
            if items.is_empty() {
                check_list(node, Emptiness::Refused, &Shape::Principal, site, out);
            }
            for item in items {
                match &item.value {
                    Value::Map(_, entries) => check_workload(item, entries, site, out),
                    Value::Scalar(_) | Value::List(..) | Value::Broken => {
                        leaf::check(item, &Shape::Principal, site, out);
                    }
                }
            }
        }
        Value::Scalar(scalar) if matches!(scalar.text.as_str(), "everyone" | "everybody" | "all" | "any" | "*") => {
            let message = format!("`{}` does not say who may ask", scalar.text);
            let hint = "write `requesters: anyone` if every signed-in person may";
            site.refuse(out, node.at(), "wrong-kind", message, hint);
        }
        Value::Scalar(_) => site.wrong_kind(out, node, Due::Texts),
        Value::Map(..) | Value::Broken => {
            site.wrong_kind(out, node, Due::Words("`anyone` or a list of persons, groups and workloads"));
        }
    }
}

/// A mapping with exactly one key: the provider's.
pub(crate) fn check_workload(node: &Node, entries: &[Entry], site: Site<'_>, out: &mut Problems) {
    if let Some(hint) = principal_with_blank(entries) {
        let message = format!("an entry of `{}` is a mapping where a text was meant", site.what);
        return site.refuse(out, node.head(), "wrong-kind", message, hint);
    }
    let named = entries.iter().filter(|e| is_provider(e)).count();
    for entry in entries {
        check_provider(entry, ("a workload", &[]), site, out);
    }
    one_provider(node, named, site, out);
}

fn is_provider(entry: &Entry) -> bool {
    entry.name().is_some_and(|key| WORKLOADS.iter().any(|(word, _)| *word == key))
}

fn one_provider(node: &Node, named: usize, site: Site<'_>, out: &mut Problems) {
    let words: Vec<&str> = WORKLOADS.iter().map(|(word, _)| *word).collect();
    if named != 1 {
        let message = format!("a workload names exactly one of: {}", words.join(", "));
        site.refuse(
            out,
            node.head(),
            "workload",
            message,
            "write `{github: {repository_id: \"123456\", ref: refs/heads/main}}`",
        );
    }
}

/// `others` are the keys that may stand beside the provider's, and of what.
fn check_provider(entry: &Entry, (of, others): (&str, &[&str]), site: Site<'_>, out: &mut Problems) {
    let Some(name) = entry.name() else { return };
    let provider = WORKLOADS.iter().find(|(word, _)| *word == name);
    if provider.is_none() || entry.meant.is_some() {
        unknown_provider(entry, (of, others), site, out);
    }
    if let Some((word, record)) = provider {
        check_record(&entry.value, record, site.named(word), out);
        if let Value::Map(..) = entry.value.value {
            workload::check(entry, site.named(word), out);
        }
    }
}

fn unknown_provider(entry: &Entry, (of, others): (&str, &[&str]), site: Site<'_>, out: &mut Problems) {
    let key = entry.key.text().unwrap_or_default();
    let words = || WORKLOADS.iter().map(|(word, _)| *word).chain(others.iter().copied());
    let hint = match nearest(key, words()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it can have: {}", words().collect::<Vec<_>>().join(", ")),
    };
    site.refuse(out, entry.key.at(), "unknown-key", format!("{of} has no key `{}`", shown(key)), hint);
}

/// What a trigger has beside the provider's key.
const BESIDE_PROVIDER: [&str; 2] = ["grant_to", "until"];

fn check_trigger(node: &Node, site: Site<'_>, out: &mut Problems) {
    let Value::Map(_, entries) = &node.value else {
        return site.wrong_kind(out, node, Due::Record(&TRIGGER));
    };
    let mut named = 0;
    for entry in entries {
        let Some(key) = entry.name().and_then(|name| TRIGGER.key(name)) else {
            named += usize::from(is_provider(entry));
            check_provider(entry, ("a trigger", &BESIDE_PROVIDER), site, out);
            continue;
        };
        if entry.meant.is_some() {
            unknown_provider(entry, ("a trigger", &BESIDE_PROVIDER), site, out);
        }
        crate::shape::check(&entry.value, &key.shape, site.under(key), out);
    }
    one_provider(node, named, site, out);
    if node.get("grant_to").is_none() {
        let hint =
            "write `grant_to: [pipeline]` for the run itself, `[actor]` for who started it, or persons and groups";
        site.refuse(out, node.head(), "missing-key", "a trigger needs `grant_to`", hint);
    }
}

fn check_claim(node: &Node, site: Site<'_>, out: &mut Problems) {
    match &node.value {
        Value::List(..) => check_list(node, Emptiness::Refused, &Shape::Text, site, out),
        Value::Scalar(_) | Value::Map(..) | Value::Broken => leaf::check(node, &Shape::Text, site, out),
    }
}

fn check_claims(node: &Node, site: Site<'_>, out: &mut Problems) {
    let Value::Map(_, entries) = &node.value else {
        return site.wrong_kind(out, node, Due::Words("a mapping of claims"));
    };
    if entries.is_empty() {
        site.refuse(out, node.at(), "empty-list", "`claims` is empty", "name at least the claim that says who it is");
    }
    for entry in entries {
        leaf::check(&entry.key, &Shape::Text, site, out);
        check_claim(&entry.value, site.named(entry.key.text().unwrap_or(site.what)), out);
    }
}

fn check_days(node: &Node, site: Site<'_>, out: &mut Problems) {
    let items = match &node.value {
        Value::List(_, items) if items.is_empty() => {
            return check_list(node, Emptiness::Refused, &Shape::Text, site, out);
        }
        Value::List(_, items) => items.as_slice(),
        Value::Scalar(_) => std::slice::from_ref(node),
        Value::Map(..) | Value::Broken => {
            return site.wrong_kind(out, node, Due::Words(leaf::due(&Shape::Compound(Compound::Days))));
        }
    };
    for item in items {
        let Value::Scalar(scalar) = &item.value else {
            site.wrong_kind(out, item, Due::Words(leaf::due(&Shape::Compound(Compound::Days))));
            continue;
        };
        if leaf::is_text(item, scalar, site, out) && window::parse_days(&scalar.text).is_none() {
            let message = format!("`{}` names no days", shown(&scalar.text));
            site.refuse(out, item.at(), "days", message, days_to_write(&scalar.text));
        }
    }
}

fn days_to_write(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let short = lower.get(..3).filter(|start| lower.ends_with("day") && window::parse_days(start).is_some());
    match (lower.as_str(), short) {
        ("weekday" | "weekdays" | "workdays", _) => "write mon-fri".to_owned(),
        ("weekend" | "weekends", _) => "write sat-sun".to_owned(),
        ("daily" | "every day" | "all" | "*", _) => "leave `days` out, or write mon-sun".to_owned(),
        (_, Some(day)) => format!("write {day}"),
        (_, None) => "write mon, mon-fri, or a list such as [mon, wed-fri]".to_owned(),
    }
}

fn check_selector(node: &Node, site: Site<'_>, out: &mut Problems) {
    check_record(node, &SELECTOR, site, out);
    let labels = node.get("labels");
    if let Some(labels) = labels.filter(|l| matches!(&l.value, Value::Map(_, entries) if entries.is_empty())) {
        let hint = "write `labels: {env: prod}`: an empty selector never means \"all\"";
        site.refuse(out, labels.at(), "empty-list", "`labels` is empty", hint);
    }
}

fn check_duration_rule(node: &Node, site: Site<'_>, out: &mut Problems) {
    check_record(node, &DURATION, site, out);
    let length = |key| node.get(key).and_then(leaf::duration);
    let Some(max) = length("max") else { return };
    let bounds = [
        ("min", length("min"), "default", length("default")),
        ("default", length("default"), "max", Some(max)),
        ("min", length("min"), "max", Some(max)),
    ];
    for (low, small, high, great) in bounds {
        if let (Some(small), Some(great), Some(at)) = (small, great, node.get(low).map(Node::at))
            && small > great
        {
            let message = format!("`{low}` ({small}) is longer than `{high}` ({great})");
            site.refuse(out, at, "duration-order", message, "change one, so that min <= default <= max");
            return;
        }
    }
}

/// Whether there is a chain of the name is `link`'s to say.
fn check_approval(node: &Node, site: Site<'_>, out: &mut Problems) {
    match &node.value {
        Value::Map(..) => check_record(node, &APPROVAL, site, out),
        Value::Scalar(s) if s.text == "automatic" => {}
        Value::Scalar(s) if matches!(s.text.as_str(), "none" | "auto" | "never") || s.text.is_empty() => {
            let message = format!("`{}` is no kind of approval", s.text);
            site.refuse(out, node.at(), "approval", message, "to let nobody approve, write `approval: automatic`");
        }
        Value::Scalar(s) if matches!(s.looks(), Looks::Boolean | Looks::Number) => {
            let message = format!("`{}` is no kind of approval", shown(&s.text));
            site.refuse(out, node.at(), "approval", message, "to let nobody approve, write `approval: automatic`");
        }
        Value::Scalar(s) => {
            if RoleName::new(s.text.as_str()).is_err() {
                let text = shown(&s.text);
                let message = format!("`{text}` is no kind of approval");
                let hint = match leaf::parse_principal(&s.text) {
                    Ok(_) => format!("write `approvers: [{text}]`"),
                    Err(_) => "write `automatic`, the name of a chain of `approvals`, or `{stages: [...]}`".to_owned(),
                };
                site.refuse(out, node.at(), "approval", message, hint);
            }
        }
        Value::List(..) => {
            let message =
                "`approval` has to be `automatic`, the name of a chain, or a mapping with `stages`, not a list";
            site.refuse(out, node.head(), "wrong-kind", message, "persons and groups stand under `approvers: [...]`");
        }
        Value::Broken => {}
    }
}
