//! A queue that hands out what has gathered, so that callers who want the same target at the same moment
//! share one transaction there.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Jobs for one lane, taken in batches.
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    jobs: VecDeque<T>,
    waiting: Vec<Waker>,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::new(Inner { jobs: VecDeque::new(), waiting: Vec::new() }) }
    }

    pub(crate) fn push(&self, jobs: impl IntoIterator<Item = T>) {
        let mut inner = self.lock();
        inner.jobs.extend(jobs);
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Everything that waits, at most `most`; waits until there is something.
    pub(crate) async fn take(&self, most: usize) -> Vec<T> {
        poll_fn(|context| {
            let mut inner = self.lock();
            if inner.jobs.is_empty() {
                inner.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            let count = inner.jobs.len().min(most);
            Poll::Ready(inner.jobs.drain(..count).collect())
        })
        .await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
