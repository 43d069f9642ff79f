//! A server that follows a repository: what is signed and fits is in force within seconds, and nothing else ever is.

use crate::harness::{FOLLOWED, GitServer, NOWHERE, Person, Policies, Server, Way, World, folder, soon, text};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// A server that follows, and where its policies are.
struct Followed {
    policies: Policies,
    variables: Vec<(&'static str, String)>,
    server: Option<Server>,
    folder: tempfile::TempDir,
}

impl Followed {
    /// A repository with a first commit by ann, and a server of a path or an address.
    fn new(first: &[(&str, &str)], signers: &[&str]) -> Self {
        let folder = folder();
        let policies = Policies::begun(folder.path(), first);
        let mut variables = vec![
            ("CURFEW_POLICY_GIT", policies.bare().display().to_string()),
            ("CURFEW_POLICY_PATH", "policies".to_owned()),
        ];
        if !signers.is_empty() {
            variables.push(("CURFEW_POLICY_ALLOWED_SIGNERS", policies.signers(signers).display().to_string()));
        }
        Self { policies, variables, server: None, folder }
    }

    fn start(&mut self) {
        self.server = None;
        let way = Way::Serve { services_db: NOWHERE, variables: &self.variables };
        self.server = Some(Server::start(self.folder.path(), &way));
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("started")
    }

    fn person(&self, email: &str) -> Person {
        let server = self.server.as_ref().expect("started");
        Person::sign_in(email, &server.url(), self.folder.path())
    }

