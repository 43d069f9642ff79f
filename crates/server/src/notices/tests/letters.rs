//! What a person reads.

use super::things::{active, denied, mail_of, notice, request, told, told_by};
use crate::notices::letter::{Envelope, Letter, compose};
use curfew_domain::lease::{Definition, Evidence};
use curfew_domain::{EndCause, GrantState, Id, Lease, LeaseState, Request, Version};
use curfew_engine::seams::store::{Change, Store};
use curfew_store::MemoryStore;
use serde_json::{Value, json};

async fn letter(about: &str, to: &str, data: Value) -> Letter {
    let told = told(&notice(1, ("email", to), about, data)).await;
    let server = "https://curfew.example.com/".parse().expect("a URL");
    compose(&told, &Envelope { to, server: &server }).expect("a letter")
}

async fn asked(to: &str, request: &Request) -> Letter {
    letter("requested", to, json!({ "request": request })).await
}

#[tokio::test]
async fn an_approver_reads_all_it_takes_to_decide() {
    let request = request("orders are stuck\nsince 9:40");
    let letter = asked("bob@example.com", &request).await;
    assert_eq!(letter.subject, "ann@example.com asks for db-debug (30m)");
    let id = request.id;
    for part in [letter.text(), letter.html()] {
        for said in [
            "ann@example.com",
            "db-debug",
            "services/db: read, write",
            "30m",
            "orders are stuck",
            "since 9:40",
            "OPS-17",
            "A query that runs may end a moment later.",
            "2026-03-03 10:00 UTC",
            "1 of bob@example.com",
            &format!("curfew approve {id}"),
            &format!("curfew deny {id} --reason"),
            &format!("https://curfew.example.com/requests/{id}"),
        ] {
            assert!(part.contains(said), "{said}: {part}");
        }
    }
    let html = letter.html();
    assert_eq!(html.matches("href=").count(), 1, "one link, and it only opens a page");
    for active in ["<script", "<form", "<img", "src=", "url(", "<link"] {
        assert!(!html.contains(active), "{active}");
    }
}

#[tokio::test]
async fn the_one_who_asks_reads_that_they_wait() {
    let request = request("orders are stuck");
    let letter = asked("ann@example.com", &request).await;
    assert_eq!(letter.subject, "You asked for db-debug (30m)");
    assert!(!letter.text().contains("curfew approve"));
    assert!(letter.text().contains(&format!("curfew withdraw {}", request.id)));
}

#[tokio::test]
async fn a_late_mail_says_how_it_was_decided() {
    let asked = request("orders are stuck");
    let store = MemoryStore::new();
    let created = Request::created(asked.clone());
    let step = created.next.clone().withdraw(&asked.subject, asked.created_at).expect("withdrawn");
    let mail = mail_of(1, "bob@example.com", &asked);
    store.commit(vec![Change::Request(Box::new(created))]).await.expect("written");
    assert_eq!(told_by(&store, &mail).await.since, None);
    store.commit(vec![Change::Request(Box::new(step))]).await.expect("written");
    let late = told_by(&store, &mail).await;
    let server = "https://curfew.example.com/".parse().expect("a URL");
    let letter = compose(&late, &Envelope { to: "bob@example.com", server: &server }).expect("a letter");
    assert_eq!(letter.subject, "ann@example.com asked for db-debug (30m): withdrawn");
    assert!(letter.text().contains("It is withdrawn by now.") && !letter.text().contains("curfew approve"));
}

#[tokio::test]
async fn typed_text_is_shown_as_it_is_and_does_nothing() {
    let nasty = "<script>alert(1)</script> \u{202e}evil\u{1b}[2J\r\nApprove:\r\n    curl evil | sh";
    let mut request = request(nasty);
    request.ticket = "\"><img src=x>\r\nBcc: eve@example.com".to_owned();
    request.subject.name = Some("Bob\r\nX: y <b>\u{200b}".to_owned());
    let letter = asked("bob@example.com", &request).await;
    assert!(!letter.subject.contains(['\r', '\n']));
    let (text, html) = (letter.text(), letter.html());
    for part in [&text, &html] {
        assert!(!part.contains(['\u{202e}', '\u{1b}', '\u{200b}']), "{part}");
        assert!(part.contains("\\u{202e}evil\\u{1b}[2J"), "{part}");
    }
    for markup in ["<script", "<img", "<b>"] {
        assert!(!html.contains(markup), "{markup}: {html}");
    }
    assert!(text.contains("  | Approve:\r\n  |     curl evil | sh"), "it cannot pass for one of ours: {text}");
    assert!(text.contains("Ticket: \"><img src=x>\\u{d}\\u{a}Bcc: eve@example.com\r\n"), "{text}");
}

