//! Mail against a mail server of ours, and against one that others wrote, with TLS and a password.

use super::smtp::Server;
use super::things::{Hands, mail_of, request, steady, told};
use crate::config::Mail;
use crate::notices::carrier::{Carrier, Undelivered};
use crate::notices::mail::{MailError, Post, PostParts, Protection, Trust};
use curfew_engine::seams::store::Notice;
use lettre::transport::smtp::client::Certificate;
use secrecy::SecretString;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use url::Url;

const PASSWORD: &str = "correct horse battery staple";

fn post(smtp: &str, password: Option<&str>, secured: (Protection, Trust)) -> Result<Post, MailError> {
    let config = Mail {
        smtp: smtp.parse().expect("a URL"),
        password: None,
        from: "curfew@curfew.example.com".parse().expect("an address"),
    };
    Post::new(PostParts {
        config: &config,
        password: password.map(|p| SecretString::from(p.to_owned())),
        protection: secured.0,
        trust: secured.1,
        server: "https://curfew.example.com/".parse().expect("a URL"),
        clock: steady(&Arc::new(Hands::default())),
    })
}

async fn carry(post: &Post, notice: &Notice) -> Result<(), Undelivered> {
    post.carry(notice, &told(notice).await).await
}

async fn plain(server: &Server) -> Post {
    let smtp = format!("smtp://{}", server.address);
    post(&smtp, None, (Protection::of(&smtp.parse().expect("a URL")), Trust::Machine)).expect("a post")
}

#[test]
fn only_this_machine_gets_mail_without_tls() {
    let of = |text: &str| Protection::of(&Url::parse(text).expect("a URL"));
    for here in
        ["smtp://127.0.0.1:25", "smtp://localhost", "smtp://LOCALHOST:2525", "smtp://[::1]:25", "smtp://u@127.0.0.9"]
    {
        assert_eq!(of(here), Protection::Plain, "{here}");
    }
    for there in ["smtp://mail.example.com", "smtp://10.0.0.1:25", "smtp://localhost.example.com", "smtp://0.0.0.0:25"]
    {
        assert_eq!(of(there), Protection::StartTls, "{there}");
    }
    assert_eq!(of("smtps://127.0.0.1"), Protection::Wrapped);
}

#[test]
fn user_and_password_go_together() {
    let made = |smtp: &str, password| post(smtp, password, (Protection::Plain, Trust::Machine)).map(drop);
    assert!(matches!(made("smtp://u@127.0.0.1", None), Err(MailError::NoPassword)));
    assert!(matches!(made("smtp://127.0.0.1", Some("p")), Err(MailError::NoUser)));
}

#[tokio::test]
async fn a_mail_has_what_mail_programs_go_by() {
    let server = Server::start().await;
    let request = request("orders are stuck");
    let notice = mail_of(1, "bob@example.com", &request);
    assert_eq!(carry(&plain(&server).await, &notice).await, Ok(()));
    let mails = server.mails();
    let [mail] = mails.as_slice() else { panic!("one mail, not {}", mails.len()) };
    assert_eq!(mail.to, ["RCPT TO:<bob@example.com>"]);
    let header = mail.header();
    for line in [
        "From: Curfew <curfew@curfew.example.com>".to_owned(),
        "To: bob@example.com".to_owned(),
        "Subject: ann@example.com asks for db-debug (30m)".to_owned(),
        "Date: Mon, 02 Mar 2026 10:00:00 +0000".to_owned(),
        format!("Message-ID: <{}@curfew.example.com>", notice.id),
        format!("References: <{}@curfew.example.com>", request.id),
        "Auto-Submitted: auto-generated".to_owned(),
    ] {
        assert!(header.contains(&line), "{line}: {header:#?}");
    }
}

