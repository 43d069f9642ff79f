//! The same loads through OpenBao and through Curfew, each a server of its own that is spoken to over HTTP, on the
//! same PostgreSQL, one after the other. Left out, aloud, when there is no `bao` on the path.

use crate::postgres::Iterations;
use crate::served::{Running, Served, free_port};
use crate::table::{Table, Unit, percentile};
use crate::world::{from_callers, private_postgres, runtime};
use curfew_api::{ActivateBody, AskBody, Client, IdempotencyKey, PublicHalfBody, SignInBody};
use curfew_connectors::postgres::private::PrivatePostgres;
use curfew_domain::{ResourceName, Seconds};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What a caller of OpenBao's database engine would write who wants it fast; the default does much more.
const LEAN: [(&str, &str); 2] = [
    (
        "creation_statements",
        "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; GRANT raw_group TO \"{{name}}\";",
    ),
    ("revocation_statements", "DROP ROLE IF EXISTS \"{{name}}\";"),
];
const LOADS: [(usize, usize); 3] = [(1, 100), (16, 800), (64, 1_600)];

pub(crate) fn measure(table: &mut Table) {
    if Command::new("bao").arg("version").stdout(Stdio::null()).status().is_err() {
        eprintln!("there is no `bao` on the path: nothing is compared with OpenBao");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let postgres = private_postgres(&folder.path().join("postgres"));
    runtime().block_on(async {
        let ours = Ours(Served::start(folder.path(), &postgres));
        let bao = OpenBao::start(&folder.path().join("bao"), &postgres).await;
        for (callers, times) in LOADS {
            let theirs = bao.database((callers, times)).await;
            let us = ours.database((callers, times)).await;
            for (what, theirs, us) in [("made", theirs.0, us.0), ("ended", theirs.1, us.1)] {
                let what = format!("OpenBao: temporary roles {what}, {callers} at once");
                table.against(what, Unit::PerSecond, theirs, (SAME, us));
            }
        }
        for (callers, times) in LOADS {
            let theirs = bao.certificates((callers, times)).await;
            let us = ours.certificates((callers, times)).await;
            table.against(format!("OpenBao: SSH certificates, {callers} at once"), Unit::PerSecond, theirs, (SAME, us));
        }
        let late = bao.expiry(500, &postgres).await;
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("the last", 1.0)] {
            let what = format!("OpenBao: expiry of 500 at once, {name}");
            table.alone(what, Unit::Millis, percentile(&late, share));
        }
    });
}

const SAME: &str = "Curfew, the same load over HTTP";

/// Curfew's own server.
struct Ours(Served);

impl Ours {
    async fn callers(&self, how_many: usize) -> Mutex<Vec<Client>> {
        let mut clients = Vec::new();
        for n in 0..how_many {
            let body = SignInBody { email: format!("dev-{n}@example.com"), ..SignInBody::default() };
            let token = Client::new(&self.0.url, None).unwrap().sign_in(&body).await.unwrap().token;
            clients.push(Client::new(&self.0.url, Some(token)).unwrap());
        }
        Mutex::new(clients)
    }

