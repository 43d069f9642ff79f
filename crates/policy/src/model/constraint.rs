//! What a request must bring.

use crate::address::Network;
use crate::expression::Expression;
use crate::source::Place;
use crate::window::Window;
use curfew_domain::Seconds;
use std::sync::Arc;

/// The constraints of a role. What is absent constrains nothing.
#[derive(Debug, Clone, Default)]
pub struct Constraints {
    /// What the reason must be like.
    pub justification: Option<Justification>,
    /// What the ticket must be like.
    pub ticket: Option<Ticket>,
    /// When it may be asked for and used.
    pub windows: Option<Windows>,
    /// Where a request may come from.
    pub source_ip: Option<SourceIp>,
    /// Who must have signed in with a second factor.
    pub mfa: Option<Mfa>,
    /// How many grants there may be at once.
    pub concurrency: Option<Concurrency>,
    /// What else a request must say.
    pub inputs: Vec<Input>,
    /// What must be true.
    pub when: Vec<Expressed>,
    /// What one subject's grants may add up to.
    pub budget: Option<Budget>,
    /// How long one subject waits between grants.
    pub cooldown: Option<Cooldown>,
}

/// What the reason of a request must be like.
#[derive(Debug, Clone)]
pub struct Justification {
    /// In characters, after trimming.
    pub min_length: u32,
    /// What the trimmed text must match as a whole.
    pub pattern: Option<Arc<TextPattern>>,
    /// Whether leaving it out is refused.
    pub required: Required,
    /// Where it is said.
    pub place: Place,
}

/// Whether a constraint binds those who give nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    /// Something must be given.
    Yes,
    /// What is given must be right; nothing may be given.
    No,
}

/// A linear-time pattern that matches whole texts.
#[derive(Debug)]
pub struct TextPattern {
    pub(crate) text: String,
    pub(crate) regex: regex::Regex,
}

impl TextPattern {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What the ticket of a request must be like.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// What the trimmed text must match as a whole.
    pub pattern: Option<Arc<TextPattern>>,
    /// What the ticket system has to say.
    pub verify: Verify,
    /// Whether leaving it out is refused.
    pub required: Required,
    /// Where it is said.
    pub place: Place,
}

/// What a ticket system has to say, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verify {
    /// Nothing.
    None,
    /// That there is such a ticket.
    Exists,
    /// That it is open.
    Open,
}

/// Hours for use: any of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// Never empty.
    pub any_of: Vec<Window>,
    /// Where it is said.
    pub place: Place,
}

/// Where requests may come from: any of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceIp {
    /// Never empty.
    pub any_of: Vec<Network>,
    /// Where it is said.
    pub place: Place,
}

/// Who must have signed in with a second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mfa {
    /// Whoever asks.
    pub request: bool,
    /// Whoever approves.
    pub approve: bool,
    /// How long ago at most.
    pub max_age: Option<Seconds>,
    /// Where it is said.
    pub place: Place,
}

/// How many approved and live grants of the role there may be, with the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    /// Of one subject.
    pub per_subject: Option<u32>,
    /// In all.
    pub total: Option<u32>,
    /// Where it is said.
    pub place: Place,
}

/// Something a request must say beside its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// As requests and expressions call it.
    pub name: String,
    /// What it holds.
    pub kind: InputKind,
    /// What to ask a person; empty when the policy does not say.
    pub prompt: String,
    /// Whether leaving it out is refused.
    pub required: Required,
    /// Where it is said.
    pub place: Place,
}

/// What an input holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    /// A text of at most so many characters after trimming.
    Text {
        /// In characters.
        max_length: u32,
    },
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// One of these texts.
    Enum {
        /// Never empty.
        values: Vec<String>,
    },
}

/// An expression with what to tell somebody whom it refuses.
#[derive(Debug, Clone)]
pub struct Expressed {
    /// For a person.
    pub message: String,
    /// What must be true.
    pub expression: Expression,
    /// Where it is said.
    pub place: Place,
}

/// What one subject's grants of the role may add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// How much access.
    pub per_subject: Seconds,
    /// In how long.
    pub per: Seconds,
    /// Where it is said.
    pub place: Place,
}

/// How long one subject waits after a grant of the role has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cooldown {
    /// How long.
    pub wait: Seconds,
    /// Where it is said.
    pub place: Place,
}
