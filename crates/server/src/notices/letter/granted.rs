//! Letters about access that is there.

use super::super::told::Told;
use super::{Envelope, Letter, exposure, facts_of_grant, line};
use crate::words;
use curfew_domain::Grant;

/// Why the subject gets a letter.
pub(super) const YOURS: &str = "You get this because the access is yours.";

/// Access is there.
pub(super) fn activated(told: &Told, grant: &Grant, envelope: &Envelope<'_>) -> Letter {
    let until = grant.until().map_or_else(|| "its end".to_owned(), words::moment);
    let mut facts = facts_of_grant(grant);
    facts.push(line("Until", until.clone()));
    let left: Vec<String> = told.leases.iter().flat_map(|l| l.residual_exposure.iter().cloned()).collect();
    facts.extend(exposure(&left));
    Letter {
        subject: format!("{} is active until {until}", grant.role),
        lead: format!(
            "It was activated just now and ends by itself at {until}. If that was not you, revoke it and tell your administrators."
        ),
        facts,
        said: Vec::new(),
        commands: vec![
            ("Connect", format!("curfew connect {}", grant.id)),
            ("Give it back early", format!("curfew return {}", grant.id)),
        ],
        page: page(grant, envelope),
        because: YOURS,
    }
}

/// Access lasts longer.
pub(super) fn extended(grant: &Grant, envelope: &Envelope<'_>) -> Letter {
    let until = grant.until().map_or_else(|| "its end".to_owned(), words::moment);
    let mut facts = facts_of_grant(grant);
    facts.push(line("Until", until.clone()));
    Letter {
        subject: format!("{} lasts longer: until {until}", grant.role),
        lead: format!(
            "It was given more time and ends by itself at {until}. A certificate is renewed by activating again."
        ),
        facts,
        said: Vec::new(),
        commands: vec![
            ("Renew what is kept on your machine", format!("curfew activate {}", grant.id)),
            ("Give it back early", format!("curfew return {}", grant.id)),
        ],
        page: page(grant, envelope),
        because: YOURS,
    }
}

/// Access ends soon.
pub(super) fn ending_soon(grant: &Grant, envelope: &Envelope<'_>) -> Letter {
    let until = grant.until().map_or_else(|| "its hour".to_owned(), words::moment);
    Letter {
        subject: format!("{} ends at {until}", grant.role),
        lead: format!("Finish what you are doing: at {until} its sessions are closed. If you need longer, ask again."),
        facts: facts_of_grant(grant),
        said: Vec::new(),
        commands: vec![
            ("Ask again", format!("curfew request {} --reason \"...\"", grant.role)),
            ("Give it back now", format!("curfew return {}", grant.id)),
        ],
        page: page(grant, envelope),
        because: YOURS,
    }
}

pub(super) fn page(grant: &Grant, envelope: &Envelope<'_>) -> Option<url::Url> {
    envelope.page(&format!("grants/{}", grant.id))
}
