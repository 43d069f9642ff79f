//! The console in a real Chromium: two people sign in, one asks, the other approves, both see it; every page is
//! held against the accessibility rules and looked at in light, dark, and 360 pixels wide.
//!
//! `drive.mjs` is the driver. `CURFEW_TEST_BROWSER` names the folder whose `node_modules` holds `playwright-core`
//! and `@axe-core/playwright`; `cargo xtask test` installs it. Without it, or without `chromium`, the test says
//! so and is skipped, except where `CI` is set: there it fails.
#![allow(clippy::disallowed_methods, reason = "this test runs real programs on the real clock")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const POLICY: &str = r#"
resources:
  - name: hosts/web
    connector: ssh
    settings:
      hosts: ["web-1.example.com:22"]
      actions:
        shell: {principals: [deploy], extensions: [permit-pty]}
        restart: {principals: [deploy], force_command: "systemctl restart web"}
roles:
  - name: web-debug
    description: Look after the web servers when something is wrong with them.
    requesters: [ann@example.com]
    duration: {min: 5m, default: 30m, max: 2h}
    conditions: [{resource: hosts/web, actions: [shell, restart]}]
    approvers: [bob@example.com]
    constraints: {justification: {min_length: 10}}
    extension: {times: 1, max_total: 2h, approval: same}
    break_glass: {who: [night@example.com], duration: 30m, review_within: 24h}
  - name: web-restart
    description: Restart the web server. Nobody has to approve it.
    requesters: [ann@example.com]
    duration: 15m
    conditions: [{resource: hosts/web, actions: [restart]}]
    approval: automatic
bundles:
  - {name: web-kit, roles: [web-debug, web-restart]}
"#;

/// A program that ends with the value that holds it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn server(folder: &Path) -> (Running, String) {
    std::fs::create_dir_all(folder.join("policies")).unwrap();
    std::fs::write(folder.join("policies/policy.yaml"), POLICY).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = std::fs::File::create(folder.join("server.log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder);
    command.args(["dev", "--listen", &format!("127.0.0.1:{port}"), "--policies"]).arg(folder.join("policies"));
    command.arg("--state").arg(folder.join("state")).stdin(Stdio::null());
    let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let begun = Instant::now();
    let mut running = Running(child);
    while !is_ready(port) {
        let gone = running.0.try_wait().unwrap().is_some();
        let log = || std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
        assert!(!gone && begun.elapsed() < Duration::from_secs(60), "the server is not ready:\n{}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
    (running, url)
}

fn is_ready(port: u16) -> bool {
    use std::io::{Read, Write};
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Where the driver's packages are; none, said loudly, when something is missing.
fn packages() -> Option<PathBuf> {
    let folder = std::env::var_os("CURFEW_TEST_BROWSER").map(PathBuf::from);
    let has_chromium = Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let missing = match (&folder, has_chromium) {
        (None, _) => "CURFEW_TEST_BROWSER names no folder with playwright-core",
        (Some(_), Err(_)) => "there is no `chromium`",
        (Some(_), Ok(_)) => return folder,
    };
    assert!(std::env::var_os("CI").is_none(), "the browser test cannot run: {missing}");
    eprintln!("SKIPPED: the console in a browser: {missing}; `cargo xtask test` installs it");
    None
}

#[test]
fn two_people_use_the_console() {
    let Some(packages) = packages() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = server(folder.path());
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    std::fs::create_dir_all(&pictures).unwrap();
    // Node looks for packages beside the script, so it is run from where they are.
    let script = packages.join("curfew-drive.mjs");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/drive.mjs"), &script).unwrap();
    let mut node = Command::new("timeout");
    node.args(["-k", "5", "400", "node"]).arg(&script);
    node.env("CURFEW_URL", &url).env("CURFEW_PICTURES", &pictures).env("CURFEW_BIN", env!("CARGO_BIN_EXE_curfew"));
    node.env("CURFEW_HOME", folder.path());
    let output = node.stdin(Stdio::null()).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    println!("{}", said(&output.stdout));
    assert!(output.status.success(), "{}\n{}", said(&output.stdout), said(&output.stderr));
}
