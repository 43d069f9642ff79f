//! What a command prints: one document for scripts, or text for people.
//!
//! **Invariant:** text that people typed reaches a terminal only through [`Table`], [`Facts`] and
//! [`Output::line`], which make control and bidirectional characters visible; with `--json` nothing but
//! the one document reaches stdout.

mod facts;
mod snippet;
mod table;
mod when;

pub(crate) use facts::Facts;
pub(crate) use snippet::render as render_problem;
pub use table::Table;
pub(crate) use when::{ago_or_in, left};

use crate::failure::Failure;
use curfew_domain::text::visible;
use serde::Serialize;
use std::io::{BufRead, ErrorKind, Read, Write};

/// Where a command writes, and whether a person is looking.
pub struct Streams {
    /// Results.
    pub out: Box<dyn Write + Send>,
    /// Everything else.
    pub err: Box<dyn Write + Send>,
    /// Answers of whoever runs the command.
    pub input: Box<dyn BufRead + Send>,
    /// What they come from.
    pub input_is: Reader,
    /// What the first is connected to.
    pub out_is: Reader,
    /// What the second is connected to.
    pub err_is: Reader,
}

/// Who reads a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A terminal, so probably a person.
    Terminal,
    /// A file or another program.
    Program,
}

impl Streams {
    /// Those of this process.
    pub fn here() -> Self {
        let reader = |terminal: bool| if terminal { Reader::Terminal } else { Reader::Program };
        use std::io::IsTerminal;
        Self {
            out_is: reader(std::io::stdout().is_terminal()),
            err_is: reader(std::io::stderr().is_terminal()),
            input_is: reader(std::io::stdin().is_terminal()),
            input: Box::new(std::io::BufReader::new(std::io::stdin())),
            out: Box::new(std::io::stdout()),
            err: Box::new(std::io::stderr()),
        }
    }
}

/// Bytes of an answer at most.
const ANSWER_BYTES: u64 = 16 * 1024;

/// How a command speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// Tables and sentences.
    Human,
    /// As little as can be: ids.
    Quiet,
    /// One JSON document.
    Json,
}

/// Colours that mean something. None is printed unless a terminal reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Live, approved, right.
    Green,
    /// Waiting, on its way.
    Yellow,
    /// Denied, wrong.
    Red,
    /// Over, secondary.
    Dim,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Red => "31",
            Self::Dim => "2",
        }
    }
}

/// The only way from a command to its streams. A reader that has gone away (`| head`) is no error: what is
/// printed after that is dropped.
pub struct Output {
    streams: Streams,
    voice: Voice,
    colours: Reader,
    gone: bool,
}

impl Output {
    /// Speaks in this voice; `NO_COLOR` (no-color.org) is for the caller to look at.
    pub fn new(streams: Streams, voice: Voice) -> Self {
        let colours = streams.out_is;
        Self { streams, voice, colours, gone: false }
    }

    /// The same without colours.
    #[must_use]
    pub fn without_colours(self) -> Self {
        Self { colours: Reader::Program, ..self }
    }

    /// How it speaks.
    pub fn voice(&self) -> Voice {
        self.voice
    }

    /// Whether stdout shows colours.
    pub(crate) fn has_colours(&self) -> bool {
        self.colours == Reader::Terminal
    }

    /// Whether stderr is read by a person, who may be shown progress.
    pub(crate) fn is_watched(&self) -> bool {
        self.streams.err_is == Reader::Terminal && self.voice != Voice::Quiet
    }

    /// Whether a person can be asked: at the terminal, both ways, and not told to be quiet.
    pub(crate) fn can_ask(&self) -> bool {
        self.is_watched() && self.streams.input_is == Reader::Terminal
    }

    /// Asks a person, on stderr. None when nobody answers.
    ///
    /// # Errors
    /// When the answer cannot be read.
    pub(crate) fn ask(&mut self, question: &str) -> Result<Option<String>, Failure> {
        if !self.can_ask() {
            return Ok(None);
        }
        let _ = self.streams.err.write_all(format!("{} ", visible(question)).as_bytes());
        let _ = self.streams.err.flush();
        let mut answer = String::new();
        let read = self.streams.input.as_mut().take(ANSWER_BYTES).read_line(&mut answer);
        match read.map_err(|error| Failure::wrong_use(format!("the answer cannot be read: {error}")))? {
            0 => Ok(None),
            _ => Ok(Some(answer)),
        }
    }

    /// Whether stdout is a terminal, which binary data would upset.
    pub(crate) fn is_terminal(&self) -> bool {
        self.streams.out_is == Reader::Terminal
    }

    /// Whether the reader of stdout has gone away.
    pub(crate) fn is_unread(&self) -> bool {
        self.gone
    }

