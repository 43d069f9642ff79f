//! A policy that was refused: administrators and webhooks hear of it, once.

use super::testing::World;
use curfew_domain::Subject;
use curfew_engine::seams::store::Notice;
use std::time::Duration;

const POLICY: &str = r#"
groups: {platform: [root@example.com, ann@example.com]}
administrators: [group:platform]
resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: db
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [lead@example.com]
"#;

/// Whom it was told, sorted.
async fn told(world: &World) -> Vec<(String, String)> {
    let later = world.app.engine.now().plus(curfew_domain::Seconds::new(86_400));
    let notices = world.app.engine.store().notices(later, 1_000).await.expect("notices");
    let refused = notices.into_iter().filter(|notice: &Notice| notice.about == "policy_refused");
    let mut told: Vec<_> = refused.map(|n| (n.to, n.data["message"].as_str().unwrap_or_default().to_owned())).collect();
    told.sort();
    told
}

#[tokio::test]
async fn administrators_and_webhooks_hear_of_it_once_for_each_candidate() {
    let world = World::with(POLICY).await;
    let engine = &world.app.engine;
    let everybody =
        |why: &str| ["ann@example.com", "root@example.com", "siem"].map(|to| (to.to_owned(), why.to_owned()));
    for _ in 0..3 {
        engine.refuse_policy("a.yaml:1 is wrong", &Subject::system(), Vec::new()).await;
    }
    assert_eq!(told(&world).await, everybody("a.yaml:1 is wrong"));
    // Whoever pushes one bad commit after another buries nobody.
    for n in 0..50 {
        engine.refuse_policy(&format!("b.yaml:{n} is wrong"), &Subject::system(), Vec::new()).await;
    }
    assert_eq!(told(&world).await.len(), 6, "one now, one later");
    world.clock.turn(Duration::from_secs(3_600));
    engine.refuse_policy("b.yaml:0 is wrong", &Subject::system(), Vec::new()).await;
    assert_eq!(told(&world).await.len(), 6, "the same is no news");
    let events = engine.store().events(0, 1_000).await.expect("events");
    let recorded = events.iter().filter(|e| e.event.action.as_str() == "policy.refused").count();
    assert_eq!(recorded, 54, "evidence has all");
    // Another policy in force: what is wrong after that is news, whatever it is.
    engine
        .apply_policy(super::testing::policy(&POLICY.replace("1h", "2h")), &Subject::system())
        .await
        .expect("applied");
    engine.refuse_policy("b.yaml:0 is wrong", &Subject::system(), Vec::new()).await;
    assert_eq!(told(&world).await.len(), 9);
}
