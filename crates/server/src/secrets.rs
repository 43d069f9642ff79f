//! References in policy, resolved: whoever can merge a policy cannot point a harmless name at production.
//!
//! **Invariant:** a reference is open to the resources it is bound to in the configuration, and the default
//! reference of a name to that resource alone. No message holds a value.

use crate::config::Reference;
use crate::target_address::target_of;
use curfew_domain::ResourceName;
use curfew_domain::connector::Presence;
use curfew_engine::seams::Secrets;
use curfew_engine::seams::secrets::SecretError;
use curfew_policy::PolicySet;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The one default reference that names a key of the server's own configuration.
const SERVERS_OWN: &str = "env:CURFEW_PUBLIC_URL";

/// Looks a variable of the environment up.
pub type Lookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Resolves what stands behind `admin` in policy.
pub struct Resolver {
    bindings: BTreeMap<String, Vec<ResourceName>>,
    lookup: Lookup,
    given: Mutex<BTreeMap<ResourceName, SecretString>>,
}

impl Resolver {
    /// A resolver with the bindings of the configuration.
    pub fn new(bindings: BTreeMap<String, Vec<ResourceName>>, lookup: Lookup) -> Self {
        Self { bindings, lookup, given: Mutex::default() }
    }

    /// Says what the way into a resource is, whatever policy says. What `curfew dev` does for the targets it starts.
    pub fn give(&self, resource: ResourceName, secret: SecretString) {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).insert(resource, secret);
    }

    /// What speaks against putting a policy in force: a reference that is not open to its resource, and two
    /// resources that resolve to one target. A secret that cannot be had now is no reason: `doctor` names it.
    pub fn objections(&self, policy: &PolicySet) -> Vec<String> {
        let mut objections = Vec::new();
        let mut targets: BTreeMap<String, &ResourceName> = BTreeMap::new();
        for resource in policy.resources() {
            let written = resource.admin.as_deref();
            if let Err(error) = self.check_binding(&resource.name, written) {
                objections.push(error.0);
                continue;
            }
            let secret = match self.resolve(&resource.name, written) {
                Ok(Some(secret)) => secret,
                Ok(None) => {
                    if resource.connector.admin == Presence::Required {
                        tracing::warn!(resource = %resource.name, "{} is not set", default_reference(&resource.name));
                    }
                    continue;
                }
                Err(error) => {
                    tracing::warn!(resource = %resource.name, "{error}");
                    continue;
                }
            };
            let Some(target) = target_of(&secret, &resource.settings) else { continue };
            if let Some(first) = targets.insert(format!("{} {target}", resource.connector.name), &resource.name) {
                objections.push(format!("`{first}` and `{}` resolve to one target", resource.name));
            }
        }
        objections
    }

    fn check_binding(&self, resource: &ResourceName, written: Option<&str>) -> Result<(), SecretError> {
        let default = default_reference(resource);
        let reference = written.unwrap_or(&default);
        if reference == SERVERS_OWN {
            return Err(SecretError(format!(
                "`{resource}` cannot have `{SERVERS_OWN}`, which is the server's own address: name it otherwise"
            )));
        }
        if reference == default {
            return Ok(());
        }
        match self.bindings.get(reference) {
            Some(open_to) if open_to.contains(resource) => Ok(()),
            Some(_) | None => Err(SecretError(format!(
                "`{reference}` is not open to `{resource}`: bind it in [secrets] of the server's configuration"
            ))),
        }
    }
}

impl Secrets for Resolver {
    fn resolve(&self, resource: &ResourceName, reference: Option<&str>) -> Result<Option<SecretString>, SecretError> {
        if let Some(given) = self.given.lock().unwrap_or_else(PoisonError::into_inner).get(resource) {
            return Ok(Some(given.clone()));
        }
        self.check_binding(resource, reference)?;
        let default = default_reference(resource);
        let text = reference.unwrap_or(&default);
        let parsed: Reference = text
            .parse()
            .map_err(|_| SecretError(format!("`{text}`: this version reads env:NAME and file:/PATH only")))?;
        match parsed.read(&*self.lookup) {
            Ok(secret) => Ok(Some(secret)),
            Err(_) if reference.is_none() => Ok(None),
            Err(error) => Err(SecretError(error.to_string())),
        }
    }
}

