//! Callers that speak the API without the command line between.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use curfew_api::{
    ActivateBody, AskBody, Client, ClientError, GrantView, GrantsQuery, IdempotencyKey, PublicHalfBody, RequestView,
    SignInBody, WhichGrants,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// A runtime for a test.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A SCRAM-SHA-256 verifier (RFC 5803) of a password, with 4,096 iterations.
pub(crate) fn verifier(password: &str) -> String {
    let salt = [7u8; 16];
    let mac = |key: &[u8], parts: &[&[u8]]| -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().to_vec()
    };
    let mut salted = mac(password.as_bytes(), &[&salt, &1u32.to_be_bytes()]);
    let mut last = salted.clone();
    for _ in 1..4_096 {
        last = mac(password.as_bytes(), &[&last]);
        salted.iter_mut().zip(&last).for_each(|(all, one)| *all ^= one);
    }
    let stored = Sha256::digest(mac(&salted, &[b"Client Key"]));
    let server = mac(&salted, &[b"Server Key"]);
    let [salt, stored, server] = [&salt[..], &stored, &server].map(|bytes| BASE64.encode(bytes));
    format!("SCRAM-SHA-256$4096:{salt}${stored}:{server}")
}

/// A sign-in's token, for callers that make their own requests.
pub(crate) async fn token(url: &str, email: &str) -> String {
    let body = SignInBody { email: email.to_owned(), ..SignInBody::default() };
    Client::new(url, None).unwrap().sign_in(&body).await.unwrap().token
}

/// Somebody's client.
#[derive(Clone)]
pub(crate) struct Http {
    pub(crate) client: Client,
}

impl Http {
    /// Signs in on a development server.
    pub(crate) async fn sign_in(url: &str, email: &str) -> Result<Self, ClientError> {
        let body = SignInBody { email: email.to_owned(), ..SignInBody::default() };
        let signed = Client::new(url, None)?.sign_in(&body).await?;
        Ok(Self { client: Client::new(url, Some(signed.token))? })
    }

    pub(crate) async fn ask(&self, role: &str, seconds: u32) -> Result<RequestView, ClientError> {
        let body = AskBody {
            role: role.to_owned(),
            duration_seconds: Some(curfew_domain::Seconds::new(seconds)),
            reason: "a test".to_owned(),
            ..AskBody::default()
        };
        self.client.request(&body, &IdempotencyKey::fresh()).await
    }

    pub(crate) async fn activate(&self, id: &str, verifier: &str) -> Result<GrantView, ClientError> {
        let half = PublicHalfBody {
            resource: curfew_domain::ResourceName::new("services/db").unwrap(),
            kind: "scram_sha_256".to_owned(),
            value: verifier.to_owned(),
        };
        Ok(self.client.activate(id, &ActivateBody { public_halves: vec![half], artefacts: Vec::new() }).await?.grant)
    }

    /// Every grant of theirs that has not ended.
    pub(crate) async fn open_grants(&self) -> Result<Vec<GrantView>, ClientError> {
        let mut all = Vec::new();
        let mut query = GrantsQuery { which: WhichGrants::Live, limit: Some(1_000), ..GrantsQuery::default() };
        loop {
            let page = self.client.grants(&query).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// The whole audit log as it is exported.
    pub(crate) async fn export(&self) -> Result<Vec<u8>, ClientError> {
        let mut download = self.client.audit_export().await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = download.chunk().await? {
            bytes.extend(chunk);
        }
        Ok(bytes)
    }
}
