//! What a token has to say before its signature is looked at, and when it is good.

use super::ambiguous::is_ambiguous;
use super::jws::Jws;
use curfew_domain::{Seconds, Timestamp};
use serde_json::{Map, Value};

/// How far clocks may be apart.
pub(super) const LEEWAY: Seconds = Seconds::new(60);
/// The longest life of a token.
const LONGEST_LIFE: i64 = 24 * 3_600;
/// The last second of the year 9999: what comes after is no time.
const LAST: i64 = 253_402_300_799;
/// Audiences of a token, and bytes of a text in it that is looked at.
const AUDIENCES: usize = 64;
const TEXT_BYTES: usize = 512;

/// Why a token is not taken. It is told to whoever sent it and kept as evidence, and holds nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenRefused {
    /// It is no signed token in the compact form, or longer than 16 KiB, or says `crit`, or says a key twice.
    #[error("that is no token of an issuer: three parts in base 64, at most 16 KiB, no key twice, no `crit`")]
    Malformed,
    /// Nobody of that name is configured, letter by letter.
    #[error("the token's `iss` is none of this server's issuers, letter by letter")]
    UnknownIssuer,
    /// It is meant for somebody else.
    #[error("the token's `aud` is not this server's audience")]
    OtherAudience,
    /// It is meant for two of this server's issuers.
    #[error("the token's `aud` names two of this server's issuers: nobody can tell which is meant")]
    TwoAudiences,
    /// `iss`, `aud`, `sub`, `exp` or `iat` is missing.
    #[error("the token lacks one of `iss`, `aud`, `sub`, `exp` and `iat`, or one is no such thing")]
    Lacks,
    /// A time in it is no whole number.
    #[error("a time in the token is no whole number of seconds")]
    NotATime,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet: check the clocks of this server and of the issuer")]
    TooEarly,
    /// It lasts longer than a token may.
    #[error("the token lasts longer than 24 hours")]
    TooLong,
    /// It is of an algorithm that is never taken.
    #[error("the token is signed otherwise than with RS256, ES256 or EdDSA")]
    Algorithm,
    /// It does not say by which key it is signed.
    #[error("the token does not say by which key it is signed (`kid`)")]
    NoKeyId,
    /// Its issuer has no such key.
    #[error("the token's issuer has no such key")]
    UnknownKey,
    /// The key did not sign it.
    #[error("the token's signature does not hold")]
    Signature,
    /// Two claims would be known by one name.
    #[error("two claims of the token have one name once they are flattened")]
    Ambiguous,
    /// It does not say which run it belongs to.
    #[error("the token does not say which run it belongs to")]
    NoRun,
    /// It was exchanged for another key.
    #[error("the token was used before, with another key")]
    UsedBefore,
    /// What it was exchanged for is over.
    #[error("the sign-in that this token was exchanged for is over")]
    Over,
}

/// What the times of a token say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// From then on nobody takes it.
    pub(super) until: Timestamp,
}

/// Reads a token and looks at everything that needs no key.
///
/// # Errors
/// See [`TokenRefused`].
pub(super) fn read(text: &str) -> Result<Jws<'_>, TokenRefused> {
    let jws = Jws::parse(text).ok_or(TokenRefused::Malformed)?;
    // An access token or a proof is signed like an identity token, and is none.
    match jws.header.get("typ") {
        None => {}
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => {}
        Some(_) => return Err(TokenRefused::Malformed),
    }
    match jws.says("alg") {
        Some("RS256" | "ES256" | "EdDSA") => {}
        Some(_) | None => return Err(TokenRefused::Algorithm),
    }
    if jws.says("kid").is_none_or(str::is_empty) {
        return Err(TokenRefused::NoKeyId);
    }
    for name in ["iss", "sub"] {
        text_of(&jws.payload, name)?;
    }
    audiences(&jws.payload)?;
    if is_ambiguous(&jws.payload) {
        return Err(TokenRefused::Ambiguous);
    }
    Ok(jws)
}

/// A text that a token must have.
pub(super) fn text_of<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, TokenRefused> {
    let text = claims.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty() && text.len() <= TEXT_BYTES).ok_or(TokenRefused::Lacks)
}

