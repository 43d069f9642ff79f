//! `curfew pipeline verify`: what a signed attestation says of a run, told offline from its bytes and the key alone.

use super::super::Context;
use super::super::audit::verify::{open, read_key};
use super::super::views::scope_lines;
use super::show::over_words;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Facts, Output, Table, Voice};
use clap::Args;
use curfew_api::{AttestedGrantView, AttestedLogView, RUN_ATTESTATION, STATEMENT, StatementView};
use curfew_domain::audit::dsse::ENVELOPE_BYTES;
use curfew_domain::audit::{Envelope, EnvelopeError, VerifierKey};
use serde_json::{Value, json};
use std::io::Read;
use std::path::PathBuf;

/// What `curfew pipeline verify` takes.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// What `curfew pipeline show RUN --attestation` printed
    file: PathBuf,
    /// The key, as `curfew audit key` prints it, or a file that holds it
    #[arg(long, value_name = "KEY")]
    key: String,
}

/// Why nobody vouches for what stands in a file.
#[derive(Debug, thiserror::Error)]
enum NotVouched {
    /// The envelope does not hold.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// It is signed, and is something else.
    #[error("it is signed, and is no attestation that this version reads ({RUN_ATTESTATION})")]
    Other,
    /// The checkpoint in it is not of the log and place that it names.
    #[error("it is signed, and the checkpoint in it is not the one that it speaks of")]
    Checkpoint,
}

pub(crate) fn run(context: &mut Context, args: &VerifyArgs) -> Result<Exit, Failure> {
    let key = read_key(context, &args.key)?;
    let path = context.machine.path(&args.file);
    let mut bytes = Vec::new();
    let read = open(&path)?.take(ENVELOPE_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file("read", &path, &error))?;
    let said = statement(&bytes, &key);
    let is_gone = said.as_ref().is_ok_and(is_all_gone);
    context.output.show(&document(&said), |output, _| match &said {
        Ok(statement) => print(output, statement, &key),
        Err(why) => output.line(&format!("not vouched for: {why}")),
    })?;
    Ok(if is_gone { Exit::Done } else { Exit::No })
}

/// The statement in an envelope, once its signature and its checkpoint hold.
fn statement(bytes: &[u8], key: &VerifierKey) -> Result<StatementView, NotVouched> {
    let payload = key.verify_statement(&Envelope::read(bytes)?)?;
    let statement: StatementView = serde_json::from_slice(&payload).map_err(|_| NotVouched::Other)?;
    if statement.statement_type != STATEMENT || statement.predicate_type != RUN_ATTESTATION {
        return Err(NotVouched::Other);
    }
    let AttestedLogView { tree_size, root_hash, checkpoint } = &statement.predicate.audit;
    match key.verify(checkpoint) {
        Ok(signed) if signed.size == *tree_size && signed.root.to_string() == *root_hash => Ok(statement),
        Ok(_) | Err(_) => Err(NotVouched::Checkpoint),
    }
}

/// What is verified gone by the whole and by each of its parts.
fn is_all_gone(statement: &StatementView) -> bool {
    statement.predicate.all_verified_gone && statement.predicate.grants.iter().all(|grant| grant.verified)
}

fn document(said: &Result<StatementView, NotVouched>) -> Value {
    match said {
        Ok(statement) => json!({
            "ok": is_all_gone(statement), "signed": true, "message": verdict(statement), "statement": statement,
        }),
        Err(why) => {
            let signed = match why {
                NotVouched::Envelope(_) => false,
                NotVouched::Other | NotVouched::Checkpoint => true,
            };
            json!({"ok": false, "signed": signed, "message": why.to_string(), "statement": null})
        }
    }
}

