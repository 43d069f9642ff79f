//! Letters about the policy itself.

use super::super::told::Told;
use super::{Envelope, Letter, line};
use curfew_domain::text::visible;

/// Another policy was to come into force, and cannot be.
pub(super) fn refused(told: &Told, envelope: &Envelope<'_>) -> Letter {
    let why = told.message.as_deref().unwrap_or("The log of the server says why.");
    let mut facts = Vec::new();
    facts.extend(told.policy_version.as_deref().map(|version| line("In force stays", visible(version))));
    facts.extend(told.actor.as_deref().map(|actor| line("Wanted by", visible(actor))));
    Letter {
        subject: "A change of policy was refused".to_owned(),
        lead: "It is not in force, and nothing of it is: the policy that was in force stays. This is said once, until \
               something else is wrong or another policy is in force."
            .to_owned(),
        facts,
        said: vec![("What is wrong".to_owned(), visible(why).lines().map(str::to_owned).collect())],
        commands: vec![
            ("See what is wrong where the policy is", "curfew policy check".to_owned()),
            ("See how following goes", "curfew doctor".to_owned()),
        ],
        page: envelope.page("audit"),
        because: "You get this because you are an administrator of the policy in force.",
    }
}
