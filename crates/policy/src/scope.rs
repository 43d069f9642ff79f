//! Which pairs of a role a request asks for.

use curfew_domain::scope::NotAScope;
use curfew_domain::{ActionName, Pair, ResourceName, Scope, limits};
use std::collections::BTreeSet;

/// Why a request's resources and actions are not the role's to give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotGiven {
    /// The role has globs, and none matches anything.
    #[error("the role gives nothing: its globs match no resource")]
    Nothing,
    #[error("the role gives nothing on `{0}`")]
    Resource(ResourceName),
    #[error("the role gives `{0}` nowhere")]
    Action(ActionName),
    #[error("the role does not give `{action}` on `{resource}`")]
    Pair { resource: ResourceName, action: ActionName },
    #[error("that is more than {} pairs of a resource and an action: name fewer resources", limits::SCOPE_PAIRS)]
    TooMuch,
}

/// Actions alone ask for those wherever the role gives them; resources alone for all the role gives there; both for
/// every combination; neither for all of it. What the role does not give denies the whole request.
pub(crate) fn choose(
    given: &BTreeSet<Pair>,
    resources: &[ResourceName],
    actions: &[ActionName],
) -> Result<Scope, NotGiven> {
    if given.is_empty() {
        return Err(NotGiven::Nothing);
    }
    if let Some(unknown) = resources.iter().find(|r| !given.iter().any(|p| p.resource == **r)) {
        return Err(NotGiven::Resource(unknown.clone()));
    }
    if let Some(unknown) = actions.iter().find(|a| !given.iter().any(|p| p.action == **a)) {
        return Err(NotGiven::Action(unknown.clone()));
    }
    let pairs = match (resources, actions) {
        ([], _) | (_, []) => {
            given.iter().filter(|p| asked(&p.resource, resources) && asked(&p.action, actions)).cloned().collect()
        }
        (resources, actions) => combinations(given, resources, actions)?,
    };
    Scope::new(pairs).map_err(|e| match e {
        NotAScope::Empty => NotGiven::Nothing,
        NotAScope::TooLarge => NotGiven::TooMuch,
    })
}

/// Exactly these pairs, each of which the role must give.
pub(crate) fn exactly(given: &BTreeSet<Pair>, asked: &Scope) -> Result<Scope, NotGiven> {
    match asked.pairs().find(|pair| !given.contains(*pair)) {
        None => Ok(asked.clone()),
        Some(pair) => Err(NotGiven::Pair { resource: pair.resource.clone(), action: pair.action.clone() }),
    }
}

/// An empty list asks for everything.
fn asked<T: PartialEq>(item: &T, list: &[T]) -> bool {
    list.is_empty() || list.contains(item)
}

fn combinations(
    given: &BTreeSet<Pair>,
    resources: &[ResourceName],
    actions: &[ActionName],
) -> Result<Vec<Pair>, NotGiven> {
    let mut pairs = Vec::new();
    for resource in resources {
        for action in actions {
            let pair = Pair { resource: resource.clone(), action: action.clone() };
            if !given.contains(&pair) {
                return Err(NotGiven::Pair { resource: pair.resource, action: pair.action });
            }
            if pairs.len() > limits::SCOPE_PAIRS {
                return Err(NotGiven::TooMuch);
            }
            pairs.push(pair);
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(name: &str) -> ResourceName {
        ResourceName::new(name).expect("a resource name")
    }

    fn action(name: &str) -> ActionName {
        ActionName::new(name).expect("an action")
    }

    fn given() -> BTreeSet<Pair> {
        let pairs = [("db/a", "read"), ("db/a", "write"), ("db/b", "read"), ("web", "shell")];
        pairs.map(|(r, a)| Pair { resource: resource(r), action: action(a) }).into()
    }

    fn chosen(resources: &[&str], actions: &[&str]) -> Result<String, NotGiven> {
        let resources: Vec<_> = resources.iter().map(|r| resource(r)).collect();
        let actions: Vec<_> = actions.iter().map(|a| action(a)).collect();
        let scope = choose(&given(), &resources, &actions)?;
        Ok(scope.pairs().map(|p| format!("{}:{}", p.resource, p.action)).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn parts_of_a_role_can_be_asked_for() {
        assert_eq!(chosen(&[], &[]).as_deref(), Ok("db/a:read db/a:write db/b:read web:shell"));
        assert_eq!(chosen(&[], &["read"]).as_deref(), Ok("db/a:read db/b:read"));
        assert_eq!(chosen(&["db/a"], &[]).as_deref(), Ok("db/a:read db/a:write"));
        assert_eq!(chosen(&["db/a", "db/b"], &["read"]).as_deref(), Ok("db/a:read db/b:read"));
        assert_eq!(chosen(&["db/a", "db/a"], &["read"]).as_deref(), Ok("db/a:read"));
    }

    #[test]
    fn what_the_role_does_not_give_denies_all_of_it() {
        assert_eq!(chosen(&["db/c"], &[]), Err(NotGiven::Resource(resource("db/c"))));
        assert_eq!(chosen(&["db/a"], &["drop"]), Err(NotGiven::Action(action("drop"))));
        assert_eq!(chosen(&[], &["read", "drop"]), Err(NotGiven::Action(action("drop"))));
        let pair = NotGiven::Pair { resource: resource("db/b"), action: action("write") };
        assert_eq!(chosen(&["db/a", "db/b"], &["read", "write"]), Err(pair));
        assert_eq!(choose(&BTreeSet::new(), &[], &[]), Err(NotGiven::Nothing));
    }

    #[test]
    fn pairs_are_all_or_nothing() {
        let given = given();
        let scope = |pairs: &[(&str, &str)]| {
            Scope::new(pairs.iter().map(|(r, a)| Pair { resource: resource(r), action: action(a) })).expect("a scope")
        };
        let part = scope(&[("db/a", "write"), ("web", "shell")]);
        assert_eq!(exactly(&given, &part), Ok(part.clone()));
        let pair = NotGiven::Pair { resource: resource("db/b"), action: action("write") };
        assert_eq!(exactly(&given, &scope(&[("db/a", "write"), ("db/b", "write")])), Err(pair));
    }

    #[test]
    fn a_scope_has_a_bound() {
        let many: BTreeSet<Pair> = (0..=limits::SCOPE_PAIRS)
            .map(|i| Pair { resource: resource(&format!("r{i}")), action: action("read") })
            .collect();
        assert_eq!(choose(&many, &[], &[]), Err(NotGiven::TooMuch));
        assert!(choose(&many, &[resource("r1")], &[]).is_ok());
    }
}
