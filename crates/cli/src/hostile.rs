//! Thousands of argument vectors that nobody would type, run for real where there is no server.

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::machine::Machine;
use crate::output::tests::kept;
use crate::output::{Reader, Streams};
use crate::program::{Program, command, run_on};
use clap::Parser;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

const VECTORS: usize = 4_000;
const TOKEN: &str = "canary-2f6b1c";

/// A small generator (splitmix64): the same vectors in every run, so that a failure can be looked at.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % (end as u64)).expect("smaller than a usize")
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Every path of subcommands, with the flags that are taken there.
fn paths(command: &clap::Command, path: &[String], all: &mut Vec<(Vec<String>, Vec<String>)>) {
    let long = command.get_arguments().filter_map(|arg| arg.get_long()).map(|long| format!("--{long}"));
    let short = command.get_arguments().filter_map(|arg| arg.get_short()).map(|short| format!("-{short}"));
    all.push((path.to_vec(), long.chain(short).collect()));
    for below in command.get_subcommands() {
        paths(below, &[path, &[below.get_name().to_owned()]].concat(), all);
    }
}

fn values() -> Vec<OsString> {
    let mut values: Vec<OsString> = [
        "",
        " ",
        "-",
        "--",
        "---",
        "=",
        "--=",
        "-x",
        "--json=yes",
        "a",
        ".",
        "..",
        "./a.yaml",
        "a.yaml",
        "nowhere/x",
        "/dev/null",
        "\u{0}",
        "\u{202e}evil",
        "\u{1b}]0;owned\u{7}",
        "a\nb",
        "漢字",
        "%s%n",
        "$(reboot)",
        "`id`",
        "'; drop table x;--",
        "req_01kb9n7r00e00000000000000a",
        "grt_01kb9n7r00e00000000000000a",
        "lse_01kb9n7r00e00000000000000a",
        "req_",
        "grt_../../etc",
        "req_8zzzzzzzzzzzzzzzzzzzzzzzzz",
        "services/db",
        "services/**",
        "a//b",
        "read",
        "db-debug",
        "0",
        "1",
        "-1",
        "18446744073709551615",
        "18446744073709551616",
        "1e9",
        "NaN",
        "0s",
        "30m",
        "30",
        "1h30m",
        "99999999d",
        "forever",
        "a@b.c",
        "A@B",
        "@",
        "k=v",
        "=v",
        "k=",
        "2026-03-02T10:00:00Z",
        "yesterday",
        "10.0.0.1",
        "::1",
        "999.1.1.1",
        "http://127.0.0.1:1",
        "http://",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1:1",
        "bash",
        "tcsh",
        "open",
        "github",
        "human",
        "json",
        "help",
        "--help",
        "--version",
        "-q",
        "-vvv",
        "@file",
        "~",
        "*",
    ]
    .map(OsString::from)
    .into();
    values.push(OsString::from_vec(vec![0xff, 0xfe, b'a']));
    values.push(OsString::from_vec(b"--reason=\xc3\x28".to_vec()));
    values.push("x".repeat(5_000).into());
    values.push("🦀".repeat(2_001).into());
    values
}

/// Command lines that are understood; each is run with one word changed, added or left out.
const SOUND: &[&str] = &[
    "request db-debug --resource services/db --action read --for 30m --reason x --ticket T-1 --wait --timeout 1s",
    "request db-debug --dry-run",
    "approve req_01kb9n7r00e00000000000000a --reason ok --for 15m --only-action read",
    "deny req_01kb9n7r00e00000000000000a --reason no",
    "withdraw req_01kb9n7r00e00000000000000a",
    "show grt_01kb9n7r00e00000000000000a",
    "activate req_01kb9n7r00e00000000000000a",
    "env grt_01kb9n7r00e00000000000000a",
    "connect grt_01kb9n7r00e00000000000000a --resource services/db -- -c x",
    "exec db-debug --for 1m --reason x --timeout 1s -- true",
    "extend grt_01kb9n7r00e00000000000000a --for 30m",
    "return grt_01kb9n7r00e00000000000000a",
    "revoke --all-of a@b.c --reason x",
    "revoke grt_01kb9n7r00e00000000000000a --reason x",
    "who-has services/db",
    "login --as a@b.c --group sre --print-token",
    "policy check . --format json",
    "policy explain --as a@b.c --group sre --role db-debug --resource services/db --action read --for 1h --at 2026-03-02T10:00:00Z .",
    "policy fmt --check .",
    "audit verify a.yaml --key key --at-least 3",
    "pipeline verify a.yaml --key key",
    "pipeline show 77 --attestation",
    "audit tail -n 5",
    "audit show 3",
    "audit search a b --limit 3",
    "audit export --out export.jsonl",
    "audit proof 1",
    "ssh ca services/db",
    "ssh krl --out krl",
    "connectors show postgres",
];