/// The reference that is open to a resource without being bound: `services/db` has `env:CURFEW_SERVICES_DB_URL`.
pub fn default_reference(resource: &ResourceName) -> String {
    let capital = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("env:CURFEW_{}_URL", resource.as_str().chars().map(capital).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn name(text: &str) -> ResourceName {
        ResourceName::new(text).expect("a name")
    }

    fn resolver() -> Resolver {
        let bindings = BTreeMap::from([("env:SHARED".to_owned(), vec![name("a")])]);
        let variables = |variable: &str| match variable {
            "CURFEW_SERVICES_DB_URL" => Some("postgres://m:hunter2@h/orders\n".to_owned()),
            "SHARED" => Some("postgres://m:hunter2@h:5433/orders".to_owned()),
            _ => None,
        };
        Resolver::new(bindings, Box::new(variables))
    }

    #[test]
    fn the_default_is_open_to_its_resource_alone() {
        let resolver = resolver();
        let secret = resolver.resolve(&name("services/db"), None).expect("resolves").expect("is set");
        assert_eq!(secret.expose_secret(), "postgres://m:hunter2@h/orders");
        assert!(resolver.resolve(&name("services/db"), Some("env:CURFEW_SERVICES_DB_URL")).is_ok());
        let stolen = resolver.resolve(&name("harmless"), Some("env:CURFEW_SERVICES_DB_URL")).expect_err("refused");
        assert!(stolen.0.contains("env:CURFEW_SERVICES_DB_URL") && !stolen.0.contains("hunter2"), "{stolen}");
        assert!(resolver.resolve(&name("unset"), None).expect("no error").is_none());
        assert!(resolver.resolve(&name("public"), None).is_err(), "CURFEW_PUBLIC_URL is the server's own");
    }

    #[test]
    fn bound_references_are_open_to_those_they_name() {
        let resolver = resolver();
        assert!(resolver.resolve(&name("a"), Some("env:SHARED")).is_ok());
        assert!(resolver.resolve(&name("b"), Some("env:SHARED")).is_err());
        assert!(resolver.resolve(&name("a"), Some("openbao:x#y")).is_err());
    }

    fn policy(text: &str) -> PolicySet {
        let file = curfew_policy::SourceFile { path: "p.yaml".to_owned(), bytes: text.as_bytes().to_vec() };
        let kinds = [&curfew_connectors::postgres::KIND];
        let checked = curfew_policy::check(&[file], &kinds, curfew_policy::Purpose::Load);
        checked.set.unwrap_or_else(|| panic!("a policy: {:?}", checked.problems))
    }

    #[test]
    fn names_that_share_a_default_reference_are_refused_by_name() {
        let text = "resources: [{name: services/db, connector: postgres}, {name: services-db, connector: postgres}]";
        let file = curfew_policy::SourceFile { path: "p.yaml".to_owned(), bytes: text.as_bytes().to_vec() };
        let kinds = [&curfew_connectors::postgres::KIND];
        let checked = curfew_policy::check(&[file], &kinds, curfew_policy::Purpose::Load);
        let shared = checked.problems.iter().find(|problem| problem.code == "shared-admin").expect("a problem");
        assert!(checked.set.is_none());
        for named in ["`services/db`", "`services-db`", "`env:CURFEW_SERVICES_DB_URL`"] {
            assert!(shared.message.contains(named), "{}", shared.message);
        }
    }

    #[test]
    fn one_target_is_noticed_however_it_is_written() {
        let bindings = BTreeMap::from([("env:B".to_owned(), vec![name("b")])]);
        let variables = |variable: &str| match variable {
            "CURFEW_A_URL" => Some("postgres://m:hunter2@127.0.0.1:5432/orders".to_owned()),
            "B" => Some("postgresql://other:hunter2@LOCALHOST./%6frders?sslmode=disable".to_owned()),
            _ => None,
        };
        let resolver = Resolver::new(bindings, Box::new(variables));
        let set = policy(
            "resources: [{name: a, connector: postgres}, {name: b, connector: postgres, admin: \"env:B\"}]\n\
             roles: [{name: r, duration: 1h, approvers: [a@example.com], \
             conditions: [{resource: a, actions: [read]}]}]",
        );
        assert_eq!(resolver.objections(&set), ["`a` and `b` resolve to one target"]);
    }

    #[test]
    fn what_is_given_wins() {
        let resolver = resolver();
        resolver.give(name("services/db"), SecretString::from("postgres://dev"));
        let secret = resolver.resolve(&name("services/db"), Some("file:/nowhere")).expect("given").expect("there");
        assert_eq!(secret.expose_secret(), "postgres://dev");
    }
}
