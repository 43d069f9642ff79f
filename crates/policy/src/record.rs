//! An ask as evidence keeps it: what a decision was made from beside the policy, so that it can be made again from
//! the audit log alone. Evidence knows whole numbers, texts, lists and maps, and nothing else.

use crate::ask::{Ask, Occasion};
use crate::facts::{Facts, Grants, Mfa, OnCall, TicketState};
use crate::workload::{Claims, Provider, Token};
use curfew_domain::{
    ActionName, GroupName, Identity, Inputs, ResourceName, RoleName, Scope, Seconds, Subject, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The facts, and when they were looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptFacts {
    decided_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mfa: Option<KeptMfa>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oncall: Option<KeptOnCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_ip: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ticket_state: Option<TicketState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    risk_score: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<KeptToken>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grants: Option<Grants>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptMfa {
    None,
    OfUnknownAge,
    SecondsAgo(Seconds),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptOnCall {
    ForTheRole,
    NotForTheRole,
    For(BTreeSet<GroupName>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptToken {
    provider: Provider,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    claims: BTreeMap<String, Vec<String>>,
}

/// What was asked, but for what its event says already: who, for which role, why and for which ticket.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptAsk {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    groups: BTreeSet<GroupName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<ResourceName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    actions: Vec<ActionName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pairs: Option<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<Seconds>,
    #[serde(default, skip_serializing_if = "Inputs::is_empty")]
    inputs: Inputs,
    occasion: Occasion,
    facts: KeptFacts,
}

/// What an event says of a request that was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Who asked.
    pub subject: Subject,
    /// For what role.
    pub role: RoleName,
    /// Why.
    pub reason: String,
    /// A reference into a ticket system.
    pub ticket: String,
}

impl Ask {
    /// The facts it was decided by, as evidence keeps them.
    pub fn facts_record(&self) -> Value {
        value(&KeptFacts::of(self))
    }

    /// All of it that the event of a refusal does not say by itself.
    pub fn record(&self) -> Value {
        value(&KeptAsk {
            groups: self.who.groups.clone(),
            resources: self.resources.clone(),
            actions: self.actions.clone(),
            pairs: self.pairs.clone(),
            duration_seconds: self.duration,
            inputs: self.inputs.clone(),
            occasion: self.occasion,
            facts: KeptFacts::of(self),
        })
    }

    /// The same with the facts that were recorded with its request, as of the time they were looked at. None when the
    /// record is not one.
    pub fn with_recorded(self, facts: &Value) -> Option<Ask> {
        let kept = KeptFacts::deserialize(facts).ok()?;
        Some(Ask { now: kept.decided_at, facts: kept.facts(), ..self })
    }

    /// What was refused, from its event and from what [`Ask::record`] said there. None when the record is not one.
    pub fn recorded(refused: Refused, record: &Value) -> Option<Ask> {
        let kept = KeptAsk::deserialize(record).ok()?;
        let who = Identity { subject: refused.subject, groups: kept.groups };
        Some(Ask {
            resources: kept.resources,
            actions: kept.actions,
            pairs: kept.pairs,
            duration: kept.duration_seconds,
            reason: refused.reason,
            ticket: refused.ticket,
            inputs: kept.inputs,
            occasion: kept.occasion,
            now: kept.facts.decided_at,
            facts: kept.facts.facts(),
            ..Ask::of(who, refused.role, Timestamp::from_millis(0))
        })
    }
}

fn value(kept: &impl Serialize) -> Value {
    serde_json::to_value(kept).expect("INVARIANT: records hold only integers, texts, lists and maps")
}

impl KeptFacts {
    fn of(ask: &Ask) -> Self {
        let facts = &ask.facts;
        Self {
            decided_at: ask.now,
            mfa: facts.mfa.map(|mfa| match mfa {
                Mfa::No => KeptMfa::None,
                Mfa::Yes(None) => KeptMfa::OfUnknownAge,
                Mfa::Yes(Some(age)) => KeptMfa::SecondsAgo(age),
            }),
            oncall: facts.oncall.clone().map(|oncall| match oncall {
                OnCall::OfTheRole(true) => KeptOnCall::ForTheRole,
                OnCall::OfTheRole(false) => KeptOnCall::NotForTheRole,
                OnCall::For(names) => KeptOnCall::For(names),
            }),
            source_ip: facts.source_ip,
            ticket_state: facts.ticket_state,
            risk_score: facts.risk_score,
            token: facts.token.clone().map(|token| KeptToken {
                provider: token.provider,
                issuer: token.issuer,
                claims: token.claims.into_flat(),
            }),
            grants: facts.grants,
        }
    }

    fn facts(self) -> Facts {
        Facts {
            mfa: self.mfa.map(|mfa| match mfa {
                KeptMfa::None => Mfa::No,
                KeptMfa::OfUnknownAge => Mfa::Yes(None),
                KeptMfa::SecondsAgo(age) => Mfa::Yes(Some(age)),
            }),
            oncall: self.oncall.map(|oncall| match oncall {
                KeptOnCall::ForTheRole => OnCall::OfTheRole(true),
                KeptOnCall::NotForTheRole => OnCall::OfTheRole(false),
                KeptOnCall::For(names) => OnCall::For(names),
            }),
            source_ip: self.source_ip,
            ticket_state: self.ticket_state,
            risk_score: self.risk_score,
            token: self.token.map(|token| Token {
                provider: token.provider,
                issuer: token.issuer,
                claims: Claims::from_flat(token.claims),
            }),
            grants: self.grants,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_domain::audit::Detail;
    use curfew_domain::{InputValue, SubjectId, SubjectKind};

    fn subject() -> Subject {
        let id = SubjectId::new("https://idp.example.com", "dev").expect("an id");
        Subject { kind: SubjectKind::Person, id, email: "dev@example.com".parse().ok(), name: None }
    }

    fn asks() -> Vec<Ask> {
        let role = RoleName::new("debug").expect("a name");
        let who = Identity { subject: subject(), groups: ["sre".parse().expect("a name")].into() };
        let bare = Ask::of(who, role, Timestamp::from_millis(1_767_225_600_000));
        let mut claims = serde_json::Map::new();
        claims.insert("ref".to_owned(), "refs/heads/main".into());
        claims.insert("protected".to_owned(), true.into());
        let full = Ask {
            resources: vec!["services/db".parse().expect("a name")],
            actions: vec!["read".parse().expect("a name")],
            duration: Some(Seconds::new(60)),
            inputs: [("dry".to_owned(), InputValue::Boolean(true))].into(),
            occasion: Occasion::Extension { earlier: 2 },
            facts: Facts {
                mfa: Some(Mfa::FRESH),
                oncall: Some(OnCall::For(["db".parse().expect("a name")].into())),
                source_ip: "2001:db8::1".parse().ok(),
                ticket_state: Some(TicketState::Closed),
                risk_score: Some(7),
                token: Some(Token {
                    provider: Provider::Gitlab,
                    issuer: Some("main".to_owned()),
                    claims: Claims::from_json(&claims),
                }),
                grants: Some(Grants { of_subject: 1, in_all: 2, spent: Seconds::new(3), last_ended: Some(bare.now) }),
            },
            ..bare.clone()
        };
        let odd = Facts { mfa: Some(Mfa::No), oncall: Some(OnCall::OfTheRole(true)), ..Facts::default() };
        let old = Facts { mfa: Some(Mfa::Yes(None)), oncall: Some(OnCall::OfTheRole(false)), ..Facts::default() };
        let with = |facts: Facts| Ask { facts, occasion: Occasion::BreakGlass, ..bare.clone() };
        vec![full, with(odd), with(old), bare.clone()]
    }

    /// Through evidence and back, nothing is lost and nothing is refused.
    #[test]
    fn what_evidence_keeps_is_what_was_asked() {
        for ask in asks() {
            let kept = Value::from(Detail::try_from(ask.record()).expect("evidence can hold it"));
            let refused =
                Refused { subject: subject(), role: ask.role.clone(), reason: String::new(), ticket: String::new() };
            assert_eq!(Ask::recorded(refused, &kept).as_ref(), Some(&ask));
            let facts = Value::from(Detail::try_from(ask.facts_record()).expect("evidence can hold it"));
            let forgotten = Ask { facts: Facts::default(), now: Timestamp::from_millis(0), ..ask.clone() };
            assert_eq!(forgotten.with_recorded(&facts), Some(ask));
        }
    }
}
