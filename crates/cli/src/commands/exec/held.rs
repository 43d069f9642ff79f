//! Grants that a command runs with. Whatever becomes of the command, they end with it.

use crate::child::{self, Launch, Signals};
use crate::commands::Context;
use crate::commands::activate::{Activated, activate};
use crate::commands::agent::{self, AgentArgs};
use crate::commands::credentials::{OfRole, merged_of};
use crate::commands::give_back::{forget, give_back};
use crate::commands::running::{Access, LOOK_EVERY, return_grant, said_over};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret::Iterations;
use crate::session::Session;
use crate::ssh_agent::{Agent, beside, of_grants};
use curfew_api::{GrantView, RequestView};
use curfew_domain::{Grant, Id};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Activated grants. Never empty.
pub(super) struct Held(Vec<Part>);

/// One of them.
struct Part {
    activated: Activated,
    access: Access,
}

impl Held {
    /// Claims what was approved.
    ///
    /// # Errors
    /// When one of them cannot be had: then none is kept.
    pub(super) async fn activate(
        context: &mut Context,
        session: &Session,
        approved: &[RequestView],
    ) -> Result<Self, Failure> {
        let mut held = Self(Vec::new());
        for (at, request) in approved.iter().enumerate() {
            match activate(context, session, &request.id.to_string(), Iterations::ANY_DRIVER).await {
                Ok(activated) => held.0.push(Part { activated, access: Access::Held }),
                Err(failure) => {
                    held.end(context, session).await;
                    // Unclaimed, they would wait for hours for somebody who is gone.
                    for request in &approved[at..] {
                        let _ = give_back(context, session, &request.id.to_string()).await;
                    }
                    return Err(failure);
                }
            }
        }
        Ok(held)
    }

    /// Runs the command, and returns all of them when it ends.
    ///
    /// # Errors
    /// When it cannot be run.
    pub(super) async fn run(
        mut self,
        context: &mut Context,
        session: &Session,
        (command, agent): (&[OsString], AgentArgs),
        signals: &mut Signals,
    ) -> Result<Exit, Failure> {
        let credentials = self.0.iter().flat_map(|part| &part.activated.credentials);
        let exit = match (signals.pending().await, agent.open(&context.machine, credentials)) {
            (Some(signal), _) => Ok(child::exit_of(signal)),
            (None, Err(failure)) => Err(failure),
            (None, Ok(agent)) => {
                let (machine, grants) = (context.machine.clone(), self.ids());
                let identities = || of_grants(&machine, &grants);
                let env = self.environment(agent.as_ref());
                let ran = self.run_command(context, session, (command, env), signals);
                beside(agent.as_ref(), identities, ran).await
            }
        };
        self.end(context, session).await;
        exit
    }

    /// Says at once when access ends before the command does. The command itself runs on: what it does without the
    /// target is its own affair.
    async fn run_command(
        &mut self,
        context: &mut Context,
        session: &Session,
        (command, env): (&[OsString], BTreeMap<String, String>),
        signals: &mut Signals,
    ) -> Result<Exit, Failure> {
        let (program, args) = command.split_first().expect("INVARIANT: clap requires a command");
        let launch = Launch { program: program.clone(), args: args.to_vec(), env };
        let mut child = launch.start(&context.machine)?;
        let mut ended = std::pin::pin!(child::wait(&mut child, signals));
        while self.0.iter().any(|part| part.access == Access::Held) {
            let over = tokio::select! {
                exit = ended.as_mut() => return exit,
                over = self.over(session) => over,
            };
            for (part, grant) in over {
                self.0[part].access = Access::Over;
                context.output.warn(&said_over(&grant, "the command runs on without access"));
            }
        }
        ended.await
    }

    fn ids(&self) -> Vec<Id<Grant>> {
        self.0.iter().map(|part| part.activated.grant.id).collect()
    }

    fn environment(&self, agent: Option<&Agent>) -> BTreeMap<String, String> {
        let parts = self
            .0
            .iter()
            .map(|part| OfRole { role: &part.activated.grant.role, credentials: &part.activated.credentials });
        let mut env = merged_of(&parts.collect::<Vec<_>>());
        let ids: Vec<String> = self.ids().iter().map(Id::to_string).collect();
        env.extend(ids.first().map(|first| ("CURFEW_GRANT".to_owned(), first.clone())));
        env.insert("CURFEW_GRANTS".to_owned(), ids.join(" "));
        if let Some(agent) = agent {
            agent::name(&mut env, agent.socket());
        }
        env
    }

    /// The grants that end, once some do. A server that does not answer is asked again: grants have their own end
    /// meanwhile.
    async fn over(&self, session: &Session) -> Vec<(usize, GrantView)> {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let mut over = Vec::new();
            for (at, part) in self.0.iter().enumerate().filter(|(_, part)| part.access == Access::Held) {
                let id = part.activated.grant.id.to_string();
                if let Ok(grant) = session.client.show_grant(&id).await
                    && matches!(grant.state.as_str(), "ending" | "ended")
                {
                    over.push((at, grant));
                }
            }
            if !over.is_empty() {
                return over;
            }
        }
    }

    /// Whatever the command did, its access ends with it.
    async fn end(self, context: &mut Context, session: &Session) {
        for part in self.0 {
            match part.access {
                Access::Held => {
                    let end = part.activated.grant.expires_at;
                    let end = end.map_or_else(String::new, |at| format!("it ends by itself at {at}"));
                    return_grant(context, session, &part.activated, &end).await;
                }
                Access::Over => forget(context, &part.activated.grant),
            }
        }
    }
}
