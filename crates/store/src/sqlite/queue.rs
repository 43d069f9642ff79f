//! What waits for a thread: two lanes, the urgent one first.

use crate::nature::Urgency;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How much may wait in each lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) first: usize,
    pub(super) usual: usize,
}

/// Why something was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotQueued {
    #[error("it is closed")]
    Closed,
    #[error("too much waits for it already")]
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    Closed,
}

struct Lanes<T> {
    first: VecDeque<T>,
    usual: VecDeque<T>,
    door: Door,
}

pub(super) struct Queue<T> {
    lanes: Mutex<Lanes<T>>,
    arrived: Condvar,
    bounds: Bounds,
}

impl<T> Queue<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        let lanes = Lanes { first: VecDeque::new(), usual: VecDeque::new(), door: Door::Open };
        Self { lanes: Mutex::new(lanes), arrived: Condvar::new(), bounds }
    }

    pub(super) fn push(&self, urgency: Urgency, item: T) -> Result<(), NotQueued> {
        let mut lanes = self.lanes();
        if lanes.door == Door::Closed {
            return Err(NotQueued::Closed);
        }
        let (lane, bound) = match urgency {
            Urgency::First => (&mut lanes.first, self.bounds.first),
            Urgency::Usual => (&mut lanes.usual, self.bounds.usual),
        };
        if lane.len() >= bound {
            return Err(NotQueued::Full);
        }
        lane.push_back(item);
        drop(lanes);
        self.arrived.notify_one();
        Ok(())
    }

    /// Everything that waits, the urgent first, at most so many of each lane, so that neither starves the
    /// other. Waits for something to come; none when the queue is closed and empty.
    pub(super) fn take(&self, at_most: usize) -> Option<Vec<T>> {
        let mut lanes = self.lanes();
        loop {
            let (first, usual) = (lanes.first.len().min(at_most), lanes.usual.len().min(at_most));
            if first + usual > 0 {
                let mut taken = Vec::with_capacity(first + usual);
                taken.extend(lanes.first.drain(..first));
                taken.extend(lanes.usual.drain(..usual));
                return Some(taken);
            }
            if lanes.door == Door::Closed {
                return None;
            }
            lanes = self.arrived.wait(lanes).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes nothing more in; what waits is still handed out.
    pub(super) fn close(&self) {
        self.lanes().door = Door::Closed;
        self.arrived.notify_all();
    }

    /// Closes and drops what waits.
    pub(super) fn abandon(&self) {
        self.close();
        let mut lanes = self.lanes();
        let waiting = (std::mem::take(&mut lanes.first), std::mem::take(&mut lanes.usual));
        drop(lanes);
        drop(waiting);
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes<T>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Abandons the queue when its thread ends, also by a panic: nobody may wait for a thread that is gone.
pub(super) struct AbandonOnDrop<'a, T>(pub(super) &'a Queue<T>);

impl<T> Drop for AbandonOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_urgent_goes_first_and_starves_nobody() {
        let queue = Queue::new(Bounds { first: 3, usual: 3 });
        for n in 0..3 {
            queue.push(Urgency::Usual, n).expect("room");
            queue.push(Urgency::First, 10 + n).expect("room");
        }
        assert_eq!(queue.push(Urgency::Usual, 9), Err(NotQueued::Full));
        assert_eq!(queue.take(2), Some(vec![10, 11, 0, 1]));
        queue.close();
        assert_eq!(queue.push(Urgency::First, 9), Err(NotQueued::Closed));
        assert_eq!(queue.take(2), Some(vec![12, 2]));
        assert_eq!(queue.take(2), None);
    }

    #[test]
    fn who_waits_is_told_when_the_thread_is_gone() {
        let queue = Queue::new(Bounds { first: 1, usual: 1 });
        let (reply, answer) = futures::channel::oneshot::channel::<()>();
        queue.push(Urgency::Usual, reply).expect("room");
        drop(AbandonOnDrop(&queue));
        assert!(futures::executor::block_on(answer).is_err());
        assert!(queue.take(1).is_none());
    }
}
