//! `curfew audit verify`: whether an export is whole, told offline from its bytes and the key alone.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use clap::Args;
use curfew_domain::audit::export::{EXPORT_LINE_BYTES, read_witness};
use curfew_domain::audit::{Checkpoint, ExportError, ExportVerifier, Truncation, Verdict, VerifierKey};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// More than a vkey has.
const KEY_FILE_BYTES: u64 = 4 * 1024;
/// More than any list of checkpoints; an older export may be larger and is better named by `--at-least`.
const WITNESS_BYTES: u64 = 256 << 20;

/// What `curfew audit verify` takes.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The export
    file: PathBuf,
    /// The key, as `curfew audit key` prints it, or a file that holds it
    #[arg(long, value_name = "KEY")]
    key: String,
    /// A checkpoint that was kept elsewhere, or a file of them (repeatable); excludes truncation before it
    #[arg(long = "witness", value_name = "FILE")]
    witnesses: Vec<PathBuf>,
    /// The log is known to have had this many events
    #[arg(long, value_name = "SIZE")]
    at_least: Option<u64>,
}

pub(crate) fn run(context: &mut Context, args: VerifyArgs) -> Result<Exit, Failure> {
    let key = read_key(context, &args.key)?;
    let mut witnesses = Vec::new();
    for path in &args.witnesses {
        witnesses.extend(witness(context, path, &key)?);
    }
    let path = context.machine.path(&args.file);
    let file = open(&path)?;
    let verdict = verify(BufReader::with_capacity(1 << 16, file), ExportVerifier::new(key, witnesses, args.at_least));
    let verdict = verdict.map_err(|error| Failure::file("read", &path, &error))?;
    context.output.show(&document(&verdict), |output, _| match &verdict {
        Ok(whole) => output.line(&whole.to_string()),
        Err(why) => output.line(&format!("not whole: {why}")),
    })?;
    Ok(if verdict.is_ok() { Exit::Done } else { Exit::No })
}

fn document(verdict: &Result<Verdict, ExportError>) -> Value {
    match verdict {
        Ok(whole) => {
            let excluded = match whole.truncation {
                Truncation::NotExcluded => Value::Null,
                Truncation::ExcludedUpTo(size) => size.into(),
            };
            json!({
                "ok": true, "size": whole.size, "root": whole.root.to_string(), "at": whole.at,
                "truncation_excluded_up_to": excluded, "message": whole.to_string(),
            })
        }
        // The same fields, so that a script need not ask which there are; nothing is known of a log that is not whole.
        Err(why) => json!({
            "ok": false, "size": null, "root": null, "at": null, "truncation_excluded_up_to": null,
            "message": why.to_string(),
        }),
    }
}

/// A key as text, or the file that holds it: no key is also the path of a file that anybody has.
pub(crate) fn read_key(context: &Context, text: &str) -> Result<VerifierKey, Failure> {
    if let Ok(key) = VerifierKey::parse(text.trim()) {
        return Ok(key);
    }
    let path = context.machine.path(Path::new(text));
    let read = File::open(&path).and_then(|file| {
        let mut text = String::new();
        file.take(KEY_FILE_BYTES).read_to_string(&mut text).map(|_| text)
    });
    let text = read.map_err(|_| {
        Failure::wrong_use("--key is neither a key nor a file that holds one")
            .hint("it is what `curfew audit key` prints")
    })?;
    VerifierKey::parse(text.trim()).map_err(|error| Failure::wrong_use(format!("{}: {error}", path.display())))
}

fn witness(context: &Context, path: &Path, key: &VerifierKey) -> Result<Vec<Checkpoint>, Failure> {
    let path = context.machine.path(path);
    let mut bytes = Vec::new();
    let read = open(&path)?.take(WITNESS_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file("read", &path, &error))?;
    if bytes.len() as u64 > WITNESS_BYTES {
        return Err(Failure::wrong_use(format!("{} is too large for a witness", path.display())));
    }
    read_witness(&bytes, key).map_err(|error| Failure::wrong_use(format!("{}: {error}", path.display())))
}

