//! What was really made in a target, on the wire.

use curfew_domain::lease::{Leftover, LeftoverDone};
use curfew_domain::{ActionName, Id, Lease, ResourceName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A lease as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeaseView {
    /// `lse_...`.
    #[schema(value_type = String)]
    pub id: Id<Lease>,
    /// On what.
    #[schema(value_type = String)]
    pub resource: ResourceName,
    /// The kind of target.
    pub connector: String,
    /// What it gives there.
    #[schema(value_type = Vec<String>)]
    pub actions: Vec<ActionName>,
    /// `wanted`, `issuing`, `live`, `revoking`, `locked_out` or `revoked`.
    pub state: String,
    /// Its name in the target.
    pub handle: String,
    /// When it ends, in the target too where the target can.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// What may outlive the end.
    pub residual_exposure: Vec<String>,
    /// What the subject had left behind.
    pub leftovers: Vec<LeftoverView>,
    /// Why its end is not done yet; null unless a try to end it failed.
    pub held_up: Option<HeldUpView>,
}

/// Why a lease's end is not done yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldUpView {
    /// What stood in the way of the last try.
    pub because: String,
    /// When it is tried again; null while the target is probed every second: then as soon as it answers.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
}

/// Something the subject left behind in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftoverView {
    /// `table`, `function`, ...
    pub kind: String,
    /// Its name there.
    pub name: String,
    /// Where in the target; empty where there is one place only.
    pub database: String,
    /// `dropped`, `quarantined` or `reported`.
    #[schema(value_type = String)]
    pub done: LeftoverDone,
}

impl From<&Lease> for LeaseView {
    fn from(lease: &Lease) -> Self {
        Self {
            id: lease.id,
            resource: lease.resource.clone(),
            connector: lease.connector.clone(),
            actions: lease.actions.clone(),
            state: lease.state.word().to_owned(),
            handle: lease.handle(),
            expires_at: lease.expires_at,
            residual_exposure: lease.residual_exposure.clone(),
            leftovers: lease.leftovers().iter().map(LeftoverView::from).collect(),
            held_up: None,
        }
    }
}

impl From<&Leftover> for LeftoverView {
    fn from(l: &Leftover) -> Self {
        Self { kind: l.kind.clone(), name: l.name.clone(), database: l.database.clone(), done: l.done }
    }
}
