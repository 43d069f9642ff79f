//! The reference of the policy language, as Markdown: written from the tables that the checker reads, so that it says
//! what the program does.

mod codes;
mod forms;

use crate::language::{DOCUMENT, Key, OVERLAY_DOCUMENT, OVERLAY_RESOURCE, OVERLAY_ROLE, Presence, Record, WORKLOADS};
use crate::schema::RECORDS;
use std::fmt::Write;

/// The whole page.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    forms::write(&mut page);
    page.push_str("\n## Keys\n\nA key in **bold** has to be there.\n");
    write_record(&mut page, "the file", &DOCUMENT, "A policy file: `*.yaml`, `*.yml` or `*.json`.");
    for (name, record) in RECORDS {
        write_record(&mut page, name, record, &stands_under(name, record));
    }
    workloads(&mut page);
    environments(&mut page);
    codes::write(&mut page);
    page
}

const INTRODUCTION: &str = "# The policy language, key by key

This page is written by the program from the tables that `curfew policy check` reads; a test compares them. `curfew policy schema
--reference` prints the page of the version you have, and `curfew policy schema` the JSON Schema for editors. New here?
[The tutorial](tutorial.md) begins with the smallest document; [Writing policy](../policy.md) says how a request is decided.
";

fn write_record(page: &mut String, name: &str, record: &Record, stands: &str) {
    heading(page, name, stands);
    for key in record.keys {
        row(page, key);
    }
    if name == "trigger" {
        let providers: Vec<String> = WORKLOADS.iter().map(|(word, _)| format!("`{word}`")).collect();
        line(page, &format!("| **one of** {} | [workload](#workloads) | | Whose runs. |", providers.join(", ")));
    }
}

fn heading(page: &mut String, name: &str, stands: &str) {
    line(page, &format!("\n### {name}\n\n{stands}\n\n| key | holds | when absent | meaning |\n|---|---|---|---|"));
}

fn row(page: &mut String, key: &Key) {
    let name = match key.presence {
        Presence::Required => format!("**`{}`**", key.name),
        Presence::Optional => format!("`{}`", key.name),
    };
    let default = if key.default.is_empty() { String::new() } else { code(key.default) };
    let example = code(&format!("{}: {}", key.name, key.example));
    line(page, &format!("| {name} | {} | {default} | {} {example} |", forms::holds(&key.shape), cell(key.doc)));
}

/// Where a mapping stands, by the keys that hold it.
fn stands_under(name: &str, record: &'static Record) -> String {
    let all = std::iter::once(("the file", &DOCUMENT)).chain(RECORDS);
    let holds = |key: &&Key| key.shape.records().iter().any(|r| std::ptr::eq(*r, record));
    let mut places: Vec<String> = Vec::new();
    for (of, holder) in all {
        for key in holder.keys.iter().filter(holds) {
            places.push(format!("`{}` of {}", key.name, link(of)));
        }
    }
    let what = record.what.trim_matches('`');
    let said = if what == name { String::new() } else { format!("{}, ", capital(record.what)) };
    format!("{said}{} {}.", if said.is_empty() { "Under" } else { "under" }, places.join(", "))
}

fn workloads(page: &mut String) {
    page.push_str(
        "\n## Workloads\n\nA run of a pipeline or a service account, among `requesters` and in a [trigger](#trigger): a mapping with one of these keys. \
         Claims are compared whole; a list means any of them; the only wildcard is one `*` at the end of a tag ref. An identity has to be named, \
         and on GitHub and GitLab a `ref` or `environment`.\n",
    );
    for (word, record) in &WORKLOADS {
        heading(page, word, &format!("`{{{word}: {{...}}}}`"));
        record.keys.iter().for_each(|key| row(page, key));
    }
}

fn environments(page: &mut String) {
    page.push_str(
        "\n## Environments\n\n`environments/NAME.yaml` fills resources in and narrows roles; that it only narrows is checked with every check.\n",
    );
    write_record(page, "an environment", &OVERLAY_DOCUMENT, "The file.");
    let same = |name: &str| format!("As [{name}](#{name}), but only the name has to be there.");
    for (name, record, base) in [
        ("a resource of an environment", &OVERLAY_RESOURCE, "resource"),
        ("a role of an environment", &OVERLAY_ROLE, "role"),
    ] {
        let keys: Vec<String> = record.keys.iter().map(|key| format!("`{}`", key.name)).collect();
        line(page, &format!("\n### {name}\n\n{} Keys: {}.", same(base), keys.join(", ")));
    }
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("INVARIANT: a text can be written to");
}

/// A place of this page.
fn link(name: &str) -> String {
    format!("[{name}](#{})", name.replace(' ', "-"))
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Code in a cell of a table, each line by itself.
fn code(text: &str) -> String {
    let fence = if text.contains('`') { "``" } else { "`" };
    let lines: Vec<String> = text.lines().map(|line| format!("{fence}{}{fence}", cell(line))).collect();
    lines.join("<br>")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
