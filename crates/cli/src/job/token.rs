//! The token that the provider gave to the job: where it is, and how one is got.

use super::github;
use super::platform::Platform;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::machine::Machine;
use curfew_domain::limits::WORKLOAD_TOKEN_BYTES;
use secrecy::SecretString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use zeroize::Zeroizing;

/// Where a pod's volume of projected tokens is mounted, as our examples have it.
const POD_FILE: &str = "/var/run/secrets/tokens/curfew";
/// The code of the failure that there is no token.
pub(crate) const NO_TOKEN: &str = "no_token";
/// How long a provider's own program may take.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the job's token comes from.
pub(crate) enum Source {
    /// It stands in a variable, from the job's beginning to its end.
    Given(SecretString),
    /// A file that is written anew before the token in it is over.
    File(PathBuf),
    /// GitHub makes one for whoever asks in the job.
    Github {
        /// Where to ask.
        url: String,
        /// What allows it.
        bearer: SecretString,
    },
    /// Buildkite's agent makes one.
    Buildkite,
}

impl Source {
    /// Where this job's is.
    ///
    /// # Errors
    /// When there is none: this is no pipeline, or the job was not given what it takes.
    pub(crate) fn find(machine: &Machine, platform: Platform) -> Result<Self, Failure> {
        if let Some(token) = machine.var("CURFEW_ID_TOKEN") {
            return Ok(Self::Given(token.into()));
        }
        if let Some(file) = machine.var_os("CURFEW_ID_TOKEN_FILE") {
            return Ok(Self::File(machine.path(Path::new(file))));
        }
        let found = match platform {
            Platform::Github => {
                let address = machine.var("ACTIONS_ID_TOKEN_REQUEST_URL");
                let bearer = machine.var("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
                address.zip(bearer).map(|(url, bearer)| Self::Github { url, bearer: bearer.into() })
            }
            Platform::Buildkite => Some(Self::Buildkite),
            Platform::Circleci => {
                let token = machine.var("CIRCLE_OIDC_TOKEN_V2").or_else(|| machine.var("CIRCLE_OIDC_TOKEN"));
                token.map(|token| Self::Given(token.into()))
            }
            Platform::Gitlab | Platform::Elsewhere => {
                Some(PathBuf::from(POD_FILE)).filter(|file| file.is_file()).map(Self::File)
            }
        };
        found.ok_or_else(|| none(platform))
    }

    /// Whether whoever asks for a token says for whom it is.
    pub(crate) fn takes_an_audience(&self) -> bool {
        match self {
            Self::Github { .. } | Self::Buildkite => true,
            Self::Given(_) | Self::File(_) => false,
        }
    }

    /// A token for this audience; one that was given is for whomever its provider was told.
    pub(crate) async fn token(&self, machine: &Machine, audience: &str) -> Result<SecretString, Failure> {
        let text = match self {
            Self::Given(token) => return Ok(token.clone()),
            Self::File(path) => read(path)?,
            Self::Github { url, bearer } => return github::id_token(url, bearer, audience).await,
            Self::Buildkite => buildkite(machine, audience).await?,
        };
        checked(&text, self.place())
    }

    fn place(&self) -> String {
        match self {
            Self::Given(_) => "CURFEW_ID_TOKEN".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Github { .. } => "GitHub's answer".to_owned(),
            Self::Buildkite => "what buildkite-agent printed".to_owned(),
        }
    }
}

fn none(platform: Platform) -> Failure {
    let (message, hint) = match platform {
        Platform::Github => (
            "this job may not have a token of its own",
            "give it `permissions: {id-token: write, contents: read}`; runs of pull requests from forks never get one",
        ),
        Platform::Gitlab => (
            "this job has no token for Curfew",
            "give it `id_tokens: {CURFEW_ID_TOKEN: {aud: $CURFEW_SERVER}}`, or extend `.curfew` of the template",
        ),
        Platform::Circleci => (
            "this job has no token: CIRCLE_OIDC_TOKEN_V2 is not set",
            "CircleCI gives one to jobs that use a context: add `context:` to the job in its workflow",
        ),
        Platform::Buildkite | Platform::Elsewhere => (
            "this is no pipeline that has a token of its own",
            "set CURFEW_ID_TOKEN or CURFEW_ID_TOKEN_FILE; people use `curfew login` and `curfew exec`",
        ),
    };
    Failure::new(Exit::NotAllowed, NO_TOKEN, message).hint(hint)
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::file("read", path, &error).hint("CURFEW_ID_TOKEN_FILE names the file that holds the job's token")
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = Zeroizing::new(String::new());
    file.take(WORKLOAD_TOKEN_BYTES as u64 + 1).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Anything else would be sent to the server only to be refused there.
pub(super) fn checked(text: &str, place: String) -> Result<SecretString, Failure> {
    let token = text.trim();
    let sound = token.len() <= WORKLOAD_TOKEN_BYTES
        && token.split('.').count() == 3
        && token.bytes().all(|b| b.is_ascii_graphic());
    match sound {
        true => Ok(token.to_owned().into()),
        false => Err(Failure::wrong_use(format!("{place} holds no token of a job"))
            .hint("a token is one line of three parts with dots between (a JWT)")),
    }
}

async fn buildkite(machine: &Machine, audience: &str) -> Result<Zeroizing<String>, Failure> {
    let mut agent = tokio::process::Command::new("buildkite-agent");
    agent.args(["oidc", "request-token", "--audience", audience]).env_clear().envs(machine.vars());
    agent.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let failed = |why: String| Failure::unavailable(format!("buildkite-agent gave no token: {why}"));
    let output = tokio::time::timeout(PROGRAM_TIMEOUT, agent.output()).await;
    let output = output.map_err(|_| failed("it did not answer".to_owned()))?.map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| failed("it is no text".to_owned()))?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const TOKEN: &str = "aGVhZA.Ym9keQ.c2ln";

    fn found(vars: &[(&str, &str)]) -> Result<String, Failure> {
        let machine = Machine::with(Path::new("/w"), vars.iter().map(|(n, v)| ((*n).into(), (*v).into())));
        Source::find(&machine, Platform::of(&machine)).map(|source| match source {
            Source::Given(token) => format!("given {}", token.expose_secret()),
            Source::File(path) => format!("file {}", path.display()),
            Source::Github { url, .. } => format!("github {url}"),
            Source::Buildkite => "buildkite".to_owned(),
        })
    }

    #[test]
    fn each_platform_has_its_place_and_a_given_token_wins() {
        let github = ("GITHUB_ACTIONS", "true");
        let ask = [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x?a=1"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")];
        let is = |vars: &[(&str, &str)], expected: &str| assert_eq!(found(vars).as_deref(), Ok(expected), "{vars:?}");
        is(&[github, ask[0], ask[1]], "github https://x?a=1");
        is(&[github, ask[0], ask[1], ("CURFEW_ID_TOKEN", TOKEN)], &format!("given {TOKEN}"));
        is(&[("GITLAB_CI", "true"), ("CURFEW_ID_TOKEN", TOKEN)], &format!("given {TOKEN}"));
        is(&[("CURFEW_ID_TOKEN_FILE", "t")], "file /w/t");
        is(&[("BUILDKITE", "true")], "buildkite");
        is(&[("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN_V2", "v2"), ("CIRCLE_OIDC_TOKEN", "v1")], "given v2");
    }

