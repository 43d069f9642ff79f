//! Random sequences of commits, taken by both backends: they must answer alike, whatever is asked.

use crate::build::*;
use crate::{Bed, check, commit, wait};
use curfew_domain::{Grant, Lease, Request, Run, RunEnd, Timestamp};
use curfew_engine::seams::store::{
    Beat, Change, CommitError, Ended, GrantFilter, Over, Page, RequestFilter, RunFilter, Store,
};
use curfew_store::MemoryStore;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// One commit: what kind, of which noun, and how many steps behind the newest state it is made from.
type Op = (u8, u8, u8);

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let stale = prop_oneof![6 => Just(0u8), 1 => 1u8..4];
    prop::collection::vec((0u8..24, any::<u8>(), stale), 1..80)
}

/// Every state that was ever committed, by noun.
#[derive(Default)]
struct World {
    second: u64,
    requests: Vec<Vec<Request>>,
    grants: Vec<Vec<Grant>>,
    leases: Vec<Vec<Lease>>,
    runs: Vec<Vec<Run>>,
}

fn pick<T: Clone>(all: &[Vec<T>], which: u8, stale: u8) -> Option<T> {
    let versions = all.get(usize::from(which) % all.len().max(1))?;
    versions.get(versions.len().saturating_sub(1 + usize::from(stale))).cloned()
}

impl World {
    fn now(&self) -> Timestamp {
        at(self.second)
    }

    /// The changes of an operation; none when no noun takes that step.
    fn changes(&self, (kind, which, stale): Op) -> Option<Vec<Change>> {
        let (n, now, w) = (self.second, self.now(), which);
        let who = ["ann", "bob", "cid"][usize::from(w) % 3];
        let name = format!("n{}", w % 6);
        let request = || pick(&self.requests, w, stale);
        let grant = || pick(&self.grants, w, stale);
        let lease = || pick(&self.leases, w, stale);
        let run = || pick(&self.runs, w, stale);
        Some(match kind {
            20 => {
                let new = begun(n, ["77", "78"][usize::from(w) % 2]);
                let client = Change::Beat(Box::new(beat(&new.next, u64::from(w % 3), n + u64::from(w % 40))));
                vec![Change::Run(Box::new(new)), client]
            }
            21 => {
                let held = beat(&run()?, u64::from(w % 3), n + u64::from(w));
                match w % 4 {
                    0 => vec![Change::Beat(Box::new(held))],
                    1 => vec![Change::BeatOver { run: held.run, beat: held.beat }],
                    _ => {
                        let Beat { run, beat, owner, until, .. } = held;
                        vec![happened(n), Change::BeatHeard { run, beat, owner, until }]
                    }
                }
            }
            22 => {
                let why = [RunEnd::Finished, RunEnd::Silent, RunEnd::ProviderEnded][usize::from(w) % 3];
                let gone = beat(&run()?, u64::from(w % 3), 0);
                let key = run()?.token.run;
                let mut changes = vec![Change::BeatOver { run: gone.run, beat: gone.beat }];
                changes.extend((w % 11 == 0).then_some(Change::RunEndedByProvider { key, at: now }));
                changes.push(Change::Run(Box::new(run()?.over(why, now).ok()?)));
                changes
            }
            23 => {
                let run = run()?;
                let one = beat(&run, u64::from(w % 3), 0).beat;
                let lives_with = Some(run.with((w % 2 == 0).then_some(one)));
                let ask = Request::created(Request { lives_with, ..asked(n, ASK).next });
                vec![request_step(ask)]
            }
            0 | 1 => {
                let ask = Ask {
                    who,
                    role: ["r1", "r2"][usize::from(w) % 2],
                    resources: &["a/b", "a/c"][..1 + usize::from(w) % 2],
                };
                let key = Change::RequestKey { key: format!("k{}", w % 40), request: id(n) };
                vec![request_step(asked(n, ask)), key]
            }
            2 => {
                let yes =
                    request()?.approve(verdict(&request()?, "eve", curfew_domain::approval::Verdict::Approve)).ok()?;
                let settled = yes.next.clone().settle(id(n), now).ok()??;
                let grant = granted(n, &settled.next, now);
                vec![request_step(yes), request_step(settled), grant_step(grant)]
            }
            3 => vec![request_step(
                request()?.deny(verdict(&request()?, "eve", curfew_domain::approval::Verdict::Deny)).ok()?,
            )],
            4 => vec![request_step(request()?.withdraw(&subject(who), now).ok()?)],
            5 => vec![request_step(request()?.lapse(now).ok()?)],
            6 | 7 => {
                let lease = wanted(n, &grant()?, now);
                let issuing = lease.next.clone().issuing(3, &subject(who), now).ok()?;
                let claim = grant()?.activating(vec![id(n)], at(n + 50), now).ok()?;
                vec![lease_step(lease), grant_step(claim), lease_step(issuing)]
            }
            8 => vec![lease_step(lease()?.issued("7".to_owned(), connection(), now).ok()?)],
            9 => vec![grant_step(grant()?.activated(now).ok()?)],
            10 => vec![grant_step(grant()?.activation_failed("refused", now).ok()?), happened(n)],
            11 => vec![grant_step(grant()?.ending(curfew_domain::EndCause::Expired, &subject(who), "", now).ok()?)],
            12 => vec![lease_step(lease()?.revoking(&subject(who), "over", now).ok()?)],
            13 => vec![lease_step(lease()?.locked_out(read_at(now), "a view", now).ok()?)],
            14 => vec![lease_step(lease()?.revoked(read_at(now), vec![], now).ok()?)],
            15 => {
                let grant = grant()?;
                let leases: Vec<_> = self.leases.iter().filter_map(|l| l.last().cloned()).collect();
                vec![grant_step(grant.ended(&leases, now).ok()?)]
            }
            16 => match w % 3 {
                0 => vec![Change::Notice(notice(&name, n))],
                1 => vec![Change::NoticeSent(name)],
                _ => vec![Change::NoticeLater { id: name, attempts: w.into(), next_at: at(n + u64::from(w)) }],
            },
            17 => match w % 5 {
                4 => vec![happened(n), token_used(&name, who, n)],
                0 => vec![
                    Change::SessionEnded { token_hash: name.clone() },
                    Change::Session(Box::new(session(&name, n))),
                ],
                1 => vec![Change::Session(Box::new(session(&name, n)))],
                2 => vec![Change::SessionEnded { token_hash: name }],
                _ => vec![Change::Prune { sessions_before: at(n + 3_590), keys_before: at(n) }],
            },
            18 => vec![happened(n), Change::Key(key(&name, u32::from(w % 2))), fact(&name, Some("set"))],
            _ => {
                // A commit that may fail at its end.
                let mut changes =
                    vec![happened(n), fact(&name, (w % 2 == 0).then_some("other")), request_step(asked(n, ASK))];
                changes.extend(
                    request().map(|r| request_step(r.withdraw(&subject(who), now).unwrap_or_else(|_| asked(n, ASK)))),
                );
                changes
            }
        })
    }

