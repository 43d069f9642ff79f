//! The bodies of all POSTs. Unknown fields are refused, and [`Bounded`] says whether the rest is small enough.

use crate::input::InputBody;
use crate::serde_seconds;
use crate::views::LedgerMarkView;
use curfew_domain::review::ReviewVerdict;
use curfew_domain::{
    ActionName, ArtefactKind, BeatId, GroupName, Presented, ResourceName, RoleName, Seconds, Timestamp, limits,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A text or list is longer than Curfew takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` may hold at most {most} {unit}")]
pub struct OutOfBounds {
    /// Which field.
    pub field: &'static str,
    /// How much it may hold.
    pub most: usize,
    /// Of what.
    pub unit: &'static str,
}

/// A body whose size can be judged.
pub trait Bounded {
    /// Whether every text and list in it is within Curfew's limits.
    ///
    /// # Errors
    /// Names the first that is not.
    fn check(&self) -> Result<(), OutOfBounds>;
}

/// Asks for a role; also what a dry run is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskBody {
    /// The role.
    pub role: String,
    /// Only these resources of it; all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub resources: Vec<ResourceName>,
    /// Only these actions of it; all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub actions: Vec<ActionName>,
    /// Seconds, or a text such as `30m`; the role's default when absent.
    #[serde(default, deserialize_with = "serde_seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub duration_seconds: Option<Seconds>,
    /// Why, at most 2,000 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A reference into a ticket system, at most 128 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ticket: String,
    /// What else the role wants to be told, by the names of its inputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, InputBody>,
    /// The heartbeat that what comes of it lives with. A machine has to name one of its own; a person has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub beat: Option<BeatId>,
}

impl Bounded for AskBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("role", self.role.len(), limits::NAME_BYTES, "bytes")?;
        at_most("resources", self.resources.len(), limits::SCOPE_PAIRS, "entries")?;
        at_most("actions", self.actions.len(), limits::SCOPE_PAIRS, "entries")?;
        at_most("reason", self.reason.chars().count(), limits::REASON_CHARS, "characters")?;
        at_most("ticket", self.ticket.chars().count(), limits::TICKET_CHARS, "characters")?;
        check_inputs(&self.inputs)
    }
}

/// Puts a policy in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyApplyBody {
    /// The commit, by its id or the beginning of it; the end of the branch when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The content hash that it must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Whether it may go back. Without a commit: to the one that was in force before.
    #[serde(default)]
    pub rollback: bool,
}

impl Bounded for PolicyApplyBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("commit", self.commit.as_ref().map_or(0, String::len), 64, "bytes")?;
        at_most("content", self.content.as_ref().map_or(0, String::len), 64, "bytes")
    }
}

/// Asks for every role of a bundle; what it says holds for each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleBody {
    /// Seconds, or a text such as `30m`; each role's default when absent.
    #[serde(default, deserialize_with = "serde_seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub duration_seconds: Option<Seconds>,
    /// Why, at most 2,000 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A reference into a ticket system, at most 128 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ticket: String,
    /// What else the roles want to be told; each is told what it has an input for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, InputBody>,
}

impl Bounded for BundleBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("reason", self.reason.chars().count(), limits::REASON_CHARS, "characters")?;
        at_most("ticket", self.ticket.chars().count(), limits::TICKET_CHARS, "characters")?;
        check_inputs(&self.inputs)
    }
}

fn check_inputs(inputs: &BTreeMap<String, InputBody>) -> Result<(), OutOfBounds> {
    at_most("inputs", inputs.len(), limits::SCOPE_PAIRS, "entries")?;
    inputs.iter().try_for_each(|(name, value)| {
        at_most("an input's name", name.len(), limits::NAME_BYTES, "bytes")?;
        let InputBody::Text(text) = value else { return Ok(()) };
        at_most("an input", text.chars().count(), limits::INPUT_CHARS, "characters")
    })
}

/// Exchanges the token that a pipeline's provider gave its job for a sign-in. The call carries an RFC 9449 proof of the
/// key that the sign-in is to be bound to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSignInBody {
    /// The provider's token.
    pub token: String,
}

impl std::fmt::Debug for WorkloadSignInBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkloadSignInBody").finish_non_exhaustive()
    }
}

impl Bounded for WorkloadSignInBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("token", self.token.len(), limits::WORKLOAD_TOKEN_BYTES, "bytes")
    }
}

/// One client of a run: it begins, beats, or is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeatBody {
    /// 32 lower-case hex digits that the client made.
    #[schema(value_type = String)]
    pub beat: BeatId,
}

impl Bounded for BeatBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        Ok(())
    }
}

/// What an approver takes away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NarrowBody {
    /// At most this long: seconds, or a text such as `15m`.
    #[serde(default, deserialize_with = "serde_seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub duration_seconds: Option<Seconds>,
    /// These actions only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub actions: Option<Vec<ActionName>>,
}

/// What exactly is approved: nothing is given to a run that presents another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtefactBody {
    /// `commit`, `image` or `plan`.
    #[schema(value_type = String)]
    pub kind: ArtefactKind,
    /// A commit's id; the SHA-256 of an image or a plan, in hex.
    pub value: String,
}

/// What a run presents when it claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresentedBody {
    /// `commit`, `image` or `plan`.
    #[schema(value_type = String)]
    pub kind: ArtefactKind,
    /// As in the approval.
    pub value: String,
    /// `measured` when Curfew's own program hashed it there, else `claimed`: that is shown, and counts for nothing.
    #[schema(value_type = String)]
    pub by: Presented,
}

/// One person's yes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBody {
    /// The digest of the request that was seen.
    pub digest: String,
    /// Why, at most 2,000 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What is taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrowed: Option<NarrowBody>,
    /// What the run has to present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artefact: Option<ArtefactBody>,
}

impl Bounded for ApproveBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("artefact", self.artefact.as_ref().map_or(0, |a| a.value.len()), 128, "bytes")?;
        at_most("digest", self.digest.len(), DIGEST_BYTES, "bytes")?;
        let actions = self.narrowed.as_ref().and_then(|n| n.actions.as_ref()).map_or(0, Vec::len);
        at_most("actions", actions, limits::SCOPE_PAIRS, "entries")?;
        at_most("reason", self.reason.chars().count(), limits::REASON_CHARS, "characters")
    }
}

/// One person's no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DenyBody {
    /// The digest of the request that was seen.
    pub digest: String,
    /// Why, at most 2,000 characters.
    pub reason: String,
}

impl Bounded for DenyBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("digest", self.digest.len(), DIGEST_BYTES, "bytes")?;
        at_most("reason", self.reason.chars().count(), limits::REASON_CHARS, "characters")
    }
}

/// The public half of a secret that the client made and keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicHalfBody {
    /// For which resource.
    #[schema(value_type = String)]
    pub resource: ResourceName,
    /// `scram_sha_256`, `ssh_public_key`, ...: what the resource's connector asks for.
    pub kind: String,
    /// The half itself, at most 1,024 bytes.
    pub value: String,
}

/// Claims an approved grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateBody {
    /// One for each resource of the grant.
    pub public_halves: Vec<PublicHalfBody>,
    /// What a run presents, for approvals that name it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artefacts: Vec<PresentedBody>,
}

impl Bounded for ActivateBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("artefacts", self.artefacts.len(), 16, "entries")?;
        self.artefacts.iter().try_for_each(|a| at_most("an artefact", a.value.len(), 128, "bytes"))?;
        at_most("public_halves", self.public_halves.len(), limits::SCOPE_PAIRS, "entries")?;
        self.public_halves.iter().try_for_each(|half| {
            at_most("kind", half.kind.len(), limits::NAME_BYTES, "bytes")?;
            at_most("value", half.value.len(), limits::PUBLIC_HALF_BYTES, "bytes")
        })
    }
}

/// Orders the end of one grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeBody {
    /// Why, at most 2,000 characters.
    pub reason: String,
}

impl Bounded for RevokeBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("reason", self.reason.chars().count(), limits::REASON_CHARS, "characters")
    }
}

/// Asks for more time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendBody {
    /// How much more: seconds, or a text such as `30m`.
    #[serde(deserialize_with = "serde_seconds::required")]
    #[schema(value_type = u32)]
    pub duration_seconds: Seconds,
}

impl Bounded for ExtendBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        let most = limits::LONGEST_GRANT.as_secs() as usize;
        at_most("duration_seconds", self.duration_seconds.as_secs() as usize, most, "seconds")
    }
}

/// Says what became of a use of emergency access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewBody {
    /// `ok` or `misuse`.
    #[schema(value_type = String)]
    pub verdict: ReviewVerdict,
    /// What there is to say about it, at most 2,000 characters.
    pub note: String,
}

impl Bounded for ReviewBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("note", self.note.chars().count(), limits::REASON_CHARS, "characters")
    }
}

/// Orders the end of every grant of one subject, of one role, or on one resource: exactly one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationBody {
    /// Why, at most 2,000 characters.
    pub reason: String,
    /// Of whom: an e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Of which role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub role: Option<RoleName>,
    /// On which resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub resource: Option<ResourceName>,
}

impl Bounded for RevocationBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("reason", self.reason.chars().count(), limits::REASON_CHARS, "characters")?;
        at_most("subject", self.subject.as_ref().map_or(0, String::len), limits::EMAIL_BYTES, "bytes")
    }
}

/// Signs in on a server that trusts whoever reaches its loopback port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInBody {
    /// As whom.
    pub email: String,
    /// The groups an identity provider would have asserted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub groups: Vec<GroupName>,
}

impl Bounded for SignInBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("email", self.email.len(), limits::EMAIL_BYTES, "bytes")?;
        at_most("groups", self.groups.len(), limits::IDENTITY_GROUPS, "entries")
    }
}

/// Names one SSH host of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostBody {
    /// The resource.
    #[schema(value_type = String)]
    pub resource: ResourceName,
    /// The host, as the resource's settings name it: 1 to 255 of `A-Z a-z 0-9 . : _ [ ] -`.
    pub host: String,
}

impl Bounded for HostBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("host", self.host.len(), HOST_BYTES, "bytes")
    }
}

/// Names the resource whose SSH authority is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// The resource.
    #[schema(value_type = String)]
    pub resource: ResourceName,
}

impl Bounded for RotateBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        Ok(())
    }
}

/// What an SSH host saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostReportBody {
    /// SHA-256, in hex, of the revocation list that sshd reads there now; empty when there is none.
    pub revocation_list_sha256: String,
    /// When it looked, by its own clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Every open session of ours.
    pub sessions: Vec<HostSessionBody>,
    /// How far the ledger had come when the host last did as it was told; none before the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<LedgerMarkView>,
}

/// One session on an SSH host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostSessionBody {
    /// The serial of the certificate it was opened with.
    pub serial: u64,
    /// The host's process id of the sshd that serves it.
    pub pid: u32,
    /// The account it runs as.
    pub account: String,
    /// The certificate's key id; empty when the host does not know it.
    #[serde(default)]
    pub key_id: String,
}

impl Bounded for HostReportBody {
    fn check(&self) -> Result<(), OutOfBounds> {
        at_most("revocation_list_sha256", self.revocation_list_sha256.len(), DIGEST_BYTES, "bytes")?;
        at_most("sessions", self.sessions.len(), HOST_SESSIONS, "entries")?;
        self.sessions.iter().try_for_each(|session| {
            at_most("account", session.account.len(), HOST_BYTES, "bytes")?;
            at_most("key_id", session.key_id.len(), limits::PUBLIC_HALF_BYTES, "bytes")
        })
    }
}

/// Bytes of a digest: SHA-256 in hex.
const DIGEST_BYTES: usize = 64;
/// Bytes of a host's name or of an account on it.
const HOST_BYTES: usize = 255;
/// Sessions one host may report.
const HOST_SESSIONS: usize = 10_000;

fn at_most(field: &'static str, found: usize, most: usize, unit: &'static str) -> Result<(), OutOfBounds> {
    if found > most { Err(OutOfBounds { field, most, unit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_seconds_or_text() {
        for (json, seconds) in
            [(r#"{"role":"r","duration_seconds":90}"#, 90), (r#"{"role":"r","duration_seconds":"2m"}"#, 120)]
        {
            let body: AskBody = serde_json::from_str(json).expect("a body");
            assert_eq!(body.duration_seconds, Some(Seconds::new(seconds)));
        }
        for json in
            [r#"{"role":"r","duration_seconds":-1}"#, r#"{"role":"r","duration_seconds":"2"}"#, r#"{"role":"r","x":1}"#]
        {
            assert!(serde_json::from_str::<AskBody>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn texts_are_bounded_in_characters() {
        let body = |n| AskBody { role: "r".to_owned(), reason: "ä".repeat(n), ..AskBody::default() };
        assert_eq!(body(2_000).check(), Ok(()));
        let error = body(2_001).check().expect_err("too long");
        assert_eq!(error.to_string(), "`reason` may hold at most 2000 characters");
    }
}
