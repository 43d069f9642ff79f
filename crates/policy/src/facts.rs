//! What is known about a request beside what it says. Absent means unknown, and what is unknown never helps anybody.

use crate::workload::Token;
use curfew_domain::{GroupName, Seconds, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The facts of one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Whether the sign-in had a second factor.
    pub mfa: Option<Mfa>,
    /// What the subject is on call for.
    pub oncall: Option<OnCall>,
    /// Where the request comes from.
    pub source_ip: Option<IpAddr>,
    /// What the ticket system says of the ticket.
    pub ticket_state: Option<TicketState>,
    /// How risky the sign-in looks: 0 to 100.
    pub risk_score: Option<u8>,
    /// The verified token of the workload that asks, or of the run that opened the request.
    pub token: Option<Token>,
    /// What else of the role there is.
    pub grants: Option<Grants>,
}

/// Whether a sign-in had a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mfa {
    /// It had none.
    No,
    /// It had one, so long ago; none when that is not known.
    Yes(Option<Seconds>),
}

impl Mfa {
    /// A second factor just now.
    pub const FRESH: Mfa = Mfa::Yes(Some(Seconds::new(0)));
}

/// What somebody is on call for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnCall {
    /// Whatever the role names, or nothing: what is said of a request nobody has made.
    OfTheRole(bool),
    /// Exactly these names.
    For(BTreeSet<GroupName>),
}

impl OnCall {
    /// Whether that is on call for a name.
    pub(crate) fn covers(&self, name: &GroupName) -> bool {
        match self {
            OnCall::OfTheRole(all) => *all,
            OnCall::For(names) => names.contains(name),
        }
    }
}

/// What a ticket system says of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// It is being worked on.
    Open,
    /// It is done.
    Closed,
    /// There is none of that name.
    Missing,
}

impl TicketState {
    /// The state of a word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Open, Self::Closed, Self::Missing].into_iter().find(|state| state.word() == word)
    }

    /// The word in policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Missing => "missing",
        }
    }
}

/// What there is of a role already, without the grant that the request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grants {
    /// Approved and live ones of the subject.
    pub of_subject: u32,
    /// Approved and live ones in all.
    pub in_all: u32,
    /// How much access the subject had in the time that the role's budget is for; what is live counts to its end.
    #[serde(rename = "spent_seconds")]
    pub spent: Seconds,
    /// When the subject's last one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ended: Option<Timestamp>,
}
