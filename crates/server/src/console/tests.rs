//! The console as a browser without a script sees it: cookies, pages, forms.

mod forms;

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
