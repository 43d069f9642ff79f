//! A kind of target, on the wire.

use curfew_domain::connector::{BuiltInAction, ConnectorKind, Field, Presence, Privilege};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What there is to know about a kind of target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectorView {
    /// The word after `connector:` in policy.
    pub name: String,
    /// One line.
    pub summary: String,
    /// Actions every resource of this kind has.
    pub actions: Vec<ActionView>,
    /// The keys of `settings`.
    pub settings: Vec<SettingView>,
    /// Whether a resource needs `admin`, the way in for Curfew's own account.
    pub admin_required: bool,
    /// What Curfew's own account needs there.
    pub privileges: Vec<PrivilegeView>,
    /// What may outlive the end, and how long at most.
    pub residual_exposure: Vec<String>,
    /// What a client makes and sends.
    pub public_half: String,
}

/// A built-in action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionView {
    /// The word in policy.
    pub name: String,
    /// What it gives.
    pub meaning: String,
    /// `read`, `write`, `define`, `admin`.
    pub effects: Vec<String>,
}

/// One key of a resource's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingView {
    /// The key.
    pub name: String,
    /// One line.
    pub doc: String,
    /// Whether it must be there.
    pub required: bool,
    /// What it holds.
    #[schema(value_type = Object)]
    pub shape: serde_json::Value,
}

/// A privilege that Curfew's own account needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrivilegeView {
    /// As the target names it.
    pub name: String,
    /// What goes wrong without it.
    pub why: String,
}

impl From<&ConnectorKind> for ConnectorView {
    fn from(kind: &ConnectorKind) -> Self {
        Self {
            name: kind.name.to_owned(),
            summary: kind.summary.to_owned(),
            actions: kind.actions.iter().map(ActionView::from).collect(),
            settings: kind.settings.iter().map(SettingView::from).collect(),
            admin_required: is_required(kind.admin),
            privileges: kind.privileges.iter().map(PrivilegeView::from).collect(),
            residual_exposure: kind.residual_exposure.iter().map(|s| (*s).to_owned()).collect(),
            public_half: kind.public_half.to_owned(),
        }
    }
}

impl From<&BuiltInAction> for ActionView {
    fn from(action: &BuiltInAction) -> Self {
        let word = |effect| match serde_json::to_value(effect) {
            Ok(serde_json::Value::String(word)) => word,
            Ok(_) | Err(_) => String::new(),
        };
        Self {
            name: action.name.to_owned(),
            meaning: action.meaning.to_owned(),
            effects: action.effects.iter().map(word).collect(),
        }
    }
}

impl From<&Field> for SettingView {
    fn from(field: &Field) -> Self {
        Self {
            name: field.name.to_owned(),
            doc: field.doc.to_owned(),
            required: is_required(field.presence),
            shape: serde_json::to_value(field.shape).expect("INVARIANT: a shape serializes"),
        }
    }
}

impl From<&Privilege> for PrivilegeView {
    fn from(privilege: &Privilege) -> Self {
        Self { name: privilege.name.to_owned(), why: privilege.why.to_owned() }
    }
}

fn is_required(presence: Presence) -> bool {
    match presence {
        Presence::Required => true,
        Presence::Optional => false,
    }
}
