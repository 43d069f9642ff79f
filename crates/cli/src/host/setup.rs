//! `curfew host setup`: what sshd must be told.

use super::Place;
use super::folder::{Folder, Mapping, Membership, Readable};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::canonical;
use clap::Args;
use curfew_domain::ResourceName;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A revocation list without entries: valid, and refuses nothing (PROTOCOL.krl of OpenSSH).
const NO_ENTRIES: &[u8] = b"SSHKRL\n\0\0\0\0\x01\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// What `curfew host setup` takes; the server is the one that --server names.
#[derive(Debug, Clone, Args)]
pub(crate) struct SetupArgs {
    #[command(flatten)]
    place: Place,
    /// The resource whose host this is
    #[arg(long, value_name = "R")]
    resource: String,
    /// Make the folder, with everything sshd needs to be reloaded safely
    #[arg(long)]
    write: bool,
}

/// Prints the lines; writes the folder when asked to.
pub(super) fn run(context: &mut Context, args: &SetupArgs) -> Result<Exit, Failure> {
    let server = context.server.clone().or_else(|| context.machine.var("CURFEW_SERVER"));
    let server = server.ok_or_else(|| Failure::wrong_use("which server? --server URL"))?;
    let resource = ResourceName::new(args.resource.as_str()).map_err(|e| Failure::wrong_use(e.to_string()))?;
    let membership = Membership { server: canonical(&server)?, resource: resource.to_string() };
    let folder = Folder::new(&context.machine, &args.place.dir);
    let program = std::env::current_exe();
    let program = program.map_err(|e| Failure::unavailable(format!("cannot tell where this program is: {e}")))?;
    for unsafe_path in [program.as_path(), &folder.path("")].into_iter().filter_map(unsafe_part) {
        context
            .output
            .warn(&format!("{unsafe_path} must belong to root and be writable by nobody else, or sshd refuses it"));
    }
    if args.write {
        write(&folder, &membership)?;
    }
    context.output.raw(lines(&folder, &program)?.as_bytes())?;
    let token = folder.token();
    context.output.note(&format!(
        "next: put the host's token into {}, mode 0600; start `curfew host run`; put these lines into \
         /etc/ssh/sshd_config.d/curfew.conf; then `sshd -t && systemctl reload ssh`",
        token.display()
    ));
    Ok(Exit::Done)
}

/// The revocation list first: sshd lets nobody in by key, the administrator included, while it is missing.
fn write(folder: &Folder, membership: &Membership) -> Result<(), Failure> {
    folder.make()?;
    for (path, content) in [(folder.revocation_list(), NO_ENTRIES), (folder.authorities(), b"")] {
        if !path.exists() {
            folder.write(&path, content, Readable::ByAll)?;
        }
    }
    if folder.mapping()?.is_none() {
        folder.write_mapping(&Mapping::default())?;
    }
    folder.write_membership(membership)
}

fn lines(folder: &Folder, program: &Path) -> Result<String, Failure> {
    let (program, dir) = (plain(program)?, folder.path(""));
    let dir = plain(&dir)?.trim_end_matches('/');
    Ok(format!(
        "TrustedUserCAKeys {}\n\
         RevokedKeys {}\n\
         AuthorizedPrincipalsCommand {program} host principals --dir {dir} -- %u %U %s %i\n\
         AuthorizedPrincipalsCommandUser root\n",
        plain(&folder.authorities())?,
        plain(&folder.revocation_list())?,
    ))
}

/// A path that sshd reads as one word.
fn plain(path: &Path) -> Result<&str, Failure> {
    let text =
        path.to_str().filter(|t| t.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'%' | b'#')));
    text.ok_or_else(|| Failure::wrong_use(format!("{} cannot stand in sshd_config", path.display())))
}

/// The first part of a path that others than root could change.
fn unsafe_part(path: &Path) -> Option<String> {
    let is_unsafe = |part: &&Path| std::fs::metadata(part).is_ok_and(|m| m.uid() != 0 || m.mode() & 0o022 != 0);
    path.ancestors().filter(|p| !p.as_os_str().is_empty()).find(is_unsafe).map(|p| p.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    #[test]
    fn the_lines_name_the_folder() {
        let folder = Folder::new(&Machine::here(), Path::new("/etc/ssh/curfew"));
        let lines = lines(&folder, Path::new("/usr/local/bin/curfew")).expect("lines");
        assert_eq!(
            lines,
            "TrustedUserCAKeys /etc/ssh/curfew/authorities.pub\n\
             RevokedKeys /etc/ssh/curfew/revoked.krl\n\
             AuthorizedPrincipalsCommand /usr/local/bin/curfew host principals --dir /etc/ssh/curfew -- %u %U %s %i\n\
             AuthorizedPrincipalsCommandUser root\n"
        );
        assert!(plain(Path::new("/a b")).is_err() && plain(Path::new("/a%u")).is_err());
    }

    #[test]
    fn a_written_folder_is_safe_to_reload_with() {
        let base = tempfile::tempdir().expect("a folder");
        let folder = Folder::new(&Machine::here(), &base.path().join("curfew"));
        let membership = Membership { server: "https://curfew.example.com".into(), resource: "hosts/web".into() };
        write(&folder, &membership).expect("written");
        assert_eq!(std::fs::read(folder.revocation_list()).expect("there"), NO_ENTRIES);
        assert_eq!(NO_ENTRIES.len(), 44);
        assert_eq!(folder.membership().expect("there"), membership);
        std::fs::write(folder.revocation_list(), b"SSHKRL\n\0 with entries").expect("written");
        write(&folder, &membership).expect("again");
        assert_ne!(std::fs::read(folder.revocation_list()).expect("there"), NO_ENTRIES, "never emptied");
    }
}
