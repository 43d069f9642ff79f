//! The story itself: policy, ask, approval, credential, end, and the same credential refused.

use super::print::Teller;
use super::stage::{Stage, binary, text};
use crate::process;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DEVELOPER: &str = "dev@example.com";
const LEAD: &str = "team-lead@example.com";
const ROLE: &str = "temporary-developer-debug";
/// The length of the grant whose end is shown.
const SHORT: &str = "15s";

/// Tells it, and fails at the first thing that is not as it should be.
pub(crate) fn tell(stage: &Stage) -> Result<()> {
    let tell = Teller::new();
    policy(stage, &tell)?;
    people(stage, &tell)?;
    let request = ask_and_approve(stage, &tell)?;
    let mut kept = use_the_database(stage, &tell, &request)?;
    super::sshd::story(stage, &tell)?;
    end(stage, &tell, &request, &mut kept)?;
    evidence(stage, &tell)
}

fn policy(stage: &Stage, tell: &Teller) -> Result<()> {
    tell.step("A role is a file in git");
    let file = stage.folder().join("policies/jit-access-policy.yaml");
    tell.shows(&std::fs::read_to_string(file)?);
    tell.types("anybody", "curfew policy check policies");
    let folder = stage.folder().join("policies").display().to_string();
    let checked = stage.try_run(DEVELOPER, &["policy", "check", &folder])?;
    ensure!(checked.code == Some(0), "the example policy does not check: {}{}", checked.out, checked.err);
    tell.shows(&(checked.out + &checked.err));
    Ok(())
}

fn people(stage: &Stage, tell: &Teller) -> Result<()> {
    tell.step("The server is up, with an embedded ledger and a private PostgreSQL");
    tell.shows(&format!("curfew dev --listen {} --policies policies", stage.url()));
    for who in [DEVELOPER, LEAD] {
        tell.types(who, &format!("curfew login --as {who}"));
        tell.shows(&stage.run(who, &["login", "--as", who])?);
    }
    Ok(())
}

fn ask_and_approve(stage: &Stage, tell: &Teller) -> Result<String> {
    tell.step("A developer asks, for seconds, and has nothing yet");
    let ask = ["request", ROLE, "--for", SHORT, "--reason", "orders are stuck since 9:40"];
    tell.types(DEVELOPER, &format!("curfew request {ROLE} --for {SHORT} --reason 'orders are stuck since 9:40'"));
    let request = stage.json(DEVELOPER, &ask)?;
    ensure!(request["state"] == "pending", "the request is {}", request["state"]);
    let id = text(&request, "id")?.to_owned();
    tell.shows(&stage.run(DEVELOPER, &["show", &id])?);
    let own = stage.try_run(DEVELOPER, &["approve", &id])?;
    ensure!(own.code == Some(3), "the developer could approve their own request: {:?}", own.code);
    tell.says("approving one's own request is refused");
    tell.step("The team lead hears of it, and approves");
    let mail = stage.post.mail_to(LEAD).context("the team lead had no mail")?;
    tell.says(&format!("a mail to {LEAD}:"));
    tell.shows(&mail.shown());
    tell.types(LEAD, &format!("curfew approve {id}"));
    tell.shows(&stage.run(LEAD, &["approve", &id])?);
    Ok(id)
}

/// What the developer still has when the hour has come.
struct Kept {
    session: Child,
    /// Where the database is, as whom, and a copy of the password.
    credential: Vec<(String, String)>,
}

fn use_the_database(stage: &Stage, tell: &Teller, id: &str) -> Result<Kept> {
    tell.step("The developer claims it: the secret is made here, PostgreSQL sees a verifier only");
    tell.types(DEVELOPER, &format!("curfew activate {id}"));
    let grant = stage.json(DEVELOPER, &["activate", id])?;
    ensure!(grant["state"] == "active", "the grant is {}", grant["state"]);
    tell.says(&format!("a role `{}` until {}", text(&grant["leases"][0], "handle")?, text(&grant, "expires_at")?));
    tell.step("The credential works: reading and writing, and nothing else");
    for sql in
        ["SELECT * FROM orders ORDER BY 1 LIMIT 2", "UPDATE orders SET state = 'shipped' WHERE customer = 'Grace'"]
    {
        tell.types(DEVELOPER, &format!("curfew connect {id} -- -c \"{sql}\""));
        tell.shows(&stage.run(DEVELOPER, &["connect", id, "--", "-X", "-c", sql])?);
    }
    let refused = stage.try_run(DEVELOPER, &["connect", id, "--", "-X", "-c", "DROP TABLE orders"])?;
    ensure!(refused.code != Some(0), "a table could be dropped");
    tell.types(DEVELOPER, &format!("curfew connect {id} -- -c \"DROP TABLE orders\""));
    tell.shows(&refused.err);
    tell.says("a session is left open and the password is copied, to see what becomes of them");
    Ok(Kept { session: open_session(stage, id)?, credential: credential(stage, id)? })
}