pub(crate) fn open(path: &Path) -> Result<File, Failure> {
    let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
    let is_folder = file.metadata().is_ok_and(|about| about.is_dir());
    if is_folder { Err(Failure::wrong_use(format!("{} is a folder", path.display()))) } else { Ok(file) }
}

/// Reads line by line; no line is held that is longer than one may be.
fn verify(mut reader: impl BufRead, mut verifier: ExportVerifier) -> std::io::Result<Result<Verdict, ExportError>> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = EXPORT_LINE_BYTES as u64 + 1;
        if reader.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(verifier.finish());
        }
        if let Err(why) = verifier.line(&line) {
            return Ok(Err(why));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::exit::Exit;
    use crate::program::tests::run_in;
    use curfew_domain::audit::export::checkpoint_line;
    use curfew_domain::audit::{AuditAction, AuditEvent, Checkpoint, CheckpointKey, Frontier};
    use curfew_domain::{Subject, Timestamp};

    fn export(events: u64) -> Vec<u8> {
        let (mut bytes, mut tree) = (Vec::new(), Frontier::new());
        let at = Timestamp::from_millis(1_772_445_600_000);
        for seq in 0..events {
            let sealed = AuditEvent::new(at, Subject::system(), AuditAction::LeaseIssued).seal(seq);
            tree.append(sealed.leaf().expect("a hash"));
            bytes.extend([sealed.to_line(), b"\n".to_vec()].concat());
        }
        bytes.extend([checkpoint_line(&key().sign(&Checkpoint::of(&tree, at))), b"\n".to_vec()].concat());
        bytes
    }

    fn key() -> CheckpointKey {
        CheckpointKey::from_seed("curfew.test/audit", [3; 32]).expect("a key")
    }

    #[test]
    fn whole_not_whole_and_unreadable() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
        let bytes = export(5);
        write("whole", &bytes);
        write("key", format!("{}\n", key().vkey()).as_bytes());
        write("short", &export(3));
        let mut changed = bytes.clone();
        changed[40] ^= 1;
        write("changed", &changed);
        let vkey = key().vkey();
        for (args, exit) in [
            (vec!["whole", "--key", &vkey], Exit::Done),
            (vec!["whole", "--key", "key"], Exit::Done),
            (vec!["whole", "--key", "key", "--witness", "short", "--at-least", "5"], Exit::Done),
            (vec!["short", "--key", "key"], Exit::Done),
            (vec!["short", "--key", "key", "--witness", "whole"], Exit::No),
            (vec!["short", "--key", "key", "--at-least", "4"], Exit::No),
            (vec!["changed", "--key", "key"], Exit::No),
            (vec!["key", "--key", "key"], Exit::No),
            (vec!["whole", "--key", "whole"], Exit::WrongUse),
            (vec!["whole", "--key", "nothing"], Exit::WrongUse),
            (vec!["nothing", "--key", "key"], Exit::WrongUse),
            (vec![".", "--key", "key"], Exit::WrongUse),
            (vec!["whole", "--key", "key", "--witness", "key"], Exit::WrongUse),
        ] {
            let (got, out, _) = run_in(folder.path(), &[&["--json", "audit", "verify"], args.as_slice()].concat());
            assert_eq!(got, exit, "{args:?}: {out}");
            let document: serde_json::Value = serde_json::from_str(&out).expect("one document");
            assert_eq!(document["ok"] == true, exit == Exit::Done, "{document}");
            if exit != Exit::WrongUse {
                let fields: Vec<_> = document.as_object().expect("an object").keys().map(String::as_str).collect();
                let promised = ["at", "message", "ok", "root", "size", "truncation_excluded_up_to"];
                assert!(promised.iter().all(|field| fields.contains(field)), "{document}");
            }
        }
    }

    #[test]
    fn truncation_is_spoken_of() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("whole"), export(5)).expect("written");
        let (_, out, _) = run_in(folder.path(), &["audit", "verify", "whole", "--key", &key().vkey()]);
        assert!(out.contains("truncation not excluded"), "{out}");
    }
}
