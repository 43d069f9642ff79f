//! The ask, on the wire.

use super::{ArtefactView, DecisionView, EndOrderedView, GrantView, RunView, SubjectView};
use crate::input::InputBody;
use curfew_domain::approval::{Narrowed, Verdict};
use curfew_domain::request::Origin;
use curfew_domain::scope::ResourceActions;
use curfew_domain::{
    ActionName, Approval, EndCause, Grant, Id, Opening, Request, ResourceName, RoleName, Scope, Seconds, StageCourse,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A request as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestView {
    /// `req_...`.
    #[schema(value_type = String)]
    pub id: Id<Request>,
    /// `pending`, `approved`, `denied`, `withdrawn` or `lapsed`.
    pub state: String,
    /// The role.
    #[schema(value_type = String)]
    pub role: RoleName,
    /// Who asks.
    pub subject: SubjectView,
    /// What for.
    pub scope: Vec<ResourceActionsView>,
    /// How long, from activation.
    #[schema(value_type = u32)]
    pub duration_seconds: Seconds,
    /// Why, as typed.
    pub reason: String,
    /// The ticket, as typed.
    pub ticket: String,
    /// What else it says, by the names of the role's inputs.
    pub inputs: BTreeMap<String, InputBody>,
    /// What an approval is bound to; approving and denying send it back.
    pub digest: String,
    /// The content hash of the policy set it was decided under.
    pub policy_version: String,
    /// What policy said.
    pub decision: DecisionView,
    /// Where its stages stand, in order.
    pub stages: Vec<RequestStageView>,
    /// Verdicts, oldest first.
    pub approvals: Vec<ApprovalView>,
    /// `asked`, `trigger`, `break_glass` or `bundle`.
    #[schema(value_type = String)]
    pub origin: Origin,
    /// The grant that it is to keep longer; null when it asks for one of its own.
    pub extends: Option<ExtendsView>,
    /// The pipeline's run that it lives with; null for people.
    pub run: Option<RunView>,
    /// The grant it became, or keeps longer.
    #[schema(value_type = Option<String>)]
    pub grant_id: Option<Id<Grant>>,
    /// Where that grant stands; null without one, and in listings.
    pub grant: Option<RequestGrantView>,
    /// When it was asked.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it lapses undecided.
    #[schema(value_type = String, format = DateTime)]
    pub lapses_at: Timestamp,
    /// Why it lapsed before that; null when it did not.
    #[serde(default)]
    pub lapsed_because: Option<String>,
}

/// What a request for more time is about; its `duration_seconds` is the total since the activation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtendsView {
    /// Which grant.
    #[schema(value_type = String)]
    pub grant_id: Id<Grant>,
    /// The end it had when more was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Where a stage of a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestStageView {
    /// As in the decision.
    pub name: String,
    /// Whose yes counts: `own`, `fallback`, `escalated` or `fallback_escalated`.
    #[schema(value_type = String)]
    pub opening: Opening,
    /// When its turn came; null before.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub opened_at: Option<Timestamp>,
    /// When it is opened to others, or the request is denied, if nobody decides; null when nothing will happen.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
}

/// Where the grant stands that a request became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestGrantView {
    /// `approved`, `activating`, `active`, `ending` or `ended`.
    pub state: String,
    /// When access ends by itself; null until it is claimed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When access had ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Why it ends or ended.
    #[schema(value_type = Option<String>)]
    pub end_cause: Option<EndCause>,
    /// Who ordered its end; null while nobody has.
    pub end_ordered: Option<EndOrderedView>,
}

impl From<GrantView> for RequestGrantView {
    fn from(grant: GrantView) -> Self {
        Self {
            state: grant.state,
            expires_at: grant.expires_at,
            ended_at: grant.ended_at,
            end_cause: grant.end_cause,
            end_ordered: grant.end_ordered,
        }
    }
}

/// A resource with its actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceActionsView {
    /// The resource.
    #[schema(value_type = String)]
    pub resource: ResourceName,
    /// What may be done there, sorted.
    #[schema(value_type = Vec<String>)]
    pub actions: Vec<ActionName>,
}

/// One person's verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// Who.
    pub approver: SubjectView,
    /// `approve` or `deny`.
    #[schema(value_type = String)]
    pub verdict: Verdict,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why, as typed.
    pub reason: String,
    /// The stage it counts in.
    pub stage: String,
    /// What was taken away, if anything.
    pub narrowed: Option<NarrowedView>,
    /// What the run has to present, if anything.
    pub artefact: Option<ArtefactView>,
}

/// What an approver took away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NarrowedView {
    /// At most this long.
    #[schema(value_type = Option<u32>)]
    pub duration_seconds: Option<Seconds>,
    /// These actions only.
    #[schema(value_type = Option<Vec<String>>)]
    pub actions: Option<Vec<ActionName>>,
}

