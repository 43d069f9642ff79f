//! Expressions and guardrails in Cedar: parsed once, with the facts they speak of.
//!
//! An expression that speaks of a fact which is not known for a request is not evaluated, whatever its form. So every
//! fact has to be named in the open: `context.mfa`, never `context` as a value.

use crate::advice;
use crate::allowance::{Allowance, Paid};
use crate::source::Place;
use crate::vocabulary;
use crate::whereabouts::Verbatim;
use cedar_policy::{Effect, Expression as Parsed, ParseErrors, Policy, PolicyId, PolicySet};
use curfew_domain::limits;
use serde_json::Value;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

/// A Cedar expression of a policy file.
#[derive(Debug, Clone)]
pub struct Expression {
    /// As it is written.
    pub text: String,
    /// Where.
    pub place: Place,
    pub(crate) verbatim: Verbatim,
    pub(crate) needs: Needs,
    /// One permit that holds when the expression is true.
    pub(crate) policies: Arc<PolicySet>,
}

/// A Cedar policy that bounds every role.
#[derive(Debug, Clone)]
pub struct Guardrail {
    /// What it says to somebody whom it refuses.
    pub message: String,
    /// As it is written.
    pub text: String,
    /// Where it begins.
    pub place: Place,
    pub(crate) needs: Needs,
    pub(crate) policy: Policy,
}

/// What an expression speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Names in `context`.
    pub(crate) context: BTreeSet<String>,
    /// Names in `context.inputs`.
    pub(crate) inputs: BTreeSet<String>,
    /// Names in `context.claims`.
    pub(crate) claims: BTreeSet<String>,
    /// Keys in `resource.labels`.
    pub(crate) labels: BTreeSet<String>,
    /// Names of `resource`, save `labels`.
    pub(crate) resource: BTreeSet<String>,
    /// Names of `principal`.
    pub(crate) principal: BTreeSet<String>,
    /// Entities that are named, by type and id.
    pub(crate) entities: BTreeSet<(String, String)>,
    /// Texts that something is compared with of which there are only some.
    pub(crate) words: BTreeSet<(vocabulary::Kind, String)>,
    /// Whether it speaks of anything at all.
    pub(crate) constant: bool,
}

/// Why a text is no expression or guardrail of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotCedar {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

const SYNTAX: &str =
    "`curfew policy schema --cedar` prints what there is; the language is told at https://docs.cedarpolicy.com";