    /// Asked for, approved by policy, made and read back a second; and returned and read to be gone a second.
    async fn database(&self, (callers, times): (usize, usize)) -> (f64, f64) {
        let clients = &self.callers(callers).await;
        let half = &Iterations::AnyDriver.half().value;
        let made = &Mutex::new(Vec::new());
        let make = from_callers(callers, times, |_| async move {
            let client = clients.lock().await.pop().unwrap();
            let grant = get(&client, "database", "services/db", ("scram_sha_256", half)).await;
            clients.lock().await.push(client);
            made.lock().await.push(grant);
        });
        let make = make.await;
        let end = from_callers(callers, times, |_| async move {
            let (id, client) = made.lock().await.pop().unwrap();
            client.give_back(&id).await.unwrap();
            while !client.show_grant(&id).await.unwrap().verified {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        (make, end.await)
    }

    async fn certificates(&self, (callers, times): (usize, usize)) -> f64 {
        let clients = &self.callers(callers).await;
        let key = &crate::ssh::public_key();
        from_callers(callers, times, |_| async move {
            let client = clients.lock().await.pop().unwrap();
            get(&client, "shell", "hosts/web", ("ssh_public_key", key)).await;
            clients.lock().await.push(client);
        })
        .await
    }
}

/// Asks and claims; the grant, and who has it.
async fn get(client: &Client, role: &str, resource: &str, (kind, value): (&str, &str)) -> (String, Client) {
    let body = AskBody {
        role: role.to_owned(),
        duration_seconds: Some(Seconds::new(3_600)),
        reason: "a measurement".to_owned(),
        ..AskBody::default()
    };
    let request = client.request(&body, &IdempotencyKey::fresh()).await.unwrap();
    let resource = ResourceName::new(resource).unwrap();
    let half = PublicHalfBody { resource, kind: kind.to_owned(), value: value.to_owned() };
    let body = ActivateBody { public_halves: vec![half], artefacts: Vec::new() };
    let active = client.activate(&request.id.to_string(), &body).await.unwrap();
    (active.grant.id.to_string(), client.clone())
}

/// OpenBao with a durable store and its audit log on.
struct OpenBao {
    _process: Running,
    client: reqwest::Client,
    url: String,
    token: String,
}

impl OpenBao {
    async fn start(folder: &Path, postgres: &PrivatePostgres) -> Self {
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let (port, cluster) = (free_port(), free_port());
        let at = folder.display();
        let config = format!(
            "storage \"raft\" {{\n path = \"{at}/data\"\n node_id = \"one\"\n}}\n\
             listener \"tcp\" {{\n address = \"127.0.0.1:{port}\"\n tls_disable = true\n}}\n\
             api_addr = \"http://127.0.0.1:{port}\"\ncluster_addr = \"http://127.0.0.1:{cluster}\"\n\
             audit \"file\" \"file\" {{\n options {{ file_path = \"{at}/audit.log\" }}\n}}\n"
        );
        let file = folder.join("bao.hcl");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("bao");
        command.arg("server").arg(format!("-config={}", file.display())).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Running(command.spawn().unwrap());
        let url = format!("http://127.0.0.1:{port}/v1");
        let mut bao = Self { _process: process, client: reqwest::Client::new(), url, token: String::new() };
        bao.unseal().await;
        bao.prepare(postgres).await;
        bao
    }

    async fn unseal(&mut self) {
        let begun = Instant::now();
        let ask = json!({"secret_shares": 1, "secret_threshold": 1});
        let made = loop {
            match self.send("sys/init", &ask).await {
                Ok(made) => break made,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "OpenBao does not answer: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        self.token = made["root_token"].as_str().unwrap().to_owned();
        self.post("sys/unseal", json!({"key": made["keys"][0]})).await;
        while self.send("sys/mounts/ssh", &json!({"type": "ssh"})).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "OpenBao is not ready");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn prepare(&self, postgres: &PrivatePostgres) {
        let client = crate::postgres::connect(postgres).await;
        client.batch_execute("CREATE ROLE raw_group NOLOGIN").await.unwrap();
        self.post("sys/mounts/database", json!({"type": "database"})).await;
        let config = json!({
            "plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "max_open_connections": 64,
            "connection_url": postgres.admin_url().expose_secret(),
        });
        self.post("database/config/pg", config).await;
        self.role("lean", "1h").await;
        self.post("ssh/config/ca", json!({"generate_signing_key": true, "key_type": "ssh-ed25519"})).await;
        let role = json!({
            "key_type": "ca", "allow_user_certificates": true, "allowed_users": "deploy", "default_user": "deploy",
            "ttl": "1h",
        });
        self.post("ssh/roles/shell", role).await;
    }

    async fn role(&self, name: &str, ttl: &str) {
        let [make, end] = LEAN;
        let role = json!({"db_name": "pg", make.0: [make.1], end.0: [end.1], "default_ttl": ttl, "max_ttl": "2h"});
        self.post(&format!("database/roles/{name}"), role).await;
    }

    /// Made a second, ended a second.
    async fn database(&self, (callers, times): (usize, usize)) -> (f64, f64) {
        let made = &Mutex::new(Vec::new());
        let make = from_callers(callers, times, |_| async move {
            let lease = self.get("database/creds/lean").await["lease_id"].as_str().unwrap().to_owned();
            made.lock().await.push(lease);
        });
        let make = make.await;
        let end = from_callers(callers, times, |_| async move {
            let lease = made.lock().await.pop().unwrap();
            self.post("sys/leases/revoke", json!({"lease_id": lease, "sync": true})).await;
        });
        (make, end.await)
    }

    async fn certificates(&self, (callers, times): (usize, usize)) -> f64 {
        let key = &crate::ssh::public_key();
        from_callers(callers, times, |_| async move {
            self.post("ssh/sign/shell", json!({"public_key": key})).await;
        })
        .await
    }

    /// How many milliseconds after their hour so many roles were gone from PostgreSQL.
    async fn expiry(&self, grants: usize, postgres: &PrivatePostgres) -> Vec<f64> {
        let hour = Instant::now() + Duration::from_secs(30);
        let known = &Mutex::new(std::collections::BTreeSet::new());
        from_callers(32, grants, |_| async move {
            let left = hour.saturating_duration_since(Instant::now()).as_secs_f64().round() as u64;
            let mut known = known.lock().await;
            if known.insert(left) {
                self.role(&format!("ttl_{left}"), &format!("{left}s")).await;
            }
            drop(known);
            self.get(&format!("database/creds/ttl_{left}")).await;
        })
        .await;
        assert!(Instant::now() < hour, "making them took too long");
        let client = crate::postgres::connect(postgres).await;
        let mut late = Vec::new();
        while late.len() < grants {
            assert!(hour.elapsed() < Duration::from_secs(120), "OpenBao did not end them");
            let sql = "SELECT count(*) FROM pg_roles WHERE starts_with(rolname, 'v-')";
            let left: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
            let now = hour.elapsed().as_secs_f64() * 1_000.0;
            late.resize(grants.saturating_sub(left as usize).max(late.len()), now);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        late
    }

    async fn get(&self, path: &str) -> Value {
        let asked = self.client.get(format!("{}/{path}", self.url)).header("X-Vault-Token", &self.token);
        asked.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.send(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn send(&self, path: &str, body: &Value) -> Result<Value, String> {
        let asked = self.client.post(format!("{}/{path}", self.url)).header("X-Vault-Token", &self.token);
        let answer = asked.json(body).send().await.map_err(|e| e.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|e| e.to_string())?;
        if !status.is_success() {
            return Err(format!("{status} {text}"));
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}
