//! What is said when a policy cannot be used says what to type instead: at the start, in the log, and to whoever applies.

use crate::harness::{FOLLOWED, NOWHERE, Person, Policies, Server, Way, folder, free_port, run, soon};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_server_that_cannot_follow_says_which_key_to_mend() {
    let folder = folder();
    let policies = Policies::begun(folder.path(), &[("p.yaml", FOLLOWED)]);
    let bare = policies.bare().display().to_string();
    let nowhere = folder.path().join("nowhere.git").display().to_string();
    let signers = policies.signers(&["bob@example.com"]).display().to_string();
    for (variables, said) in [
        (
            vec![("GIT", nowhere.clone())],
            vec!["nowhere.git", "does not appear to be a git repository", "git ls-remote"],
        ),
        (vec![("GIT", bare.clone()), ("BRANCH", "mian".to_owned())], vec!["has no branch `mian`", "`policy.branch`"]),
        (vec![("GIT", bare.clone()), ("PATH", "policy".to_owned())], vec!["has no folder `policy`", "`policy.path`"]),
        (
            vec![("GIT", bare.clone()), ("ALLOWED_SIGNERS", signers)],
            vec!["its key is not in the list", "git commit --amend --no-edit -S", "--force-with-lease"],
        ),
        (
            vec![("GIT", bare.clone()), ("ALLOWED_SIGNERS", nowhere)],
            vec!["the allowed signers cannot be read", "`policy.allowed_signers`"],
        ),
        (vec![("GIT", bare), ("MAX_AGE", "1 day".to_owned())], vec!["`24h`, `90m`"]),
    ] {
        let mut variables = variables;
        if variables.iter().all(|(key, _)| *key != "PATH") {
            variables.push(("PATH", "policies".to_owned()));
        }
        let names: Vec<String> = variables.iter().map(|(key, _)| format!("CURFEW_POLICY_{key}")).collect();
        let variables: Vec<(&str, String)> =
            names.iter().map(String::as_str).zip(variables.iter().map(|(_, value)| value.clone())).collect();
        let state = tempfile::tempdir_in(folder.path()).unwrap();
        let mut server =
            Server::start_unready(state.path(), &Way::Serve { services_db: NOWHERE, variables: &variables });
        soon("it gives up", SOON, || !server.is_running());
        let log = server.log();
        assert!(said.iter().all(|part| log.contains(part)), "{variables:?}: {log}");
        assert!(!log.contains("policy check DIR"), "a check finds nothing of that: {log}");
    }
}

#[test]
fn an_environment_that_is_not_there_and_an_address_in_use_are_answered_with_what_to_write() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    std::fs::write(folder.path().join("policies/p.yaml"), FOLLOWED).unwrap();
    let variables = [("CURFEW_ENVIRONMENT", "prod".to_owned())];
    let mut server = Server::start_unready(folder.path(), &Way::Serve { services_db: NOWHERE, variables: &variables });
    soon("it gives up", SOON, || !server.is_running());
    assert!(server.log().contains("write environments/prod.yaml, or take the key away"), "{}", server.log());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let curfew = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder.path());
        run(command.current_dir(folder.path()).args(args))
    };
    let listen = format!("127.0.0.1:{}", free_port());
    let dev = |more: &[&str], listen: &str| curfew(&[&["dev", "--listen", listen, "--state", "dev"], more].concat());
    let busy = dev(&["--policies", "policies"], &address).exits(6);
    assert!(busy.err.contains("cannot be listened on") && busy.err.contains("`--listen`"), "{}", busy.err);
    let none = dev(&["--policies", "nowhere"], &listen).exits(2);
    assert!(none.err.contains("`--policies`") && !none.err.contains("policy check"), "{}", none.err);
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let empty = dev(&["--policies", "empty"], &listen).exits(2);
    assert!(empty.err.contains(": there is no policy file: write one"), "{}", empty.err);
    assert!(!empty.err.contains(":1:1"), "{}", empty.err);
}

