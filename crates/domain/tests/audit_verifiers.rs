//! The two verifiers of audit exports, ours and `docs/verify_audit.py`, give the same verdict: on whole
//! exports, and on thousands that somebody tampered with, every one of which both must refuse.

use curfew_domain::audit::export::{checkpoint_line, read_witness, verify_export};
use curfew_domain::audit::{
    AuditAction, AuditEvent, Checkpoint, CheckpointKey, Detail, ExportVerifier, Frontier, TreeHash, VerifierKey,
};
use curfew_domain::{Subject, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const NAME: &str = "curfew.test/audit";

fn key() -> CheckpointKey {
    CheckpointKey::from_seed(NAME, [5; 32]).expect("a key")
}

/// Numbers that look random and are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound as u64) as usize
    }
}

/// One file to be judged, and what it is judged by.
#[derive(Clone)]
struct Case {
    what: String,
    export: Vec<u8>,
    key: String,
    witnesses: Vec<Vec<u8>>,
    at_least: Option<u64>,
}

impl Case {
    fn new(what: impl Into<String>, export: Vec<u8>) -> Self {
        Self { what: what.into(), export, key: key().vkey(), witnesses: vec![], at_least: None }
    }

    fn witnessed(mut self, witness: &[u8]) -> Self {
        self.witnesses.push(witness.to_vec());
        self
    }

    fn at_least(mut self, size: u64) -> Self {
        self.at_least = Some(size);
        self
    }

    /// Our verdict: the line that is printed for a whole export, or why it is not whole.
    fn judge(&self) -> Result<String, String> {
        let key = VerifierKey::parse(&self.key).map_err(|why| why.to_string())?;
        let mut witnesses = vec![];
        for witness in &self.witnesses {
            witnesses.extend(read_witness(witness, &key).map_err(|why| format!("witness: {why}"))?);
        }
        let verdict = verify_export(&self.export, ExportVerifier::new(key, witnesses, self.at_least));
        verdict.map(|verdict| verdict.to_string()).map_err(|why| why.to_string())
    }
}

/// The Python verifier, started once.
struct Python {
    child: Child,
    jobs: ChildStdin,
    answers: BufReader<ChildStdout>,
}

fn path(from_crate: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(from_crate)
}

