//! The performance table: what Curfew does in a second, beside what the machine could do at most, measured
//! in the same run.
#![allow(clippy::disallowed_methods, reason = "this times real work on the real clock")]
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

mod audit;
mod decisions;
mod expiry;
mod ledger;
mod openbao;
mod pipelines;
mod postgres;
mod restart;
mod roles;
mod served;
mod sets;
mod ssh;
mod table;
mod world;

use table::Table;

/// The one that the binary has.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Section = fn(&mut Table);

const SECTIONS: [(&str, Section); 10] = [
    ("policy decisions", decisions::measure),
    ("policy sets", sets::measure),
    ("ledger", ledger::measure),
    ("audit", audit::measure),
    ("ssh", ssh::measure),
    ("postgres", postgres::measure),
    ("expiry", expiry::measure),
    ("pipelines", pipelines::measure),
    ("restart", restart::measure),
    ("openbao", openbao::measure),
];

fn main() {
    // `cargo bench` adds flags of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut table = Table::default();
    for (name, measure) in SECTIONS {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            eprintln!("measuring {name}");
            measure(&mut table);
        }
    }
    if let Some(file) = std::env::var_os("CURFEW_BENCH_JSON") {
        std::fs::write(file, table.json()).unwrap();
    }
}
