//! Whether a call is signed with a secret. Everything is compared in constant time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use curfew_domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How far the time of a signature may be from ours. Source: Standard Webhooks 1.0 recommends five minutes.
const TOLERANCE_SECONDS: i64 = 300;
/// What a secret begins with that signs and is never sent.
const SIGNING: &str = "whsec_";

/// `X-Hub-Signature-256: sha256=<hex>` over the body. Source: GitHub, "Validating webhook deliveries".
pub(super) fn hub(secret: &SecretString, headers: &HeaderMap, body: &[u8]) -> bool {
    let Some(shown) = one(headers, "x-hub-signature-256").and_then(|text| text.strip_prefix("sha256=")) else {
        return false;
    };
    let Ok(shown) = hex::decode(shown) else { return false };
    signs(secret.expose_secret().as_bytes(), &[body]).verify_slice(&shown).is_ok()
}

/// `X-Gitlab-Token` with the secret itself or, where the secret is a signing token, `webhook-signature` as in Standard
/// Webhooks. Source: GitLab, "Webhooks".
pub(super) fn gitlab(secret: &SecretString, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
    match secret.expose_secret().strip_prefix(SIGNING) {
        Some(encoded) => standard(encoded, headers, body, now),
        None => one(headers, "x-gitlab-token")
            .is_some_and(|shown| shown.as_bytes().ct_eq(secret.expose_secret().as_bytes()).into()),
    }
}

fn standard(encoded: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
    let parts = (one(headers, "webhook-id"), one(headers, "webhook-timestamp"), one(headers, "webhook-signature"));
    let ((Some(id), Some(time), Some(shown)), Ok(key)) = (parts, STANDARD.decode(encoded)) else { return false };
    let key = Zeroizing::new(key);
    let fresh =
        time.parse::<i64>().is_ok_and(|at| now.as_unix_seconds().abs_diff(at) <= TOLERANCE_SECONDS.unsigned_abs());
    let head = format!("{id}.{time}.");
    let mut signatures = shown.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    fresh && signatures.any(|one| signs(&key, &[head.as_bytes(), body]).verify_slice(&one).is_ok())
}

fn signs(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("INVARIANT: HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// A header that is there once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().ok(),
        (Some(_), Some(_)) | (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    /// The example in GitHub's documentation.
    #[test]
    fn github_signs_the_body() {
        let (key, body) = (secret("It's a Secret to Everybody"), b"Hello, World!");
        let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(hub(&key, &headers(&[("x-hub-signature-256", good)]), body));
        assert!(!hub(&key, &headers(&[("x-hub-signature-256", good)]), b"Hello, World?"));
        assert!(!hub(&secret("another"), &headers(&[("x-hub-signature-256", good)]), body));
        for bad in ["", "sha256=", "sha256=zz", &good[7..], &good[..70], &good.replace("sha256", "sha1")] {
            assert!(!hub(&key, &headers(&[("x-hub-signature-256", bad)]), body), "{bad}");
        }
        assert!(!hub(&key, &HeaderMap::new(), body));
        assert!(!hub(&key, &headers(&[("x-hub-signature-256", good), ("x-hub-signature-256", good)]), body));
    }

    #[test]
    fn gitlab_sends_the_token() {
        let (key, now) = (secret("a long enough token"), Timestamp::from_millis(0));
        assert!(gitlab(&key, &headers(&[("x-gitlab-token", "a long enough token")]), b"", now));
        for bad in ["", "a long enough toke", "a long enough token ", "A long enough token"] {
            assert!(!gitlab(&key, &headers(&[("x-gitlab-token", bad)]), b"", now), "{bad}");
        }
        assert!(!gitlab(&key, &HeaderMap::new(), b"", now));
    }

    /// The example of the Standard Webhooks reference libraries.
    #[test]
    fn gitlab_signs_with_a_signing_token() {
        let key = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
        let at = |seconds: i64| Timestamp::from_millis((1_614_265_330 + seconds) * 1_000);
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let shown = |signature: &str| {
            headers(&[("webhook-id", id), ("webhook-timestamp", "1614265330"), ("webhook-signature", signature)])
        };
        assert!(gitlab(&key, &shown(good), body, at(0)));
        assert!(gitlab(&key, &shown(&format!("v1,AAAA v2,x {good}")), body, at(300)), "one of several");
        assert!(!gitlab(&key, &shown(good), body, at(301)) && !gitlab(&key, &shown(good), body, at(-301)), "stale");
        assert!(!gitlab(&key, &shown(good), b"{}", at(0)));
        assert!(!gitlab(&key, &shown("v1,AAAA"), body, at(0)));
        let token = headers(&[("x-gitlab-token", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]);
        assert!(!gitlab(&key, &token, body, at(0)), "a key that signs is never sent");
    }
}
