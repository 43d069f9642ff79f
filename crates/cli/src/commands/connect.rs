//! `curfew connect`: opens the target's own client with the credential.

use super::Context;
use super::activate::activate;
use super::credentials::{Credential, for_action};
use super::env::kept;
use super::id::GrantRef;
use crate::child::{self, Launch, Signals};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret::Iterations;
use crate::session::Session;
use clap::Args;
use curfew_domain::{ActionName, ResourceName};
use std::ffi::OsString;

/// What `curfew connect` takes.
#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// The grant, or the request it came from; activated when it is not yet
    id: GrantRef,
    /// Which resource, when the grant has several
    #[arg(long, value_name = "RESOURCE")]
    resource: Option<ResourceName>,
    /// Which action, when actions have certificates of their own
    #[arg(long, value_name = "ACTION")]
    action: Option<ActionName>,
    /// For psql or ssh
    #[arg(last = true)]
    args: Vec<OsString>,
}

pub(crate) async fn run(context: &mut Context, args: ConnectArgs) -> Result<Exit, Failure> {
    let referent = args.id.referent()?;
    let credentials = match kept(context, referent)? {
        Some((id, record)) if record.is_over(context.machine.now()) => {
            return Err(Failure::no("already_final", format!("{id} is over")).hint("ask again with `curfew request`"));
        }
        Some((_, record)) if record.asked_until.is_none() => record.credentials,
        // Where more time was asked for and approved since, there may be another certificate.
        Some(_) | None => {
            let session = Session::signed_in(context)?;
            // The client that is started below is libpq, so the password needs no stretching.
            activate(context, &session, &referent.to_string(), Iterations::LIBPQ).await?.credentials
        }
    };
    let credential = choose(&credentials, args.resource.as_ref())?;
    let launch = launch(credential, args.action.as_ref(), args.args)?;
    let mut signals = Signals::listen()?;
    let mut child = launch.start(&context.machine).map_err(|failure| missing_client(failure, &launch))?;
    child::wait(&mut child, &mut signals).await
}

fn choose<'a>(credentials: &'a [Credential], resource: Option<&ResourceName>) -> Result<&'a Credential, Failure> {
    let names: Vec<_> = credentials.iter().map(|credential| credential.resource.to_string()).collect();
    match (resource, credentials) {
        (None, [one]) => Ok(one),
        (None, _) => {
            Err(Failure::wrong_use("the grant has several resources")
                .hint(format!("--resource {}", names.join(" or "))))
        }
        (Some(name), _) => credentials.iter().find(|credential| credential.resource == *name).ok_or_else(|| {
            Failure::not_found(format!("the grant does not reach `{name}`"))
                .hint(format!("it reaches {}", names.join(", ")))
        }),
    }
}

fn launch(credential: &Credential, action: Option<&ActionName>, args: Vec<OsString>) -> Result<Launch, Failure> {
    let env = credential.env.clone();
    if env.contains_key("PGPASSFILE") {
        return Ok(Launch { program: "psql".into(), args, env });
    }
    if env.contains_key("CURFEW_SSH_KEY") {
        let mut all = ssh_options(credential, action)?;
        all.extend(args);
        return Ok(Launch { program: "ssh".into(), args: all, env });
    }
    let message = format!("this version opens no client for a `{}` target", credential.connector);
    Err(Failure::no("no_client", message).hint("curfew env prints what another client needs"))
}

/// ssh with this key and certificate and no other, and never over somebody's open connection.
fn ssh_options(credential: &Credential, action: Option<&ActionName>) -> Result<Vec<OsString>, Failure> {
    let variable = |name: &str| {
        let own = action.map(|action| for_action(name, action.as_str()));
        own.and_then(|own| credential.env.get(&own)).or_else(|| credential.env.get(name)).cloned().unwrap_or_default()
    };
    let mut options = vec![
        format!("IdentityFile={}", ssh_path(&variable("CURFEW_SSH_KEY"))?),
        format!("CertificateFile={}", ssh_path(&variable("CURFEW_SSH_CERT"))?),
        "IdentitiesOnly=yes".to_owned(),
        "PreferredAuthentications=publickey".to_owned(),
        "ControlMaster=no".to_owned(),
        "ControlPath=none".to_owned(),
    ];
    if let Some(hosts) = credential.files.get("known_hosts") {
        options.push(format!("UserKnownHostsFile={}", ssh_path(&hosts.display().to_string())?));
        options.push("StrictHostKeyChecking=yes".to_owned());
    }
    let mut args: Vec<OsString> = options.into_iter().flat_map(|option| ["-o".into(), option.into()]).collect();
    args.extend(["-p".into(), variable("CURFEW_SSH_PORT").into(), "-l".into(), variable("CURFEW_SSH_USER").into()]);
    args.extend(["--".into(), variable("CURFEW_SSH_HOST").into()]);
    Ok(args)
}

