//! Runs of pipelines on a whole server: what lives with one ends with it.

use super::*;
use std::sync::atomic::{AtomicI64, Ordering};

/// A crew that gets it at once, and one that somebody has to say yes for.
const TRIGGERS: &str = r#"
groups: {crew: [ann@example.com, dev@example.com]}
people: [{email: eve@example.com, github: "583231"}]
"#;

const ROLES: &str = r#"
  - name: crew-look
    triggers:
      - {github: {repository_id: "123456", ref: refs/heads/main}, grant_to: [pipeline, actor, "group:crew"], until: pipeline-end}
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
  - name: crew-write
    triggers: [{github: {repository_id: "123456", ref: refs/heads/main}, grant_to: [dev@example.com], until: pipeline-end}]
    duration: 1h
    conditions: [{resource: services/db, actions: [read, write]}]
    approvers: [eve@example.com, lead@example.com]
  - name: deploy
    requesters: [{github: {repository_id: "123456", ref: refs/heads/main}}]
    duration: 1h
    conditions: [{resource: services/db, actions: [write]}]
    approvers: [eve@example.com, lead@example.com]
"#;

static BEAT: AtomicI64 = AtomicI64::new(1);

/// Another client.
fn beat() -> Value {
    json!({"beat": format!("{:032x}", BEAT.fetch_add(1, Ordering::SeqCst))})
}

/// A run's client: its sign-in, and how far the clock was turned.
pub(super) struct Client {
    pub(super) job: Job,
    beat: Value,
    pub(super) run: String,
}

pub(super) struct Shop {
    pub(super) bed: Bed,
    turned: AtomicI64,
}

impl Shop {
    pub(super) async fn new() -> Self {
        let policy = format!("{TRIGGERS}{POLICY}{PIPELINES}{ROLES}");
        let bed = Bed::ruled(&policy, Provider::Github, Issuer::start()).await;
        Self { bed, turned: AtomicI64::new(0) }
    }

    fn turn(&self, seconds: i64) {
        self.turned.fetch_add(seconds, Ordering::SeqCst);
        self.bed.world.clock.turn(Duration::from_secs(seconds.unsigned_abs()));
        // A jump is doubted for a minute: the rest of it goes by in small steps.
        self.bed.world.app.engine.now();
    }

    /// Time goes by as it does.
    pub(super) fn pass(&self, seconds: i64) {
        for _ in 0..seconds {
            self.turn(1);
        }
    }

    fn now(&self) -> i64 {
        NOW + self.turned.load(Ordering::SeqCst)
    }

    pub(super) async fn job(&self, but: &[(&str, Value)]) -> Job {
        let mut claims = issuer::github(&self.bed.issuer.url(), HERE, self.now());
        for (name, value) in but {
            claims[*name] = value.clone();
        }
        let token = self.bed.issuer.token(&claims);
        let mut job = Job::new();
        let proof = job.proof(&Method::POST, SIGN_IN).but(|p| p.payload["iat"] = json!(self.now()));
        let mut request = call(Method::POST, "", SIGN_IN, Some(json!({"token": token})), None);
        request.headers_mut().insert("dpop", proof.parse().expect("a header"));
        job.token = text(&self.bed.world.send(request).await.ok(), "token");
        job
    }

    async fn call(&self, job: &Job, method: Method, path: &str, body: Option<Value>) -> Reply {
        let proof = job.proof(&method, path).but(|p| p.payload["iat"] = json!(self.now()));
        self.bed.world.send(job.call_with(method, path, body, &proof)).await
    }

    pub(super) async fn post(&self, job: &Job, path: &str, body: &Value) -> Reply {
        self.call(job, Method::POST, &format!("/api/v1/{path}"), Some(body.clone())).await
    }

    pub(super) async fn get(&self, job: &Job, path: &str) -> Reply {
        self.call(job, Method::GET, &format!("/api/v1/{path}"), None).await
    }

    pub(super) async fn begun(&self, but: &[(&str, Value)]) -> (Client, Value) {
        let (job, beat) = (self.job(but).await, beat());
        let run = self.post(&job, "runs", &beat).await.ok();
        (Client { job, beat, run: text(&run, "id") }, run)
    }

    pub(super) async fn ask(&self, client: &Client, role: &str) -> Reply {
        let body = json!({"role": role, "reason": "orders are stuck", "beat": client.beat["beat"]});
        self.post(&client.job, "requests", &body).await
    }

    /// A grant of a client's own, claimed.
    pub(super) async fn active(&self, client: &Client, role: &str) -> String {
        let request = self.ask(client, role).await.ok();
        let grant = text(&request, "grant_id");
        let reply = self.post(&client.job, &format!("grants/{grant}/activate"), &halves(7)).await.ok();
        assert_eq!(reply["grant"]["state"], "active");
        grant
    }

