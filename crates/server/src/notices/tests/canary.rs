//! No secret reaches a mail, a webhook or the log, whether things go well or wrong.

use super::receiver::Receiver;
use super::smtp::Server;
use super::things::{Counting, Hands, left, mail_of, notice, put, request, until};
use crate::config::{Mail, Reach, Webhook};
use crate::notices::{Courier, CourierParts, audience};
use curfew_store::MemoryStore;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};

const PASSWORD: &str = "canary-password-8d1f";
const SECRET: &str = "canary-secret-77aa01";
const PATH: &str = "canary-path-b3c4";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn webhook(name: &str, url: String) -> Webhook {
    let secret = "env:SECRET".parse().expect("a reference");
    Webhook { name: name.to_owned(), url: url.parse().expect("a URL"), secret, reach: Reach::Private }
}

#[tokio::test]
async fn no_canary_is_seen_anywhere() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let _logging = tracing::subscriber::set_default(subscriber.with_writer(move || written.clone()).finish());
    let (smtp, good) = (Server::start().await, Receiver::with_status(204).await);
    let refusing = Receiver::with_status(500).await;
    let mail = Mail {
        smtp: format!("smtp://mailer@{}", smtp.address).parse().expect("a URL"),
        password: Some("env:PASSWORD".parse().expect("a reference")),
        from: "curfew@example.com".parse().expect("an address"),
    };
    let webhooks = [
        webhook("good", format!("http://{}/{PATH}", good.address)),
        webhook("nobody", format!("http://127.0.0.1:1/{PATH}?token={PATH}")),
        webhook("refusing", format!("http://{}/{PATH}", refusing.address)),
    ];
    let lookup = |name: &str| match name {
        "PASSWORD" => Some(PASSWORD.to_owned()),
        "SECRET" => Some(SECRET.to_owned()),
        _ => None,
    };
    let store = MemoryStore::new();
    let courier = Courier::new(CourierParts {
        store: Arc::new(store.clone()),
        clock: Arc::new(Hands::default()),
        entropy: Arc::new(Counting::default()),
        public_url: &"https://curfew.example.com/".parse().expect("a URL"),
        mail: Some(&mail),
        webhooks: &webhooks,
        lookup: &lookup,
    })
    .expect("a courier");
    assert_eq!(audience(Some(&mail), &webhooks).webhooks, ["good", "nobody", "refusing"]);
    let data = json!({ "request": request("why") });
    let mut all = vec![mail_of(0, "bob@example.com", &request("why"))];
    all.extend(
        (1..).zip(&webhooks).map(|(n, hook)| notice(n, ("webhook", hook.name.as_str()), "requested", data.clone())),
    );
    put(&store, all).await;
    let done = until("one arrived and the others failed", async || {
        good.calls().len() == 1 && left(&store).await.iter().all(|notice| notice.attempts == 1)
    });
    tokio::select! { () = courier.run(std::future::pending()) => {}, () = done => {} }
    let log = String::from_utf8_lossy(&log.0.lock().expect("a lock")).into_owned();
    assert!(log.contains("nobody takes notices there"), "the failures are logged: {log}");
    let call = &good.calls()[0];
    let seen = format!("{log}{:?}{}", call.headers, String::from_utf8_lossy(&call.body));
    for canary in [PASSWORD, SECRET, PATH] {
        assert!(!seen.contains(canary), "{canary}: {seen}");
    }
}