    fn root(&self) -> Person {
        self.person("root@example.com")
    }
}

/// The newest event that these words find.
fn newest(root: &Person, words: &str) -> Value {
    let found = root.json(&["audit", "search", words]);
    let newest = found.as_array().unwrap().iter().max_by_key(|event| event["seq"].as_u64()).cloned();
    newest.unwrap_or_else(|| panic!("no event: {words}"))
}

/// The commit in force, as the audit log has it.
fn in_force(root: &Person) -> String {
    text(&newest(root, "policy.applied")["policy_version"]).split(':').next().unwrap().to_owned()
}

/// Why policies were refused.
fn refusals(root: &Person) -> Vec<String> {
    let refused = root.json(&["audit", "search", "policy.refused"]);
    refused.as_array().unwrap().iter().map(|event| text(&event["because"])).collect()
}

fn refused(root: &Person, why: &str) {
    soon(&format!("refused: {why}"), SOON, || refusals(root).iter().any(|because| because.contains(why)));
}

fn becomes(root: &Person, commit: &str) {
    soon(&format!("{commit} is in force"), SOON, || in_force(root) == commit);
}

fn policy_line(root: &Person) -> String {
    let doctor = root.curfew(&["doctor", "--json"]).json();
    let found = doctor["findings"].as_array().unwrap().iter().find(|finding| finding["about"] == "policy").cloned();
    found.map_or_else(String::new, |found| format!("{}: {}", text(&found["standing"]), text(&found["message"])))
}

fn longer(hours: u32) -> String {
    FOLLOWED.replace("duration: 1h", &format!("duration: {hours}h"))
}

#[test]
fn what_is_signed_is_followed_and_nothing_else_over_http() {
    let mut world = Followed::new(&[("p.yaml", FOLLOWED)], &["ann@example.com", "bob@example.com"]);
    let served = GitServer::start(&world.policies.served(), 0);
    world.variables[0].1 = served.url();
    world.start();
    let root = world.root();
    let policies = &world.policies;
    let first = policies.git(&["rev-parse", "HEAD"]);
    becomes(&root, &first);
    let developer = world.person("dev@example.com");
    let asked = developer.json(&["request", "debug", "--reason", "orders are stuck"]);
    let version = text(&asked["policy_version"]);
    assert!(version.starts_with(&format!("{first}:")) && version.len() == 40 + 1 + 64, "{version}");
    // Another signed commit.
    policies.write("policies/p.yaml", &longer(2));
    let second = policies.signed("bob@example.com");
    policies.push();
    becomes(&root, &second);
    // One that is not signed, also when a signed one follows it.
    policies.write("policies/p.yaml", &longer(3));
    policies.commit();
    policies.push();
    refused(&root, "it has no signature");
    policies.signed("ann@example.com");
    policies.push();
    soon("the doctor says so", SOON, || policy_line(&root).contains("failed: the policy in force stays"));
    assert_eq!(in_force(&root), second);
    // Signed by somebody else.
    policies.git(&["reset", "--quiet", "--hard", &second]);
    policies.write("policies/p.yaml", &longer(4));
    policies.signed("eve@example.com");
    policies.push();
    refused(&root, "its key is not in the list");
    // History that was rewritten.
    policies.git(&["reset", "--quiet", "--hard", &first]);
    policies.write("policies/p.yaml", &longer(5));
    policies.signed("ann@example.com");
    policies.push();
    refused(&root, "the branch was rewritten");
    // The branch that went back.
    policies.git(&["reset", "--quiet", "--hard", &first]);
    policies.push();
    refused(&root, &format!("commit {} does not follow", &first[..12]));
    assert_eq!(in_force(&root), second);
    // A policy with an error, one whose test fails, and one without its folder.
    policies.git(&["reset", "--quiet", "--hard", &second]);
    policies.write("policies/p.yaml", &longer(6).replace("approvers", "aprovers"));
    policies.signed("ann@example.com");
    policies.push();
    refused(&root, "a role has no key `aprovers`: did you mean `approvers`?");
    let test = "tests: [{name: nobody waits, as: {user: dev@example.com}, at: 2026-03-02T10:00:00Z, \
                request: {role: debug}, expect: automatic}]\n";
    policies.write("policies/p.yaml", &format!("{}{test}", longer(6)));
    policies.signed("ann@example.com");
    policies.push();
    refused(&root, "1 of its tests does not hold; the first is `nobody waits`");
    // And all is well again.
    policies.write("policies/p.yaml", &longer(6));
    let last = policies.signed("ann@example.com");
    policies.push();
    becomes(&root, &last);
    soon("the doctor is content", SOON, || policy_line(&root).starts_with(&format!("ok: commit {last}")));
    // A restart goes on with what was in force, also when the repository is gone.
    drop(served);
    world.start();
    assert_eq!(in_force(&world.root()), last);
    assert!(policy_line(&world.root()).starts_with("warning: the repository cannot be followed"));
}

#[test]
fn a_repository_is_no_more_than_its_files() {
    let mut world = Followed::new(&[("p.yaml", FOLLOWED)], &["ann@example.com"]);
    world.start();
    let root = world.root();
    let policies = &world.policies;
    std::os::unix::fs::symlink("/etc/passwd", world.folder.path().join("checkout/policies/link.yaml")).unwrap();
    policies.signed("ann@example.com");
    policies.push();
    refused(&root, "link.yaml:1:1: this is a symbolic link");
    policies.git(&["rm", "--quiet", "policies/link.yaml"]);
    let proof = world.folder.path().join("ran");
    policies.write(".gitattributes", "*.yaml filter=evil\n");
    let command = format!("touch {}; cat", proof.display());
    let bare = policies.bare().display().to_string();
    policies.git(&["--git-dir", &bare, "config", "filter.evil.smudge", &command]);
    policies.git(&["--git-dir", &bare, "config", "uploadpack.packObjectsHook", &command]);
    let last = policies.signed("ann@example.com");
    policies.push();
    becomes(&root, &last);
    assert!(!proof.exists());
}

const RULES: &str = "groups: {security: [ann@example.com, sue@example.com]}
policy_approvers: [{paths: [\"**\"], any_of: [group:security], require: 2}]
";

#[test]
fn two_of_them_sign_and_two_of_them_go_back() {
    let policy = |hours| format!("{RULES}{}", longer(hours));
    let signers = ["ann@example.com", "sue@example.com", "bob@example.com"];
    let mut world = Followed::new(&[("p.yaml", &policy(1))], &signers);
    world.start();
    let root = world.root();
    let policies = &world.policies;
    let first = policies.git(&["rev-parse", "HEAD"]);
    policies.write("policies/p.yaml", &policy(2));
    policies.signed("ann@example.com");
    policies.push();
    refused(&root, "`policies/p.yaml` takes the signatures of 2 of group:security");
    // Somebody else's, and hers for another file, do not count; hers for all of it does.
    policies.signed("bob@example.com");
    policies.write("README.md", "x");
    policies.signed("sue@example.com");
    policies.push();
    let tip = policies.git(&["rev-parse", "HEAD"]);
    let answer = root.curfew(&["policy", "apply", "--json"]).exits(1).json();
    assert_eq!(answer["error"]["code"], "policy_refused", "{answer}");
    assert!(text(&answer["error"]["hint"]).contains("--allow-empty"), "{answer}");
    let second = policies.signed("sue@example.com");
    policies.push();
    becomes(&root, &second);
    // One cannot take the rule away either.
    policies.write("policies/p.yaml", &longer(3));
    policies.signed("ann@example.com");
    policies.push();
    soon("it is refused", SOON, || policy_line(&root).contains("signed by ann@example.com"));
    policies.git(&["reset", "--quiet", "--hard", &second]);
    policies.push();
    // Going back takes the same two, and is no ordinary step.
    assert_eq!(world.person("bob@example.com").curfew(&["policy", "apply", "--rollback", &first]).code, 3);
    assert_eq!(root.curfew(&["policy", "apply", &first[..12]]).code, 1);
    let waiting = root.curfew(&["policy", "apply", "--rollback", &first, "--json"]).exits(5).json();
    assert_eq!(waiting["state"], "waiting", "{waiting}");
    let ann = world.person("ann@example.com");
    assert_eq!(ann.curfew(&["policy", "apply", "--rollback", &first, "--json"]).exits(5).json()["state"], "waiting");
    assert_eq!(in_force(&root), second);
    let sue = world.person("sue@example.com");
    let back = sue.curfew(&["policy", "apply", "--rollback", &first, "--json"]).ok().json();
    assert_eq!((&back["state"], &back["commit"]), (&"applied".into(), &first.clone().into()));
    let event = newest(&root, "rolled back");
    let by: Vec<&str> = event["details"]["rollback_by"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(by, ["root@example.com", "ann@example.com", "sue@example.com"]);
    // It stays back, also over a restart, until something new comes or an administrator says so.
    std::thread::sleep(Duration::from_secs(5));
    assert!(policy_line(&root).contains("it was rolled back from"), "{}", policy_line(&root));
    world.start();
    let root = world.root();
    assert_eq!(in_force(&root), first);
    assert!(tip != second);
    let forward = root.curfew(&["policy", "apply", "--json"]).ok().json();
    assert_eq!((&forward["state"], &forward["commit"]), (&"applied".into(), &second.into()));
}

#[test]
fn an_environment_only_narrows_and_an_unknown_one_does_not_start() {
    let overlay = "roles: [{name: debug, duration: 30m}]\n";
    let mut world = Followed::new(&[("p.yaml", FOLLOWED), ("environments/staging.yaml", overlay)], &[]);
    world.variables.push(("CURFEW_ENVIRONMENT", "staging".to_owned()));
    world.start();
    let developer = world.person("dev@example.com");
    let asked = developer.json(&["request", "debug", "--reason", "orders are stuck"]);
    assert_eq!(asked["duration_seconds"], 1_800);
    let root = world.root();
    let before = in_force(&root);
    world.policies.write("policies/environments/staging.yaml", "roles: [{name: debug, duration: 5h}]\n");
    world.policies.commit();
    world.policies.push();
    refused(&root, "widens role `debug`");
    assert_eq!(in_force(&root), before);
    world.policies.git(&["reset", "--quiet", "--hard", &before]);
    world.policies.push();
    world.variables.pop();
    world.variables.push(("CURFEW_ENVIRONMENT", "nowhere".to_owned()));
    world.server = None;
    let way = Way::Serve { services_db: NOWHERE, variables: &world.variables };
    let mut server = Server::start_unready(world.folder.path(), &way);
    soon("it does not start", SOON, || !server.is_running());
    assert!(server.log().contains("there is no environment `nowhere`: there are staging"), "{}", server.log());
}

#[test]
fn a_stale_policy_gives_nothing_new_and_ends_what_is_due() {
    let automatic = "approval: automatic\n    on_policy_change: end";
    let policy = FOLLOWED.replace("approvers: [lead@example.com]", automatic);
    let mut git = Followed::new(&[("p.yaml", &policy)], &["ann@example.com"]);
    let served = GitServer::start(&git.policies.served(), 0);
    git.variables[0].1 = served.url();
    git.variables.push(("CURFEW_POLICY_MAX_AGE", "8s".to_owned()));
    let mut world = World::without_server(FOLLOWED);
    world.start_server(&git.variables);
    let developer = world.person("dev@example.com");
    let id = developer.asks(&["debug", "--reason", "orders are stuck"]);
    developer.curfew(&["activate", &id]).ok();
    let waiting = developer.asks(&["debug", "--reason", "orders are stuck"]);
    let port = served.port();
    drop(served);
    let ask = ["request", "debug", "--reason", "more", "--json"];
    soon("nothing new is given", Duration::from_secs(40), || developer.curfew(&ask).code == 6);
    let refused = developer.curfew(&ask).exits(6).json();
    assert_eq!(refused["error"]["code"], "policy_stale", "{refused}");
    assert_eq!(developer.curfew(&["activate", &waiting, "--json"]).exits(6).json()["error"]["code"], "policy_stale");
    let root = world.person("root@example.com");
    assert!(policy_line(&root).starts_with("failed: nothing new is given"), "{}", policy_line(&root));
    assert_eq!(developer.sees(&id)["grant"]["state"], "active");
    // A restart makes it no younger.
    world.start_server(&git.variables);
    let developer = world.person("dev@example.com");
    assert_eq!(developer.curfew(&ask).code, 6);
    developer.curfew(&["return", &id]).ok();
    soon("it has ended", SOON, || developer.sees(&id)["grant"]["state"] == "ended");
    let _served = GitServer::start(&git.policies.served(), port);
    soon("grants are given again", Duration::from_secs(40), || developer.curfew(&["activate", &waiting]).code == 0);
    // A tightened policy names the live grant, and ends it because its role says so.
    git.policies.write("policies/p.yaml", &policy.replace("actions: [read]", "actions: [write]"));
    git.policies.signed("ann@example.com");
    git.policies.push();
    soon("it is ended", SOON, || developer.sees(&waiting)["grant"]["state"] == "ended");
    let root = world.person("root@example.com");
    let applied = newest(&root, "policy.applied");
    assert_eq!(applied["details"]["live_grants"][0]["effect"], "ended", "{applied}");
    assert_eq!(applied["details"]["signers"], serde_json::json!(["ann@example.com"]));
}

#[test]
fn a_server_that_is_killed_has_a_whole_old_or_a_whole_new_set() {
    let numbered = |n: usize| {
        let role = |file: &str| {
            format!(
                "roles:\n  - name: {file}-{n}\n    duration: 1h\n    conditions: [{{resource: services/db, actions: [read]}}]\n    approvers: [lead@example.com]\n"
            )
        };
        (role("a"), role("b"))
    };
    let (a, b) = numbered(0);
    let mut world = Followed::new(&[("p.yaml", FOLLOWED), ("a.yaml", &a), ("b.yaml", &b)], &["ann@example.com"]);
    world.start();
    let mut commits = vec![world.policies.git(&["rev-parse", "HEAD"])];
    let mut reached = 0;
    for n in 1..=8 {
        let (a, b) = numbered(n);
        world.policies.write("policies/a.yaml", &a);
        world.policies.write("policies/b.yaml", &b);
        commits.push(world.policies.signed("ann@example.com"));
        world.policies.push();
        // Spread over the two seconds between fetches, and all that a fetch does.
        std::thread::sleep(Duration::from_millis(137 * n as u64 * n as u64 % 2_300));
        world.server().kill();
        world.start();
        let root = world.root();
        let roles = root.json(&["roles"]);
        let names: Vec<String> = roles.as_array().unwrap().iter().map(|role| text(&role["name"])).collect();
        let number = |file: &str| -> Vec<usize> {
            names.iter().filter_map(|name| name.strip_prefix(file)?.parse().ok()).collect()
        };
        assert_eq!(number("a-"), number("b-"), "{names:?}");
        let place = commits.iter().position(|commit| *commit == in_force(&root)).expect("a commit of ours");
        assert_eq!(number("a-"), [place], "what is in force is what was recorded");
        assert!(place >= reached, "{place} after {reached}");
        reached = place;
    }
    let root = world.root();
    becomes(&root, commits.last().unwrap());
}

#[test]
fn a_folder_is_applied_when_an_administrator_says_so() {
    let folder = folder();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(policies.join("p.yaml"), FOLLOWED).unwrap();
    let server = Server::start(folder.path(), &Way::Serve { services_db: NOWHERE, variables: &[] });
    let person = |email| Person::sign_in(email, &server.url(), folder.path());
    let (root, developer) = (person("root@example.com"), person("dev@example.com"));
    assert_eq!(developer.curfew(&["policy", "apply"]).code, 3);
    assert_eq!(root.json(&["policy", "apply"])["state"], "unchanged");
    let next = folder.path().join("next");
    std::fs::create_dir(&next).unwrap();
    std::fs::write(next.join("p.yaml"), longer(2)).unwrap();
    let next = next.display().to_string();
    let diff = root.json(&["policy", "diff", "--in-force", &next]);
    assert_eq!((&diff["widened"], &diff["changes"][0]["kind"]), (&true.into(), &"duration".into()), "{diff}");
    assert_eq!(developer.curfew(&["policy", "diff", "--in-force", &next]).code, 3);
    // The server's folder holds something else than what is meant.
    let other = root.curfew(&["policy", "apply", &next, "--json"]).exits(1).json();
    assert_eq!(other["error"]["code"], "policy_refused", "{other}");
    std::fs::copy(Path::new(&next).join("p.yaml"), policies.join("p.yaml")).unwrap();
    assert_eq!(root.json(&["policy", "apply", &next])["state"], "applied");
    assert_eq!(root.json(&["policy", "diff", "--in-force", &next])["changes"], serde_json::json!([]));
    std::fs::write(policies.join("p.yaml"), longer(2).replace("approvers", "aprovers")).unwrap();
    let broken = root.curfew(&["policy", "apply", "--json"]).exits(1).json();
    assert!(
        text(&broken["error"]["message"]).contains("a role has no key `aprovers`: did you mean `approvers`?"),
        "{broken}"
    );
    for args in [vec!["policy", "apply", "0123456789ab"], vec!["policy", "apply", "--rollback"]] {
        assert_eq!(root.curfew(&args).code, 1, "{args:?}");
    }
    assert_eq!(root.curfew(&["policy", "apply", "nowhere"]).code, 2);
    assert_eq!(developer.json(&["roles"])[0]["duration"]["max_seconds"].as_u64().unwrap_or(7_200), 7_200);
}