    #[test]
    fn a_job_without_a_token_is_told_what_to_do() {
        for (vars, hint) in [
            (vec![("GITHUB_ACTIONS", "true")], "id-token: write"),
            (vec![("GITLAB_CI", "true")], "id_tokens"),
            (vec![("CIRCLECI", "true")], "context"),
            (vec![], "curfew exec"),
        ] {
            let failure = found(&vars).expect_err("no token");
            assert_eq!((failure.exit, failure.code.as_str()), (Exit::NotAllowed, "no_token"));
            assert!(failure.hint.contains(hint), "{failure:?}");
        }
    }

    #[tokio::test]
    async fn a_file_holds_a_token_or_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Source::File(folder.path().join("token"));
        let machine = Machine::here();
        let write = |text: &str| std::fs::write(folder.path().join("token"), text).expect("written");
        write(&format!("{TOKEN}\n"));
        assert_eq!(source.token(&machine, "x").await.map(|t| t.expose_secret().to_owned()), Ok(TOKEN.to_owned()));
        for bad in ["", "no token", "a.b", "a.b.c.d", "a.b\u{7}.c"] {
            write(bad);
            assert!(source.token(&machine, "x").await.is_err(), "{bad}");
        }
        write(&"a".repeat(WORKLOAD_TOKEN_BYTES + 2));
        assert!(source.token(&machine, "x").await.is_err());
    }
}
