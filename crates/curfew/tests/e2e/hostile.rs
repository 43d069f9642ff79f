//! Ten thousand hostile requests: no panic, no 500, no secret in any answer.

use crate::harness::{Http, World, runtime};
use reqwest::{Method, StatusCode};
use std::collections::BTreeMap;

const REQUESTS: usize = 10_000;
const AT_ONCE: usize = 16;

const PATHS: [&str; 29] = [
    "/api/v1/whoami",
    "/api/v1/roles",
    "/api/v1/requests",
    "/api/v1/requests/{id}",
    "/api/v1/requests/{id}/approve",
    "/api/v1/requests/{id}/deny",
    "/api/v1/requests/{id}/withdraw",
    "/api/v1/grants",
    "/api/v1/grants/{id}",
    "/api/v1/grants/{id}/activate",
    "/api/v1/grants/{id}/return",
    "/api/v1/grants/{id}/revoke",
    "/api/v1/grants/{id}/extend",
    "/api/v1/grants/{id}/review",
    "/api/v1/break-glass",
    "/api/v1/bundles/{id}/requests",
    "/api/v1/revocations",
    "/api/v1/decisions",
    "/api/v1/who-has",
    "/api/v1/sign-in",
    "/api/v1/audit/events",
    "/api/v1/audit/search",
    "/api/v1/audit/proof",
    "/api/v1/audit/about/{id}",
    "/api/v1/connectors",
    "/api/v1/ssh/hosts/sync",
    "/api/v1/openapi.json",
    "/metrics",
    "/",
];

const TEXTS: [&str; 24] = [
    "",
    "debug",
    "'; DROP ROLE manager; --",
    "\\u0000",
    "\u{202e}gnp.exe",
    "../../../../etc/passwd",
    "%00%0a%0d",
    "{{7*7}}${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "\u{1b}]0;owned\u{7}",
    "𝕯𝖊𝖇𝖚𝖌",
    "req_00000000000000000000000000",
    "grt_zzzzzzzzzzzzzzzzzzzzzzzzzz",
    "lse_!",
    "-1",
    "18446744073709551616",
    "1e308",
    "NaN",
    "true",
    "null",
    "services/db",
    "**",
    "dev@example.com",
    "$(reboot)`id`",
];

struct Hostile(u64);

impl Hostile {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn text(&mut self) -> String {
        match self.below(12) {
            0 => "A".repeat(self.below(70_000)),
            1 => "\u{e4}".repeat(self.below(2_100)),
            _ => TEXTS[self.below(TEXTS.len())].to_owned(),
        }
    }

    fn value(&mut self, depth: usize) -> serde_json::Value {
        match self.below(if depth > 3 { 6 } else { 8 }) {
            0 => serde_json::Value::Null,
            1 => (self.next() as i64).into(),
            2 => (f64::from_bits(self.next() >> 2)).into(),
            3 => self.next().is_multiple_of(2).into(),
            4 | 5 => self.text().into(),
            6 => (0..self.below(4)).map(|_| self.value(depth + 1)).collect(),
            _ => self.object(depth + 1),
        }
    }

    fn object(&mut self, depth: usize) -> serde_json::Value {
        const KEYS: [&str; 14] = [
            "role",
            "resources",
            "actions",
            "duration_seconds",
            "reason",
            "ticket",
            "digest",
            "narrowed",
            "public_halves",
            "resource",
            "kind",
            "value",
            "email",
            "subject",
        ];
        let fields = (0..self.below(6)).map(|_| {
            let key = if self.below(8) == 0 { self.text() } else { KEYS[self.below(KEYS.len())].to_owned() };
            (key, self.value(depth))
        });
        serde_json::Value::Object(fields.collect())
    }