/// The variables of `curfew env`, with a copy of the password file that nobody will clear away.
fn credential(stage: &Stage, id: &str) -> Result<Vec<(String, String)>> {
    let printed = stage.json(DEVELOPER, &["env", id])?;
    let all = printed.as_object().context("`curfew env` prints no object")?;
    let mut variables = Vec::new();
    for (name, value) in all {
        let mut value = value.as_str().context("a variable is no text")?.to_owned();
        if name.ends_with("PGPASSFILE") {
            let copy = stage.folder().join("copied-password").display().to_string();
            std::fs::copy(&value, &copy)?;
            value = copy;
        }
        variables.push((name.clone(), value));
    }
    Ok(variables)
}

/// psql, waiting for its next statement.
fn open_session(stage: &Stage, id: &str) -> Result<Child> {
    let mut connect = stage.curfew(DEVELOPER, &["connect", id, "--", "-X", "-q", "-v", "ON_ERROR_STOP=1"]);
    connect.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut open = connect.spawn().context("cannot start curfew connect")?;
    let input = open.stdin.as_mut().context("psql has no input")?;
    writeln!(input, "SELECT 1;")?;
    Ok(open)
}

fn end(stage: &Stage, tell: &Teller, id: &str, kept: &mut Kept) -> Result<()> {
    tell.step("Its hour comes");
    let request = stage.json(DEVELOPER, &["show", id])?;
    let grant = text(&request, "grant_id")?.to_owned();
    let shown = wait(stage, &grant, Duration::from_secs(25))?;
    tell.types(DEVELOPER, &format!("curfew show {grant}"));
    tell.shows(&stage.run(DEVELOPER, &["show", &grant])?);
    ensure!(shown["end_cause"] == "expired", "it ended because: {}", shown["end_cause"]);
    ensure!(shown["verified"] == true, "the end is not verified");
    tell.says("PostgreSQL was read: no role, no session, nothing left");
    is_closed(&mut kept.session)?;
    tell.says("the session that was open is closed");
    tell.step("The same credential is refused, by PostgreSQL itself");
    tell.types(DEVELOPER, "psql -c 'SELECT 1'   # with the copied password");
    let mut psql = Command::new("psql");
    psql.args(["-X", "-w", "-c", "SELECT 1"]).envs(kept.credential.iter().cloned());
    let refused = psql.stdin(Stdio::null()).output().context("cannot start psql")?;
    ensure!(!refused.status.success(), "the credential still works");
    tell.shows(&String::from_utf8_lossy(&refused.stderr));
    Ok(())
}

fn is_closed(session: &mut Child) -> Result<()> {
    // psql finds out when it says something; a broken pipe means that it has left already.
    if let Some(mut input) = session.stdin.take() {
        drop(writeln!(input, "SELECT 2;"));
    }
    let begun = Instant::now();
    loop {
        if let Some(status) = session.try_wait()? {
            ensure!(!status.success(), "the open session went on working");
            return Ok(());
        }
        ensure!(begun.elapsed() < Duration::from_secs(10), "the open session is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait(stage: &Stage, grant: &str, limit: Duration) -> Result<Value> {
    let begun = Instant::now();
    loop {
        let shown = stage.json(DEVELOPER, &["show", grant])?;
        if shown["state"] == "ended" {
            return Ok(shown);
        }
        if begun.elapsed() > limit {
            bail!("the grant is still {}", shown["state"]);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn evidence(stage: &Stage, tell: &Teller) -> Result<()> {
    tell.step("All of it is evidence that nobody can quietly rewrite");
    let file = stage.folder().join("audit.jsonl").display().to_string();
    let key = stage.run(LEAD, &["audit", "key"])?;
    let key = key.trim();
    tell.types(LEAD, "curfew audit export --out audit.jsonl");
    stage.run(LEAD, &["audit", "export", "--out", &file])?;
    tell.types("anybody", &format!("curfew audit verify audit.jsonl --key {key}"));
    let verified = stage.try_run(LEAD, &["audit", "verify", &file, "--key", key])?;
    ensure!(verified.code == Some(0), "the log does not verify: {}{}", verified.out, verified.err);
    tell.shows(&(verified.out + &verified.err));
    tell.types("anybody", "python3 docs/verify_audit.py audit.jsonl KEY");
    let mut python = Command::new("python3");
    tell.shows(&process::quiet(python.arg(process::root().join("docs/verify_audit.py")).args([&file, key]))?);
    let text = std::fs::read_to_string(&file)?.replacen("orders are stuck", "orders were fine", 1);
    std::fs::write(&file, text)?;
    let mut verify = Command::new(binary());
    let forged = verify.args(["audit", "verify", &file, "--key", key]).output()?;
    ensure!(forged.status.code() == Some(1), "a changed log verifies");
    tell.says("with one word changed in it, the same check fails:");
    tell.shows(&String::from_utf8_lossy(&[forged.stdout, forged.stderr].concat()));
    Ok(())
}
