//! One target, understood: its settings, its way in, its groups.

use super::groups::{self, Group, Whose};
use super::link::{Link, LinkError, Server};
use super::quote;
use super::settings::Settings;
use super::way::Way;
use curfew_domain::{ActionName, ResourceName};
use curfew_engine::seams::connector::{CallError, Target};

/// What every call works with.
pub(crate) struct Site<'a> {
    pub(crate) target: &'a Target,
    pub(crate) settings: Settings,
    pub(crate) way: Way,
    /// The powerless role that owns what subjects leave behind.
    pub(crate) quarantine: String,
}

impl<'a> Site<'a> {
    /// # Errors
    /// When the target's definition makes no sense.
    pub(crate) fn of(target: &'a Target) -> Result<Self, CallError> {
        let invalid = |e: &dyn std::fmt::Display| CallError::Invalid(format!("{}: {e}", target.resource));
        let settings = Settings::parse(&target.definition.settings).map_err(|e| invalid(&e))?;
        let way = Way::parse(target.admin.as_ref(), settings.database.as_deref()).map_err(|e| invalid(&e))?;
        let quarantine = groups::quarantine(&target.installation).map_err(|e| invalid(&e))?;
        Ok(Self { target, settings, way, quarantine })
    }

    pub(crate) fn resource(&self) -> &ResourceName {
        &self.target.resource
    }

    fn whose(&self) -> Whose<'_> {
        let database = self.way.database();
        Whose { installation: &self.target.installation, resource: self.resource(), database }
    }

    /// The groups of all actions.
    pub(crate) fn groups(&self) -> Result<Vec<Group>, CallError> {
        groups::all(&self.whose(), &self.settings).map_err(|e| CallError::Invalid(e.to_string()))
    }

    /// The groups of some actions.
    ///
    /// # Errors
    /// When the resource has no such action.
    pub(crate) fn groups_of(&self, actions: &[ActionName]) -> Result<Vec<Group>, CallError> {
        let mut found = Vec::new();
        for action in actions {
            groups::check_action(&self.settings, action).map_err(CallError::Invalid)?;
            let group = groups::group(&self.whose(), &self.settings, action.as_str());
            found.extend(group.map_err(|e| CallError::Invalid(e.to_string()))?);
        }
        Ok(found)
    }

    pub(crate) fn refused(&self, message: impl Into<String>) -> CallError {
        CallError::Refused { resource: self.resource().to_string(), message: message.into() }
    }

    pub(crate) fn not_ours(&self, message: impl Into<String>) -> CallError {
        CallError::NotOurs { resource: self.resource().to_string(), message: message.into() }
    }

    pub(crate) fn failed(&self, error: &LinkError) -> CallError {
        error.before_commit(self.resource())
    }

    /// What follows `GRANT group TO member`: membership that inherits and, where the server can say so,
    /// cannot `SET ROLE`.
    pub(crate) fn membership(server: &Server) -> &'static str {
        if server.has_membership_options() { " WITH INHERIT TRUE, SET FALSE" } else { "" }
    }
}

/// An identifier of ours or from policy, known to fit.
///
/// # Errors
/// As an order that makes no sense.
pub(crate) fn ident(name: &str) -> Result<String, CallError> {
    quote::ident(name).map_err(|e| CallError::Invalid(e.to_string()))
}

/// A literal.
///
/// # Errors
/// As an order that makes no sense.
pub(crate) fn literal(text: &str) -> Result<String, CallError> {
    quote::literal(text).map_err(|e| CallError::Invalid(e.to_string()))
}

/// What a transaction of ours begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    /// The target's clock, in milliseconds since the Unix epoch.
    pub(crate) now_millis: i64,
    /// The epoch the target has seen; none before the first `prepare`.
    pub(crate) epoch: Option<u64>,
}

/// Begins a transaction that no server with a lower epoch than the target has seen gets through. The
/// table's shared lock lasts until its end; `prepare` raises the epoch under the opposite one.
pub(crate) async fn begin(link: &mut Link, site: &Site<'_>) -> Result<Opened, CallError> {
    use super::link::number;
    use tokio_postgres::error::SqlState;
    let installation = literal(&site.target.installation)?;
    let fenced = format!(
        "BEGIN; LOCK TABLE curfew.fence IN ROW SHARE MODE; SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
         (SELECT epoch FROM curfew.fence WHERE installation = {installation})"
    );
    let rows = match link.rows(&fenced).await {
        Ok(rows) => rows,
        // Never prepared, or restored from before it was: nobody newer can have been here.
        Err(e) if e.is(&[&SqlState::UNDEFINED_TABLE, &SqlState::INVALID_SCHEMA_NAME]) => {
            let plain = "ROLLBACK; BEGIN; SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, NULL";
            link.rows(plain).await.map_err(|e| site.failed(&e))?
        }
        Err(e) => return Err(site.failed(&e)),
    };
    let row = rows.first().ok_or_else(|| site.refused("it did not tell its time"))?;
    let now_millis = number(row, 0).ok_or_else(|| site.refused("it did not tell its time"))?;
    let epoch = number(row, 1);
    match epoch {
        Some(seen) if seen > site.target.epoch => {
            Err(CallError::StaleEpoch { resource: site.resource().to_string(), seen, ours: site.target.epoch })
        }
        Some(_) | None => Ok(Opened { now_millis, epoch }),
    }
}
