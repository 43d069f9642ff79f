//! How much may be worked out for one set.
//!
//! A text of a mebibyte can name one list in ten thousand roles, or set ten thousand globs against ten thousand
//! resources: what it says is small, what it means is not. So what grows with a product is paid for from an allowance
//! that grows with the text, and a set that has spent it is told so.

use std::cell::Cell;

/// Steps that are left.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: Cell<u64>,
    spent: Cell<bool>,
}

/// Whether something could still be paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paid {
    Yes,
    No,
}

impl Allowance {
    pub(crate) fn of(steps: usize) -> Self {
        Self { left: Cell::new(steps as u64), spent: Cell::new(false) }
    }

    /// For one decision, whose cost its role bounds.
    pub(crate) fn endless() -> Self {
        Self { left: Cell::new(u64::MAX), spent: Cell::new(false) }
    }

    /// Pays for so many steps; what cannot be paid leaves nothing.
    pub(crate) fn pay(&self, steps: usize) -> Paid {
        match self.left.get().checked_sub(steps as u64) {
            Some(left) => {
                self.left.set(left);
                Paid::Yes
            }
            None => {
                self.left.set(0);
                self.spent.set(true);
                Paid::No
            }
        }
    }

    /// Whether something could not be paid: what was worked out since is not whole.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_paid_is_remembered() {
        let allowance = Allowance::of(3);
        assert_eq!((allowance.pay(2), allowance.pay(1), allowance.is_spent()), (Paid::Yes, Paid::Yes, false));
        assert_eq!((allowance.pay(1), allowance.pay(0), allowance.is_spent()), (Paid::No, Paid::Yes, true));
        assert_eq!(Allowance::endless().pay(usize::MAX), Paid::Yes);
    }
}
