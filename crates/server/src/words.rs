//! Facts put into words for people, the same in letters and on the console's pages.

use curfew_domain::request::Origin;
use curfew_domain::text::visible;
use curfew_domain::{EndCause, Scope, Seconds, Subject, Timestamp};

/// Lines of a text somebody typed that are shown.
const TYPED_LINES: usize = 100;

/// A point in time to the minute: `2026-03-02 10:00 UTC`.
pub(crate) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    let minutes = text.get(..16).unwrap_or(&text);
    format!("{} UTC", minutes.replace('T', " "))
}

/// How long from one point to a later one: `1h30m`, and `under a minute` below that.
pub(crate) fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = u32::try_from(to.millis_since(from) / 1_000).unwrap_or(u32::MAX);
    match seconds {
        0..60 => "under a minute".to_owned(),
        // Above an hour nobody counts seconds.
        60..3_600 => Seconds::new(seconds).to_string(),
        _ => Seconds::new(seconds - seconds % 60).to_string(),
    }
}

/// Who, with the name if there is one: `Ann Lee <ann@example.com>`.
pub(crate) fn who(subject: &Subject) -> String {
    let label = subject.label();
    match subject.name.as_deref().map(str::trim).filter(|name| !name.is_empty() && *name != label) {
        Some(name) => visible(&format!("{name} <{label}>")).into_owned(),
        None => visible(&label).into_owned(),
    }
}

/// One line a resource: `services/db: read, write`.
pub(crate) fn scope_lines(scope: &Scope) -> Vec<String> {
    let line = |(resource, actions): (_, Vec<_>)| {
        let actions: Vec<String> = actions.iter().map(|a: &curfew_domain::ActionName| a.to_string()).collect();
        format!("{resource}: {}", actions.join(", "))
    };
    scope.by_resource().into_iter().map(line).collect()
}

/// What somebody typed, line by line, with what cannot be seen made visible.
pub(crate) fn typed(text: &str) -> Vec<String> {
    let text = text.trim().replace("\r\n", "\n");
    let mut lines: Vec<String> = text.split('\n').take(TYPED_LINES).map(|line| visible(line).into_owned()).collect();
    if text.split('\n').nth(TYPED_LINES).is_some() {
        lines.push("[the rest is not shown]".to_owned());
    }
    lines
}

/// How a request came to be.
pub(crate) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Asked => "an ask",
        Origin::Trigger => "a pipeline's run",
        Origin::BreakGlass => "emergency access: nobody had to approve it",
        Origin::Bundle => "a bundle",
    }
}

/// Why a grant ended, as the rest of a sentence that begins with the grant.
pub(crate) fn cause(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Expired => "its time was over",
        EndCause::Returned => "it was returned",
        EndCause::Revoked => "it was revoked",
        EndCause::Lapsed => "nobody activated it in time",
        EndCause::PipelineEnded => "the pipeline it lived with ended",
        EndCause::PolicyChanged => "the policy no longer gives it",
        EndCause::SubjectDisabled => "its subject may no longer sign in",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_spans_read_well() {
        let at = |millis: i64| Timestamp::from_millis(1_772_445_600_000 + millis);
        assert_eq!(moment(at(59_999)), "2026-03-02 10:00 UTC");
        assert_eq!(span(at(0), at(59_999)), "under a minute");
        assert_eq!(span(at(0), at(90_500)), "1m30s");
        assert_eq!(span(at(0), at(5_430_000)), "1h30m");
        assert_eq!(span(at(9), at(0)), "under a minute");
    }

    #[test]
    fn typed_text_keeps_its_lines_and_hides_nothing() {
        assert_eq!(typed("  a\r\nb\u{202e}c\rd "), ["a", "b\\u{202e}c\\u{d}d"]);
        let many = typed(&"x\n".repeat(300));
        assert_eq!((many.len(), many.last().map(String::as_str)), (101, Some("[the rest is not shown]")));
    }
}
