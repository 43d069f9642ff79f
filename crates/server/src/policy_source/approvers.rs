//! `policy_approvers`: who must have signed a change of some files.
//!
//! A signature on a commit is one over the whole tree of that commit. It counts for a file when the file is already there
//! as it is to be, and the commit is about such files, or only says "I have seen what is below": it is a merge, or it
//! changes nothing. A signature on an unrelated commit on top counts for nothing but that commit.
//!
//! **Invariant:** rules, groups and persons are those of the version in force, never of the candidate.

use curfew_domain::{Email, Identity, Subject, SubjectId, SubjectKind};
use curfew_policy::{Listed, PolicyApprovers, PolicySet, Principal};
use std::collections::BTreeSet;

/// Where the files are that rules speak of.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// The policy folder in the repository: empty, or with `/` at its end.
    pub(super) folder: String,
    /// The allowed-signers file, when it is in the repository: whoever changes it says who signs, so every rule covers it.
    pub(super) signers: Option<String>,
}

/// A signed commit on the way.
#[derive(Debug, Clone)]
pub(super) struct SignedStep {
    /// Who signed it, if the list of signers has an e-mail address for the key.
    pub(super) signer: Option<Email>,
    /// The paths it changes itself; none when it is a merge or says only that somebody has seen what is below.
    pub(super) changes: BTreeSet<String>,
    /// The paths that are not yet in it as they are to be.
    pub(super) lacks: BTreeSet<String>,
}

impl Places {
    fn covers(&self, rule: &PolicyApprovers, path: &str) -> bool {
        let inside = path.strip_prefix(&self.folder);
        let named = inside.is_some_and(|path| rule.paths.iter().any(|glob| glob.matches(path)));
        named || self.signers.as_deref() == Some(path)
    }

    /// The rules that cover one of these paths, each with those.
    pub(super) fn covering<'r>(
        &self,
        set: &'r PolicySet,
        changed: &BTreeSet<String>,
    ) -> Vec<(&'r PolicyApprovers, Vec<String>)> {
        let covered = |rule: &PolicyApprovers| changed.iter().filter(|path| self.covers(rule, path)).cloned().collect();
        let rules = set.policy_approvers().iter().map(|rule| (rule, covered(rule)));
        rules.filter(|(_, paths): &(_, Vec<String>)| !paths.is_empty()).collect()
    }

    /// What is missing before these changes may be in force, a sentence for each file.
    pub(super) fn missing(&self, set: &PolicySet, changed: &BTreeSet<String>, steps: &[SignedStep]) -> Vec<String> {
        let mut missing = Vec::new();
        for (rule, paths) in self.covering(set, changed) {
            for path in paths {
                let vouches = |step: &&SignedStep| {
                    let is_about = step.changes.is_empty() || step.changes.iter().any(|path| self.covers(rule, path));
                    is_about && !step.lacks.contains(&path)
                };
                let signed: BTreeSet<&Email> = steps.iter().filter(vouches).filter_map(|s| s.signer.as_ref()).collect();
                let counted = signed.iter().filter(|email| counts(set, rule, &person(email))).count();
                if counted < rule.require as usize {
                    missing.push(sentence(rule, &path, &signed));
                }
            }
        }
        missing
    }
}

/// Whether a rule names a person, themselves or by a group.
pub(super) fn counts(set: &PolicySet, rule: &PolicyApprovers, who: &Identity) -> bool {
    let groups = set.groups_of(who);
    rule.any_of.iter().any(|listed| match &listed.principal {
        Principal::Person(email) => who.subject.email.as_ref() == Some(email),
        Principal::Group(name) => groups.contains(name),
        // Who is on call is not known here, and a machine vouches for nobody.
        Principal::OnCall(_) | Principal::Workload(_) => false,
    })
}

/// A signer as an identity: what the identity provider would say of their groups is not known.
fn person(email: &Email) -> Identity {
    let id = SubjectId::new("allowed-signers", email.as_str()).expect("INVARIANT: an e-mail address is a sound name");
    let subject = Subject { kind: SubjectKind::Person, id, email: Some(email.clone()), name: None };
    Identity { subject, groups: BTreeSet::new() }
}

