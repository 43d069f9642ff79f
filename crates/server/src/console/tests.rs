//! The console as a browser without a script sees it: cookies, pages, forms.

use crate::endpoints::testing::{World, call, text};
use axum::body::Body;
use http::header::{CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use std::collections::BTreeMap;

const ORIGIN: &str = "http://localhost:7373";

/// A browser: it keeps cookies, and knows the page it is on.
struct Browser<'a> {
    world: &'a World,
    cookies: BTreeMap<String, String>,
    status: StatusCode,
    headers: HeaderMap,
    page: String,
}

impl<'a> Browser<'a> {
    fn new(world: &'a World) -> Self {
        let (cookies, headers) = (BTreeMap::new(), HeaderMap::new());
        Self { world, cookies, status: StatusCode::OK, headers, page: String::new() }
    }

    async fn signed_in(world: &'a World, email: &str) -> Self {
        let mut browser = Self::new(world);
        browser.open("/").await;
        browser.submit("/sign-in", &[("email", email), ("next", "/")]).await;
        assert_eq!(browser.status, StatusCode::OK, "{}", browser.page);
        browser
    }

    async fn send(&mut self, mut request: Request<Body>) {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert("cookie", cookies.join("; ").parse().expect("a header"));
        }
        let reply = self.world.send(request).await;
        for value in reply.headers.get_all(SET_COOKIE) {
            let text = value.to_str().expect("text");
            let (pair, rest) = text.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            for attribute in ["Path=/", "HttpOnly", "SameSite=Strict"] {
                assert!(rest.contains(attribute), "{attribute}: {text}");
            }
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        (self.status, self.headers, self.page) = (reply.status, reply.headers, reply.text);
    }

    async fn open(&mut self, path: &str) {
        self.send(call(Method::GET, "", path, None, None)).await;
    }

    /// The key in the forms of the page it is on.
    fn form_key(&self) -> String {
        let rest =
            self.page.split("name=\"form_key\" value=\"").nth(1).unwrap_or_else(|| panic!("a form: {}", self.page));
        rest.split('"').next().expect("a value").to_owned()
    }

    /// The hidden field of a form on the page it is on.
    fn hidden(&self, name: &str) -> String {
        let rest = self.page.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("a field");
        rest.split('"').next().expect("a value").to_owned()
    }

    /// Sends a form of the page it is on, and follows where it leads.
    async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) {
        let key = self.form_key();
        let request = form(path, &[fields, &[("form_key", &key)]].concat(), Some(ORIGIN));
        self.send(request).await;
        if self.status == StatusCode::SEE_OTHER {
            let to = self.headers[LOCATION].to_str().expect("text").to_owned();
            self.open(&to).await;
        }
    }
}

fn form(path: &str, fields: &[(&str, &str)], origin: Option<&str>) -> Request<Body> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::builder().method(Method::POST).uri(path).header("host", "localhost:7373");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = match origin {
        Some(origin) => request.header("origin", origin),
        None => request,
    };
    request.body(Body::from(body)).expect("a call")
}

const ASK: [(&str, &str); 5] = [
    ("resource", "services/db"),
    ("action", "read"),
    ("action", "write"),
    ("for", "30m"),
    ("reason", "orders are stuck"),
];

/// Asks for `db-debug`, and gives the request's page.
async fn asks(browser: &mut Browser<'_>) -> String {
    browser.open("/roles/db-debug").await;
    let key = browser.hidden("ask_key");
    browser.submit("/roles/db-debug", &[&ASK[..], &[("ask_key", &key), ("step", "ask")]].concat()).await;
    assert_eq!(browser.status, StatusCode::OK, "{}", browser.page);
    let id = browser.page.split("curfew activate ").nth(1);
    assert_eq!(id, None, "nothing to activate yet");
    let path = browser.page.split("action=\"").find(|p| p.starts_with("/requests/")).expect("a form");
    path.split("/withdraw").next().expect("a path").to_owned()
}

