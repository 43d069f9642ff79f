//! What a job presents to approvals that name it, hashed here: what somebody only says of a file counts for nothing.

use crate::failure::Failure;
use crate::machine::Machine;
use clap::Args;
use curfew_api::PresentedBody;
use curfew_domain::{ArtefactKind, Presented};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of a plan or manifest at most.
const LARGEST: u64 = 1 << 30;

/// The files that a job presents.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ArtefactArgs {
    /// Present this file to approvals that name a plan: it is hashed here
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Present the image with this manifest to approvals that name an image: the manifest is hashed here
    #[arg(long, value_name = "FILE")]
    image_digest_from: Option<PathBuf>,
}

impl ArtefactArgs {
    /// Whether there are any.
    pub(crate) fn are_any(&self) -> bool {
        self.plan.is_some() || self.image_digest_from.is_some()
    }

    /// What these files are now. They may be others when the wait for a verdict is over.
    ///
    /// # Errors
    /// When one cannot be read to its end.
    pub(crate) fn measured(&self, machine: &Machine) -> Result<Vec<PresentedBody>, Failure> {
        let files = [(ArtefactKind::Plan, &self.plan), (ArtefactKind::Image, &self.image_digest_from)];
        let files = files.into_iter().filter_map(|(kind, file)| Some((kind, file.as_ref()?)));
        files.map(|(kind, file)| measured(kind, &machine.path(file))).collect()
    }
}

/// How the job's log names it to those who approve: `plan sha256:...`.
pub(crate) fn named(presented: &PresentedBody) -> String {
    format!("{} sha256:{}", presented.kind.word(), presented.value)
}

/// The artefact that this file is.
///
/// # Errors
/// When it cannot be read to its end.
fn measured(kind: ArtefactKind, path: &Path) -> Result<PresentedBody, Failure> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let (mut file, mut hash) = (file.take(LARGEST + 1), Sha256::new());
    let mut buffer = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            n => {
                hash.update(&buffer[..n]);
                length += n as u64;
            }
        }
    }
    if length > LARGEST {
        return Err(Failure::wrong_use(format!("{} is larger than 1 GiB", path.display())));
    }
    Ok(PresentedBody { kind, value: hex::encode(hash.finalize()), by: Presented::Measured })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_content() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.out");
        std::fs::write(&path, "abc").expect("written");
        let presented = measured(ArtefactKind::Plan, &path).expect("read");
        // FIPS 180-2, appendix B.1.
        assert_eq!(presented.value, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(measured(ArtefactKind::Plan, &folder.path().join("nothing")).is_err());
    }

    #[test]
    fn what_is_presented_is_what_the_files_are_now() {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Machine::with(folder.path(), []);
        let args = ArtefactArgs { plan: Some("plan.out".into()), image_digest_from: Some("manifest.json".into()) };
        assert!(args.measured(&machine).is_err(), "neither is there");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("plan.out", "abc");
        write("manifest.json", "{}");
        let before = args.measured(&machine).expect("read");
        assert_eq!(before.iter().map(|p| p.kind).collect::<Vec<_>>(), [ArtefactKind::Plan, ArtefactKind::Image]);
        assert!(named(&before[0]).starts_with("plan sha256:ba7816bf"), "{}", named(&before[0]));
        write("plan.out", "abd");
        let after = args.measured(&machine).expect("read");
        assert_ne!(before[0].value, after[0].value);
        assert_eq!(before[1].value, after[1].value);
        assert_eq!(ArtefactArgs::default().measured(&machine).map(|all| all.len()), Ok(0));
    }
}
