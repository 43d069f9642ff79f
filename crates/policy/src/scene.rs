//! One request before Cedar, resource by resource: the facts that are known, and the answer to each expression.

use crate::ask::Ask;
use crate::compile::entity_uid;
use crate::directory::Directory;
use crate::expression::Needs;
use crate::facts::{Mfa, OnCall};
use crate::model::{InputKind, Resource, Risk, Role};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, PolicySet, Request, Response, RestrictedExpression,
};
use curfew_domain::{ActionName, InputValue, ResourceName, Scope, Seconds, SubjectKind};
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What an expression says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Of every resource asked for.
    True,
    /// Of this one it is not.
    False(ResourceName),
    /// It speaks of a fact that is not known, or could not be computed.
    Unknown(String),
}

/// A request as Cedar sees it.
pub(crate) struct Scene<'a> {
    ask: &'a Ask,
    role: &'a Role,
    duration: Seconds,
    directory: &'a Directory,
    places: Vec<Where<'a>>,
    known: OnceCell<Known>,
}

/// What is the same of every resource; made when an expression first wants it, since most roles have none.
struct Known {
    principal: Entity,
    context: Vec<(String, RestrictedExpression)>,
    inputs: BTreeSet<String>,
    claims: BTreeSet<String>,
}

/// One resource of a request.
pub(crate) struct Where<'a> {
    pub(crate) name: ResourceName,
    resource: Option<&'a Resource>,
    actions: Vec<ActionName>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(
        ask: &'a Ask,
        role: &'a Role,
        scope: &Scope,
        duration: Seconds,
        directory: &'a Directory,
        resource: impl Fn(&ResourceName) -> Option<&'a Resource>,
    ) -> Self {
        let places = scope.by_resource().into_iter();
        let places = places.map(|(name, actions)| Where { resource: resource(&name), name, actions }).collect();
        Self { ask, role, duration, directory, places, known: OnceCell::new() }
    }

    fn known(&self) -> &Known {
        self.known.get_or_init(|| {
            let (inputs, claims) = (inputs(self.ask, self.role), claims(self.ask));
            let names = |pairs: &[(String, RestrictedExpression)]| pairs.iter().map(|(name, _)| name.clone()).collect();
            let (input_names, claim_names) = (names(&inputs), names(&claims));
            let mut context = facts(self.ask, self.role, self.duration);
            context.push(("inputs".to_owned(), record(inputs)));
            context.push(("claims".to_owned(), record(claims)));
            let principal = principal(self.ask, self.directory);
            Known { principal, context, inputs: input_names, claims: claim_names }
        })
    }

    /// What an expression says of all of the request.
    pub(crate) fn says(&self, policies: &PolicySet, needs: &Needs) -> Said {
        let mut said = Said::True;
        for place in &self.places {
            if let Some(fact) = self.unknown(needs, place) {
                return Said::Unknown(format!("{fact} is not known for this request"));
            }
            let response = match self.response(policies, place) {
                Ok(response) => response,
                Err(why) => return Said::Unknown(why),
            };
            if let Some(error) = response.diagnostics().errors().next() {
                return Said::Unknown(error.to_string());
            }
            if response.decision() == Decision::Deny && said == Said::True {
                said = Said::False(place.name.clone());
            }
        }
        said
    }

    /// The resources asked for.
    pub(crate) fn places(&self) -> &[Where<'a>] {
        &self.places
    }

    /// The first fact that is needed and not known.
    pub(crate) fn unknown(&self, needs: &Needs, place: &Where<'_>) -> Option<String> {
        let given = self.known();
        let known = |name: &String| {
            let whole = given.context.iter().any(|(known, _)| known == name);
            whole || name == "actions" || (name == "effects" && place.resource.is_some())
        };
        let subject = &self.ask.who.subject;
        let person_without_email = subject.kind == SubjectKind::Person && subject.email.is_none();
        let label = |key: &String| place.resource.is_some_and(|r| r.labels.contains_key(key));
        let context = needs.context.iter().find(|n| !known(n)).map(|n| format!("`context.{n}`"));
        let inputs = needs.inputs.iter().find(|n| !given.inputs.contains(*n)).map(|n| format!("`context.inputs.{n}`"));
        let claims = needs.claims.iter().find(|n| !given.claims.contains(*n)).map(|n| format!("`context.claims.{n}`"));
        let labels = needs.labels.iter().find(|n| !label(n)).map(|n| format!("the label `{n}` of `{}`", place.name));
        let connector = needs.resource.contains("connector") && place.resource.is_none();
        let connector = connector.then(|| format!("the connector of `{}`", place.name));
        let email = (needs.principal.contains("email") && person_without_email).then(|| "`principal.email`".to_owned());
        context.or(inputs).or(claims).or(labels).or(connector).or(email)
    }

    /// What Cedar says to policies about one resource.
    pub(crate) fn response(&self, policies: &PolicySet, place: &Where<'_>) -> Result<Response, String> {
        let resource = resource_entity(place);
        let about = resource.uid();
        let texts = |words: Vec<&str>| {
            RestrictedExpression::new_set(words.into_iter().map(|w| RestrictedExpression::new_string(w.to_owned())))
        };
        let given = self.known();
        let mut pairs = given.context.clone();
        pairs.push(("actions".to_owned(), texts(place.actions.iter().map(ActionName::as_str).collect())));
        if let Some(resource) = place.resource {
            let effects: BTreeSet<&str> = place.actions.iter().flat_map(|a| resource.effects(a.as_str())).collect();
            pairs.push(("effects".to_owned(), texts(effects.into_iter().collect())));
        }
        let context = Context::from_pairs(pairs).map_err(|e| e.to_string())?;
        let entities = Entities::from_entities([given.principal.clone(), resource], None).map_err(|e| e.to_string())?;
        let action = entity_uid("Action", "request");
        let request = Request::new(given.principal.uid(), action, about, context, None).map_err(|e| e.to_string())?;
        Ok(Authorizer::new().is_authorized(&request, policies, &entities))
    }
}

