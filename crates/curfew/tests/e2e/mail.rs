//! Mail, through a mail server that others wrote.

use crate::harness::{Child, POLICY, World, file_text, free_port, soon};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// aiosmtpd, which prints every mail it takes into a file. Ends with the test.
struct MailServer {
    _child: Child,
}

impl MailServer {
    fn start(python: &Path, port: u16, into: &Path) -> Self {
        let out = std::fs::File::options().append(true).create(true).open(into).unwrap();
        let mut command = Command::new(python);
        command.args(["-u", "-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}")]);
        command.args(["-c", "aiosmtpd.handlers.Debugging", "stdout"]);
        command.stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
        let child = Child::start(&mut command);
        soon("the mail server listens", Duration::from_secs(20), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self { _child: child }
    }
}

/// A Python with aiosmtpd; none, loudly, where it is not installed.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("CURFEW_TEST_AIOSMTPD").map(PathBuf::from);
    if python.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CURFEW_TEST_AIOSMTPD is not set: run `cargo xtask setup`");
        eprintln!("SKIPPED: mail end to end: CURFEW_TEST_AIOSMTPD names no Python with aiosmtpd");
    }
    python
}

/// The mails in the file, one text each, with soft line breaks undone.
fn mails(file: &Path) -> Vec<String> {
    let text = file_text(file).replace("=\n", "");
    text.split("---------- MESSAGE FOLLOWS ----------").skip(1).map(str::to_owned).collect()
}

fn to<'a>(mails: &'a [String], whom: &str) -> Vec<&'a String> {
    mails.iter().filter(|mail| mail.contains(&format!("To: {whom}\n"))).collect()
}

#[test]
fn people_hear_of_what_concerns_them_also_when_the_mail_server_was_away() {
    let Some(python) = python() else { return };
    // A mailbox of others, and one who decides anyhow.
    let told = "    notify: [{on: [requested], to: [\"email:team@example.com\", \"email:bob@example.com\"]}]\n";
    let policy = POLICY.replacen("    approvers: [group:dba]\n", &format!("    approvers: [group:dba]\n{told}"), 1);
    let (mut world, port) = (World::without_server(&policy), free_port());
    let file = world.folder().join("mails");
    let variables = [
        ("CURFEW_MAIL_SMTP", format!("smtp://127.0.0.1:{port}")),
        ("CURFEW_MAIL_FROM", "curfew@example.com".to_owned()),
    ];
    world.start_server(&variables);
    let developer = world.person("dev@example.com");
    let ann = world.person("ann@example.com");
    // Nobody takes mail yet: asking goes on all the same, and the mail waits.
    let id = developer.asks(&["debug", "--for", "10m", "--reason", "orders are stuck"]);
    std::thread::sleep(Duration::from_secs(1));
    let _post = MailServer::start(&python, port, &file);
    // Who asked is told once that it waits.
    soon("everybody has it, once", Duration::from_secs(30), || {
        let mails = mails(&file);
        let people = ["ann@example.com", "bob@example.com", "team@example.com", "dev@example.com"];
        people.iter().all(|whom| to(&mails, whom).len() == 1)
    });
    let all = mails(&file);
    let named = to(&all, "team@example.com")[0];
    assert!(named.contains("Others have to decide") && named.contains("the role names you"), "{named}");
    assert!(!named.contains("curfew approve") && !named.contains("curfew deny"), "{named}");
    assert!(to(&all, "bob@example.com")[0].contains(&format!("curfew approve {id}")), "{all:?}");
    let asked = to(&all, "ann@example.com")[0];
    for said in ["Subject: dev@example.com asks for debug", "orders are stuck", "From: ", "curfew@example.com"] {
        assert!(asked.contains(said), "{said}: {asked}");
    }
    assert!(asked.contains(&format!("/requests/{id}")) && asked.contains(&format!("curfew approve {id}")), "{asked}");

    ann.curfew(&["approve", &id]).ok();
    soon("the one who asked hears of it", Duration::from_secs(30), || {
        to(&mails(&file), "dev@example.com").iter().any(|mail| mail.contains("curfew activate"))
    });
    developer.curfew(&["activate", &id]).ok();
    ann.curfew(&["revoke", &id, "--reason", "found it"]).ok();
    soon("and of the end", Duration::from_secs(30), || {
        to(&mails(&file), "dev@example.com").iter().any(|mail| mail.contains("revoked"))
    });
    let all = mails(&file);
    let ids: std::collections::BTreeSet<_> =
        all.iter().filter_map(|mail| mail.lines().find(|line| line.starts_with("Message-ID:"))).collect();
    assert_eq!(ids.len(), all.len(), "no mail came twice");
    for mail in &all {
        assert!(!mail.contains("SCRAM") && !mail.contains("postgres://"), "{mail}");
    }
}