#[tokio::test]
async fn from_a_sign_in_to_an_end() {
    let world = World::new().await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    assert!(dev.page.contains("db-debug") && dev.page.contains("db-look"), "{}", dev.page);
    let path = asks(&mut dev).await;
    assert!(dev.page.contains("It is asked.") && dev.page.contains("orders are stuck"));
    assert!(!dev.page.contains("/approve\""), "nobody approves their own");

    let mut lead = Browser::signed_in(&world, "lead@example.com").await;
    assert!(lead.page.contains("dev@example.com asks for db-debug"), "{}", lead.page);
    lead.open(&path).await;
    for shown in
        ["orders are stuck", "services/db", "policy.yaml", "lead@example.com, second@example.com", "leave behind"]
    {
        assert!(lead.page.contains(shown), "{shown}: {}", lead.page);
    }
    let digest = lead.hidden("digest");
    let approval = [("digest", digest.as_str()), ("for", "15m"), ("action", "read"), ("reason", "only look")];
    lead.submit(&format!("{path}/approve"), &approval).await;
    assert!(lead.page.contains("Your approval counts."), "{}", lead.page);
    lead.open(&path).await;
    assert!(lead.page.contains("Narrowed to 15m") && lead.page.contains("only look"), "{}", lead.page);

    dev.open(&path).await;
    assert!(dev.page.contains("curfew activate req_"), "{}", dev.page);
    let grant = dev.page.split("href=\"/grants/").nth(1).and_then(|p| p.split('"').next()).expect("a grant").to_owned();
    dev.open(&format!("/grants/{grant}")).await;
    assert!(dev.page.contains("The clock has not started"), "{}", dev.page);
    dev.submit(&format!("/grants/{grant}/return"), &[]).await;
    assert!(dev.page.contains("It is being taken away now"), "{}", dev.page);
    let token = world.sign_in("dev@example.com").await;
    let ended = world.until(&token, &grant, "ended").await;
    assert_eq!(ended["end_cause"], "returned");
    dev.open(&format!("/grants/{grant}")).await;
    assert!(dev.page.contains("because it was returned"), "{}", dev.page);
}

#[tokio::test]
async fn a_late_no_says_what_it_did() {
    let world = World::new().await;
    let dev = world.sign_in("dev@example.com").await;
    let grant = world.active(&dev).await;
    let path = format!("/requests/{}", text(&grant, "request_id"));
    let mut second = Browser::signed_in(&world, "second@example.com").await;
    second.open(&path).await;
    assert!(second.page.contains("A denial now revokes"), "{}", second.page);
    let digest = second.hidden("digest");
    second.submit(&format!("{path}/deny"), &[("digest", &digest), ("reason", "not today")]).await;
    assert!(second.page.contains("what came of it is revoked") && !second.page.contains("It is denied"));
    world.until(&dev, &text(&grant, "id"), "ended").await;
    for page in [path, format!("/grants/{}", text(&grant, "id"))] {
        second.open(&page).await;
        for shown in ["because it was revoked", "second@example.com", "denied after it was approved: not today"] {
            assert!(second.page.contains(shown), "{shown}: {}", second.page);
        }
        assert!(!second.page.contains("curfew activate"), "{}", second.page);
    }
}

#[tokio::test]
async fn what_policy_says_is_shown_before_anything_is_sent() {
    let world = World::new().await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    dev.open("/roles/db-look").await;
    let events = world.app.engine.store().tree_head().await.expect("read").size;
    let fields =
        [("resource", "services/db"), ("action", "read"), ("for", "30m"), ("reason", "why"), ("step", "check")];
    dev.submit("/roles/db-look", &fields).await;
    assert!(dev.page.contains("The policy denies it.") && dev.page.contains("policy.yaml"), "{}", dev.page);
    assert!(!dev.page.contains("Ask for it"));
    let fields =
        [("resource", "services/db"), ("action", "read"), ("for", "30m"), ("reason", "orders"), ("step", "check")];
    dev.submit("/roles/db-look", &fields).await;
    assert!(dev.page.contains("without asking anybody") && dev.page.contains("Ask for it"), "{}", dev.page);
    assert_eq!(world.app.engine.store().tree_head().await.expect("read").size, events, "nothing was sent");
    for (fields, said) in [
        (vec![("action", "read")], "No resource is chosen"),
        (vec![("resource", "services/db")], "No action is chosen"),
        (vec![("resource", "services/db"), ("action", "read"), ("for", "30")], "needs a unit"),
        (vec![("resource", "no such"), ("action", "read")], "unknown here"),
    ] {
        dev.open("/roles/db-look").await;
        dev.submit("/roles/db-look", &fields).await;
        assert_eq!(dev.status, StatusCode::BAD_REQUEST, "{said}");
        assert!(dev.page.contains(said) && dev.page.contains("Back to the form"), "{said}: {}", dev.page);
    }
}

