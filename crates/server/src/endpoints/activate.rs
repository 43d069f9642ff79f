//! `POST /api/v1/grants/{id}/activate`

use super::grant_path::GrantPath;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Body, CallerAddress, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{ActivateBody, ActivationView, ErrorCode, PresentedBody};
use curfew_domain::{Artefact, Presented, PresentedArtefact, ResourceName};
use curfew_engine::Claim;
use curfew_engine::seams::connector::PublicHalf;
use std::collections::BTreeSet;

/// Claims an approved grant with the public halves of secrets that the client made. The clock starts now.
#[utoipa::path(post, path = "/grants/{id}/activate", tag = "grants", request_body = ActivateBody,
    params(("id" = String, Path, description = "`grt_...`, or the `req_...` it came from")),
    responses((status = 200, body = ActivationView), RefusalResponses))]
pub(crate) async fn activate(
    State(app): State<App>,
    caller: Caller,
    CallerAddress(address): CallerAddress,
    GrantPath(which): GrantPath,
    Body(body): Body<ActivateBody>,
) -> Answer<ActivationView> {
    let presented = body.artefacts.iter().map(presented).collect::<Result<_, _>>()?;
    let client = caller.workload.clone();
    let claim = Claim { halves: halves(body)?, source_ip: Some(address), client, presented };
    let activation = app.engine.activate(&caller.who, which, claim).await?;
    Ok(Json(ActivationView::new(&activation.grant, &activation.leases)))
}

fn presented(body: &PresentedBody) -> Result<PresentedArtefact, ApiError> {
    let malformed = |why: String| ApiError::new(ErrorCode::Malformed, why);
    let artefact = Artefact::new(body.kind, &body.value).map_err(|error| malformed(error.to_string()))?;
    match body.by {
        Presented::Measured | Presented::Claimed => Ok(PresentedArtefact { artefact, by: body.by }),
        Presented::Token => Err(malformed("what the token of a run says is in the token".to_owned())),
    }
}

fn halves(body: ActivateBody) -> Result<Vec<(ResourceName, PublicHalf)>, ApiError> {
    let mut seen = BTreeSet::new();
    let half = |half: curfew_api::PublicHalfBody| {
        if !seen.insert(half.resource.clone()) {
            return Err(ApiError::new(ErrorCode::PublicHalfRefused, format!("`{}` stands twice", half.resource)));
        }
        Ok((half.resource, PublicHalf { kind: half.kind, value: half.value }))
    };
    body.public_halves.into_iter().map(half).collect()
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, halves, text};

    #[tokio::test]
    async fn gives_what_a_client_needs_and_the_same_again() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let asked = world.ask(&dev).await;
        let path = format!("/api/v1/grants/{}/activate", text(&asked, "id"));
        let early = world.post(&dev, &path, halves(1)).await;
        assert_eq!((early.status.as_u16(), early.code().as_str()), (409, "wrong_state"));
        let lead = world.sign_in("lead@example.com").await;
        let approve = format!("/api/v1/requests/{}/approve", text(&asked, "id"));
        world.post(&lead, &approve, serde_json::json!({"digest": asked["digest"]})).await.ok();
        assert_eq!(world.post(&lead, &path, halves(1)).await.code(), "forbidden");
        assert_eq!(
            world.post(&dev, &path, serde_json::json!({"public_halves": []})).await.code(),
            "public_half_refused"
        );
        let first = world.post(&dev, &path, halves(1)).await.ok();
        assert_eq!(first["grant"]["state"], "active");
        let connection = &first["connections"][0];
        assert_eq!((&connection["resource"], &connection["connector"]), (&"services/db".into(), &"postgres".into()));
        assert_eq!(connection["connection"]["user"], first["grant"]["leases"][0]["handle"]);
        assert_eq!(world.post(&dev, &path, halves(1)).await.ok()["connections"], first["connections"]);
        assert_eq!(world.post(&dev, &path, halves(2)).await.code(), "wrong_state");
    }

    #[tokio::test]
    async fn it_ends_at_its_hour() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let id = text(&world.active(&dev).await, "id");
        world.clock.turn(std::time::Duration::from_secs(1_800));
        let grant = world.until(&dev, &id, "ended").await;
        assert_eq!((&grant["end_cause"], &grant["verified"]), (&"expired".into(), &true.into()));
    }
}
