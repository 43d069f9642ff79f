//! The one table of the language: every key, what it means and what may stand there.
//!
//! The checker, the JSON Schema and the messages all read it, so they cannot disagree.

mod constraint;
mod document;
mod role;
mod run;
mod trial;

pub(crate) use constraint::*;
pub(crate) use document::*;
pub(crate) use role::*;
pub(crate) use run::*;
pub(crate) use trial::*;

use curfew_domain::limits;

/// What may stand in a place of the document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Any text.
    Text,
    /// The name of something: see `curfew_domain::names`.
    Name(&'static str),
    /// A resource's full name.
    ResourceName,
    /// A connector's word.
    Connector,
    /// What the connector's own table says; checked once the connector is known.
    Settings,
    /// A person or a group: what can stand in a group.
    Member,
    /// A person, a group, or whoever is on call.
    Principal,
    /// `pipeline`, `actor`, or a person or group.
    Receiver,
    /// `2h`.
    Duration,
    /// Where a secret is, never the secret.
    Reference,
    /// A linear-time regular expression.
    Regex,
    /// A text with a grammar of its own.
    Word(Word),
    /// A value that can be written in more than one form.
    Compound(Compound),
    /// `true` or `false`.
    Boolean,
    /// A whole number, both bounds inside.
    Integer(u32, u32),
    /// A text, a whole number or a boolean.
    Scalar,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list.
    List(Emptiness, &'static Shape),
    /// A mapping from names or keys of one shape to values of another.
    Map(&'static Shape, &'static Shape),
    /// A mapping with known keys.
    Record(&'static Record),
}

/// A text with a grammar of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// An e-mail address.
    Email,
    /// The number of an account, quoted.
    AccountNumber,
    /// An expression in Cedar.
    Expression,
    /// `09:00`.
    Clock(Midnight),
    /// A time zone by its IANA name.
    Zone,
    /// An address range.
    Cidr,
    /// An IP address.
    Address,
    /// A time with its offset.
    Time,
    /// Where a notice goes: `slack:#channel`, `email:ADDRESS`, `webhook:NAME`.
    Destination,
    /// A glob over the paths of policy files.
    PathGlob,
}

/// A value that can be written in more than one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compound {
    /// A resource's name, a glob over names, or labels.
    ResourcePattern,
    /// `anyone`, or a list of principals and workloads.
    Requesters,
    /// A pipeline whose runs are given the role, and who gets it.
    Trigger,
    /// What one claim has to be: a text, or a list of texts any of which it may be.
    Claim,
    /// What claims have to be, under the names a token has for them.
    Claims,
    /// `mon-fri`, or a list of such.
    Days,
    /// A duration, or a mapping with bounds.
    DurationRule,
    /// `automatic`, the name of a chain, or a mapping with stages.
    Approval,
    /// `true`, `false`, or `{age: 20m}`.
    MfaFact,
    /// An outcome, or a mapping that says more.
    Expect,
}

/// Whether a list may have no items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emptiness {
    /// Empty is an error: it would not mean "all".
    Refused,
    /// Empty means nobody.
    Allowed,
}

/// Whether `24:00` can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Midnight {
    /// A day begins at `00:00`.
    Start,
    /// A day may end at `24:00`.
    End,
}

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Record {
    /// With its article, for messages: `a role`.
    pub(crate) what: &'static str,
    pub(crate) keys: &'static [Key],
}

/// One key of the language.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// One sentence, for editors and the reference.
    pub(crate) doc: &'static str,
    /// What it is when it is absent, as one would write it; empty where absence is no value.
    pub(crate) default: &'static str,
    /// A value that can stand there, as one would write it.
    pub(crate) example: &'static str,
    pub(crate) presence: Presence,
    pub(crate) shape: Shape,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, doc, default: "", example: "", presence: Presence::Required, shape }
}

const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, doc, default: "", example: "", presence: Presence::Optional, shape }
}

impl Key {
    const fn absent(self, default: &'static str) -> Key {
        Key { default, ..self }
    }

    const fn such_as(self, example: &'static str) -> Key {
        Key { example, ..self }
    }
}

const PRINCIPALS: Shape = Shape::List(Emptiness::Refused, &Shape::Principal);
const PERHAPS_PRINCIPALS: Shape = Shape::List(Emptiness::Allowed, &Shape::Principal);
const PERSONS: Shape = Shape::Integer(1, limits::STAGE_PERSONS);

impl Shape {
    /// The mappings with known keys that can stand here, or in a list here.
    pub(crate) fn records(&self) -> Vec<&'static Record> {
        match self {
            Shape::Record(record) => vec![*record],
            Shape::List(_, item) => item.records(),
            Shape::Compound(Compound::ResourcePattern) => vec![&SELECTOR],
            Shape::Compound(Compound::DurationRule) => vec![&DURATION],
            Shape::Compound(Compound::Approval) => vec![&APPROVAL],
            Shape::Compound(Compound::Trigger) => vec![&TRIGGER],
            Shape::Compound(Compound::MfaFact) => vec![&MFA_FACT],
            Shape::Compound(Compound::Expect) => vec![&EXPECT],
            Shape::Compound(Compound::Requesters | Compound::Claim | Compound::Claims | Compound::Days)
            | Shape::Text
            | Shape::Name(_)
            | Shape::ResourceName
            | Shape::Connector
            | Shape::Settings
            | Shape::Member
            | Shape::Principal
            | Shape::Receiver
            | Shape::Duration
            | Shape::Reference
            | Shape::Regex
            | Shape::Word(_)
            | Shape::Boolean
            | Shape::Integer(..)
            | Shape::Scalar
            | Shape::Choice(_)
            | Shape::Map(..) => Vec::new(),
        }
    }
}

impl Record {
    /// The key of this name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|k| k.name == name)
    }
}
