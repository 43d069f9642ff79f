//! Whose yes it takes: whether one chain of stages can be satisfied by approvals that would not satisfy another.

use super::allowed::Allowed;
use super::change::{Changes, Kind};
use super::expression::{Condition, one_line};
use super::order::{Order, Proof};
use super::shared::{Left, Memo, Shared};
use crate::crowd::Crowd;
use curfew_domain::{RoleName, Seconds, limits};

/// What approval a role needs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Approvals {
    /// None are needed when there is none.
    pub(super) stages: Vec<Stage>,
    pub(super) people: Distinct,
    pub(super) reason: Asked,
    /// How long a request waits for a verdict.
    pub(super) lapses_after: Seconds,
    /// The expression under which nobody has to say yes after all.
    pub(super) automatic_when: Option<String>,
}

impl Approvals {
    /// Where nobody has to say yes.
    pub(super) fn none_needed() -> Self {
        let lapses_after = limits::LAPSES_AFTER;
        Self { stages: Vec::new(), people: Distinct::Yes, reason: Asked::No, lapses_after, automatic_when: None }
    }
}

/// Whether one person counts in more than one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distinct {
    Yes,
    No,
}

/// Whether an approver has to say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    Yes,
    No,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) needs: Needs,
    pub(super) overdue: Overdue,
    /// Who serves when nobody else is left.
    pub(super) fallback: Shared,
}

/// Who has to say yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Needs {
    /// So many of these.
    AnyOf(u32, Shared),
    /// One of each.
    AllOf(Vec<Shared>),
}

/// What becomes of a stage that waits too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Overdue {
    /// It waits as long as the request does.
    Never,
    /// It is refused.
    Reject(Seconds),
    /// These may decide as well.
    Escalate(Seconds, Shared),
}

/// What can be compared of a role: its stages, and who its deny list keeps from approving.
#[derive(Clone, Copy)]
pub(super) struct Chain<'a> {
    pub(super) approvals: &'a Approvals,
    pub(super) denied: &'a Shared,
}

/// Says what becomes of the approvals of a role.
pub(super) fn compare(role: &RoleName, before: Chain<'_>, after: Chain<'_>, changes: &mut Changes) {
    let memo = changes.memo.clone();
    let order = Order::of(implies(after, before, &memo), implies(before, after, &memo));
    changes.ordered(Kind::Approval, order, |draft| {
        // Where a deny list makes the difference, it is said.
        let never = |chain: Chain<'_>| match before.denied == after.denied || chain.denied.is_empty() {
            true => String::new(),
            false => format!("; never {}", chain.denied),
        };
        let text = |chain: Chain<'_>| described(chain.approvals) + &never(chain);
        draft.role(role).was(text(before)).becomes(text(after))
    });
    let (old, new) = (before.approvals, after.approvals);
    if old.stages.is_empty() || new.stages.is_empty() {
        return;
    }
    let order = Order::of_bound(&old.reason, &new.reason);
    let reason = |asked: Asked| match asked {
        Asked::Yes => "approvers give a reason",
        Asked::No => "approvers need no reason",
    };
    changes.ordered(Kind::Approval, order, |d| d.role(role).was(reason(old.reason)).becomes(reason(new.reason)));
    let order = Order::of_bound(&old.lapses_after, &new.lapses_after);
    let waits = |length: Seconds| format!("an undecided request ends after {length}");
    changes
        .ordered(Kind::Approval, order, |d| d.role(role).was(waits(old.lapses_after)).becomes(waits(new.lapses_after)));
    let (order, open) = match (&old.automatic_when, &new.automatic_when) {
        (None, None) => (Order::Same, None),
        (None, Some(_)) => (Order::Wider, None),
        (Some(_), None) => (Order::Narrower, None),
        (Some(old), Some(new)) => Condition::compare_texts(&[old], &[new]),
    };
    let open = open.map(|open| open.of_role(role));
    let when = |side: &Option<String>| side.as_ref().map(|text| format!("automatic when {}", one_line(text)));
    let sides = (when(&old.automatic_when), when(&new.automatic_when));
    changes.ordered(Kind::Approval, order, |d| d.role(role).sides(sides.0, sides.1).open(open));
}

