//! The conformance suite: each function is run on a new ledger of each backend.

use crate::build::*;
use crate::check::{self, ALL, all_events};
use crate::{commit, wait};
use curfew_domain::audit::{AuditAction, TreeHash};
use curfew_domain::{Grant, Id, Identity, Lease, Request};
use curfew_engine::seams::store::{Change, CommitError, Due, Ended, GrantFilter, Page, RequestFilter, Store};

/// Commits one step and gives the noun after it.
macro_rules! take {
    ($store:expr, $kind:ident, $step:expr) => {{
        let step = $step;
        let next = step.next.clone();
        commit($store, vec![Change::$kind(Box::new(step))]).expect("committed");
        next
    }};
}

fn ask(store: &dyn Store, n: u64, ask: Ask<'_>) -> Request {
    take!(store, Request, asked(n, ask))
}

/// A grant of number n with a live lease of the same number, activated at second n.
fn live(store: &dyn Store, n: u64, what: Ask<'_>) -> (Grant, Lease) {
    let request = ask(store, n, what);
    let grant = take!(store, Grant, granted(n, &request, at(n)));
    let lease = take!(store, Lease, wanted(n, &grant, at(n)));
    let until = at(n + 500);
    let grant = take!(store, Grant, grant.activating(vec![lease.id], until, at(n)).expect("claimed"));
    let lease = take!(store, Lease, lease.issuing(1, &subject("ann"), at(n)).expect("intent"));
    let lease = take!(store, Lease, lease.issued("16384".to_owned(), connection(), at(n)).expect("made"));
    let grant = take!(store, Grant, grant.activated(at(n)).expect("active"));
    (grant, lease)
}

/// Ends it at a second.
fn end(store: &dyn Store, grant: &Grant, lease: &Lease, second: u64) -> (Grant, Lease) {
    let now = at(second);
    let grant = take!(store, Grant, ending(grant, now));
    let lease = take!(store, Lease, lease.clone().revoking(&subject("eve"), "enough", now).expect("ordered"));
    let lease = take!(store, Lease, lease.revoked(read_at(now), Vec::new(), now).expect("gone"));
    let grant = take!(store, Grant, grant.ended(std::slice::from_ref(&lease), now).expect("ended"));
    (grant, lease)
}

pub(crate) fn a_new_ledger_is_empty(store: &dyn Store) {
    let head = wait(store.tree_head()).expect("a head");
    assert_eq!((head.size, head.root), (0, *TreeHash::of_nothing().as_bytes()));
    assert_eq!(wait(store.request(id(1))), Ok(None));
    assert_eq!(wait(store.grant(id(1))), Ok(None));
    assert_eq!(wait(store.lease(id(1))), Ok(None));
    assert_eq!(wait(store.leases(&[id(1)])), Ok(vec![]));
    assert_eq!(wait(store.requests(&RequestFilter::default(), ALL)), Ok(vec![]));
    assert_eq!(wait(store.grants(&GrantFilter::default(), ALL)), Ok(vec![]));
    assert_eq!(wait(store.due(at(0), 10)), Ok(Due::default()));
    assert_eq!(wait(store.events(0, 10)), Ok(vec![]));
    assert_eq!(wait(store.events_about("req_x")), Ok(vec![]));
    assert_eq!(wait(store.inclusion_proof(0, 0)), Ok(None));
    assert_eq!(wait(store.consistency_proof(0, 0)), Ok(Some(vec![])));
    assert_eq!(wait(store.consistency_proof(0, 1)), Ok(None));
    assert_eq!(commit(store, vec![]).map(|c| c.events), Ok(vec![]));
}

