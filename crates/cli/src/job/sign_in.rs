//! Signing in as the job: its token is exchanged once, and every program of the job uses what came of it.

use super::platform::{Platform, mark};
use super::token::{NO_TOKEN, Source};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use crate::state::{JobFolder, JobSignIn, StateFolder, sweep, sweep_jobs};
use curfew_api::{Client, ProofKey, WorkloadSignInBody};
use curfew_domain::Seconds;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// A sign-in with less than this left is renewed: it has to last for a call or two.
const LEAST_LEFT: Seconds = Seconds::new(30);

/// The job that this program runs in, signed in.
pub(crate) struct Job {
    /// Makes its calls.
    pub(crate) session: Session,
    /// Who runs it.
    pub(crate) platform: Platform,
    /// What its programs share.
    pub(crate) folder: JobFolder,
    /// How long a client of the run may be silent.
    pub(crate) window: Seconds,
}

impl Job {
    /// Signs in, or uses what another program of the job signed in with.
    ///
    /// # Errors
    /// When there is no token, the server takes none of this job, or it cannot be reached.
    pub(crate) async fn sign_in(context: &Context, audience: Option<&str>) -> Result<Self, Failure> {
        let state = StateFolder::of(&context.machine)?;
        sweep(&state, context.machine.now());
        sweep_jobs(&state, context.machine.now());
        Place::of(context)?.sign_in(context, audience).await
    }

    /// What another program of this job signed in with, if any did; no token is asked for.
    pub(crate) async fn at_hand(context: &Context) -> Result<Option<Self>, Failure> {
        let Some(place) = Place::find(context)? else { return Ok(None) };
        let kept = place.kept(context).await?;
        Ok(kept.map(|signed| place.job(signed)))
    }
}

/// Where the job's token and its folder are; nobody was asked anything yet.
pub(crate) struct Place {
    nobody: Session,
    platform: Platform,
    source: Source,
    /// What its programs share.
    pub(crate) folder: JobFolder,
}

impl Place {
    /// This job's; none where there is no token.
    pub(crate) fn find(context: &Context) -> Result<Option<Self>, Failure> {
        match Self::of(context) {
            Err(failure) if failure.code == NO_TOKEN => Ok(None),
            place => place.map(Some),
        }
    }

    fn of(context: &Context) -> Result<Self, Failure> {
        let nobody = Session::as_nobody(context)?;
        let platform = Platform::of(&context.machine);
        let source = Source::find(&context.machine, platform)?;
        let state = StateFolder::of(&context.machine)?;
        let folder = JobFolder::of(&state, &job_mark(context, &source, &nobody.server));
        Ok(Self { nobody, platform, source, folder })
    }

    /// Signs in, or uses what another program of the job signed in with.
    ///
    /// # Errors
    /// When the server takes no token of this job, or it cannot be reached.
    pub(crate) async fn sign_in(&self, context: &Context, audience: Option<&str>) -> Result<Job, Failure> {
        let _alone = self.folder.alone().await?;
        let signed = match self.kept(context).await? {
            Some(signed) => signed,
            None => self.exchanged(context, audience).await?,
        };
        Ok(self.job(signed))
    }

    fn job(&self, (client, window): (Client, Seconds)) -> Job {
        let session = Session { client, server: self.nobody.server.clone() };
        Job { session, platform: self.platform, folder: self.folder.clone(), window }
    }

    /// What stands for the token that was given to the job for good.
    fn of_token(&self) -> Option<String> {
        match &self.source {
            Source::Given(token) => Some(mark(token.expose_secret())),
            Source::File(_) | Source::Github { .. } | Source::Buildkite => None,
        }
    }

    /// The sign-in that is kept, if the server still takes it.
    async fn kept(&self, context: &Context) -> Result<Option<(Client, Seconds)>, Failure> {
        let Some(kept) = self.folder.sign_in()?.filter(|kept| kept.of_token == self.of_token()) else {
            return Ok(None);
        };
        let (Some(token), Some(window), Some(end)) = (kept.token, kept.window, kept.expires_at) else {
            return Ok(None);
        };
        if end <= context.machine.now().plus(LEAST_LEFT) {
            return Ok(None);
        }
        let Some(key) = key(&kept.seed) else { return Ok(None) };
        let client = Client::new_bound(&self.nobody.server, token, key).map_err(session::failure)?;
        match client.whoami().await.map_err(session::failure) {
            Ok(_) => Ok(Some((client, window))),
            Err(failure) if failure.exit == Exit::NotAllowed => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The key is kept before it is used: if the answer is lost, the same token with the same key is the same sign-in.
    async fn exchanged(&self, context: &Context, audience: Option<&str>) -> Result<(Client, Seconds), Failure> {
        let kept = self.folder.sign_in()?;
        let said = audience.map(str::to_owned).or_else(|| kept.as_ref().and_then(|kept| kept.audience.clone()));
        let token = self.source.token(&context.machine, &self.audience(said.as_deref()).await?).await?;
        let seed = kept.map_or_else(|| hex::encode(ProofKey::fresh().to_seed()), |kept| kept.seed);
        let key = key(&seed).ok_or_else(|| Failure::wrong_use("what this job keeps of its sign-in is damaged"))?;
        let of_token = self.of_token();
        let mut sign_in = JobSignIn { seed, of_token, audience: said, token: None, expires_at: None, window: None };
        self.folder.keep_sign_in(&context.machine, &sign_in)?;
        let body = WorkloadSignInBody { token: SecretString::expose_secret(&token).to_owned() };
        let signed = self.nobody.client.sign_in_workload(&body, &key).await.map_err(session::failure)?;
        let window = signed.heartbeat_window_seconds;
        sign_in.token = Some(signed.token.clone());
        sign_in.expires_at = Some(signed.expires_at);
        sign_in.window = Some(window);
        self.folder.keep_sign_in(&context.machine, &sign_in)?;
        let client = Client::new_bound(&self.nobody.server, signed.token, key).map_err(session::failure)?;
        Ok((client, window))
    }

    /// For whom the token has to be: what was said, what the server says it takes of this kind of job, or its address.
    async fn audience(&self, said: Option<&str>) -> Result<String, Failure> {
        if let Some(audience) = said {
            return Ok(audience.to_owned());
        }
        if !self.source.takes_an_audience() {
            return Ok(String::new());
        }
        let methods = self.nobody.client.sign_in_methods().await.map_err(session::failure)?;
        let of_kind =
            methods.workloads.into_iter().find(|issuer| Some(issuer.kind.as_str()) == self.platform.issuer_kind());
        Ok(of_kind.map_or_else(|| self.nobody.server.clone(), |issuer| issuer.audience))
    }
}

/// The same for every program of the job, and for each server another.
fn job_mark(context: &Context, source: &Source, server: &str) -> String {
    let job = Platform::of(&context.machine).job(&context.machine);
    let job = job.unwrap_or_else(|| match source {
        Source::Given(token) => mark(token.expose_secret()),
        Source::File(path) => mark(&path.display().to_string()),
        Source::Github { .. } | Source::Buildkite => "only".to_owned(),
    });
    mark(&format!("{server}\n{job}"))
}

fn key(seed: &str) -> Option<ProofKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(seed, bytes.as_mut()).ok()?;
    Some(ProofKey::from_seed(&bytes))
}