/// Whether whatever satisfies the first chain satisfies the second.
///
/// Each stage of the second needs a stage of its own in the first that is at least as strict. With two or more stages
/// the first must not let one person stand in several when the second does not.
fn implies(strict: Chain<'_>, loose: Chain<'_>, memo: &Memo) -> Proof {
    let (s, l) = (strict.approvals, loose.approvals);
    if l.stages.len() > 1 && s.people == Distinct::No && l.people == Distinct::Yes {
        return Proof::None;
    }
    let mut free: Vec<&Stage> = s.stages.iter().collect();
    // Stages of the same name first, so that a reordering with additions finds its partners.
    let mut wanted: Vec<&Stage> = l.stages.iter().collect();
    wanted.sort_by_key(|stage| !free.iter().any(|f| f.name == stage.name));
    for stage in wanted {
        let among = Among { strict: strict.denied, loose: loose.denied, memo };
        let fits = |f: &&Stage| among.stage_implies(f, stage);
        let named = free.iter().position(|f| f.name == stage.name && fits(f));
        let Some(at) = named.or_else(|| free.iter().position(fits)) else { return Proof::None };
        free.remove(at);
    }
    Proof::Found
}

/// Two crowds are compared without those whom their deny lists keep from approving.
#[derive(Clone, Copy)]
struct Among<'a> {
    strict: &'a Shared,
    loose: &'a Shared,
    memo: &'a Memo,
}

impl Among<'_> {
    fn stage_implies(self, strict: &Stage, loose: &Stage) -> bool {
        let needs = match (&strict.needs, &loose.needs) {
            (Needs::AnyOf(n, crowd), Needs::AnyOf(least, of)) => n >= least && self.holds(crowd, of),
            (Needs::AllOf(each), Needs::AllOf(of)) => {
                each_has_its_own(of, each, |offer, wanted| self.holds(offer, wanted))
            }
            // Each entry brings a person of its own.
            (Needs::AllOf(each), Needs::AnyOf(least, of)) => {
                each.iter().filter(|e| self.holds(e, of)).count() >= *least as usize
            }
            // Everybody of a list that is exactly as long as the number needed.
            (Needs::AnyOf(n, crowd), Needs::AllOf(of)) => {
                let persons = || crowd.persons.iter().map(only).collect::<Vec<Crowd>>();
                let is_of = |offer: &Crowd, wanted: &Shared| self.holds_of(offer, wanted);
                crowd.size() == Some(*n as usize) && each_has_its_own(of, &persons(), is_of)
            }
        };
        needs && self.overdue_implies(strict, loose) && self.fallback_implies(strict, loose)
    }

    /// Whether everybody of the first, as the strict chain has it, is of the second, as the loose chain has it.
    fn holds(self, strict: &Shared, loose: &Shared) -> bool {
        self.memo.is_within((strict, self.strict), (loose, self.loose))
    }

    /// The same of crowds that stand in no list.
    fn holds_of(self, strict: &Crowd, loose: &Crowd) -> bool {
        let strict = Allowed { crowd: strict, denied: self.strict };
        strict.is_within(Allowed { crowd: loose, denied: self.loose })
    }

    /// Whether everybody of the first is of one of the other two.
    fn holds_either(self, strict: &Shared, one: &Shared, other: &Shared) -> bool {
        self.holds(strict, one) || self.holds(strict, other) || self.holds_of(strict, &one.with(other))
    }

    /// Who decides after a while, and when, is no wider.
    fn overdue_implies(self, strict: &Stage, loose: &Stage) -> bool {
        match (&strict.overdue, &loose.overdue) {
            (Overdue::Never, Overdue::Never | Overdue::Escalate(..)) => true,
            (Overdue::Reject(_), Overdue::Never | Overdue::Escalate(..)) => true,
            (Overdue::Reject(own), Overdue::Reject(other)) => own <= other,
            (Overdue::Never | Overdue::Escalate(..), Overdue::Reject(_)) => false,
            (Overdue::Escalate(own, to), Overdue::Escalate(other, of)) => {
                own >= other && self.holds_either(to, of, &regular(loose))
            }
            (Overdue::Escalate(_, to), Overdue::Never) => self.holds(to, &regular(loose)),
        }
    }

    /// A fallback serves when nobody else is left, so with fewer approvers, or more of them needed, it serves more often.
    fn fallback_implies(self, strict: &Stage, loose: &Stage) -> bool {
        if strict.fallback.is_empty() || self.holds(&strict.fallback, &regular(loose)) {
            return true;
        }
        self.holds(&strict.fallback, &loose.fallback) && self.are_left_alike(strict, loose)
    }

    /// Whether the same persons are left to decide both, as far as that can be listed.
    fn are_left_alike(self, strict: &Stage, loose: &Stage) -> bool {
        let (n, own) = entries(&strict.needs);
        let (least, other) = entries(&loose.needs);
        if n != least || own.len() != other.len() {
            return false;
        }
        let left: Vec<Left> =
            own.iter().zip(other).map(|(own, other)| self.memo.left((own, self.strict), (other, self.loose))).collect();
        let listed = left.iter().all(|left| left.listed);
        let alike = left.iter().all(|left| left.alike);
        alike && self.strict.groups == self.loose.groups && (listed || self.strict == self.loose)
    }
}

