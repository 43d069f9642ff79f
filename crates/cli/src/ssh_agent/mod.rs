//! An SSH agent for the command that has access: `ssh`, `git`, `rsync` and whatever else asks `SSH_AUTH_SOCK` find the
//! keys of its grants with their certificates, and nothing else.
//!
//! It is this process, and not a child: when this process is gone, however it went, nobody answers any more. What it offers
//! is read from the grant's folder at each question, so that a certificate that was renewed counts at once and a grant that
//! was returned counts no more.
//!
//! **Invariant:** no key is taken from a client, none is handed out, and nobody but this account and root is answered.

mod identity;
mod place;
mod wire;

pub(crate) use identity::{Identity, of_grants};

use crate::failure::Failure;
use crate::machine::Machine;
use crate::state::StateFolder;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use place::Place;
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use wire::Question;

/// Clients at one time; others wait.
const MOST_CLIENTS: usize = 64;
/// How long nobody is let in after the system could not.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket that is answered while [`Agent::beside`] runs, and that goes with this value.
pub(crate) struct Agent {
    listener: UnixListener,
    place: Place,
}

impl Agent {
    /// Listens at a place of this process's own. Nobody is answered yet.
    ///
    /// # Errors
    /// When there is no place for a socket.
    pub(crate) fn open(machine: &Machine) -> Result<Self, Failure> {
        let place = Place::make(&StateFolder::of(machine)?)?;
        let listener = UnixListener::bind(place.socket());
        let listener = listener.map_err(|error| Failure::file("listen at", place.socket(), &error))?;
        Ok(Self { listener, place })
    }

    /// What `SSH_AUTH_SOCK` has to be.
    pub(crate) fn socket(&self) -> &Path {
        self.place.socket()
    }

    async fn serve(&self, identities: &dyn Fn() -> Vec<Identity>) -> Infallible {
        let mut clients = FuturesUnordered::new();
        loop {
            tokio::select! {
                came = self.listener.accept(), if clients.len() < MOST_CLIENTS => match came {
                    Ok((stream, _)) if is_one_of_ours(&stream) => clients.push(answer(stream, identities)),
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(PAUSE).await,
                },
                // A client that speaks no sense or goes away is its own affair.
                Some(_) = clients.next(), if !clients.is_empty() => {}
            }
        }
    }
}

/// Answers the agent's clients, if there is an agent, until something else is done.
pub(crate) async fn beside<T>(
    agent: Option<&Agent>,
    identities: impl Fn() -> Vec<Identity>,
    work: impl Future<Output = T>,
) -> T {
    let Some(agent) = agent else { return work.await };
    tokio::select! {
        biased;
        done = work => done,
        never = agent.serve(&identities) => match never {},
    }
}

/// Whether it is of this account, or root's. The folder lets nobody else in; this is what OpenSSH's own agent looks at too.
fn is_one_of_ours(stream: &UnixStream) -> bool {
    let me = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == me || peer.uid() == 0)
}

async fn answer(mut stream: UnixStream, identities: &dyn Fn() -> Vec<Identity>) -> io::Result<()> {
    loop {
        let length = stream.read_u32().await?;
        if length == 0 || length > wire::LONGEST {
            return Ok(());
        }
        let mut message = vec![0; length as usize];
        stream.read_exact(&mut message).await?;
        stream.write_all(&reply(&message, &identities())).await?;
    }
}

fn reply(message: &[u8], identities: &[Identity]) -> Vec<u8> {
    let signed = match Question::read(message) {
        Some(Question::Identities) => return wire::identities(identities),
        Some(Question::Sign { blob, data }) => {
            identities.iter().find(|identity| identity.blob() == blob).map(|identity| identity.sign(data))
        }
        None => None,
    };
    signed.map_or_else(wire::failure, |signature| wire::signed(&signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> (tempfile::TempDir, Machine) {
        let base = tempfile::tempdir().expect("a folder");
        let machine = Machine::with(base.path(), [("CURFEW_STATE".into(), base.path().join("s").into())]);
        (base, machine)
    }

    async fn asked(stream: &mut UnixStream, message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).expect("short");
        stream.write_all(&[&length.to_be_bytes(), message].concat()).await.expect("sent");
        let length = stream.read_u32().await.expect("an answer");
        let mut answer = vec![0; length as usize];
        stream.read_exact(&mut answer).await.expect("all of it");
        answer
    }

    /// What a client has to send to have these bytes signed with the key of this blob.
    fn to_sign(blob: &[u8], data: &[u8]) -> Vec<u8> {
        let text = |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat();
        [vec![13], text(blob), text(data), vec![0; 4]].concat()
    }

    #[tokio::test]
    async fn clients_are_answered_beside_the_work_and_nobody_afterwards() {
        let (_base, machine) = machine();
        let agent = Agent::open(&machine).expect("open");
        let socket = agent.socket().to_owned();
        let two = || vec![Identity::of_seed([7; 32]), Identity::of_seed([8; 32])];
        let work = async {
            let mut silent = UnixStream::connect(&socket).await.expect("let in");
            silent.write_all(&[0, 0]).await.expect("half a length, and then nothing");
            let mut stream = UnixStream::connect(&socket).await.expect("let in");
            assert_eq!(asked(&mut stream, &[11]).await[..5], [12, 0, 0, 0, 2]);
            let signed = asked(&mut stream, &to_sign(two()[1].blob(), b"what ssh signs")).await;
            assert!(signed.ends_with(&two()[1].sign(b"what ssh signs")), "with the second key: {signed:?}");
            let of_another = asked(&mut stream, &to_sign(b"a key of somebody else", b"x")).await;
            assert_eq!(of_another, [5]);
            for refused in [&[1][..], &[17, 0, 0], &[13], &[13, 0, 0, 0, 9, 1], &[27]] {
                assert_eq!(asked(&mut stream, refused).await, [5], "{refused:?}");
            }
            let mut endless = UnixStream::connect(&socket).await.expect("let in");
            endless.write_all(&u32::MAX.to_be_bytes()).await.expect("sent");
            assert!(endless.read_u32().await.is_err(), "it is hung up on");
        };
        beside(Some(&agent), two, work).await;
        let after = async {
            let mut stream = UnixStream::connect(&socket).await.expect("let in");
            assert_eq!(asked(&mut stream, &[11]).await, [12, 0, 0, 0, 0], "what was returned is not offered");
        };
        beside(Some(&agent), Vec::new, after).await;
        drop(agent);
        assert!(!socket.exists() && !socket.parent().expect("a folder").exists());
        assert!(UnixStream::connect(&socket).await.is_err());
    }
}