fn verdict(statement: &StatementView) -> String {
    let predicate = &statement.predicate;
    let withheld = match predicate.grants_withheld {
        0 => String::new(),
        more => format!(", {more} not shown here included"),
    };
    if predicate.grants.is_empty() && predicate.grants_withheld == 0 {
        return "nothing was given with the run".to_owned();
    }
    if is_all_gone(statement) {
        return format!("returned: everything that was given with the run is verified gone{withheld}");
    }
    let why = |grant: &AttestedGrantView| {
        let because = grant.unverified_because.as_deref().unwrap_or("nobody says why");
        format!("{}: {because}", grant.id)
    };
    let unverified: Vec<_> = predicate.grants.iter().filter(|grant| !grant.verified).map(why).collect();
    if unverified.is_empty() {
        return "not verified gone: a grant that is not shown here".to_owned();
    }
    format!("not verified gone: {}", unverified.join("; "))
}

fn print(output: &mut Output, statement: &StatementView, key: &VerifierKey) -> Result<(), Failure> {
    if output.voice() == Voice::Quiet {
        return output.line(&verdict(statement));
    }
    let (run, log) = (&statement.predicate.run, &statement.predicate.audit);
    output.line(&verdict(statement))?;
    let hashes = |subject: &curfew_api::StatementSubjectView| {
        let digest: Vec<_> = subject.digest.iter().map(|(algorithm, hash)| format!("{algorithm}:{hash}")).collect();
        format!("{} {}", subject.name, digest.join(" "))
    };
    let mut facts = Facts::new();
    facts
        .add("signed by", key.key_id())
        .add("run", format!("{} {} ({})", run.provider, run.number, run.id))
        .add("workload", run.subject.label())
        .list("about", statement.subject.iter().map(hashes))
        .add("began", run.began_at.to_string())
        .add("over", format!("{}: {}", run.over_at, over_words(run.over_because)))
        .add("audit log", format!("{} events, root hash {}", log.tree_size, log.root_hash));
    facts.print(output)?;
    let mut table = Table::new(&["ID", "ROLE", "SUBJECT", "SCOPE", "APPROVED BY", "GIVEN", "GONE"], "no grants");
    for grant in &statement.predicate.grants {
        table.row(cells(grant));
    }
    table.print(output)
}

fn cells(grant: &AttestedGrantView) -> [String; 7] {
    let approvers: Vec<_> = grant.approvals.iter().map(|approval| approval.approver.label()).collect();
    let verified = if grant.verified { "verified" } else { "not verified" };
    [
        grant.id.to_string(),
        grant.role.to_string(),
        grant.subject.label(),
        scope_lines(&grant.scope).join("; "),
        if approvers.is_empty() { "the policy".to_owned() } else { approvers.join(", ") },
        grant.activated_at.map_or_else(|| "not claimed".to_owned(), |at| at.to_string()),
        format!("{} ({}), {verified}", grant.ended_at, grant.end_cause.word()),
    ]
}

#[cfg(test)]
mod tests {
    use crate::exit::Exit;
    use crate::program::tests::run_in;
    use curfew_domain::Timestamp;
    use curfew_domain::audit::{Checkpoint, CheckpointKey, TreeHash};
    use serde_json::{Value, json};

    fn key() -> CheckpointKey {
        CheckpointKey::from_seed("curfew.test/audit", [3; 32]).expect("a key")
    }

