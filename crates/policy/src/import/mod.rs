//! Reads what other systems call a policy into this language, and says what it could not carry over.
//!
//! A team that moves here has its rules written down already. What can be said in both languages is translated;
//! what cannot is never guessed: where a restriction would be lost, the remark says that the result is wider, and
//! stands in the text beside the role, for whoever reviews it.
//!
//! **Invariant:** nothing here makes a role wider in silence, and a role that nobody could approve before is not
//! carried over as one that needs no approval.

mod jit_groups;
mod lengths;
mod names;
mod outline;
mod team;
mod teleport;
mod teleport_targets;

use crate::node::Document;
use crate::parse::{is_json, parse};
use crate::problem::{At, Problem, Problems};
use crate::source::SourceFile;
use outline::Outline;
use serde::Serialize;

/// Systems whose policies can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Policy documents of JIT Groups, `schemaVersion: 1`.
    JitGroups,
    /// Teleport's role resources, one or many to a file.
    Teleport,
    /// The eligibility, approver and settings tables of TEAM, the AWS sample, as JSON.
    AwsTeam,
}

/// What became of a policy of another system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Where it came from.
    pub origin: Origin,
    /// The same in this language, in its canonical form.
    pub policy: String,
    /// What is not the same.
    pub remarks: Vec<Remark>,
}

/// One thing that could not be carried over as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The role it concerns, as it is named here; empty when all or none.
    pub role: String,
    /// What is different now, for a person.
    pub message: String,
    /// Which way the result differs.
    pub effect: Effect,
    /// The file it stood in.
    pub file: String,
    /// From 1.
    pub line: u32,
}

/// How the result differs from what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It gives more: a restriction is missing.
    Wider,
    /// It gives less, or asks more.
    Narrower,
    /// It gives the same, once somebody has done what the remark says.
    ToDo,
}

/// Translates the files of one system, which is found out when it is not said.
///
/// # Errors
/// Everything that keeps the files from being read, or from being told apart.
pub fn import(files: &[SourceFile], origin: Option<Origin>) -> Result<Imported, Vec<Problem>> {
    let mut out = Problems::default();
    let documents = documents(files, &mut out);
    let found = origin.or_else(|| the_origin(&documents, &mut out));
    let Some(origin) = found.filter(|_| !out.has_errors()) else {
        if !out.has_errors() {
            unknown_origin(files, &documents, &mut out);
        }
        return Err(out.sorted());
    };
    let mut outline = Outline::new(files.iter().map(|file| file.bytes.len()).sum());
    match origin {
        Origin::JitGroups => jit_groups::read(&documents, &mut outline, &mut out),
        Origin::Teleport => teleport::read(&documents, &mut outline, &mut out),
        Origin::AwsTeam => team::read(&documents, &mut outline, &mut out),
    }
    if outline.is_too_much() {
        let message = "what the roles of these files share comes to too much when it is written out for each";
        let file = files.first().map_or("", |f| f.path.as_str());
        out.error(file, At::FILE, "too-much", message, "import them in parts");
    }
    if out.has_errors() {
        return Err(out.sorted());
    }
    let text = outline.text();
    let file = SourceFile { path: "imported.yaml".to_owned(), bytes: text.clone().into_bytes() };
    let policy = crate::format::format(&file).unwrap_or(text);
    Ok(Imported { origin, policy, remarks: outline.remarks })
}

/// The system that the documents are of; several are told apart, and not read.
fn the_origin(documents: &[Read], out: &mut Problems) -> Option<Origin> {
    let mut found = documents.iter().filter_map(|(path, document)| Some((path, origin_of(document)?)));
    let (first, origin) = found.next()?;
    if let Some((path, other)) = found.find(|(_, other)| *other != origin) {
        let message = format!("this is a policy of {}, and {first} is one of {}", other.name(), origin.name());
        out.error(path, At::FILE, "unknown-origin", message, "import the files of one system at a time");
    }
    Some(origin)
}

