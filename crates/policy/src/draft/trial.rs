//! The tests of a policy.

use super::Drafter;
use super::layers::{Field, Layer};
use crate::ask::{Ask, Expect, InputValue, Trial};
use crate::facts::{Facts, Grants, Mfa, OnCall, TicketState};
use crate::language::{CODES, OUTCOMES};
use crate::leaf;
use crate::node::{Looks, Node, Value};
use crate::problem::Problems;
use crate::words;
use crate::workload::{Claims, Provider, Token};
use curfew_domain::{
    ActionName, Email, GroupName, Identity, Outcome, Pair, ReasonCode, ResourceName, RoleName, Scope, Subject,
    SubjectId, SubjectKind, Timestamp,
};
use std::collections::BTreeSet;

/// When a test is that does not say: noon of 1 January 2024, a Monday, UTC.
const NOON: Timestamp = Timestamp::from_millis(1_704_110_400_000);
/// Who vouches for the persons of a test.
const ISSUER: &str = "curfew policy test";

impl Drafter<'_> {
    /// Adds the tests of a file.
    pub(super) fn tests(&mut self, file: Layer<'_>, out: &mut Problems) {
        for entry in file.field("tests").into_iter().flat_map(Field::items) {
            if let Some(trial) = self.trial(entry, out) {
                self.draft.tests.push(trial);
            }
        }
    }

    fn trial(&self, entry: Layer<'_>, out: &mut Problems) -> Option<Trial> {
        let name = entry.field("name")?;
        let request = entry.field("request")?.layer();
        let (who, token, groups) = identity(entry.field("as")?, out)?;
        let role = request.field("role")?;
        let now = entry.field("at").and_then(|f| f.text()?.parse().ok()).unwrap_or(NOON);
        let text = |key: &str| request.field(key).and_then(Field::text).unwrap_or_default().to_owned();
        let ask = Ask {
            resources: texts(request, "resources").filter_map(|t| ResourceName::new(t).ok()).collect(),
            actions: texts(request, "actions").filter_map(|t| ActionName::new(t).ok()).collect(),
            pairs: pairs(request, out),
            duration: request.field("duration").and_then(|f| leaf::duration(f.value)),
            reason: text("reason"),
            ticket: text("ticket"),
            inputs: inputs(request),
            facts: Facts { token, ..facts(entry.field("facts").map(Field::layer)) },
            ..Ask::of(who, RoleName::new(role.text()?).ok()?, now)
        };
        let approvers = entry.field("approvers").map(|f| {
            let mut names: Vec<String> =
                f.value.items().iter().filter_map(|n| leaf::principal(n).map(|p| p.to_string())).collect();
            names.sort();
            names
        });
        Some(Trial {
            name: name.text()?.to_owned(),
            place: name.place_of(name.value),
            ask,
            expect: expect(entry.field("expect")?)?,
            approvers,
            role_place: role.place_of(role.value),
            groups,
        })
    }
}

fn texts<'n>(layer: Layer<'n>, key: &str) -> impl Iterator<Item = &'n str> {
    layer.field(key).into_iter().flat_map(|f| f.value.items()).filter_map(Node::text)
}

type Who = (Identity, Option<Token>, Vec<(GroupName, crate::source::Place)>);

fn identity(field: Field<'_>, out: &mut Problems) -> Option<Who> {
    let layer = field.layer();
    match (layer.field("user"), layer.field("workload")) {
        (Some(user), None) => {
            let email: Email = user.text()?.parse().ok()?;
            let named = |n: &Node| Some((GroupName::new(n.text()?).ok()?, layer.place(n.at())));
            let groups: Vec<_> =
                layer.field("groups").into_iter().flat_map(|f| f.value.items()).filter_map(named).collect();
            let id = SubjectId::new(ISSUER, email.as_str()).ok()?;
            let subject = Subject { kind: SubjectKind::Person, id, email: Some(email), name: None };
            let names = groups.iter().map(|(name, _)| name.clone()).collect();
            Some((Identity { subject, groups: names }, None, groups))
        }
        (None, Some(word)) => {
            let provider = Provider::of(word.text()?)?;
            let mut claims = serde_json::Map::new();
            for entry in layer.field("claims").map(|f| f.value.entries()).unwrap_or_default() {
                claims.insert(entry.key.text()?.to_owned(), entry.value.text()?.into());
            }
            let token = Token { provider, issuer: None, claims: Claims::from_json(&claims) };
            let id = SubjectId::new(provider.word(), token.claims.get("sub").unwrap_or("workload")).ok()?;
            let subject =
                Subject { kind: SubjectKind::Workload, id, email: None, name: Some(provider.word().to_owned()) };
            Some((Identity { subject, groups: BTreeSet::new() }, Some(token), Vec::new()))
        }
        (Some(_), Some(both)) => {
            let message = "a test is `as` a user or a workload, not both";
            out.error(field.file, both.key.at(), "wrong-kind", message, "keep one of the two");
            None
        }
        (None, None) => {
            if let Value::Map(..) = field.value.value {
                let message = "`as` has to name somebody";
                out.error(field.file, field.value.head(), "missing-key", message, "write `{user: dev@example.com}`");
            }
            None
        }
    }
}

