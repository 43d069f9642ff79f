//! Lists for people.

use super::{Output, Voice};
use crate::failure::Failure;
use comfy_table::ContentArrangement;
use comfy_table::presets;
use curfew_domain::text::visible;

/// Rows under headings. Every cell is made safe to print. `--quiet` prints the first column alone, and
/// that is the id.
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    empty: &'static str,
}

impl Table {
    /// A table; `empty` is said instead of one without rows.
    pub fn new(headings: &[&'static str], empty: &'static str) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new(), empty }
    }

    /// One more row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| visible(&cell).into_owned()).collect());
    }

    /// Prints it.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub fn print(self, output: &mut Output) -> Result<(), Failure> {
        if output.voice() == Voice::Quiet {
            let ids: String = self.rows.iter().filter_map(|row| row.first()).map(|id| format!("{id}\n")).collect();
            return output.raw(ids.as_bytes());
        }
        if self.rows.is_empty() {
            output.note(self.empty);
            return Ok(());
        }
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.headings).add_rows(self.rows);
        let lines = table.lines().map(|line| format!("{}\n", line.trim()));
        output.raw(lines.collect::<String>().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::kept;
    use super::super::{Output, Reader, Voice};
    use super::Table;

    fn table() -> Table {
        let mut table = Table::new(&["ID", "REASON"], "nothing");
        table.row(["req_1".to_owned(), "orders\u{1b}[2J\nstuck".to_owned()]);
        table
    }

    #[test]
    fn rows_stand_under_their_headings_and_nothing_hides() {
        let (streams, out, _) = kept(Reader::Program);
        table().print(&mut Output::new(streams, Voice::Human)).expect("written");
        assert_eq!(out.text(), "ID     REASON\nreq_1  orders\\u{1b}[2J\\u{a}stuck\n");
    }

    #[test]
    fn quiet_is_ids() {
        let (streams, out, _) = kept(Reader::Program);
        table().print(&mut Output::new(streams, Voice::Quiet)).expect("written");
        assert_eq!(out.text(), "req_1\n");
    }

    #[test]
    fn an_empty_list_is_said_to_people_only() {
        for (reader, said) in [(Reader::Terminal, "nothing\n"), (Reader::Program, "")] {
            let (streams, out, err) = kept(reader);
            Table::new(&["ID"], "nothing").print(&mut Output::new(streams, Voice::Human)).expect("written");
            assert_eq!((out.text().as_str(), err.text().as_str()), ("", said));
        }
    }
}
