//! Says to the server, four times a window, that this client of the run is still there.

use crate::failure::Failure;
use crate::session;
use curfew_api::{BeatBody, Client};
use curfew_domain::{BeatId, Id, Run, Seconds};
use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior};

/// Beats in a window.
const BEATS: u32 = 4;

/// What there is to tell of a run while it lives, and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// Nobody answered for a whole window. If the server lives, access has ended there.
    Unheard {
        /// What the network said.
        why: String,
    },
    /// The server answers again, and access is still there.
    Heard,
    /// The run is over for this client: what it had is gone, or going.
    Over {
        /// What the server said.
        why: String,
    },
}

/// What came of one beat.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Beat {
    Taken,
    Unanswered(String),
    Refused(String),
}

/// How many beats went unanswered.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rhythm {
    silent: u32,
}

impl Rhythm {
    /// What a beat's outcome is to whoever waits for news.
    fn after(&mut self, beat: Beat) -> Option<News> {
        match beat {
            Beat::Taken => {
                let silent = std::mem::take(&mut self.silent);
                (silent >= BEATS).then_some(News::Heard)
            }
            Beat::Unanswered(why) => {
                self.silent = self.silent.saturating_add(1);
                (self.silent == BEATS).then_some(News::Unheard { why })
            }
            Beat::Refused(why) => Some(News::Over { why }),
        }
    }
}

/// Beats for one client of a run.
pub(crate) struct Heart {
    client: Client,
    run: String,
    body: BeatBody,
    every: Duration,
    ticks: Interval,
    /// A beat whose time has come and that is not answered yet.
    due: bool,
    rhythm: Rhythm,
    news: VecDeque<News>,
}

impl Heart {
    /// Begins to beat a quarter of a window from now.
    pub(crate) fn of(client: Client, run: Id<Run>, beat: BeatId, window: Seconds) -> Self {
        let every = (window.as_std() / BEATS).max(Duration::from_millis(250));
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        let (run, body) = (run.to_string(), BeatBody { beat });
        Self { client, run, body, every, ticks, due: false, rhythm: Rhythm::default(), news: VecDeque::new() }
    }

    /// Beats until there is news. Dropped and called again, it goes on where it was.
    pub(crate) async fn next(&mut self) -> News {
        if let Some(news) = self.news.pop_front() {
            return news;
        }
        loop {
            if let Some(news) = self.beat().await {
                return news;
            }
        }
    }

    /// Beats while something else is done, and keeps the news for later. A run that is over ends that as well.
    pub(crate) async fn alongside<T>(&mut self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let mut work = std::pin::pin!(work);
        loop {
            let news = tokio::select! {
                biased;
                done = work.as_mut() => return done,
                news = self.beat() => news,
            };
            match news {
                Some(News::Over { why }) => return Err(Failure::no("run_over", why)),
                other => self.news.extend(other),
            }
        }
    }

    /// Says that this client is done.
    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        self.client.end_run(&self.run, &self.body).await.map(drop).map_err(session::failure)
    }

    async fn beat(&mut self) -> Option<News> {
        if !self.due {
            self.ticks.tick().await;
            self.due = true;
        }
        let answer = tokio::time::timeout(self.every, self.client.beat(&self.run, &self.body)).await;
        self.due = false;
        let beat = match answer {
            Ok(Ok(_)) => Beat::Taken,
            Ok(Err(error)) => {
                let failure = session::failure(error);
                match failure.code.as_str() {
                    "run_over" | "not_found" | "unauthenticated" => Beat::Refused(failure.message),
                    _ => Beat::Unanswered(failure.message),
                }
            }
            Err(_) => Beat::Unanswered("the server does not answer".to_owned()),
        };
        self.rhythm.after(beat)
    }
}

/// News as a job's log has it.
pub(crate) fn news_line(news: &News, window: Seconds) -> String {
    match news {
        News::Unheard { why } => format!(
            "the server has not answered for {window} ({why}): if it is up, it has ended this job's access by now; it is \
             asked again"
        ),
        News::Heard => "the server answers again, and has kept this job's access".to_owned(),
        News::Over { why } => format!("this job's access is over: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_silence_is_told_once_and_so_is_its_end() {
        let mut rhythm = Rhythm::default();
        let silence = || Beat::Unanswered("no route".to_owned());
        assert_eq!(rhythm.after(Beat::Taken), None);
        for _ in 0..3 {
            assert_eq!(rhythm.after(silence()), None);
        }
        assert_eq!(rhythm.after(silence()), Some(News::Unheard { why: "no route".to_owned() }));
        assert_eq!(rhythm.after(silence()), None);
        assert_eq!(rhythm.after(Beat::Taken), Some(News::Heard));
        assert_eq!(rhythm.after(silence()), None);
        assert_eq!(rhythm.after(Beat::Taken), None, "one beat in four may be lost");
        let over = Beat::Refused("over".to_owned());
        assert_eq!(rhythm.after(over), Some(News::Over { why: "over".to_owned() }));
    }

    #[tokio::test]
    async fn work_goes_on_while_nobody_answers() {
        let client = Client::new("http://127.0.0.1:1", None).expect("a client");
        let run = Id::new(curfew_domain::Timestamp::from_millis(0), [1; 10]);
        let beat = BeatId::try_from("0".repeat(32)).expect("a beat");
        let mut heart = Heart::of(client, run, beat, Seconds::new(1));
        let work = async {
            tokio::time::sleep(Duration::from_millis(1_600)).await;
            Ok(7)
        };
        assert_eq!(heart.alongside(work).await, Ok(7));
        assert!(matches!(heart.next().await, News::Unheard { .. }), "the news was kept");
    }
}