fn pairs(request: Layer<'_>, out: &mut Problems) -> Option<Scope> {
    let field = request.field("scope")?;
    if let Some(other) = request.field("resources").or(request.field("actions")) {
        let message = "`scope` stands in place of `resources` and `actions`";
        out.error(field.file, other.key.at(), "wrong-kind", message, "keep one of the two");
    }
    let pairs = field.items().flat_map(|entry| {
        let resource = entry.field("resource").and_then(|f| ResourceName::new(f.text()?).ok());
        let actions: Vec<ActionName> = texts(entry, "actions").filter_map(|t| ActionName::new(t).ok()).collect();
        let pair = move |action| Some(Pair { resource: resource.clone()?, action });
        actions.into_iter().filter_map(pair).collect::<Vec<_>>()
    });
    Scope::new(pairs).ok()
}

fn inputs(request: Layer<'_>) -> std::collections::BTreeMap<String, InputValue> {
    let entries = request.field("inputs").map(|f| f.value.entries()).unwrap_or_default();
    let pair = |e: &crate::node::Entry| Some((e.key.text()?.to_owned(), input(&e.value)?));
    entries.iter().filter_map(pair).collect()
}

fn input(node: &Node) -> Option<InputValue> {
    let Value::Scalar(scalar) = &node.value else { return None };
    match scalar.looks() {
        Looks::Text => Some(InputValue::Text(scalar.text.clone())),
        Looks::Number => words::whole_number(&scalar.text).map(InputValue::Integer),
        Looks::Boolean => leaf::boolean(node).map(InputValue::Boolean),
        Looks::Null => None,
    }
}

/// Nothing else of the role is there in a test, so that is known.
fn facts(layer: Option<Layer<'_>>) -> Facts {
    let mut facts = Facts { grants: Some(Grants::default()), ..Facts::default() };
    let Some(layer) = layer else { return facts };
    facts.mfa = layer.field("mfa").and_then(|f| match leaf::boolean(f.value) {
        Some(true) => Some(Mfa::FRESH),
        Some(false) => Some(Mfa::No),
        None => Some(Mfa::Yes(Some(leaf::duration(f.value.get("age")?)?))),
    });
    facts.oncall = layer.field("oncall").and_then(|f| leaf::boolean(f.value)).map(OnCall::OfTheRole);
    facts.source_ip = layer.field("source_ip").and_then(|f| f.text()?.parse().ok());
    facts.ticket_state = layer.field("ticket_state").and_then(|f| TicketState::of(f.text()?));
    facts.risk_score = layer.field("risk_score").and_then(|f| f.text()?.parse().ok());
    facts
}

fn expect(field: Field<'_>) -> Option<Expect> {
    let bare = |outcome| Expect { outcome, stages: None, max: None, unsatisfied: None, failed: None };
    if let Some(word) = field.text() {
        return outcome(word).map(bare);
    }
    let layer = field.layer();
    let codes = |key: &str| layer.field(key).map(|_| texts(layer, key).filter_map(code).collect());
    Some(Expect {
        stages: layer.field("stages").map(|_| texts(layer, "stages").map(str::to_owned).collect()),
        max: layer.field("max").and_then(|f| leaf::duration(f.value)),
        unsatisfied: codes("unsatisfied"),
        failed: codes("failed"),
        ..bare(outcome(layer.field("outcome")?.text()?)?)
    })
}

fn outcome(word: &str) -> Option<Outcome> {
    const ALL: [Outcome; 3] = [Outcome::Automatic, Outcome::NeedsApproval, Outcome::Denied];
    OUTCOMES.iter().position(|w| *w == word).and_then(|i| ALL.get(i)).copied()
}

fn code(word: &str) -> Option<ReasonCode> {
    const ALL: [ReasonCode; 14] = [
        ReasonCode::Deny,
        ReasonCode::Eligibility,
        ReasonCode::Scope,
        ReasonCode::Duration,
        ReasonCode::Justification,
        ReasonCode::Ticket,
        ReasonCode::Window,
        ReasonCode::SourceIp,
        ReasonCode::Mfa,
        ReasonCode::Concurrency,
        ReasonCode::Inputs,
        ReasonCode::When,
        ReasonCode::Guardrail,
        ReasonCode::Approvable,
    ];
    CODES.iter().position(|w| *w == word).and_then(|i| ALL.get(i)).copied()
}
