//! What policy makes of the tokens that are believed: what looks like another run is none.

use super::*;
use crate::auth::Token;
use crate::endpoints::testing::policy;
use curfew_domain::{Identity, Outcome, RoleName};
use curfew_policy::{Ask, Claims, PolicySet, Token as Said};

const RULES: &str = r#"
resources:
  - {name: services/db, connector: postgres}
roles:
  - name: of-main
    requesters: [{github: {repository_id: "123456", ref: refs/heads/main}}]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
  - name: of-production
    requesters: [{github: {repository_id: "123456", environment: production}}]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
  - name: of-pull-requests
    requesters: [{github: {repository_id: "123456", ref: "refs/pull/7/merge", event: pull_request}}]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
"#;

/// Which roles a run gets, as its verified token stands in the ledger.
async fn gets(bed: &Bed, set: &PolicySet, claims: &Value) -> Vec<&'static str> {
    let mut job = Job::new();
    let mut claims = claims.clone();
    claims["jti"] = json!(issuer::unique());
    bed.taken(&mut job, &bed.issuer.token(&claims)).await;
    let hash = Token::of(&job.token, "cfw_").expect("a token").hash();
    let session = bed.world.app.engine.store().session(&hash).await.expect("read").expect("there");
    let bound = session.workload.expect("a machine's");
    let said = Said {
        provider: Provider::of(&bound.token.run.provider).expect("a provider"),
        issuer: Some(bound.token.run.issuer),
        claims: Claims::from_flat(bound.token.claims),
    };
    let who = Identity { subject: session.subject, groups: session.groups };
    let is_given = |role: &str| {
        let mut ask = Ask::of(who.clone(), RoleName::new(role).expect("a name"), bed.world.app.engine.now());
        ask.facts.token = Some(said.clone());
        set.decide(&ask).decision.outcome == Outcome::Automatic
    };
    ["of-main", "of-production", "of-pull-requests"].into_iter().filter(|role| is_given(role)).collect()
}

#[tokio::test]
async fn what_only_looks_like_the_run_that_policy_means_gets_nothing() {
    let (bed, set) = (Bed::new().await, policy(RULES));
    assert_eq!(gets(&bed, &set, &bed.claims()).await, ["of-main", "of-production"]);
    // A repository that was made anew under the name of the one before.
    assert_eq!(gets(&bed, &set, &bed.but("repository_id", json!("999"))).await, [""; 0]);
    // A branch whose name looks like an environment, in a `sub` that somebody might take apart.
    let mut branch = bed.but("environment", Value::Null);
    branch["ref"] = json!("refs/heads/environment:production");
    branch["sub"] = json!("repo:acme/orders:ref:refs/heads/environment:production");
    assert_eq!(gets(&bed, &set, &branch).await, [""; 0]);
    branch["ref"] = json!("environment:production");
    branch["sub"] = json!("repo:acme/orders:environment:production");
    assert_eq!(gets(&bed, &set, &branch).await, [""; 0], "not even with the very `sub` of the environment");
    // A pull request, of a fork or not, even under the ref that is named.
    for event in ["pull_request", "pull_request_target", "workflow_run", "issue_comment"] {
        assert_eq!(gets(&bed, &set, &bed.but("event_name", json!(event))).await, [""; 0], "{event}");
    }
    assert_eq!(gets(&bed, &set, &bed.but("event_name", Value::Null)).await, [""; 0]);
    let mut named = bed.but("event_name", json!("pull_request"));
    named["ref"] = json!("refs/pull/7/merge");
    assert_eq!(gets(&bed, &set, &named).await, ["of-pull-requests"], "a policy may open that door");
    // A number is a number however it is written; a name beside it changes nothing.
    assert_eq!(gets(&bed, &set, &bed.but("repository_id", json!(123_456))).await, ["of-main", "of-production"]);
    assert_eq!(gets(&bed, &set, &bed.but("ref", json!("refs/heads/main2"))).await, ["of-production"]);
    assert_eq!(gets(&bed, &set, &bed.but("ref", json!("refs/heads/Main"))).await, ["of-production"]);
}

#[tokio::test]
async fn with_several_issuers_of_a_kind_the_name_decides() {
    let (bed, other) = (Bed::new().await, RULES.replace("{github: {", "{github: {issuer: other, "));
    assert_eq!(gets(&bed, &policy(&other), &bed.claims()).await, [""; 0]);
    let own = RULES.replace("{github: {", "{github: {issuer: ci, ");
    assert_eq!(gets(&bed, &policy(&own), &bed.claims()).await, ["of-main", "of-production"]);
}

#[tokio::test]
async fn one_who_vouches_for_two_audiences_is_two() {
    let issuer = Issuer::start();
    let entry = |name: &str, audience: &str| config::Issuer {
        name: name.to_owned(),
        kind: Provider::Github,
        url: issuer.url(),
        audience: Some(audience.to_owned()),
    };
    let world = World::vouched(POLICY, vec![entry("one", "first"), entry("two", "second")]).await;
    world.clock.turn(Duration::from_secs(1));
    let bed = Bed { world, issuer };
    for (audience, name) in [("first", "one"), ("second", "two")] {
        let mut job = Job::new();
        bed.taken(&mut job, &bed.issuer.token(&bed.but("aud", json!(audience)))).await;
        let hash = Token::of(&job.token, "cfw_").expect("a token").hash();
        let session = bed.world.app.engine.store().session(&hash).await.expect("read").expect("there");
        assert_eq!(session.workload.expect("a machine's").token.run.issuer, name);
    }
    let both = bed.issuer.token(&bed.but("aud", json!(["first", "second"])));
    assert!(bed.refused(&both).await.contains("names two of this server's issuers"));
}
