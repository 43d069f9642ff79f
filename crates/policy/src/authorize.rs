//! Asks Cedar. Every yes and every no about a person comes through here.

use crate::compile::{Compiled, Office, Rule, Slice, Stage, entity_uid, principal_uid};
use crate::directory::Directory;
use crate::model::Principal;
use cedar_policy::{Authorizer, Context, Decision, Entities, Entity, EntityUid, Request, RestrictedExpression};
use curfew_domain::{Identity, SubjectKind};
use std::collections::HashSet;

/// What Cedar said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// The rules that made it so, in the order of the text.
    pub(crate) because: Vec<Rule>,
    /// What could not be evaluated.
    pub(crate) errors: Vec<String>,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    Deny,
}

impl Answer {
    /// Allowed, and nothing in doubt.
    pub(crate) fn is_clear_yes(&self) -> bool {
        self.verdict == Verdict::Allow && self.errors.is_empty()
    }
}

/// The reason of a request, as the rules see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReasonFacts {
    /// In characters, after trimming.
    pub(crate) length: usize,
    /// Whether the role's pattern matches; true where there is none.
    pub(crate) matches: bool,
}

/// One identity, as Cedar sees it.
pub(crate) struct Asker {
    uid: EntityUid,
    entity: Entity,
}

impl Asker {
    /// Beside what the identity says itself, `more` is what facts say of it: on-call names and badges.
    pub(crate) fn new(who: &Identity, directory: &Directory, more: impl IntoIterator<Item = EntityUid>) -> Self {
        let kind = match who.subject.kind {
            SubjectKind::Person => "Person",
            SubjectKind::Workload => "Workload",
            SubjectKind::System => "System",
        };
        let uid = entity_uid(kind, &who.subject.id.to_string());
        let groups = directory.groups_of(who).into_iter().map(Principal::Group);
        // Only a person's address means anything in a policy.
        let address = match who.subject.kind {
            SubjectKind::Person => who.subject.email.clone().map(Principal::Person),
            SubjectKind::Workload | SubjectKind::System => None,
        };
        let parents: HashSet<EntityUid> = groups.chain(address).map(|p| principal_uid(&p)).chain(more).collect();
        Self { entity: Entity::new_no_attrs(uid.clone(), parents), uid }
    }

    /// Whether the role's lists let this subject ask.
    pub(crate) fn may_ask(&self, role: &Compiled, reason: ReasonFacts) -> Answer {
        self.may_have(role, &role.may_ask, reason)
    }

    /// Whether one of the role's lists lets this subject have it.
    pub(crate) fn may_have(&self, role: &Compiled, list: &Slice, reason: ReasonFacts) -> Answer {
        self.decide(list, "ask", [role.role.clone()], reason_context(reason))
    }

    /// Whether anything of the role stands in the way of asking.
    pub(crate) fn is_free_to_ask(&self, role: &Compiled, reason: ReasonFacts) -> Answer {
        self.decide(&role.bounds, "ask", [role.role.clone()], reason_context(reason))
    }

    /// Whether one of the stage's lists names this subject.
    pub(crate) fn may_approve(&self, role: &Compiled, stage: &Stage, list: &Slice) -> Answer {
        self.decide(list, "approve", [stage.entity.clone(), role.role.clone()], Context::empty())
    }

    /// Whether a deny list keeps this subject from approving.
    pub(crate) fn is_free_to_approve(&self, role: &Compiled, stage: &Stage) -> Answer {
        self.decide(&role.bounds, "approve", [stage.entity.clone(), role.role.clone()], Context::empty())
    }

    /// Whether this subject is in a list of the set.
    pub(crate) fn holds(&self, office: &Office) -> Answer {
        self.decide(&office.holders, "serve", [office.entity.clone()], Context::empty())
    }

    /// The first of `resources` is what it is about; the others are above it.
    fn decide<const N: usize>(&self, slice: &Slice, action: &str, resources: [Entity; N], context: Context) -> Answer {
        let about = resources.first().map(Entity::uid);
        let entities = Entities::from_entities(resources.into_iter().chain([self.entity.clone()]), None);
        let (Some(about), Ok(entities)) = (about, entities) else {
            return in_doubt("the entities do not fit together");
        };
        let action = entity_uid("Action", action);
        let Ok(request) = Request::new(self.uid.clone(), action, about, context, None) else {
            return in_doubt("the request does not fit the rules");
        };
        let response = Authorizer::new().is_authorized(&request, &slice.policies, &entities);
        let mut because: Vec<Rule> = response.diagnostics().reason().filter_map(|id| slice.rule(id)).collect();
        because.sort();
        let mut errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        errors.sort();
        let verdict = match response.decision() {
            Decision::Allow => Verdict::Allow,
            Decision::Deny => Verdict::Deny,
        };
        Answer { verdict, because, errors }
    }
}

fn in_doubt(why: &str) -> Answer {
    Answer { verdict: Verdict::Deny, because: Vec::new(), errors: vec![why.to_owned()] }
}

fn reason_context(reason: ReasonFacts) -> Context {
    let length = RestrictedExpression::new_long(i64::try_from(reason.length).unwrap_or(i64::MAX));
    let matches = RestrictedExpression::new_bool(reason.matches);
    Context::from_pairs([("reason_length".to_owned(), length), ("reason_matches".to_owned(), matches)])
        .expect("INVARIANT: two literals with two names are a context")
}
