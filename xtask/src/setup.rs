//! Installs what the demo and the tests need, from the distribution's own packages.

use crate::process;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// A package, and how one sees that it is there.
struct Need {
    package: &'static str,
    there: fn() -> bool,
}

const NEEDS: [Need; 6] = [
    Need { package: "build-essential", there: || process::has("cc") },
    Need { package: "postgresql", there: has_postgres },
    Need { package: "openssh-server", there: || Path::new("/usr/sbin/sshd").is_file() },
    Need { package: "openssh-client", there: || process::has("ssh") && process::has("ssh-keygen") },
    Need { package: "python3", there: || process::has("python3") },
    Need { package: "procps", there: || process::has("ps") },
];

/// Installs what is missing, and says what.
pub(crate) fn run() -> Result<()> {
    let missing: Vec<&str> = NEEDS.iter().filter(|need| !(need.there)()).map(|need| need.package).collect();
    if !missing.is_empty() {
        eprintln!("installing {}", missing.join(", "));
        apt(&["update"])?;
        let options = ["install", "--yes", "--no-install-recommends"];
        apt(&[&options, missing.as_slice()].concat())?;
    }
    for need in NEEDS.iter().filter(|need| !(need.there)()) {
        anyhow::bail!("{} was installed, but what is needed from it is not there", need.package);
    }
    Ok(())
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

fn has_postgres() -> bool {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return process::has("initdb") };
    versions.flatten().any(|version| version.path().join("bin/initdb").is_file())
}
