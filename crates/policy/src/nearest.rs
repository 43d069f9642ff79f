//! "Did you mean ...?"

use curfew_domain::limits;

/// The candidate that a typo most likely stands for, if one is near enough.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(LONGEST).flat_map(char::to_lowercase).collect();
    let allowed = (word.len() / 3).clamp(1, 3);
    let near = |candidate: &'a str| {
        // Bytes are at least as many as characters, and at most four times as many.
        let possible = candidate.len() + allowed >= word.len() && candidate.len() <= (word.len() + allowed) * 4;
        let letters = || candidate.chars().take(LONGEST * 2).flat_map(char::to_lowercase).collect::<Vec<_>>();
        let distance = possible.then(|| distance(&word, &letters(), allowed)).flatten()?;
        Some((distance, candidate))
    };
    candidates.into_iter().take(limits::SPELLINGS).filter_map(near).min().map(|(_, c)| c)
}

/// Characters of a word that are looked at.
const LONGEST: usize = 64;

/// Insertions, removals, replacements and swaps of neighbours it takes to get from one to the other; none when it takes
/// more than is allowed.
fn distance(a: &[char], b: &[char], allowed: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > allowed {
        return None;
    }
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0 && j > 0 && a[i - 1] == *y && *x == b[j - 1];
            if swapped {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        // A row never holds less than the two before it.
        if row.iter().chain(&last).all(|steps| *steps > allowed) {
            return None;
        }
        before = std::mem::replace(&mut last, row);
    }
    Some(last[b.len()]).filter(|steps| *steps <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_recognised_and_other_words_are_not() {
        let keys = ["approvers", "approval", "duration", "deny", "name"];
        assert_eq!(nearest("aprovers", keys), Some("approvers"));
        assert_eq!(nearest("durration", keys), Some("duration"));
        assert_eq!(nearest("dney", keys), Some("deny"));
        assert_eq!(nearest("Name", keys), Some("name"));
        assert_eq!(nearest("zebra", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
