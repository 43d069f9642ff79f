//! `curfew host sessions`: who is in with a certificate of ours.

use super::folder::{Folder, Record};
use super::{Place, ending};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Table;
use serde_json::json;

pub(super) fn run(context: &mut Context, place: &Place) -> Result<Exit, Failure> {
    let sessions = ending::open(&Folder::new(&context.machine, &place.dir))?;
    let document = |r: &Record| {
        json!({"serial": r.serial, "pid": r.pid, "account": r.account, "key_id": r.key_id, "expires_at": r.expires_at,
            "connection": r.connection})
    };
    let documents: Vec<_> = sessions.iter().map(document).collect();
    context.output.show(&documents, |output, _| {
        let mut table = Table::new(&["PID", "ACCOUNT", "SERIAL", "EXPIRES", "CERTIFICATE"], "no sessions");
        for r in &sessions {
            let cells = [r.pid.to_string(), r.account.clone(), r.serial.to_string(), r.expires_at.to_string()];
            table.row(cells.into_iter().chain([r.key_id.clone()]));
        }
        table.print(output)
    })?;
    Ok(Exit::Done)
}