#[tokio::test]
async fn a_form_sent_twice_does_what_once_does() {
    let world = World::new().await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    dev.open("/roles/db-debug").await;
    let key = dev.hidden("ask_key");
    let fields = [&ASK[..], &[("ask_key", &key), ("step", "ask")]].concat();
    let mut pages = Vec::new();
    for _ in 0..2 {
        dev.submit("/roles/db-debug", &fields).await;
        pages.push(dev.page.split("action=\"").find(|p| p.starts_with("/requests/")).map(|p| p[..40].to_owned()));
        dev.open("/roles/db-debug").await;
    }
    assert_eq!(pages[0], pages[1]);
    let token = world.sign_in("dev@example.com").await;
    let mine = world.get(&token, "/api/v1/requests?which=mine").await.ok();
    assert_eq!(mine["items"].as_array().map(Vec::len), Some(1));
    let path = format!("/requests/{}", text(&mine["items"][0], "id"));
    let mut lead = Browser::signed_in(&world, "lead@example.com").await;
    for said in ["It is denied.", "It was decided before"] {
        lead.open(&path).await;
        let digest = text(&mine["items"][0], "digest");
        let form_key = if lead.page.contains("form_key") { lead.form_key() } else { String::new() };
        lead.send(form(
            &format!("{path}/deny"),
            &[("digest", &digest), ("reason", "no"), ("form_key", &form_key)],
            Some(ORIGIN),
        ))
        .await;
        let to = lead.headers[LOCATION].to_str().expect("text").to_owned();
        lead.open(&to).await;
        assert!(lead.page.contains(said), "{said}: {}", lead.page);
    }
}