fn unknown_origin(files: &[SourceFile], documents: &[Read], out: &mut Problems) {
    let ours = |root: &crate::node::Node| {
        ["roles", "resources", "groups", "idp_groups", "tests"].iter().any(|key| root.get(key).is_some())
    };
    if let Some((path, _)) = documents.iter().find(|(_, document)| ours(&document.root)) {
        let hint = "there is nothing to import: `curfew policy check` says what is wrong with it, if anything";
        return out.error(path, At::FILE, "unknown-origin", "this looks like a policy of Curfew already", hint);
    }
    let hint = "name the files of another system; --from jit-groups, teleport or aws-team says of which";
    let file = files.first().map_or("", |f| f.path.as_str());
    out.error(file, At::FILE, "unknown-origin", "this is no policy of a system that can be read", hint);
}

impl Origin {
    /// As people call the system.
    fn name(self) -> &'static str {
        match self {
            Self::JitGroups => "JIT Groups",
            Self::Teleport => "Teleport",
            Self::AwsTeam => "TEAM",
        }
    }
}

/// A document and the name of its file.
type Read = (String, Document);

/// Every document of every file. Other systems keep several in one file.
fn documents(files: &[SourceFile], out: &mut Problems) -> Vec<Read> {
    let mut read = Vec::new();
    // Guardrails are Curfew's own, and no YAML.
    for file in files.iter().filter(|file| !file.path.ends_with(".cedar")) {
        for part in parts(file) {
            let mut own = Problems::default();
            let document = parse(&part, &mut own);
            // Exports of other systems are full of nulls, which say nothing; here they are read as absent.
            own.sorted().into_iter().filter(|p| p.code != "null").for_each(|p| out.push(p));
            read.extend(document.map(|document| (part.path, document)));
        }
    }
    read
}

/// The documents of a file, each with as many blank lines before it as there were others, so that places hold.
fn parts(file: &SourceFile) -> Vec<SourceFile> {
    let Ok(text) = std::str::from_utf8(&file.bytes) else { return vec![file.clone()] };
    if is_json(&file.path) || file.bytes.len() > curfew_domain::limits::POLICY_FILE_BYTES {
        return vec![file.clone()];
    }
    let mut parts = vec![String::new()];
    let (mut lines_before, mut blank_lines) = (0_usize, MOST_BLANK_LINES);
    for line in text.split_inclusive('\n') {
        lines_before += 1;
        match line.trim_end() {
            "---" => {
                let lines = lines_before.min(MOST_LINES).min(blank_lines);
                blank_lines -= lines;
                parts.push("\n".repeat(lines));
            }
            _ => parts.last_mut().expect("INVARIANT: there is one").push_str(line),
        }
        if parts.len() > MOST_DOCUMENTS {
            // Too many to be worth splitting: the reader says what is wrong with the file.
            return vec![file.clone()];
        }
    }
    let says_something = |part: &String| part.lines().any(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
    let whole = parts.into_iter().filter(says_something);
    let parts: Vec<_> = whole.map(|text| SourceFile { path: file.path.clone(), bytes: text.into_bytes() }).collect();
    if parts.is_empty() { vec![file.clone()] } else { parts }
}

/// Documents in one file.
const MOST_DOCUMENTS: usize = 500;
/// Lines before a document that are counted.
const MOST_LINES: usize = 20_000;
/// Such lines in all; after that, places are wrong.
const MOST_BLANK_LINES: usize = 1_000_000;

fn origin_of(document: &Document) -> Option<Origin> {
    let root = &document.root;
    let has = |key: &str| root.get(key).is_some();
    if has("schemaVersion") && has("environment") {
        return Some(Origin::JitGroups);
    }
    if has("kind") && has("spec") && has("metadata") {
        return Some(Origin::Teleport);
    }
    team::is_table(root).then_some(Origin::AwsTeam)
}

#[cfg(test)]
mod tests;
