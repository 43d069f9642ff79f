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
/// more than is allowed. Only what is that near to the diagonal is looked at.
fn distance(a: &[char], b: &[char], allowed: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > allowed {
        return None;
    }
    let far = allowed + 1;
    let mut before = vec![far; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).map(|j| j.min(far)).collect();
    let mut row = vec![far; b.len() + 1];
    for (i, x) in a.iter().enumerate() {
        let (from, to) = (i.saturating_sub(allowed), (i + allowed + 1).min(b.len()));
        row[from] = if from == 0 { (i + 1).min(far) } else { far };
        for j in from..to {
            let y = b[j];
            let mut best = (last[j] + usize::from(*x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == y && *x == b[j - 1] {
                best = best.min(before[j - 1] + 1);
            }
            row[j + 1] = best.min(far);
        }
        if to < b.len() {
            row[to + 1] = far;
        }
        // A row never holds less than the two before it.
        if row[from..=to].iter().chain(&last[from..=to]).all(|steps| *steps > allowed) {
            return None;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
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

    /// Without the diagonal, and without an end.
    fn whole_distance(a: &[char], b: &[char]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                let mut best = if i == 0 || j == 0 { i + j } else { usize::MAX };
                if i > 0 && j > 0 {
                    let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    best = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                }
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(table[i - 2][j - 2] + 1);
                }
                table[i][j] = best;
            }
        }
        table[a.len()][b.len()]
    }

    #[test]
    fn near_the_diagonal_nothing_is_missed() {
        let words: Vec<Vec<char>> = (0..400_u32)
            .map(|n| (0..n % 7).map(|i| char::from(b'a' + (n / 7 * (i + 3) / 2 % 3) as u8)).collect())
            .collect();
        for (a, b) in words.iter().flat_map(|a| words.iter().map(move |b| (a, b))) {
            for allowed in 1..=3 {
                let whole = Some(whole_distance(a, b)).filter(|steps| *steps <= allowed);
                assert_eq!(distance(a, b, allowed), whole, "{a:?} {b:?} {allowed}");
            }
        }
    }
}
