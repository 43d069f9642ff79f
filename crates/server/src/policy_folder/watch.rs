//! Following a folder that changes: in force within seconds, or the old set stays and the reason is printed.

use super::{PolicyFolder, read};
use curfew_domain::Subject;
use curfew_engine::Engine;
use curfew_policy::SourceFile;
use std::sync::Arc;
use std::time::Duration;

/// How often the folder's names, lengths and times are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Every how many looks the bytes are compared as well: an edit may keep length and time.
const COMPARE_EVERY: u32 = 3;

/// Watches until it is dropped.
pub(crate) async fn watch(folder: Arc<PolicyFolder>, engine: Arc<Engine>) {
    let mut seen = None;
    let mut bytes: Option<Vec<SourceFile>> = read::files(&folder.path).ok();
    let mut complaint = String::new();
    for look in 1u32.. {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = read::fingerprint(&folder.path).ok();
        if now == seen && look % COMPARE_EVERY != 0 {
            continue;
        }
        seen = now;
        match read::files(&folder.path) {
            Ok(files) if bytes.as_ref() == Some(&files) => continue,
            Ok(files) => bytes = Some(files),
            Err(_) => bytes = None,
        }
        follow(&folder, &engine, &mut complaint).await;
    }
}

/// Puts what the folder says now in force, or says once why not.
async fn follow(folder: &Arc<PolicyFolder>, engine: &Engine, complaint: &mut String) {
    let reading = folder.clone();
    // Reading and compiling a large set takes seconds, which nobody else should wait for.
    let Ok(loaded) = tokio::task::spawn_blocking(move || reading.load()).await else { return };
    let because = match loaded {
        Ok(set) => {
            complaint.clear();
            let (before, version) = (engine.policy().version().to_owned(), set.version().to_owned());
            if before == version {
                return;
            }
            match engine.apply_policy(set, &Subject::system()).await {
                Ok(ended) => {
                    tracing::info!(policy_version = %version, grants_ended = ended.len(), "a new policy is in force");
                    return;
                }
                Err(error) => error.to_string(),
            }
        }
        Err(error) => error.to_string(),
    };
    if because != *complaint {
        tracing::error!("the policy in force stays: {because}");
        engine.refuse_policy(&because, &Subject::system()).await;
        *complaint = because;
    }
}
