//! Words that Cedar takes for any text, and of which only some exist: a guardrail that forbids `wirte` forbids nothing,
//! and nobody would notice.
//!
//! **Invariant:** warnings only, save for addresses, which look right. What is compared in a way that is not looked at here is not judged.

use crate::draft::Draft;
use crate::expression::path_of;
use crate::language::{RISKS, TICKET_STATES};
use crate::nearest::nearest;
use crate::shape::shown;
use curfew_domain::ActionName;
use curfew_domain::connector::Effect;
use serde_json::Value;
use std::collections::BTreeSet;

/// The words of [`Effect::ALL`].
const EFFECTS: [&str; 4] = {
    let [(read, _), (write, _), (define, _), (admin, _)] = Effect::ALL;
    [read, write, define, admin]
};

/// What a text is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// `context.actions`.
    Action,
    /// `context.effects`.
    Effect,
    /// `resource.risk`.
    Risk,
    /// `context.ticket_state`.
    TicketState,
    /// `context.role`.
    Role,
    /// `principal.email`, or a part of it in a pattern.
    Email,
}

impl Kind {
    /// As a person names it, and every word there is; none where the connectors say them.
    fn words(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Self::Action | Self::Role | Self::Email => None,
            Self::Effect => Some(("effects", &EFFECTS)),
            Self::Risk => Some(("risk", RISKS)),
            Self::TicketState => Some(("ticket_state", TICKET_STATES)),
        }
    }
}

/// The words that an operator compares something of a known kind with, from Cedar's own JSON of it.
pub(crate) fn compared(operator: &str, operand: &Value) -> Vec<(Kind, String)> {
    let side = |name: &str| operand.get(name).unwrap_or(&Value::Null);
    let (left, right) = (side("left"), side("right"));
    if operator == "like" {
        // Parts of a word are no words, save that an address has no capitals anywhere.
        let pattern = side("pattern").as_array().map(Vec::as_slice).unwrap_or_default();
        let kind = kind(left).filter(|kind| *kind == Kind::Email);
        return kind.map_or_else(Vec::new, |kind| literals(pattern).into_iter().map(|text| (kind, text)).collect());
    }
    if !["contains", "containsAny", "containsAll", "==", "!="].contains(&operator) {
        return Vec::new();
    }
    let turned = || kind(right).map(|kind| (kind, left));
    let Some((kind, other)) = kind(left).map(|kind| (kind, right)).or_else(turned) else { return Vec::new() };
    texts(other).into_iter().map(|text| (kind, text.to_owned())).collect()
}

/// The texts between the wildcards of a pattern, which Cedar writes letter by letter.
fn literals(pattern: &[Value]) -> Vec<String> {
    let letter = |part: &Value| part.get("Literal").and_then(Value::as_str).map(str::to_owned);
    let stretches = pattern.split(|part| part.get("Literal").is_none());
    stretches.map(|stretch| stretch.iter().filter_map(letter).collect()).collect()
}

fn kind(expression: &Value) -> Option<Kind> {
    let mut path = Vec::new();
    if !path_of(expression, &mut path) {
        return None;
    }
    match path.as_slice() {
        ["context", "actions"] => Some(Kind::Action),
        ["context", "effects"] => Some(Kind::Effect),
        ["resource", "risk"] => Some(Kind::Risk),
        ["context", "ticket_state"] => Some(Kind::TicketState),
        ["context", "role"] => Some(Kind::Role),
        ["principal", "email"] => Some(Kind::Email),
        _ => None,
    }
}

/// A text, or the texts of a set.
fn texts(expression: &Value) -> Vec<&str> {
    match expression.get("Set").and_then(Value::as_array) {
        Some(items) => items.iter().filter_map(|item| item.get("Value")?.as_str()).collect(),
        None => expression.get("Value").and_then(Value::as_str).into_iter().collect(),
    }
}

/// The words there are.
pub(crate) struct Vocabulary<'d> {
    actions: BTreeSet<&'d str>,
    roles: BTreeSet<&'d str>,
}

impl<'d> Vocabulary<'d> {
    /// Of the connectors, the resources and the roles of a set.
    pub(crate) fn of(draft: &'d Draft) -> Self {
        let resources = || draft.resources.iter().map(|defined| &defined.resource);
        let built_in = resources().flat_map(|resource| resource.connector.actions).map(|action| action.name);
        let own = resources().filter_map(|resource| resource.settings.get("actions")?.as_object());
        let roles = draft.roles.iter().flat_map(|role| &role.conditions).flat_map(|condition| &condition.actions);
        let actions = built_in.chain(own.flat_map(|actions| actions.keys().map(String::as_str)));
        let all = draft.roles.iter().chain(draft.unfit.iter().map(|unfit| &unfit.role));
        Self {
            actions: actions.chain(roles.map(ActionName::as_str)).collect(),
            roles: all.map(|role| role.name.as_str()).collect(),
        }
    }

    /// Whether there is such a word.
    pub(crate) fn has(&self, kind: Kind, word: &str) -> bool {
        match (kind, kind.words()) {
            (_, Some((_, words))) => words.contains(&word),
            (Kind::Role, None) => self.roles.contains(word),
            (Kind::Email, None) => !word.bytes().any(|b| b.is_ascii_uppercase()),
            (Kind::Action | Kind::Effect | Kind::Risk | Kind::TicketState, None) => self.actions.contains(word),
        }
    }

    /// What is said of a word that there is not, and what to write.
    pub(crate) fn doubt(&self, kind: Kind, word: &str) -> Option<(String, String)> {
        let shown = shown(word);
        if let Some((what, words)) = kind.words() {
            return Some((format!("`{what}` is never `{shown}`"), format!("write one of: {}", words.join(", "))));
        }
        if kind == Kind::Role {
            let near = nearest(word, self.roles.iter().copied());
            let hint =
                near.map_or_else(|| "name a role of the set".to_owned(), |near| format!("did you mean `{near}`?"));
            return Some((format!("no role is called `{shown}`, so that this is never so"), hint));
        }
        // A connector that comes later has other actions: only what looks like a slip is told.
        let near = nearest(word, self.actions.iter().copied())?;
        Some((format!("nothing has an action `{shown}`, so that this is never so"), format!("did you mean `{near}`?")))
    }
}