    fn body(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => (0..self.below(300)).map(|_| self.next() as u8).collect(),
            1 => "[".repeat(self.below(20_000)).into_bytes(),
            2 => Vec::new(),
            3 => self.text().into_bytes(),
            _ => self.object(0).to_string().into_bytes(),
        }
    }

    /// A path with hostile segments, already escaped so that it can be sent at all.
    fn path(&mut self, ids: &[String]) -> String {
        let path = PATHS[self.below(PATHS.len())];
        let id = if self.below(3) == 0 { self.text() } else { ids[self.below(ids.len())].clone() };
        let id: String = id.bytes().take(2_000).map(|b| format!("%{b:02X}")).collect();
        let query =
            if self.below(3) == 0 { format!("?which={id}&limit={id}&cursor={id}&seq={id}") } else { String::new() };
        path.replace("{id}", &id) + &query
    }

    fn headers(&mut self, token: &str) -> BTreeMap<&'static str, Vec<u8>> {
        let mut headers = BTreeMap::new();
        let raw = |this: &mut Self| -> Vec<u8> {
            let text = this.text().into_bytes();
            text.into_iter().filter(|b| *b >= 0x20 && *b != 0x7f).take(4_000).collect()
        };
        match self.below(4) {
            0 => headers.insert("authorization", raw(self)),
            1 => headers.insert("authorization", [b"Bearer ".to_vec(), raw(self)].concat()),
            _ => headers.insert("authorization", format!("Bearer {token}").into_bytes()),
        };
        for name in ["idempotency-key", "origin", "host", "if-match", "accept", "cookie", "x-forwarded-for", "dpop"] {
            if self.below(10) == 0 {
                headers.insert(name, raw(self));
            }
        }
        headers.entry("idempotency-key").or_insert_with(|| format!("k{}", self.next()).into_bytes());
        let kinds: [&[u8]; 3] = [b"application/json", b"text/plain", b"multipart/form-data"];
        headers.insert("content-type", kinds[self.below(8).saturating_sub(5)].to_vec());
        headers
    }
}

#[test]
fn ten_thousand_hostile_requests() {
    let mut world = World::start();
    let url = world.url();
    let manager = world.postgres.manager_url();
    let runtime = runtime();
    let (token, ids) = runtime.block_on(async {
        let developer = Http::sign_in(&url, "dev@example.com").await.unwrap();
        let asked = developer.ask("debug", 60).await.unwrap().id.to_string();
        let granted = developer.ask("self-service", 60).await.unwrap();
        let ids = vec![asked, granted.id.to_string(), granted.grant_id.map(|id| id.to_string()).unwrap_or_default()];
        (crate::harness::token(&url, "dev@example.com").await, ids)
    });
    let password = manager.split(':').nth(2).unwrap().split('@').next().unwrap().to_owned();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut hostile = Hostile(0x5eed);
        for _ in 0..REQUESTS / AT_ONCE {
            let calls: Vec<_> = (0..AT_ONCE).map(|_| call(&client, &mut hostile, &url, &token, &ids)).collect();
            for (what, answer) in futures::future::join_all(calls).await {
                let Some((status, body)) = answer else { continue };
                assert!(
                    !status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE,
                    "{what}: {status} {body}"
                );
                assert!(!body.contains(&password) && !body.contains("panicked"), "{what}: {body}");
                *statuses.entry(status.as_u16()).or_default() += 1;
            }
        }
    });
    let answered: usize = statuses.values().sum();
    assert!(answered > REQUESTS * 9 / 10, "most were answered: {statuses:?}");
    assert!(statuses.len() >= 4, "they reach more than the front door: {statuses:?}");
    assert!(world.server().is_running());
    runtime.block_on(async { Http::sign_in(&url, "dev@example.com").await.unwrap().client.whoami().await.unwrap() });
    let log = world.server().log();
    assert!(
        !log.contains("panicked") && !log.contains(&password) && !log.contains(&token),
        "the log holds what it must not"
    );
}

type Answered = (String, Option<(StatusCode, String)>);

fn call(
    client: &reqwest::Client,
    hostile: &mut Hostile,
    url: &str,
    token: &str,
    ids: &[String],
) -> impl Future<Output = Answered> + use<> {
    let methods = [Method::GET, Method::POST, Method::POST, Method::POST, Method::PUT, Method::DELETE, Method::HEAD];
    let method = methods[hostile.below(methods.len())].clone();
    let path = hostile.path(ids);
    let what = format!("{method} {}", path.chars().take(200).collect::<String>());
    let mut request = client.request(method.clone(), format!("{url}{path}"));
    for (name, value) in hostile.headers(token) {
        request = request.header(name, value);
    }
    if method == Method::POST || method == Method::PUT {
        request = request.body(hostile.body());
    }
    let request = request.timeout(std::time::Duration::from_secs(30));
    async move {
        // A connection that the server closes in the middle of a body it refuses is an answer too.
        let Ok(answer) = request.send().await else { return (what, None) };
        let status = answer.status();
        let body = answer.text().await.unwrap_or_default();
        (what, Some((status, body)))
    }
}
