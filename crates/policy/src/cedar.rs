//! What expressions and guardrails may speak of: the schema that every one of them is validated against when the
//! policy is checked, so that none can fail by type when a request is decided.

use crate::advice;
use crate::allowance::{Allowance, Paid};
use crate::compile::entity_uid;
use crate::draft::Draft;
use crate::expression::{Expression, Guardrail, Needs};
use crate::model::{Input, InputKind, Role};
use crate::nearest::nearest;
use crate::problem::{At, Problems};
use crate::shape::shown;
use crate::source::Place;
use crate::vocabulary::Vocabulary;
use crate::whereabouts::{Verbatim, within};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Policy, PolicySet, Request, Schema, ValidationMode, ValidationWarning,
    Validator,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;

/// The schema of a set that has these labels, inputs and claims.
pub(crate) fn schema_text<'n>(
    labels: impl IntoIterator<Item = &'n str>,
    inputs: impl IntoIterator<Item = (&'n str, &'static str)>,
    claims: impl IntoIterator<Item = &'n str>,
) -> String {
    let record = |fields: Vec<(&str, &str)>| {
        let fields: Vec<String> =
            fields.iter().map(|(name, kind)| format!("\"{}\": {kind}", name.escape_default())).collect();
        format!("{{ {} }}", fields.join(", "))
    };
    include_str!("facts.cedarschema")
        .replace("LABELS", &record(labels.into_iter().map(|name| (name, "String")).collect()))
        .replace("INPUTS", &record(inputs.into_iter().collect()))
        .replace("CLAIMS", &record(claims.into_iter().map(|name| (name, "String")).collect()))
}

/// Reports every expression and guardrail that could not be evaluated, or speaks of what is not there.
pub(crate) fn check(draft: &Draft, allowance: &Allowance, out: &mut Problems) {
    let mut checker = Checker::new(draft, allowance);
    for guardrail in &draft.guardrails {
        checker.guardrail(guardrail, out);
    }
    for role in draft.roles.iter().chain(draft.unfit.iter().map(|u| &u.role)) {
        for (expression, refuses) in expressions_of(role) {
            checker.expression(role, expression, refuses, out);
        }
    }
}

/// What an expression does when it is always true.
#[derive(Debug, Clone, Copy)]
enum WhenTrue {
    Passes,
    Approves,
}

fn expressions_of(role: &Role) -> impl Iterator<Item = (&Expression, WhenTrue)> {
    let when = role.constraints.when.iter().map(|w| (&w.expression, WhenTrue::Passes));
    when.chain(role.auto_approve_when.as_ref().map(|e| (e, WhenTrue::Approves)))
}

/// The kind of an input in Cedar.
pub(crate) fn kind_of(input: &Input) -> &'static str {
    match &input.kind {
        InputKind::Text { .. } | InputKind::Enum { .. } => "String",
        InputKind::Integer => "Long",
        InputKind::Boolean => "Bool",
    }
}

/// To read a schema costs a fraction of what it costs to read as much of an expression.
const SCHEMA_BYTES_PER_BYTE: usize = 8;

type Inputs<'d> = BTreeMap<&'d str, &'static str>;
/// The same, as a key.
type Signature<'d> = Vec<(&'d str, &'static str)>;

struct Checker<'d> {
    labels: BTreeSet<&'d str>,
    /// Those that something speaks of.
    named_labels: BTreeSet<&'d str>,
    claims: BTreeSet<&'d str>,
    groups: BTreeSet<&'d str>,
    resources: BTreeSet<&'d str>,
    /// Inputs that every role which has them means the same by.
    agreed: Inputs<'d>,
    disputed: BTreeSet<&'d str>,
    vocabulary: Vocabulary<'d>,
    /// Roles tend to have the same inputs, and to share expressions.
    validators: HashMap<Signature<'d>, Validator>,
    done: HashMap<(Signature<'d>, String), Findings>,
    /// For schemas.
    allowance: &'d Allowance,
}

/// What the validator said of an expression.
#[derive(Debug, Clone, Default)]
struct Findings {
    errors: Vec<String>,
    never: bool,
    always: bool,
}

impl<'d> Checker<'d> {
    fn new(draft: &'d Draft, allowance: &'d Allowance) -> Self {
        let roles = || draft.roles.iter().chain(draft.unfit.iter().map(|u| &u.role));
        let needs = || {
            let guardrails = draft.guardrails.iter().map(|g| &g.needs);
            guardrails.chain(roles().flat_map(expressions_of).map(|(e, _)| &e.needs))
        };
        let (mut agreed, mut disputed) = (Inputs::new(), BTreeSet::new());
        for input in roles().flat_map(|r| &r.constraints.inputs) {
            if agreed.insert(&input.name, kind_of(input)).is_some_and(|before| before != kind_of(input)) {
                disputed.insert(input.name.as_str());
            }
        }
        agreed.retain(|name, _| !disputed.contains(name));
        let idp = draft.idp_groups.iter().map(|(name, _)| name.as_str());
        Self {
            labels: draft.resources.iter().flat_map(|d| d.resource.labels.keys()).map(String::as_str).collect(),
            named_labels: needs().flat_map(|n| &n.labels).map(String::as_str).collect(),
            claims: needs().flat_map(|n| &n.claims).map(String::as_str).collect(),
            groups: draft.groups.iter().map(|g| g.name.as_str()).chain(idp).collect(),
            resources: draft.resources.iter().map(|d| d.resource.name.as_str()).collect(),
            agreed,
            disputed,
            vocabulary: Vocabulary::of(draft),
            validators: HashMap::new(),
            done: HashMap::new(),
            allowance,
        }
    }

