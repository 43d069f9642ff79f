//! What sshd runs for each login with a certificate: which principals may enter the account.
//!
//! The order is what makes an end certain: first the session is written down, then it is asked whether the
//! lease has ended. The agent does the reverse, first saying that it has ended and then looking for sessions,
//! so that one of the two always sees the other.

use super::folder::{Folder, Mapping, Record};
use super::{Place, connection, processes};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use clap::Args;
use curfew_domain::{Id, Lease, Timestamp};

/// What sshd passes: its tokens %u, %U, %s and %i (sshd_config(5)).
#[derive(Debug, Clone, Args)]
pub(crate) struct PrincipalsArgs {
    #[command(flatten)]
    place: Place,
    /// The account (%u)
    account: String,
    /// The account's number (%U)
    uid: u32,
    /// The certificate's serial (%s)
    serial: u64,
    /// The certificate's key id (%i)
    key_id: String,
}

/// Prints the principals, one a line; refuses with exit 1, which sshd takes for none.
pub(super) fn run(context: &mut Context, args: &PrincipalsArgs) -> Result<Exit, Failure> {
    let folder = Folder::new(&context.machine, &args.place.dir);
    if !folder.is_watched() {
        return Err(no("`curfew host run` is not running, and nobody would end the session"));
    }
    let expires_at = expiry(&args.key_id).ok_or_else(|| no("the certificate's key id is not one of ours"))?;
    let wanted = allowed(&mapping(&folder)?, &args.account);
    if wanted.is_empty() {
        return Err(no("nobody may enter this account with a certificate"));
    }
    folder.record(&record(args, expires_at)?)?;
    let mapping = mapping(&folder)?;
    if mapping.ended.contains(&args.serial) {
        return Err(no("the lease of this certificate was ended"));
    }
    if context.machine.now() >= expires_at {
        return Err(no("the certificate has expired"));
    }
    let lines: String = allowed(&mapping, &args.account).iter().map(|p| format!("{p}\n")).collect();
    context.output.raw(lines.as_bytes())?;
    Ok(Exit::Done)
}

fn no(message: &str) -> Failure {
    Failure::no("refused", message)
}

fn mapping(folder: &Folder) -> Result<Mapping, Failure> {
    folder.mapping()?.ok_or_else(|| no("the server has not yet said who may enter"))
}

/// The principals that may enter the account.
fn allowed(mapping: &Mapping, account: &str) -> Vec<String> {
    let entering = mapping.principals.iter().filter(|(_, accounts)| accounts.iter().any(|a| a == account));
    // One line each: nothing that sshd could read as options or as a second line.
    let plain = |p: &String| p.starts_with("cf:") && p.bytes().all(|b| b.is_ascii_graphic());
    entering.map(|(principal, _)| principal.clone()).filter(plain).collect()
}

/// The expiry that the authority signed into the key id: `curfew:INSTALLATION:LEASE:UNIX-SECONDS WHO`.
fn expiry(key_id: &str) -> Option<Timestamp> {
    let marker = key_id.split(' ').next()?;
    let mut parts = marker.strip_prefix("curfew:")?.split(':');
    let (_installation, lease, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    lease.parse::<Id<Lease>>().ok()?;
    let seconds = seconds.parse::<i64>().ok()?;
    parts.next().is_none().then(|| Timestamp::from_millis(seconds.saturating_mul(1_000)))
}

/// The sshd process that asks is the one that will serve the session.
fn record(args: &PrincipalsArgs, expires_at: Timestamp) -> Result<Record, Failure> {
    let parent = rustix::process::getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
    let seen = parent.and_then(|pid| Some((pid, processes::look(pid)?)));
    let Some((pid, sshd)) = seen.filter(|(_, p)| processes::is_sshd(&p.name)) else {
        return Err(no("only sshd may ask: the session that is opened has to be known"));
    };
    let boot = processes::boot().map_err(|error| no(&format!("cannot tell which boot this is: {error}")))?;
    Ok(Record {
        boot,
        pid,
        start: sshd.start,
        serial: args.serial,
        key_id: args.key_id.chars().take(1_024).collect(),
        expires_at,
        account: args.account.clone(),
        uid: args.uid,
        connection: connection::of(pid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_stands_in_the_key_id() {
        let lease = Id::<Lease>::from_u128(7);
        let good = format!("curfew:0123456789abcdef:{lease}:1700000000 ann@example.com");
        assert_eq!(expiry(&good), Some(Timestamp::from_millis(1_700_000_000_000)));
        for bad in ["", "ann", "curfew:x:lse_1:1", &good.replace("1700000000", "soon"), &good.replace(' ', ":1 ")] {
            assert_eq!(expiry(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_the_principals_of_the_account_are_named() {
        let mapping = Mapping {
            principals: [
                ("cf:hosts/web:shell".to_owned(), vec!["deploy".to_owned()]),
                ("cf:hosts/web:root".to_owned(), vec!["root".to_owned()]),
                ("cf:hosts/web:x\ncommand=\"id\"".to_owned(), vec!["deploy".to_owned()]),
                ("deploy".to_owned(), vec!["deploy".to_owned()]),
            ]
            .into(),
            ended: [].into(),
            mark: None,
        };
        assert_eq!(allowed(&mapping, "deploy"), ["cf:hosts/web:shell"]);
        assert_eq!(allowed(&mapping, "nobody"), Vec::<String>::new());
    }
}
