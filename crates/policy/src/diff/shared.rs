//! Crowds that are held once for both sides, and what was found out about them. Roles tend to name the same groups, and
//! groups can be large: what is looked through is looked through once, not with every role.

use super::allowed::Allowed;
use crate::crowd::Crowd;
use curfew_domain::Email;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

/// A crowd of [`Crowds`]. Two are equal exactly when they are one.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Crowd>);

static NOBODY: LazyLock<Shared> = LazyLock::new(|| Shared(Arc::default()));

impl Default for Shared {
    /// Nobody.
    fn default() -> Self {
        NOBODY.clone()
    }
}

impl Deref for Shared {
    type Target = Crowd;
    fn deref(&self) -> &Crowd {
        &self.0
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// Every crowd of both sides, each once.
#[derive(Debug)]
pub(super) struct Crowds(RefCell<HashSet<Arc<Crowd>>>);

impl Default for Crowds {
    fn default() -> Self {
        Self(RefCell::new(HashSet::from([NOBODY.0.clone()])))
    }
}

impl Crowds {
    /// The one that is equal to it.
    pub(super) fn share(&self, crowd: Crowd) -> Shared {
        let crowd = Arc::new(crowd);
        let mut held = self.0.borrow_mut();
        if let Some(known) = held.get(&crowd) {
            return Shared(known.clone());
        }
        held.insert(crowd.clone());
        Shared(crowd)
    }
}

/// What was found out. Its keys keep the crowds that they name, so that no other can come to stand in their place.
#[derive(Debug, Default)]
pub(super) struct Memo {
    within: RefCell<HashMap<[Shared; 4], bool>>,
    on_one_side: RefCell<HashMap<[Shared; 2], Rc<[Email]>>>,
    left: RefCell<HashMap<[Shared; 4], Left>>,
}

/// What is left of two crowds when their deny lists are taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    /// Whether it is the same.
    pub(super) alike: bool,
    /// Whether everybody of the first can be listed.
    pub(super) listed: bool,
}

impl Memo {
    /// Whether everybody of the first crowd without the second is of the third without the fourth.
    pub(super) fn is_within(&self, (inner, kept_out): (&Shared, &Shared), (outer, denied): (&Shared, &Shared)) -> bool {
        if inner == outer && kept_out == denied {
            return true;
        }
        let key = [inner, kept_out, outer, denied].map(Clone::clone);
        if let Some(known) = self.within.borrow().get(&key) {
            return *known;
        }
        let within = Allowed { crowd: inner, denied: kept_out }.is_within(Allowed { crowd: outer, denied });
        self.within.borrow_mut().insert(key, within);
        within
    }

    /// What is left of two crowds, each without the deny list beside it.
    pub(super) fn left(&self, own: (&Shared, &Shared), other: (&Shared, &Shared)) -> Left {
        let key = [own.0, own.1, other.0, other.1].map(Clone::clone);
        if let Some(known) = self.left.borrow().get(&key) {
            return *known;
        }
        let without = |(crowd, denied): (&Shared, &Shared)| Crowd::clone(crowd).without(denied);
        let (own, other) = (without(own), without(other));
        let left = Left { alike: own == other, listed: own.size().is_some() };
        self.left.borrow_mut().insert(key, left);
        left
    }

    /// The persons who are named in one of the two and not in the other.
    pub(super) fn on_one_side(&self, before: &Shared, after: &Shared) -> Rc<[Email]> {
        if before == after {
            return Rc::default();
        }
        let key = [before.clone(), after.clone()];
        if let Some(known) = self.on_one_side.borrow().get(&key) {
            return known.clone();
        }
        let found: Rc<[Email]> = before.persons.symmetric_difference(&after.persons).cloned().collect();
        self.on_one_side.borrow_mut().insert(key, found.clone());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(persons: &[&str]) -> Crowd {
        Crowd { persons: persons.iter().map(|p| p.parse().expect("an address")).collect(), ..Crowd::default() }
    }

    #[test]
    fn what_is_equal_is_one_and_what_is_known_stays_true() {
        let crowds = Crowds::default();
        let share = |persons: &[&str]| crowds.share(crowd(persons));
        let (one, two) = (share(&["a@example.com"]), share(&["a@example.com", "b@example.com"]));
        assert!(one == share(&["a@example.com"]) && one != two && share(&[]) == Shared::default());
        let (memo, nobody) = (Memo::default(), Shared::default());
        for _ in 0..2 {
            assert!(memo.is_within((&one, &nobody), (&two, &nobody)));
            assert!(!memo.is_within((&two, &nobody), (&one, &nobody)));
            assert!(memo.is_within((&two, &share(&["b@example.com"])), (&one, &nobody)));
            assert!(!memo.is_within((&one, &nobody), (&two, &one)));
            assert_eq!(memo.on_one_side(&one, &two).len(), 1);
        }
    }
}
