//! A repository of policies, the keys of those who sign in it, and git's own `http-backend` behind a small HTTP server.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a server that follows is first given; nothing is ever made in its target.
pub(crate) const FOLLOWED: &str = "administrators: [root@example.com, ann@example.com]
auditors: [root@example.com]
resources:
  - {name: services/db, connector: postgres, risk: low, settings: {schemas: [public]}}
roles:
  - name: debug
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [lead@example.com]
";
/// A target that is not there.
pub(crate) const NOWHERE: &str = "postgres://nobody@127.0.0.1:9/nothing";

/// A checkout and the bare repository that it is pushed to.
pub(crate) struct Policies {
    folder: PathBuf,
}

impl Policies {
    /// An empty repository below a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let policies = Self { folder: folder.to_owned() };
        std::fs::create_dir_all(policies.work()).unwrap();
        std::fs::create_dir_all(folder.join("keys")).unwrap();
        policies.git(&["init", "--quiet", "--initial-branch=main"]);
        run(Command::new("git").args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(policies.bare()));
        policies
    }

    /// A repository with these files below `policies`, in a first commit that ann signed and pushed.
    pub(crate) fn begun(folder: &Path, files: &[(&str, &str)]) -> Self {
        let policies = Self::new(folder);
        files.iter().for_each(|(path, text)| policies.write(&format!("policies/{path}"), text));
        policies.signed("ann@example.com");
        policies.push();
        policies
    }

    /// The checkout.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.join("checkout")
    }

    /// Where it is fetched from by path.
    pub(crate) fn bare(&self) -> PathBuf {
        self.folder.join("served/policies.git")
    }

    /// The folder that a server of repositories serves.
    pub(crate) fn served(&self) -> PathBuf {
        self.folder.join("served")
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        run(git(&self.work()).args(["-c", "gpg.format=ssh"]).args(args))
    }

    /// The key of somebody, made when it is first asked for.
    fn key(&self, who: &str) -> PathBuf {
        let file = self.folder.join("keys").join(who);
        if !file.exists() {
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&file));
        }
        file
    }

    /// An allowed-signers file of these people, each by the name their key has.
    pub(crate) fn signers(&self, who: &[&str]) -> PathBuf {
        let line = |who: &&str| {
            let public = std::fs::read_to_string(self.key(who).with_extension("com.pub")).unwrap();
            format!("{who} {public}")
        };
        let file = self.folder.join("allowed_signers");
        std::fs::write(&file, who.iter().map(line).collect::<String>()).unwrap();
        file
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits what there is, or nothing at all, unsigned.
    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The same, signed by somebody.
    pub(crate) fn signed(&self, who: &str) -> String {
        let key = format!("user.signingkey={}", self.key(who).display());
        self.git(&["add", "--all"]);
        self.git(&["-c", &key, "commit", "--quiet", "--allow-empty", "--message", "x", "--gpg-sign"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Pushes the branch, whatever was there.
    pub(crate) fn push(&self) {
        let bare = self.bare().display().to_string();
        self.git(&["push", "--quiet", "--force", &bare, "HEAD:refs/heads/main"]);
    }
}

/// git in a checkout, as somebody, and as no machine has set it up.
pub(super) fn git(checkout: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(checkout).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
    git
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// `git http-backend` (git-http-backend(1)) behind just enough HTTP; it stops when dropped.
pub(crate) struct GitServer {
    port: u16,
    stop: Arc<AtomicBool>,
}

impl GitServer {
    /// Serves the repositories in a folder, on this port or a free one.
    pub(crate) fn start(folder: &Path, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, folder) = (Arc::new(AtomicBool::new(false)), folder.to_owned());
        let stopped = stop.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let folder = folder.clone();
                // A client that leaves early is no failure of the test.
                std::thread::spawn(move || drop(answer(stream, &folder)));
            }
        });
        Self { port, stop }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/policies.git", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The last connection wakes the one who waits for it, who then closes the port.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn answer(stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let length = headers.get("content-length").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let mut command = Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", folder).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", &method).env("PATH_INFO", path).env("QUERY_STRING", query);
    command.env("CONTENT_LENGTH", body.len().to_string()).env("REMOTE_ADDR", "127.0.0.1");
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "HTTP_GIT_PROTOCOL"),
    ] {
        command.envs(headers.get(header).map(|value| (variable, value)));
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    child.stdin.take().unwrap().write_all(&body)?;
    let output = child.wait_with_output()?.stdout;
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.len());
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\n{head}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(output.get(end + 4..).unwrap_or_default())
}
