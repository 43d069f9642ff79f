//! How two rules compare: which of them lets more through.

/// The second rule against the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// They let the same through.
    Same,
    /// The second lets less through.
    Narrower,
    /// The second lets more through, or something else.
    Wider,
    /// It cannot be told.
    Unknown,
}

impl Order {
    /// From two proofs: that the second lets nothing through that the first does not, and the reverse.
    pub(super) fn of(no_wider: Proof, no_narrower: Proof) -> Self {
        match (no_wider, no_narrower) {
            (Proof::Found, Proof::Found) => Self::Same,
            (Proof::Found, Proof::None) => Self::Narrower,
            (Proof::None, Proof::Found | Proof::None) => Self::Wider,
        }
    }

    /// For a bound that lets more through the larger it is.
    pub(super) fn of_bound<T: Ord>(before: &T, after: &T) -> Self {
        match after.cmp(before) {
            std::cmp::Ordering::Less => Self::Narrower,
            std::cmp::Ordering::Equal => Self::Same,
            std::cmp::Ordering::Greater => Self::Wider,
        }
    }

    /// Of a rule in several parts that must all let something through.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Same, order) | (order, Self::Same) => order,
            (Self::Wider, _) | (_, Self::Wider) => Self::Wider,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Narrower, Self::Narrower) => Self::Narrower,
        }
    }
}

/// Whether something could be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// It holds.
    Found,
    /// It does not hold, or could not be shown to.
    None,
}

impl From<bool> for Proof {
    fn from(holds: bool) -> Self {
        if holds { Self::Found } else { Self::None }
    }
}