/// Whom it is for: one text, or a list of them.
pub(super) fn audiences(claims: &Map<String, Value>) -> Result<Vec<&str>, TokenRefused> {
    match claims.get("aud") {
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(list)) if (1..=AUDIENCES).contains(&list.len()) => {
            list.iter().map(|one| one.as_str().ok_or(TokenRefused::Lacks)).collect()
        }
        Some(_) | None => Err(TokenRefused::Lacks),
    }
}

/// Whether a token is good at this time.
///
/// # Errors
/// See [`TokenRefused`].
pub(super) fn times(claims: &Map<String, Value>, now: Timestamp) -> Result<Times, TokenRefused> {
    let (issued, expires) = (second(claims, "iat")?, second(claims, "exp")?);
    let (issued, expires) = (issued.ok_or(TokenRefused::Lacks)?, expires.ok_or(TokenRefused::Lacks)?);
    let not_before = second(claims, "nbf")?.unwrap_or(issued);
    let (now, leeway) = (now.as_unix_seconds(), i64::from(LEEWAY.as_secs()));
    if issued.max(not_before) > now + leeway {
        return Err(TokenRefused::TooEarly);
    }
    if now >= expires + leeway {
        return Err(TokenRefused::Expired);
    }
    match expires - issued {
        life if life > LONGEST_LIFE => Err(TokenRefused::TooLong),
        life if life <= 0 => Err(TokenRefused::Expired),
        _ => Ok(Times { until: Timestamp::from_millis((expires + leeway) * 1_000) }),
    }
}

/// A time in whole seconds. `1.0` and `"1"` are none.
fn second(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, TokenRefused> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let second = value.as_i64().filter(|second| (0..=LAST).contains(second));
    second.map(Some).ok_or(TokenRefused::NotATime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_772_445_600;

    fn at(claims: Value) -> Result<Times, TokenRefused> {
        times(claims.as_object().expect("an object"), Timestamp::from_millis(NOW * 1_000 + 999))
    }

    #[test]
    fn a_token_has_its_time() {
        let good = at(json!({"iat": NOW, "exp": NOW + 300, "nbf": NOW - 5})).expect("good");
        assert_eq!(good.until.as_unix_seconds(), NOW + 360);
        for (claims, why) in [
            (json!({"iat": NOW - 300, "exp": NOW - 59}), None),
            (json!({"iat": NOW - 300, "exp": NOW - 60}), Some(TokenRefused::Expired)),
            (json!({"iat": NOW + 60, "exp": NOW + 300}), None),
            (json!({"iat": NOW + 61, "exp": NOW + 300}), Some(TokenRefused::TooEarly)),
            (json!({"iat": NOW, "nbf": NOW + 61, "exp": NOW + 300}), Some(TokenRefused::TooEarly)),
            (json!({"iat": NOW, "exp": NOW + 86_400}), None),
            (json!({"iat": NOW, "exp": NOW + 86_401}), Some(TokenRefused::TooLong)),
            (json!({"iat": NOW, "exp": NOW}), Some(TokenRefused::Expired)),
            (json!({"iat": NOW}), Some(TokenRefused::Lacks)),
            (json!({"exp": NOW + 1}), Some(TokenRefused::Lacks)),
            (json!({"iat": NOW.to_string(), "exp": NOW + 1}), Some(TokenRefused::NotATime)),
            (json!({"iat": NOW, "exp": (NOW + 1).to_string()}), Some(TokenRefused::NotATime)),
            (json!({"iat": NOW, "exp": NOW as f64 + 1.5}), Some(TokenRefused::NotATime)),
            (json!({"iat": -1, "exp": NOW}), Some(TokenRefused::NotATime)),
            (json!({"iat": NOW, "exp": i64::MAX}), Some(TokenRefused::NotATime)),
            (json!({"iat": NOW, "exp": u64::MAX}), Some(TokenRefused::NotATime)),
            (json!({"iat": NOW, "exp": null}), Some(TokenRefused::NotATime)),
            (json!({"iat": NOW, "nbf": "x", "exp": NOW + 1}), Some(TokenRefused::NotATime)),
        ] {
            assert_eq!(at(claims.clone()).err(), why, "{claims}");
        }
    }
}
