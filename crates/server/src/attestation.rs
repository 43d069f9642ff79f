//! What is signed of a run that is over: an in-toto statement about what it ran, saying what it was given and that it is gone.

use crate::checkpointer::Signed;
use crate::workload::notable;
use curfew_api::{
    AttestedGrantView, AttestedLogView, AttestedRunView, RUN_ATTESTATION, RunAttestationView, STATEMENT,
    StatementSubjectView, StatementView, SubjectView,
};
use curfew_domain::audit::canonical::canonical;
use curfew_domain::{Artefact, ArtefactKind, Run};
use curfew_engine::{ClosedGrant, ClosedRun};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The statement about a run, under a checkpoint that was signed after its last end.
pub(crate) fn statement(closed: &ClosedRun, log: &Signed) -> StatementView {
    let of_grant = |closed: &ClosedGrant| {
        let view = AttestedGrantView::new(&closed.grant, &closed.leases, &closed.approvals);
        view.expect("INVARIANT: every grant of a closed run has ended")
    };
    StatementView {
        statement_type: STATEMENT.to_owned(),
        subject: subjects(closed),
        predicate_type: RUN_ATTESTATION.to_owned(),
        predicate: RunAttestationView {
            run: run_view(closed),
            all_verified_gone: closed.unverified == 0,
            grants: closed.grants.iter().map(of_grant).collect(),
            grants_withheld: closed.withheld as u64,
            audit: AttestedLogView {
                tree_size: log.checkpoint.size,
                root_hash: log.checkpoint.root.to_string(),
                checkpoint: log.note.clone(),
            },
        },
    }
}

fn run_view(ClosedRun { run, over_at, over_because, .. }: &ClosedRun) -> AttestedRunView {
    let key = run.token.run.clone();
    AttestedRunView {
        id: run.id,
        provider: key.provider,
        number: key.number,
        issuer: key.issuer,
        subject: SubjectView::from(&run.subject),
        claims: notable(&run.token.claims),
        state: "over".to_owned(),
        began_at: run.began_at,
        over_at: *over_at,
        over_because: *over_because,
    }
}

/// What an approval could have been bound to: the commit that the token names, images and plans that Curfew's own program
/// hashed, never what the run only claims. Where there is nothing of it, the run's own identity.
fn subjects(closed: &ClosedRun) -> Vec<StatementSubjectView> {
    let presented = closed.grants.iter().flat_map(|closed| &closed.grant.presented);
    let counted = presented.filter(|presented| presented.is(&presented.artefact));
    let counted = counted.map(|presented| presented.artefact.clone());
    let all: BTreeSet<Artefact> = closed.run.commit().into_iter().chain(counted).collect();
    if all.is_empty() {
        return vec![subject(closed.run.token.run.to_string(), "sha256", identity(&closed.run))];
    }
    let of = closed.run.subject.name.clone().unwrap_or_else(|| closed.run.subject.id.to_string());
    let shown = |artefact: &Artefact| {
        let algorithm = match artefact.kind {
            ArtefactKind::Commit => "gitCommit",
            ArtefactKind::Image | ArtefactKind::Plan => "sha256",
        };
        subject(format!("{of} {}", artefact.kind.word()), algorithm, artefact.value().to_owned())
    };
    all.iter().map(shown).collect()
}

fn subject(name: String, algorithm: &str, hash: String) -> StatementSubjectView {
    StatementSubjectView { name, digest: BTreeMap::from([(algorithm.to_owned(), hash)]) }
}

/// A hash of which run it was.
fn identity(run: &Run) -> String {
    let key = &run.token.run;
    let identity =
        json!({"id": run.id.to_string(), "issuer": key.issuer, "number": key.number, "provider": key.provider});
    let bytes = canonical(&identity).expect("INVARIANT: texts are canonical");
    hex::encode(Sha256::digest(bytes))
}
