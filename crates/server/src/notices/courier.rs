//! The courier: takes notices from the outbox, hands them over, and records what came of it.

use super::carrier::{Carrier, Undelivered, Way};
use super::desk::{Came, Desk};
use super::lane::Lane;
use super::mail::{MailError, Post, PostParts, Protection, Trust};
use super::resolver;
use super::told::{self, Worth};
use super::webhook::{Hook, HookError, HookParts};
use crate::config::{Mail, Unresolved, Webhook};
use curfew_engine::seams::store::Notice;
use curfew_engine::seams::{BoxFuture, Clock, Entropy, Store};
use curfew_engine::{Audience, SteadyClock};
use futures::future::{self, Either, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How often the outbox is looked into.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// One try takes at most this long.
const TRY_LIMIT: Duration = Duration::from_secs(10);
/// How long a stop waits for what is under way. What is cut off is sent again by the next start.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Notices read at once, unless all of them are in hand already.
const WINDOW: usize = 256;
/// Notices read at once at most.
const WIDEST_WINDOW: usize = 4_096;
/// Changes in one commit.
const COMMIT: usize = 256;

/// Why notices cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// A secret cannot be had.
    #[error(transparent)]
    Secret(#[from] Unresolved),
    /// Mail cannot be sent.
    #[error("{0}")]
    Mail(String),
    /// A webhook cannot be used.
    #[error("webhook `{name}`: {why}")]
    Webhook {
        /// Its name.
        name: String,
        /// Why not.
        why: String,
    },
}

/// What a courier is made of.
pub struct CourierParts<'a> {
    /// The ledger, whose outbox it empties.
    pub store: Arc<dyn Store>,
    /// The machine's clocks.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// How browsers and programs reach this server.
    pub public_url: &'a Url,
    /// The way mail leaves, if it does.
    pub mail: Option<&'a Mail>,
    /// Where events are sent.
    pub webhooks: &'a [Webhook],
    /// The environment, where secrets may stand.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
}

/// Whom the engine tells, given what is configured.
pub fn audience(mail: Option<&Mail>, webhooks: &[Webhook]) -> Audience {
    Audience { mail_from: mail.map(|m| m.from.clone()), webhooks: webhooks.iter().map(|w| w.name.clone()).collect() }
}

/// Empties the outbox for as long as it is run.
pub struct Courier {
    store: Arc<dyn Store>,
    clock: Arc<SteadyClock>,
    entropy: Arc<dyn Entropy>,
    carriers: BTreeMap<Way, Arc<dyn Carrier>>,
}

type Try = (Way, Notice, Came);

impl Courier {
    /// A courier for the configured ways out. Reads their secrets now; nothing is sent before [`Courier::run`].
    ///
    /// # Errors
    /// When a secret cannot be read, or a way out cannot work as it is configured.
    pub fn new(parts: CourierParts<'_>) -> Result<Self, CourierError> {
        let clock = Arc::new(SteadyClock::new(parts.clock.clone()));
        let mut carriers: BTreeMap<Way, Arc<dyn Carrier>> = BTreeMap::new();
        if let Some(config) = parts.mail {
            let password = config.password.as_ref().map(|p| p.read(parts.lookup)).transpose()?;
            let (server, clock) = (parts.public_url.clone(), clock.clone());
            let protection = Protection::of(&config.smtp);
            let post = Post::new(PostParts { config, password, protection, trust: Trust::Machine, server, clock });
            carriers.insert(Way::Mail, Arc::new(post?));
        }
        for config in parts.webhooks {
            let secret = config.secret.read(parts.lookup)?;
            let (source, clock, lookup) = (parts.public_url.clone(), clock.clone(), resolver::system());
            let hook = Hook::new(HookParts { config, secret, source, clock, lookup });
            let failed = |error: HookError| CourierError::Webhook { name: config.name.clone(), why: error.to_string() };
            carriers.insert(Way::Webhook(config.name.clone()), Arc::new(hook.map_err(failed)?));
        }
        Ok(Self { store: parts.store, clock, entropy: parts.entropy, carriers })
    }

    #[cfg(test)]
    pub(super) fn with(
        store: Arc<dyn Store>,
        clock: Arc<SteadyClock>,
        entropy: Arc<dyn Entropy>,
        carriers: BTreeMap<Way, Arc<dyn Carrier>>,
    ) -> Self {
        Self { store, clock, entropy, carriers }
    }