impl Expression {
    pub(crate) fn parse(text: &str, (place, verbatim): (Place, Verbatim)) -> Result<Self, NotCedar> {
        bounded(text)?;
        // By itself first, so that nothing can close the condition it is put into.
        Parsed::from_str(text).map_err(|e| syntax(&e, text))?;
        let permit = format!("permit (principal, action == Action::\"request\", resource) when {{\n{text}\n}};");
        let policy = Policy::parse(Some(PolicyId::new("0")), permit).map_err(|e| syntax(&e, text))?;
        let needs = Needs::of(&policy)?;
        let policies = PolicySet::from_policies([policy]).map_err(|e| NotCedar {
            code: "cedar",
            message: e.to_string(),
            hint: SYNTAX,
        })?;
        Ok(Self { text: text.to_owned(), place, verbatim, needs, policies: Arc::new(policies) })
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Guardrail {
    pub(crate) fn parse(text: &str, number: usize, place: Place) -> Result<Self, NotCedar> {
        bounded(text)?;
        let policy =
            Policy::parse(Some(PolicyId::new(number.to_string())), text).map_err(|e| guardrail_syntax(&e, text))?;
        if policy.effect() == Effect::Permit {
            let message = "a guardrail may only `forbid`: it bounds what roles give, and gives nothing".to_owned();
            let hint = "write `forbid`; what is given stands in a role";
            return Err(NotCedar { code: "permit-in-guardrail", message, hint });
        }
        let needs = Needs::of(&policy)?;
        let message = policy.annotation("message").filter(|m| !m.trim().is_empty());
        let message = message.map_or_else(|| "a guardrail forbids it".to_owned(), str::to_owned);
        Ok(Self { message, text: text.to_owned(), place, needs, policy })
    }
}

/// What the pieces of Cedar of a set may come to, in bytes.
pub(crate) fn allowance(bytes: usize) -> Allowance {
    Allowance::of(limits::POLICY_CEDAR + bytes / limits::POLICY_BYTES_PER_CEDAR)
}

/// Pays for one piece.
pub(crate) fn pay(allowance: &Allowance, text: &str) -> Paid {
    allowance.pay(text.len().max(limits::SHORTEST_CEDAR))
}

fn bounded(text: &str) -> Result<(), NotCedar> {
    if text.len() > limits::CEDAR_BYTES {
        let message = format!("this is longer than {} bytes", limits::CEDAR_BYTES);
        return Err(NotCedar { code: "text-length", message, hint: "say it in several" });
    }
    if depth(text) > limits::CEDAR_DEPTH {
        let message = "this is nested too deep, or a chain of too many operators".to_owned();
        let hint = "say it in several, or compare with a set: [\"a\", \"b\"].contains(...)";
        return Err(NotCedar { code: "nesting", message, hint });
    }
    Ok(())
}

/// How deep a text can make Cedar's reader go, at the most: it takes a step down for every bracket, every link of a
/// chain, and every operator between two links. Its stack is the caller's.
fn depth(text: &str) -> usize {
    let (mut in_text, mut escaped) = (false, false);
    let mut levels = vec![Level::default()];
    for (at, c) in text.char_indices() {
        let Some(level) = levels.last_mut() else { break };
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '.' | '+' | '-' | '*' | '!' | '<' | '>' => level.steps += 1,
            '&' | '|' => level.link(),
            'e' if text[at..].starts_with("else") => level.link(),
            ',' | ';' => level.next(),
            '(' | '[' | '{' => levels.push(Level::default()),
            ')' | ']' | '}' if levels.len() > 1 => {
                let inner = levels.pop().map_or(0, |mut inner| inner.close());
                if let Some(level) = levels.last_mut() {
                    level.inside = level.inside.max(inner + 1);
                }
            }
            _ => {}
        }
    }
    levels.iter_mut().map(|level| level.close() + 1).sum()
}

/// What stands between two brackets.
#[derive(Default)]
struct Level {
    /// Half links: `&&` is two characters.
    links: usize,
    steps: usize,
    /// The deepest bracket since the last link.
    inside: usize,
    /// The deepest stretch between links, and between commas.
    stretch: usize,
    deepest: usize,
}

impl Level {
    fn link(&mut self) {
        self.links += 1;
        self.stretch = self.stretch.max(self.steps + self.inside);
        (self.steps, self.inside) = (0, 0);
    }

    fn next(&mut self) {
        self.link();
        self.deepest = self.deepest.max(self.links + self.stretch);
        (self.links, self.stretch) = (0, 0);
    }

    fn close(&mut self) -> usize {
        self.next();
        self.deepest
    }
}

fn syntax(errors: &ParseErrors, text: &str) -> NotCedar {
    let first = errors.iter().next().map_or_else(|| errors.to_string(), ToString::to_string);
    NotCedar { code: "cedar", hint: advice::cedar_syntax(&first, text), message: format!("this is not Cedar: {first}") }
}

/// The same for a whole policy, where an unfinished one is the likely slip.
fn guardrail_syntax(errors: &ParseErrors, text: &str) -> NotCedar {
    let why = syntax(errors, text);
    if why.message.contains("unexpected end of input") && advice::is_closed(text) {
        return NotCedar { hint: "end it with `;`", ..why };
    }
    let whole = "write a whole policy: forbid (principal, action, resource) when { context.risk_score > 50 };";
    let unfinished =
        ["unexpected end of input", "invalid token", "unexpected token"].iter().any(|part| why.message.contains(part));
    let advised = why.hint != advice::AN_EXPRESSION;
    NotCedar { hint: if unfinished && !advised { whole } else { why.hint }, ..why }
}

impl Needs {
    fn of(policy: &Policy) -> Result<Self, NotCedar> {
        let tree = policy.to_json().map_err(|e| NotCedar { code: "cedar", message: e.to_string(), hint: SYNTAX })?;
        let mut needs = Needs { constant: true, ..Needs::default() };
        for part in ["principal", "action", "resource"] {
            let scope = tree.get(part).unwrap_or(&Value::Null);
            let open = scope.get("op").and_then(Value::as_str) == Some("All");
            needs.constant &= open || part == "action";
            for scope in [scope, scope.get("in").unwrap_or(&Value::Null)] {
                needs.entity(scope.get("entity").unwrap_or(&Value::Null));
            }
        }
        for condition in tree.get("conditions").and_then(Value::as_array).into_iter().flatten() {
            needs.visit(condition.get("body").unwrap_or(&Value::Null))?;
        }
        Ok(needs)
    }