    fn guardrail(&mut self, guardrail: &'d Guardrail, out: &mut Problems) {
        let inputs = self.agreed.clone();
        let spot = Spot { place: &guardrail.place, text: &guardrail.text, verbatim: Verbatim::Lines(0) };
        self.words(&guardrail.needs, spot, out);
        if !self.names(&guardrail.needs, &inputs, spot, out) {
            return;
        }
        let key = signature(&guardrail.needs, &inputs);
        let findings = self.validate(key, &guardrail.text, || vec![guardrail.policy.clone()]);
        report(&findings, spot, out);
        if findings.never && findings.errors.is_empty() {
            warn(
                out,
                &guardrail.place,
                "never-true",
                "this guardrail never forbids anything",
                "compare what can be so, or remove the guardrail",
            );
        }
    }

    fn expression(&mut self, role: &'d Role, expression: &'d Expression, when_true: WhenTrue, out: &mut Problems) {
        let inputs: Inputs<'d> = role.constraints.inputs.iter().map(|i| (i.name.as_str(), kind_of(i))).collect();
        let spot = Spot { place: &expression.place, text: &expression.text, verbatim: expression.verbatim };
        self.words(&expression.needs, spot, out);
        if !self.names(&expression.needs, &inputs, spot, out) {
            return;
        }
        let negated = format!(
            "permit (principal, action == Action::\"request\", resource) when {{ !(\n{}\n) }};",
            expression.text
        );
        let key = signature(&expression.needs, &inputs);
        let mut findings = self.validate(key, &expression.text, || {
            expression.policies.policies().cloned().chain(Policy::from_str(&negated)).collect()
        });
        if findings.errors.is_empty() && expression.needs.constant {
            (findings.never, findings.always) = if holds(&expression.policies) { (false, true) } else { (true, false) };
        }
        report(&findings, spot, out);
        let hint = "say what it depends on, or remove it";
        if !findings.errors.is_empty() {
            return;
        }
        match (findings.never, findings.always, when_true) {
            (true, _, WhenTrue::Passes) => {
                warn(out, &expression.place, "never-true", "this is never true, so nobody is ever given the role", hint)
            }
            (true, _, WhenTrue::Approves) => {
                warn(out, &expression.place, "never-true", "this is never true, so it approves nothing", hint)
            }
            (_, true, WhenTrue::Passes) => {
                warn(out, &expression.place, "always-true", "this is always true, so it constrains nothing", hint)
            }
            (_, true, WhenTrue::Approves) => {
                let hint = "write `approval: automatic` if nobody has to approve";
                warn(out, &expression.place, "always-true", "this is always true, so that nobody is ever asked", hint);
            }
            (false, false, _) => {}
        }
    }