    async fn beats(&self, client: &Client) -> Reply {
        self.post(&client.job, &format!("runs/{}/beats", client.run), &client.beat).await
    }

    pub(super) async fn end(&self, client: &Client) -> Reply {
        self.post(&client.job, &format!("runs/{}/end", client.run), &client.beat).await
    }

    /// Looks, as an auditor, until a grant has ended.
    pub(super) async fn ended(&self, grant: &str) -> Value {
        let auditor = self.bed.world.sign_in("auditor@example.com").await;
        self.bed.world.until(&auditor, grant, "ended").await
    }

    async fn of(&self, who: &str, run: &str) -> Value {
        let token = self.bed.world.sign_in(who).await;
        self.bed.world.get(&token, &format!("/api/v1/runs/{run}")).await.ok()
    }
}

fn roles(of: &Value) -> Vec<(String, String, String)> {
    let entry = |v: &Value| {
        let email = v["subject"]["email"].as_str().unwrap_or("-").to_owned();
        (text(v, "role"), email, text(v, "state"))
    };
    let mut all: Vec<_> = of.as_array().expect("a list").iter().map(entry).collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_a_client_has_ends_when_it_is_done() {
    let shop = Shop::new().await;
    let (client, run) = shop.begun(&[]).await;
    assert_eq!((&run["state"], &run["run"]), (&"live".into(), &json!({"provider": "github", "id": "9876543210"})));
    assert_eq!((&run["claims"]["repository"], &run["heartbeat_window_seconds"]), (&"acme/orders".into(), &60.into()));
    let grant = shop.active(&client, "hotfix").await;
    let shown = shop.get(&client.job, &format!("grants/{grant}")).await.ok();
    assert_eq!(shown["run"], run["run"]);
    assert_eq!(shop.beats(&client).await.ok()["requests"], json!([]), "a heartbeat lists nothing");
    let over = shop.end(&client).await.ok();
    assert_eq!((&over["state"], &over["over_because"]), (&"over".into(), &"finished".into()));
    let ended = shop.ended(&grant).await;
    assert_eq!((&ended["end_cause"], &ended["verified"]), (&"pipeline_ended".into(), &true.into()));
    assert_eq!(shop.end(&client).await.ok()["state"], "over", "again changes nothing");
    assert_eq!(shop.beats(&client).await.code(), "run_over");
    assert_eq!(shop.ask(&client, "hotfix").await.code(), "run_over");
    // A second client in the same job, minutes later, is another run of the same number.
    let again = beat();
    let second = shop.post(&client.job, "runs", &again).await.ok();
    assert_ne!(second["id"], over["id"]);
    assert_eq!(second["state"], "live");
}

#[tokio::test]
async fn silence_for_the_window_ends_it() {
    let shop = Shop::new().await;
    let (client, run) = shop.begun(&[]).await;
    let grant = shop.active(&client, "hotfix").await;
    shop.pass(45);
    let heard = shop.beats(&client).await.ok();
    assert!(heard["silent_at"].as_str() > run["silent_at"].as_str());
    shop.pass(59);
    let auditor = shop.bed.world.sign_in("auditor@example.com").await;
    shop.bed.world.until(&auditor, &grant, "active").await;
    shop.pass(1);
    let ended = shop.ended(&grant).await;
    assert_eq!(
        (&ended["end_cause"], &ended["end_ordered"]["because"]),
        (&"pipeline_ended".into(), &"no heartbeat for 60 s".into())
    );
    let run = shop.of("auditor@example.com", &client.run).await;
    assert_eq!(
        (&run["state"], &run["over_because"], &run["silent_at"]),
        (&"over".into(), &"silent".into(), &Value::Null)
    );
    assert_eq!(shop.beats(&client).await.code(), "run_over");
    let events = shop.bed.evidence("run.over").await;
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn a_jump_ahead_ends_early_and_never_later() {
    let shop = Shop::new().await;
    let (client, _) = shop.begun(&[]).await;
    let grant = shop.active(&client, "hotfix").await;
    shop.turn(600);
    assert_eq!(shop.ended(&grant).await["end_cause"], "pipeline_ended");
}

#[tokio::test]
async fn a_crew_gets_what_policy_gives_and_keeps_it_while_any_client_beats() {
    let shop = Shop::new().await;
    // Ann has never signed in.
    let (first, begun) = shop.begun(&[]).await;
    assert_eq!(
        roles(&begun["grants"]),
        [("crew-look".to_owned(), "-".to_owned(), "approved".to_owned())],
        "its own alone"
    );
    let all = shop.of("auditor@example.com", "9876543210").await;
    let row = |role: &str, name: &str, state: &str| (role.to_owned(), name.to_owned(), state.to_owned());
    let expected = [
        row("crew-look", "-", "approved"),
        row("crew-look", "ann@example.com", "approved"),
        row("crew-look", "dev@example.com", "approved"),
        row("crew-look", "eve@example.com", "approved"),
        row("crew-write", "dev@example.com", "pending"),
    ];
    assert_eq!(roles(&all["requests"]), expected);
    assert_eq!(all["requests"][0]["origin"], "trigger");
    assert!(
        text(&all["requests"][0], "reason").contains("github run 9876543210 began in acme/orders on refs/heads/main")
    );
    // A second client of the run fires nothing again, and the run lives while it beats.
    let job = Job { key: first.job.key.clone(), token: first.job.token.clone() };
    let second = Client { job, beat: beat(), run: first.run.clone() };
    assert_eq!(shop.post(&second.job, "runs", &second.beat).await.ok()["id"], begun["id"]);
    assert_eq!(shop.of("auditor@example.com", &first.run).await["requests"].as_array().map(Vec::len), Some(5));
    let ann = shop.bed.world.sign_in("ann@example.com").await;
    let mine = shop.bed.world.get(&ann, "/api/v1/grants").await.ok();
    assert_eq!(roles(&mine["items"]), [row("crew-look", "ann@example.com", "approved")]);
    let asked = shop.bed.world.get(&ann, "/api/v1/requests?which=mine").await.ok();
    assert_eq!(asked["items"].as_array().map(Vec::len), Some(1));
    let grant = text(&mine["items"][0], "id");
    let claimed = shop.bed.world.post(&ann, &format!("/api/v1/grants/{grant}/activate"), halves(3)).await.ok();
    assert_eq!(claimed["grant"]["run"], json!({"provider": "github", "id": "9876543210"}));
    shop.end(&first).await.ok();
    assert_eq!(shop.bed.world.get(&ann, &format!("/api/v1/grants/{grant}")).await.ok()["state"], "active");
    shop.end(&second).await.ok();
    let ended = shop.ended(&grant).await;
    assert_eq!((&ended["end_cause"], &ended["verified"]), (&"pipeline_ended".into(), &true.into()));
    let all = shop.of("auditor@example.com", &first.run).await;
    assert!(roles(&all["requests"]).contains(&row("crew-write", "dev@example.com", "lapsed")), "{all}");
    assert!(
        all["grants"].as_array().expect("a list").iter().all(|grant| grant["end_cause"] == "pipeline_ended"),
        "{all}"
    );
}

#[tokio::test]
async fn whoever_started_the_run_approves_nothing_of_it() {
    let shop = Shop::new().await;
    let (client, _) = shop.begun(&[]).await;
    let eve = shop.bed.world.sign_in("eve@example.com").await;
    let lead = shop.bed.world.sign_in("lead@example.com").await;
    let own = shop.ask(&client, "deploy").await.ok();
    let run = shop.of("auditor@example.com", &client.run).await;
    let crew =
        run["requests"].as_array().expect("a list").iter().find(|r| r["role"] == "crew-write").expect("it").clone();
    for asked in [own, crew] {
        let path = format!("/api/v1/requests/{}", text(&asked, "id"));
        assert_eq!(asked["decision"]["approvers"], json!(["lead@example.com"]));
        let body = json!({"digest": asked["digest"]});
        let refused = shop.bed.world.post(&eve, &format!("{path}/approve"), body.clone()).await;
        assert!(matches!(refused.code().as_str(), "own_request" | "not_found"), "{}", refused.text);
        let listed = shop.bed.world.get(&eve, "/api/v1/requests?which=to_approve").await.ok();
        assert_eq!(listed["items"], json!([]));
        assert_eq!(shop.bed.world.post(&lead, &format!("{path}/approve"), body).await.ok()["state"], "approved");
    }
    // Nor does anybody know who started a run again.
    let (again, _) = shop.begun(&[("run_attempt", json!("2"))]).await;
    let refused = shop.ask(&again, "deploy").await;
    assert_eq!(refused.code(), "denied", "{}", refused.text);
    let run = shop.of("auditor@example.com", &again.run).await;
    assert_eq!(run["run"]["id"], "9876543210/attempts/2");
    assert!(!roles(&run["requests"]).iter().any(|(_, who, _)| who == "eve@example.com"), "{run}");
}

#[tokio::test]
async fn a_heartbeat_is_its_own_clients() {
    let shop = Shop::new().await;
    let (client, _) = shop.begun(&[]).await;
    let other_job = shop.job(&[]).await;
    let beats = format!("runs/{}/beats", client.run);
    assert_eq!(shop.post(&other_job, &beats, &client.beat).await.code(), "forbidden");
    assert_eq!(shop.post(&other_job, &format!("runs/{}/end", client.run), &client.beat).await.code(), "forbidden");
    assert_eq!(shop.post(&other_job, "runs", &client.beat).await.code(), "forbidden");
    let stolen = json!({"role": "hotfix", "reason": "orders are stuck", "beat": client.beat["beat"]});
    assert_eq!(shop.post(&other_job, "requests", &stolen).await.code(), "run_over");
    let other_run = shop.job(&[("run_id", json!("5"))]).await;
    assert_eq!(shop.post(&other_run, &beats, &client.beat).await.code(), "not_found");
    assert_eq!(shop.get(&other_run, &format!("runs/{}", client.run)).await.code(), "not_found");
    let without = json!({"role": "hotfix", "reason": "orders are stuck"});
    assert_eq!(shop.post(&client.job, "requests", &without).await.code(), "malformed");
    let dev = shop.bed.world.sign_in("dev@example.com").await;
    let person = shop.bed.world.post(&dev, "/api/v1/requests", stolen).await;
    assert_eq!((person.status.as_u16(), person.code().as_str()), (400, "malformed"));
    assert_eq!(shop.bed.world.post(&dev, "/api/v1/runs", beat()).await.code(), "forbidden");
    let stranger = shop.bed.world.sign_in("stranger@example.com").await;
    assert_eq!(shop.bed.world.get(&stranger, &format!("/api/v1/runs/{}", client.run)).await.code(), "not_found");
    // The same subject in another job, or another run, claims nothing of it.
    let request = shop.ask(&client, "hotfix").await.ok();
    let claim = format!("grants/{}/activate", text(&request, "grant_id"));
    for job in [&other_job, &other_run] {
        assert_eq!(shop.post(job, &claim, &halves(1)).await.code(), "forbidden");
    }
    shop.post(&client.job, &claim, &halves(1)).await.ok();
}

#[tokio::test]
async fn each_job_is_judged_by_its_own_token() {
    let shop = Shop::new().await;
    let (_first, _) = shop.begun(&[]).await;
    // Another job of the same run, for which no rule is.
    let elsewhere = shop.job(&[("ref", json!("refs/heads/other"))]).await;
    let client = Client { beat: beat(), run: String::new(), job: elsewhere };
    shop.post(&client.job, "runs", &client.beat).await.ok();
    assert_eq!(shop.ask(&client, "hotfix").await.code(), "denied");
    // And a run whose second job is the one that its triggers mean.
    let (_, begun) = shop.begun(&[("run_id", json!("6")), ("ref", json!("refs/heads/other"))]).await;
    assert_eq!(shop.of("auditor@example.com", &text(&begun, "id")).await["requests"], json!([]));
    let (_, joined) = shop.begun(&[("run_id", json!("6"))]).await;
    assert_eq!(joined["id"], begun["id"]);
    assert_eq!(shop.of("auditor@example.com", &text(&begun, "id")).await["requests"].as_array().map(Vec::len), Some(5));
    let ann = shop.bed.world.sign_in("ann@example.com").await;
    let mine = shop.bed.world.get(&ann, "/api/v1/grants").await.ok();
    let newest = text(&mine["items"][0], "id");
    shop.bed.world.post(&ann, &format!("/api/v1/grants/{newest}/activate"), halves(3)).await.ok();
}

/// Runs of one pipeline have one subject. What one was given is none of the others' to end or to prolong.
#[tokio::test]
async fn another_run_of_the_same_pipeline_reaches_nothing_of_it() {
    let shop = Shop::new().await;
    let (first, _) = shop.begun(&[]).await;
    let grant = shop.active(&first, "hotfix").await;
    let pending = text(&shop.ask(&first, "deploy").await.ok(), "id");
    let (other, _) = shop.begun(&[("run_id", json!("4711")), ("jti", json!("another"))]).await;
    let (same_run, _) = shop.begun(&[("jti", json!("second job"))]).await;
    for client in [&other, &same_run] {
        for (path, body) in [
            (format!("grants/{grant}/return"), json!({})),
            (format!("grants/{grant}/extend"), json!({"duration_seconds": "5m"})),
            (format!("requests/{pending}/withdraw"), json!({})),
        ] {
            let reply = shop.post(&client.job, &path, &body).await;
            assert_eq!(reply.code(), "forbidden", "{path} {}", reply.text);
        }
    }
    let withdrawn = shop.post(&first.job, &format!("requests/{pending}/withdraw"), &json!({})).await.ok();
    assert_eq!(withdrawn["state"], "withdrawn");
    shop.post(&first.job, &format!("grants/{grant}/return"), &json!({})).await.ok();
    assert_eq!(shop.ended(&grant).await["end_cause"], "returned");
}