/// How many are needed, and the crowds that they are of.
fn entries(needs: &Needs) -> (u32, &[Shared]) {
    match needs {
        Needs::AnyOf(n, crowd) => (*n, std::slice::from_ref(crowd)),
        Needs::AllOf(each) => (0, each),
    }
}

fn only(person: &curfew_domain::Email) -> Crowd {
    Crowd { persons: [person.clone()].into(), ..Crowd::default() }
}

/// Those who may decide from the beginning.
fn regular(stage: &Stage) -> Shared {
    match &stage.needs {
        Needs::AnyOf(_, crowd) => crowd.clone(),
        Needs::AllOf(each) => match each.as_slice() {
            [only] => only.clone(),
            _ => Shared::default(),
        },
    }
}

/// Whether each that is wanted can be given one that is offered and within it, no two the same. What is tried in
/// order may miss a way, and then nothing is proved.
fn each_has_its_own<O>(wanted: &[Shared], offered: &[O], is_within: impl Fn(&O, &Shared) -> bool) -> bool {
    let mut free: Vec<&O> = offered.iter().collect();
    wanted.iter().all(|wanted| match free.iter().position(|offer| is_within(offer, wanted)) {
        Some(at) => {
            free.remove(at);
            true
        }
        None => false,
    })
}

fn described(approvals: &Approvals) -> String {
    if approvals.stages.is_empty() {
        return "nobody has to approve".to_owned();
    }
    let stages = approvals.stages.iter().map(|stage| {
        let who = match &stage.needs {
            Needs::AnyOf(n, crowd) => format!("{n} of {crowd}"),
            Needs::AllOf(each) => {
                format!("each of {}", each.iter().map(|e| format!("({e})")).collect::<Vec<_>>().join(" "))
            }
        };
        let overdue = match &stage.overdue {
            Overdue::Never => String::new(),
            Overdue::Reject(after) => format!(", refused after {after}"),
            Overdue::Escalate(after, to) => format!(", after {after} also {to}"),
        };
        let fallback = if stage.fallback.is_empty() { String::new() } else { format!(", else {}", stage.fallback) };
        format!("{}: {who}{overdue}{fallback}", stage.name)
    });
    let people = match (approvals.people, approvals.stages.len()) {
        (Distinct::No, 2..) => "; one person may count in several",
        (Distinct::Yes | Distinct::No, _) => "",
    };
    format!("{}{people}", stages.collect::<Vec<_>>().join("; then "))
}
