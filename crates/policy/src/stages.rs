//! Who could decide the stages of a request, as far as that can be listed, and whether enough persons are left for
//! all of them. Whether somebody may decide is Cedar's to say; a property test holds the two together.

use crate::allowance::Allowance;
use crate::directory::Directory;
use crate::model::{Chain, Counting, Listed, Principal, StageRule};
use curfew_domain::{Email, Stage};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::rc::Rc;

/// A stage of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Staffed {
    pub(crate) stage: Stage,
    /// Whether `fallback` serves.
    pub(crate) falls_back: bool,
    /// Whether enough persons are left.
    pub(crate) completable: bool,
}

/// Who is asked about: whose deny list, and who never counts.
pub(crate) struct Staffing<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) deny: &'a [Listed],
    /// The requester, and the person behind a run.
    pub(crate) never: &'a BTreeSet<Email>,
    /// For who is in groups. Once it is spent, nothing that is said here holds.
    pub(crate) allowance: &'a Allowance,
}

/// Persons already counted on, each for one seat.
type Seats = BTreeMap<Email, usize>;

impl Staffing<'_> {
    /// The stages of a chain, each with its own approvers or, where nobody is left, with its fallback.
    pub(crate) fn of(&self, chain: &Chain) -> Vec<Staffed> {
        let mut taken = Seats::new();
        let mut seats: Vec<Seat> = Vec::new();
        chain
            .stages
            .iter()
            .map(|rule| {
                if !chain.distinct_approvers {
                    (taken, seats) = (Seats::new(), Vec::new());
                }
                self.staffed(rule, &mut taken, &mut seats)
            })
            .collect()
    }

    fn staffed(&self, rule: &StageRule, taken: &mut Seats, seats: &mut Vec<Seat>) -> Staffed {
        let own = self.seats(rule, &rule.approvers, rule.counting);
        if seated(&own, taken, seats) {
            return Staffed { stage: self.stage(rule, &rule.approvers), falls_back: false, completable: true };
        }
        let fallback = self.seats(rule, &rule.fallback, Counting::AnyOf);
        if !rule.fallback.is_empty() && seated(&fallback, taken, seats) {
            return Staffed { stage: self.stage(rule, &rule.fallback), falls_back: true, completable: true };
        }
        Staffed { stage: self.stage(rule, &rule.approvers), falls_back: false, completable: false }
    }

    fn stage(&self, rule: &StageRule, list: &[Listed]) -> Stage {
        let mut approvers: Vec<String> = self.left(list).iter().map(ToString::to_string).collect();
        approvers.sort();
        Stage { name: rule.name.clone(), require: rule.require, approvers }
    }

    /// One seat for each person that the stage takes.
    fn seats(&self, rule: &StageRule, list: &[Listed], counting: Counting) -> Vec<Seat> {
        match counting {
            Counting::AnyOf => {
                let seat = Seat::of(self.left(list));
                vec![seat; rule.require as usize]
            }
            Counting::AllOf => list.iter().map(|entry| Seat::of(self.left(std::slice::from_ref(entry)))).collect(),
        }
    }

    /// Whom a list names and nothing keeps from approving.
    fn left(&self, list: &[Listed]) -> BTreeSet<Principal> {
        let mut left = left(self.directory, list, self.deny, self.allowance);
        left.retain(|principal| match principal {
            Principal::Person(email) => !self.never.contains(email),
            Principal::Group(_) | Principal::OnCall(_) | Principal::Workload(_) => true,
        });
        left
    }
}

/// The persons of a list, and its groups that cannot be listed, without those whom a deny list names.
pub(crate) fn left(
    directory: &Directory,
    list: &[Listed],
    deny: &[Listed],
    allowance: &Allowance,
) -> BTreeSet<Principal> {
    allowance.pay(deny.len());
    let denied: BTreeSet<Principal> = deny.iter().map(|d| d.principal.clone()).collect();
    let everybody = directory.everybody(list, allowance);
    let persons = everybody.persons.into_iter().map(Principal::Person);
    persons.chain(everybody.unlisted).filter(|p| denied.is_empty() || !directory.names(&denied, p, allowance)).collect()
}

