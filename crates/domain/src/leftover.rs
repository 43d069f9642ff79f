//! What a subject left behind in a target, and how much of it is put on record.

use crate::limits;
use serde::{Deserialize, Serialize};

/// What was done about a thing that the subject left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverDone {
    /// It is gone.
    Dropped,
    /// It belongs to a powerless owner now.
    Quarantined,
    /// It was left where it is, and somebody should look.
    Reported,
}

/// Something that the subject left behind in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// What it is: `table`, `function`, `prepared transaction`, ...
    pub kind: String,
    /// Its name in the target.
    pub name: String,
    /// Where in the target; empty where there is only one place.
    pub database: String,
    /// What was done about it.
    pub done: LeftoverDone,
}

impl Leftover {
    fn bytes(&self) -> usize {
        self.kind.len() + self.name.len() + self.database.len()
    }

    fn shortened(self) -> Self {
        Self { kind: short(self.kind), name: short(self.name), database: short(self.database), done: self.done }
    }
}

fn short(mut text: String) -> String {
    if text.len() > limits::LEFTOVER_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(limits::LEFTOVER_TEXT_BYTES));
        text.push('…');
    }
    text
}

/// What stands on record of these. A subject can leave any number of things behind with names of any length, and
/// evidence is kept for ever: so the first are named, as far as there is room, and the others are counted.
pub(crate) fn recorded(leftovers: Vec<Leftover>) -> Vec<Leftover> {
    let all = leftovers.len();
    let mut room = limits::LEFTOVERS_BYTES;
    let mut named: Vec<Leftover> = Vec::new();
    for leftover in leftovers.into_iter().map(Leftover::shortened) {
        if named.len() == limits::LEFTOVERS_NAMED || leftover.bytes() > room {
            let name = format!("{} more, which the target's own catalog lists", all - named.len());
            named.push(Leftover { kind: "further leftovers".to_owned(), name, ..leftover });
            break;
        }
        room -= leftover.bytes();
        named.push(leftover);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: String) -> Leftover {
        Leftover { kind: "table".to_owned(), name, database: "app".to_owned(), done: LeftoverDone::Quarantined }
    }

    #[test]
    fn a_few_are_all_named() {
        let few: Vec<Leftover> = (0..20).map(|n| table(format!("public.t{n}"))).collect();
        assert_eq!(recorded(few.clone()), few);
    }

    #[test]
    fn of_many_the_others_are_counted() {
        let recorded = recorded((0..5_000).map(|n| table(format!("t{n}"))).collect());
        assert_eq!(recorded.len(), limits::LEFTOVERS_NAMED + 1);
        let rest = recorded.last().expect("one more");
        assert_eq!((rest.kind.as_str(), rest.done), ("further leftovers", LeftoverDone::Quarantined));
        assert_eq!(
            rest.name,
            format!("{} more, which the target's own catalog lists", 5_000 - limits::LEFTOVERS_NAMED)
        );
    }

    #[test]
    fn names_of_any_length_take_bounded_room() {
        let recorded = recorded((0..5_000).map(|n| table(format!("{n}{}", "ü".repeat(30_000)))).collect());
        let bytes: usize = recorded.iter().map(Leftover::bytes).sum();
        assert!(bytes <= limits::LEFTOVERS_BYTES + 200, "{bytes}");
        assert!(recorded[0].name.starts_with("0ü") && recorded[0].name.ends_with('…'));
        assert!(recorded.len() > 100, "{}", recorded.len());
    }
}