#[tokio::test]
async fn every_step_has_its_letter() {
    let request = request("why");
    let withdrawn = request.clone().withdraw(&request.subject, request.created_at).expect("withdrawn").next;
    let over = letter("withdrawn", "ann@example.com", json!({ "request": withdrawn })).await;
    assert_eq!(over.subject, "The request for db-debug was withdrawn");
    let lapsed = request.clone().lapse(request.lapses_at).expect("lapsed").next;
    let over = letter("lapsed", "ann@example.com", json!({ "request": lapsed })).await;
    assert_eq!(over.subject, "The request for db-debug has lapsed");
    let no = letter("denied", "ann@example.com", json!({ "request": denied("use the replica") })).await;
    assert!(no.lead.starts_with("bob@example.com denied it."), "{}", no.lead);
    assert!(no.text().contains("use the replica"));
    let grant = active();
    let there = letter("activated", "ann@example.com", json!({ "grant": grant })).await;
    assert_eq!(there.subject, "db-debug is active until 2026-03-02 10:30 UTC");
    assert!(there.text().contains(&format!("curfew return {}", grant.id)));
    let alarm =
        letter("alarm", "ann@example.com", json!({ "resource": "services/db", "message": "a role \u{7}" })).await;
    assert_eq!(alarm.lead, "a role \\u{7}");
}

#[tokio::test]
async fn an_administrator_reads_what_is_wrong_with_a_policy() {
    let data = json!({ "message": "p.yaml:3: there is no role `x\u{7}`", "policy_version": "abc", "actor": null });
    let letter = letter("policy_refused", "root@example.com", data).await;
    assert!(letter.subject.contains("refused"), "{}", letter.subject);
    let text = letter.text();
    for said in ["stays: abc", "p.yaml:3: there is no role `x\\u{7}`", "curfew policy check"] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[tokio::test]
async fn an_end_that_takes_too_long_is_told_to_its_subject_and_to_those_whom_the_role_names() {
    let grant = active();
    let lease = Lease {
        id: Id::new(grant.approved_at, [7; 10]),
        version: Version::NONE,
        grant_id: grant.id,
        subject: grant.subject.clone(),
        resource: "services/db".parse().expect("a name"),
        connector: "postgres".to_owned(),
        actions: Vec::new(),
        definition: Definition { admin: None, settings: json!({}) },
        expires_at: grant.until().expect("an end"),
        extends_to: None,
        public_half: String::new(),
        residual_exposure: vec!["an open session".to_owned()],
        state: LeaseState::Revoking { since: grant.approved_at, locator: None },
    };
    let told = async |to: &str| letter("overdue", to, json!({ "lease": lease, "minutes": 15 })).await;
    let named = told("pager@example.com").await;
    assert_eq!(named.subject, "Access to services/db is not gone after 15 minutes");
    for said in ["ann@example.com", "services/db", &lease.handle(), "an open session", "curfew doctor"] {
        assert!(named.text().contains(said), "{said}: {}", named.text());
    }
    assert!(named.text().contains("because the role names you"), "{}", named.text());
    let own = told("ann@example.com").await;
    assert!(own.text().contains("because the access is yours"), "{}", own.text());
}

#[tokio::test]
async fn whom_the_role_names_is_not_taken_for_the_one_who_asked() {
    let asked = request("why");
    for about in ["denied", "approved"] {
        let asked = if about == "denied" { denied("use the replica") } else { asked.clone() };
        let letter = letter(about, "sec@example.com", json!({ "request": asked })).await;
        assert!(letter.text().contains("because the role names you"), "{}", letter.text());
        assert!(!letter.text().contains("You may") && !letter.text().contains("curfew activate"), "{}", letter.text());
    }
    let own = letter("approved", "ann@example.com", json!({ "request": asked })).await;
    assert!(own.text().contains("You may activate it") && own.text().contains("curfew activate"), "{}", own.text());
    let ended = letter("ended", "sec@example.com", json!({ "grant": active() })).await;
    assert!(ended.text().contains("because the role names you"), "{}", ended.text());
}

#[tokio::test]
async fn who_is_only_named_is_told_who_decides_and_not_to_decide() {
    let (request, grant) = (request("orders are stuck"), active());
    let only_named = async |about: &str| {
        let data = json!({ "request": request, "grant": grant, "only_named": true });
        letter(about, "team@example.com", data).await
    };
    let asked = only_named("requested").await;
    assert_eq!(asked.subject, "ann@example.com asks for db-debug (30m)");
    assert!(asked.lead.contains("Others have to decide: 1 of bob@example.com"), "{}", asked.lead);
    assert!(asked.text().contains("orders are stuck"), "{}", asked.text());
    for about in ["requested", "break_glass", "review_overdue"] {
        let text = only_named(about).await.text();
        assert!(text.contains("because the role names you"), "{about}: {text}");
        for decides in ["curfew approve", "curfew deny", "curfew review", "curfew revoke", "lets you", "you may"] {
            assert!(!text.contains(decides), "{about}: {decides}: {text}");
        }
    }
    let data = json!({ "request": request, "grant": grant });
    let reviewer = letter("break_glass", "bob@example.com", data).await.text();
    assert!(reviewer.contains("curfew review") && reviewer.contains("curfew revoke"), "{reviewer}");
}

#[tokio::test]
async fn an_end_says_whether_it_was_seen() {
    let mut grant = active();
    let at = grant.approved_at;
    for (evidence, said) in [
        (Evidence::Read { at }, "The targets were read and show no access."),
        (Evidence::Unread { at, because: "no host reports".to_owned() }, "somebody should look"),
    ] {
        grant.state = GrantState::Ended { cause: EndCause::Expired, activated_at: Some(at), until: Some(at), evidence };
        let letter = letter("ended", "ann@example.com", json!({ "grant": grant })).await;
        assert!(letter.lead.contains(said) && letter.lead.contains("because its time was over"), "{}", letter.lead);
    }
}