impl Python {
    fn start() -> Option<Self> {
        let started = Command::new("python3")
            .arg(path("tests/audit_verifiers_driver.py"))
            .arg(path("../../docs/verify_audit.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("CI has to have python3: {why}"),
            Err(why) => {
                eprintln!("SKIPPED: docs/verify_audit.py is not compared, python3 does not start: {why}");
                return None;
            }
        };
        let jobs = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Some(Self { child, jobs, answers })
    }

    /// Its verdict, as [`Case::judge`] gives ours.
    fn judge(&mut self, case: &Case) -> Result<String, String> {
        let witnesses: Vec<_> = case.witnesses.iter().map(hex::encode).collect();
        let export = hex::encode(&case.export);
        let job = json!({"export": export, "key": case.key, "witnesses": witnesses, "at_least": case.at_least});
        writeln!(self.jobs, "{job}").expect("Python reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("Python answers in UTF-8");
        let answer = answer.trim_end().to_owned();
        let known = answer.starts_with("whole: ") || answer.starts_with("not whole: ");
        assert!(known, "{}: Python says {answer:?}", case.what);
        if answer.starts_with("whole: ") { Ok(answer) } else { Err(answer) }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Judges each case by both; `want` says which verdict is right.
fn compare(cases: impl IntoIterator<Item = Case>, want: fn(&Result<String, String>) -> bool) -> usize {
    let mut python = Python::start();
    let mut judged = 0;
    for case in cases {
        let ours = case.judge();
        assert!(want(&ours), "{}: our verdict is {ours:?}\n{}", case.what, String::from_utf8_lossy(&case.export));
        if let Some(python) = &mut python {
            let theirs = python.judge(&case);
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{}: we say {ours:?}, Python {theirs:?}", case.what);
            assert!(ours.is_err() || ours == theirs, "{}: we say {ours:?}, Python {theirs:?}", case.what);
        }
        judged += 1;
    }
    judged
}

fn all_whole(cases: impl IntoIterator<Item = Case>) -> usize {
    compare(cases, Result::is_ok)
}

fn all_refused(cases: impl IntoIterator<Item = Case>) -> usize {
    compare(cases, Result::is_err)
}

/// An event with everything that is hard to spell.
fn event(seq: u64) -> AuditEvent {
    let at = Timestamp::from_millis(1_772_445_600_000 + 137 * seq as i64);
    let texts = ["plain", "Zoë \u{1f600} \u{fb33}", "\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}\u{85}\u{2028}", ""];
    let inner = BTreeMap::from([
        ("\u{1f600}".to_owned(), Detail::from(-9_007_199_254_740_991)),
        ("\u{fb33}".to_owned(), Detail::from(0)),
        ("a\"\n".to_owned(), Detail::List(vec![Detail::from("x"), Detail::List(vec![]), Detail::from(10)])),
    ]);
    AuditEvent::new(at, Subject::system(), AuditAction::LeaseIssued)
        .because(texts[seq as usize % texts.len()])
        .with("after", Detail::Map(inner))
        .with("attempt", i64::try_from(seq).expect("small"))
}

/// An export in pieces that can be tampered with: the events' lines, and the checkpoint over them.
#[derive(Clone)]
struct Export {
    lines: Vec<Vec<u8>>,
    checkpoint: Checkpoint,
}

impl Export {
    fn of(size: u64) -> Self {
        let (mut lines, mut tree) = (vec![], Frontier::new());
        for seq in 0..size {
            let (_, leaf, line) = event(seq).seal_for_ledger(seq);
            tree.append(leaf);
            lines.push(line);
        }
        let at = Timestamp::from_millis(1_772_445_700_000);
        Self { lines, checkpoint: Checkpoint::of(&tree, at) }
    }

    fn note(&self) -> String {
        key().sign(&self.checkpoint)
    }

    fn last_line(&self) -> Vec<u8> {
        checkpoint_line(&self.note())
    }

    fn bytes(&self) -> Vec<u8> {
        self.with(&self.lines, &self.last_line())
    }

    fn with(&self, lines: &[Vec<u8>], last: &[u8]) -> Vec<u8> {
        let ended = lines.iter().map(Vec::as_slice).chain([last]).flat_map(|line| [line, b"\n"]);
        ended.collect::<Vec<_>>().concat()
    }
}

/// An event line with other fields and, as a clever attacker would, the hash that fits them. The text is
/// the canonical bytes with `leaf_hash` cut out, so any spelling can be tried.
fn rehashed(line: &[u8], change: impl Fn(String) -> Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(line.to_vec()).expect("UTF-8");
    let start = text.find(",\"leaf_hash\":\"").expect("a hash");
    let end = start + ",\"leaf_hash\":\"\"".len() + 64;
    let changed = change(format!("{}{}", &text[..start], &text[end..]));
    let hash = TreeHash::of_leaf(&changed);
    let seq = changed.windows(6).rposition(|w| w == b",\"seq\"").unwrap_or(changed.len() - 1);
    let (before, after) = changed.split_at(seq);
    [before, format!(",\"leaf_hash\":\"{hash}\"").as_bytes(), after].concat()
}

/// The whole log rebuilt and signed with the true key over these lines: what their spelling alone decides.
fn resigned(what: &str, lines: &[Vec<u8>]) -> Case {
    let mut tree = Frontier::new();
    for line in lines {
        let at = line.windows(13).position(|w| w == b"\"leaf_hash\":\"").expect("a hash") + 13;
        let hash = std::str::from_utf8(&line[at..at + 64]).expect("hex");
        tree.append(hash.parse().expect("a hash"));
    }
    let export =
        Export { lines: lines.to_vec(), checkpoint: Checkpoint { size: tree.size(), root: tree.root(), at: None } };
    Case::new(what, export.bytes())
}

#[test]
fn whole_exports_are_whole() {
    let sizes = (0..=33).chain([64, 100]).map(|size| Case::new(format!("{size} events"), Export::of(size).bytes()));
    assert_eq!(all_whole(sizes), 36);
    let (export, mut cases) = (Export::of(9), vec![]);
    for size in 0..=9 {
        let older = Export::of(size);
        cases.push(Case::new(format!("a note of {size}"), export.bytes()).witnessed(older.note().as_bytes()));
        cases.push(Case::new(format!("an export of {size}"), export.bytes()).witnessed(&older.bytes()));
        let lines = [Export::of(1).with(&[], &older.last_line()), export.with(&[], &older.last_line())].concat();
        cases.push(Case::new(format!("lines of {size}"), export.bytes()).witnessed(&lines).at_least(size / 2));
        cases.push(Case::new(format!("at least {size}"), export.bytes()).at_least(size));
    }
    let cosigned = format!("{}\u{2014} witness.example/\u{fc} {}\n", export.note(), "AAAA".repeat(24));
    cases.push(Case::new("cosigned", export.with(&export.lines, &checkpoint_line(&cosigned))));
    cases.push(resigned("signed without a time", &export.lines));
    let newer = rehashed(&export.lines[0], |text| text.replacen('{', "{\"aa\":[],", 1).into_bytes());
    cases.push(resigned("a field of a later version", &[newer]));
    assert_eq!(all_whole(cases), 43);
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let whole = Export::of(5).bytes();
    let flips = (0..whole.len()).flat_map(|at| {
        let whole = &whole;
        // Every byte once, and all its bits every seventh byte.
        (0..8).filter(move |bit| at % 7 == 0 || *bit == at % 8).map(move |bit| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            Case::new(format!("bit {bit} of byte {at}"), bytes)
        })
    });
    assert!(all_refused(flips) > 3_000);
    let cuts = (0..whole.len()).step_by(3).map(|at| Case::new(format!("cut at {at}"), whole[..at].to_vec()));
    assert!(all_refused(cuts) > 500);
}

#[test]
fn random_edits_are_found() {
    let export = Export::of(12);
    let whole = export.bytes();
    let mut dice = Dice(0x00c0_ffee_1234_5678);
    let edits = (0..2_500).filter_map(|_| {
        let (at, to, byte) = (dice.below(whole.len()), dice.below(whole.len()), dice.below(256) as u8);
        let (start, end) = (at.min(to), at.max(to).min(at.min(to) + 300));
        let mut bytes = whole.clone();
        let kind = ["insert", "remove", "replace", "copy", "cut out", "swap"][dice.below(6)];
        match kind {
            "insert" => bytes.insert(at, byte),
            "remove" => drop(bytes.remove(at)),
            "replace" => bytes[at] = byte,
            "copy" => drop(bytes.splice(to..to, whole[start..end].iter().copied())),
            "cut out" => drop(bytes.drain(start..end)),
            _ => bytes.swap(at, to),
        }
        (bytes != whole).then(|| Case::new(format!("{kind} {at} {to} {byte}"), bytes))
    });
    assert!(all_refused(edits) > 2_300);
}

#[test]
fn lines_cannot_be_moved_lost_or_added() {
    let export = Export::of(12);
    let (lines, last) = (&export.lines, export.last_line());
    let (mut cases, file) = (vec![], |what: String, lines: &[Vec<u8>]| Case::new(what, export.with(lines, &last)));
    for at in 0..lines.len() {
        let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut lines = lines.clone();
            change(&mut lines);
            lines
        };
        let removed = changed(&|lines| drop(lines.remove(at)));
        let doubled = changed(&|lines| lines.insert(at, lines[at].clone()));
        let stranger = changed(&|lines| lines[at] = event(99).seal(at as u64).to_line());
        let early = changed(&|lines| lines.insert(at, last.clone()));
        let blank = changed(&|lines| lines.insert(at, vec![]));
        for (what, lines) in [("removed", &removed), ("doubled", &doubled), ("replaced", &stranger)] {
            cases.push(file(format!("{what} {at}"), lines));
            // Signed by somebody else who holds the lines: a true key would never be asked to.
            let mut forged = resigned(&format!("{what} {at}, signed anew"), lines);
            forged.key = CheckpointKey::from_seed(NAME, [6; 32]).expect("a key").vkey();
            cases.push(forged);
        }
        cases.extend([file(format!("checkpoint at {at}"), &early), file(format!("blank at {at}"), &blank)]);
        cases.push(resigned(&format!("removed {at}, by the log itself"), &removed));
        cases.push(resigned(&format!("doubled {at}, by the log itself"), &doubled));
        for to in 0..at {
            cases.push(file(format!("swapped {at} {to}"), &changed(&|lines| lines.swap(at, to))));
        }
        // Cut back and kept under the checkpoint of more events; or under none.
        cases.push(file(format!("first {at}"), &lines[..at]));
        cases.push(Case::new(format!("first {at} alone"), lines[..at].join(&b'\n')));
    }
    // The log may well have stood so: only a witness could say that there was more.
    cases.retain(|case| case.what != "removed 11, by the log itself");
    let whole = export.bytes();
    for tail in ["\n", " ", "x", "\0", "\r\n", "{}\n", &String::from_utf8_lossy(&last), "\u{feff}"] {
        cases.push(Case::new(format!("tail {tail:?}"), [&whole, tail.as_bytes()].concat()));
        cases.push(Case::new(format!("head {tail:?}"), [tail.as_bytes(), &whole].concat()));
    }
    cases.push(Case::new("CR LF", String::from_utf8_lossy(&whole).replace('\n', "\r\n").into_bytes()));
    cases.push(Case::new("no newline at the end", whole[..whole.len() - 1].to_vec()));
    cases
        .push(Case::new("UTF-16", String::from_utf8_lossy(&whole).encode_utf16().flat_map(u16::to_le_bytes).collect()));
    cases.push(Case::new("nothing", vec![]));
    assert!(all_refused(cases) > 220);
}

#[test]
fn every_other_spelling_is_refused_even_when_hashed_and_signed() {
    let line = &Export::of(1).lines[0];
    let attempt = |text: &[u8]| {
        let change = |l: String| {
            let (before, after) = l.split_once("\"attempt\":0").expect("a field");
            [before.as_bytes(), text, after.as_bytes()].concat()
        };
        let what = String::from_utf8_lossy(&text[..text.len().min(80)]).into_owned();
        resigned(&what, &[rehashed(line, change)])
    };
    let value = |value: &str| attempt(format!("\"attempt\":{value}").as_bytes());
    let nested = |open: &str, core: &str, close: &str, levels: usize| {
        value(&format!("{}{core}{}", open.repeat(levels), close.repeat(levels)))
    };
    let numbers = "0.0 1.0 1e0 1E400 -0 00 +1 0x1 1_0 9007199254740992 -9007199254740992 18446744073709551616 \u{661}";
    let others = "true null NaN -Infinity 'a' [0,] [ /**/0 0, {\"\u{fb33}\":0,\"\u{1f600}\":0} {\"b\":0,\"a\":0}";
    let texts = r#""\/" "\u000a" "\u001F" "\u007f" "\ud83d\ude00" "\ud800" "\udc00\ud800" "\x41""#;
    let mut cases: Vec<_> = [numbers, others, texts].iter().flat_map(|list| list.split(' ')).map(value).collect();
    cases.extend([" 0", "0 ", "\t0", "\"a\nb\"", "\"\0\"", "\"\u{1}\"", &"7".repeat(1_000_000)].map(value));
    let keys = [
        &b"\"attempt\" :0"[..],
        b"\"attempt\":0,\"attempt\":0",
        b"\"attempt\":1,\"attempt\":0",
        b"\"\\u0061ttempt\":0",
        b"\"\\ud800\":0",
        b"\"zz\":0,\"attempt\":0",
    ];
    let not_utf8 = [&b"\xff"[..], b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x80"];
    let not_utf8 = not_utf8.map(|bytes| [b"\"attempt\":\"", bytes, b"\""].concat());
    cases.extend(keys.into_iter().map(attempt).chain(not_utf8.iter().map(|text| attempt(text))));
    for levels in [63, 64, 127, 128, 1_000, 100_000] {
        cases.extend([nested("[", "", "]", levels), nested("{\"a\":", "0", "}", levels)]);
    }
    for seq in ["1", "-1", "\"0\"", "[]", "9007199254740991", "18446744073709551615"] {
        let change = |l: String| l.replacen("\"seq\":0", &format!("\"seq\":{seq}"), 1).into_bytes();
        cases.push(resigned(&format!("seq {seq}"), &[rehashed(line, change)]));
    }
    assert!(all_refused(cases) >= 60);
    // As deep as evidence may go: the line and `details` are two of the 64 levels. And what was tampered
    // with above is sound when nothing is changed.
    assert_eq!(rehashed(line, String::into_bytes), *line);
    assert_eq!(
        all_whole([nested("[", "", "]", 62), nested("{\"a\":", "0", "}", 62), value("0"), value("\"\u{7f}\"")]),
        4
    );
}

#[test]
fn an_events_hash_has_one_spelling() {
    let line = String::from_utf8(Export::of(1).lines[0].clone()).expect("UTF-8");
    let hash = &line[line.find("leaf_hash\":\"").expect("a hash") + 12..][..64];
    let with = |other: &str| {
        Case::new(other, Export::of(1).with(&[line.replace(hash, other).into()], &Export::of(1).last_line()))
    };
    let others = [
        hash.to_uppercase(),
        hash[..63].to_owned(),
        format!("{hash}0"),
        format!(" {hash}"),
        String::new(),
        "0".repeat(64),
    ];
    assert_eq!(all_refused(others.iter().map(|other| with(other))), 6);
    let fields: Map<String, Value> = serde_json::from_str(&line).expect("a map");
    let without = |field: &str| {
        let kept = fields.iter().filter(|(k, _)| *k != field).map(|(k, v)| format!("{}:{v}", Value::from(k.as_str())));
        let line = format!("{{{}}}", kept.collect::<Vec<_>>().join(","));
        Case::new(format!("without {field}"), Export::of(1).with(&[line.into()], &Export::of(1).last_line()))
    };
    assert_eq!(all_refused(fields.keys().map(|field| without(field))), fields.len());
}

#[test]
fn checkpoints_cannot_be_forged() {
    let export = Export::of(6);
    let (note, mut cases) = (export.note(), vec![]);
    let with = |what: &str, note: &str| Case::new(what, export.with(&export.lines, &checkpoint_line(note)));
    let signed_by = |name: &str, seed: u8, checkpoint: &Checkpoint| {
        CheckpointKey::from_seed(name, [seed; 32]).expect("a key").sign(checkpoint)
    };
    let size = |size| Checkpoint { size, ..export.checkpoint };
    cases.push(with("another key", &signed_by(NAME, 9, &export.checkpoint)));
    cases.push(with("another name", &signed_by("curfew.test/other", 5, &export.checkpoint)));
    for other in [0, 5, 7, (1 << 53) - 1] {
        cases.push(with("another size, truly signed", &signed_by(NAME, 5, &size(other))));
    }
    let root = TreeHash::of_nothing();
    cases.push(with("another root, truly signed", &signed_by(NAME, 5, &Checkpoint { root, ..export.checkpoint })));
    let signature = note.lines().last().expect("a line").to_owned();
    let id_and_signature = signature.rsplit(' ').next().expect("base64");
    let foreign = signed_by(NAME, 9, &export.checkpoint);
    let foreign_signature = foreign.lines().last().expect("a line").rsplit(' ').next().expect("base64").to_owned();
    for (what, from, to) in [
        ("a size put in", "\n6\n", "\n7\n"),
        ("a size with a sign", "\n6\n", "\n+6\n"),
        ("a size with zeros", "\n6\n", "\n06\n"),
        ("a time changed", "at 2026", "at 2027"),
        ("no time", "at 2026-03-02T10:01:40.000Z\n", ""),
        ("an extension", "Z\n", "Z\nx\n"),
        ("a hyphen", "\u{2014}", "-"),
        (
            "our id, their signature",
            id_and_signature,
            &format!("{}{}", &id_and_signature[..5], &foreign_signature[5..]),
        ),
        ("twice", &format!("{signature}\n"), &format!("{signature}\n{signature}\n")),
        ("no blank line", "\n\n", "\n"),
        ("two blank lines", "\n\n", "\n\n\n"),
        ("a blank at the end", &signature, &format!("{signature} ")),
        ("two blanks", &signature, &signature.replace(' ', "  ")),
        ("a tab", &signature, &signature.replace(' ', "\t")),
        ("NUL", "\n6\n", "\n6\0\n"),
        ("another origin", &format!("{NAME}\n"), "curfew.test/other\n"),
        ("CR LF", "\n", "\r\n"),
        ("base64 without its end", "=", ""),
        ("base64 with more", "=", "=="),
    ] {
        let changed = note.replacen(from, to, if what == "CR LF" { 99 } else { 1 });
        assert_ne!(changed, note, "{what}");
        cases.push(with(what, &changed));
    }
    // The last character of the root's base64 has two bits to spare, the signature's none or four.
    for (at, _) in note.match_indices('=').filter(|(at, _)| note.as_bytes()[at - 1] != b'=') {
        for c in ('A'..='Z').chain('a'..='z').chain('0'..='9').map(String::from) {
            let changed = format!("{}{c}{}", &note[..at - 1], &note[at..]);
            cases.extend((changed != note).then(|| with("a bit to spare", &changed)));
        }
    }
    for tail in [
        "\u{2014} w AAAA\n",
        "\u{2014} w AAAAAA==\n",
        "\u{2014} a+b AAAAAAAA\n",
        "\u{2014} a\u{a0}b AAAAAAAA\n",
        "\u{2014} \u{2003} AAAAAAAA\n",
        "x\n",
        "\n",
        "\u{2014} w AAAAAAAA",
        "\u{2014} w AAAAAAB=\n",
    ] {
        cases.push(with(&format!("tail {tail:?}"), &format!("{note}{tail}")));
    }
    cases.push(with("17 signatures", &(note.clone() + &"\u{2014} w AAAAAAAA\n".repeat(16))));
    cases.push(with("too long", &format!("{note}\u{2014} w {}\n", "AAAA".repeat(40_000))));
    for last in [
        "{}",
        "[]",
        "{\"checkpoint\":\"\"}",
        "{\"checkpoint\":[]}",
        "{\"checkpoint\":0}",
        "[\"checkpoint\"]",
        "\"checkpoint\"",
        "0",
    ] {
        cases.push(Case::new(last, export.with(&export.lines, last.as_bytes())));
    }
    let line = String::from_utf8(export.last_line()).expect("UTF-8");
    for (from, to) in
        [("{", "{\"a\":0,"), ("}", ",\"z\":0}"), ("\u{2014}", "\\u2014"), ("{", "{ "), ("}", "} "), ("\\n", "\\u000a")]
    {
        cases
            .push(Case::new(format!("{from} {to}"), export.with(&export.lines, line.replacen(from, to, 1).as_bytes())));
    }
    assert!(all_refused(cases) > 160);
}

#[test]
fn signatures_have_one_spelling() {
    // S + L verifies the same equation, and is refused (RFC 8032, section 5.1.7).
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    use base64::{Engine, engine::general_purpose::STANDARD};
    let export = Export::of(3);
    let note = export.note();
    let (head, base64) = note.trim_end().rsplit_once(' ').expect("a signature");
    let bytes = STANDARD.decode(base64).expect("base64");
    let with = |what: &str, bytes: &[u8]| {
        let note = format!("{head} {}\n", STANDARD.encode(bytes));
        Case::new(what, export.with(&export.lines, &checkpoint_line(&note)))
    };
    let mut cases = vec![];
    let mut more = bytes.clone();
    let mut carry = 0;
    for (byte, l) in more[36..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(l) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    cases.push(with("S + L", &more));
    let points = [
        [0; 32],
        [0xff; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        L,
    ];
    for point in points {
        cases.push(with("another R", &[&bytes[..4], &point, &bytes[36..]].concat()));
        cases.push(with("R of small order and S 0", &[&bytes[..4], &point, &[0; 32]].concat()));
        let mut case = with("another key", &bytes);
        let key = STANDARD.encode([[1].as_slice(), &point].concat());
        case.key = format!("{NAME}+{}+{key}", hex::encode(&bytes[..4]));
        cases.push(case);
    }
    for length in [4, 5, 36, 67, 69, 100] {
        let mut bytes = bytes.clone();
        bytes.resize(length, 0);
        cases.push(with("another length", &bytes));
    }
    assert_eq!(all_refused(cases), 19);
}

#[test]
fn truncation_and_rewriting_are_found_by_witnesses() {
    let (mut cases, mut unseen) = (vec![], vec![]);
    for size in 1..=9u64 {
        let (older, export) = (Export::of(size - 1), Export::of(9));
        let cut = Export::of(size - 1);
        cases.push(Case::new(format!("{} of 9", size - 1), cut.bytes()).witnessed(export.note().as_bytes()));
        cases.push(Case::new(format!("{} of 9", size - 1), cut.bytes()).witnessed(&export.bytes()));
        cases.push(Case::new(format!("{} of {size}", size - 1), older.bytes()).at_least(size));
        let mut lines = export.lines.clone();
        lines[size as usize - 1] = event(77).seal(size - 1).to_line();
        let rewritten = resigned(&format!("event {} rewritten by the log itself", size - 1), &lines);
        for witness in [size, 9] {
            cases.push(rewritten.clone().witnessed(Export::of(witness).note().as_bytes()));
        }
        unseen.push(rewritten.clone());
        cases.push(rewritten.witnessed(older.note().as_bytes()).witnessed(&Export::of(9).bytes()));
    }
    assert_eq!(all_whole(unseen), 9, "without a witness the log's own signature decides");
    let export = Export::of(4);
    let (note, line) = (export.note(), export.with(&[], &export.last_line()));
    let foreign = CheckpointKey::from_seed(NAME, [9; 32]).expect("a key").sign(&export.checkpoint);
    let witnesses: [&[u8]; 12] = [
        b"",
        b"\n",
        b"{",
        b"{}\n",
        b"\xff",
        foreign.as_bytes(),
        &note.as_bytes()[..note.len() - 1],
        &line[..line.len() - 1],
        &[&line, &b"{\"checkpoint\":\"\"}\n"[..]].concat(),
        &[&line, &b"\n"[..]].concat(),
        &export.with(&export.lines, b"{}"),
        &[note.as_bytes(), &line].concat(),
    ];
    for witness in witnesses {
        cases.push(
            Case::new(format!("witness {}", String::from_utf8_lossy(witness)), export.bytes()).witnessed(witness),
        );
    }
    let lines = [export.lines.join(&b'\n'), b"\n".to_vec()].concat();
    cases.push(Case::new("events as a witness", export.bytes()).witnessed(&lines));
    assert!(all_refused(cases) > 60);
}

#[test]
fn the_script_prints_and_exits_as_promised() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("verify_audit");
    std::fs::create_dir_all(&folder).expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("written");
        folder.join(name).to_string_lossy().into_owned()
    };
    let (vkey, export) = (key().vkey(), Export::of(5));
    let file = write("export.jsonl", &export.bytes());
    let cut = write("cut.jsonl", &Export::of(3).bytes());
    let key_file = write("key", format!("{vkey}\n").as_bytes());
    let witness = write("witness", export.note().as_bytes());
    let root = export.checkpoint.root;
    let whole =
        format!("whole: 5 events, root hash {root}, signed 2026-03-02T10:01:40.000Z; truncation not excluded\n");
    let cases: [(&[&str], i32, &str); 10] = [
        (&[&file, &vkey], 0, &whole),
        (&[&file, &key_file], 0, &whole),
        (&[&file, &vkey, "--witness", &witness, "--at-least", "2"], 0, "truncation excluded up to 5 events\n"),
        (&[&cut, &vkey, "--witness", &witness], 1, ""),
        (&[&cut, &vkey, "--at-least", "4"], 1, ""),
        (&[&witness, &vkey], 1, ""),
        (&[&file, "nonsense"], 2, ""),
        (&["no such file", &vkey], 2, ""),
        (&[&file, &vkey, "--witness", "no such file"], 2, ""),
        (&[&file], 2, ""),
    ];
    if Python::start().is_none() {
        return;
    }
    for (args, code, says) in cases {
        let run = Command::new("python3").arg(path("../../docs/verify_audit.py")).args(args).output().expect("it runs");
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert_eq!(run.status.code(), Some(code), "{args:?}: {out}{err}");
        assert!(
            out.ends_with(says) && (code == 0) == err.is_empty() && !err.contains("Traceback"),
            "{args:?}: {out}{err}"
        );
    }
}

/// `cargo test -p curfew-domain --release --test audit_verifiers -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, not a check"]
#[allow(clippy::disallowed_methods, reason = "it measures real time")]
fn a_hundred_thousand_events() {
    let count = 100_000;
    let started = std::time::Instant::now();
    let export = Export::of(count);
    let bytes = export.bytes();
    println!("sealed, appended and written: {count} in {:?}, {} bytes", started.elapsed(), bytes.len());
    let (case, started) = (Case::new("many", bytes), std::time::Instant::now());
    println!("ours: {:?} in {:?}", case.judge(), started.elapsed());
    if let Some(mut python) = Python::start() {
        let started = std::time::Instant::now();
        println!("Python: {:?} in {:?}", python.judge(&case), started.elapsed());
    }
}
