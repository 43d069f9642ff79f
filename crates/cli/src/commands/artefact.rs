//! What a job presents to approvals that name it, hashed here: what somebody only says of a file counts for nothing.

use crate::failure::Failure;
use curfew_api::PresentedBody;
use curfew_domain::{ArtefactKind, Presented};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// Bytes of a plan or manifest at most.
const LARGEST: u64 = 1 << 30;

/// The artefact that this file is.
///
/// # Errors
/// When it cannot be read to its end.
pub(crate) fn measured(kind: ArtefactKind, path: &Path) -> Result<PresentedBody, Failure> {
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
}
