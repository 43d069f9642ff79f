//! Going back: an explicit act of persons, written down. Where files are covered by `policy_approvers`, it takes as many
//! of the same people as a change of them, each saying so; who goes back to a commit signs nothing.

use super::approvers::{Places, counts, needed};
use curfew_domain::{Identity, Timestamp};
use curfew_policy::PolicySet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How long the first person's word holds.
const HOLDS_MILLIS: u64 = 3_600_000;

/// What some have said yes to, until enough have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proposal {
    /// The version in force when it was asked for: another one voids it.
    from: String,
    /// The commit to go back to.
    to: String,
    /// Who, each person once.
    by: Vec<Identity>,
    /// When the first of them said so.
    since: Timestamp,
}

impl Proposal {
    /// What was said before, if it is about the same step and holds, with one more person.
    pub(super) fn with(before: Option<&str>, from: &str, to: &str, (who, now): (&Identity, Timestamp)) -> Self {
        let before: Option<Self> = before.and_then(|text| serde_json::from_str(text).ok());
        let holds = |p: &Self| p.from == from && p.to == to && now.millis_since(p.since) < HOLDS_MILLIS;
        let mut proposal = before.filter(holds).unwrap_or_else(|| Self {
            from: from.to_owned(),
            to: to.to_owned(),
            by: Vec::new(),
            since: now,
        });
        proposal.by.retain(|other| !other.subject.is_same_as(&who.subject));
        proposal.by.push(who.clone());
        proposal
    }

    /// The people who want it.
    pub(super) fn people(&self) -> Vec<String> {
        self.by.iter().map(|who| who.subject.label()).collect()
    }

    /// Whether one of them is so.
    pub(super) fn has(&self, is: impl Fn(&Identity) -> bool) -> bool {
        self.by.iter().any(is)
    }

    /// Who is missing still, a sentence for each rule that covers what would change.
    pub(super) fn missing(&self, set: &PolicySet, places: &Places, changed: &BTreeSet<String>) -> Vec<String> {
        let lacking = |rule| self.by.iter().filter(|who| counts(set, rule, who)).count() < rule.require as usize;
        let rules = places.covering(set, changed).into_iter().filter(|(rule, _)| lacking(rule));
        rules.map(|(rule, paths)| format!("`{}` takes {}", paths.join("`, `"), needed(rule))).collect()
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("INVARIANT: a proposal serializes")
    }
}

/// Whether a rule of the set names this person.
pub(super) fn is_named(set: &PolicySet, who: &Identity) -> bool {
    set.policy_approvers().iter().any(|rule| counts(set, rule, who))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_domain::{Subject, SubjectId, SubjectKind};
    use curfew_policy::{Purpose, SourceFile, check};

    fn somebody(email: &str) -> Identity {
        let id = SubjectId::new("test", email).expect("an id");
        let subject = Subject { kind: SubjectKind::Person, id, email: email.parse().ok(), name: None };
        Identity { subject, groups: BTreeSet::new() }
    }

    #[test]
    fn each_person_counts_once_and_their_word_holds_for_an_hour() {
        let text = "policy_approvers: [{paths: [\"**\"], any_of: [sam@example.com, sue@example.com], require: 2}]\n";
        let file = SourceFile { path: "p.yaml".to_owned(), bytes: text.as_bytes().to_vec() };
        let set = check(&[file], &[], Purpose::Load).set.expect("a set");
        let changed = BTreeSet::from(["p.yaml".to_owned()]);
        let at = Timestamp::from_millis;
        let missing = |p: &Proposal| p.missing(&set, &Places::default(), &changed).len();
        let (sam, sue, root) = (somebody("sam@example.com"), somebody("sue@example.com"), somebody("root@example.com"));
        let first = Proposal::with(None, "a", "b", (&sam, at(0)));
        assert_eq!(missing(&first), 1);
        let text = first.text();
        assert_eq!(missing(&Proposal::with(Some(&text), "a", "b", (&sam, at(1)))), 1);
        assert_eq!(missing(&Proposal::with(Some(&text), "a", "b", (&root, at(1)))), 1);
        assert_eq!(missing(&Proposal::with(Some(&text), "a", "b", (&sue, at(1)))), 0);
        for (from, to, now) in [("x", "b", 1), ("a", "x", 1), ("a", "b", 3_600_000)] {
            assert_eq!(missing(&Proposal::with(Some(&text), from, to, (&sue, at(now)))), 1, "{from} {to} {now}");
        }
        assert!(is_named(&set, &sam) && !is_named(&set, &root));
    }
}