#[tokio::test]
async fn nothing_anybody_types_becomes_a_header() {
    let server = Server::start().await;
    let post = plain(&server).await;
    let mut asked = request("why\r\n.\r\nMAIL FROM:<eve@example.com>\r\n");
    asked.ticket = "x\r\nBcc: eve@example.com\r\n\r\nbody".to_owned();
    asked.subject.name = Some("Ann\r\nBcc: eve@example.com".to_owned());
    assert_eq!(carry(&post, &mail_of(1, "bob@example.com", &asked)).await, Ok(()));
    let mails = server.mails();
    assert_eq!(mails.len(), 1, "one mail, whatever it says");
    assert_eq!(mails[0].to, ["RCPT TO:<bob@example.com>"]);
    let names: Vec<String> =
        mails[0].header().iter().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect();
    assert!(!names.iter().any(|name| name == "Bcc"), "{names:?}");
    for to in ["bob@example.com\r\nBcc: eve@example.com", "bob@example.com, eve@example.com", "<bob@example.com>", ""] {
        let refused = carry(&post, &mail_of(2, to, &request("why"))).await;
        assert!(matches!(refused, Err(Undelivered::This(_))), "{to}: {refused:?}");
    }
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_mailbox_that_is_not_there_is_no_dead_server() {
    let server = Server::start().await;
    let post = plain(&server).await;
    let refused = carry(&post, &mail_of(1, "refused@example.com", &request("why"))).await;
    assert!(matches!(refused, Err(Undelivered::This(ref why)) if why.contains("no such mailbox")), "{refused:?}");
    let address = server.address;
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let dead = post_to(&format!("smtp://{address}"));
    let refused = carry(&dead, &mail_of(2, "bob@example.com", &request("why"))).await;
    assert!(matches!(refused, Err(Undelivered::Nobody(_))), "{refused:?}");
}

fn post_to(smtp: &str) -> Post {
    post(smtp, None, (Protection::Plain, Trust::Machine)).expect("a post")
}

#[tokio::test]
async fn without_starttls_nothing_is_said() {
    let server = Server::start().await;
    let smtp = format!("smtp://{}", server.address);
    let post = post(&smtp, None, (Protection::StartTls, Trust::Machine)).expect("a post");
    let refused = carry(&post, &mail_of(1, "bob@example.com", &request("why"))).await;
    assert!(matches!(refused, Err(Undelivered::Nobody(_))), "{refused:?}");
    assert!(server.mails().is_empty());
}

/// aiosmtpd, with STARTTLS required and a password. Ends with the test.
struct Aiosmtpd {
    _child: Child,
    mails: Lines<BufReader<ChildStdout>>,
    port: u16,
    certificate: Certificate,
    _folder: tempfile::TempDir,
}

impl Aiosmtpd {
    /// None, loudly, where it is not installed.
    async fn start() -> Option<Self> {
        let Some(python) = std::env::var_os("CURFEW_TEST_AIOSMTPD") else {
            assert!(std::env::var_os("CI").is_none(), "CURFEW_TEST_AIOSMTPD is not set");
            eprintln!(
                "SKIPPED: mail over STARTTLS with a password: CURFEW_TEST_AIOSMTPD names no Python with aiosmtpd"
            );
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        make_certificate(&cert, &key).await;
        let sink = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/notices/tests/sink.py");
        let mut command = Command::new(python);
        command.arg(sink).args([&cert, &key]).arg(PASSWORD).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("aiosmtpd starts");
        let mut mails = BufReader::new(child.stdout.take().expect("its output")).lines();
        let port = mails.next_line().await.expect("its port").expect("its port").parse().expect("a port");
        let certificate = Certificate::from_pem(&std::fs::read(&cert).expect("a certificate")).expect("a certificate");
        Some(Self { _child: child, mails, port, certificate, _folder: folder })
    }

    fn post(&self, trust: Trust, password: &str) -> Post {
        let smtp = format!("smtp://mailer%40example.com@localhost:{}", self.port);
        post(&smtp, Some(password), (Protection::StartTls, trust)).expect("a post")
    }
}

async fn make_certificate(cert: &Path, key: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split(' '));
    openssl.args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]);
    let made = openssl.arg("-out").arg(cert).arg("-keyout").arg(key).stderr(Stdio::null()).status().await;
    assert!(made.expect("openssl runs").success());
}

#[tokio::test]
async fn a_real_mail_server_takes_it_over_starttls_with_a_password() {
    let Some(mut server) = Aiosmtpd::start().await else { return };
    let request = request("orders are stuck – äöü\nsince 9:40");
    let notice = mail_of(1, "bob@example.com", &request);
    let trusted = || Trust::Also(vec![server.certificate.clone()]);
    let refused = carry(&server.post(Trust::Machine, PASSWORD), &notice).await;
    assert!(matches!(refused, Err(Undelivered::Nobody(_))), "an unknown certificate: {refused:?}");
    let refused = carry(&server.post(trusted(), "wrong"), &notice).await;
    let Err(Undelivered::Nobody(why)) = refused else { panic!("a wrong password: {refused:?}") };
    assert!(!why.contains("wrong"), "{why}");
    assert_eq!(carry(&server.post(trusted(), PASSWORD), &notice).await, Ok(()));
    let line = server.mails.next_line().await.expect("a mail").expect("a mail");
    let mail: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((mail["tls"].as_bool(), mail["user"].as_str()), (Some(true), Some("mailer@example.com")));
    assert_eq!(mail["to"], serde_json::json!(["bob@example.com"]));
    assert_eq!(mail["headers"]["Message-ID"], format!("<{}@curfew.example.com>", notice.id));
    assert_eq!(mail["headers"]["Auto-Submitted"], "auto-generated");
    assert_eq!(mail["defects"], serde_json::json!([]));
    for kind in ["text/plain", "text/html"] {
        let part = mail["parts"][kind].as_str().unwrap_or_default();
        assert!(part.contains("orders are stuck – äöü") && part.contains("since 9:40"), "{kind}: {part}");
        assert!(part.contains(&format!("curfew approve {}", request.id)), "{kind}: {part}");
    }
}
