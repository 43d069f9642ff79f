//! The story's SSH host: a private sshd, `curfew host` beside it, and a certificate that opens it for a while.

use super::print::Teller;
use super::stage::{Stage, binary, free_port};
use crate::{process, setup};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::fs::File;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const DEVELOPER: &str = "dev@example.com";
const LEAD: &str = "team-lead@example.com";
const RESOURCE: &str = "hosts/web";
const ROLE: &str = "web-shell";

/// A host that is about to be.
pub(crate) struct Sshd {
    port: u16,
    account: String,
    folder: PathBuf,
    host_key: String,
}

impl Sshd {
    /// A port and a host key.
    pub(crate) fn reserve(folder: &Path) -> Result<Self> {
        let folder = folder.join("host");
        process::quiet(as_root("mkdir")?.arg("-m").arg("755").arg(&folder))?;
        let mut keygen = as_root("ssh-keygen")?;
        process::quiet(keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(folder.join("host_key")))?;
        let key = process::quiet(as_root("cat")?.arg(folder.join("host_key.pub")))?;
        let host_key = key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let account = process::quiet(Command::new("id").arg("-un"))?.trim().to_owned();
        Ok(Self { port: free_port()?, account, folder, host_key })
    }

    /// What the host is, and who may enter it.
    pub(crate) fn policy(&self) -> String {
        format!(
            "resources:
  - name: {RESOURCE}
    connector: ssh
    settings:
      hosts: [\"127.0.0.1:{}\"]
      host_keys: [\"{}\"]
      actions:
        shell: {{principals: [{}]}}
roles:
  - name: {ROLE}
    duration: 10m
    conditions: [{{resource: {RESOURCE}, actions: [shell]}}]
    approvers: [{LEAD}]
",
            self.port, self.host_key, self.account
        )
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sets the host up as its administrator would, and starts it.
    fn start(&self, stage: &Stage, tell: &Teller) -> Result<()> {
        let dir = self.folder.join("curfew.d");
        let program = self.folder.join("curfew");
        // sshd runs no program that others than root could have written.
        process::quiet(as_root("cp")?.arg(binary()).arg(&program))?;
        let mut setup = as_root(&program)?;
        setup.args(["host", "setup", "--write", "--server", &stage.url(), "--resource", RESOURCE, "--dir"]).arg(&dir);
        tell.types("root", &format!("curfew host setup --write --resource {RESOURCE}   # on the host"));
        let settings = process::quiet(&mut setup)?;
        tell.shows(&settings);
        tell.types(LEAD, &format!("curfew host token --resource {RESOURCE} --host {}", self.host()));
        let token = stage.run(LEAD, &["host", "token", "--resource", RESOURCE, "--host", &self.host()])?;
        let mut keep = as_root("sh")?;
        keep.args(["-c", "umask 077; cat > \"$1\"", "sh"]).arg(dir.join("token"));
        feed(&mut keep, token.trim())?;
        let mut agent = as_root(&program)?;
        agent.args(["host", "run", "--dir"]).arg(&dir);
        begin(&mut agent, &stage.folder().join("host.log"))?;
        wait("the host trusts an authority", || {
            std::fs::read_to_string(dir.join("authorities.pub")).is_ok_and(|text| text.contains("ssh-ed25519"))
        })?;
        self.start_sshd(stage, &settings)
    }

    fn start_sshd(&self, stage: &Stage, settings: &str) -> Result<()> {
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nAuthorizedKeysFile none\nPermitRootLogin yes\nStrictModes no\n{settings}",
            self.port,
            self.folder.join("host_key").display()
        );
        let file = self.folder.join("sshd_config");
        let mut write = as_root("tee")?;
        feed(write.arg(&file).stdout(Stdio::null()), &config)?;
        process::quiet(as_root("mkdir")?.args(["-p", "/run/sshd"]))?;
        let mut sshd = as_root("/usr/sbin/sshd")?;
        sshd.args(["-D", "-e", "-f"]).arg(&file);
        begin(&mut sshd, &stage.folder().join("sshd.log"))?;
        wait("sshd listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok())
    }
}

/// A certificate, used, returned, and refused.
pub(crate) fn story(stage: &Stage, tell: &Teller) -> Result<()> {
    tell.step("An SSH host joins: `curfew host` beside its sshd");
    stage.sshd.start(stage, tell)?;
    tell.step("A certificate for the developer's own key opens it");
    let ask = ["request", ROLE, "--reason", "look at the web server"];
    let request = stage.json(DEVELOPER, &ask)?;
    let id = super::stage::text(&request, "id")?;
    tell.types(DEVELOPER, &format!("curfew request {ROLE} --reason 'look at the web server'"));
    tell.types(LEAD, &format!("curfew approve {id}"));
    stage.run(LEAD, &["approve", id])?;
    tell.types(DEVELOPER, &format!("curfew activate {id}"));
    stage.run(DEVELOPER, &["activate", id])?;
    tell.types(DEVELOPER, &format!("curfew connect {id} -- 'echo I am $(whoami)'"));
    let said = stage.run(DEVELOPER, &["connect", id, "--", "echo I am $(whoami)"])?;
    ensure!(said.contains(&format!("I am {}", stage.sshd.account)), "the host said {said}");
    tell.shows(&said);
    tell.says("a session is left open, and the grant is returned");
    let mut open = stage.curfew(DEVELOPER, &["connect", id, "--", "sleep 600"]);
    let mut open = open.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start curfew connect")?;
    std::thread::sleep(Duration::from_millis(1_500));
    ensure!(open.try_wait()?.is_none(), "the session did not open");
    tell.types(DEVELOPER, &format!("curfew return {id}"));
    tell.shows(&stage.run(DEVELOPER, &["return", id])?);
    wait("the open session is closed", || matches!(open.try_wait(), Ok(Some(_))))?;
    tell.says("the session that was open is closed");
    let refused = stage.try_run(DEVELOPER, &["connect", id, "--", "echo still in"])?;
    ensure!(refused.code != Some(0), "the certificate still opens the host");
    let grant = stage.json(DEVELOPER, &["show", id])?;
    let grant = super::stage::text(&grant, "grant_id")?.to_owned();
    wait("the end is verified", || {
        stage
            .json(DEVELOPER, &["show", &grant])
            .is_ok_and(|shown| shown["state"] == "ended" && shown["verified"] == true)
    })?;
    tell.says("and the host reported that it is: ended, verified");
    Ok(())
}

/// A program under root, which sshd needs to be.
pub(crate) fn as_root(program: impl AsRef<OsStr>) -> Result<Command> {
    if setup::is_root()? {
        return Ok(Command::new(program));
    }
    let mut sudo = Command::new("sudo");
    sudo.arg("--").arg(program);
    Ok(sudo)
}

fn begin(command: &mut Command, log: &Path) -> Result<()> {
    let out = File::create(log)?;
    command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    command.spawn().context("cannot start a program of the host")?;
    Ok(())
}

fn feed(command: &mut Command, text: &str) -> Result<()> {
    use std::io::Write;
    let mut child = command.stdin(Stdio::piped()).spawn().context("cannot start a program of the host")?;
    child.stdin.take().context("it has no input")?.write_all(text.as_bytes())?;
    ensure!(child.wait()?.success(), "a file of the host could not be written");
    Ok(())
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > Duration::from_secs(15) {
            bail!("not within 15 s: {what}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
