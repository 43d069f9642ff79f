//! One file per command, and who runs which.

pub(crate) mod activate;
pub(crate) mod agent;
pub(crate) mod approve;
pub(crate) mod artefact;
pub(crate) mod audit;
pub(crate) mod break_glass;
pub(crate) mod bundle;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod connectors;
pub(crate) mod credentials;
pub(crate) mod deny;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod exec;
pub(crate) mod extend;
pub(crate) mod give_back;
pub(crate) mod grants;
pub(crate) mod id;
pub(crate) mod inputs;
pub(crate) mod login;
pub(crate) mod man;
pub(crate) mod pipeline;
pub(crate) mod policy;
pub(crate) mod request;
pub(crate) mod requests;
pub(crate) mod review;
pub(crate) mod revoke;
pub(crate) mod roles;
pub(crate) mod run;
pub(crate) mod running;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod ssh;
pub(crate) mod views;
pub(crate) mod who_has;
pub(crate) mod whoami;
pub(crate) mod withdraw;

use crate::args::Command;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::host;
use crate::machine::Machine;
use crate::output::Output;
use crate::program::Program;
use curfew_domain::connector::ConnectorKind;
use std::future::Future;

/// What every command is given.
pub(crate) struct Context {
    /// Where it runs.
    pub(crate) machine: Machine,
    /// Where it prints.
    pub(crate) output: Output,
    /// The server that was named on the command line.
    pub(crate) server: Option<String>,
    /// Every kind of target that is linked in.
    pub(crate) kinds: Vec<&'static ConnectorKind>,
}

/// Runs the command.
pub(crate) fn dispatch(program: &Program, context: &mut Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Dev(args) => (program.dev)(args).map(|()| Exit::Done),
        Command::Serve(args) => (program.serve)(args).map(|()| Exit::Done),
        Command::Policy(command) => policy::run(context, command),
        Command::Connectors(args) => connectors::run(context, args),
        Command::Completions(args) => completions::run(context, &args),
        Command::Man => man::run(context),
        Command::Env(args) => env::run(context, &args),
        Command::Pipeline(command) => pipeline::run(context, command),
        Command::Audit(audit::AuditCommand::Verify(args)) => audit::verify::run(context, args),
        Command::Login(args) => wait_for(login::run(context, args)),
        Command::Whoami => wait_for(whoami::run(context)),
        Command::Roles => wait_for(roles::run(context)),
        Command::Request(args) => wait_for(request::run(context, args)),
        Command::Requests(args) => wait_for(requests::run(context, &args)),
        Command::Show(args) => wait_for(show::run(context, &args)),
        Command::Withdraw(args) => wait_for(withdraw::run(context, &args)),
        Command::Approve(args) => wait_for(approve::run(context, args)),
        Command::Deny(args) => wait_for(deny::run(context, args)),
        Command::Activate(args) => wait_for(activate::run(context, &args)),
        Command::Grants(args) => wait_for(grants::run(context, &args)),
        Command::WhoHas(args) => wait_for(who_has::run(context, args)),
        Command::Connect(args) => wait_for(connect::run(context, args)),
        Command::Exec(args) => wait_for(exec::run(context, args)),
        Command::Run(args) => wait_for(run::run(context, args)),
        Command::Extend(args) => wait_for(extend::run(context, &args)),
        Command::BreakGlass(args) => wait_for(break_glass::run(context, args)),
        Command::Review(args) => wait_for(review::run(context, &args)),
        Command::Return(args) => wait_for(give_back::run(context, &args)),
        Command::Revoke(args) => wait_for(revoke::run(context, args)),
        Command::Audit(command) => wait_for(audit::run(context, command)),
        Command::Ssh(command) => wait_for(ssh::run(context, command)),
        Command::Host(command) => wait_for(host::run(context, command)),
        Command::Doctor => wait_for(doctor::run(context)),
    }
}

/// Drives a command that talks to a server, on this thread alone.
pub(crate) fn wait_for<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unavailable(format!("cannot wait for the network: {error}")))?;
    runtime.block_on(command)
}
