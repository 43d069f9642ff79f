//! `curfew policy who`: who could get to a resource, through what role, with whose approval.

use super::Context;
use super::check::load_in;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Facts, Output, Voice};
use clap::Args;
use curfew_domain::{ActionName, ResourceName, RoleName};
use curfew_policy::{Needed, Reach};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What `curfew policy who` takes.
#[derive(Debug, Args)]
pub(crate) struct WhoArgs {
    /// The resource
    resource: ResourceName,
    /// Only this action on it; then the folder of policies, or one file [default: .]
    #[arg(value_name = "ACTION|DIR", num_args = 0..=2)]
    rest: Vec<String>,
    /// The environment whose overlay applies
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
}

pub(crate) fn run(context: &mut Context, args: &WhoArgs) -> Result<Exit, Failure> {
    let (action, path) = action_and_path(context, &args.rest)?;
    let set = load_in(context, &path, args.env.as_deref())?.usable(&mut context.output)?;
    if !set.names_resource(&args.resource) && set.reach(&args.resource, None).is_empty() {
        let names: Vec<_> = set.resources().map(|resource| resource.name.to_string()).take(20).collect();
        let failure = Failure::not_found(format!("no policy names the resource `{}`", args.resource));
        if RoleName::new(args.resource.as_str()).is_ok_and(|role| set.role(&role).is_some()) {
            let one = names.first().map_or("services/db", String::as_str);
            return Err(failure.hint(format!("`{}` is a role; name a resource, such as {one}", args.resource)));
        }
        return Err(failure.hint(match names.is_empty() {
            true => "none is defined under `resources`".to_owned(),
            false => format!("there are: {}", names.join(", ")),
        }));
    }
    let ways = set.reach(&args.resource, action.as_ref());
    // A word that was mistyped is not to look like a door that is shut.
    let given: BTreeSet<ActionName> = set.reach(&args.resource, None).into_iter().flat_map(|way| way.actions).collect();
    if let Some(action) =
        action.as_ref().filter(|action| !given.contains(*action) && !set.has_action(&args.resource, action))
    {
        let given: Vec<&str> = given.iter().map(ActionName::as_str).collect();
        return Err(Failure::not_found(format!("{} has no action `{action}`", args.resource))
            .hint(format!("roles give: {}", given.join(", "))));
    }
    context.output.show(&ways, |output, ways| match (ways.is_empty(), output.voice()) {
        (true, Voice::Human) => output.line(&nobody(&args.resource, action.as_ref(), &given)),
        (_, Voice::Human | Voice::Quiet | Voice::Json) => print(output, ways),
    })?;
    Ok(Exit::Done)
}

fn nobody(resource: &ResourceName, action: Option<&ActionName>, given: &BTreeSet<ActionName>) -> String {
    let given: Vec<&str> = given.iter().map(ActionName::as_str).collect();
    match (action, given.is_empty()) {
        (Some(action), false) => {
            format!("nobody: no role gives `{action}` on {resource}; roles give {} there", given.join(", "))
        }
        (Some(_) | None, _) => format!("nobody: no role gives anything on {resource}"),
    }
}

/// A word with a folder of that name is a folder; an action is a word without `/`.
fn action_and_path(context: &Context, rest: &[String]) -> Result<(Option<ActionName>, PathBuf), Failure> {
    let action = |text: &str| ActionName::new(text).map_err(|error| Failure::wrong_use(error.to_string()));
    let is_there = |text: &str| context.machine.path(Path::new(text)).exists();
    match rest {
        [] => Ok((None, PathBuf::from("."))),
        [only] if is_there(only) || only.contains('/') => Ok((None, PathBuf::from(only))),
        [only] => Ok((Some(action(only)?), PathBuf::from("."))),
        [first, path, ..] => Ok((Some(action(first)?), PathBuf::from(path))),
    }
}

