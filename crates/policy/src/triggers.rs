//! What a run fires: the roles whose triggers mean it, and to whom each of them gives.

use crate::allowance::Allowance;
use crate::model::{Principal, Receiver, Trigger};
use crate::set::PolicySet;
use crate::workload::{Actor, Token};
use curfew_domain::{Email, GroupName, RoleName};
use std::collections::BTreeSet;

/// Somebody to whom a trigger gives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// The run itself.
    Run,
    /// A person.
    Person(Email),
    /// Whoever the identity provider says is in this group.
    Group(GroupName),
}

/// A role that a run fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Which.
    pub role: RoleName,
    /// To whom it is given, if it is decided so. Members of static groups stand themselves.
    pub to: BTreeSet<Recipient>,
}

impl PolicySet {
    /// The roles whose triggers mean this run, by name. Whether somebody gets one is decided as for any request.
    ///
    /// In a run that somebody may have started again, and where nobody knows whose the account is that started it, `actor`
    /// is nobody; nor is anybody who is only known as being on call.
    pub fn fired_by(&self, token: &Token) -> Vec<Fired> {
        let fired = self.roles().map(|role| {
            let meant = role.triggers.iter().filter(|trigger| token.is(&trigger.workload));
            Fired { role: role.name.clone(), to: meant.flat_map(|trigger| self.recipients(trigger, token)).collect() }
        });
        fired.filter(|fired| !fired.to.is_empty()).collect()
    }

    fn recipients(&self, trigger: &Trigger, token: &Token) -> BTreeSet<Recipient> {
        let mut all = BTreeSet::new();
        for receiver in &trigger.grant_to {
            match receiver {
                Receiver::Pipeline => {
                    all.insert(Recipient::Run);
                }
                Receiver::Actor => all.extend(self.starter(token).cloned().map(Recipient::Person)),
                Receiver::Named(listed) => {
                    let found = self.directory().everybody([listed], &Allowance::endless());
                    all.extend(found.persons.into_iter().map(Recipient::Person));
                    all.extend(found.unlisted.into_iter().filter_map(|principal| match principal {
                        Principal::Group(name) => Some(Recipient::Group(name)),
                        Principal::Person(_) | Principal::OnCall(_) | Principal::Workload(_) => None,
                    }));
                }
            }
        }
        all
    }

    /// Who started a run, if that can be told.
    fn starter(&self, token: &Token) -> Option<&Email> {
        match token.actor()? {
            Actor::Account(number) => self.person_of(token.provider, number),
            Actor::Unsure => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Claims, Provider};
    use crate::{Purpose, SourceFile, check};
    use serde_json::json;

    const SET: &str = r#"
groups:
  crew: [ann@example.com, group:inner, group:sre]
  inner: [bob@example.com]
idp_groups: [sre]
people: [{email: eve@example.com, github: "583231"}]
roles:
  - name: hotfix
    triggers:
      - {github: {repository_id: "1", ref: refs/heads/main}, grant_to: [pipeline, actor], until: pipeline-end}
      - {github: {repository_id: "1", environment: production}, grant_to: ["group:crew"], until: pipeline-end}
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
  - name: other
    triggers: [{github: {repository_id: "2", ref: refs/heads/main}, grant_to: [pipeline], until: pipeline-end}]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
"#;

    fn set() -> PolicySet {
        let file = SourceFile { path: "p.yaml".to_owned(), bytes: SET.as_bytes().to_vec() };
        let checked = check(&[file], &[], Purpose::Check);
        checked.set.unwrap_or_else(|| panic!("{:#?}", checked.problems))
    }

    fn fired(more: serde_json::Value) -> Vec<Fired> {
        let mut claims = json!({"repository_id": "1", "event_name": "push", "actor_id": "583231", "run_attempt": "1"});
        let (Some(all), Some(more)) = (claims.as_object_mut(), more.as_object()) else { panic!("maps") };
        all.extend(more.clone());
        let claims = Claims::from_json(claims.as_object().expect("a map"));
        set().fired_by(&Token { provider: Provider::Github, issuer: None, claims })
    }

    fn person(name: &str) -> Recipient {
        Recipient::Person(format!("{name}@example.com").parse().expect("an address"))
    }

    fn to(fired: &[Fired]) -> Vec<Recipient> {
        assert_eq!(fired.iter().map(|f| f.role.as_str()).collect::<Vec<_>>(), ["hotfix"]);
        fired[0].to.iter().cloned().collect()
    }

    #[test]
    fn every_trigger_that_means_the_run_gives_to_all_it_names() {
        let main = fired(json!({"ref": "refs/heads/main"}));
        assert_eq!(to(&main), [Recipient::Run, person("eve")]);
        let both = fired(json!({"ref": "refs/heads/main", "environment": "production"}));
        let sre = Recipient::Group(GroupName::new("sre").expect("a name"));
        assert_eq!(to(&both), [Recipient::Run, person("ann"), person("bob"), person("eve"), sre]);
        assert_eq!(fired(json!({"ref": "refs/heads/other"})), []);
        assert_eq!(fired(json!({"ref": "refs/heads/main", "event_name": "pull_request"})), []);
    }

    #[test]
    fn whoever_started_a_run_again_gets_nothing_as_its_actor() {
        let again = fired(json!({"ref": "refs/heads/main", "run_attempt": "2"}));
        assert_eq!(to(&again), [Recipient::Run]);
        let stranger = fired(json!({"ref": "refs/heads/main", "actor_id": "1"}));
        assert_eq!(to(&stranger), [Recipient::Run]);
    }
}
