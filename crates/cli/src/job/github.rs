//! GitHub's way to a token: the job asks for one, and says for whom.

use super::token::checked;
use crate::failure::Failure;
use crate::session::is_safe;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;
use url::Url;
use zeroize::Zeroizing;

/// How long GitHub may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Tries before it is a failure: the endpoint is known to be out for a second now and then.
const TRIES: u32 = 3;
/// Bytes of an answer at most.
const ANSWER_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Answer {
    value: Zeroized,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Zeroized(String);

/// Asks for a token.
///
/// # Errors
/// When the address is no safe one, or nobody answers there with a token.
pub(super) async fn id_token(url: &str, bearer: &SecretString, audience: &str) -> Result<SecretString, Failure> {
    let address = Url::parse(url).ok().filter(is_safe);
    let mut address =
        address.ok_or_else(|| Failure::wrong_use("ACTIONS_ID_TOKEN_REQUEST_URL is not an https address"))?;
    address.query_pairs_mut().append_pair("audience", audience);
    let mut last = String::new();
    for attempt in 1..=TRIES {
        match ask(&address, bearer).await {
            Ok(text) => {
                let answer: Result<Answer, _> = serde_json::from_slice(&text);
                let Ok(Answer { value }) = answer else { break };
                let value = Zeroizing::new(value.0);
                return checked(&value, "GitHub's answer".to_owned());
            }
            Err(why) => last = why,
        }
        tokio::time::sleep(Duration::from_millis(500 * u64::from(attempt))).await;
    }
    let why = if last.is_empty() { "its answer holds none".to_owned() } else { last };
    Err(Failure::unavailable(format!("GitHub gave no token for this job: {why}")))
}

async fn ask(address: &Url, bearer: &SecretString) -> Result<Zeroizing<Vec<u8>>, String> {
    // The address and the bearer are secrets of the job: an error is told without them.
    let said = |error: reqwest::Error| error.without_url().to_string();
    let mut client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
    if address.scheme() == "http" {
        client = client.no_proxy();
    }
    let client = client.build().map_err(said)?;
    let call = client.get(address.clone()).bearer_auth(bearer.expose_secret()).header("Accept", "application/json");
    let mut answer = call.send().await.map_err(said)?;
    if !answer.status().is_success() {
        return Err(format!("it answers {}", answer.status()));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(said)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER_BYTES {
            return Err("its answer is too long".to_owned());
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Answers one call, and gives what was asked.
    fn once(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/t?api-version=2.0", listener.local_addr().expect("an address"));
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut bytes = [0; 4_096];
            let n = stream.read(&mut bytes).expect("a call");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
            stream.write_all(format!("{head}{answer}").as_bytes()).expect("answered");
            String::from_utf8_lossy(&bytes[..n]).into_owned()
        });
        (url, asked)
    }

    #[tokio::test]
    async fn the_audience_is_added_to_the_query_that_is_there() {
        let (url, asked) = once(r#"{"count":9,"value":"a.b.c"}"#);
        let token = id_token(&url, &"rt".into(), "https://curfew.example.com").await.expect("a token");
        assert_eq!(token.expose_secret(), "a.b.c");
        let asked = asked.join().expect("asked");
        assert!(asked.starts_with("GET /t?api-version=2.0&audience=https%3A%2F%2Fcurfew.example.com "), "{asked}");
        assert!(asked.to_lowercase().contains("authorization: bearer rt"), "{asked}");
    }

    #[tokio::test]
    async fn an_answer_without_a_token_and_an_unsafe_address_are_failures() {
        let (url, _asked) = once(r#"{"message":"no"}"#);
        assert!(id_token(&url, &"rt".into(), "x").await.is_err());
        assert!(id_token("http://example.com/t?x", &"rt".into(), "x").await.is_err());
        assert!(id_token("nothing", &"rt".into(), "x").await.is_err());
    }
}
