//! The threads that read. In WAL mode a reader sees the last commit before it began, and holds no
//! writer up.

use super::error::OpenError;
use super::file::Place;
use super::queue::{AbandonOnDrop, Bounds, Queue};
use crate::nature::Urgency;
use curfew_engine::seams::BoxFuture;
use curfew_engine::seams::store::ReadError;
use futures::channel::oneshot;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

const THREADS: usize = 4;
const WAITING: Bounds = Bounds { first: 0, usual: 65_536 };

type Query = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Readers {
    queue: Arc<Queue<Query>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    pub(super) fn open(place: &Place) -> Result<Self, OpenError> {
        let readers = Self { queue: Arc::new(Queue::new(WAITING)), threads: Mutex::default() };
        for _ in 0..THREADS {
            let conn = place.connect_to_read().map_err(|e| place.refused(e))?;
            let queue = Arc::clone(&readers.queue);
            let thread = std::thread::Builder::new().name("ledger-reader".to_owned());
            let started = thread.spawn(move || serve(&conn, &queue));
            let handle = started.map_err(|e| place.failed("start a thread for", e))?;
            readers.threads.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        }
        Ok(readers)
    }

    /// Answers a query on one of the threads. A dropped future's query is still run, and its answer dropped.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, ReadError>> {
        let queue = Arc::clone(&self.queue);
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let run: Query = Box::new(move |conn| drop(reply.send(query(conn))));
            queue.push(Urgency::Usual, run).map_err(|e| ReadError(e.to_string()))?;
            match answer.await {
                Ok(read) => read.map_err(|e| ReadError(e.to_string())),
                Err(oneshot::Canceled) => Err(ReadError("its reader is gone".to_owned())),
            }
        })
    }

    /// Answers what waits, refuses what comes after, and lets go of the file.
    pub(super) fn close(&self) {
        self.queue.close();
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the ledger had panicked");
            }
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(conn: &Connection, queue: &Queue<Query>) {
    let _abandon = AbandonOnDrop(queue);
    while let Some(queries) = queue.take(1) {
        for query in queries {
            query(conn);
        }
    }
}
