//! `curfew policy explain`: the decision on a request nobody has made, and why.

use super::Context;
use super::check::load_in;
use crate::commands::request::{Input, input};
use crate::commands::views::print_decision;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Facts, Output, Voice};
use clap::{ArgGroup, Args, ValueEnum};
use curfew_api::DecisionView;
use curfew_domain::{
    ActionName, Email, GroupName, Identity, ReasonCode, ResourceName, RoleName, Seconds, Subject, SubjectId,
    SubjectKind, Timestamp,
};
use curfew_policy::{Ask, Claims, Facts as Known, Grants, MfaFact, OnCall, PolicySet, Provider, Token};
use std::collections::BTreeSet;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Bytes of a file of claims.
const CLAIMS_BYTES: u64 = 64 * 1024;

/// What `curfew policy explain` takes.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("who").required(true).args(["email", "workload"])))]
pub(crate) struct ExplainArgs {
    /// As this person
    #[arg(long = "as", value_name = "EMAIL")]
    email: Option<Email>,
    /// With these groups of the identity provider (repeatable)
    #[arg(long = "group", value_name = "GROUP", requires = "email", value_parser = group)]
    groups: Vec<GroupName>,
    /// As a workload of this kind
    #[arg(long = "as-workload", value_name = "KIND", value_enum, requires = "claims")]
    workload: Option<Workload>,
    /// The workload's claims, a JSON object
    #[arg(long, value_name = "FILE", requires = "workload")]
    claims: Option<PathBuf>,
    /// The role
    #[arg(long)]
    role: RoleName,
    /// Only this resource of the role (repeatable)
    #[arg(long = "resource", value_name = "RESOURCE")]
    resources: Vec<ResourceName>,
    /// Only this action of the role (repeatable)
    #[arg(long = "action", value_name = "ACTION")]
    actions: Vec<ActionName>,
    /// For how long
    #[arg(long = "for", value_name = "DURATION", allow_hyphen_values = true)]
    duration: Option<Seconds>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A ticket
    #[arg(long, value_name = "TICKET")]
    ticket: Option<String>,
    #[command(flatten)]
    facts: FactArgs,
    /// The time of asking [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// The environment whose overlay applies
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The folder of policies, or one file
    #[arg(default_value = ".", value_name = "DIR")]
    path: PathBuf,
}

