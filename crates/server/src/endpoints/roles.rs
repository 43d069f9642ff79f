//! `GET /api/v1/roles`

use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{JustificationView, Listing, RoleInputView, RoleScopeView, RoleView, StageView};
use curfew_policy::{Approval, Bundle, Condition, Input, InputKind, Justification, Required, Role, StageRule};

/// The roles the caller may ask for, and what approval each would take.
#[utoipa::path(get, path = "/roles", tag = "requests", responses((status = 200, body = Listing<RoleView>), RefusalResponses))]
pub(crate) async fn roles(State(app): State<App>, caller: Caller) -> Answer<Listing<RoleView>> {
    let policy = app.engine.policy();
    let bundles = policy.bundles();
    Ok(Json(Listing::whole(policy.roles_for(&caller.who).into_iter().map(|role| role_view(role, bundles)).collect())))
}

/// A role as it is listed.
pub(crate) fn role_view(role: &Role, bundles: &[Bundle]) -> RoleView {
    let (approval, stages) = match &role.approval {
        Approval::Automatic(_) => ("automatic", Vec::new()),
        Approval::Stages(chain) => ("stages", chain.stages.iter().map(stage).collect()),
    };
    RoleView {
        name: role.name.clone(),
        description: role.description.clone(),
        scope: role.conditions.iter().map(scope).collect(),
        min_duration_seconds: role.duration.min,
        default_duration_seconds: role.duration.default,
        max_duration_seconds: role.duration.max,
        approval: approval.to_owned(),
        stages,
        justification: role.constraints.justification.as_ref().map(justification),
        bundles: bundles
            .iter()
            .filter(|b| b.roles.iter().any(|(name, _)| *name == role.name))
            .map(|b| b.name.clone())
            .collect(),
        inputs: role.constraints.inputs.iter().map(input).collect(),
    }
}

fn input(input: &Input) -> RoleInputView {
    let (kind, values, max_length) = match &input.kind {
        InputKind::Text { max_length } => ("string", &[][..], Some(*max_length)),
        InputKind::Integer => ("integer", &[][..], None),
        InputKind::Boolean => ("boolean", &[][..], None),
        InputKind::Enum { values } => ("enum", values.as_slice(), None),
    };
    RoleInputView {
        name: input.name.clone(),
        kind: kind.to_owned(),
        prompt: input.prompt.clone(),
        required: input.required == Required::Yes,
        values: values.to_vec(),
        max_length,
    }
}

fn scope(condition: &Condition) -> RoleScopeView {
    RoleScopeView { resource: condition.resource.as_str().to_owned(), actions: condition.actions.clone() }
}

fn stage(stage: &StageRule) -> StageView {
    let approvers = stage.approvers.iter().map(|listed| listed.principal.to_string()).collect();
    StageView { name: stage.name.clone(), require: stage.require, approvers }
}

fn justification(rule: &Justification) -> JustificationView {
    JustificationView {
        required: match rule.required {
            Required::Yes => true,
            Required::No => false,
        },
        min_length: rule.min_length,
        pattern: rule.pattern.as_ref().map(|pattern| pattern.as_str().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::World;

    #[tokio::test]
    async fn shows_what_the_caller_may_ask_for() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let roles = world.get(&dev, "/api/v1/roles").await.ok();
        let names: Vec<_> = roles["items"].as_array().expect("a list").iter().map(|r| &r["name"]).collect();
        assert_eq!(names, ["db-debug", "db-look"]);
        assert_eq!(roles["items"][0]["stages"][0]["approvers"][0], "lead@example.com");
        assert_eq!(roles["items"][1]["approval"], "automatic");
        assert_eq!(roles["items"][1]["justification"]["min_length"], 5);
        let other = world.sign_in("other@example.com").await;
        let roles = world.get(&other, "/api/v1/roles").await.ok();
        assert_eq!(roles["items"].as_array().map(Vec::len), Some(1));
    }
}
