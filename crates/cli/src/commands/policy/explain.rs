//! `curfew policy explain`: the decision on a request nobody has made, and why.

use super::Context;
use super::check::load_in;
use crate::commands::request::{Input, input};
use crate::commands::views::print_decision;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Facts, Voice};
use clap::{ArgGroup, Args, ValueEnum};
use curfew_api::DecisionView;
use curfew_domain::{
    ActionName, Email, GroupName, Identity, ResourceName, RoleName, Seconds, Subject, SubjectId, SubjectKind, Timestamp,
};
use curfew_policy::{Ask, Claims, Facts as Known, Grants, MfaFact, OnCall, Provider, Token};
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
    #[arg(long = "group", value_name = "GROUP", requires = "email")]
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
    #[arg(long = "for", value_name = "DURATION")]
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
    #[arg(long, value_name = "IP")]
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

pub(crate) fn run(context: &mut Context, args: ExplainArgs) -> Result<Exit, Failure> {
    let (who, token) = identity(context, &args)?;
    let set = load_in(context, &args.path, args.env.as_deref())?.usable(&mut context.output)?;
    if set.role(&args.role).is_none() {
        if let Some(bundle) = set.bundles().iter().find(|bundle| bundle.name == args.role) {
            let roles: Vec<_> = bundle.roles.iter().map(|(role, _)| role.to_string()).collect();
            return Err(Failure::not_found(format!(
                "`{}` is no role but a bundle: each of its roles is decided by its own rule",
                args.role
            ))
            .hint(format!("explain one of {}", roles.join(", "))));
        }
        let names: Vec<_> = set.roles().map(|role| role.name.to_string()).take(20).collect();
        return Err(Failure::not_found(format!("there is no role `{}`", args.role))
            .hint(format!("there are: {}", names.join(", "))));
    }
    for group in args.groups.iter().filter(|group| !set.idp_groups().any(|known| known == *group)) {
        context.output.note(&format!("`{group}` is none of `idp_groups`, so being in it changes nothing"));
    }
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
    let claims: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text)
        .map_err(|error| Failure::wrong_use(format!("{}: not a JSON object of claims: {error}", path.display())))?;
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