    fn remember(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Request(step) => put(&mut self.requests, step.next.clone(), |r| r.id.as_u128()),
                Change::Grant(step) => put(&mut self.grants, step.next.clone(), |g| g.id.as_u128()),
                Change::Lease(step) => put(&mut self.leases, step.next.clone(), |l| l.id.as_u128()),
                Change::Run(step) => put(&mut self.runs, step.next.clone(), |r| r.id.as_u128()),
                _ => {}
            }
        }
    }
}

fn put<T>(all: &mut Vec<Vec<T>>, next: T, id: impl Fn(&T) -> u128) {
    match all.iter_mut().find(|versions| id(&versions[0]) == id(&next)) {
        Some(versions) => versions.push(next),
        None => all.push(vec![next]),
    }
}

/// Asks both everything there is to ask.
fn compare(a: &dyn Store, b: &dyn Store, world: &World) {
    macro_rules! same {
        ($method:ident($($value:expr),*)) => { assert_eq!(wait(a.$method($($value),*)), wait(b.$method($($value),*))) };
    }
    let middle = id::<Request>(world.second / 2).as_u128();
    let pages =
        [(None, 1_000), (None, 2), (Some(middle), 3), (Some(0), 3)].map(|(before, limit)| Page { before, limit });
    for page in &pages {
        for who in [None, Some("ann"), Some("bob")] {
            let subject_is = who.map(|who| subject(who).id);
            for state in [None, Some("pending"), Some("denied"), Some("approved"), Some("withdrawn"), Some("lapsed")] {
                same!(requests(&RequestFilter { subject: subject_is.clone(), state, run: None }, page.clone()));
            }
            for ended in [Ended::Left, Ended::Listed] {
                for on in [None, Some(resource("a/c"))] {
                    for of in [None, Some(role("r2"))] {
                        let filter = GrantFilter {
                            subject: subject_is.clone(),
                            resource: on.clone(),
                            role: of,
                            run: None,
                            ended,
                        };
                        same!(grants(&filter, page.clone()));
                    }
                }
            }
        }
    }
    for versions in &world.runs {
        let run = versions.last().expect("a state");
        same!(run(run.id));
        same!(newest_run(&run.token.run));
        same!(ended_by_provider(&run.token.run));
        same!(beats(run.id));
        same!(beat(run.id, &beat(run, 1, 0).beat));
        let of_run = RequestFilter { run: Some(run.id), ..RequestFilter::default() };
        same!(requests(&of_run, pages[0].clone()));
        let of_run = GrantFilter { run: Some(run.id), ended: Ended::Listed, ..GrantFilter::default() };
        same!(grants(&of_run, pages[0].clone()));
    }
    for over in [Over::Left, Over::Listed] {
        for number in [None, Some("77".to_owned())] {
            same!(runs(&RunFilter { number: number.clone(), over }, pages[1].clone()));
        }
    }
    same!(sign_ins(world.now(), 5));
    same!(sign_ins_of(&subject("ann").email.expect("an address"), 5));
    for second in [0, world.second / 2, world.second, world.second + 60, world.second + 5_000] {
        for limit in [1, 3, 1_000] {
            same!(due(at(second), limit));
            same!(notices(at(second), limit));
        }
    }
    same!(open());
    same!(open_grants());
    same!(open_leases());
    let everybody: Vec<_> = (0..=world.second).map(id).collect();
    same!(askers(&everybody));
    for n in 0..world.second {
        same!(request(id(n)));
        same!(grant(id(n)));
        same!(lease(id(n)));
        same!(events_about(&id::<Request>(n).to_string()));
        same!(events_about(&id::<Grant>(n).to_string()));
        same!(events_about(&id::<Lease>(n).to_string()));
    }
    for n in 0..6 {
        let name = format!("n{n}");
        same!(session(&name));
        same!(keys(&name));
        same!(fact(&name));
        same!(facts(&name));
    }
    same!(facts(""));
    same!(events(0, 1_000));
    same!(tree_head());
    let size = wait(a.tree_head()).expect("a head").size;
    for n in 0..=size {
        same!(inclusion_proof(n, size));
        same!(consistency_proof(n, size));
        same!(inclusion_proof(n / 2, n));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_backends_answer_alike(ops in ops()) {
        let (memory, bed, mut world) = (MemoryStore::new(), Bed::new(), World { second: 1, ..World::default() });
        for op in ops {
            world.second += 1;
            let Some(changes) = world.changes(op) else { continue };
            let answer = commit(&memory, changes.clone());
            prop_assert_eq!(&answer, &commit(&bed.store, changes.clone()));
            match answer {
                Ok(_) => world.remember(&changes),
                Err(CommitError::Conflict(_) | CommitError::KeyUsed(_)) => {}
                Err(why @ CommitError::Unavailable(_)) => panic!("{why}"),
            }
        }
        compare(&memory, &bed.store, &world);
        check::the_state_is_what_the_events_say(&bed.store);
        check::the_state_is_what_the_events_say(&memory);
        check::the_log_is_whole(&bed.store);
    }
}

#[test]
fn the_steps_of_the_model_are_taken() {
    // The property above would hold of a ledger that refuses everything: most of its commits must be taken.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut kinds, mut conflicts) = ([0usize; 24], 0usize);
    for _ in 0..60 {
        let ops = ops().new_tree(&mut runner).expect("a sequence").current();
        let (memory, mut world) = (MemoryStore::new(), World { second: 1, ..World::default() });
        for op in ops {
            world.second += 1;
            let Some(changes) = world.changes(op) else { continue };
            match commit(&memory, changes.clone()) {
                Ok(_) => {
                    world.remember(&changes);
                    kinds[usize::from(op.0)] += 1;
                }
                Err(_) => conflicts += 1,
            }
        }
    }
    assert!(kinds.iter().all(|taken| *taken > 0) && conflicts > 20, "{kinds:?} {conflicts}");
}