/// A path as ssh_config(5) reads it: quoted, `%` doubled. Quotes and `${` have no escape there.
fn ssh_path(path: &str) -> Result<String, Failure> {
    if path.contains('"') || path.contains("${") || path.contains('\\') {
        return Err(
            Failure::wrong_use(format!("ssh cannot be given the path {path}")).hint("set CURFEW_STATE to another")
        );
    }
    Ok(format!("\"{}\"", path.replace('%', "%%")))
}

fn missing_client(failure: Failure, launch: &Launch) -> Failure {
    let package = if launch.program == "psql" { "postgresql-client" } else { "openssh-client" };
    match failure.exit {
        Exit::NoSuchCommand => failure.hint(format!("install it: on Debian, the package {package}")),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn credential(resource: &str, env: &[(&str, &str)]) -> Credential {
        Credential {
            resource: resource.parse().expect("a name"),
            connector: "x".into(),
            env: env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            files: BTreeMap::new(),
        }
    }

    fn host() -> Credential {
        let env = [
            ("CURFEW_SSH_HOST", "127.0.0.1"),
            ("CURFEW_SSH_PORT", "2222"),
            ("CURFEW_SSH_USER", "deploy"),
            ("CURFEW_SSH_KEY", "/a 50%/key"),
            ("CURFEW_SSH_CERT", "/a/certificate"),
            ("CURFEW_SSH_CERT_RESTART", "/a/certificate_restart"),
            ("CURFEW_SSH_USER_RESTART", "root"),
        ];
        credential("hosts/web", &env)
    }

    fn shown(launch: &Launch) -> String {
        let args: Vec<_> = launch.args.iter().map(|arg| arg.to_string_lossy()).collect();
        format!("{} {}", launch.program.to_string_lossy(), args.join(" "))
    }

    #[test]
    fn ssh_is_told_everything_and_takes_the_rest_as_it_is() {
        let launch = launch(&host(), None, vec!["uptime".into()]).expect("a launch");
        let expected = "ssh -o IdentityFile=\"/a 50%%/key\" -o CertificateFile=\"/a/certificate\" -o IdentitiesOnly=yes \
                        -o PreferredAuthentications=publickey -o ControlMaster=no -o ControlPath=none \
                        -p 2222 -l deploy -- 127.0.0.1 uptime";
        assert_eq!(shown(&launch), expected);
    }

    #[test]
    fn an_action_may_have_its_own_certificate_and_account() {
        let action: ActionName = "restart".parse().expect("an action");
        let text = shown(&launch(&host(), Some(&action), Vec::new()).expect("a launch"));
        assert!(text.contains("certificate_restart") && text.contains("-l root"), "{text}");
    }

    #[test]
    fn psql_gets_everything_from_its_environment() {
        let db = credential("services/db", &[("PGPASSFILE", "/x/pgpass"), ("PGHOST", "h")]);
        let launch = launch(&db, None, vec!["-c".into(), "select 1".into()]).expect("a launch");
        assert_eq!(shown(&launch), "psql -c select 1");
        assert_eq!(launch.env["PGPASSFILE"], "/x/pgpass");
    }

    #[test]
    fn of_several_resources_one_must_be_named() {
        let all = [credential("a", &[]), credential("b", &[])];
        let name = |text: &str| text.parse::<ResourceName>().expect("a name");
        assert_eq!(
            choose(&all, None).map_err(|f| (f.exit, f.hint)).err(),
            Some((Exit::WrongUse, "--resource a or b".into()))
        );
        assert_eq!(choose(&all, Some(&name("b"))).map(|c| c.resource.to_string()), Ok("b".into()));
        assert_eq!(choose(&all, Some(&name("c"))).map_err(|f| f.exit).err(), Some(Exit::NotFound));
        assert!(choose(&all[..1], None).is_ok());
    }

    #[test]
    fn paths_that_ssh_would_expand_are_refused() {
        assert!(ssh_path("/a/${HOME}/key").is_err() && ssh_path("/a\"b").is_err());
    }
}
