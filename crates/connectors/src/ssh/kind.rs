//! What there is to know about SSH resources without calling anybody.

use curfew_domain::connector::{ConnectorKind, Effect, Field, Fit, Presence, Privilege, Shape};

/// What a certificate may switch on (ssh-keygen(1), "CERTIFICATES"). Without any, only a command without a
/// terminal can be run.
pub(super) const EXTENSIONS: &[&str] =
    &["permit-pty", "permit-port-forwarding", "permit-agent-forwarding", "permit-X11-forwarding", "permit-user-rc"];

/// Longest name of an account (useradd(8) allows 32; directories give longer ones).
pub(super) const ACCOUNT_BYTES: usize = 64;
/// Longest forced command.
pub(super) const COMMAND_BYTES: usize = 1_024;

const EFFECT_WORDS: &[&str] = &[Effect::ALL[0].0, Effect::ALL[1].0, Effect::ALL[2].0, Effect::ALL[3].0];

const fn optional(name: &'static str, doc: &'static str, shape: Shape) -> Field {
    Field { name, doc, presence: Presence::Optional, shape }
}

const fn required(name: &'static str, doc: &'static str, shape: Shape) -> Field {
    Field { name, doc, presence: Presence::Required, shape }
}

const ACTION: &[Field] = &[
    required(
        "principals",
        "the accounts on the hosts that this action may enter",
        Shape::List(&Shape::Text(ACCOUNT_BYTES)),
    ),
    optional(
        "extensions",
        "what the certificate switches on; absent: nothing, so a command without a terminal",
        Shape::List(&Shape::Choice(EXTENSIONS)),
    ),
    optional("force_command", "the one command that runs, whatever is asked for", Shape::Text(COMMAND_BYTES)),
    optional("effects", "how guardrails classify the action; absent: admin", Shape::List(&Shape::Choice(EFFECT_WORDS))),
];

/// SSH hosts, entered with a certificate from an authority that only this resource's hosts trust.
pub static KIND: ConnectorKind = ConnectorKind {
    name: "ssh",
    summary: "SSH hosts, entered with a short-lived certificate for the subject's own key",
    actions: &[],
    settings: &[
        required("hosts", "where sshd listens; a certificate opens each of them", Shape::List(&Shape::HostPort)),
        required("actions", "what may be asked for here, by name", Shape::Map(&Shape::Record(ACTION))),
        optional("source_address", "certificates work from these addresses only", Shape::List(&Shape::Cidr)),
        optional(
            "host_keys",
            "the hosts' public keys (`ssh-ed25519 AAAA...`), so that a client need not trust the first it sees",
            Shape::List(&Shape::Text(1_024)),
        ),
    ],
    admin: Presence::Optional,
    privileges: &[Privilege {
        name: "root, for `curfew host` on each host",
        why: "without it nobody keeps the host's revocation list fresh, ends sessions there, or reads that they ended",
    }],
    residual_exposure: &[
        "on a host without a running `curfew host`, an open session (a multiplexed one too) lasts until it is closed, and the certificate opens new ones until its own expiry",
        "with `curfew host`, sessions end within about a second, by the host's own clock at the latest even when the server cannot be reached",
        "work handed to another program of the host (cron, at, systemd, a tmux server of another session), or a detached process that cleared its environment, runs on with the account's rights",
        "what the account may change for good (an `authorized_keys` file, a copied secret) is not undone",
    ],
    public_half: "ssh_public_key",
    fit: Fit(super::settings::misfits),
};