    fn visit(&mut self, expression: &Value) -> Result<(), NotCedar> {
        let Some((operator, operand)) = expression.as_object().and_then(|o| o.iter().next()) else { return Ok(()) };
        self.words.extend(vocabulary::compared(operator, operand));
        match operator.as_str() {
            "Value" => {
                self.entity(operand.get("__entity").unwrap_or(&Value::Null));
                Ok(())
            }
            "Var" => self.variable(operand.as_str().unwrap_or_default()),
            "." | "has" => {
                let attribute = operand.get("attr").and_then(Value::as_str).unwrap_or_default();
                self.attribute(operand.get("left").unwrap_or(&Value::Null), attribute)
            }
            "Record" => operand.as_object().into_iter().flatten().try_for_each(|(_, value)| self.visit(value)),
            _ => match operand {
                Value::Array(items) => items.iter().try_for_each(|item| self.visit(item)),
                Value::Object(parts) => parts.iter().try_for_each(|(_, part)| self.visit(part)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
            },
        }
    }

    fn variable(&mut self, name: &str) -> Result<(), NotCedar> {
        self.constant &= name == "action";
        if name == "context" {
            return Err(hidden("`context` stands here as a value"));
        }
        Ok(())
    }

    fn attribute(&mut self, of: &Value, name: &str) -> Result<(), NotCedar> {
        let mut path = Vec::new();
        if !path_of(of, &mut path) {
            return Err(hidden(&format!("`.{name}` of something that is computed")));
        }
        self.constant = false;
        path.push(name);
        let name = |text: &str| text.to_owned();
        match path.as_slice() {
            ["context", "inputs"] | ["context", "claims"] | ["resource", "labels"] => {
                return Err(hidden(&format!("`{}` stands here as a value", path.join("."))));
            }
            ["context", "inputs", input, ..] => self.inputs.insert(name(input)),
            ["context", "claims", claim, ..] => self.claims.insert(name(claim)),
            ["resource", "labels", label, ..] => self.labels.insert(name(label)),
            ["context", fact, ..] => self.context.insert(name(fact)),
            ["resource", attribute, ..] => self.resource.insert(name(attribute)),
            ["principal", attribute, ..] => self.principal.insert(name(attribute)),
            _ => false,
        };
        Ok(())
    }

    fn entity(&mut self, entity: &Value) {
        let text = |key| entity.get(key).and_then(Value::as_str).map(str::to_owned);
        if let (Some(kind), Some(id)) = (text("type"), text("id")) {
            self.entities.insert((kind, id));
        }
    }

    /// Groups that are named.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &str> {
        self.entities.iter().filter(|(kind, _)| kind == "Group").map(|(_, id)| id.as_str())
    }
}

fn hidden(what: &str) -> NotCedar {
    let message = format!("{what}, so that nobody can tell which facts it depends on");
    NotCedar {
        code: "cedar-fact",
        message,
        hint: "name each fact in the open: context.mfa, context.inputs.table, resource.labels.env",
    }
}

/// The names on the way from a variable to an attribute.
pub(crate) fn path_of<'v>(expression: &'v Value, path: &mut Vec<&'v str>) -> bool {
    if let Some(variable) = expression.get("Var").and_then(Value::as_str) {
        path.push(variable);
        return true;
    }
    let Some(access) = expression.get(".") else { return false };
    let (Some(left), Some(name)) = (access.get("left"), access.get("attr").and_then(Value::as_str)) else {
        return false;
    };
    path_of(left, path) && {
        path.push(name);
        true
    }
}

