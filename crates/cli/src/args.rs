//! The command line, as it is typed.

use crate::commands::{
    activate, approve, audit, break_glass, completions, connect, connectors, deny, dev, env, exec, extend, give_back,
    grants, login, pipeline, policy, request, requests, review, revoke, run, serve, show, ssh, who_has, withdraw,
};
use crate::host::HostCommand;
use crate::output::Voice;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};
use std::ffi::OsString;

/// Just-in-time access: ask, be approved, use it, and it is gone.
///
/// Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 not signed in or not allowed, 4 not found, 5 still
/// pending, 6 unavailable. `exec`, `run` and `connect` end with the command's own code, or 125 when Curfew itself
/// said no or failed.
#[derive(Debug, Parser)]
#[command(
    name = "curfew",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    json: bool,
    /// Print as little as can be: ids, no progress, no next steps
    #[arg(long, short, global = true)]
    quiet: bool,
    /// The server's address [env: CURFEW_SERVER] [default: that of the last sign-in, or http://127.0.0.1:7373]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// How the command is to speak.
    pub(crate) fn voice(&self) -> Voice {
        match (self.json, self.quiet) {
            (true, _) => Voice::Json,
            (false, true) => Voice::Quiet,
            (false, false) => Voice::Human,
        }
    }
}

/// Every command there is.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine, for trying Curfew out
    Dev(dev::DevArgs),
    /// Run a server
    Serve(serve::ServeArgs),
    /// Sign in
    Login(login::LoginArgs),
    /// Show who is signed in
    Whoami,
    /// List what may be asked for, and what approval it would take
    Roles,
    /// Ask for a role
    Request(request::RequestArgs),
    /// List requests
    Requests(requests::RequestsArgs),
    /// Show a request or a grant
    Show(show::ShowArgs),
    /// Take a request back
    Withdraw(withdraw::WithdrawArgs),
    /// Approve a request, as it is or narrowed
    Approve(approve::ApproveArgs),
    /// Deny a request
    Deny(deny::DenyArgs),
    /// Claim an approved request: make the secret here and send its public half
    Activate(activate::ActivateArgs),
    /// List grants, with the time left
    Grants(grants::GrantsArgs),
    /// List who has access to a resource now
    WhoHas(who_has::WhoHasArgs),
    /// Print the variables of an activated grant for `eval`
    Env(env::EnvArgs),
    /// Open psql or ssh with the credential
    Connect(connect::ConnectArgs),
    /// Ask, wait, activate, run a command with the credential in its environment, and return at its exit
    Exec(exec::ExecArgs),
    /// The same for the job of a pipeline: by its own token, without prompts, and gone when the job is
    Run(run::RunArgs),
    /// Access of a job that spans several steps, and what became of a run
    #[command(subcommand, arg_required_else_help = true)]
    Pipeline(pipeline::PipelineCommand),
    /// Ask for more time
    Extend(extend::ExtendArgs),
    /// Take emergency access, which somebody reviews afterwards
    BreakGlass(break_glass::BreakGlassArgs),
    /// Say what became of emergency access
    Review(review::ReviewArgs),
    /// Give a grant back before its time
    Return(give_back::ReturnArgs),
    /// End access of others
    Revoke(revoke::RevokeArgs),
    /// Check, explain and format policies; no server is needed
    #[command(subcommand, arg_required_else_help = true)]
    Policy(policy::PolicyCommand),
    /// Read, export and verify the evidence
    #[command(subcommand, arg_required_else_help = true)]
    Audit(audit::AuditCommand),
    /// What SSH hosts must trust and refuse
    #[command(subcommand, arg_required_else_help = true)]
    Ssh(ssh::SshCommand),
    /// On an SSH host: set-up, principals, revocation list, ending sessions
    #[command(subcommand, arg_required_else_help = true)]
    Host(HostCommand),
    /// Kinds of targets: settings, the privileges the manager needs, residual exposure
    Connectors(connectors::ConnectorsArgs),
    /// Look at each resource, the clock and the ledger; exit 1 if any check fails
    Doctor,
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page
    Man,
}

/// Commands of the promised surface that this version does not have.
const LATER: [&str; 2] = ["reaper", "apply"];

/// What to say of a command that is promised and not there yet.
pub(crate) fn later_hint(error: &clap::Error, args: &[OsString]) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let of_policy =
        args.iter().skip(1).find(|arg| !arg.to_string_lossy().starts_with('-')).is_some_and(|a| a == "policy");
    let place = LATER.iter().position(|later| later == word)?;
    let is_of_policy = place >= 1;
    if of_policy != is_of_policy {
        return None;
    }
    let command = if is_of_policy { format!("curfew policy {word}") } else { format!("curfew {word}") };
    Some(format!("`{command}` is not in this version ({})", env!("CARGO_PKG_VERSION")))
}
