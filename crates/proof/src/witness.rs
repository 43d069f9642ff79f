//! A request that is let through now and was not, for a person.

use cedar_policy::{Authorizer, Decision, Entities, EvalResult, PolicySet, Request};
use cedar_policy_symcc::Env;
use std::collections::BTreeSet;

/// Whether Cedar itself lets the request through after, and not before.
pub(crate) fn holds(env: &Env, before: &PolicySet, after: &PolicySet) -> bool {
    let decide = |policies| Authorizer::new().is_authorized(&env.request, policies, &env.entities);
    decide(after).decision() == Decision::Allow && decide(before).decision() == Decision::Deny
}

/// The facts of the request that are named, and the groups its subject is in.
pub(crate) fn shown(env: &Env, facts: &BTreeSet<String>) -> String {
    let mut parts = vec![subject(&env.request, &env.entities)];
    for fact in facts {
        if let Some(value) = value(env, fact) {
            parts.push(format!("{fact} = {}", printed(&value)));
        }
    }
    parts.join(", ")
}

fn subject(request: &Request, entities: &Entities) -> String {
    let Some(uid) = request.principal() else { return "somebody".to_owned() };
    let kind = match uid.type_name().to_string().as_str() {
        "Workload" => "a workload",
        _ => "a person",
    };
    let above = entities.ancestors(uid).into_iter().flatten();
    let groups: BTreeSet<String> = above.map(|group| group.id().unescaped().to_owned()).collect();
    match groups.is_empty() {
        true => kind.to_owned(),
        false => format!("{kind} in {}", groups.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// The value at a path such as `context.inputs.table`.
fn value(env: &Env, path: &str) -> Option<EvalResult> {
    let mut names = path.split('.');
    let of_entity = |uid: Option<&cedar_policy::EntityUid>, name: &str| env.entities.get(uid?)?.attr(name)?.ok();
    let mut value = match (names.next()?, names.next()?) {
        ("context", name) => env.request.context()?.get(name)?,
        ("principal", name) => of_entity(env.request.principal(), name)?,
        ("resource", name) => of_entity(env.request.resource(), name)?,
        _ => return None,
    };
    for name in names {
        value = match value {
            EvalResult::Record(record) => record.get(name)?.clone(),
            EvalResult::Bool(_)
            | EvalResult::Long(_)
            | EvalResult::String(_)
            | EvalResult::EntityUid(_)
            | EvalResult::Set(_)
            | EvalResult::ExtensionValue(_) => return None,
        };
    }
    Some(value)
}

fn printed(value: &EvalResult) -> String {
    const CHARS: usize = 80;
    let text = value.to_string();
    match text.chars().nth(CHARS) {
        None => text,
        Some(_) => text.chars().take(CHARS).chain("...".chars()).collect(),
    }
}