fn print(output: &mut Output, ways: &[Reach]) -> Result<(), Failure> {
    for (number, way) in ways.iter().enumerate() {
        if output.voice() == Voice::Quiet {
            output.line(way.role.as_str())?;
            continue;
        }
        if number > 0 {
            output.line("")?;
        }
        let mut facts = Facts::new();
        facts.add("role", way.role.as_str()).add("gives", actions(way)).add("for at most", way.max.to_string());
        facts.list("who may ask", way.requesters.iter().cloned()).list("never", way.denied.iter().cloned());
        match way.approval {
            Needed::Automatic => facts.add("approval", "nobody has to approve"),
            Needed::NeedsApproval => facts.list("approval", way.stages.iter().map(stage)),
        };
        facts.add("automatic when", way.automatic_when.clone().unwrap_or_default());
        facts.list("emergency", way.break_glass.iter().cloned());
        let trigger = |t: &curfew_policy::ReachTrigger| format!("{} to {}", t.run, t.grant_to.join(", "));
        facts.list("pipelines", way.triggers.iter().map(trigger));
        facts.print(output)?;
    }
    Ok(())
}

fn actions(way: &Reach) -> String {
    let actions: Vec<&str> = way.actions.iter().map(ActionName::as_str).collect();
    format!("{} on {}", actions.join(", "), way.resource)
}

fn stage(stage: &curfew_policy::ReachStage) -> String {
    let mut said = format!("{}: {} of {}", stage.name, stage.require, stage.approvers.join(", "));
    if !stage.escalate_to.is_empty() {
        said.push_str(&format!("; when its time is over also {}", stage.escalate_to.join(", ")));
    }
    if !stage.fallback.is_empty() {
        said.push_str(&format!("; when nobody is left in it {}", stage.fallback.join(", ")));
    }
    said
}

#[cfg(test)]
mod tests {
    use crate::exit::Exit;
    use crate::program::tests::run_in;
    use serde_json::Value;

    const POLICY: &str = "idp_groups: [sre]\ngroups: {dba: [ann@example.com, bob@example.com]}\nroles:\n  - name: debug\n    requesters: [group:sre, group:dba]\n    deny: [bob@example.com]\n    duration: 2h\n    conditions: [{resource: services/db, actions: [read, write]}]\n    approvers: [group:dba, lead@example.com]\n  - name: look\n    requesters: [group:sre]\n    duration: 1h\n    conditions: [{resource: services/db, actions: [read]}]\n    approval: automatic\n";

    #[test]
    fn every_way_to_a_resource() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("policies")).expect("made");
        std::fs::write(folder.path().join("policies/a.yaml"), POLICY).expect("written");
        let (exit, out, err) = run_in(folder.path(), &["--json", "policy", "who", "services/db", "policies"]);
        let ways: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((exit, err.as_str(), ways.as_array().map(Vec::len)), (Exit::Done, "", Some(2)));
        let debug = &ways[0];
        assert_eq!(debug["requesters"], serde_json::json!(["ann@example.com", "group:sre"]), "{debug}");
        assert_eq!(debug["stages"][0]["approvers"], serde_json::json!(["ann@example.com", "lead@example.com"]));
        assert_eq!((&ways[1]["role"], &ways[1]["approval"]), (&"look".into(), &"automatic".into()));
        let (exit, out, _) = run_in(folder.path(), &["policy", "who", "services/db", "write", "policies"]);
        assert_eq!(exit, Exit::Done);
        assert!(out.contains("debug") && !out.contains("look"), "{out}");
        let (exit, out, _) = run_in(folder.path(), &["policy", "who", "services/db", "ddl", "policies"]);
        assert_eq!(exit, Exit::Done);
        assert_eq!(out, "nobody: no role gives `ddl` on services/db; roles give read, write there\n");
        let staged = "approval: {stages: [{any_of: [group:dba], timeout: 1h, on_timeout: escalate, escalate_to: \
                      [zed@example.com], fallback: [quinn@example.com]}]}";
        let staged = POLICY.replace("approvers: [group:dba, lead@example.com]", staged);
        std::fs::write(folder.path().join("policies/a.yaml"), staged).expect("written");
        let (_, out, _) = run_in(folder.path(), &["policy", "who", "services/db", "write", "policies"]);
        let said = "1 of ann@example.com; when its time is over also zed@example.com; when nobody is left in it \
                    quinn@example.com";
        assert!(out.contains(said), "{out}");
        let (exit, _, err) = run_in(folder.path(), &["policy", "who", "debug", "policies"]);
        assert!(exit == Exit::NotFound && err.contains("`debug` is a role; name a resource"), "{err}");
        let (exit, _, err) = run_in(folder.path(), &["policy", "who", "services/nothing", "policies"]);
        assert_eq!(exit, Exit::NotFound, "{err}");
    }
}
