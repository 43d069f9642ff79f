//! A mail server that keeps what it is given (RFC 5321, as much of it as a client needs).

use anyhow::Result;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A mail as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    to: String,
    data: String,
}

/// The server, with the mails it has.
pub(crate) struct PostOffice {
    port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl PostOffice {
    /// Opens it on a free port.
    pub(crate) fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = mails.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                // A client that hangs up in the middle has sent nothing.
                std::thread::spawn(move || drop(converse(&stream, &kept)));
            }
        });
        Ok(Self { port, mails })
    }

    /// What the server's configuration says of it.
    pub(crate) fn configuration(&self) -> String {
        format!("[mail]\nsmtp = \"smtp://127.0.0.1:{}\"\n", self.port)
    }

    /// Waits for a mail to somebody.
    pub(crate) fn mail_to(&self, whom: &str) -> Option<Mail> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            let mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(mail) = mails.iter().find(|mail| mail.to.contains(whom)) {
                return Some(mail.clone());
            }
            drop(mails);
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }
}

fn converse(stream: &TcpStream, mails: &Mutex<Vec<Mail>>) -> Result<()> {
    let (mut out, mut lines) = (stream, BufReader::new(stream).lines());
    let mut to = String::new();
    write!(out, "220 localhost\r\n")?;
    while let Some(line) = lines.next() {
        let line = line?;
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "RCPT" => to = line,
            "DATA" => {
                write!(out, "354 go on\r\n")?;
                let text: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                let mail = Mail { to: std::mem::take(&mut to), data: text.join("\n") };
                mails.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
            }
            "QUIT" => {
                write!(out, "221 bye\r\n")?;
                return Ok(());
            }
            _ => {}
        }
        write!(out, "250 OK\r\n")?;
    }
    Ok(())
}

impl Mail {
    /// The subject and the plain text, as a person sees them.
    pub(crate) fn shown(&self) -> String {
        let subject = self.data.lines().find(|line| line.starts_with("Subject:")).unwrap_or("Subject:");
        let plain = self.data.split("text/plain").nth(1).unwrap_or_default();
        let (head, body) = plain.split_once("\n\n").unwrap_or_default();
        let body = body.split("\n--").next().unwrap_or_default();
        let body = if head.contains("quoted-printable") { readable(body) } else { body.to_owned() };
        format!("{subject}\n\n{}", body.trim())
    }
}

/// Quoted-printable (RFC 2045, section 6.7) as text.
fn readable(text: &str) -> String {
    let joined = text.replace("=\n", "");
    let (mut bytes, mut rest) = (Vec::new(), joined.as_bytes());
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = code.filter(|_| *first == b'=').and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_shown_as_it_reads() {
        let data = "Subject: hello\nContent-Type: multipart/alternative\n\n--x\nContent-Type: text/plain\n\
                    Content-Transfer-Encoding: quoted-printable\n\na long li=\nne =C3=A4\n--x\nContent-Type: text/html";
        let mail = Mail { to: "<ann@example.com>".to_owned(), data: data.to_owned() };
        assert_eq!(mail.shown(), "Subject: hello\n\na long line \u{e4}");
    }
}
