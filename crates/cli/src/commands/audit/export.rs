//! `curfew audit export`: the whole log, byte for byte as it is hashed.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Voice};
use crate::session::{self, Session};
use crate::whole_file::{Readers, Replacement};
use clap::Args;
use curfew_api::Download;
use serde_json::json;
use std::path::PathBuf;

/// What `curfew audit export` takes.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Write a file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(context: &mut Context, args: ExportArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    match args.out {
        Some(path) => to_file(context, &session, &path).await?,
        None => to_stdout(context, &session).await?,
    }
    Ok(Exit::Done)
}

/// An export that breaks off leaves no file: without its last line it would not verify.
async fn to_file(context: &mut Context, session: &Session, path: &std::path::Path) -> Result<(), Failure> {
    let path = context.machine.path(path);
    let mut file = Replacement::begin(&context.machine, &path, &Readers::Owner)?;
    let mut lines = 0_u64;
    let mut download = session.client.audit_export().await.map_err(session::failure)?;
    while let Some(chunk) = download.chunk().await.map_err(session::failure)? {
        lines += chunk.iter().map(|b| u64::from(*b == b'\n')).sum::<u64>();
        file.write(&chunk)?;
    }
    file.finish()?;
    let events = lines.saturating_sub(1);
    let document = json!({"file": path.display().to_string(), "events": events});
    context.output.show(&document, |output, _| {
        output.note(&format!("{events} events written to {}", path.display()));
        Ok(())
    })
}

async fn to_stdout(context: &mut Context, session: &Session) -> Result<(), Failure> {
    let mut download = session.client.audit_export().await.map_err(session::failure)?;
    match context.output.voice() {
        Voice::Json => one_document(&mut context.output, &mut download).await,
        Voice::Human | Voice::Quiet => {
            while let Some(chunk) = download.chunk().await.map_err(session::failure)? {
                context.output.raw(&chunk)?;
                if context.output.is_unread() {
                    break;
                }
            }
            Ok(())
        }
    }
}

/// `{"events": [...], "checkpoint": "..."}`, written as it arrives: the log need not fit in memory.
async fn one_document(output: &mut Output, download: &mut Download) -> Result<(), Failure> {
    let mut shape = Shape::default();
    output.raw(b"{\"events\":[")?;
    while let Some(chunk) = download.chunk().await.map_err(session::failure)? {
        output.raw(&shape.take(&chunk))?;
    }
    output.raw(&shape.end())
}

/// Turns lines into one document. A line is written when the next one has come, because the last is another.
#[derive(Default)]
struct Shape {
    line: Vec<u8>,
    whole: Option<Vec<u8>>,
    events: u64,
}

impl Shape {
    fn take(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut written = Vec::new();
        for byte in chunk {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            if let Some(event) = self.whole.replace(std::mem::take(&mut self.line)) {
                let comma: &[u8] = if self.events > 0 { b"," } else { b"" };
                written.extend([comma, &event].concat());
                self.events += 1;
            }
        }
        written
    }

    /// The last line is `{"checkpoint":"..."}`; its one field becomes the document's.
    fn end(self) -> Vec<u8> {
        let last = self.whole.unwrap_or_default();
        let field = last.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or(b"\"checkpoint\":null");
        [b"],", field, b"}\n"].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn lines_become_one_document_however_they_arrive() {
        let lines = b"{\"seq\":0}\n{\"seq\":1}\n{\"checkpoint\":\"note\"}\n";
        for size in [1, 2, 7, 100] {
            let mut shape = Shape::default();
            let mut text = b"{\"events\":[".to_vec();
            for chunk in lines.chunks(size) {
                text.extend(shape.take(chunk));
            }
            text.extend(shape.end());
            let document: serde_json::Value = serde_json::from_slice(&text).expect("one document");
            assert_eq!(document["events"].as_array().map(Vec::len), Some(2));
            assert_eq!(document["checkpoint"], "note");
        }
    }
}
