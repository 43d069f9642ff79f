//! The page in the documentation is the one that the program writes.

use std::path::Path;

/// With `CURFEW_PIN_REFERENCE` set, the page is written anew.
#[test]
fn the_page_is_what_the_program_writes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy/reference.md");
    let page = curfew_policy::reference();
    if std::env::var_os("CURFEW_PIN_REFERENCE").is_some() {
        std::fs::write(&path, &page).expect("written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page,
        "docs/policy/reference.md is stale: run CURFEW_PIN_REFERENCE=1 cargo test -p curfew-policy --test reference"
    );
}

/// Every row of a table has as many cells as its heading, so that no text breaks it.
#[test]
fn tables_are_whole() {
    let page = curfew_policy::reference();
    let mut cells = None;
    for line in page.lines() {
        let count = line.starts_with('|').then(|| line.replace("\\|", "").matches('|').count());
        if let (Some(before), Some(now)) = (cells, count) {
            assert_eq!(before, now, "{line}");
        }
        cells = count;
    }
    assert!(page.lines().count() > 300 && !page.contains("``:"), "{page}");
}

/// Every place of the page that a link names is there.
#[test]
fn links_lead_somewhere() {
    let page = curfew_policy::reference();
    let headings: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## ").or(line.strip_prefix("### ")))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    for link in page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(headings.iter().any(|heading| heading == link), "#{link}: {headings:?}");
    }
}
