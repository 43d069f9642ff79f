//! Runs of pipelines: on a new ledger of each backend.

use crate::build::*;
use crate::check::{self, ALL};
use crate::{commit, wait};
use curfew_domain::{EndCause, Grant, LivesWith, Request, Run, RunEnd, SubjectKind, Transition};
use curfew_engine::seams::store::{
    Beat, Change, CommitError, Due, Ended, GrantFilter, Over, RequestFilter, RunFilter, Session, Store,
};

/// Commits one step and gives the noun after it.
macro_rules! take {
    ($store:expr, $kind:ident, $step:expr) => {{
        let step = $step;
        let next = step.next.clone();
        commit($store, vec![Change::$kind(Box::new(step))]).expect("committed");
        next
    }};
}

fn refused(answer: Result<curfew_engine::seams::store::Committed, CommitError>, why: &str) {
    assert!(matches!(answer, Err(CommitError::Conflict(_))), "{why}: {answer:?}");
}

fn begin(store: &dyn Store, n: u64, number: &str) -> Run {
    take!(store, Run, begun(n, number))
}

fn beats(store: &dyn Store, beat: Beat) -> Beat {
    commit(store, vec![Change::Beat(Box::new(beat.clone()))]).expect("committed");
    beat
}

fn over(run: &Run, why: RunEnd) -> Change {
    Change::Run(Box::new(run.clone().over(why, at(90)).expect("it lives")))
}

fn heard(beat: &Beat, owner: &str, second: u64) -> Change {
    Change::BeatHeard { run: beat.run, beat: beat.beat.clone(), owner: owner.to_owned(), until: at(second) }
}

fn gone(beat: &Beat) -> Change {
    Change::BeatOver { run: beat.run, beat: beat.beat.clone() }
}

/// A request that lives with a run, or with one client of it.
fn asked_with(n: u64, lives: LivesWith) -> Transition<Request> {
    Request::created(Request { lives_with: Some(lives), ..asked(n, ASK).next })
}

pub(crate) fn one_run_of_a_key_lives_at_a_time(store: &dyn Store) {
    let first = begin(store, 1, "77");
    refused(commit(store, vec![Change::Run(Box::new(begun(2, "77")))]), "a second of its key");
    let other = begin(store, 3, "78");
    commit(store, vec![over(&first, RunEnd::Finished)]).expect("committed");
    refused(commit(store, vec![over(&first, RunEnd::Silent)]), "over twice");
    let again = begin(store, 4, "77");
    let key = again.token.run.clone();
    assert_eq!(wait(store.newest_run(&key)), Ok(Some(again.clone())));
    assert_eq!(wait(store.run(other.id)), Ok(Some(other.clone())));
    let list = |number: Option<&str>, over| {
        let filter = RunFilter { number: number.map(str::to_owned), over };
        wait(store.runs(&filter, ALL)).expect("runs").into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, Over::Left), [again.id, other.id]);
    assert_eq!(list(Some("77"), Over::Listed), [again.id, first.id]);
    assert_eq!(list(Some("77' OR 1=1 --"), Over::Listed), []);
    let ended = Change::RunEndedByProvider { key: key.clone(), at: at(50) };
    commit(store, vec![ended.clone(), over(&again, RunEnd::ProviderEnded)]).expect("committed");
    refused(commit(store, vec![Change::Run(Box::new(begun(5, "77")))]), "its provider has ended it");
    commit(store, vec![Change::RunEndedByProvider { key: key.clone(), at: at(60) }]).expect("again changes nothing");
    assert_eq!(wait(store.ended_by_provider(&key)), Ok(Some(at(50))));
    let unknown = begun(6, "99").next.token.run;
    let before = vec![Change::RunEndedByProvider { key: unknown, at: at(51) }, Change::Run(Box::new(begun(6, "99")))];
    refused(commit(store, before), "ended in the same commit");
    commit(store, vec![Change::Prune { sessions_before: at(0), keys_before: at(51) }]).expect("committed");
    assert_eq!(wait(store.ended_by_provider(&key)), Ok(None));
    check::the_log_is_whole(store);
}

pub(crate) fn beats_keep_a_run_alive(store: &dyn Store) {
    let run = begin(store, 1, "77");
    let first = beats(store, beat(&run, 1, 60));
    let second = beats(store, beat(&run, 2, 70));
    refused(commit(store, vec![Change::Beat(Box::new(first.clone()))]), "it beats already");
    refused(commit(store, vec![heard(&first, "another key", 80)]), "another's");
    refused(commit(store, vec![heard(&beat(&run, 3, 0), &first.owner, 80)]), "of no client");
    commit(store, vec![heard(&first, &first.owner, 100), heard(&first, &first.owner, 90)]).expect("committed");
    let held = wait(store.beat(run.id, &first.beat)).expect("read").expect("there");
    assert_eq!((held.until, &held.token), (at(100), &run.token), "nothing makes it earlier");
    let due = |second| wait(store.due(at(second), 9)).expect("due");
    assert_eq!(due(69), Due { next_at: Some(at(70)), ..Due::default() });
    assert_eq!(due(70), Due { beats: vec![second.clone()], next_at: Some(at(100)), ..Due::default() });
    assert_eq!(due(100).beats, [second.clone(), held.clone()], "the longest silent first");
    refused(commit(store, vec![over(&run, RunEnd::Silent)]), "two clients of it beat");
    refused(commit(store, vec![gone(&second), over(&run, RunEnd::Finished)]), "one client of it beats");
    refused(commit(store, vec![gone(&second), gone(&first)]), "nobody would be left to end it");
    assert_eq!(wait(store.beats(run.id)), Ok(vec![held, second.clone()]), "all or nothing");
    commit(store, vec![gone(&second), gone(&first), over(&run, RunEnd::Finished)]).expect("committed");
    refused(commit(store, vec![heard(&first, &first.owner, 110)]), "it is over");
    refused(commit(store, vec![Change::Beat(Box::new(beat(&run, 4, 110)))]), "it is over");
    let run = begin(store, 2, "77");
    let other = beats(store, beat(&run, 2, 60));
    let last = beats(store, beat(&run, 1, 60));
    // Two that go at the same moment each saw the other.
    commit(store, vec![gone(&other)]).expect("one is left");
    refused(commit(store, vec![gone(&last)]), "the last goes with the run");
    commit(store, vec![over(&run, RunEnd::ProviderEnded)]).expect("whoever beats");
    assert_eq!(wait(store.beats(run.id)), Ok(vec![]));
    assert_eq!(wait(store.beat(run.id, &last.beat)), Ok(None));
    assert_eq!(due(5_000), Due::default());
}

