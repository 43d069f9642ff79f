//! Those who vouch for machines, and what of a token of theirs is believed.

use super::checks::{self, TokenRefused};
use super::fetch::Fetcher;
use super::jws::Jws;
use super::keys::{Fetch, Keys, NoKey};
use super::run::{self, Vouching};
use crate::config::{Issuer, word};
use curfew_api::WorkloadIssuerView;
use curfew_domain::{Subject, SubjectId, SubjectKind, Timestamp, WorkloadToken, limits};
use curfew_engine::seams::Clock;
use curfew_policy::{Claims, Provider};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// An issuer's keys cannot be fetched from this machine at all.
#[derive(Debug, thiserror::Error)]
#[error("the keys of issuer `{issuer}` can never be fetched: {why}")]
pub struct IssuersError {
    issuer: String,
    why: String,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Disbelief {
    /// It does not deserve it.
    #[error(transparent)]
    Refused(#[from] TokenRefused),
    /// Nobody can tell: the issuer's keys cannot be had.
    #[error("the keys of the token's issuer cannot be had")]
    KeysUnavailable,
}

/// Everybody who vouches for machines here.
pub(crate) struct Issuers(Vec<Voucher>);

struct Voucher {
    name: String,
    kind: Provider,
    url: String,
    audience: String,
    keys: Keys,
}

/// A token that is believed.
#[derive(Debug, Clone)]
pub(crate) struct Believed {
    /// Who it is.
    pub(crate) subject: Subject,
    /// What it said.
    pub(crate) token: WorkloadToken,
    /// What it is told from every other token by: SHA-256, in hex.
    pub(crate) token_id: String,
    /// From then on it is taken no more.
    pub(crate) until: Timestamp,
}

impl Issuers {
    /// Those of the configuration. `public_url` is the audience of whoever is given none.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub(crate) fn new(issuers: &[Issuer], public_url: &str, clock: &Arc<dyn Clock>) -> Result<Self, IssuersError> {
        let voucher = |issuer: &Issuer| {
            let failed = |why| IssuersError { issuer: issuer.name.clone(), why };
            let fetcher = Arc::new(Fetcher::new(issuer).map_err(failed)?);
            let fetch: Fetch = Arc::new(move || {
                let fetcher = fetcher.clone();
                Box::pin(async move { fetcher.keys().await })
            });
            Ok(Voucher {
                name: issuer.name.clone(),
                kind: issuer.kind,
                url: issuer.url.clone(),
                audience: issuer.audience.clone().unwrap_or_else(|| public_url.to_owned()),
                keys: Keys::new(issuer.name.clone(), fetch, clock.clone()),
            })
        };
        issuers.iter().map(voucher).collect::<Result<_, _>>().map(Self)
    }

    /// Whether anybody vouches for machines here.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who they are, and for whom their tokens have to be.
    pub(crate) fn listed(&self) -> Vec<WorkloadIssuerView> {
        let view = |voucher: &Voucher| WorkloadIssuerView {
            name: voucher.name.clone(),
            kind: word(voucher.kind).to_owned(),
            audience: voucher.audience.clone(),
        };
        self.0.iter().map(view).collect()
    }

    /// What a token says, once it is known that its issuer signed it for this server and this time.
    ///
    /// # Errors
    /// See [`Disbelief`].
    pub(crate) async fn believe(&self, text: &str, now: Timestamp) -> Result<Believed, Disbelief> {
        let jws = checks::read(text)?;
        let voucher = self.voucher(&jws)?;
        let times = checks::times(&jws.payload, now)?;
        let key = match voucher.keys.find(jws.says("kid").unwrap_or_default()).await {
            Ok(key) => key,
            Err(NoKey::Unknown) => return Err(TokenRefused::UnknownKey.into()),
            Err(NoKey::Unavailable) => return Err(Disbelief::KeysUnavailable),
        };
        if !jws.is_signed_by(&key) {
            return Err(TokenRefused::Signature.into());
        }
        Ok(voucher.believed(&jws, times.until)?)
    }

    /// Who is said to have made it: the issuer of that name that it is meant for.
    fn voucher(&self, jws: &Jws<'_>) -> Result<&Voucher, TokenRefused> {
        let name = checks::text_of(&jws.payload, "iss")?;
        let audiences = checks::audiences(&jws.payload)?;
        let mut named = self.0.iter().filter(|voucher| voucher.url == name).peekable();
        if named.peek().is_none() {
            return Err(TokenRefused::UnknownIssuer);
        }
        let mut meant = named.filter(|voucher| audiences.contains(&voucher.audience.as_str()));
        match (meant.next(), meant.next()) {
            (Some(voucher), None) => Ok(voucher),
            (None, _) => Err(TokenRefused::OtherAudience),
            (Some(_), Some(_)) => Err(TokenRefused::TwoAudiences),
        }
    }
}

impl Voucher {
    fn believed(&self, jws: &Jws<'_>, until: Timestamp) -> Result<Believed, TokenRefused> {
        let claims = Claims::from_json(&jws.payload);
        let token_id = self.token_id(jws)?;
        let of = Vouching { issuer: &self.name, kind: self.kind };
        let run = run::key(&of, &claims, &token_id)?;
        let id = SubjectId::new(&self.url, checks::text_of(&jws.payload, "sub")?).map_err(|_| TokenRefused::Lacks)?;
        let name = run::name(self.kind, &claims);
        let claims = claims.into_flat();
        let bytes: usize =
            claims.iter().map(|(name, texts)| name.len() + texts.iter().map(String::len).sum::<usize>()).sum();
        if bytes > limits::WORKLOAD_TOKEN_BYTES {
            return Err(TokenRefused::Malformed);
        }
        let subject = Subject { kind: SubjectKind::Workload, id, email: None, name };
        Ok(Believed { subject, token: WorkloadToken { run, claims }, token_id, until })
    }

    /// Its issuer's own number for it, or what was signed. The signature is left out: ES256 has two for everything.
    fn token_id(&self, jws: &Jws<'_>) -> Result<String, TokenRefused> {
        let mut hash = Sha256::new();
        hash.update(self.url.as_bytes());
        if jws.payload.contains_key("jti") {
            hash.update(b"\0jti\0");
            hash.update(checks::text_of(&jws.payload, "jti")?);
        } else {
            hash.update(b"\0text\0");
            hash.update(jws.signed);
        }
        Ok(hex::encode(hash.finalize()))
    }
}
