//! Every bound Curfew puts on what it takes in, in one place.

use crate::time::Seconds;

/// Characters of a reason a person types (justification, denial, revocation).
pub const REASON_CHARS: usize = 2_000;
/// Characters of a ticket reference.
pub const TICKET_CHARS: usize = 128;
/// Bytes of an e-mail address (RFC 5321 allows 254 in a path).
pub const EMAIL_BYTES: usize = 254;
/// Characters of a display name taken from a sign-in.
pub const DISPLAY_NAME_CHARS: usize = 128;
/// Bytes of the name of a role, group, bundle, stage or input.
pub const NAME_BYTES: usize = 64;
/// Bytes of a resource name.
pub const RESOURCE_NAME_BYTES: usize = 256;
/// Pairs a request may name.
pub const SCOPE_PAIRS: usize = 1_024;
/// Undecided requests of one person.
pub const PENDING_REQUESTS: usize = 1_000;
/// Groups one identity may carry.
pub const IDENTITY_GROUPS: usize = 1_000;
/// The longest access there is.
pub const LONGEST_GRANT: Seconds = Seconds::new(30 * 86_400);
/// How long an approved request may wait for its subject unless the policy says otherwise.
pub const CLAIM_WITHIN: Seconds = Seconds::new(24 * 3_600);
/// How long a request may wait for a decision unless the policy says otherwise.
pub const LAPSES_AFTER: Seconds = Seconds::new(24 * 3_600);
/// Bytes of one policy file.
pub const POLICY_FILE_BYTES: usize = 1 << 20;
/// How deep a policy document may nest.
pub const POLICY_NESTING: usize = 32;
/// Values in one policy file: texts, keys, lists, mappings and comments.
pub const POLICY_VALUES: usize = 200_000;
/// What `defaults` and named chains may add to the roles of a set, in entries of their lists, beside one for every
/// [`POLICY_BYTES_PER_STEP`] of its text.
pub const POLICY_INHERITED: usize = 40_000;
/// Comparisons of globs and selectors with resources, beside as many for every byte of the text of the set.
pub const POLICY_COVERAGE: usize = 1_000_000;
/// Steps through groups and lists that lints may take, beside one for every byte of the text of the set.
pub const POLICY_LINT_STEPS: usize = 500_000;
/// Steps that an import may take through what its roles share, beside one for every [`POLICY_BYTES_PER_IMPORT`].
pub const POLICY_IMPORT: usize = 30_000;
/// Bytes of text that pay for one step of an import more.
pub const POLICY_BYTES_PER_IMPORT: usize = 16;
/// Bytes of Cedar in a set, each expression counted once, beside one for every [`POLICY_BYTES_PER_CEDAR`] of its text;
/// guardrails and expressions apart.
pub const POLICY_CEDAR: usize = 32 * 1024;
/// Bytes of text that pay for one byte of Cedar.
pub const POLICY_BYTES_PER_CEDAR: usize = 32;
/// What the shortest piece of Cedar counts for, in bytes.
pub const SHORTEST_CEDAR: usize = 96;
/// Bytes that the compiled patterns of a set may take, beside four for every byte of its text.
pub const POLICY_PATTERNS: usize = 8 << 20;
/// Bytes of text that pay for one entry more.
pub const POLICY_BYTES_PER_STEP: usize = 16;
/// Accounts of hosts (host times principal) of one policy set that are looked at for two resources that open one.
pub const ACCOUNTS: usize = 50_000;
/// Names among which a likely spelling is looked for.
pub const SPELLINGS: usize = 500;
/// Problems of one policy set for which a likely spelling is looked for among many names.
pub const SUGGESTIONS: usize = 100;
/// Problems reported for one policy set.
pub const POLICY_PROBLEMS: usize = 1_000;
/// Bytes of an HTTP request body.
pub const BODY_BYTES: usize = 64 * 1024;
/// Bytes of a name we make in a target: PostgreSQL keeps 63.
pub const TARGET_NAME_BYTES: usize = 63;
/// Bytes of the public half a client sends for one lease.
pub const PUBLIC_HALF_BYTES: usize = 1_024;
/// Things a subject left behind that the record of one lease names; the others it counts.
pub const LEFTOVERS_NAMED: usize = 1_024;
/// Bytes of all the names and kinds among those.
pub const LEFTOVERS_BYTES: usize = 256 * 1024;
/// Bytes of one such name.
pub const LEFTOVER_TEXT_BYTES: usize = 512;
/// Bytes of the reason in one audit event.
pub const AUDIT_REASON_BYTES: usize = 64 * 1024;
/// Bytes of the facts in one audit event. More than all that is bounded elsewhere comes to, so that it is reached
/// only by what nobody thought of.
pub const AUDIT_DETAILS_BYTES: usize = 4 << 20;
/// Persons one stage of approval may require.
pub const STAGE_PERSONS: u32 = 100;
/// Characters of a typed input.
pub const INPUT_CHARS: usize = 2_000;
/// Bytes of one Cedar expression or guardrail.
pub const CEDAR_BYTES: usize = 8 * 1024;
/// How deep one Cedar expression or guardrail may go: brackets and links of chains.
pub const CEDAR_DEPTH: usize = 80;
/// How long a pipeline's client may be silent unless the configuration says otherwise.
pub const HEARTBEAT_WINDOW: Seconds = Seconds::new(60);
/// Bytes of a workload's token, and of the claims that are kept of it.
pub const WORKLOAD_TOKEN_BYTES: usize = 16 * 1024;
/// Clients of one run that may beat at one time.
pub const BEATS_PER_RUN: usize = 256;
/// Requests that the triggers of one run may open.
pub const TRIGGERED_PER_RUN: usize = 256;
/// Bytes of what a provider's hook sends.
pub const HOOK_BYTES: usize = 1 << 20;
/// Hours for use that one role may list.
pub const WINDOWS: usize = 64;
