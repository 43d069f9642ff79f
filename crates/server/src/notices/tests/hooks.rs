//! Webhooks against a receiver, and against addresses that they must not reach.

use super::receiver::Receiver;
use super::things::{BEGIN, Hands, notice, request, steady, told};
use crate::config::{Reach, Webhook};
use crate::notices::carrier::{Carrier, Undelivered};
use crate::notices::resolver::{self, Lookup};
use crate::notices::webhook::{Hook, HookError, HookParts};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use curfew_engine::seams::store::Notice;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn hook_at(url: &str, reach: Reach, lookup: Lookup) -> Result<Hook, HookError> {
    let config = Webhook {
        name: "siem".to_owned(),
        url: url.parse().expect("a URL"),
        secret: "env:UNUSED".parse().expect("a reference"),
        reach,
    };
    let source = "https://curfew.example.com".parse().expect("a URL");
    let clock = steady(&Arc::new(Hands::default()));
    Hook::new(HookParts { config: &config, secret: SecretString::from(SECRET.to_owned()), source, clock, lookup })
}

fn asked() -> Notice {
    notice(1, ("webhook", "siem"), "requested", json!({ "request": request("orders are stuck") }))
}

async fn carry(hook: &Hook) -> Result<(), Undelivered> {
    let notice = asked();
    hook.carry(&notice, &told(&notice).await).await
}

async fn carry_to(receiver: &Receiver) -> Result<(), Undelivered> {
    let url = format!("http://{}/in", receiver.address);
    carry(&hook_at(&url, Reach::Private, resolver::system()).expect("a hook")).await
}

/// HMAC-SHA-256 by another library than the one that signs.
fn signature(id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("base 64");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    format!("v1,{}", STANDARD.encode(aws_lc_rs::hmac::sign(&key, &signed)))
}

#[tokio::test]
async fn a_receiver_gets_a_signed_cloud_event() {
    let receiver = Receiver::with_status(204).await;
    assert_eq!(carry_to(&receiver).await, Ok(()));
    let calls = receiver.calls();
    let [call] = calls.as_slice() else { panic!("one call, not {}", calls.len()) };
    let (id, timestamp) = (call.header("webhook-id"), call.header("webhook-timestamp"));
    assert_eq!(id, asked().id);
    assert_eq!(timestamp, BEGIN.as_unix_seconds().to_string());
    assert_eq!(call.header("webhook-signature"), signature(id, timestamp, &call.body));
    assert!(call.header("content-type").starts_with("application/cloudevents+json"));
    let event: Value = serde_json::from_slice(&call.body).expect("JSON");
    let mut fields: Vec<&String> = event.as_object().expect("an object").keys().collect();
    fields.sort();
    assert_eq!(fields, ["data", "datacontenttype", "id", "source", "specversion", "subject", "time", "type"]);
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "dev.curfew.requested");
    assert_eq!(event["source"], "https://curfew.example.com");
    assert_eq!(event["subject"], request("").id.to_string());
    assert_eq!(event["time"], BEGIN.to_string());
    let view = curfew_api::RequestView::from(&request("orders are stuck"));
    assert_eq!(event["data"]["request"], serde_json::to_value(view).expect("JSON"));
}

#[tokio::test]
async fn answers_mean_what_they_should() {
    for (status, expected) in [
        (200, Ok(())),
        (299, Ok(())),
        (410, Err(Undelivered::Gone)),
        (422, Err(Undelivered::This("it answered 422".to_owned()))),
        (500, Err(Undelivered::Nobody("it answered 500".to_owned()))),
        (401, Err(Undelivered::Nobody("it answered 401".to_owned()))),
    ] {
        assert_eq!(carry_to(&Receiver::with_status(status).await).await, expected, "{status}");
    }
}