/// Who has to sign, as the policy says it.
pub(super) fn needed(rule: &PolicyApprovers) -> String {
    let name = |listed: &Listed| match &listed.principal {
        Principal::Person(email) => email.to_string(),
        Principal::Group(name) => format!("group:{name}"),
        Principal::OnCall(name) => format!("oncall:{name}"),
        Principal::Workload(_) => "a workload".to_owned(),
    };
    let names: Vec<String> = rule.any_of.iter().map(name).collect();
    format!("{} of {} ({}:{})", rule.require, names.join(", "), rule.place.file, rule.place.line)
}

fn sentence(rule: &PolicyApprovers, path: &str, signed: &BTreeSet<&Email>) -> String {
    let by = match signed.len() {
        0 => "nobody".to_owned(),
        _ => signed.iter().map(|email| email.as_str()).collect::<Vec<_>>().join(", "),
    };
    format!("`{path}` takes the signatures of {}, and as it is it was signed by {by}", needed(rule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_policy::{Purpose, SourceFile, check};

    const POLICY: &str = "groups: {security: [sam@example.com, sue@example.com]}\n\
        policy_approvers: [{paths: [\"prod/**\"], any_of: [group:security], require: 2}]\n";

    fn set() -> PolicySet {
        let file = SourceFile { path: "p.yaml".to_owned(), bytes: POLICY.as_bytes().to_vec() };
        let checked = check(&[file], &[], Purpose::Load);
        checked.set.unwrap_or_else(|| panic!("{:?}", checked.problems))
    }

    fn paths(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(|path| (*path).to_owned()).collect()
    }

    fn step(signer: &str, changes: &[&str], lacks: &[&str]) -> SignedStep {
        SignedStep { signer: signer.parse().ok(), changes: paths(changes), lacks: paths(lacks) }
    }

    #[test]
    fn two_of_the_group_sign_what_is_to_be() {
        let places = Places { folder: "policies/".to_owned(), signers: None };
        let changed = paths(&["policies/prod/a.yaml", "README.md"]);
        let a = "policies/prod/a.yaml";
        let missing = |steps: &[SignedStep]| places.missing(&set(), &changed, steps).len();
        let by_sam = step("sam@example.com", &[a], &[]);
        for (second, lacking) in [
            (step("sue@example.com", &[], &[]), 0),
            (step("sue@example.com", &[a], &[]), 0),
            (step("sue@example.com", &["policies/prod/b.yaml"], &[]), 0),
            // Before the change, unrelated, twice the same, somebody else, nobody's address.
            (step("sue@example.com", &[], &[a]), 1),
            (step("sue@example.com", &["README.md"], &[]), 1),
            (step("sam@example.com", &[], &[]), 1),
            (step("eve@example.com", &[], &[]), 1),
            (step("*@example.com", &[], &[]), 1),
        ] {
            assert_eq!(missing(&[by_sam.clone(), second.clone()]), lacking, "{second:?}");
        }
        assert!(places.missing(&set(), &paths(&["README.md", "policies/dev.yaml", "prod/x.yaml"]), &[]).is_empty());
    }

    #[test]
    fn each_file_needs_its_own_and_the_list_of_signers_all() {
        let places = Places { folder: String::new(), signers: Some(".curfew/signers".to_owned()) };
        let changed = paths(&["prod/a.yaml", "prod/b.yaml", ".curfew/signers"]);
        let first = step("sam@example.com", &["prod/a.yaml"], &["prod/b.yaml", ".curfew/signers"]);
        let second = step("sue@example.com", &["prod/b.yaml", ".curfew/signers"], &[]);
        let missing = places.missing(&set(), &changed, &[first, second]);
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing[0].contains(".curfew/signers") && missing[1].contains("prod/b.yaml"), "{missing:?}");
        assert!(missing[1].contains("2 of group:security (p.yaml:2)") && missing[1].contains("by sue@example.com"));
    }
}