pub(crate) fn a_step_is_taken_from_the_version_it_was_made_from(store: &dyn Store) {
    let request = ask(store, 1, ASK);
    let conflict = || Err(CommitError::Conflict(request.id.to_string()));
    assert_eq!(commit(store, vec![request_step(asked(1, ASK))]), conflict(), "made twice");
    assert_eq!(commit(store, vec![request_step(approved(&request))]).map(|c| c.events.len()), Ok(1));
    assert_eq!(commit(store, vec![request_step(approved(&request))]), conflict(), "approved twice");
    assert_eq!(commit(store, vec![request_step(denied(&request))]), conflict(), "denied what it no longer is");
    let unknown = asked(2, ASK).next;
    let gone = commit(store, vec![request_step(denied(&unknown))]);
    assert_eq!(gone, Err(CommitError::Conflict(unknown.id.to_string())), "denied what does not exist");
    let mut skips = denied(&wait(store.request(request.id)).expect("read").expect("there"));
    skips.next.version = skips.next.version.next();
    assert_eq!(commit(store, vec![request_step(skips)]), conflict(), "a version left out");
    assert_eq!(all_events(store).len(), 2);
    let (grant, lease) = live(store, 5, ASK);
    let stale = ending(&grant, at(6));
    commit(store, vec![grant_step(stale.clone())]).expect("the first");
    assert_eq!(commit(store, vec![grant_step(stale)]), Err(CommitError::Conflict(grant.id.to_string())));
    let stale = lease.clone().revoking(&subject("eve"), "x", at(6)).expect("ordered");
    commit(store, vec![lease_step(stale.clone())]).expect("the first");
    assert_eq!(commit(store, vec![lease_step(stale)]), Err(CommitError::Conflict(lease.id.to_string())));
}

pub(crate) fn several_steps_of_one_noun_in_one_commit(store: &dyn Store) {
    let request = ask(store, 1, ASK);
    let yes = approved(&request);
    let settled = yes.next.clone().settle(id(2), at(2)).expect("pending").expect("complete");
    let grant = granted(2, &settled.next, at(2));
    let (after, grant_id) = (settled.next.clone(), grant.next.id);
    let committed =
        commit(store, vec![request_step(yes), request_step(settled), grant_step(grant)]).expect("committed");
    let actions: Vec<_> = committed.events.iter().map(|e| (e.seq, e.event.action)).collect();
    let expected =
        [(1, AuditAction::ApprovalGiven), (2, AuditAction::RequestApproved), (3, AuditAction::GrantApproved)];
    assert_eq!(actions, expected);
    assert_eq!(wait(store.request(request.id)), Ok(Some(after)));
    assert!(wait(store.grant(grant_id)).expect("read").is_some());
}

pub(crate) fn a_commit_is_written_whole_or_not_at_all(store: &dyn Store) {
    let request = ask(store, 1, ASK);
    let before = wait(store.tree_head());
    let changes = vec![
        request_step(denied(&request)),
        happened(1),
        Change::Notice(notice("n", 1)),
        Change::Session(Box::new(session("s", 1))),
        Change::Key(key("k", 1)),
        fact("f", Some("v")),
        Change::RequestKey { key: "once".to_owned(), request: request.id },
        request_step(asked(2, ASK)),
        request_step(denied(&request)),
    ];
    assert_eq!(commit(store, changes), Err(CommitError::Conflict(request.id.to_string())));
    assert_eq!(wait(store.tree_head()), before);
    assert_eq!(wait(store.request(request.id)), Ok(Some(request.clone())));
    assert_eq!(wait(store.request(id(2))), Ok(None));
    assert_eq!(wait(store.notices(at(9), 9)), Ok(vec![]));
    assert_eq!(wait(store.session("s")), Ok(None));
    assert_eq!(wait(store.keys("k")), Ok(vec![]));
    assert_eq!(wait(store.fact("f")), Ok(None));
    let key = Change::RequestKey { key: "once".to_owned(), request: request.id };
    assert!(commit(store, vec![key, request_step(denied(&request))]).is_ok());
    check::the_log_is_whole(store);
}

pub(crate) fn events_stand_without_gaps_and_proofs_verify(store: &dyn Store) {
    for n in 0..70 {
        let committed = commit(store, (0..=n % 3).map(|m| happened(n * 10 + m)).collect()).expect("committed");
        let first = committed.events.first().map(|e| e.seq);
        assert_eq!(wait(store.tree_head()).map(|h| h.size), Ok(first.expect("an event") + n % 3 + 1));
    }
    check::the_log_is_whole(store);
    let size = all_events(store).len() as u64;
    assert_eq!(size, 139);
    check::proofs_verify(store, &[0, 1, 2, 3, 4, 7, 8, 9, 63, 64, 65, 100, 127, 128, 129, size]);
    assert_eq!(wait(store.inclusion_proof(size, size)), Ok(None));
    assert_eq!(wait(store.inclusion_proof(0, size + 1)), Ok(None));
    assert_eq!(wait(store.consistency_proof(size, size + 1)), Ok(None));
    assert_eq!(wait(store.consistency_proof(3, 2)), Ok(None));
    assert_eq!(wait(store.inclusion_proof(u64::MAX, u64::MAX)), Ok(None));
    let page = wait(store.events(5, 3)).expect("events");
    assert_eq!(page.iter().map(|e| e.seq).collect::<Vec<_>>(), [5, 6, 7]);
    assert_eq!(wait(store.events(size, 3)), Ok(vec![]));
    assert_eq!(wait(store.events(u64::MAX, 3)), Ok(vec![]));
}

