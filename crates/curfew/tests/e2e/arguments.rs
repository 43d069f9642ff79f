//! Hostile command lines: an exit code of the table, and never a panic.

use crate::harness::run;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

const RUNS: usize = 600;

const WORDS: [&str; 46] = [
    "login",
    "whoami",
    "roles",
    "request",
    "requests",
    "show",
    "withdraw",
    "approve",
    "deny",
    "activate",
    "grants",
    "who-has",
    "env",
    "connect",
    "exec",
    "return",
    "revoke",
    "extend",
    "break-glass",
    "review",
    "policy",
    "check",
    "explain",
    "fmt",
    "schema",
    "audit",
    "verify",
    "proof",
    "completions",
    "connectors",
    "--json",
    "--quiet",
    "--for",
    "--reason",
    "--as",
    "--role",
    "--key",
    "--server",
    "--",
    "-1",
    "",
    "bash",
    "req_00000000000000000000000000",
    "30m",
    "..",
    "\u{202e}",
];

#[test]
fn hostile_command_lines() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = 0x5eed_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut codes = std::collections::BTreeSet::new();
    for _ in 0..RUNS {
        let words: Vec<OsString> = (0..1 + next() % 6)
            .map(|_| match next() % 12 {
                0 => OsString::from_vec((0..next() % 40).map(|_| 1 + (next() % 255) as u8).collect()),
                1 => "x".repeat((next() % 5_000) as usize).into(),
                _ => WORDS[(next() % WORDS.len() as u64) as usize].into(),
            })
            .collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command.args(&words).current_dir(folder.path()).env_clear().env("HOME", folder.path());
        // Nothing listens there, so that nothing is ever reached.
        command.env("CURFEW_SERVER", "http://127.0.0.1:9").env("PATH", "/usr/bin:/bin");
        let answer = run(&mut command);
        assert!(!answer.err.contains("panicked"), "{words:?}: {}", answer.err);
        let expected = matches!(answer.code, 0..=6 | 125..=127);
        assert!(expected, "{words:?} ended with {}: {}", answer.code, answer.err);
        let asked_json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
        if asked_json && answer.code != 0 && !answer.out.is_empty() {
            let error = answer.json();
            assert!(error["error"]["code"].is_string() || error["ok"].is_boolean(), "{words:?}: {error}");
        }
        codes.insert(answer.code);
    }
    assert!(codes.len() >= 3, "they reach more than one ending: {codes:?}");
}