impl From<&Request> for RequestView {
    fn from(r: &Request) -> Self {
        Self {
            id: r.id,
            state: r.state_word().to_owned(),
            role: r.role.clone(),
            subject: SubjectView::from(&r.subject),
            scope: scope_view(&r.scope),
            duration_seconds: r.duration,
            reason: r.reason.clone(),
            ticket: r.ticket.clone(),
            inputs: r.inputs.iter().map(|(name, value)| (name.clone(), value.into())).collect(),
            digest: r.digest(),
            policy_version: r.decision.policy_version.clone(),
            decision: DecisionView::from(&r.decision),
            stages: r.course.stages.iter().map(RequestStageView::from).collect(),
            approvals: r.approvals.iter().map(ApprovalView::from).collect(),
            origin: r.origin,
            extends: r.extends.as_ref().map(|e| ExtendsView { grant_id: e.grant, expires_at: e.until }),
            run: r.lives_with.as_ref().map(|lives| RunView::from(&lives.key)),
            grant_id: r.grant_id(),
            grant: None,
            created_at: r.created_at,
            lapses_at: r.lapses_at,
            lapsed_because: r.lapsed_because().map(str::to_owned),
        }
    }
}

impl From<&StageCourse> for RequestStageView {
    fn from(stage: &StageCourse) -> Self {
        Self { name: stage.name.clone(), opening: stage.opening, opened_at: stage.opened_at, due_at: stage.due_at() }
    }
}

impl From<&Approval> for ApprovalView {
    fn from(a: &Approval) -> Self {
        Self {
            approver: SubjectView::from(&a.approver),
            verdict: a.verdict,
            at: a.at,
            reason: a.reason.clone(),
            stage: a.stage.clone(),
            narrowed: a.narrowed.as_ref().map(NarrowedView::from),
            artefact: a.artefact.as_ref().map(ArtefactView::from),
        }
    }
}

impl From<&Narrowed> for NarrowedView {
    fn from(n: &Narrowed) -> Self {
        let actions = n.actions.as_ref().map(|a| a.iter().cloned().collect());
        Self { duration_seconds: n.duration_seconds, actions }
    }
}

impl From<ResourceActions> for ResourceActionsView {
    fn from(r: ResourceActions) -> Self {
        Self { resource: r.resource, actions: r.actions }
    }
}

/// A scope as it is printed.
pub(super) fn scope_view(scope: &Scope) -> Vec<ResourceActionsView> {
    Vec::<ResourceActions>::from(scope.clone()).into_iter().map(ResourceActionsView::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_domain::{Decision, Outcome, Pair, RequestState, Subject, Version};

    fn request() -> Request {
        let now = Timestamp::from_millis(1_772_445_600_000);
        let role = RoleName::new("db-debug").expect("a role");
        let pair = Pair {
            resource: ResourceName::new("services/db").expect("a resource"),
            action: ActionName::new("read").expect("an action"),
        };
        let decision = Decision {
            outcome: Outcome::NeedsApproval,
            role: role.clone(),
            policy_version: "00".to_owned(),
            satisfied: Vec::new(),
            unsatisfied: Vec::new(),
            failed: Vec::new(),
            stages: Vec::new(),
            approvers: Vec::new(),
            max_until: None,
            residual_exposure: Vec::new(),
        };
        Request {
            id: Id::new(now, [1; 10]),
            version: Version::NONE,
            subject: Subject::system(),
            groups: Default::default(),
            role,
            scope: Scope::new([pair]).expect("a scope"),
            duration: Seconds::new(60),
            reason: String::new(),
            ticket: String::new(),
            decision,
            meaning: String::new(),
            origin: Origin::Asked,
            extends: None,
            lives_with: None,
            created_at: now,
            lapses_at: now,
            inputs: curfew_domain::Inputs::new(),
            course: curfew_domain::Course::default(),
            claim_within: Seconds::new(60),
            approvals: Vec::new(),
            state: RequestState::Pending,
        }
    }

    #[test]
    fn every_field_is_printed_and_what_is_missing_is_null() {
        let view = RequestView::from(&request());
        let json = serde_json::to_value(&view).expect("JSON");
        let mut fields: Vec<&str> = json.as_object().expect("an object").keys().map(String::as_str).collect();
        fields.sort_unstable();
        let expected = "approvals created_at decision digest duration_seconds extends grant grant_id id inputs lapsed_because \
                        lapses_at origin \
                        policy_version reason role run scope stages state subject ticket";
        assert_eq!(fields, expected.split_whitespace().collect::<Vec<_>>());
        assert_eq!(json["grant_id"], serde_json::Value::Null);
        assert_eq!(json["subject"]["email"], serde_json::Value::Null);
        assert_eq!(json["decision"]["max_until"], serde_json::Value::Null);
        assert_eq!(json["scope"], serde_json::json!([{"resource": "services/db", "actions": ["read"]}]));
        assert_eq!(serde_json::from_value::<RequestView>(json).expect("reads back"), view);
    }
}