pub(crate) fn events_about_a_noun(store: &dyn Store) {
    let (grant, lease) = live(store, 1, ASK);
    live(store, 2, ASK);
    let actions = |id: &str| -> Vec<String> {
        let events = wait(store.events_about(id)).expect("events");
        assert!(events.is_sorted_by_key(|e| e.seq));
        events.iter().map(|e| e.event.action.as_str()).collect()
    };
    let of_request = ["request.created", "grant.approved", "grant.activating", "grant.activated"];
    assert_eq!(actions(&grant.request_id.to_string()), of_request);
    let of_lease = ["lease.wanted", "lease.issuing", "lease.issued"];
    assert_eq!(actions(&lease.id.to_string()), of_lease);
    assert_eq!(actions(&grant.id.to_string()).len(), 6);
    for nothing in ["", "req_", "req_x", &id::<Request>(9).to_string()] {
        assert_eq!(actions(nothing), Vec::<String>::new());
    }
}

fn numbers<T>(nouns: &[T], of: impl Fn(&T) -> u128) -> Vec<u64> {
    let back = |value: u128| (0..1_000).find(|n| id::<Request>(*n).as_u128() == value).expect("one of ours");
    nouns.iter().map(|noun| back(of(noun))).collect()
}

pub(crate) fn requests_are_filtered_and_paged(store: &dyn Store) {
    for n in 1..=9 {
        let who = if n % 3 == 0 { "bob" } else { "ann" };
        let request = ask(store, n, Ask { who, ..ASK });
        if n % 2 == 0 {
            take!(store, Request, denied(&request));
        }
    }
    let list = |filter: RequestFilter, before: Option<u64>, limit| {
        let page = Page { before: before.map(|n| id::<Request>(n).as_u128()), limit };
        numbers(&wait(store.requests(&filter, page)).expect("requests"), |r| r.id.as_u128())
    };
    let subject_is = |who| Some(subject(who).id);
    assert_eq!(list(RequestFilter::default(), None, 99), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(list(RequestFilter::default(), Some(6), 2), [5, 4]);
    assert_eq!(list(RequestFilter::default(), Some(1), 2), [] as [u64; 0]);
    assert_eq!(list(RequestFilter::default(), None, 0), [] as [u64; 0]);
    assert_eq!(list(RequestFilter { subject: subject_is("bob"), ..Default::default() }, None, 99), [9, 6, 3]);
    assert_eq!(list(RequestFilter { state: Some("pending"), ..Default::default() }, None, 99), [9, 7, 5, 3, 1]);
    assert_eq!(list(RequestFilter { state: Some("denied"), ..Default::default() }, Some(8), 2), [6, 4]);
    assert_eq!(
        list(RequestFilter { subject: subject_is("bob"), state: Some("pending"), ..Default::default() }, Some(9), 9),
        [3]
    );
    let injected = curfew_domain::SubjectId::new("https://idp.example", "x' OR 1=1 --").ok();
    assert_eq!(list(RequestFilter { subject: injected, ..Default::default() }, None, 99), [] as [u64; 0]);
}

pub(crate) fn grants_are_filtered_and_paged(store: &dyn Store) {
    for n in 1..=8 {
        let who = if n % 2 == 0 { "bob" } else { "ann" };
        let role = if n % 3 == 0 { "db-writer" } else { "db-reader" };
        let resources: &[&str] = if n % 4 == 0 { &["services/db", "services/cache"] } else { &["services/db"] };
        let (grant, lease) = live(store, n, Ask { who, role, resources });
        if n > 5 {
            end(store, &grant, &lease, n + 1);
        }
    }
    let list = |filter: GrantFilter, before: Option<u64>, limit| {
        let page = Page { before: before.map(|n| id::<Request>(n).as_u128()), limit };
        numbers(&wait(store.grants(&filter, page)).expect("grants"), |g| g.id.as_u128())
    };
    let all = || GrantFilter { ended: Ended::Listed, ..GrantFilter::default() };
    let on = |name| Some(resource(name));
    assert_eq!(list(GrantFilter::default(), None, 99), [5, 4, 3, 2, 1]);
    assert_eq!(list(GrantFilter::default(), Some(4), 2), [3, 2]);
    assert_eq!(list(all(), None, 3), [8, 7, 6]);
    assert_eq!(list(GrantFilter { subject: Some(subject("bob").id), ..all() }, None, 99), [8, 6, 4, 2]);
    assert_eq!(list(GrantFilter { subject: Some(subject("bob").id), ..Default::default() }, None, 99), [4, 2]);
    assert_eq!(list(GrantFilter { role: Some(role("db-writer")), ..all() }, None, 99), [6, 3]);
    assert_eq!(list(GrantFilter { role: Some(role("db-writer")), ..Default::default() }, None, 99), [3]);
    assert_eq!(list(GrantFilter { resource: on("services/cache"), ..all() }, None, 99), [8, 4]);
    assert_eq!(list(GrantFilter { resource: on("services/cache"), ..all() }, Some(8), 99), [4]);
    assert_eq!(list(GrantFilter { resource: on("services/cache"), ..Default::default() }, None, 99), [4]);
    assert_eq!(list(GrantFilter { resource: on("services"), ..all() }, None, 99), [] as [u64; 0]);
    let narrow = GrantFilter {
        subject: Some(subject("bob").id),
        role: Some(role("db-writer")),
        resource: on("services/db"),
        ..all()
    };
    assert_eq!(list(narrow, None, 99), [6]);
}

pub(crate) fn what_is_open(store: &dyn Store) {
    let (first, first_lease) = live(store, 1, ASK);
    let (second, second_lease) = live(store, 2, ASK);
    end(store, &first, &first_lease, 10);
    assert_eq!(wait(store.open_grants()), Ok(vec![second.clone()]));
    assert_eq!(wait(store.open_leases()), Ok(vec![second_lease.clone()]));
    let grant = take!(store, Grant, ending(&second, at(11)));
    let lease = take!(store, Lease, second_lease.revoking(&subject("eve"), "x", at(11)).expect("ordered"));
    let lease = take!(store, Lease, lease.locked_out(read_at(at(11)), "a table is left", at(11)).expect("locked"));
    let ended = take!(store, Grant, grant.ended(std::slice::from_ref(&lease), at(12)).expect("ended"));
    assert_eq!(wait(store.open_grants()), Ok(vec![]));
    assert_eq!(wait(store.open_leases()), Ok(vec![lease.clone()]), "leftovers are still being cleared");
    let asked = wait(store.request(ended.request_id)).expect("read").expect("a request");
    let who = Identity { subject: asked.subject, groups: asked.groups };
    assert_eq!(wait(store.askers(&[asked.id, id(99)])), Ok([(asked.id, who)].into()));
    assert_eq!(wait(store.grant(ended.id)), Ok(Some(ended)));
    let there = wait(store.leases(&[lease.id, id(99), first_lease.id, lease.id])).expect("leases");
    assert_eq!(there.iter().map(|l| l.id).collect::<Vec<_>>(), [lease.id, first_lease.id, lease.id]);
}

pub(crate) fn what_is_due(store: &dyn Store) {
    let lapsing = ask(store, 3, ASK);
    let unclaimed = take!(store, Grant, granted(4, &asked(4, ASK).next, at(4)));
    let (active, lease) = live(store, 5, ASK);
    let due = |second: u64, limit| wait(store.due(at(second), limit)).expect("due");
    assert_eq!(due(50, 9), Due { next_at: Some(at(103)), ..Due::default() });
    let at_the_hour = due(103, 9);
    assert_eq!(at_the_hour.requests, std::slice::from_ref(&lapsing));
    assert_eq!(at_the_hour.next_at, Some(at(105)));
    let later = due(505, 9);
    assert_eq!(later.requests.len(), 2);
    assert_eq!(later.grants, std::slice::from_ref(&active));
    assert_eq!(later.next_at, Some(at(1_004)));
    let last = due(5_000, 9);
    assert_eq!((last.grants, last.next_at), (vec![active.clone(), unclaimed], None), "the longest overdue first");
    assert_eq!(due(5_000, 1).grants, std::slice::from_ref(&active));
    end(store, &active, &lease, 506);
    take!(store, Request, lapsing.lapse(at(507)).expect("pending"));
    let left = due(5_000, 9);
    assert_eq!(numbers(&left.grants, |g| g.id.as_u128()), [4]);
    assert_eq!(numbers(&left.requests, |r| r.id.as_u128()), [5]);
}

pub(crate) fn the_outbox_keeps_what_was_not_sent(store: &dyn Store) {
    let all = ["c", "a", "b"].map(|name| notice(name, if name == "c" { 1 } else { 2 }));
    commit(store, all.iter().cloned().map(Change::Notice).collect()).expect("committed");
    assert_eq!(wait(store.notices(at(9), 9)), Ok(all.to_vec()), "oldest first");
    assert_eq!(wait(store.notices(at(1), 9)), Ok(all[..1].to_vec()), "not before its time");
    assert_eq!(wait(store.notices(at(9), 2)), Ok(all[..2].to_vec()));
    let later = Change::NoticeLater { id: "c".to_owned(), attempts: 3, next_at: at(20) };
    commit(store, vec![later, Change::NoticeSent("a".to_owned())]).expect("committed");
    assert_eq!(wait(store.notices(at(9), 9)), Ok(all[2..].to_vec()));
    let tried = curfew_engine::seams::store::Notice { attempts: 3, next_at: at(20), ..all[0].clone() };
    assert_eq!(wait(store.notices(at(20), 9)), Ok(vec![tried.clone(), all[2].clone()]));
    let again = vec![Change::Notice(notice("c", 1)), Change::NoticeSent("gone".to_owned())];
    commit(store, again).expect("what waits, or is gone, holds nothing up");
    assert_eq!(wait(store.notices(at(20), 1)), Ok(vec![tried]));
}

pub(crate) fn a_request_key_works_once(store: &dyn Store) {
    let once = |n: u64| {
        let key = Change::RequestKey { key: "k".to_owned(), request: id(n) };
        commit(store, vec![request_step(asked(n, ASK)), key])
    };
    assert!(once(1).is_ok());
    assert_eq!(once(2), Err(CommitError::KeyUsed(id(1))));
    assert_eq!(wait(store.request(id(2))), Ok(None));
    assert_eq!(all_events(store).len(), 1);
}

pub(crate) fn sign_ins(store: &dyn Store) {
    let first = session("hash", 1);
    let write = |session| commit(store, vec![Change::Session(Box::new(session))]).map(drop);
    let end = || commit(store, vec![Change::SessionEnded { token_hash: "hash".to_owned() }]).map(drop);
    assert_eq!(write(first.clone()), Ok(()));
    assert_eq!(wait(store.session("hash")), Ok(Some(first.clone())));
    assert_eq!(wait(store.session("HASH")), Ok(None));
    assert!(matches!(write(first.clone()), Err(CommitError::Conflict(_))));
    assert_eq!((end(), end()), (Ok(()), Ok(())));
    assert_eq!(wait(store.session("hash")), Ok(None));
}

pub(crate) fn a_token_is_one_keys(store: &dyn Store) {
    let used = |token: &str, key: &str| commit(store, vec![token_used(token, key, 100)]).map(drop);
    assert_eq!((used("a", "mine"), used("a", "mine")), (Ok(()), Ok(())), "the same key again changes nothing");
    assert!(matches!(used("a", "theirs"), Err(CommitError::Conflict(_))));
    assert_eq!((used("b", "theirs"), used("a", "mine")), (Ok(()), Ok(())));
    let both = vec![token_used("c", "mine", 100), token_used("c", "theirs", 100)];
    assert!(matches!(commit(store, both), Err(CommitError::Conflict(_))), "not even in one commit");
    assert_eq!(used("c", "theirs"), Ok(()), "nothing of that commit was written");
    let mut signed_in = vec![Change::Session(Box::new(session("thief", 1)))];
    signed_in.push(token_used("a", "theirs", 100));
    assert!(matches!(commit(store, signed_in), Err(CommitError::Conflict(_))));
    assert_eq!(wait(store.session("thief")), Ok(None), "who comes second has no sign-in");
    let prune = |second| commit(store, vec![Change::Prune { sessions_before: at(second), keys_before: at(0) }]);
    prune(100).expect("committed");
    assert!(matches!(used("a", "theirs"), Err(CommitError::Conflict(_))), "over at that very moment stays");
    prune(101).expect("committed");
    assert_eq!(used("a", "theirs"), Ok(()), "what no exchange takes any more is forgotten");
}

pub(crate) fn what_is_of_no_use_any_more_goes(store: &dyn Store) {
    let made_at = |second: u64| Id::new(at(second), [7; 10]);
    let asked_at = |second: u64| {
        let mut step = asked(1, ASK);
        step.next.id = made_at(second);
        let key = Change::RequestKey { key: format!("k{second}"), request: step.next.id };
        vec![Change::Request(Box::new(step)), key]
    };
    for second in [10, 20, 30] {
        commit(store, vec![Change::Session(Box::new(session(&format!("s{second}"), second)))]).expect("committed");
        commit(store, asked_at(second)).expect("committed");
    }
    let events = all_events(store);
    let prune = Change::Prune { sessions_before: at(3_620), keys_before: at(20) };
    assert_eq!(commit(store, vec![prune.clone()]).map(|done| done.events), Ok(Vec::new()));
    let signed_in = |second: u64| wait(store.session(&format!("s{second}"))).expect("read").is_some();
    assert_eq!([10, 20, 30].map(signed_in), [false, true, true], "one that is over at that very moment stays");
    let used = |second: u64| {
        let key = Change::RequestKey { key: format!("k{second}"), request: made_at(40) };
        commit(store, vec![key]).map(drop)
    };
    let stays = |second: u64| Err(CommitError::KeyUsed(made_at(second)));
    assert_eq!([10, 20, 30].map(used), [Ok(()), stays(20), stays(30)]);
    assert_eq!(wait(store.request(made_at(10))).expect("read").map(|r| r.id), Some(made_at(10)), "requests stay");
    assert_eq!(all_events(store), events, "evidence stays");
    assert!(commit(store, vec![prune]).is_ok(), "nothing left to prune is no error");
}

pub(crate) fn one_prune_is_bounded(store: &dyn Store) {
    let sessions = (0..1_100).map(|n| Change::Session(Box::new(session(&format!("s{n:04}"), n)))).collect();
    commit(store, sessions).expect("committed");
    let prune = || commit(store, vec![Change::Prune { sessions_before: at(90_000), keys_before: at(0) }]);
    let left = || (0..1_100).filter(|n| wait(store.session(&format!("s{n:04}"))).expect("read").is_some()).count();
    prune().expect("committed");
    assert_eq!(left(), 100, "the oldest thousand went");
    prune().expect("committed");
    assert_eq!(left(), 0);
}

pub(crate) fn keys_are_written_once(store: &dyn Store) {
    let write = |key| commit(store, vec![Change::Key(key)]).map(drop);
    assert_eq!(write(key("checkpoint", 2)), Ok(()));
    assert_eq!(write(key("checkpoint", 1)), Ok(()));
    assert_eq!(write(key("ssh/hosts/web", 1)), Ok(()));
    let other = curfew_engine::seams::store::SealedKey { sealed: "other".to_owned(), ..key("checkpoint", 1) };
    assert!(matches!(write(other), Err(CommitError::Conflict(_))));
    assert_eq!(wait(store.keys("checkpoint")), Ok(vec![key("checkpoint", 1), key("checkpoint", 2)]));
    assert_eq!(wait(store.keys("check")), Ok(vec![]));
}

pub(crate) fn facts_are_replaced_whole(store: &dyn Store) {
    let write = |changes| commit(store, changes).map(drop);
    let start = vec![fact("a/2", Some("x")), fact("a/1", Some("y")), fact("a", Some("z")), fact("b", Some(""))];
    assert_eq!(write(start), Ok(()));
    assert_eq!(wait(store.fact("a/2")), Ok(Some("x".to_owned())));
    assert_eq!(write(vec![fact("a/2", Some("other")), fact("b", None), fact("never", None)]), Ok(()));
    assert_eq!(wait(store.fact("b")), Ok(None));
    let pairs = |prefix| -> Vec<(String, String)> { wait(store.facts(prefix)).expect("facts").into_iter().collect() };
    let of = |list: &[(&str, &str)]| -> Vec<_> { list.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect() };
    assert_eq!(pairs("a/"), of(&[("a/1", "y"), ("a/2", "other")]));
    assert_eq!(pairs(""), of(&[("a", "z"), ("a/1", "y"), ("a/2", "other")]));
    assert_eq!(pairs("a%"), of(&[]));
    assert_eq!(pairs("z"), of(&[]));
}

pub(crate) fn replaying_the_events_gives_the_state(store: &dyn Store) {
    for n in 1..=6 {
        let (grant, lease) = live(store, n, ASK);
        if n % 2 == 0 {
            end(store, &grant, &lease, n + 1);
        }
    }
    let request = ask(store, 7, ASK);
    take!(store, Request, denied(&request));
    check::the_state_is_what_the_events_say(store);
    check::the_log_is_whole(store);
}
