//! Answers that do not fit in memory or never end.

use super::ClientError;
use crate::views::AuditEventView;
use reqwest::Response;

/// Bytes of one event of a stream that are read at all.
const EVENT_BYTES: usize = 4 << 20;

/// A file that arrives piece by piece.
#[derive(Debug)]
pub struct Download {
    answer: Response,
    server: String,
}

impl Download {
    pub(super) fn new(answer: Response, server: String) -> Self {
        Self { answer, server }
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// When the connection broke: what came so far is not whole.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let chunk = self.answer.chunk().await;
        let chunk =
            chunk.map_err(|e| ClientError::Unreachable { server: self.server.clone(), message: e.to_string() })?;
        Ok(chunk.map(|bytes| bytes.to_vec()))
    }
}

/// Audit events as they happen (server-sent events, WHATWG HTML 9.2).
#[derive(Debug)]
pub struct EventStream {
    download: Download,
    buffer: Vec<u8>,
}

impl EventStream {
    pub(super) fn new(answer: Response, server: String) -> Self {
        Self { download: Download::new(answer, server), buffer: Vec::new() }
    }

    /// Waits for the next event; none when the server has closed the stream.
    ///
    /// # Errors
    /// When the connection broke, or what came is no event.
    pub async fn next(&mut self) -> Result<Option<AuditEventView>, ClientError> {
        loop {
            while let Some(block) = take_block(&mut self.buffer) {
                if let Some(data) = data_of(&block) {
                    return serde_json::from_str(&data).map(Some).map_err(|e| self.bad(e.to_string()));
                }
            }
            if self.buffer.len() > EVENT_BYTES {
                return Err(self.bad("an event without an end".to_owned()));
            }
            match self.download.chunk().await? {
                Some(bytes) => self.buffer.extend(bytes),
                None => return Ok(None),
            }
        }
    }

    fn bad(&self, message: String) -> ClientError {
        ClientError::Unintelligible { server: self.download.server.clone(), message }
    }
}

/// Takes what stands before the first empty line out of the buffer.
fn take_block(buffer: &mut Vec<u8>) -> Option<String> {
    let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
    let block: Vec<u8> = buffer.drain(..end + 2).collect();
    Some(String::from_utf8_lossy(&block).into_owned())
}

/// The data lines of a block, joined; none for a comment that only keeps the connection alive.
fn data_of(block: &str) -> Option<String> {
    let lines: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
    if lines.is_empty() { None } else { Some(lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_at_empty_lines() {
        let mut buffer = b": alive\n\nevent: audit\ndata: {\"a\":1}\n\ndata: half".to_vec();
        assert_eq!(data_of(&take_block(&mut buffer).expect("a comment")), None);
        assert_eq!(data_of(&take_block(&mut buffer).expect("an event")).as_deref(), Some("{\"a\":1}"));
        assert_eq!(take_block(&mut buffer), None);
        assert_eq!(buffer, b"data: half");
    }
}
