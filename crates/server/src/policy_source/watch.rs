//! What goes on by itself: a folder is looked at for changes, a branch is fetched, and how old the policy may be is
//! watched.

use super::{By, PolicyDesk, Wanted, read};
use curfew_policy::SourceFile;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the folder's names, lengths and times are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Every how many looks the bytes are compared as well: an edit may keep length and time.
const COMPARE_EVERY: u32 = 3;
/// How often a branch is fetched from somebody else's machine.
const FETCH_EVERY: Duration = Duration::from_secs(30);
/// How often from this one.
const FETCH_HERE_EVERY: Duration = Duration::from_secs(2);
/// How often the age of the policy is looked at.
const AGE_EVERY: Duration = Duration::from_secs(1);

/// Watches a folder until it is dropped.
pub(crate) async fn watch(folder: PathBuf, desk: Arc<PolicyDesk>) {
    let mut seen = None;
    let mut bytes: Option<Vec<SourceFile>> = read::files(&folder).ok();
    for look in 1u32.. {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = read::fingerprint(&folder).ok();
        if now == seen && look % COMPARE_EVERY != 0 {
            continue;
        }
        seen = now;
        match read::files(&folder) {
            Ok(files) if bytes.as_ref() == Some(&files) => continue,
            Ok(files) => bytes = Some(files),
            Err(_) => bytes = None,
        }
        look_again(&desk).await;
    }
}

/// Puts in force what there is. Why not is said, and written down, where it is found out; that all is well again would
/// be said by nobody where it is what was in force before.
async fn look_again(desk: &PolicyDesk) {
    let was_in_trouble = desk.trouble().is_some();
    let applied = desk.apply(Wanted::Tip, &By::Itself, None).await;
    let Ok(report) = applied else { return };
    if was_in_trouble && desk.trouble().is_none() && report.before == desk.in_force().await.0.version() {
        tracing::info!("nothing is wrong with the policy any more; it is the one in force");
    }
}

/// Follows a branch until it is dropped. `rounds` counts how often it was looked at.
pub(crate) async fn follow(desk: Arc<PolicyDesk>, rounds: watch::Sender<u64>) {
    let Some(follower) = desk.follower() else { return std::future::pending().await };
    let every = if follower.branch().remote.is_here() { FETCH_HERE_EVERY } else { FETCH_EVERY };
    let fetching = async {
        loop {
            look_again(&desk).await;
            rounds.send_modify(|rounds| *rounds += 1);
            tokio::time::sleep(every).await;
        }
    };
    // A repository that does not answer keeps the fetch busy; the age goes on.
    let ageing = async {
        loop {
            desk.judge_age();
            tokio::time::sleep(AGE_EVERY).await;
        }
    };
    tokio::join!(fetching, ageing);
}