/// Whether a list leaves at least so many persons after a deny list, or a group that cannot be listed. It looks no further
/// than it has to, however large a group is.
pub(crate) fn leaves(
    directory: &Directory,
    list: &[Listed],
    deny: &[Listed],
    (least, allowance): (usize, &Allowance),
) -> bool {
    let denied: BTreeSet<Principal> = deny.iter().map(|d| d.principal.clone()).collect();
    let mut persons: BTreeSet<&Email> = BTreeSet::new();
    let mut enough = false;
    directory.visit(list, allowance, |principal| {
        if !denied.is_empty() && directory.names(&denied, principal, allowance) {
            return ControlFlow::Continue(());
        }
        match principal {
            Principal::Person(email) => {
                persons.insert(email);
                enough = persons.len() >= least;
            }
            Principal::Group(_) | Principal::OnCall(_) => enough = true,
            Principal::Workload(_) => {}
        }
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    enough
}

/// Whether every stage leaves more persons than all stages together take, so that no stage can want for somebody.
pub(crate) fn are_plenty(directory: &Directory, chain: &Chain, deny: &[Listed], allowance: &Allowance) -> bool {
    let seats = |stage: &StageRule| match stage.counting {
        Counting::AnyOf => stage.require as usize,
        Counting::AllOf => stage.approvers.len(),
    };
    let more = chain.stages.iter().map(seats).fold(1, usize::saturating_add);
    chain.stages.iter().all(|stage| match stage.counting {
        Counting::AnyOf => leaves(directory, &stage.approvers, deny, (more, allowance)),
        Counting::AllOf => {
            stage.approvers.iter().all(|entry| leaves(directory, std::slice::from_ref(entry), deny, (more, allowance)))
        }
    })
}

/// One person that a stage takes, and who it could be.
#[derive(Debug, Clone)]
enum Seat {
    /// Anybody of a group that only its provider can list.
    Unlisted,
    /// One of these.
    Persons(Rc<BTreeSet<Email>>),
}

impl Seat {
    fn of(left: BTreeSet<Principal>) -> Self {
        let person = |principal: Principal| match principal {
            Principal::Person(email) => Some(email),
            Principal::Group(_) | Principal::OnCall(_) | Principal::Workload(_) => None,
        };
        let all = left.len();
        let persons: BTreeSet<Email> = left.into_iter().filter_map(person).collect();
        if persons.len() < all { Seat::Unlisted } else { Seat::Persons(Rc::new(persons)) }
    }
}

/// Takes a person for each of the seats, moving others about if that helps. Takes nobody when it does not work out.
fn seated(more: &[Seat], taken: &mut Seats, seats: &mut Vec<Seat>) -> bool {
    let (before, seats_before) = (taken.clone(), seats.len());
    for seat in more {
        seats.push(seat.clone());
        let Seat::Persons(_) = seat else { continue };
        if !moved(seats.len() - 1, seats, taken, &mut BTreeSet::new()) {
            *taken = before;
            seats.truncate(seats_before);
            return false;
        }
    }
    true
}

/// Finds somebody for a seat: one who is free, or one whose own seat somebody else can take.
fn moved(seat: usize, seats: &[Seat], taken: &mut Seats, asked: &mut BTreeSet<Email>) -> bool {
    let Seat::Persons(persons) = &seats[seat] else { return true };
    if let Some(free) = persons.iter().find(|p| !taken.contains_key(*p)) {
        taken.insert(free.clone(), seat);
        return true;
    }
    for person in persons.iter() {
        if !asked.insert(person.clone()) {
            continue;
        }
        let Some(other) = taken.get(person).copied() else { continue };
        if moved(other, seats, taken, asked) {
            taken.insert(person.clone(), seat);
            return true;
        }
    }
    false
}
