//! The sentences of the language's page, each tried: `texts/page/` holds sets that say them at their top and bring the
//! requests that show them, as tests of their own.

mod common;

use common::*;
use std::path::Path;

#[test]
fn every_sentence_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/texts/page");
    let mut tried = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("the set");
        let run = set(&text).run_tests();
        assert!(text.starts_with("# ") && !run.results.is_empty(), "{} says and shows something", path.display());
        tried += run.results.len();
        for result in run.results.iter().filter(|result| !result.ok) {
            wrong.push(format!("{}:{} {}: {:?}", path.display(), result.line, result.name, result.mismatches));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 90, "{tried} requests");
}