pub(crate) fn nothing_new_lives_with_what_is_gone(store: &dyn Store) {
    let run = begin(store, 1, "77");
    let client = beats(store, beat(&run, 1, 60));
    let stays = beats(store, beat(&run, 2, 60));
    let own = || run.with(Some(client.beat.clone()));
    let request = take!(store, Request, asked_with(10, own()));
    let late = take!(store, Request, asked_with(11, own()));
    let yes = take!(store, Request, approved(&request));
    let settled = yes.settle(id(10), at(5)).expect("pending").expect("complete");
    let grant_step = granted(10, &settled.next, at(5));
    let (_, grant) = (take!(store, Request, settled), take!(store, Grant, grant_step));
    let crew = take!(store, Request, asked_with(12, run.with(None)));
    let lists = |state| {
        let filter = RequestFilter { run: Some(run.id), state, ..RequestFilter::default() };
        wait(store.requests(&filter, ALL)).expect("requests").into_iter().map(|r| r.id).collect::<Vec<_>>()
    };
    assert_eq!(lists(None), [crew.id, late.id, request.id]);
    assert_eq!(lists(Some("pending")), [crew.id, late.id]);
    let given = |ended| {
        let filter = GrantFilter { run: Some(run.id), ended, ..GrantFilter::default() };
        wait(store.grants(&filter, ALL)).expect("grants").into_iter().map(|g| g.id).collect::<Vec<_>>()
    };
    assert_eq!(given(Ended::Left), [grant.id]);
    commit(store, vec![gone(&client)]).expect("committed");
    refused(commit(store, vec![Change::Request(Box::new(asked_with(13, own())))]), "asked");
    let yes = take!(store, Request, approved(&late));
    let settled = yes.clone().settle(id(11), at(5)).expect("pending").expect("complete");
    refused(commit(store, vec![Change::Request(Box::new(settled.clone()))]), "approved");
    refused(commit(store, vec![Change::Grant(Box::new(granted(11, &settled.next, at(5))))]), "made");
    let claim = grant.clone().activating(vec![id(10)], at(50), at(6)).expect("approved");
    refused(commit(store, vec![Change::Grant(Box::new(claim))]), "claimed");
    let now = at(7);
    let ends = |grant: &Grant| {
        grant.clone().ending(EndCause::PipelineEnded, &curfew_domain::Subject::system(), "silent", now).expect("open")
    };
    commit(store, vec![Change::Request(Box::new(yes.lapse_with_run("silent", now).expect("pending")))])
        .expect("lapses");
    commit(store, vec![Change::Grant(Box::new(ends(&grant)))]).expect("ends");
    // What lives with the run goes on while any client of it beats.
    let yes = take!(store, Request, approved(&crew));
    let settled = yes.settle(id(12), at(8)).expect("pending").expect("complete");
    let grant_step = granted(12, &settled.next, at(8));
    let (_, shared) = (take!(store, Request, settled), take!(store, Grant, grant_step));
    commit(store, vec![gone(&stays), over(&run, RunEnd::Silent)]).expect("committed");
    let claim = shared.clone().activating(vec![id(12)], at(50), at(9)).expect("approved");
    refused(commit(store, vec![Change::Grant(Box::new(claim))]), "claimed after the run");
    refused(commit(store, vec![Change::Request(Box::new(asked_with(14, run.with(None))))]), "asked after the run");
    commit(store, vec![Change::Grant(Box::new(ends(&shared)))]).expect("ends");
    assert_eq!(given(Ended::Left), [shared.id, grant.id], "they are ending");
    check::the_state_is_what_the_events_say(store);
}

pub(crate) fn whose_sign_ins_stand(store: &dyn Store) {
    let write = |session: &Session| commit(store, vec![Change::Session(Box::new(session.clone()))]).expect("committed");
    let (early, late) = (session("a", 1), session("b", 2));
    let mut bob = session("c", 3);
    bob.subject = subject("bob");
    let mut machine = session("d", 4);
    machine.subject.kind = SubjectKind::Workload;
    for session in [&early, &late, &bob, &machine] {
        write(session);
    }
    let email = subject("ann").email.expect("an address");
    assert_eq!(wait(store.sign_ins_of(&email, 9)), Ok(vec![late.clone(), early.clone()]));
    assert_eq!(wait(store.sign_ins_of(&email, 1)), Ok(vec![late.clone()]));
    assert_eq!(wait(store.sign_ins(at(3_601), 9)), Ok(vec![late.clone(), bob.clone()]));
    assert_eq!(wait(store.sign_ins(at(0), 1)), Ok(vec![early]));
    commit(store, vec![Change::SessionEnded { token_hash: "b".to_owned() }]).expect("committed");
    assert_eq!(wait(store.sign_ins(at(3_601), 9)), Ok(vec![bob]));
}