#[tokio::test]
async fn forms_of_other_pages_are_refused() {
    let world = World::new().await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    let path = asks(&mut dev).await;
    let key = dev.form_key();
    let withdraw = format!("{path}/withdraw");
    let good = [("form_key", key.as_str())];
    for (fields, origin) in [
        (&[][..], Some(ORIGIN)),
        (&[("form_key", "")], Some(ORIGIN)),
        (&[("form_key", "00")], Some(ORIGIN)),
        (&good, Some("https://evil.example")),
        (&good, Some("null")),
        (&good, Some("http://localhost:8080")),
        (&good, None),
    ] {
        dev.send(form(&withdraw, fields, origin)).await;
        assert_eq!(dev.status, StatusCode::FORBIDDEN, "{fields:?} {origin:?}");
    }
    let mut other = Browser::signed_in(&world, "dev@example.com").await;
    assert_ne!(other.form_key(), key, "another session's key is another");
    other.send(form(&withdraw, &good, Some(ORIGIN))).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
    let json = call(Method::POST, "", &withdraw, Some(serde_json::json!({"form_key": key})), None);
    dev.send(json).await;
    assert_eq!(dev.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    dev.send(form(&withdraw, &good, Some(ORIGIN))).await;
    assert_eq!(dev.status, StatusCode::SEE_OTHER, "the real one goes through");
}

#[tokio::test]
async fn a_cookie_opens_pages_and_nothing_else() {
    let world = World::new().await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    dev.open("/api/v1/whoami").await;
    assert_eq!(dev.status, StatusCode::UNAUTHORIZED, "the API takes no cookie, so no page can make it act");
    dev.open("/").await;
    dev.submit("/sign-out", &[]).await;
    assert!(dev.page.contains("Sign in"), "{}", dev.page);
    dev.open("/").await;
    assert!(!dev.page.contains("What you may ask for"));
    let mut stranger = Browser::new(&world);
    stranger.cookies.insert("curfew_7373".to_owned(), format!("cfs_{}", "x".repeat(43)));
    stranger.open("/requests/x").await;
    assert!(stranger.page.contains("Your sign-in is over"), "{}", stranger.page);
}

#[tokio::test]
async fn signing_in_leads_to_the_page_that_was_asked_for_and_nowhere_else() {
    let world = World::new().await;
    let mut dev = Browser::new(&world);
    dev.open("/audit?q=a%20b").await;
    assert_eq!(dev.hidden("next"), "/audit?q=a%20b");
    for (next, to) in [("/roles/db-debug", "/roles/db-debug"), ("//evil.example", "/"), ("https://evil.example/", "/")]
    {
        let mut dev = Browser::new(&world);
        dev.open("/").await;
        let key = dev.form_key();
        let fields = [("email", "dev@example.com"), ("next", next), ("form_key", &key)];
        dev.send(form("/sign-in", &fields, Some(ORIGIN))).await;
        assert_eq!(dev.headers[LOCATION], to, "{next}");
    }
    let token = world.sign_in("lead@example.com").await;
    let mut lead = Browser::new(&world);
    lead.open("/").await;
    lead.submit("/sign-in", &[("token", &token), ("next", "/")]).await;
    assert!(lead.page.contains("lead@example.com"), "{}", lead.page);
    let mut nobody = Browser::new(&world);
    nobody.open("/").await;
    nobody.submit("/sign-in", &[("token", "cfs_wrong"), ("next", "/")]).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_link_from_elsewhere_is_opened_once_more_from_here() {
    let world = World::new().await;
    let mut dev = Browser::new(&world);
    let mut request = call(Method::GET, "", "/requests/req_0", None, None);
    request.headers_mut().insert("sec-fetch-site", "cross-site".parse().expect("a header"));
    dev.send(request).await;
    assert!(dev.page.contains("content=\"0;url=/requests/req_0\""), "{}", dev.page);
    assert!(dev.cookies.is_empty());
}

#[tokio::test]
async fn nobody_sees_more_than_the_api_shows_them() {
    let world = World::new().await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    let path = asks(&mut dev).await;
    let mut other = Browser::signed_in(&world, "other@example.com").await;
    other.open(&path).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    other.open("/audit").await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
    let mut auditor = Browser::signed_in(&world, "auditor@example.com").await;
    auditor.open(&path).await;
    assert!(auditor.page.contains("You may look at this request, not decide it."), "{}", auditor.page);
    assert!(!auditor.page.contains("/deny"));
    auditor.open("/audit?q=request.created").await;
    assert!(auditor.page.contains("request.created") && auditor.page.contains("dev@example.com"), "{}", auditor.page);
    assert!(!auditor.page.contains("sign_in.accepted"));
}

#[tokio::test]
async fn typed_text_is_only_text() {
    let world = World::new().await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    dev.open("/roles/db-debug").await;
    let key = dev.hidden("ask_key");
    let reason = "<script>alert(1)</script>\u{202e}evil\n\"><img src=x onerror=y>";
    let fields = [
        ("resource", "services/db"),
        ("action", "read"),
        ("for", "30m"),
        ("reason", reason),
        ("ticket", "<b>\u{200b}"),
    ];
    dev.submit("/roles/db-debug", &[&fields[..], &[("ask_key", &key), ("step", "ask")]].concat()).await;
    let mut lead = Browser::signed_in(&world, "lead@example.com").await;
    for page in [&dev.page, &lead.page] {
        for bad in ["<script", "<img src=x", "<b>", "\u{202e}", "\u{200b}"] {
            assert!(!page.contains(bad), "{bad}: {page}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}evil"), "{page}");
    }
    lead.open("/audit").await;
    assert_eq!(lead.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn no_get_changes_anything_and_every_page_is_held_tight() {
    let world = World::new().await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    let path = asks(&mut dev).await;
    let mut root = Browser::signed_in(&world, "root@example.com").await;
    let before = world.app.engine.store().tree_head().await.expect("read").size;
    let all = ["/", "/sign-in", "/audit", "/console.css", "/favicon.svg", "/roles/db-debug", "/roles/none", &path];
    let below = ["approve", "deny", "withdraw"].map(|verb| format!("{path}/{verb}"));
    for page in all.into_iter().chain(below.iter().map(String::as_str)).chain(["/sign-out"]) {
        for browser in [&mut dev, &mut root] {
            browser.open(page).await;
            assert!(browser.status != StatusCode::INTERNAL_SERVER_ERROR, "{page}");
            let csp = browser.headers.get(CONTENT_SECURITY_POLICY).and_then(|v| v.to_str().ok()).unwrap_or_default();
            assert!(csp.starts_with("default-src 'none'") && !csp.contains("unsafe"), "{page}: {csp}");
            assert!(!browser.page.contains("style=\"") && !browser.page.contains("onclick"), "{page}");
            if browser.headers.contains_key("content-type") && browser.page.starts_with("<!DOCTYPE") {
                assert_eq!(browser.headers[REFERRER_POLICY], "same-origin", "{page}");
            }
        }
    }
    assert_eq!(world.app.engine.store().tree_head().await.expect("read").size, before);
}

/// A policy with a bundle, more time and emergencies.
const WORDS: &str = r#"
resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: look
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
    constraints: {inputs: [{name: table, type: string, max_length: 20, prompt: "Which table?"}]}
    extension: {times: 1, max_total: 2h, approval: none}
  - name: change
    requesters: [dev@example.com]
    duration: 30m
    conditions: [{resource: services/db, actions: [write]}]
    approvers: [lead@example.com]
    extension: {times: 1, max_total: 1h, approval: same}
    break_glass: {who: [night@example.com], duration: 20m, review_within: 24h}
bundles:
  - {name: kit, roles: [look, change]}
"#;

/// What a page links to, of this kind.
fn linked(page: &str, kind: &str) -> Vec<String> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.filter(|link| link.starts_with(kind)).map(str::to_owned).collect()
}

#[tokio::test]
async fn several_roles_are_asked_for_with_one_form() {
    let world = World::with(WORDS).await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    assert_eq!(linked(&dev.page, "/bundles/"), ["/bundles/kit"], "{}", dev.page);
    dev.open("/bundles/kit").await;
    assert!(dev.page.contains("Which table?") && !dev.page.contains("value=\"ask\""), "{}", dev.page);
    let key = dev.hidden("ask_key");
    let filled = [("reason", "incident 7"), ("input-table", "orders"), ("ask_key", key.as_str())];
    dev.submit("/bundles/kit", &[&filled[..], &[("step", "check")]].concat()).await;
    for shown in ["without asking anybody", "once it is approved", "incident 7", "value=\"ask\""] {
        assert!(dev.page.contains(shown), "{shown}: {}", dev.page);
    }
    let token = world.sign_in("dev@example.com").await;
    assert_eq!(world.get(&token, "/api/v1/requests").await.ok()["items"], serde_json::json!([]), "nothing is sent yet");
    for _ in 0..2 {
        dev.submit("/bundles/kit", &[&filled[..], &[("step", "ask")]].concat()).await;
        assert_eq!(linked(&dev.page, "/requests/").len(), 2, "{}", dev.page);
        // The form again: sent twice, it asks once.
        dev.open("/bundles/kit").await;
    }
    let listed = world.get(&token, "/api/v1/requests").await.ok();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");
    assert!(listed["items"].as_array().expect("a list").iter().all(|r| r["origin"] == "bundle"));
    // What one role denies keeps nobody from the other, and is said.
    let long = [("reason", "x"), ("for", "45m"), ("input-table", "orders"), ("ask_key", "again"), ("step", "ask")];
    dev.submit("/bundles/kit", &long).await;
    assert!(dev.page.contains("The policy denies it") && linked(&dev.page, "/requests/").len() == 1, "{}", dev.page);
    let mut other = Browser::signed_in(&world, "mallory@example.com").await;
    assert!(!other.page.contains("/bundles/"));
    other.open("/bundles/kit").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn more_time_is_asked_for_on_the_page_of_the_grant() {
    let world = World::with(WORDS).await;
    let token = world.sign_in("dev@example.com").await;
    let active = async |role: &str| {
        let ask = serde_json::json!({"role": role, "reason": "x", "duration_seconds": "20m", "inputs": {}});
        let mut ask = ask;
        if role == "look" {
            ask["inputs"] = serde_json::json!({"table": "orders"});
        }
        let asked = world.post(&token, "/api/v1/requests", ask).await.ok();
        if asked["state"] == "pending" {
            let lead = world.sign_in("lead@example.com").await;
            let path = format!("/api/v1/requests/{}/approve", text(&asked, "id"));
            world.post(&lead, &path, serde_json::json!({"digest": asked["digest"]})).await.ok();
        }
        let path = format!("/api/v1/grants/{}/activate", text(&asked, "id"));
        let view = world.post(&token, &path, crate::endpoints::testing::halves(1)).await.ok();
        text(&view["grant"], "id")
    };
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    let look = format!("/grants/{}", active("look").await);
    dev.open(&look).await;
    assert!(dev.page.contains("up to 2h in all") && dev.page.contains("Nobody has to approve it"), "{}", dev.page);
    let key = dev.hidden("ask_key");
    for length in ["", "soon", "9h"] {
        dev.submit(&format!("{look}/extend"), &[("for", length), ("ask_key", "other")]).await;
        assert!(dev.status.is_client_error() && dev.page.contains("Back to the grant"), "{length}: {}", dev.page);
        dev.open(&look).await;
    }
    for _ in 0..2 {
        dev.submit(&format!("{look}/extend"), &[("for", "15m"), ("ask_key", &key)]).await;
        assert!(dev.page.contains("It has more time."), "{}", dev.page);
    }
    assert!(!dev.page.contains("/extend\""), "once is all: {}", dev.page);
    let change = format!("/grants/{}", active("change").await);
    dev.open(&change).await;
    let key = dev.hidden("ask_key");
    dev.submit(&format!("{change}/extend"), &[("for", "10m"), ("ask_key", &key)]).await;
    assert!(dev.page.contains("It is asked.") && dev.page.contains("More time of"), "{}", dev.page);
    let mut lead = Browser::signed_in(&world, "lead@example.com").await;
    lead.open(&change).await;
    assert!(!lead.page.contains("/extend\""), "nobody else asks for it: {}", lead.page);
}

#[tokio::test]
async fn emergency_access_is_taken_and_reviewed_by_form() {
    let world = World::with(WORDS).await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    assert!(!dev.page.contains("break-glass"), "{}", dev.page);
    dev.open("/roles/change/break-glass").await;
    assert_eq!(dev.status, StatusCode::NOT_FOUND);
    let mut night = Browser::signed_in(&world, "night@example.com").await;
    assert_eq!(linked(&night.page, "/roles/"), ["/roles/change/break-glass"], "{}", night.page);
    night.open("/roles/change/break-glass").await;
    assert!(night.page.contains("Nobody approves it beforehand"), "{}", night.page);
    let key = night.hidden("ask_key");
    night
        .submit("/roles/change/break-glass", &[("reason", "production is down"), ("for", "20m"), ("ask_key", &key)])
        .await;
    assert!(night.page.contains("It is yours."), "{}", night.page);
    let grant = linked(&night.page, "/grants/").pop().expect("a grant");
    let token = world.sign_in("night@example.com").await;
    world.post(&token, &format!("/api/v1{grant}/activate"), crate::endpoints::testing::halves(1)).await.ok();
    night.open(&grant).await;
    assert!(night.page.contains("nobody has reviewed") && !night.page.contains("/review\""), "never one's own");
    let mut lead = Browser::signed_in(&world, "lead@example.com").await;
    lead.open(&grant).await;
    assert!(lead.page.contains(&format!("{grant}/review")), "{}", lead.page);
    lead.submit(&format!("{grant}/review"), &[("note", "x")]).await;
    assert!(lead.status.is_client_error() && lead.page.contains("misuse"), "{}", lead.page);
    lead.open(&grant).await;
    lead.submit(&format!("{grant}/review"), &[("verdict", "misuse"), ("note", "nothing was down")]).await;
    assert!(lead.page.contains("Your review stands.") && lead.page.contains("nothing was down"), "{}", lead.page);
    assert!(!lead.page.contains("/review\""), "once is all");
    world.until(&token, grant.trim_start_matches("/grants/"), "ended").await;
    // Without the key that only this browser's session knows, nothing is done.
    let forged = form("/roles/change/break-glass", &[("reason", "x"), ("form_key", "0")], Some(ORIGIN));
    night.send(forged).await;
    assert_eq!(night.status, StatusCode::FORBIDDEN);
}