/// Facts that constraints and expressions look at. One that is not given is unknown.
#[derive(Debug, Args)]
struct FactArgs {
    /// What the ticket system says of the ticket
    #[arg(long, value_enum, value_name = "STATE")]
    ticket_state: Option<TicketState>,
    /// A typed input (repeatable)
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = input)]
    inputs: Vec<Input>,
    /// Where the request comes from
    #[arg(long, value_name = "IP", value_parser = address)]
    source_ip: Option<IpAddr>,
    /// Signed in with a second factor just now
    #[arg(long)]
    mfa: bool,
    /// On call
    #[arg(long)]
    oncall: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Workload {
    Github,
    Gitlab,
    Kubernetes,
    Buildkite,
    Circleci,
    Oidc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TicketState {
    Open,
    Closed,
    Missing,
}

/// `sre`; in a policy it is `group:sre`.
fn group(text: &str) -> Result<GroupName, String> {
    let bare = text.strip_prefix("group:").filter(|name| GroupName::new(*name).is_ok());
    match bare {
        Some(name) => Err(format!("write `{name}`, without `group:`")),
        None => GroupName::new(text).map_err(|error| error.to_string()),
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "write an address such as 10.1.2.3 or 2001:db8::1".to_owned())
}

/// Why a role cannot be explained that the set has not.
fn no_role(set: &PolicySet, role: &RoleName) -> Failure {
    if let Some(bundle) = set.bundles().iter().find(|bundle| bundle.name == *role) {
        let roles: Vec<_> = bundle.roles.iter().map(|(role, _)| role.to_string()).collect();
        let message = format!("`{role}` is no role but a bundle: each of its roles is decided by its own rule");
        return Failure::not_found(message).hint(format!("explain one of {}", roles.join(", ")));
    }
    let names: Vec<_> = set.roles().map(|role| role.name.to_string()).take(20).collect();
    let hint = match names.is_empty() {
        true => "there are none: name the folder that holds the policies".to_owned(),
        false => format!("there are: {}", names.join(", ")),
    };
    Failure::not_found(format!("there is no role `{role}`")).hint(hint)
}

/// Groups that change nothing, because no policy knows them: in silence they would look like a refusal.
fn warn_of_groups(output: &mut Output, set: &PolicySet, groups: &[GroupName]) {
    if output.voice() != Voice::Human {
        return;
    }
    let known: Vec<String> = set.idp_groups().map(ToString::to_string).take(20).collect();
    let known = if known.is_empty() { "the policies declare none".to_owned() } else { known.join(", ") };
    for group in groups.iter().filter(|group| !set.idp_groups().any(|known| known == *group)) {
        output.warn(&format!("`{group}` is none of `idp_groups`, so being in it changes nothing ({known})"));
    }
}

pub(crate) fn run(context: &mut Context, args: ExplainArgs) -> Result<Exit, Failure> {
    let (who, token) = identity(context, &args)?;
    let set = load_in(context, &args.path, args.env.as_deref())?.usable(&mut context.output)?;
    if set.role(&args.role).is_none() {
        return Err(no_role(&set, &args.role));
    }
    warn_of_groups(&mut context.output, &set, &args.groups);
    let alone = args.email.is_some() && args.groups.is_empty();
    let inputs = args.facts.inputs.iter().map(|input| (input.name.as_str(), input.value.as_str()));
    let ask = Ask {
        resources: args.resources,
        actions: args.actions,
        duration: args.duration,
        reason: args.reason.unwrap_or_default(),
        ticket: args.ticket.unwrap_or_default(),
        inputs: set.typed_inputs(&args.role, inputs),
        facts: args.facts.known(token),
        ..Ask::of(who, args.role, args.at.unwrap_or_else(|| context.machine.now()))
    };
    let explanation = set.explain(&ask);
    if context.output.voice() == Voice::Json {
        context.output.document(&explanation)?;
        return Ok(Exit::Done);
    }
    print_decision(&mut context.output, &DecisionView::from(&explanation.decision))?;
    Facts::new().list("would change", explanation.would_change).print(&mut context.output)?;
    let refused = explanation.decision.unsatisfied.iter().any(|reason| reason.code == ReasonCode::Eligibility);
    if alone && refused && set.idp_groups().next().is_some() {
        context.output.note("they were taken to be in no group of the identity provider: --group NAME says otherwise");
    }
    Ok(Exit::Done)
}

impl FactArgs {
    /// On the command line nobody else has the role, and who does not say so has no second factor and is not on call.
    fn known(&self, token: Option<Token>) -> Known {
        Known {
            mfa: Some(if self.mfa { MfaFact::FRESH } else { MfaFact::No }),
            oncall: Some(OnCall::OfTheRole(self.oncall)),
            source_ip: self.source_ip,
            ticket_state: self.ticket_state.map(|state| match state {
                TicketState::Open => curfew_policy::TicketState::Open,
                TicketState::Closed => curfew_policy::TicketState::Closed,
                TicketState::Missing => curfew_policy::TicketState::Missing,
            }),
            risk_score: None,
            token,
            grants: Some(Grants::default()),
        }
    }
}

fn identity(context: &Context, args: &ExplainArgs) -> Result<(Identity, Option<Token>), Failure> {
    if args.groups.len() > curfew_domain::limits::IDENTITY_GROUPS {
        return Err(Failure::wrong_use("nobody is in that many groups"));
    }
    let (subject, token) = match (&args.email, args.workload, &args.claims) {
        (Some(email), ..) => (person(email), None),
        (None, Some(kind), Some(path)) => workload(kind, &context.machine.path(path))?,
        (None, ..) => return Err(Failure::wrong_use("--as EMAIL, or --as-workload KIND --claims FILE")),
    };
    Ok((Identity { subject, groups: args.groups.iter().cloned().collect::<BTreeSet<_>>() }, token))
}

fn person(email: &Email) -> Subject {
    let id = SubjectId::new("curfew policy explain", email.as_str()).expect("INVARIANT: an address is a sub");
    Subject { kind: SubjectKind::Person, id, email: Some(email.clone()), name: None }
}

fn workload(kind: Workload, path: &Path) -> Result<(Subject, Option<Token>), Failure> {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(CLAIMS_BYTES).read_to_string(&mut text));
    read.map_err(|error| Failure::file("read", path, &error))?;
    let claims = claims_of(&text, path)?;
    let word = kind.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let claim = |name: &str| claims.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let issuer = claim("iss").unwrap_or_else(|| word.clone());
    let sub = claim("sub").unwrap_or_else(|| "workload".to_owned());
    let id = SubjectId::new(&issuer, &sub);
    let id = id.map_err(|error| Failure::wrong_use(format!("{}: `iss` and `sub`: {error}", path.display())))?;
    let provider = match kind {
        Workload::Github => Provider::Github,
        Workload::Gitlab => Provider::Gitlab,
        Workload::Kubernetes => Provider::Kubernetes,
        Workload::Buildkite => Provider::Buildkite,
        Workload::Circleci => Provider::Circleci,
        Workload::Oidc => Provider::Oidc,
    };
    let token = Token { provider, issuer: None, claims: Claims::from_json(&claims) };
    Ok((Subject { kind: SubjectKind::Workload, id, email: None, name: Some(word) }, Some(token)))
}

