//! What the page of a job says about its access: a table in `$GITHUB_STEP_SUMMARY`.

use super::super::Context;
use super::show::{Row, rows};
use crate::failure::Failure;
use crate::job::Job;
use crate::session;
use curfew_api::RunStateView;
use curfew_domain::{Grant, Id, Run};
use std::fs::OpenOptions;
use std::io::Write;

/// Adds the table of one grant, or of all of the run, where the runner has a place for it. The run, as it was read for that.
pub(crate) async fn write(
    context: &mut Context,
    job: &Job,
    (run, only): (Id<Run>, Option<Id<Grant>>),
) -> Result<RunStateView, Failure> {
    let run = job.session.client.run(&run.to_string()).await.map_err(session::failure)?;
    let only = only.map(|id| id.to_string());
    let rows: Vec<Row> = rows(&run).into_iter().filter(|row| only.as_ref().is_none_or(|id| *id == row.id)).collect();
    if let Some(path) = context.machine.var_os("GITHUB_STEP_SUMMARY")
        && !rows.is_empty()
    {
        let file = OpenOptions::new().append(true).create(true).open(path);
        if let Err(error) = file.and_then(|mut file| file.write_all(table(&rows).as_bytes())) {
            context.output.warn(&format!("the job's summary cannot be written: {error}"));
        }
    }
    Ok(run)
}

fn table(rows: &[Row]) -> String {
    let mut text =
        "### Access of this job\n\n| role | of | to | approved by | given | gone |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for row in rows {
        let given = row.given.map_or_else(|| "not claimed".to_owned(), |at| at.to_string());
        let gone = row.gone.map_or_else(|| row.state.clone(), |at| format!("{at}, {}: {}", row.verified, row.state));
        let cells = [&row.role, &row.subject, &row.scope, &row.approved_by, &given, &gone];
        let cells: Vec<_> = cells.iter().map(|cell| plain(cell)).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text.push('\n');
    text
}

/// Text that is no markup, whoever wrote it.
fn plain(text: &str) -> String {
    let mut safe = String::new();
    for c in curfew_domain::text::visible(text).chars() {
        if c.is_ascii_punctuation() && !matches!(c, '-' | ':' | ',' | '.' | '/' | '@' | '(' | ')' | ';' | '_' | '+') {
            safe.push_str(&format!("&#{};", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_is_markup() {
        assert_eq!(plain("deploy: read, ann@example.com"), "deploy: read, ann@example.com");
        assert_eq!(plain("<img src=x>|`a`[b]"), "&#60;img src&#61;x&#62;&#124;&#96;a&#96;&#91;b&#93;");
        assert!(!plain("a\nb").contains('\n'));
    }
}
