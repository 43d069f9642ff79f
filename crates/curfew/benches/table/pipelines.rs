//! Runs of pipelines against SSH, over HTTP and with everything that a job does: exchange, proofs, begin, ask, claim, end. They
//! come at a steady pace, a thousand a minute, whatever the server makes of those before.

use crate::served::{Running, free_port, program};
use crate::table::{Table, Unit};
use crate::world::runtime;
use curfew_api::{
    ActivateBody, AskBody, BeatBody, Client, IdempotencyKey, ProofKey, PublicHalfBody, WorkloadSignInBody,
};
use curfew_domain::BeatId;
use issuer::{Issuer, Key};
use std::path::Path;
use std::time::{Duration, Instant};

#[path = "../../tests/e2e/harness/issuer.rs"]
#[allow(dead_code, reason = "the end-to-end tests use the rest of it")]
mod issuer;

/// One run's beginning after the other.
const EVERY: Duration = Duration::from_millis(60);
/// How many begin in a minute.
const EACH_MINUTE: usize = 1_000;
/// For how long runs begin, unless `CURFEW_BENCH_RUN_SECONDS` says otherwise.
const SECONDS: u64 = 20;
/// How long a job has its access.
const JOB: Duration = Duration::from_secs(2);

const POLICY: &str = r#"
resources:
  - name: hosts/web
    connector: ssh
    risk: low
    settings: {hosts: ["127.0.0.1:22"], actions: {shell: {principals: [deploy]}}}
roles:
  - name: deploy
    requesters: [{github: {repository_id: "123456", ref: refs/heads/main}}]
    duration: 10m
    conditions: [{resource: hosts/web, actions: [shell]}]
    approval: automatic
"#;

pub(crate) fn measure(table: &mut Table) {
    let seconds = std::env::var("CURFEW_BENCH_RUN_SECONDS").ok().map_or(SECONDS, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::with(Key::p256());
    let (server, url) = serve(folder.path(), &issuer.url());
    let runs = usize::try_from(Duration::from_secs(seconds).as_millis() / EVERY.as_millis()).unwrap();
    let (mut waits, before, minutes) = runtime().block_on(async {
        // One run before the others, so that what is made once is made.
        one(&url, issuer.token(&claims(&issuer, &url, 0))).await;
        let before = server.resident();
        let begun = Instant::now();
        let all = (1..=runs).map(|number| {
            let (url, issuer, server) = (&url, &issuer, &server);
            async move {
                tokio::time::sleep(EVERY * u32::try_from(number).unwrap()).await;
                if number % EACH_MINUTE == 0 {
                    eprintln!("{number} runs have begun, {:.0} MB resident", server.resident() / 1e6);
                }
                one(url, issuer.token(&claims(issuer, url, number))).await
            }
        });
        let waits = futures::future::join_all(all).await;
        (waits, before, (begun.elapsed() - JOB).as_secs_f64() / 60.0)
    });
    let after = server.resident();
    waits.sort();
    let p99 = waits[waits.len() * 99 / 100].as_secs_f64() * 1_000.0;
    eprintln!("{runs} runs, {:.0} a minute; none lost", runs as f64 / minutes);
    table.alone("pipeline runs on SSH", Unit::PerSecond, runs as f64 / minutes / 60.0);
    table.alone("ask to credential at 1,000 runs a minute, p99", Unit::Millis, p99);
    table.alone("resident memory, before those runs", Unit::Megabytes, before / 1e6);
    table.alone("resident memory, after them", Unit::Megabytes, after / 1e6);
}

fn claims(issuer: &Issuer, audience: &str, number: usize) -> serde_json::Value {
    let mut claims = issuer::github(&issuer.url(), audience, issuer::now());
    claims["run_id"] = number.to_string().into();
    claims
}

/// A whole run. How long it took from the ask to the certificate; a grant that is lost ends the measurement.
async fn one(url: &str, token: String) -> Duration {
    let key = ProofKey::fresh();
    let nobody = Client::new(url, None).unwrap();
    let signed = nobody.sign_in_workload(&WorkloadSignInBody { token }, &key).await.unwrap();
    let client = Client::new_bound(url, signed.token, key.clone()).unwrap();
    let beat = BeatId::try_from(hex(&key.to_seed()[..16])).unwrap();
    let run = client.begin_run(&BeatBody { beat: beat.clone() }).await.unwrap();
    let body = AskBody { role: "deploy".to_owned(), beat: Some(beat.clone()), ..AskBody::default() };
    let begun = Instant::now();
    let request = client.request(&body, &IdempotencyKey::fresh()).await.unwrap();
    let resource = "hosts/web".parse().unwrap();
    let half = PublicHalfBody { resource, kind: "ssh_public_key".to_owned(), value: crate::ssh::public_key() };
    let activated = client
        .activate(&request.id.to_string(), &ActivateBody { public_halves: vec![half], artefacts: Vec::new() })
        .await
        .unwrap();
    let took = begun.elapsed();
    assert_eq!(activated.grant.state, "active");
    tokio::time::sleep(JOB).await;
    client.end_run(&run.id.to_string(), &BeatBody { beat }).await.unwrap();
    let grant = client.show_grant(&activated.grant.id.to_string()).await.unwrap();
    assert!(matches!(grant.state.as_str(), "ending" | "ended"), "{grant:?}");
    took
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn serve(folder: &Path, issuer: &str) -> (Running, String) {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    std::fs::create_dir_all(folder.join("policies")).unwrap();
    std::fs::write(folder.join("policies/policy.yaml"), POLICY).unwrap();
    let config = format!(
        "listen = \"127.0.0.1:{port}\"\npublic_url = \"{url}\"\ndevelopment_sign_in = true\nledger = \"sqlite:{}\"\n\
         [policy]\npath = \"{}\"\n[seal]\nkey = \"env:BENCH_SEAL_KEY\"\n[[issuers]]\nname = \"github\"\nkind = \"github\"\n\
         url = \"{issuer}\"\n",
        folder.join("ledger.db").display(),
        folder.join("policies").display()
    );
    let file = folder.join("curfew.toml");
    std::fs::write(&file, config).unwrap();
    (Running::serve(program(), &file, port), url)
}
