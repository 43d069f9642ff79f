//! The signed word that what a run was given is gone.

use super::runs::{Client, Shop};
use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use curfew_api::StatementView;
use curfew_connectors::postgres::fake::Power;
use curfew_domain::audit::{AuditAction, CheckpointError, Envelope, EnvelopeError, VerifierKey};
use curfew_domain::lease::Evidence;
use curfew_domain::{Grant, GrantState, Id, Subject, Transition};
use curfew_engine::seams::Change;

const AUDITOR: &str = "auditor@example.com";

async fn key(shop: &Shop) -> VerifierKey {
    let key = shop.bed.world.get("", "/api/v1/audit/key").await.ok();
    VerifierKey::parse(&text(&key, "key")).expect("a key")
}

async fn asked(shop: &Shop, who: &str, run: &str) -> Reply {
    let token = shop.bed.world.sign_in(who).await;
    shop.bed.world.get(&token, &format!("/api/v1/runs/{run}/attestation")).await
}

/// What a person is told of a run, once the signature and the checkpoint in it hold.
async fn attested(shop: &Shop, who: &str, run: &str) -> Value {
    verified(&key(shop).await, &asked(shop, who, run).await)
}

fn verified(key: &VerifierKey, reply: &Reply) -> Value {
    reply.ok();
    let envelope = Envelope::read(reply.text.as_bytes()).expect("an envelope");
    let payload = key.verify_statement(&envelope).expect("signed");
    let statement: StatementView = serde_json::from_slice(&payload).expect("a statement");
    let log = &statement.predicate.audit;
    let checkpoint = key.verify(&log.checkpoint).expect("signed");
    assert_eq!((checkpoint.size, checkpoint.root.to_string()), (log.tree_size, log.root_hash.clone()));
    serde_json::from_slice(&payload).expect("JSON")
}

/// Looks until everything that was given with a run has ended, save what cannot.
async fn all_ended(shop: &Shop, run: &str, save: &str) {
    let auditor = shop.bed.world.sign_in(AUDITOR).await;
    let run = shop.bed.world.get(&auditor, &format!("/api/v1/runs/{run}")).await.ok();
    for grant in run["grants"].as_array().expect("a list").iter().filter(|grant| grant["id"] != save) {
        shop.ended(&text(grant, "id")).await;
    }
}

/// A run that had one grant of its own claimed, and is over with all that its triggers gave.
async fn over(shop: &Shop, but: &[(&str, Value)]) -> (Client, String) {
    let (client, _) = shop.begun(but).await;
    let grant = shop.active(&client, "hotfix").await;
    shop.end(&client).await.ok();
    all_ended(shop, &client.run, "").await;
    (client, grant)
}

