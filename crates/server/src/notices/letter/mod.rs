//! Letters: what a person reads about one notice, before it becomes a text and an HTML part.
//!
//! **Invariant:** a letter holds no link that does anything; it names commands, and a page to look at.

mod emergency;
mod ended;
mod granted;
mod html;
mod policy;
mod requested;
mod text;

use super::told::{About, Told};
use crate::words;
use curfew_domain::text::visible;
use curfew_domain::{Grant, Request};
use url::Url;

/// Lines under one heading at most.
const LINES: usize = 20;
/// Characters of a subject line at most.
const SUBJECT_CHARS: usize = 150;

/// Why somebody else than the subject gets a letter.
const NAMED: &str = "You get this because the role names you among those to tell.";

/// One fact: its name and its lines.
type Fact = (&'static str, Vec<String>);

/// What a person reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Letter {
    /// The line in the inbox.
    pub(super) subject: String,
    /// What happened and what to do, in a sentence or two.
    pub(super) lead: String,
    /// The facts.
    pub(super) facts: Vec<Fact>,
    /// What people typed: a heading, and the lines.
    pub(super) said: Vec<(String, Vec<String>)>,
    /// What to run: what it does, and the command.
    pub(super) commands: Vec<(&'static str, String)>,
    /// A page that shows it.
    pub(super) page: Option<Url>,
    /// Why this person gets it.
    pub(super) because: &'static str,
}

/// To whom, and from which server.
pub(super) struct Envelope<'a> {
    /// The address.
    pub(super) to: &'a str,
    /// How browsers reach this server.
    pub(super) server: &'a Url,
}

impl Envelope<'_> {
    /// A page of the console.
    fn page(&self, path: &str) -> Option<Url> {
        self.server.join(path).ok()
    }

    fn is_for(&self, subject: &curfew_domain::Subject) -> bool {
        subject.email.as_ref().is_some_and(|email| email.as_str() == self.to)
    }

    /// Why this address gets it: the subject for a reason of their own, others because the role names them.
    fn because(&self, subject: &curfew_domain::Subject, own: &'static str) -> &'static str {
        if self.is_for(subject) { own } else { NAMED }
    }
}

/// The letter of a notice; none when what it should tell of is missing from it.
pub(super) fn compose(told: &Told, envelope: &Envelope<'_>) -> Option<Letter> {
    let mut letter = match told.about {
        About::Requested => requested::requested(told, told.request.as_ref()?, envelope),
        About::Approved => requested::approved(told.request.as_ref()?, envelope),
        About::Denied => requested::denied(told.request.as_ref()?, envelope),
        About::Withdrawn => requested::withdrawn(told.request.as_ref()?, envelope),
        About::Lapsed => requested::lapsed(told.request.as_ref()?, envelope),
        About::Activated => granted::activated(told, told.grant.as_ref()?, envelope),
        About::Extended => granted::extended(told.grant.as_ref()?, envelope),
        About::EndingSoon => granted::ending_soon(told.grant.as_ref()?, envelope),
        About::Ended => ended::ended(told, told.grant.as_ref()?, envelope),
        About::Overdue => ended::overdue(told, told.lease.as_ref()?, envelope),
        About::BreakGlass => emergency::used(told, told.request.as_ref()?, told.grant.as_ref()?, envelope),
        About::Reviewed => emergency::reviewed(told.grant.as_ref()?, envelope),
        About::ReviewOverdue => emergency::overdue(told, told.request.as_ref()?, told.grant.as_ref()?, envelope),
        About::Alarm => ended::alarm(told, envelope),
        About::PolicyRefused => policy::refused(told, envelope),
    };
    letter.subject = visible(&letter.subject).chars().take(SUBJECT_CHARS).collect();
    Some(letter)
}

impl Letter {
    /// The part without markup.
    pub(super) fn text(&self) -> String {
        text::render(self)
    }

    /// The part with markup.
    pub(super) fn html(&self) -> String {
        html::render(self)
    }
}

/// A fact of lines, cut where nobody reads on.
fn fact(name: &'static str, mut lines: Vec<String>) -> Fact {
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("and {more} more; the page shows all"));
    }
    (name, lines)
}

/// A fact of one line.
fn line(name: &'static str, text: impl Into<String>) -> Fact {
    (name, vec![text.into()])
}

fn facts_of_request(request: &Request) -> Vec<Fact> {
    let mut facts = vec![
        line("Who", words::who(&request.subject)),
        line("Role", request.role.to_string()),
        fact("What", words::scope_lines(&request.scope)),
    ];
    match &request.extends {
        Some(extends) => {
            let end = words::moment(extends.until);
            facts.push(line("More time", format!("{} in all from its activation; it ends at {end}", request.duration)));
        }
        None => facts.push(line("For", format!("{}, from activation", request.duration))),
    }
    if !request.ticket.is_empty() {
        facts.push(line("Ticket", visible(&request.ticket)));
    }
    facts
}

fn facts_of_grant(grant: &Grant) -> Vec<Fact> {
    vec![
        line("Who", words::who(&grant.subject)),
        line("Role", grant.role.to_string()),
        fact("What", words::scope_lines(&grant.scope)),
    ]
}

/// What may outlive the end, if anything.
fn exposure(sentences: &[String]) -> Option<Fact> {
    let lines: Vec<String> = sentences.iter().map(|s| visible(s).into_owned()).collect();
    (!lines.is_empty()).then(|| fact("It can leave behind", lines))
}