fn changed(dice: &mut Dice, values: &[OsString]) -> Vec<OsString> {
    let words = dice.pick(SOUND).split(' ').map(OsString::from);
    let mut args: Vec<OsString> = std::iter::once("curfew".into()).chain(words).collect();
    let place = 1 + dice.below(args.len() - 1);
    match dice.below(4) {
        0 => args[place] = dice.pick(values).clone(),
        1 => args.insert(place, dice.pick(values).clone()),
        2 => drop(args.remove(place)),
        _ => args.insert(1, "--json".into()),
    }
    args
}

fn made_up(dice: &mut Dice, paths: &[(Vec<String>, Vec<String>)], values: &[OsString]) -> Vec<OsString> {
    let (path, flags) = dice.pick(paths);
    let mut args: Vec<OsString> = vec!["curfew".into()];
    args.extend(path.iter().map(OsString::from));
    for _ in 0..dice.below(7) {
        match dice.below(10) {
            0..=3 if !flags.is_empty() => {
                args.push(dice.pick(flags).into());
                args.push(dice.pick(values).clone());
            }
            4 if !flags.is_empty() => {
                let mut joined = OsString::from(dice.pick(flags));
                joined.push("=");
                joined.push(dice.pick(values));
                args.push(joined);
            }
            5 => args.push(dice.pick(&["--json", "--quiet", "--server", "--"]).into()),
            _ => args.push(dice.pick(values).clone()),
        }
    }
    // Now and then the words stand in a wrong order.
    if dice.below(20) == 0 && args.len() > 2 {
        let last = args.len() - 1;
        args.swap(1, last);
    }
    args
}

#[test]
fn no_argument_vector_does_harm() {
    let base = tempfile::tempdir().expect("a folder");
    let folder = base.path().join("inner");
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join("a.yaml"), "roles: []\n").expect("written");
    let key = curfew_domain::audit::CheckpointKey::from_seed("curfew.test/audit", [3; 32]).expect("a key");
    std::fs::write(folder.join("key"), key.vkey()).expect("written");
    let vars: BTreeMap<&str, OsString> = BTreeMap::from([
        ("CURFEW_STATE", folder.join("state").into()),
        ("CURFEW_SERVER", "http://127.0.0.1:1".into()),
        ("CURFEW_TOKEN", TOKEN.into()),
    ]);
    let machine = Machine::with(&folder, vars.into_iter().map(|(name, value)| (name.into(), value)));
    let (mut all, values, mut dice) = (Vec::new(), values(), Dice(20_261_122));
    paths(&command(), &[], &mut all);
    let mut ends: BTreeMap<u8, usize> = BTreeMap::new();
    for _ in 0..VECTORS {
        let args = if dice.below(3) == 0 { made_up(&mut dice, &all, &values) } else { changed(&mut dice, &values) };
        if is_for_a_host(&args) || is_endless(&args) {
            continue;
        }
        let exit = check_one(&machine, &args);
        *ends.entry(exit.code()).or_default() += 1;
    }
    // The vectors must reach beyond the parser: every kind of end is seen.
    for code in [0, 1, 2, 4, 6, 125] {
        assert!(ends.contains_key(&code), "no vector ended with {code}: {ends:?}");
    }
}

/// `curfew host` writes where sshd reads: its own tests give it a folder.
fn is_for_a_host(args: &[OsString]) -> bool {
    let named = args.iter().any(|arg| arg == "host");
    named && matches!(Cli::try_parse_from(args), Ok(Cli { command: Command::Host(_), .. }))
}

/// `policy check --watch` goes on until somebody interrupts it: its own test gives it an end.
fn is_endless(args: &[OsString]) -> bool {
    let named = args.iter().any(|arg| arg == "--watch");
    named && matches!(Cli::try_parse_from(args), Ok(Cli { command: Command::Policy(_), .. }))
}

fn check_one(machine: &Machine, args: &[OsString]) -> Exit {
    let program = Program { kinds: Vec::new(), dev: |_| Ok(()), serve: |_| Ok(()) };
    let (streams, out, err) = kept(Reader::Program);
    let exit = run_on(program, machine.clone(), Streams { err_is: Reader::Terminal, ..streams }, args.iter().cloned());
    assert!(matches!(exit.code(), 0..=6 | 125), "{args:?}: {exit:?}");
    let (out, err) = (out.text(), err.text());
    assert!(!out.contains(TOKEN) && !err.contains(TOKEN), "{args:?}");
    let hidden = |c: char| c.is_control() && c != '\n' && c != '\t';
    let raw = args.iter().any(|arg| arg == "completions" || arg == "man");
    assert!(raw || !err.contains('\u{202e}') && !err.contains(hidden), "{args:?}: {err:?}");
    if exit != Exit::Done && is_json(args) {
        let document: Result<serde_json::Value, _> = serde_json::from_str(&out);
        assert!(document.is_ok(), "{args:?}: {out}");
    }
    exit
}

/// Whether the vector was understood, and asks for JSON.
fn is_json(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "--json")
        && Cli::try_parse_from(args).is_ok_and(|cli| cli.voice() == crate::output::Voice::Json)
}