    /// Sends what the outbox holds until `stop` is ready; then finishes what is under way, for five seconds at most.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        let lanes = self.carriers.iter().map(|(way, carrier)| (way.clone(), Lane::new(Some(carrier.clone()))));
        let mut desk = Desk::new(lanes.collect(), self.entropy.clone());
        let mut tries: FuturesUnordered<BoxFuture<'_, Try>> = FuturesUnordered::new();
        let mut stop = pin!(stop);
        let mut window = WINDOW;
        loop {
            window = self.look(&mut desk, window).await;
            let mut pause = self.clock.sleep(LOOK_EVERY);
            loop {
                self.begin(&mut desk, &tries);
                self.record(&mut desk).await;
                match next_of(&mut stop, &mut tries, &mut pause).await {
                    Next::Stop => return self.finish(desk, tries).await,
                    Next::Look => break,
                    Next::Done(tried) => self.settle(&mut desk, *tried),
                }
                // What is over at the same moment goes into the same commit.
                while let Some(Some(tried)) = tries.next().now_or_never() {
                    self.settle(&mut desk, tried);
                }
            }
        }
    }

    /// Reads what is due. Gives how much to read the next time: more, when all that was read is in hand already
    /// and may hide what is behind it.
    async fn look(&self, desk: &mut Desk, window: usize) -> usize {
        let now = self.clock.now();
        let due = match self.store.notices(now, window).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be read");
                return window;
            }
        };
        let full = due.len() >= window;
        let new = due.into_iter().map(|notice| desk.take(notice, now)).filter(|new| *new).count();
        match (full, new) {
            (true, 0) => window.saturating_mul(4).min(WIDEST_WINDOW),
            (true, _) => window,
            (false, _) => WINDOW,
        }
    }

    fn begin<'a>(&'a self, desk: &mut Desk, tries: &FuturesUnordered<BoxFuture<'a, Try>>) {
        let now = self.clock.now();
        while let Some((way, notice)) = desk.next(now) {
            let Some(carrier) = self.carriers.get(&way) else { continue };
            tries.push(Box::pin(async move {
                let came = self.attempt(&**carrier, &notice).await;
                (way, notice, came)
            }));
        }
    }

    async fn attempt(&self, carrier: &dyn Carrier, notice: &Notice) -> Came {
        let told = match told::read(notice, &*self.store, self.clock.now()).await {
            Ok(Worth::Telling(told)) => told,
            Ok(Worth::Nothing) => return Came::Pointless,
            Err(error) => return Came::Undelivered(Undelivered::This(error.to_string())),
        };
        let carried = carrier.carry(notice, &told);
        match future::select(carried, self.clock.sleep(TRY_LIMIT)).await {
            Either::Left((Ok(()), _)) => Came::Sent,
            Either::Left((Err(undelivered), _)) => Came::Undelivered(undelivered),
            Either::Right(_) => {
                Came::Undelivered(Undelivered::Nobody(format!("no answer within {} s", TRY_LIMIT.as_secs())))
            }
        }
    }

    fn settle(&self, desk: &mut Desk, (way, notice, came): Try) {
        desk.settle(&way, &notice, came, self.clock.now());
    }

    /// Records what has come of tries. What the ledger does not take now is kept, and not sent again meanwhile.
    async fn record(&self, desk: &mut Desk) {
        loop {
            let changes = desk.unrecorded(COMMIT);
            let many = changes.len();
            if many == 0 {
                return;
            }
            if let Err(error) = self.store.commit(changes).await {
                tracing::warn!(%error, "what came of notices cannot be recorded; it is tried again");
                return;
            }
            desk.recorded(many);
        }
    }

    async fn finish(&self, mut desk: Desk, mut tries: FuturesUnordered<BoxFuture<'_, Try>>) {
        let mut limit = self.clock.sleep(STOP_LIMIT);
        while !tries.is_empty() {
            match future::select(tries.next(), &mut limit).await {
                Either::Left((Some(tried), _)) => self.settle(&mut desk, tried),
                Either::Left((None, _)) | Either::Right(_) => break,
            }
        }
        self.record(&mut desk).await;
    }
}

/// What ends a wait.
enum Next {
    /// The server is going down.
    Stop,
    /// It is time to look into the outbox.
    Look,
    /// A try is over.
    Done(Box<Try>),
}

async fn next_of(
    stop: &mut (impl Future<Output = ()> + Unpin),
    tries: &mut FuturesUnordered<BoxFuture<'_, Try>>,
    pause: &mut BoxFuture<'static, ()>,
) -> Next {
    let done = pin!(async {
        match tries.next().await {
            Some(done) => done,
            None => future::pending().await,
        }
    });
    match future::select(stop, future::select(done, pause)).await {
        Either::Left(_) => Next::Stop,
        Either::Right((Either::Left((done, _)), _)) => Next::Done(Box::new(done)),
        Either::Right((Either::Right(_), _)) => Next::Look,
    }
}

impl From<MailError> for CourierError {
    fn from(error: MailError) -> Self {
        Self::Mail(error.to_string())
    }
}