#[tokio::test]
async fn a_run_that_is_over_is_attested_with_all_it_was_given() {
    let shop = Shop::new().await;
    let commit = "c0ffee25".repeat(5);
    let (client, grant) = over(&shop, &[("sha", json!(commit))]).await;
    let said = attested(&shop, AUDITOR, &client.run).await;
    assert_eq!(said["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(said["predicateType"], "https://curfew.dev/attestation/run/v1");
    assert_eq!(said["subject"], json!([{"name": "acme/orders commit", "digest": {"gitCommit": commit}}]));
    let of = &said["predicate"];
    assert_eq!((&of["all_verified_gone"], &of["grants_withheld"]), (&true.into(), &0.into()));
    let run = &of["run"];
    assert_eq!((text(run, "id"), text(run, "provider")), (client.run.clone(), "github".to_owned()));
    assert_eq!(run["number"], "9876543210");
    assert_eq!(
        (&run["issuer"], &run["state"], &run["over_because"]),
        (&"ci".into(), &"over".into(), &"finished".into())
    );
    assert!(text(&run["subject"], "id").starts_with(&shop.bed.issuer.url()), "{run}");
    let all = of["grants"].as_array().expect("a list");
    assert_eq!(all.len(), 5, "four of the crew's trigger, and its own: {of}");
    let own = all.iter().find(|one| one["id"] == grant.as_str()).expect("it is among them");
    assert_eq!(
        (&own["verified"], &own["end_cause"], &own["role"]),
        (&true.into(), &"pipeline_ended".into(), &"hotfix".into())
    );
    assert_eq!(own["scope"], json!([{"resource": "services/db", "actions": ["read"]}]));
    assert!(text(own, "ended_at") >= text(own, "activated_at") && text(own, "ended_at").ends_with('Z'), "{own}");
    let lease = &own["leases"][0];
    assert_eq!(
        (&lease["state"], &lease["verified"], &lease["resource"]),
        (&"revoked".into(), &true.into(), &"services/db".into())
    );
    assert!(lease["residual_exposure"].is_array() && text(lease, "handle").starts_with("cf_lse_"), "{lease}");
    // The end stands in the log before the place that is named.
    let auditor = shop.bed.world.sign_in(AUDITOR).await;
    let events = shop.bed.world.get(&auditor, &format!("/api/v1/audit/about/{grant}")).await.ok();
    let events = events["items"].as_array().or(events.as_array()).expect("a list").clone();
    let ended = events.iter().find(|event| event["action"] == "grant.ended").expect("it is there");
    assert!(ended["seq"].as_u64() < of["audit"]["tree_size"].as_u64(), "{ended} {of}");
}

#[tokio::test]
async fn who_approved_is_named() {
    let shop = Shop::new().await;
    let (client, _) = shop.begun(&[]).await;
    let run = shop.bed.world.sign_in(AUDITOR).await;
    let run = shop.bed.world.get(&run, &format!("/api/v1/runs/{}", client.run)).await.ok();
    let asked = run["requests"].as_array().expect("a list").iter().find(|r| r["role"] == "crew-write").expect("it");
    let (lead, body) = (shop.bed.world.sign_in("lead@example.com").await, json!({"digest": asked["digest"]}));
    let path = format!("/api/v1/requests/{}/approve", text(asked, "id"));
    let approved = shop.bed.world.post(&lead, &path, body).await.ok();
    shop.end(&client).await.ok();
    all_ended(&shop, &client.run, "").await;
    let said = attested(&shop, AUDITOR, &client.run).await;
    let all = said["predicate"]["grants"].as_array().expect("a list");
    for grant in all {
        let expected = if grant["id"] == approved["grant_id"] { json!(["lead@example.com"]) } else { json!([]) };
        let approvals = grant["approvals"].as_array().expect("a list").iter();
        let approvers: Vec<_> = approvals.map(|yes| yes["approver"]["email"].clone()).collect();
        assert_eq!(Value::from(approvers), expected, "{grant}");
    }
    assert!(all.iter().any(|grant| grant["role"] == "crew-write" && grant["activated_at"].is_null()), "{said}");
}

#[tokio::test]
async fn nothing_is_said_while_something_is_open() {
    let shop = Shop::new().await;
    let (client, _) = shop.begun(&[]).await;
    let grant = shop.active(&client, "hotfix").await;
    let own = |reply: &Reply| {
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (409, "wrong_state"), "{}", reply.text);
        text(&reply.json()["error"], "message")
    };
    let said = own(&asked(&shop, AUDITOR, &client.run).await);
    assert!(said.starts_with("the run is not over") && said.contains(&format!("{grant} is active")), "{said}");
    // Its target does not let it be ended.
    let resource = "services/db".parse().expect("a name");
    shop.bed.world.target.set_power(&resource, Power::Down);
    shop.end(&client).await.ok();
    all_ended(&shop, &client.run, &grant).await;
    let auditor = shop.bed.world.sign_in(AUDITOR).await;
    shop.bed.world.until(&auditor, &grant, "ending").await;
    let said = own(&asked(&shop, AUDITOR, &client.run).await);
    assert!(said.contains("not everything") && said.contains(&format!("{grant} is ending")), "{said}");
    // Who may see a part of the run hears of the rest that it is there, and no more.
    let said = own(&asked(&shop, "ann@example.com", &client.run).await);
    assert!(!said.contains(&grant) && said.contains("1 more that you may not see"), "{said}");
    shop.bed.world.target.set_power(&resource, Power::Up);
    shop.pass(5);
    all_ended(&shop, &client.run, "").await;
    asked(&shop, AUDITOR, &client.run).await.ok();
}

#[tokio::test]
async fn whoever_may_see_the_run_may_have_it_with_as_much_of_it() {
    let shop = Shop::new().await;
    let (client, grant) = over(&shop, &[]).await;
    let path = format!("runs/{}/attestation", client.run);
    let key = key(&shop).await;
    let own = verified(&key, &shop.get(&client.job, &path).await);
    assert_eq!(own["predicate"]["grants"].as_array().map(Vec::len), Some(5), "{own}");
    // By its provider's number as well.
    let number = verified(&key, &asked(&shop, AUDITOR, "9876543210").await);
    assert_eq!(number["predicate"]["run"]["id"], client.run.as_str());
    let ann = attested(&shop, "ann@example.com", &client.run).await;
    let part = &ann["predicate"];
    assert_eq!((&part["grants_withheld"], &part["all_verified_gone"]), (&4.into(), &true.into()));
    assert_eq!(part["grants"][0]["subject"]["email"], "ann@example.com");
    assert!(part["grants"].as_array().is_some_and(|all| all.len() == 1) && !ann.to_string().contains(&grant), "{ann}");
    assert_eq!(asked(&shop, "stranger@example.com", &client.run).await.code(), "not_found");
    assert_eq!(shop.bed.world.get("", &format!("/api/v1/{path}")).await.code(), "unauthenticated");
    let (other, _) = shop.begun(&[("run_id", json!("5"))]).await;
    assert_eq!(shop.get(&other.job, &path).await.code(), "not_found");
}

#[tokio::test]
async fn a_run_with_no_commit_is_named_by_a_hash_of_which_it_was() {
    let shop = Shop::new().await;
    let (client, _) = over(&shop, &[("sha", json!("main"))]).await;
    let said = attested(&shop, AUDITOR, &client.run).await;
    let identity = format!(r#"{{"id":"{}","issuer":"ci","number":"9876543210","provider":"github"}}"#, client.run);
    let hash: String = Sha256::digest(identity).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(said["subject"], json!([{"name": "github run 9876543210", "digest": {"sha256": hash}}]));
}

#[tokio::test]
async fn an_end_that_could_not_be_verified_is_not_called_gone() {
    let shop = Shop::new().await;
    let (client, grant) = over(&shop, &[]).await;
    let store = shop.bed.world.app.engine.store();
    let id: Id<Grant> = grant.parse().expect("an id");
    let mut ended = store.grant(id).await.expect("read").expect("there");
    let GrantState::Ended { evidence, .. } = &mut ended.state else { panic!("it has ended") };
    *evidence = Evidence::Unread { at: evidence.at(), because: "the target was not to be read".to_owned() };
    let event = ended.event(AuditAction::GrantEnded, &Subject::system(), shop.bed.world.app.engine.now());
    let unread = Change::Grant(Box::new(Transition::new(ended, event)));
    store.commit(vec![unread]).await.expect("written");
    let said = attested(&shop, AUDITOR, &client.run).await;
    assert_eq!(said["predicate"]["all_verified_gone"], false);
    let all = said["predicate"]["grants"].as_array().expect("a list");
    let unread = all.iter().find(|one| one["id"] == grant.as_str()).expect("it");
    assert_eq!(unread["verified"], false);
    assert_eq!(unread["unverified_because"], "the target was not to be read");
    // Also when whoever asks may not see which.
    let ann = attested(&shop, "ann@example.com", &client.run).await;
    assert_eq!(
        (&ann["predicate"]["all_verified_gone"], &ann["predicate"]["grants"][0]["verified"]),
        (&false.into(), &true.into())
    );
}

#[tokio::test]
async fn a_changed_byte_and_a_checkpoint_in_its_place_are_refused() {
    let shop = Shop::new().await;
    let (client, _) = over(&shop, &[]).await;
    let key = key(&shop).await;
    let reply = asked(&shop, AUDITOR, &client.run).await;
    let envelope = Envelope::read(reply.text.as_bytes()).expect("an envelope");
    assert_eq!(envelope.signatures[0].keyid, key.key_id());
    for place in (0..envelope.payload.len()).step_by(97) {
        let mut payload = envelope.payload.clone().into_bytes();
        payload[place] = if payload[place] == b'A' { b'B' } else { b'A' };
        let payload = String::from_utf8(payload).expect("ASCII");
        if payload == envelope.payload {
            continue;
        }
        let verdict = key.verify_statement(&Envelope { payload, ..envelope.clone() });
        assert!(matches!(verdict, Err(EnvelopeError::WrongSignature | EnvelopeError::NotAnEnvelope)), "{place}");
    }
    // What the same key signed of the log vouches for no statement.
    let auditor = shop.bed.world.sign_in(AUDITOR).await;
    let note = text(&shop.bed.world.get(&auditor, "/api/v1/audit/checkpoint").await.ok(), "checkpoint");
    let place = note.find("\n\n").expect("a note") + 1;
    let (lines, line) = note.split_at(place);
    let of_note = BASE64.decode(line.trim().rsplit(' ').next().expect("a signature")).expect("base64");
    let (id, of_note) = of_note.split_at(4);
    let mut forged = envelope.clone();
    forged.payload = BASE64.encode(lines);
    forged.signatures[0].sig = BASE64.encode(of_note);
    assert_eq!(key.verify_statement(&forged), Err(EnvelopeError::WrongSignature));
    // And what it signed of the run is no checkpoint.
    let of_statement = BASE64.decode(&envelope.signatures[0].sig).expect("base64");
    let line = BASE64.encode([id, &of_statement].concat());
    let swapped = format!("{lines}\n\u{2014} {} {line}\n", key.name());
    assert_eq!(key.verify(&swapped), Err(CheckpointError::WrongSignature));
}
