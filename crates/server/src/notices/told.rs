//! The facts of a notice, read back from the outbox.

use curfew_api::{GrantView, LeaseView, RequestView};
use curfew_domain::{Grant, GrantState, Lease, Request, RequestState, ResourceName, Timestamp};
use curfew_engine::seams::Store;
use curfew_engine::seams::store::{Notice, ReadError};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What a notice tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Requested,
    Approved,
    Denied,
    Withdrawn,
    Lapsed,
    Activated,
    Extended,
    EndingSoon,
    Ended,
    Overdue,
    BreakGlass,
    Reviewed,
    ReviewOverdue,
    Alarm,
    PolicyRefused,
}

impl About {
    const ALL: [(&'static str, About); 15] = [
        ("requested", About::Requested),
        ("approved", About::Approved),
        ("denied", About::Denied),
        ("withdrawn", About::Withdrawn),
        ("lapsed", About::Lapsed),
        ("activated", About::Activated),
        ("extended", About::Extended),
        ("ending_soon", About::EndingSoon),
        ("ended", About::Ended),
        ("overdue", About::Overdue),
        ("break_glass", About::BreakGlass),
        ("reviewed", About::Reviewed),
        ("review_overdue", About::ReviewOverdue),
        ("alarm", About::Alarm),
        ("policy_refused", About::PolicyRefused),
    ];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, about)| *about)
    }
}

/// As the engine wrote it.
#[derive(Debug, Deserialize)]
struct Written {
    #[serde(default)]
    request: Option<Request>,
    #[serde(default)]
    grant: Option<Grant>,
    #[serde(default)]
    lease: Option<Lease>,
    #[serde(default)]
    minutes: Option<u64>,
    #[serde(default)]
    resource: Option<ResourceName>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    policy_version: Option<String>,
    #[serde(default)]
    actor: Option<String>,
    #[serde(default)]
    only_named: bool,
}

/// The facts of a notice. Requests and grants are as they were when it was written, the leases of a grant as
/// they are when it is sent.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) about: About,
    pub(super) request: Option<Request>,
    /// Where the request stands when it is sent, if an ask was decided meanwhile.
    pub(super) since: Option<&'static str>,
    pub(super) grant: Option<Grant>,
    pub(super) leases: Vec<Lease>,
    pub(super) lease: Option<Lease>,
    pub(super) minutes: Option<u64>,
    pub(super) resource: Option<ResourceName>,
    pub(super) message: Option<String>,
    /// The policy that stays in force.
    pub(super) policy_version: Option<String>,
    /// Who wanted another; none when the server follows by itself.
    pub(super) actor: Option<String>,
    /// Whether the receiver is told only because the role names the address, whoever reads what comes there.
    pub(super) only_named: bool,
}

/// Why a notice cannot be told.
#[derive(Debug, thiserror::Error)]
pub(super) enum ToldError {
    /// It is of a kind that this version does not know, or its facts are not what they should be.
    #[error("the notice is of a kind that this version does not know")]
    Unknown,
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Whether there is still something to tell.
#[derive(Debug)]
pub(super) enum Worth {
    /// These facts.
    Telling(Box<Told>),
    /// Time has made it pointless: a warning before an end that has come.
    Nothing,
}

/// Reads the facts of a notice.
pub(super) async fn read(notice: &Notice, store: &dyn Store, now: Timestamp) -> Result<Worth, ToldError> {
    let about = About::parse(&notice.about).ok_or(ToldError::Unknown)?;
    let written: Written = serde_json::from_value(notice.data.clone()).map_err(|_| ToldError::Unknown)?;
    if about == About::EndingSoon && !still_ends(written.grant.as_ref(), store, now).await? {
        return Ok(Worth::Nothing);
    }
    let leases = match &written.grant {
        Some(grant) => {
            let known = store.grant(grant.id).await?;
            store.leases(&known.as_ref().unwrap_or(grant).leases).await?
        }
        None => Vec::new(),
    };
    let since = match (&written.request, about) {
        (Some(asked), About::Requested) => decided(asked, store).await?,
        (_, _) => None,
    };
    let Written { request, grant, lease, minutes, resource, message, policy_version, actor, only_named } = written;
    Ok(Worth::Telling(Box::new(Told {
        about,
        request,
        since,
        grant,
        leases,
        lease,
        minutes,
        resource,
        message,
        policy_version,
        actor,
        only_named,
    })))
}

/// How a request was decided since it was asked; none while it waits.
async fn decided(asked: &Request, store: &dyn Store) -> Result<Option<&'static str>, ReadError> {
    let now = store.request(asked.id).await?;
    Ok(now.filter(|request| !matches!(request.state, RequestState::Pending)).map(|request| request.state_word()))
}

/// Whether the grant of a warning still gives access that has yet to end just then: one that was extended since has a
/// later warning.
async fn still_ends(grant: Option<&Grant>, store: &dyn Store, now: Timestamp) -> Result<bool, ReadError> {
    let Some(grant) = grant else { return Ok(false) };
    let warned_of = grant.until();
    let Some(grant) = store.grant(grant.id).await? else { return Ok(false) };
    Ok(match grant.state {
        GrantState::Active { until, .. } => now < until && warned_of == Some(until),
        GrantState::Approved { .. }
        | GrantState::Activating { .. }
        | GrantState::Ending { .. }
        | GrantState::Ended { .. } => false,
    })
}

impl Told {
    /// The id of what it is about, as printed.
    pub(super) fn subject(&self) -> Option<String> {
        let grant = self.grant.as_ref().map(|g| g.id.to_string());
        let lease = self.lease.as_ref().map(|l| l.id.to_string());
        let request = self.request.as_ref().map(|r| r.id.to_string());
        let resource = self.resource.as_ref().map(ToString::to_string);
        grant.or(lease).or(request).or(resource)
    }

    /// The facts as the API prints them.
    pub(super) fn views(&self) -> Value {
        let mut views = Map::new();
        let mut put = |key: &str, value: Option<serde_json::Result<Value>>| {
            if let Some(Ok(value)) = value {
                views.insert(key.to_owned(), value);
            }
        };
        put("request", self.request.as_ref().map(|r| serde_json::to_value(RequestView::from(r))));
        put("grant", self.grant.as_ref().map(|g| serde_json::to_value(GrantView::new(g, &self.leases))));
        put("lease", self.lease.as_ref().map(|l| serde_json::to_value(LeaseView::from(l))));
        put("minutes", self.minutes.map(serde_json::to_value));
        put("resource", self.resource.as_ref().map(serde_json::to_value));
        put("message", self.message.as_ref().map(serde_json::to_value));
        put("policy_version", self.policy_version.as_ref().map(serde_json::to_value));
        put("actor", self.actor.as_ref().map(serde_json::to_value));
        Value::Object(views)
    }
}
