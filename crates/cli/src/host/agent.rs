//! `curfew host run`: asks what to do, does it, and reports.
//!
//! It ends sessions by the host's own clock too, so that a server that cannot be reached lengthens nothing.

use super::folder::{Folder, Mapping, Readable, Record, read_token};
use super::{Place, ending};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::session::canonical;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use curfew_api::{Client, ClientError, HostDutiesView, HostReportBody, HostSessionBody, LedgerMarkView};
use secrecy::ExposeSecret;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

/// Between looks at sessions whose certificate may have expired.
const TICK: Duration = Duration::from_millis(250);
/// Between two questions at the least.
const GAP: Duration = Duration::from_millis(100);
/// After a question that was not answered.
const AFTER_FAILURE: Duration = Duration::from_millis(700);
/// How long an answer may take; the server waits 4 s for something to do.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// How long an agent that ended a moment ago may keep the folder.
const CLAIM_TRIES: u32 = 20;

/// What every revocation list begins with.
const LIST_MAGIC: &[u8] = b"SSHKRL\n\0";

struct Agent {
    folder: Folder,
    client: Client,
    machine: Machine,
    ended: BTreeSet<u64>,
    /// How far the server's ledger had come when it last said what to do.
    mark: Option<LedgerMarkView>,
    /// The last thing that was said about the server, so that it is said once.
    said: String,
}

/// Runs until it is told to stop.
pub(super) async fn run(context: &mut Context, place: &Place) -> Result<Exit, Failure> {
    let folder = Folder::new(&context.machine, &place.dir);
    let membership = folder.membership()?;
    let token = read_token(&folder.token())?;
    let client = Client::new(&canonical(&membership.server)?, Some(token.expose_secret().to_owned()));
    let client = client.map_err(crate::session::failure)?;
    folder.make()?;
    let _claim = claim(&folder).await?;
    let Mapping { ended, mark, .. } = folder.mapping()?.unwrap_or_default();
    let mut agent = Agent { folder, client, machine: context.machine.clone(), ended, mark, said: String::new() };
    let stop = |kind| signal(kind).map_err(|e| Failure::unavailable(format!("cannot hear signals: {e}")));
    let (mut terminate, mut interrupt) = (stop(SignalKind::terminate())?, stop(SignalKind::interrupt())?);
    loop {
        tokio::select! {
            () = asked_to_stop(&mut terminate, &mut interrupt) => return Ok(Exit::Done),
            said = agent.round() => agent.say(said),
        }
    }
}

async fn asked_to_stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn claim(folder: &Folder) -> Result<std::fs::File, Failure> {
    for _ in 1..CLAIM_TRIES {
        if let Ok(claim) = folder.claim() {
            return Ok(claim);
        }
        sleep(GAP).await;
    }
    folder.claim()
}

impl Agent {
    /// One question and what follows from the answer, with a look at the hour meanwhile.
    async fn round(&mut self) -> Result<(), Failure> {
        let asked = async {
            let sessions = self.enforce().await?;
            let report = self.report(&sessions);
            let mut answer = Box::pin(timeout(ANSWER_WITHIN, self.client.ssh_sync(&report)));
            loop {
                tokio::select! {
                    answer = &mut answer => return answered(answer),
                    () = sleep(TICK) => { self.enforce().await?; }
                }
            }
        };
        let done = match asked.await {
            Ok(duties) => self.obey(&duties),
            Err(failure) => Err(failure),
        };
        sleep(if done.is_ok() { GAP } else { AFTER_FAILURE }).await;
        done
    }

    /// Ends what must not be open, by the server's word or by the hour; gives what is open after that.
    async fn enforce(&self) -> Result<Vec<Record>, Failure> {
        let open = ending::open(&self.folder)?;
        let now = self.machine.now();
        let over: Vec<&Record> =
            open.iter().filter(|r| self.ended.contains(&r.serial) || r.expires_at <= now).collect();
        if over.is_empty() {
            return Ok(open);
        }
        for record in &over {
            log(&format!("ending session {} of `{}` (serial {})", record.pid, record.account, record.serial));
        }
        ending::end(&over).await;
        ending::open(&self.folder)
    }

    /// Writes what the server said. The mapping goes first: `principals` looks there for what has ended.
    fn obey(&mut self, duties: &HostDutiesView) -> Result<(), Failure> {
        let list = STANDARD.decode(&duties.revocation_list).ok().filter(|list| list.starts_with(LIST_MAGIC));
        let list = list.ok_or_else(|| Failure::unavailable("the server sent no revocation list; the old one stays"))?;
        let authorities = authorities(duties)?;
        let ended: BTreeSet<u64> = duties.end_serials.iter().copied().collect();
        let mark = Some(duties.mark.clone());
        let mapping = Mapping { principals: duties.principals.clone(), ended: ended.clone(), mark: mark.clone() };
        self.folder.write_mapping(&mapping)?;
        self.ended = ended;
        self.folder.write(&self.folder.revocation_list(), &list, Readable::ByAll)?;
        self.folder.write(&self.folder.authorities(), authorities.as_bytes(), Readable::ByAll)?;
        self.mark = mark;
        Ok(())
    }

    fn report(&self, sessions: &[Record]) -> HostReportBody {
        let session = |r: &Record| HostSessionBody {
            serial: r.serial,
            pid: r.pid,
            account: r.account.clone(),
            key_id: r.key_id.clone(),
        };
        HostReportBody {
            revocation_list_sha256: self.folder.list_hash(),
            at: self.machine.now(),
            sessions: sessions.iter().map(session).collect(),
            mark: self.mark.clone(),
        }
    }

    /// Says how it goes, once for each change.
    fn say(&mut self, outcome: Result<(), Failure>) {
        let text = match outcome {
            Ok(()) => "the server is reached; the revocation list is fresh".to_owned(),
            Err(failure) => format!("{}; what was known before stays in force", failure.message),
        };
        if text != self.said {
            log(&text);
            self.said = text;
        }
    }
}

fn answered(
    answer: Result<Result<HostDutiesView, ClientError>, tokio::time::error::Elapsed>,
) -> Result<HostDutiesView, Failure> {
    match answer {
        Ok(answer) => answer.map_err(crate::session::failure),
        Err(_) => Err(Failure::unavailable("the server does not answer")),
    }
}

/// The lines for `TrustedUserCAKeys`: plain keys, and nothing that could be read as another line.
fn authorities(duties: &HostDutiesView) -> Result<String, Failure> {
    let plain = |key: &str| key.starts_with("ssh-ed25519 ") && !key.chars().any(char::is_control);
    if duties.authorities.is_empty() || !duties.authorities.iter().all(|a| plain(&a.public_key)) {
        return Err(Failure::unavailable("the server sent no usable authority; the old ones stay"));
    }
    Ok(duties.authorities.iter().map(|a| format!("{}\n", a.public_key)).collect())
}

/// The agent's own log is standard error, which systemd keeps. It holds no secret.
fn log(text: &str) {
    eprintln!("curfew host: {}", curfew_domain::text::visible(text));
}
