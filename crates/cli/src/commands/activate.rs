//! `curfew activate`: claims an approved request. The secret is made and kept here; its public half is sent.

use super::Context;
use super::credentials::{self, Credential, Reached};
use super::id::GrantRef;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Facts, Voice, ago_or_in};
use crate::secret::{Iterations, SecretKind};
use crate::session::{self, Session};
use crate::state::{GrantFolder, GrantRecord, Half, StateFolder, sweep};
use clap::Args;
use curfew_api::{ActivateBody, ActivationView, GrantView, PresentedBody, PublicHalfBody, WantedHalfView};
use serde::Serialize;
use std::collections::BTreeMap;

/// What `curfew activate` takes.
#[derive(Debug, Args)]
pub(crate) struct ActivateArgs {
    /// The approved request, or its grant
    id: GrantRef,
}

/// An activated grant with what this machine made of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Activated {
    /// The grant.
    #[serde(flatten)]
    pub(crate) grant: GrantView,
    /// How to connect.
    pub(crate) credentials: Vec<Credential>,
}

pub(crate) async fn run(context: &mut Context, args: &ActivateArgs) -> Result<Exit, Failure> {
    let id = args.id.id()?;
    let session = Session::signed_in(context)?;
    sweep(&StateFolder::of(&context.machine)?, context.machine.now());
    let activated = activate(context, &session, &id, Iterations::ANY_DRIVER).await?;
    match context.output.voice() {
        Voice::Json => context.output.document(&activated)?,
        Voice::Quiet => context.output.line(&activated.grant.id.to_string())?,
        Voice::Human => print(context, &activated)?,
    }
    Ok(Exit::Done)
}

/// What a claim is made with.
#[derive(Debug, Clone)]
pub(crate) struct Claiming {
    /// How a password is stretched.
    pub(crate) iterations: Iterations,
    /// What is presented to approvals that name it.
    pub(crate) artefacts: Vec<PresentedBody>,
}

impl From<Iterations> for Claiming {
    fn from(iterations: Iterations) -> Self {
        Self { iterations, artefacts: Vec::new() }
    }
}

/// Claims it. Doing it again on the same machine sends the same public halves, so it is the same activation.
pub(crate) async fn activate(
    context: &mut Context,
    session: &Session,
    id: &str,
    claiming: impl Into<Claiming>,
) -> Result<Activated, Failure> {
    let Claiming { iterations, artefacts } = claiming.into();
    let grant = find(session, id).await?;
    let grant_id = grant.id.to_string();
    let folder = GrantFolder::of(&StateFolder::of(&context.machine)?, grant.id);
    check_claimable(&grant, &folder)?;
    let mut record = match folder.record()?.filter(|_| grant.state == "active") {
        Some(record) => record,
        None => {
            let wanted = session.client.wanted_halves(&grant_id).await.map_err(session::failure)?.items;
            prepare(context, session, &grant, &folder, &wanted, iterations)?
        }
    };
    let halves = record.halves.iter().map(|(resource, half)| PublicHalfBody {
        resource: resource.clone(),
        kind: half.kind.clone(),
        value: half.value.clone(),
    });
    let body = ActivateBody { public_halves: halves.collect(), artefacts };
    let ActivationView { grant, connections } =
        session.client.activate(&grant_id, &body).await.map_err(session::failure)?;
    let reached = connections
        .iter()
        .map(|connection| {
            let half = record.halves.get(&connection.resource);
            let half = half.ok_or_else(|| Failure::unavailable("the server made access that nobody asked for"))?;
            Ok(Reached { connection, kind: SecretKind::parse(&half.kind)? })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    record.credentials = credentials::write(&context.machine, &folder, &reached)?;
    record.expires_at = grant.expires_at;
    record.asked_until = record.asked_until.filter(|asked| grant.expires_at.is_some_and(|end| end < *asked));
    folder.keep_record(&context.machine, &record)?;
    Ok(Activated { grant, credentials: record.credentials })
}

/// The grant; a request that did not become one is said to be what it is.
async fn find(session: &Session, id: &str) -> Result<GrantView, Failure> {
    let failure = match session.client.show_grant(id).await.map_err(session::failure) {
        Ok(grant) => return Ok(grant),
        Err(failure) => failure,
    };
    if failure.exit != Exit::NotFound || !id.starts_with("req_") {
        return Err(failure);
    }
    let request = session.client.show_request(id).await.map_err(session::failure)?;
    let hint = match request.state.as_str() {
        "pending" => format!("{} may approve it", request.decision.approvers.join(", ")),
        _ => "ask again with `curfew request`".to_owned(),
    };
    Err(Failure::no("wrong_state", format!("{id} is {}", request.state)).hint(hint))
}

/// What somebody else's machine activated cannot be used here, and what is over cannot be claimed.
fn check_claimable(grant: &GrantView, folder: &GrantFolder) -> Result<(), Failure> {
    match grant.state.as_str() {
        "approved" | "activating" => Ok(()),
        "active" if folder.record()?.is_some() => Ok(()),
        "active" => Err(Failure::no("activated_elsewhere", format!("{} was activated on another machine", grant.id))
            .hint("its secret stayed there; return it and ask again")),
        state => {
            Err(Failure::no("already_final", format!("{} is {state}", grant.id))
                .hint("ask again with `curfew request`"))
        }
    }
}

/// Makes what is not made yet and keeps it before anything is sent: an answer that is lost loses no secret.
fn prepare(
    context: &Context,
    session: &Session,
    grant: &GrantView,
    folder: &GrantFolder,
    wanted: &[WantedHalfView],
    iterations: Iterations,
) -> Result<GrantRecord, Failure> {
    let kept = folder.record()?.map(|record| record.halves).unwrap_or_default();
    let mut halves = BTreeMap::new();
    for want in wanted {
        let kind = SecretKind::parse(&want.kind)?;
        let there = folder.read(&want.resource, kind.file_name())?.is_some();
        let half = match kept.get(&want.resource).filter(|half| there && half.kind == want.kind) {
            Some(half) => half.clone(),
            None => {
                let made = kind.make(&context.machine, iterations);
                folder.keep(&context.machine, (&want.resource, kind.file_name()), &made.secret)?;
                Half { kind: kind.word().to_owned(), value: made.public }
            }
        };
        halves.insert(want.resource.clone(), half);
    }
    let record = GrantRecord {
        server: session.server.clone(),
        request_id: grant.request_id,
        halves,
        credentials: Vec::new(),
        expires_at: grant.expires_at,
        asked_until: None,
    };
    folder.keep_record(&context.machine, &record)?;
    Ok(record)
}

fn print(context: &mut Context, activated: &Activated) -> Result<(), Failure> {
    let grant = &activated.grant;
    let end =
        grant.expires_at.map_or_else(String::new, |at| format!("ends {} ({at})", ago_or_in(at, context.machine.now())));
    context.output.line(&format!("{} {}  {end}", grant.id, grant.state))?;
    for credential in &activated.credentials {
        let mut facts = Facts::new();
        facts.add("resource", format!("{} ({})", credential.resource, credential.connector));
        facts.list("variables", credential.env.iter().map(|(name, value)| format!("{name}={value}")));
        facts.print(&mut context.output)?;
    }
    context.output.note(&format!("next: curfew connect {id}, or eval \"$(curfew env {id})\"", id = grant.id));
    Ok(())
}
