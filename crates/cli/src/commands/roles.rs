//! `curfew roles`: what the caller may ask for, and what approval it would take.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Table;
use crate::session::{self, Session};
use curfew_api::{RoleScopeView, RoleView};
use std::collections::BTreeSet;

pub(crate) async fn run(context: &mut Context) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let roles = session.client.roles().await.map_err(session::failure)?.items;
    context.output.show(&roles, |output, roles| {
        let mut table =
            Table::new(&["ROLE", "SCOPE", "AT MOST", "APPROVAL", "DESCRIPTION"], "no role may be asked for");
        for role in roles {
            let scope: Vec<_> = role.scope.iter().map(scope_line).collect();
            let (name, most) = (role.name.to_string(), role.max_duration_seconds.to_string());
            table.row([name, scope.join("; "), most, approval(role), role.description.clone()]);
        }
        table.print(output)?;
        let bundles: BTreeSet<_> = roles.iter().flat_map(|role| &role.bundles).collect();
        for bundle in bundles {
            let of_it = roles.iter().filter(|role| role.bundles.contains(bundle)).map(|role| role.name.to_string());
            output.line(&format!("{bundle} asks for several at once: {}", of_it.collect::<Vec<_>>().join(", ")))?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}

fn scope_line(scope: &RoleScopeView) -> String {
    let actions: Vec<_> = scope.actions.iter().map(ToString::to_string).collect();
    format!("{}: {}", scope.resource, actions.join(", "))
}

fn approval(role: &RoleView) -> String {
    if role.stages.is_empty() {
        return "automatic".to_owned();
    }
    let stages: Vec<_> = role.stages.iter().map(|s| format!("{} of {}", s.require, s.approvers.join(", "))).collect();
    stages.join(", then ")
}