#[test]
fn who_applies_is_told_what_to_type() {
    let folder = folder();
    let policies = Policies::begun(folder.path(), &[("p.yaml", FOLLOWED)]);
    let variables = [
        ("CURFEW_POLICY_GIT", policies.bare().display().to_string()),
        ("CURFEW_POLICY_PATH", "policies".to_owned()),
        ("CURFEW_POLICY_ALLOWED_SIGNERS", policies.signers(&["ann@example.com"]).display().to_string()),
    ];
    let server = Server::start(folder.path(), &Way::Serve { services_db: NOWHERE, variables: &variables });
    let root = Person::sign_in("root@example.com", &server.url(), folder.path());
    let first = policies.git(&["rev-parse", "HEAD"]);
    let refused = |args: &[&str], code: i32| -> (String, String) {
        let answer = root.curfew(&[&["policy", "apply", "--json"], args].concat()).exits(code).json();
        let part = |key: &str| answer["error"][key].as_str().unwrap_or_default().to_owned();
        (part("message"), part("hint"))
    };
    policies.write("policies/p.yaml", &FOLLOWED.replace("1h", "2h"));
    policies.commit();
    policies.push();
    let (message, hint) = refused(&[], 1);
    assert!(message.contains("it has no signature") && hint.contains("git commit --amend --no-edit -S"), "{hint}");
    // Just as it says.
    policies.git(&["reset", "--quiet", "--soft", &first]);
    let second = policies.signed("ann@example.com");
    policies.push();
    let applied = root.json(&["policy", "apply"]);
    assert_eq!(applied["commit"], Value::from(second.clone()), "{applied}");
    let (_, hint) = refused(&[&first[..12]], 1);
    assert!(hint.contains(&format!("curfew policy apply {} --rollback", &first[..12])), "{hint}");
    policies.git(&["reset", "--quiet", "--hard", &first]);
    policies.write("policies/p.yaml", &FOLLOWED.replace("1h", "3h"));
    let other = policies.signed("ann@example.com");
    policies.push();
    let (message, hint) = refused(&[], 1);
    assert!(message.contains("the branch was rewritten"), "{message}");
    assert!(hint.contains(&format!("follows {}", &second[..12])), "{hint}");
    assert!(hint.contains(&format!("curfew policy apply {} --rollback", &other[..12])), "{hint}");
    policies.git(&["reset", "--quiet", "--hard", &second]);
    policies.push();
    for (what, told) in [("main", "git rev-parse main"), ("./nothing", "a folder that is there")] {
        let (_, hint) = refused(&[what], 2);
        assert!(hint.contains(told), "{what}: {hint}");
    }
    let outside = tempfile::tempdir().unwrap();
    let (message, hint) = refused(&[&outside.path().display().to_string()], 2);
    assert!(message.contains("is in no git repository") && hint.contains("name a commit of it"), "{message} {hint}");
    let served = policies.bare();
    let git = |args: &[&str]| Command::new("git").arg("--git-dir").arg(&served).args(args).status().unwrap();
    assert!(git(&["branch", "--move", "main", "trunk"]).success());
    assert!(refused(&[], 6).0.contains("the repository has no branch `main`"));
    std::fs::rename(&served, served.with_extension("gone")).unwrap();
    assert!(refused(&[], 6).0.contains("does not appear to be a git repository"));
}

#[test]
fn who_tries_things_out_reads_what_is_wrong_and_that_it_is_no_more() {
    let folder = folder();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let write = |text: &str| std::fs::write(policies.join("p.yaml"), text).unwrap();
    write(FOLLOWED);
    let server = Server::start(folder.path(), &Way::Dev);
    let says = |part: &str| soon(part, SOON, || server.log().contains(part));
    write(&FOLLOWED.replace("duration", "duratoin"));
    says("the policy in force stays: p.yaml:8:5: a role has no key `duratoin`: did you mean `duration`?");
    write(FOLLOWED);
    says("nothing is wrong with the policy any more; it is the one in force");
    std::fs::rename(&policies, folder.path().join("away")).unwrap();
    says("No such file or directory");
    std::fs::rename(folder.path().join("away"), &policies).unwrap();
    soon("well again", SOON, || server.log().matches("nothing is wrong with the policy any more").count() == 2);
    write(&FOLLOWED.replace("1h", "2h"));
    says("a new policy is in force");
}

#[test]
fn an_action_that_a_resource_does_not_have_is_not_found() {
    let folder = folder();
    let policy = "resources: [{name: services/db, connector: postgres}]\nroles:\n  - name: debug\n    requesters: \
                  [dev@example.com]\n    duration: 1h\n    conditions: [{resource: services/db, actions: [read]}]\n    \
                  approvers: [lead@example.com]\n";
    std::fs::write(folder.path().join("p.yaml"), policy).unwrap();
    let who = |action: &str| {
        let mut curfew = std::process::Command::new(env!("CARGO_BIN_EXE_curfew"));
        crate::harness::run(curfew.args(["policy", "who", "services/db", action]).current_dir(folder.path()))
    };
    let missing = who("wirte").exits(4);
    assert!(
        missing.err.contains("has no action `wirte`") && missing.err.contains("roles give: read"),
        "{}",
        missing.err
    );
    assert!(who("write").ok().out.starts_with("nobody: "), "the resource has it, and no role gives it");
    assert!(who("read").ok().out.contains("debug"));
}