/// RFC 9110, section 10.2.3: a receiver that is overloaded says for how long.
#[tokio::test]
async fn a_receiver_says_for_how_long_it_wants_nothing() {
    for (status, header, wait) in [
        (429, "120", Some(120)),
        (503, "Mon, 02 Mar 2026 10:01:30 GMT", Some(90)),
        (503, "Mon, 02 Mar 2020 10:01:30 GMT", Some(0)),
        (429, "99999999999", Some(3_600)),
        (503, "soon", None),
        (503, "-1", None),
        (500, "120", None),
    ] {
        let answer = move || {
            let answer = Response::builder().status(status).header("retry-after", header);
            answer.body("".into()).expect("an answer")
        };
        let why = format!("it answered {status}");
        let expected = match wait {
            Some(seconds) => Undelivered::Later { why, wait: std::time::Duration::from_secs(seconds) },
            None => Undelivered::Nobody(why),
        };
        let said = carry_to(&Receiver::answering(answer).await).await;
        assert_eq!(said, Err(expected), "{status} {header}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let endless = || {
        let chunk = || Ok::<_, std::convert::Infallible>(axum::body::Bytes::from_static(&[b'x'; 65_536]));
        let body = futures::stream::repeat_with(chunk);
        Response::builder().status(200).body(axum::body::Body::from_stream(body)).expect("an answer")
    };
    let receiver = Receiver::answering(endless).await;
    let answer = tokio::time::timeout(std::time::Duration::from_secs(5), carry_to(&receiver)).await;
    assert_eq!(answer, Ok(Ok(())));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let inside = Receiver::with_status(200).await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("http://{}/latest/meta-data/", inside.address);
        let answer = move || {
            let answer = Response::builder().status(status).header("location", &to);
            answer.body("".into()).expect("an answer")
        };
        let refused = carry_to(&Receiver::answering(answer).await).await;
        let Err(Undelivered::Nobody(why)) = refused else { panic!("{status}: {refused:?}") };
        assert!(why.contains("redirects are not followed"), "{why}");
    }
    assert!(inside.calls().is_empty());
}

#[tokio::test]
async fn private_addresses_are_refused_however_they_are_written() {
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0x7f.1",
        "017700000001",
        "10.0.0.1",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "192.168.1.1",
        "172.16.5.4",
        "100.64.0.1",
        "0.0.0.0",
        "0",
        "255.255.255.255",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "１２７.0.0.1",
        "127。0。0。1",
    ] {
        let hook = hook_at(&format!("https://{host}/in"), Reach::Public, resolver::system()).expect("a hook");
        let refused = carry(&hook).await;
        let Err(Undelivered::Nobody(why)) = refused else { panic!("{host}: {refused:?}") };
        assert!(why.contains("which is not a public address"), "{host}: {why}");
    }
}

#[tokio::test]
async fn names_of_private_addresses_are_refused() {
    let receiver = Receiver::with_status(200).await;
    let port = receiver.address.port();
    let at = |addresses: &'static [&'static str]| -> Lookup {
        Arc::new(move |_| {
            let found = addresses.iter().map(|a| a.parse::<IpAddr>().expect("an address")).collect();
            Box::pin(std::future::ready(Ok(found)))
        })
    };
    for addresses in
        [&["127.0.0.1"] as &[_], &["93.184.216.34", "127.0.0.1"], &["::ffff:127.0.0.1"], &["169.254.169.254"], &["::1"]]
    {
        let url = format!("https://hooks.example.com:{port}/in");
        let refused = carry(&hook_at(&url, Reach::Public, at(addresses)).expect("a hook")).await;
        let Err(Undelivered::Nobody(why)) = refused else { panic!("{addresses:?}: {refused:?}") };
        assert!(why.contains("which is not a public address"), "{addresses:?}: {why}");
    }
    let metadata = format!("http://hooks.example.com:{port}/in");
    let refused = carry(&hook_at(&metadata, Reach::Private, at(&["169.254.169.254"])).expect("a hook")).await;
    assert!(matches!(refused, Err(Undelivered::Nobody(_))), "never, even when private ones are allowed");
    let url = format!("https://localhost:{port}/in");
    let refused = carry(&hook_at(&url, Reach::Public, resolver::system()).expect("a hook")).await;
    let Err(Undelivered::Nobody(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("which is not a public address"), "{why}");
    assert!(receiver.calls().is_empty());
}

/// A name that answers with a public address first and with ours the second time (DNS rebinding).
#[tokio::test]
async fn a_connection_goes_to_the_address_that_was_checked() {
    let receiver = Receiver::with_status(200).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let turning: Lookup = Arc::new(move |_| {
        let second = count.fetch_add(1, Ordering::SeqCst) > 0;
        // 192.0.2.1 is allowed when private ones are, and nobody is there.
        let address: IpAddr = if second { "127.0.0.1" } else { "192.0.2.1" }.parse().expect("an address");
        Box::pin(std::future::ready(Ok(vec![address])))
    });
    let url = format!("http://hooks.example.com:{}/in", receiver.address.port());
    let hook = hook_at(&url, Reach::Private, turning).expect("a hook");
    let carried = tokio::time::timeout(std::time::Duration::from_secs(1), carry(&hook)).await;
    assert!(!matches!(carried, Ok(Ok(()))), "{carried:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "one look-up a connection");
    assert!(receiver.calls().is_empty());
}

#[tokio::test]
async fn without_https_private_addresses_must_be_allowed() {
    let plain = hook_at("http://hooks.example.com/in", Reach::Public, resolver::system());
    assert!(matches!(plain, Err(HookError::NotHttps)));
}
