//! The password that a client made is nowhere but with the client.

use crate::harness::{Session, World};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn no_client_password_is_anywhere() {
    let mut world = World::start();
    let (developer, root) = (world.person("dev@example.com"), world.person("root@example.com"));
    let id = developer.asks(&["self-service", "--for", "10m"]);
    developer.curfew(&["activate", &id]).ok();
    let variables = developer.variables(&id);
    assert_eq!(Session::once(&variables, "SELECT 1"), Ok("1".to_owned()));
    let pgpass = std::fs::read_to_string(&variables["PGPASSFILE"]).unwrap();
    let password = pgpass.trim_end().rsplit(':').next().unwrap().to_owned();
    assert!(password.len() >= 32, "a password has to be long");

    let asked = ["exec", "self-service", "--for", "1m", "--", "sh", "-c", "ps -eww -o args; env"];
    let exec = developer.curfew(&asked).ok();
    let processes = Command::new("ps").args(["-eww", "-o", "args"]).output().unwrap();
    let export = root.curfew(&["audit", "export"]).ok();
    let everything_shown: String = [
        developer.curfew(&["show", &id, "--json"]).out,
        developer.curfew(&["env", &id]).out,
        developer.curfew(&["grants", "--all", "--json"]).out,
        root.curfew(&["audit", "search", "--json"]).out,
    ]
    .concat();
    developer.curfew(&["return", &id]).ok();
    world.server.take().unwrap().stop();

    let nowhere = |place: &str, bytes: &[u8]| {
        let found = bytes.windows(password.len()).any(|window| window == password.as_bytes());
        assert!(!found, "the client's password stands in {place}");
    };
    let log = world.postgres.log();
    assert!(log.contains("SCRAM-SHA-256$"), "the log shows the statements that made the role");
    nowhere("PostgreSQL's log", log.as_bytes());
    nowhere("the audit export", export.out.as_bytes());
    nowhere("what commands print", everything_shown.as_bytes());
    nowhere("the process list", &processes.stdout);
    nowhere("the environment and process list inside exec", exec.out.as_bytes());
    nowhere("what exec says", exec.err.as_bytes());
    let state = world.folder().join("state");
    let mut files = Vec::new();
    collect(&state, &mut files);
    assert!(files.iter().any(|file| file.ends_with("ledger.db")), "{files:?}");
    files.push(world.folder().join("server.log"));
    for file in files {
        nowhere(&file.display().to_string(), &std::fs::read(&file).unwrap());
    }
}

#[test]
fn secrets_are_files_that_only_their_owner_reads() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::start();
    let developer = world.person("dev@example.com");
    let id = developer.asks(&["self-service"]);
    developer.curfew(&["activate", &id]).ok();
    let mut files = Vec::new();
    collect(developer.state(), &mut files);
    assert!(files.len() >= 2, "a token and a password: {files:?}");
    for file in files {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", file.display());
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.is_file() {
            files.push(path);
        }
    }
}
