//! One thread, no runtime: polls what is awake in an order that follows from the seed.

use crate::chance::Chance;
use crate::clock::SimClock;
use curfew_engine::seams::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Task {
    future: BoxFuture<'static, ()>,
    awake: Arc<Flag>,
}

/// Everything one server has under way.
#[derive(Default)]
pub(crate) struct Executor {
    tasks: Vec<Task>,
}

impl Executor {
    pub(crate) fn spawn(&mut self, future: BoxFuture<'static, ()>) {
        self.tasks.push(Task { future, awake: Arc::new(Flag(AtomicBool::new(true))) });
    }

    /// The process dies: nothing of it is polled again.
    pub(crate) fn kill(&mut self) {
        self.tasks.clear();
    }

    /// Runs until `until` on the monotonic clock, or until `stop` says so. Says whether it was stopped.
    pub(crate) fn run(&mut self, clock: &SimClock, chance: &Chance, until: Duration, stop: impl Fn() -> bool) -> bool {
        loop {
            let awake: Vec<usize> =
                (0..self.tasks.len()).filter(|i| self.tasks[*i].awake.0.load(Ordering::SeqCst)).collect();
            if awake.is_empty() {
                if !clock.advance(until) {
                    return false;
                }
                continue;
            }
            let index = *chance.pick(&awake);
            let task = &mut self.tasks[index];
            task.awake.0.store(false, Ordering::SeqCst);
            let waker = Waker::from(task.awake.clone());
            if task.future.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
                drop(self.tasks.swap_remove(index));
            }
            if stop() {
                return true;
            }
        }
    }
}
