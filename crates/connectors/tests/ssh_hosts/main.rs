//! The SSH connector with real OpenSSH servers and real `curfew host` agents.
//!
//! It has no harness because sshd must be able to ask a program: called as `... host ...` this binary is
//! `curfew`. Arguments otherwise are parts of names of cases to run.

mod cases;
mod conform;
mod world;

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

type Case = fn() -> Pin<Box<dyn Future<Output = ()>>>;

const CASES: &[(&str, Case)] = &[
    ("a_certificate_opens_its_host_until_it_is_revoked", || Box::pin(cases::opens_until_revoked())),
    ("another_resources_host_refuses_it", || Box::pin(cases::another_resource_refuses())),
    ("only_the_accounts_of_the_action_open", || Box::pin(cases::only_its_accounts())),
    ("a_session_ends_at_its_hour_though_the_server_is_gone", || Box::pin(cases::ends_at_its_hour_alone())),
    ("a_master_connection_and_what_it_left_behind_end", || Box::pin(cases::master_connection_ends())),
    ("what_policy_does_not_give_is_not_there", || Box::pin(cases::only_what_policy_gives())),
    ("a_dead_agent_leaves_the_end_unverified_until_it_is_back", || Box::pin(cases::dead_agent())),
    ("an_authority_before_the_last_is_trusted_for_a_while", || Box::pin(cases::rotation())),
    ("a_host_without_agent_is_said_to_be_unread", || Box::pin(cases::unread_host())),
    ("the_connector_conforms_with_a_host", || Box::pin(cases::conforms())),
    ("many_end_at_once", || Box::pin(cases::many_end_at_once())),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "host") {
        return world::curfew();
    }
    if arguments.iter().any(|a| a == "--list") {
        CASES.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    if let Some(missing) = world::missing() {
        eprintln!("SKIPPED: the tests with real sshd did not run: {missing}");
        return if std::env::var_os("CI").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|f| name.contains(f.as_str()));
    let mut failed = 0;
    for (name, case) in CASES.iter().filter(|(name, _)| wanted(name)) {
        let outcome = std::thread::Builder::new().name((*name).to_owned()).spawn(|| run(*case)).map(|t| t.join());
        let passed = matches!(outcome, Ok(Ok(())));
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(case: Case) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(90), case()).await.expect("the case takes too long");
    });
}
