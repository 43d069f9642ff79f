//! A wake-up that is never lost.

use futures::future::{Either, select};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Wakes one loop. A nudge given while nobody waits is kept.
#[derive(Default)]
pub(crate) struct Nudge {
    state: Mutex<(bool, Option<Waker>)>,
}

impl Nudge {
    pub(crate) fn give(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = true;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }

    pub(crate) async fn given(&self) {
        poll_fn(|context| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut state.0) {
                return Poll::Ready(());
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Until a nudge, or until the other future is done.
    pub(crate) async fn given_or(&self, other: impl Future<Output = ()>) {
        match select(pin!(self.given()), pin!(other)).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }
}