    /// Whether everything that is named is there.
    fn names(&self, needs: &Needs, inputs: &Inputs<'_>, spot: Spot<'_>, out: &mut Problems) -> bool {
        if out.is_full() {
            return false;
        }
        let mut sound = true;
        let mut refuse = |code, message: String, hint: String| {
            sound = false;
            out.error(&spot.place.file, spot.of(&message), code, message, hint);
        };
        let meant = |name: &str, known: &BTreeSet<&str>, otherwise: &str| match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => otherwise.to_owned(),
        };
        for label in needs.labels.iter().filter(|l| !self.labels.contains(l.as_str())) {
            let message = format!("no resource of the set has a label `{}`", shown(label));
            refuse(
                "unknown-label",
                message,
                meant(label, &self.labels, "give a resource that label, or name one there is"),
            );
        }
        for group in needs.groups().filter(|g| !self.groups.contains(g)) {
            let hint = meant(
                group,
                &self.groups,
                "declare it in `groups`, or in `idp_groups` if it is the identity provider's",
            );
            refuse("unknown-group", format!("there is no group `{}`", shown(group)), hint);
        }
        for input in needs.inputs.iter().filter(|i| !inputs.contains_key(i.as_str())) {
            let known: BTreeSet<&str> = inputs.keys().copied().collect();
            let (message, hint) = match self.disputed.contains(input.as_str()) {
                true => (
                    format!("roles do not agree on what the input `{input}` holds"),
                    "give it one type, or two names".to_owned(),
                ),
                false => (
                    format!("there is no input `{}`", shown(input)),
                    meant(
                        input,
                        &known,
                        "declare it under `constraints` of the role: `inputs: [{name: NAME, type: string}]`",
                    ),
                ),
            };
            refuse("unknown-input", message, hint);
        }
        for (_, id) in
            needs.entities.iter().filter(|(kind, id)| kind == "Resource" && !self.resources.contains(id.as_str()))
        {
            let message = format!("nothing defines the resource `{}`", shown(id));
            out.warning(
                &spot.place.file,
                spot.of(&message),
                "undefined-resource",
                message,
                meant(id, &self.resources, "define it under `resources`"),
            );
        }
        sound
    }

    /// Says which words nothing has, so that a comparison with them never holds.
    fn words(&self, needs: &Needs, spot: Spot<'_>, out: &mut Problems) {
        for (kind, word) in needs.words.iter().filter(|(kind, word)| !self.vocabulary.has(*kind, word)) {
            if out.is_full_of_warnings() || !out.may_suggest() {
                return;
            }
            if let Some((message, hint)) = self.vocabulary.doubt(*kind, word) {
                out.warning(&spot.place.file, spot.of(&message), "never-true", message, hint);
            }
        }
    }

    /// The first policy is the one to check; a second one is its contrary.
    fn validate(&mut self, key: Signature<'d>, text: &str, policies: impl FnOnce() -> Vec<Policy>) -> Findings {
        if let Some(known) = self.done.get(&(key.clone(), text.to_owned())) {
            return known.clone();
        }
        let mut found = Findings::default();
        if !self.validators.contains_key(&key) {
            let (labels, claims) = (self.named_labels.iter().copied(), self.claims.iter().copied());
            let schema = schema_text(labels, key.iter().copied(), claims);
            if self.allowance.pay(schema.len() / SCHEMA_BYTES_PER_BYTE) == Paid::No {
                found
                    .errors
                    .push("the set has too many inputs, labels and claims that expressions speak of".to_owned());
                return found;
            }
            let (schema, _) = Schema::from_cedarschema_str(&schema).expect("INVARIANT: names are quoted");
            self.validators.insert(key.clone(), Validator::new(schema));
        }
        let validator = self.validators.get(&key).expect("INVARIANT: it is there, or was just put there");
        for (policy, is_contrary) in policies().into_iter().zip([false, true]) {
            let Ok(set) = PolicySet::from_policies([policy]) else { continue };
            let result = validator.validate(&set, ValidationMode::Strict);
            let impossible = result.validation_warnings().any(|w| matches!(w, ValidationWarning::ImpossiblePolicy(_)));
            if is_contrary {
                found.always = impossible;
            } else {
                found.errors = result.validation_errors().map(plain).collect();
                found.errors.dedup();
                found.never = impossible;
            }
        }
        self.done.insert((key, text.to_owned()), found.clone());
        found
    }
}

/// The inputs that are named, with their kinds.
fn signature<'d>(needs: &Needs, inputs: &Inputs<'d>) -> Signature<'d> {
    inputs.iter().filter(|(name, _)| needs.inputs.contains(**name)).map(|(name, kind)| (*name, *kind)).collect()
}

/// What an expression says that speaks of nothing.
fn holds(policies: &PolicySet) -> bool {
    let request = Request::new(
        entity_uid("System", ""),
        entity_uid("Action", "request"),
        entity_uid("Resource", ""),
        Context::empty(),
        None,
    );
    let response = request.map(|request| Authorizer::new().is_authorized(&request, policies, &Entities::empty()));
    response.is_ok_and(|response| response.decision() == Decision::Allow)
}

/// Without the number of the policy, which is ours.
fn plain(error: &cedar_policy::ValidationError) -> String {
    let text = error.to_string();
    text.split_once("`, ").map_or(text.clone(), |(_, rest)| rest.to_owned())
}

/// Where a piece of Cedar stands.
#[derive(Clone, Copy)]
struct Spot<'a> {
    place: &'a Place,
    text: &'a str,
    /// How it stands in the file.
    verbatim: Verbatim,
}

impl Spot<'_> {
    /// Where stands what is complained about.
    fn of(self, complaint: &str) -> At {
        within(self.place.at(), (self.text, self.verbatim), complaint)
    }
}

/// One slip is told once, also where it fits neither of two kinds.
fn report(findings: &Findings, spot: Spot<'_>, out: &mut Problems) {
    let mut told = BTreeSet::new();
    for error in &findings.errors {
        let about = error.starts_with("attribute `").then(|| error.split('`').nth(1)).flatten().unwrap_or_default();
        let hint = advice::cedar_type(error);
        if hint != advice::FACTS_AND_TYPES && !told.insert((about, hint.clone())) {
            continue;
        }
        let message = format!("this does not fit the facts: {}", advice::in_our_words(error));
        out.error(&spot.place.file, spot.of(error), "cedar-type", message, hint);
    }
}

fn warn(out: &mut Problems, place: &Place, code: &'static str, message: &str, hint: &str) {
    out.warning(&place.file, place.at(), code, message, hint);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_fits_into_the_schema() {
        let odd = ["env", "a.b/c", "\"", "\\", "ä", "\u{202e}", "", "a b", "{}"];
        let text = schema_text(odd, [("table", "String"), ("n", "Long")], odd);
        assert!(Schema::from_cedarschema_str(&text).is_ok(), "{text}");
    }
}