    /// What a server would say of a run with one grant.
    fn statement() -> Value {
        let checkpoint = Checkpoint { size: 12, root: TreeHash::of_leaf(b"x"), at: None };
        let who = json!({"kind": "workload", "id": "https://ci.example|repo:acme/orders", "email": null, "name": "acme/orders"});
        let at = Timestamp::from_millis(1_772_445_600_000).to_string();
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "acme/orders commit", "digest": {"gitCommit": "c0ffee25".repeat(5)}}],
            "predicateType": "https://curfew.dev/attestation/run/v1",
            "predicate": {
                "run": {
                    "id": "run_01kb9n7r00e00000000000000a", "provider": "github", "number": "77", "issuer": "ci",
                    "subject": who, "claims": {}, "state": "over", "began_at": at, "over_at": at, "over_because": "finished",
                },
                "all_verified_gone": true,
                "grants": [{
                    "id": "grt_01kb9n7r00e00000000000000a", "request_id": "req_01kb9n7r00e00000000000000a", "role": "migrate",
                    "subject": who, "scope": [{"resource": "services/db", "actions": ["read"]}], "policy_version": "x",
                    "approvals": [], "artefacts": [], "activated_at": at, "ended_at": at, "end_cause": "pipeline_ended",
                    "verified": true, "unverified_because": null, "leases": [],
                }],
                "grants_withheld": 0,
                "audit": {"tree_size": 12, "root_hash": checkpoint.root.to_string(), "checkpoint": key().sign(&checkpoint)},
            },
        })
    }

    fn signed(statement: &Value) -> Vec<u8> {
        serde_json::to_vec(&key().sign_statement(statement.to_string().as_bytes())).expect("JSON")
    }

    /// A statement that differs in one place.
    fn but(place: &str, value: Value) -> Vec<u8> {
        let mut statement = statement();
        *statement.pointer_mut(place).expect("a place") = value;
        signed(&statement)
    }

    #[test]
    fn it_is_0_only_when_all_of_it_is_verified_gone_by_this_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
        write("key", format!("{}\n", key().vkey()).as_bytes());
        let other = CheckpointKey::from_seed("curfew.test/audit", [4; 32]).expect("a key");
        write("other", other.vkey().as_bytes());
        write("whole", &signed(&statement()));
        let mut changed: Value = serde_json::from_slice(&signed(&statement())).expect("JSON");
        let payload = changed["payload"].as_str().expect("a text").replacen('e', "f", 1);
        changed["payload"] = payload.into();
        write("changed", changed.to_string().as_bytes());
        write("unverified", &but("/predicate/all_verified_gone", json!(false)));
        write("part", &but("/predicate/grants/0/verified", json!(false)));
        write("later", &but("/predicateType", json!("https://curfew.dev/attestation/run/v2")));
        write("elsewhere", &but("/predicate/audit/tree_size", json!(13)));
        write("note", key().sign(&Checkpoint { size: 1, root: TreeHash::of_leaf(b"x"), at: None }).as_bytes());
        for (file, with, exit, is_signed) in [
            ("whole", "key", Exit::Done, true),
            ("unverified", "key", Exit::No, true),
            ("part", "key", Exit::No, true),
            ("whole", "other", Exit::No, false),
            ("changed", "key", Exit::No, false),
            ("later", "key", Exit::No, true),
            ("elsewhere", "key", Exit::No, true),
            ("note", "key", Exit::No, false),
            ("key", "key", Exit::No, false),
            ("nothing", "key", Exit::WrongUse, false),
            (".", "key", Exit::WrongUse, false),
            ("whole", "nothing", Exit::WrongUse, false),
        ] {
            let (got, out, _) = run_in(folder.path(), &["--json", "pipeline", "verify", file, "--key", with]);
            assert_eq!(got, exit, "{file} {with}: {out}");
            let document: Value = serde_json::from_str(&out).expect("one document");
            assert_eq!(document["ok"] == true, exit == Exit::Done, "{document}");
            assert_eq!(document["signed"] == true, is_signed, "{document}");
            let is_ours = ["whole", "unverified", "part"].contains(&file) && is_signed;
            assert_eq!(document["statement"]["predicate"].is_object(), is_ours, "{document}");
        }
    }

    #[test]
    fn people_read_what_it_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
        let said = |file: &str| run_in(folder.path(), &["pipeline", "verify", file, "--key", &key().vkey()]).1;
        write("whole", &signed(&statement()));
        let whole = said("whole");
        for part in
            ["returned: everything", "github 77", "gitCommit:c0ffee25", "migrate", "services/db: read", "the policy"]
        {
            assert!(whole.contains(part), "{part}: {whole}");
        }
        let mut unread = statement();
        unread["predicate"]["all_verified_gone"] = json!(false);
        unread["predicate"]["grants"][0]["verified"] = json!(false);
        unread["predicate"]["grants"][0]["unverified_because"] = json!("no host reports");
        unread["predicate"]["grants_withheld"] = json!(2);
        write("unread", &signed(&unread));
        let unread = said("unread");
        assert!(unread.contains("not verified gone: grt_") && unread.contains(": no host reports"), "{unread}");
        assert!(!unread.contains("returned"), "{unread}");
    }
}