    /// Prints the one document of `--json`.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub fn document(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_vec_pretty(value).expect("INVARIANT: what is printed serializes");
        text.push(b'\n');
        self.raw(&text)
    }

    /// Prints the document under `--json`, and otherwise what `human` prints.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub fn show<T: Serialize>(
        &mut self,
        value: &T,
        human: impl FnOnce(&mut Self, &T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self.voice {
            Voice::Json => self.document(value),
            Voice::Human | Voice::Quiet => human(self, value),
        }
    }

    /// One line for people on stdout, with hidden characters made visible.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.raw(format!("{}\n", visible(text)).as_bytes())
    }

    /// Bytes on stdout as they are: scripts, keys, files. Never text that a person typed.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.gone {
            return Ok(());
        }
        match self.streams.out.write_all(bytes).and_then(|()| self.streams.out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            Err(error) => Err(Failure::unavailable(format!("cannot write to stdout: {error}"))),
        }
    }

    /// Progress or a next step, on stderr: only when a person is looking and did not ask for quiet.
    pub fn note(&mut self, text: &str) {
        if self.is_watched() {
            self.tell(text);
        }
    }

    /// What belongs beside a result that is a file, on stderr, whoever reads it.
    pub(crate) fn aside(&mut self, text: &str) {
        self.tell(text);
    }

    /// Lines for another program on stderr, as they are. Never text that a person typed.
    pub(crate) fn raw_aside(&mut self, bytes: &[u8]) {
        // Nobody can be told that stderr is closed.
        let _ = self.streams.err.write_all(bytes);
    }

    /// Something that must not be missed, on stderr.
    pub fn warn(&mut self, text: &str) {
        self.tell(&format!("warning: {text}"));
    }

    /// What a command line without a command is answered with, on stderr.
    pub(crate) fn help(&mut self, text: &str) {
        // A stderr that cannot be written to leaves only the exit code to say so.
        let _ = self.streams.err.write_all(text.as_bytes());
    }

    /// Says why the command failed: the error object on stdout under `--json`, sentences on stderr otherwise.
    pub fn failure(&mut self, failure: &Failure) {
        if self.voice == Voice::Json {
            // A stdout that cannot be written to leaves only the exit code to say so.
            let _ = self.document(&failure.to_json());
            return;
        }
        self.say_why(failure);
    }

    /// Says why on stderr, whatever the voice.
    pub(crate) fn say_why(&mut self, failure: &Failure) {
        let mark = if self.streams.err_is == Reader::Terminal && self.colours == Reader::Terminal {
            "\u{1b}[31merror:\u{1b}[0m"
        } else {
            "error:"
        };
        let mut text = String::new();
        for line in failure.message.lines() {
            let lead = if text.is_empty() { mark } else { "\n " };
            text.push_str(lead);
            text.push(' ');
            text.push_str(&visible(line));
        }
        if !failure.hint.is_empty() {
            text.push_str("\nhint: ");
            text.push_str(&visible(&failure.hint));
        }
        text.push('\n');
        let _ = self.streams.err.write_all(text.as_bytes());
    }

    /// The text in a colour, if anybody can see it. The text must be safe to print.
    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        match self.colours {
            Reader::Terminal => format!("\u{1b}[{}m{text}\u{1b}[0m", colour.code()),
            Reader::Program => text.to_owned(),
        }
    }

    fn tell(&mut self, text: &str) {
        // Nobody can be told that stderr is closed.
        let _ = self.streams.err.write_all(format!("{}\n", visible(text)).as_bytes());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::exit::Exit;
    use std::sync::{Arc, Mutex};

    /// A stream that a test can read afterwards.
    #[derive(Clone, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Streams to keep, as seen by `reader`.
    pub(crate) fn kept(reader: Reader) -> (Streams, Kept, Kept) {
        let (out, err) = (Kept::default(), Kept::default());
        let streams = Streams {
            input: Box::new(std::io::empty()),
            input_is: Reader::Program,
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            out_is: reader,
            err_is: reader,
        };
        (streams, out, err)
    }

    /// The same at a terminal where somebody types this.
    pub(crate) fn typed(text: &str) -> (Streams, Kept, Kept) {
        let (streams, out, err) = kept(Reader::Terminal);
        let input = Box::new(std::io::Cursor::new(text.to_owned().into_bytes()));
        (Streams { input, input_is: Reader::Terminal, ..streams }, out, err)
    }

    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn json_is_one_document_also_for_errors() {
        let (streams, out, err) = kept(Reader::Program);
        let mut output = Output::new(streams, Voice::Json);
        output.note("asking");
        output.failure(&Failure::no("denied", "no"));
        assert_eq!(err.text(), "");
        let shown: serde_json::Value = serde_json::from_str(&out.text()).expect("one document");
        assert_eq!(shown["error"]["code"], "denied");
    }

    #[test]
    fn progress_is_for_terminals() {
        for (reader, voice, expected) in [
            (Reader::Terminal, Voice::Human, "waiting\n"),
            (Reader::Terminal, Voice::Quiet, ""),
            (Reader::Program, Voice::Human, ""),
        ] {
            let (streams, out, err) = kept(reader);
            Output::new(streams, voice).note("waiting");
            assert_eq!((out.text().as_str(), err.text().as_str()), ("", expected));
        }
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error() {
        let (streams, _, err) = kept(Reader::Program);
        let mut output = Output::new(Streams { out: Box::new(Closed), ..streams }, Voice::Human);
        assert_eq!(output.line("a"), Ok(()));
        assert!(output.is_unread());
        assert_eq!((output.line("b"), err.text().as_str()), (Ok(()), ""));
    }

    #[test]
    fn hidden_characters_are_visible_and_colours_only_on_terminals() {
        let (streams, out, err) = kept(Reader::Program);
        let mut output = Output::new(streams, Voice::Human);
        output.line("a\u{202e}b\u{1b}[2J").expect("written");
        output.say_why(&Failure::new(Exit::No, "x", "bad\u{1b}]0;x\u{7}\nsecond").hint("try\u{200b}"));
        assert_eq!(out.text(), "a\\u{202e}b\\u{1b}[2J\n");
        assert_eq!(err.text(), "error: bad\\u{1b}]0;x\\u{7}\n  second\nhint: try\\u{200b}\n");
        assert_eq!(output.paint(Colour::Red, "no"), "no");
        let (streams, ..) = kept(Reader::Terminal);
        assert_eq!(Output::new(streams, Voice::Human).paint(Colour::Red, "no"), "\u{1b}[31mno\u{1b}[0m");
    }
}