/// What a file of claims says, or what should stand in it.
fn claims_of(text: &str, path: &Path) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
    let hint = "write the payload of the token: {\"sub\": \"...\", \"repository_id\": \"123456\", \"ref\": \"refs/heads/main\"}";
    let refuse = |why: String| Failure::wrong_use(format!("{} {why}", path.display())).hint(hint);
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(claims)) => Ok(claims),
        Ok(_) => Err(refuse("holds no JSON object of claims".to_owned())),
        Err(error) => Err(refuse(format!("is not JSON, from line {} column {} on", error.line(), error.column()))),
    }
}

#[cfg(test)]
mod tests {
    use crate::exit::Exit;
    use crate::program::tests::run_in;
    use serde_json::Value;

    const POLICY: &str = "roles:\n  - name: debug\n    duration: 2h\n    conditions:\n      - resource: services/db\n        actions: [read, write]\n    approvers:\n      - lead@example.com\n";

    fn explain(more: &[&str]) -> (Exit, Value) {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        std::fs::create_dir(folder.path().join("policies")).expect("made");
        write("policies/a.yaml", POLICY);
        write("claims.json", r#"{"iss": "https://x", "sub": "repo:a"}"#);
        let folder_last = if more.last().is_some_and(|last| last.contains("nowhere") || last.contains("json")) {
            None
        } else {
            Some("policies")
        };
        let args = ["--json", "policy", "explain"].iter().chain(more).copied().chain(folder_last);
        let (exit, out, _) = run_in(folder.path(), &args.collect::<Vec<_>>());
        (exit, serde_json::from_str(&out).expect("one document"))
    }

    #[test]
    fn it_ends_well_whatever_is_decided() {
        for (more, outcome) in [
            (vec!["--as", "dev@example.com", "--role", "debug", "--for", "1h"], "needs_approval"),
            (vec!["--as", "dev@example.com", "--role", "debug", "--for", "3h"], "denied"),
            (vec!["--as-workload", "github", "--claims", "claims.json", "--role", "debug"], "denied"),
            (
                vec!["--as", "dev@example.com", "--role", "debug", "--mfa", "--oncall", "--source-ip", "10.0.0.1"],
                "needs_approval",
            ),
        ] {
            let (exit, decision) = explain(&more);
            assert_eq!((exit, &decision["outcome"]), (Exit::Done, &outcome.into()), "{more:?}: {decision}");
            assert!(decision["would_change"].is_array(), "{decision}");
        }
    }

    const STRICT: &str = r#"roles:
  - name: strict
    requesters: [dev@example.com]
    duration: 2h
    conditions: [{resource: db, actions: [read]}]
    approvers: [lead@example.com]
    auto_approve_when: context.oncall && context.duration <= duration("1h")
    constraints:
      ticket: {verify: open}
      mfa: {max_age: 5m}
      source_ip: [10.0.0.0/8]
      inputs: [{name: n, type: integer}]
      windows: [{days: mon, from: "09:00", to: "18:00", tz: Europe/Berlin}]
  - name: piped
    duration: 1h
    conditions: [{resource: db, actions: [read]}]
    approval: automatic
    triggers: [{github: {repository_id: "1", ref: refs/heads/main}, grant_to: [pipeline]}]
"#;

    #[test]
    fn facts_are_what_the_flags_say() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        std::fs::create_dir_all(folder.path().join("p/environments")).expect("made");
        write("p/a.yaml", STRICT);
        write("p/environments/prod.yaml", "roles: [{name: strict, duration: 30m}]\n");
        write(
            "run.json",
            r#"{"iss": "https://x", "sub": "s", "repository_id": "1", "ref": "refs/heads/main", "event_name": "push"}"#,
        );
        let explain = |more: &[&str]| {
            let args: Vec<&str> = ["--json", "policy", "explain"].iter().chain(more).copied().chain(["p"]).collect();
            let (exit, out, _) = run_in(folder.path(), &args);
            assert_eq!(exit, Exit::Done, "{out}");
            let decision: Value = serde_json::from_str(&out).expect("one document");
            let codes = |key: &str| {
                let list = decision[key].as_array().expect("a list").iter();
                list.map(|r| r["code"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>().join(" ")
            };
            format!(
                "{} {} / {}",
                decision["outcome"].as_str().unwrap_or_default(),
                codes("unsatisfied"),
                codes("failed")
            )
        };
        let base =
            ["--as", "dev@example.com", "--role", "strict", "--ticket", "T-1", "--at", "2026-03-02T12:00:00+01:00"];
        let with = |more: &[&str]| explain(&[&base[..], more].concat());
        assert_eq!(with(&[]), "denied mfa inputs / ticket source_ip");
        let good = ["--ticket-state", "open", "--mfa", "--source-ip", "10.1.2.3", "--input", "n=3"];
        assert_eq!(with(&good), "needs_approval  / ");
        assert_eq!(with(&[&good[..], &["--oncall", "--for", "1h"]].concat()), "automatic  / ");
        assert_eq!(with(&[&good[..], &["--env", "prod", "--for", "1h"]].concat()), "denied duration / ");
        assert_eq!(
            with(&["--ticket-state", "closed", "--mfa", "--source-ip", "::1", "--input", "n=x"]),
            "denied ticket source_ip inputs / "
        );
        assert_eq!(explain(&["--as-workload", "github", "--claims", "run.json", "--role", "piped"]), "automatic  / ");
        assert_eq!(
            explain(&["--as-workload", "gitlab", "--claims", "run.json", "--role", "piped"]),
            "denied eligibility / "
        );
    }

    #[test]
    fn what_to_type_instead_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("p.yaml", &format!("idp_groups: [sre]\n{POLICY}"));
        write("none.yaml", "auditors: [a@example.com]\n");
        write("list.json", "[1]");
        write("cut.json", "{\"sub\": ");
        let said = |more: &[&str]| {
            let (exit, out, err) = run_in(folder.path(), &[&["policy", "explain"], more].concat());
            (exit, format!("{out}{err}"))
        };
        let dev = ["--as", "dev@example.com", "--role", "debug"];
        let with = |more: &[&str]| said(&[&dev[..], more].concat());
        for (more, exit, part) in [
            (vec!["--group", "group:sre", "p.yaml"], Exit::WrongUse, "write `sre`, without `group:`"),
            (vec!["--source-ip", "10.0.0", "p.yaml"], Exit::WrongUse, "write an address such as 10.1.2.3"),
            (vec!["--for", "-5m", "p.yaml"], Exit::WrongUse, "'-5m'"),
            (vec!["--group", "srre", "p.yaml"], Exit::Done, "warning: `srre` is none of `idp_groups`"),
            (vec!["--input", "x=1", "p.yaml"], Exit::Done, "leave out the input `x`: the role has none"),
            (vec!["none.yaml"], Exit::NotFound, "name the folder that holds the policies"),
        ] {
            let (got, text) = with(&more);
            assert!(got == exit && text.contains(part), "{more:?}: {text}");
        }
        for file in ["list.json", "cut.json"] {
            let (exit, text) = said(&["--as-workload", "github", "--claims", file, "--role", "debug", "p.yaml"]);
            assert!(exit == Exit::WrongUse && text.contains("write the payload of the token"), "{text}");
            assert!(!text.contains("sequence") && !text.contains("EOF"), "{text}");
        }
        let actor = r#"{"iss": "https://x", "sub": "s", "repository_id": "1", "actor_id": "7"}"#;
        write("run.json", actor);
        let (_, text) = said(&["--as-workload", "github", "--claims", "run.json", "--role", "debug", "p.yaml"]);
        assert!(text.contains("an entry under `people`") && !text.contains("another approver at"), "{text}");
    }

    #[test]
    fn what_is_not_there_and_wrong_use() {
        for (more, exit) in [
            (vec!["--as", "dev@example.com", "--role", "nothing"], Exit::NotFound),
            (vec!["--as", "dev@example.com", "--role", "debug", "--env", "prod"], Exit::WrongUse),
            (vec!["--as", "dev@example.com", "--role", "debug", "nowhere"], Exit::WrongUse),
            (vec!["--as", "dev@example.com", "--role", "debug", "claims.json"], Exit::WrongUse),
            (vec!["--role", "debug"], Exit::WrongUse),
            (vec!["--as-workload", "github", "--role", "debug"], Exit::WrongUse),
            (vec!["--as-workload", "github", "--claims", "policies/a.yaml", "--role", "debug"], Exit::WrongUse),
        ] {
            let (got, document) = explain(&more);
            assert_eq!(got, exit, "{more:?}: {document}");
            assert!(document["error"]["code"].is_string(), "{document}");
        }
    }
}
