//! The hotfix story under real runners: a job starts, who started it reads production, a step fails, and all of it is over.

use crate::harness::{Job, Person, Pipelines, Session, program, soon, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Much longer than a story takes: what ends there was ended, and not left to silence.
const WINDOW: Duration = Duration::from_secs(60);

pub(crate) const POLICY: &str = r#"
people: [{email: eve@example.com, github: "583231", gitlab: "42"}]
administrators: [root@example.com]
auditors: [root@example.com]
resources:
  - {name: services/db, connector: postgres, risk: low, settings: {schemas: [public]}}
roles:
  - name: hotfix-debug
    triggers:
      - github: {repository_id: "123456", ref: refs/heads/main, workflow: .github/workflows/hotfix.yml}
        grant_to: [pipeline, actor]
      - gitlab: {project_id: "22", ref: main, ref_protected: "true"}
        grant_to: [pipeline, actor]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
  - name: migrate
    requesters:
      - github: {repository_id: "123456", ref: refs/heads/main}
      - gitlab: {project_id: "22", ref: main}
    duration: {default: 10m, max: 1h}
    conditions: [{resource: services/db, actions: [read, write]}]
    approval: automatic
  - name: reviewed
    requesters: [{github: {repository_id: "123456", ref: refs/heads/main}}]
    duration: 10m
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [ann@example.com, eve@example.com]
"#;

/// What a step does in the middle: uses its access, keeps a copy of it, and waits.
pub(crate) const STEP: &str = r#"
test "$(psql -XAtwc 'select state from orders where id = 1')" = stuck
cp "$PGPASSFILE" "$MARKS/$JOB.pgpass"
env | grep '^PG' > "$MARKS/$JOB.env"
mv "$MARKS/$JOB.env" "$MARKS/$JOB.ready"
for i in $(seq 600); do test -e "$MARKS/$JOB.go" && break; sleep 0.1; done
"#;

/// A workflow whose first step has access and whose second one fails.
fn workflow(job: &str, server: &str) -> String {
    let script: String = STEP.trim().lines().map(|line| format!("          {line}\n")).collect();
    format!(
        "name: hotfix\non: push\npermissions: {{id-token: write, contents: read}}\njobs:\n  {job}:\n    \
         runs-on: ubuntu-latest\n    env: {{JOB: {job}}}\n    steps:\n      - uses: actions/checkout@v4\n      \
         - uses: ./.github/curfew\n        id: access\n        with: {{server: \"{server}\", role: hotfix-debug}}\n      - run: test -n '${{{{ steps.access.outputs.grant-id }}}}' && test -n \
         '${{{{ steps.access.outputs.expires-at }}}}'\n      - run: |\n{script}      - run: cat \"$PGPASSFILE\"\n      - run: exit 3\n"
    )
}

/// The checkout of that workflow, with the action as a user copies it.
pub(crate) fn github_checkout(pipelines: &Pipelines, job: &str) -> std::path::PathBuf {
    let action = ["action.yml", "curfew.js", "start.js", "end.js"]
        .map(|file| (format!(".github/curfew/{file}"), Pipelines::integration(&format!("github-action/{file}"))));
    let workflow = workflow(job, &pipelines.world.url());
    let mut files = vec![(".github/workflows/hotfix.yml", workflow.as_str())];
    files.extend(action.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    pipelines.checkout(job, "https://github.com/acme/orders.git", &files)
}

/// The variables that a step had, with its own copy of the password file.
pub(crate) fn variables(pipelines: &Pipelines, job: &str) -> BTreeMap<String, String> {
    let printed = std::fs::read_to_string(pipelines.mark(&format!("{job}.ready"))).unwrap();
    let mut all: BTreeMap<_, _> =
        printed.lines().filter_map(|line| line.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    all.insert("PGPASSFILE".to_owned(), pipelines.mark(&format!("{job}.pgpass")).display().to_string());
    all
}

fn reads(variables: &BTreeMap<String, String>) -> bool {
    Session::once(variables, "SELECT state FROM orders WHERE id = 1") == Ok("stuck".to_owned())
}

/// What a trigger opened for this person.
fn opened_for(person: &Person) -> String {
    let mut found = None;
    soon("a trigger opened access for a person", Duration::from_secs(10), || {
        let requests = person.json(&["requests", "--mine"]);
        let requests = requests.as_array().cloned().or_else(|| requests["items"].as_array().cloned()).unwrap();
        found = requests.iter().find(|r| r["origin"] == "trigger" && r["state"] == "approved").map(|r| text(&r["id"]));
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn a_hotfix_under_act() {
    let Some(act) = program("CURFEW_TEST_ACT") else { return };
    let pipelines = Pipelines::start(POLICY, WINDOW);
    let checkout = github_checkout(&pipelines, "deploy");
    let mut job = pipelines.act(&act, &checkout);
    job.waits_at(&pipelines.mark("deploy.ready"));
    let log = the_story(&pipelines, "deploy", job);
    assert!(log.contains("Post ./.github/curfew"), "{log}");
    let password = std::fs::read_to_string(pipelines.mark("deploy.pgpass")).unwrap();
    let password = password.trim().rsplit(':').next().unwrap().to_owned();
    assert!(password.len() > 20 && !log.contains(&password), "{log}");
}

#[test]
fn a_hotfix_under_gitlab_ci_local() {
    let (Some(script), Some(node)) = (program("CURFEW_TEST_GITLAB_CI_LOCAL"), program("CURFEW_TEST_NODE")) else {
        return;
    };
    let pipelines = Pipelines::start(POLICY, WINDOW);
    let checkout = gitlab_checkout(&pipelines, "deploy");
    let mut job = pipelines.gitlab((&node, &script), &checkout);
    job.waits_at(&pipelines.mark("deploy.ready"));
    the_story(&pipelines, "deploy", job);
}

/// The checkout of a job of GitLab's, with the template as a user copies it.
pub(crate) fn gitlab_checkout(pipelines: &Pipelines, job: &str) -> std::path::PathBuf {
    let script: String = STEP.trim().lines().map(|line| format!("      {line}\n")).collect();
    let ci = format!(
        "include: [{{local: curfew.gitlab-ci.yml}}]\n{job}:\n  extends: .curfew\n  variables: {{CURFEW_ROLE: hotfix-debug, \
         JOB: {job}}}\n  script:\n    - |\n{script}    - exit 3\n"
    );
    let template = Pipelines::integration("gitlab/curfew.gitlab-ci.yml");
    let files = [(".gitlab-ci.yml", ci.as_str()), ("curfew.gitlab-ci.yml", &template)];
    pipelines.checkout(job, "https://gitlab.com/acme/orders.git", &files)
}

/// From where the job waits in its first step to where nothing is left; what the job's page shows.
fn the_story(pipelines: &Pipelines, job: &str, runner: Job) -> String {
    let (world, root) = (&pipelines.world, pipelines.world.person("root@example.com"));
    let of_the_job = variables(pipelines, job);
    let eve = world.person("eve@example.com");
    let request = opened_for(&eve);
    let grant = text(&eve.json(&["activate", &request])["id"]);
    let of_eve = eve.variables(&grant);
    assert!(reads(&of_the_job) && reads(&of_eve));
    assert_eq!(world.postgres.temporary_roles().len(), 2);
    let mut open = Session::open(&of_eve);
    assert_eq!(open.ask("SELECT state FROM orders WHERE id = 1;"), "stuck");

    std::fs::write(pipelines.mark(&format!("{job}.go")), "").unwrap();
    let (well, log) = runner.ends();
    assert!(!well, "a step failed:\n{log}");
    assert!(log.contains("is over: services/db was read and shows no access"), "{log}");
    world.nothing_left(Duration::from_secs(5));
    assert!(!reads(&of_the_job) && !reads(&of_eve) && open.has_closed());
    let ended = eve.sees(&grant);
    assert_eq!(
        (text(&ended["state"]), text(&ended["end_cause"])),
        ("ended".into(), "pipeline_ended".into()),
        "{ended}"
    );
    assert_eq!(ended["verified"], true, "{ended}");
    told_in_order(&root, &grant);
    shown(&root, &ended);
    attested(pipelines, &root, &text(&ended["run"]["id"]));
    log
}

/// The signed word that it is gone holds with nothing but the key.
fn attested(pipelines: &Pipelines, root: &Person, number: &str) {
    let file = pipelines.mark("attestation.json").display().to_string();
    std::fs::write(&file, root.curfew(&["pipeline", "show", number, "--attestation"]).ok().out).unwrap();
    let key = root.curfew(&["audit", "key"]).ok().out;
    let said = root.curfew(&["pipeline", "verify", &file, "--key", key.trim()]).ok().out;
    assert!(said.contains("everything that was given with the run is verified gone"), "{said}");
    assert!(said.contains("gitCommit:") && said.matches("hotfix-debug").count() == 2, "{said}");
}

/// The audit log tells it in the order in which it happened.
fn told_in_order(root: &Person, grant: &str) {
    let mut events = Vec::new();
    let export = root.curfew(&["audit", "export"]).ok().out;
    for line in export.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        events.push((text_of(&event["action"]), text_of(&event["grant_id"])));
    }
    let mut rest = events.iter();
    for (action, of) in [
        ("sign_in.accepted", ""),
        ("run.began", ""),
        ("request.created", ""),
        ("request.approved", ""),
        ("grant.activated", grant),
        ("run.over", ""),
        ("grant.ending", grant),
        ("lease.revoked", grant),
        ("grant.ended", grant),
    ] {
        let found = rest.any(|(happened, grant)| happened == action && (of.is_empty() || grant == of));
        assert!(found, "{action} {of} is not in its place in {events:#?}");
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Who looks afterwards finds every grant of the run, and that it is gone.
fn shown(root: &Person, grant: &Value) {
    let number = text(&grant["run"]["id"]);
    let run = root.json(&["pipeline", "show", &number]);
    let grants = run["grants"].as_array().unwrap();
    assert_eq!((text(&run["state"]), grants.len()), ("over".into(), 2), "{run}");
    assert!(grants.iter().all(|grant| grant["state"] == "ended" && grant["verified"] == true), "{run}");
    let printed = root.curfew(&["pipeline", "show", &number]).ok().out;
    assert!(printed.contains("hotfix-debug") && printed.contains(", verified"), "{printed}");
}

/// `curfew run` alone, with every way in which it ends.
#[test]
fn run_gives_the_commands_own_code_and_returns_its_access() {
    let pipelines = Pipelines::start(POLICY, WINDOW);
    let run = |arguments: &[&str]| crate::harness::run(&mut pipelines.bare("job", arguments));
    let psql = ["psql", "-XAtwc", "update orders set state = 'free' returning 1"];
    let ran = run(&[&["run", "migrate", "--"], psql.as_slice()].concat()).ok();
    assert_eq!(ran.out, "1\nUPDATE 1\n", "{ran:?}");
    assert!(ran.err.contains("is over: services/db was read and shows no access"), "{ran:?}");
    assert!(!ran.out.contains("add-mask") && ran.err.contains("::add-mask::"), "stdout is the command's: {ran:?}");
    pipelines.world.nothing_left(Duration::from_secs(1));
    run(&["run", "migrate", "--", "sh", "-c", "exit 7"]).exits(7);
    run(&["run", "migrate", "--", "sh", "-c", "kill -9 $$"]).exits(137);
    run(&["run", "migrate", "--", "nothing-of-this-name"]).exits(127);
    run(&["run", "migrate", "--", "/etc/passwd"]).exits(126);
    let denied = run(&["run", "migrate", "--for", "2h", "--", "true"]).exits(125);
    assert!(denied.err.contains("policy denies it"), "{denied:?}");
    let late = run(&["run", "reviewed", "--timeout", "1s", "--", "true"]).exits(125);
    assert!(late.err.contains("waits for ann@example.com") && late.err.contains("nobody approved"), "{late:?}");
    assert!(!late.err.contains("eve@example.com"), "who started the run decides nothing: {late:?}");
    pipelines.world.nothing_left(Duration::from_secs(5));
}

/// The job's log names who is waited for, and goes on when they said yes.
#[test]
fn run_waits_for_a_person() {
    let pipelines = Pipelines::start(POLICY, WINDOW);
    let ann = pipelines.world.person("ann@example.com");
    let mut command =
        pipelines.bare("job", &["run", "reviewed", "--reason", "x", "--", "psql", "-XAtwc", "select 40+2"]);
    let waiting = std::thread::spawn(move || crate::harness::run(&mut command));
    let mut id = String::new();
    soon("somebody is asked", Duration::from_secs(10), || {
        let requests = ann.json(&["requests", "--to-approve"]);
        id = requests[0]["id"].as_str().unwrap_or_default().to_owned();
        !id.is_empty()
    });
    ann.curfew(&["approve", &id]).ok();
    let ran = waiting.join().unwrap().ok();
    assert!(ran.out.contains("42") && ran.err.contains(&format!("{id} waits for ann@example.com")), "{ran:?}");
}

/// What a job is told that may not have what it asks for.
#[test]
fn refusals_are_told_in_the_jobs_log() {
    let pipelines = Pipelines::start(POLICY, WINDOW);
    let run = |name: &str, role: &str| crate::harness::run(&mut pipelines.bare(name, &["run", role, "--", "true"]));
    let unknown = run("a", "nothing").exits(125);
    assert!(unknown.err.contains("nothing"), "{unknown:?}");
    pipelines.github_says(&[("ref", "refs/heads/other")]);
    let elsewhere = run("b", "migrate").exits(125);
    assert!(elsewhere.err.contains("policy denies it"), "{elsewhere:?}");
    pipelines.github_says(&[("iss", "https://token.example.com")]);
    let strange = run("c", "migrate").exits(125);
    assert!(strange.err.starts_with("error: ") && strange.err.contains("hint: "), "{strange:?}");
    pipelines.github_says(&[]);
    let for_others = ["run", "migrate", "--audience", "https://other.example.com", "--", "true"];
    let for_others = crate::harness::run(&mut pipelines.bare("g", &for_others)).exits(125);
    let takes = format!("This server takes tokens of `github` for the audience `{}`", pipelines.world.url());
    assert!(for_others.err.contains("`aud`") && for_others.err.contains(&takes), "{for_others:?}");
    let token = pipelines.token();
    let with_it = |state: &str| {
        let mut run = pipelines.bare("h", &["run", "migrate", "--", "true"]);
        crate::harness::run(run.env("CURFEW_ID_TOKEN", &token).env("CURFEW_STATE", pipelines.state(state)))
    };
    with_it("h").ok();
    let again = with_it("i").exits(125);
    assert!(again.err.contains("with another key") && again.err.contains("CURFEW_STATE"), "{again:?}");
    with_it("h").ok();
    let mut none = pipelines.bare("d", &["run", "migrate", "--", "true"]);
    none.env_remove("ACTIONS_ID_TOKEN_REQUEST_URL");
    let none = crate::harness::run(&mut none).exits(125);
    assert!(none.err.contains("may not have a token of its own") && none.err.contains("id-token: write"), "{none:?}");
    let mut nowhere = pipelines.bare("e", &["run", "migrate", "--audience", "x", "--", "true"]);
    let nowhere = crate::harness::run(nowhere.env("CURFEW_SERVER", "http://127.0.0.1:1")).exits(125);
    assert!(nowhere.err.contains("cannot be reached"), "{nowhere:?}");
    let person =
        crate::harness::run(pipelines.bare("f", &["run", "migrate", "--", "true"]).env_remove("GITHUB_ACTIONS"));
    assert!(person.exits(125).err.contains("this is no pipeline"));
}

/// Several steps: what `start` took is there until `end`, and a second `curfew` of the job is the same sign-in.
#[test]
fn steps_share_what_start_took() {
    let pipelines = Pipelines::start(POLICY, WINDOW);
    let curfew = |arguments: &[&str]| crate::harness::run(&mut pipelines.bare("job", arguments));
    let nothing = curfew(&["pipeline", "end"]).ok();
    assert!(nothing.err.contains("nothing was started"), "{nothing:?}");
    curfew(&["pipeline", "status"]).exits(4);
    let file = pipelines.mark("env");
    let lives_with = std::process::id().to_string();
    let start = ["pipeline", "start", "migrate", "--lives-with", &lives_with, "--env-file", file.to_str().unwrap()];
    let started = curfew(&[start.as_slice(), &["--json"]].concat()).ok().json();
    assert_eq!(started["grant"]["state"], "active", "{started}");
    let script = format!(". {} && psql -XAtwc 'select 40+2'", file.display());
    let mut step = std::process::Command::new("sh");
    let path =
        pipelines.bare("job", &[]).get_envs().find(|(n, _)| *n == "PATH").and_then(|(_, v)| v).unwrap().to_owned();
    assert_eq!(crate::harness::run(step.args(["-c", &script]).env("PATH", path)).ok().out.trim(), "42");
    let status = curfew(&["pipeline", "status", "--json"]).ok().json();
    assert_eq!((&status["state"], &status["id"]), (&"live".into(), &started["run"]["id"]), "{status}");
    let ended = curfew(&["pipeline", "end", "--json"]).ok().json();
    assert_eq!(ended["state"], "over", "{ended}");
    assert!(ended["grants"].as_array().unwrap().iter().all(|grant| grant["verified"] == true), "{ended}");
    pipelines.world.nothing_left(Duration::from_secs(1));
    let sign_ins = pipelines.world.person("root@example.com").json(&["audit", "search", "sign_in.accepted"]);
    let of_the_job = sign_ins.as_array().unwrap().iter().filter(|event| event["actor"]["kind"] == "workload").count();
    assert_eq!(of_the_job, 1, "{sign_ins}");
    assert!(Path::new(&pipelines.state("job")).join("jobs").is_dir());
}

/// What nobody does on purpose, and what is said then.
#[test]
fn out_of_their_order_commands_say_what_is_so() {
    let mut pipelines = Pipelines::start(POLICY, WINDOW);
    let lives_with = std::process::id().to_string();
    let curfew = |pipelines: &Pipelines, arguments: &[&str]| {
        let arguments = if arguments.get(1) == Some(&"start") {
            [arguments, &["--lives-with", &lives_with]].concat()
        } else {
            arguments.to_vec()
        };
        crate::harness::run(&mut pipelines.bare("job", &arguments))
    };
    let nothing = curfew(&pipelines, &["pipeline", "show", "12345"]).exits(4);
    assert!(nothing.err.contains("there is no such run"), "the job's own token is enough to ask: {nothing:?}");
    let roleless = curfew(&pipelines, &["pipeline", "start", "--for", "5m"]).exits(2);
    assert!(roleless.err.contains("without a role"), "{roleless:?}");
    curfew(&pipelines, &["pipeline", "start", "nothing"]).exits(4);
    curfew(&pipelines, &["pipeline", "status"]).exits(4);

    let first = curfew(&pipelines, &["pipeline", "start", "migrate", "--json"]).ok().json();
    let second = curfew(&pipelines, &["pipeline", "start", "migrate", "--json"]).ok().json();
    assert_eq!(first["run"]["id"], second["run"]["id"], "a second start takes more for the same life");
    assert_ne!(first["grant"]["id"], second["grant"]["id"], "{second}");
    let id = text(&first["run"]["id"]);
    let shown = curfew(&pipelines, &["pipeline", "show", &id, "--json"]).ok().json();
    assert_eq!(shown["state"], "live", "{shown}");
    curfew(&pipelines, &["pipeline", "end"]).ok();
    let again = curfew(&pipelines, &["pipeline", "end"]).ok();
    assert!(again.err.contains("nothing was started"), "{again:?}");
    pipelines.world.nothing_left(Duration::from_secs(5));
    let over = curfew(&pipelines, &["pipeline", "show", &id, "--json"]).ok().json();
    assert_eq!(over["state"], "over", "{over}");

    curfew(&pipelines, &["pipeline", "start", "migrate"]).ok();
    pipelines.world.server().kill();
    for arguments in [["pipeline", "status"].as_slice(), &["pipeline", "show", &id], &["pipeline", "start", "migrate"]]
    {
        let down = curfew(&pipelines, arguments).exits(6);
        assert!(down.err.contains("cannot be reached"), "{down:?}");
    }
    let unheard = curfew(&pipelines, &["pipeline", "end"]).exits(6);
    assert!(unheard.err.contains("its access ends 1m after the server last heard of it"), "{unheard:?}");
    curfew(&pipelines, &["pipeline", "end"]).ok();
}
