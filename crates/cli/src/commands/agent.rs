//! `--ssh-agent`: a command finds the SSH keys of its access as `ssh` finds any, and names no file.

use super::credentials::Credential;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::ssh_agent::Agent;
use clap::Args;
use std::collections::BTreeMap;
use std::path::Path;

/// The variable by which clients find an agent (ssh-agent(1)).
const VARIABLE: &str = "SSH_AUTH_SOCK";

/// Whether there is to be an agent.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct AgentArgs {
    /// Offer the SSH keys of this access, and no others, by an agent of its own (SSH_AUTH_SOCK)
    #[arg(long)]
    ssh_agent: bool,
}

impl AgentArgs {
    /// Whether one is asked for.
    pub(crate) fn is_wanted(self) -> bool {
        self.ssh_agent
    }

    /// The agent, where one is asked for.
    ///
    /// # Errors
    /// When it would have nothing to offer, or cannot listen.
    pub(crate) fn open<'a>(
        self,
        machine: &Machine,
        credentials: impl IntoIterator<Item = &'a Credential>,
    ) -> Result<Option<Agent>, Failure> {
        self.check(credentials)?;
        self.ssh_agent.then(|| Agent::open(machine)).transpose()
    }

    /// An agent with nothing to offer was asked for by mistake; the command would fail far from it.
    pub(crate) fn check<'a>(self, credentials: impl IntoIterator<Item = &'a Credential>) -> Result<(), Failure> {
        if self.ssh_agent && !credentials.into_iter().any(Credential::has_ssh_key) {
            return Err(Failure::wrong_use("--ssh-agent: this access has no SSH host")
                .hint("leave the flag out, or ask for a role with a resource of connector `ssh`"));
        }
        Ok(())
    }
}

/// Says where the agent is, in place of another one that this process was told of.
pub(crate) fn name(variables: &mut BTreeMap<String, String>, socket: &Path) {
    variables.insert(VARIABLE.to_owned(), socket.display().to_string());
}