fn record(pairs: Vec<(String, RestrictedExpression)>) -> RestrictedExpression {
    RestrictedExpression::new_record(pairs).expect("INVARIANT: names of a map are distinct")
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

/// A machine has no address: that text is not given, and so empty. A person's that is not known is unknown.
fn principal(ask: &Ask, directory: &Directory) -> Entity {
    let subject = &ask.who.subject;
    let kind = match subject.kind {
        SubjectKind::Person => "Person",
        SubjectKind::Workload => "Workload",
        SubjectKind::System => "System",
    };
    let id = subject.id.to_string();
    let email = match subject.kind {
        SubjectKind::Person => subject.email.as_ref().map(|e| e.as_str()),
        SubjectKind::Workload | SubjectKind::System => Some(""),
    };
    let mut attributes = HashMap::from([("id".to_owned(), text(&id))]);
    attributes.extend(email.map(|email| ("email".to_owned(), text(email))));
    let parents = directory.groups_of(&ask.who).iter().map(|g| entity_uid("Group", g.as_str())).collect();
    Entity::new(entity_uid(kind, &id), attributes, parents).expect("INVARIANT: literals evaluate")
}

fn resource_entity(place: &Where<'_>) -> Entity {
    let risk = place.resource.map_or(Risk::default(), |r| r.risk);
    let mut attributes =
        HashMap::from([("name".to_owned(), text(place.name.as_str())), ("risk".to_owned(), text(risk.word()))]);
    if let Some(resource) = place.resource {
        let labels = resource.labels.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        attributes.insert("labels".to_owned(), record(labels));
        attributes.insert("connector".to_owned(), text(resource.connector.name));
    }
    let uid = entity_uid("Resource", place.name.as_str());
    Entity::new(uid, attributes, HashSet::new()).expect("INVARIANT: literals evaluate")
}

/// Everything that is known of a request, whatever the resource.
fn facts(ask: &Ask, role: &Role, duration: Seconds) -> Vec<(String, RestrictedExpression)> {
    let mut known = vec![
        ("role", text(ask.role.as_str())),
        ("duration", RestrictedExpression::new_duration(format!("{}s", duration.as_secs()))),
        ("reason", text(ask.reason.trim())),
        ("ticket", text(ask.ticket.trim())),
        ("now", RestrictedExpression::new_datetime(ask.now.to_string())),
    ];
    let facts = &ask.facts;
    known.extend(facts.ticket_state.map(|state| ("ticket_state", text(state.word()))));
    let address = facts.source_ip.map(|ip| RestrictedExpression::new_ip(ip.to_canonical().to_string()));
    known.extend(address.map(|ip| ("source_ip", ip)));
    known.extend(facts.mfa.map(|mfa| ("mfa", RestrictedExpression::new_bool(matches!(mfa, Mfa::Yes(_))))));
    let oncall = facts.oncall.as_ref().map(|oncall| match oncall {
        OnCall::OfTheRole(all) => *all,
        OnCall::For(_) => role.oncall_names().iter().any(|name| oncall.covers(name)),
    });
    known.extend(oncall.map(|oncall| ("oncall", RestrictedExpression::new_bool(oncall))));
    known.extend(facts.risk_score.map(|score| ("risk_score", RestrictedExpression::new_long(i64::from(score)))));
    known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The inputs that are what the role says. A text that was not given is empty; a number that was not is unknown.
fn inputs(ask: &Ask, role: &Role) -> Vec<(String, RestrictedExpression)> {
    let value = |input: &crate::model::Input| match (&input.kind, ask.inputs.get(&input.name)) {
        (InputKind::Text { .. } | InputKind::Enum { .. }, Some(InputValue::Text(given))) => Some(text(given.trim())),
        (InputKind::Text { .. } | InputKind::Enum { .. }, None) => Some(text("")),
        (InputKind::Integer, Some(InputValue::Integer(n))) => Some(RestrictedExpression::new_long(*n)),
        (InputKind::Boolean, Some(InputValue::Boolean(b))) => Some(RestrictedExpression::new_bool(*b)),
        (InputKind::Text { .. } | InputKind::Enum { .. } | InputKind::Integer | InputKind::Boolean, _) => None,
    };
    role.constraints.inputs.iter().filter_map(|i| Some((i.name.clone(), value(i)?))).collect()
}

fn claims(ask: &Ask) -> Vec<(String, RestrictedExpression)> {
    let claims = ask.facts.token.as_ref().map(|token| token.claims.single()).into_iter().flatten();
    claims.map(|(name, value)| (name.to_owned(), text(value))).collect()
}
