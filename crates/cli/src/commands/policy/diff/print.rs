//! The access diff for people: on a terminal, and as a comment on a pull request.

use super::live::{Effect, Touched};
use crate::failure::Failure;
use crate::output::{Colour, Output, Voice};
use curfew_domain::text::visible;
use curfew_policy::{AccessDiff, Change, Direction};

/// Lines of a comment. Code hosts cut a longer one off, or refuse it.
const MOST_ROWS: usize = 200;

/// A line for each change, the widening ones first.
pub(super) fn human(output: &mut Output, diff: &AccessDiff, live: &[Touched]) -> Result<(), Failure> {
    if output.voice() == Voice::Quiet {
        return Ok(());
    }
    for direction in [Direction::Wider, Direction::Unknown, Direction::Narrower] {
        for change in diff.changes.iter().filter(|change| change.direction == direction) {
            let (word, colour) = match direction {
                Direction::Wider => ("wider", Colour::Red),
                Direction::Unknown => ("cannot tell", Colour::Yellow),
                Direction::Narrower => ("narrower", Colour::Green),
            };
            let mark = output.paint(colour, &format!("{word:11}"));
            output.raw(format!("{mark}  {}\n", visible(&sentence(change))).as_bytes())?;
        }
    }
    for grant in live {
        output.line(&format!("live         {} of {} ({}): {}", grant.id, grant.subject, grant.role, fate(grant)))?;
    }
    output.line(&summary(diff))
}

/// A table, without a character of the policy's own that a code host would take for more than text.
pub(super) fn markdown(diff: &AccessDiff, live: &[Touched]) -> String {
    let heading = match (diff.widened, diff.changes.is_empty()) {
        (true, _) => "**This change widens access.**",
        (false, false) => "This change narrows access.",
        (false, true) => "This change leaves access as it is.",
    };
    let mut text = format!("### Access diff\n\n{heading} {}\n", summary(diff));
    let mut rows = diff.changes.iter().collect::<Vec<_>>();
    rows.sort_by_key(|change| change.direction != Direction::Wider && change.direction != Direction::Unknown);
    if !rows.is_empty() {
        text.push_str("\n| | what | role | who or where | before | after |\n|---|---|---|---|---|---|\n");
    }
    for change in rows.iter().take(MOST_ROWS) {
        let mark = match change.direction {
            Direction::Wider => "wider",
            Direction::Unknown => "cannot tell",
            Direction::Narrower => "narrower",
        };
        let role = change.role.as_ref().map(ToString::to_string);
        let after = change.after.as_ref().map(|after| after.clone() + &request(change));
        let cells = [role, place(change), change.before.clone(), after];
        let cells = cells.map(|cell| cell.map_or_else(String::new, |cell| code(&cell)));
        let environment = change.environment.as_ref().map(|name| format!(" in {}", code(name))).unwrap_or_default();
        text.push_str(&format!("| {mark} | {}{environment} | {} |\n", change.kind.word(), cells.join(" | ")));
    }
    if rows.len() > MOST_ROWS {
        text.push_str(&format!("\n{} more changes are not listed here.\n", rows.len() - MOST_ROWS));
    }
    if !live.is_empty() {
        text.push_str("\n| live grant | role | of | |\n|---|---|---|---|\n");
    }
    for grant in live.iter().take(MOST_ROWS) {
        let cells = [&grant.id, &grant.role, &grant.subject].map(|cell| code(cell));
        text.push_str(&format!("| {} | {} |\n", cells.join(" | "), fate(grant)));
    }
    text
}

/// Text of a policy inside backticks, where it can neither mention anybody nor be HTML.
fn code(text: &str) -> String {
    const CHARS: usize = 300;
    let cut: String = text.chars().take(CHARS).collect();
    let plain = visible(&cut).replace('`', "'").replace('|', "\\|");
    format!("`{plain}`")
}

fn sentence(change: &Change) -> String {
    let role = change.role.as_ref().map(|role| format!(" {role}")).unwrap_or_default();
    let place = place(change).map(|place| format!(" ({place})")).unwrap_or_default();
    let environment = change.environment.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
    let sides = match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!(": {before} -> {after}"),
        (None, Some(after)) => format!(": now {after}"),
        (Some(before), None) => format!(": no longer {before}"),
        (None, None) => String::new(),
    };
    format!("{}{role}{place}{environment}{sides}{}", change.kind.word(), request(change))
}

/// The request that shows it, if one was found.
fn request(change: &Change) -> String {
    let lead = match change.direction {
        Direction::Wider | Direction::Narrower => "for instance",
        Direction::Unknown => "perhaps",
    };
    change.request.as_ref().map_or_else(String::new, |request| format!(" ({lead}: {request})"))
}

fn place(change: &Change) -> Option<String> {
    let pair = match (&change.resource, &change.action) {
        (Some(resource), Some(action)) => Some(format!("{action} on {resource}")),
        (Some(resource), None) => Some(resource.to_string()),
        (None, _) => None,
    };
    change.subject.clone().or(pair)
}

fn summary(diff: &AccessDiff) -> String {
    let count = |direction| diff.changes.iter().filter(|change| change.direction == direction).count();
    let (wider, unknown) = (count(Direction::Wider), count(Direction::Unknown));
    let unlisted = match diff.unlisted {
        0 => String::new(),
        more => format!(", and {more} that are not listed"),
    };
    format!("{wider} wider, {unknown} that cannot be told, {} narrower{unlisted}", count(Direction::Narrower))
}

fn fate(grant: &Touched) -> String {
    let because = grant.because.iter().copied().collect::<Vec<_>>().join(", ");
    match grant.effect {
        Effect::Ended => format!("ends ({because})"),
        Effect::Kept => format!("runs to its end, and would not be given again ({because})"),
    }
}