/// The policies of a Cedar file: where each begins, and its text. What cannot be told apart is one piece, which the
/// parser then refuses.
pub(crate) fn pieces(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut chars = text.char_indices().peekable();
    let (mut start, mut in_text) = (None, false);
    while let Some((at, c)) = chars.next() {
        let slash = c == '/' && chars.peek().is_some_and(|(_, next)| *next == '/');
        match c {
            '\\' if in_text => {
                chars.next();
            }
            '"' => {
                in_text = !in_text;
                start.get_or_insert(at);
            }
            _ if in_text => {}
            _ if slash => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
            ';' => {
                let from = start.take().unwrap_or(at);
                found.push((from, &text[from..=at]));
            }
            _ if c.is_whitespace() => {}
            _ => {
                start.get_or_insert(at);
            }
        }
    }
    found.extend(start.map(|from| (from, text[from..].trim_end())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::At;

    fn parsed(text: &str) -> Result<Expression, &'static str> {
        Expression::parse(text, (Place::new(Arc::from("p.yaml"), At::FILE), Verbatim::No)).map_err(|e| e.code)
    }

    #[test]
    fn what_an_expression_speaks_of() {
        let text = "context.oncall && context.inputs.table like \"a*\" && resource.labels.env == \"prod\" && principal in Group::\"sre\" && principal.email == \"x\" && context has mfa";
        let needs = parsed(text).expect("an expression").needs;
        let names = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(names(&needs.context), "mfa oncall");
        assert_eq!((names(&needs.inputs).as_str(), names(&needs.labels).as_str()), ("table", "env"));
        assert_eq!((names(&needs.principal).as_str(), needs.groups().collect::<Vec<_>>()), ("email", vec!["sre"]));
        assert!(!needs.constant && parsed("1 < 2").expect("an expression").needs.constant);
    }

    #[test]
    fn no_fact_can_hide() {
        for text in [
            "context == {}",
            "(if true then context else context).mfa",
            "{a: context.mfa}.a",
            "{a: context}.a.mfa",
            "[context].isEmpty()",
            "context.inputs == {}",
            "resource.labels has env && (if true then resource.labels else resource.labels).env == \"x\"",
            "(if true then resource else resource).labels.env == \"x\"",
        ] {
            assert_eq!(parsed(text).err(), Some("cedar-fact"), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression() {
        for text in [
            "",
            "true }; permit (principal, action, resource) when { true",
            "true;",
            "when { true }",
            "a b",
            "?principal == principal",
        ] {
            assert_eq!(parsed(text).err(), Some("cedar"), "{text}");
        }
        assert_eq!(parsed(&"(".repeat(100)).err(), Some("nesting"));
        assert_eq!(parsed(&"x".repeat(10_000)).err(), Some("text-length"));
        assert!(parsed("true // a comment").is_ok());
        let clause = "resource.labels.env == \"prod\" && ";
        assert!(parsed(&(clause.repeat(25) + "true")).is_ok());
    }

    #[test]
    fn whatever_is_let_through_does_not_exhaust_a_stack_of_a_thread() {
        let around = |open: &str, inner: &str, close: &str| [&open.repeat(38), inner, &close.repeat(38)].concat();
        let chains = ["1 + ", "true && ", "if true then true else ", "context.a == 1 || ", "!", "-"];
        for chain in chains {
            for length in [5, 20, 40, 80, 400] {
                let long = chain.repeat(length) + "true";
                for text in [around("(", &long, ")"), around("[", &long, "]"), around("{a: ", &long, "}"), long] {
                    let _ = parsed(&text);
                }
            }
        }
        for long in [
            "a".to_owned() + &".a".repeat(400),
            "(".repeat(1_000),
            ")".repeat(1_000),
            "[1]".to_owned() + &".contains(1)".repeat(100),
        ] {
            let _ = parsed(&long);
        }
    }

    #[test]
    fn a_file_falls_into_policies() {
        let text = "// one; two\n@message(\"a; \\\" b\")\nforbid (principal, action, resource);\n\n  forbid (principal, action, resource)\n  when { 1 < 2 };\n// end\n";
        let found: Vec<(usize, usize)> = pieces(text).iter().map(|(at, piece)| (*at, piece.len())).collect();
        assert_eq!(found.len(), 2);
        assert!(text[found[0].0..].starts_with("@message") && text[found[1].0..].starts_with("forbid"));
        assert_eq!(pieces("// only\n"), vec![]);
        assert_eq!(pieces("forbid (").len(), 1);
    }
}
