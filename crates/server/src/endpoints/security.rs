//! What a call has to show, as the OpenAPI document says it.

use crate::app::App;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa_axum::router::OpenApiRouter;

/// Whom a part of the API is open to.
pub(super) enum Callers {
    /// Whoever reaches the server.
    Anybody,
    /// Who has a person's sign-in.
    People,
    /// Who has a sign-in, a person's or a machine's.
    PeopleAndMachines,
}

impl Callers {
    fn show(&self) -> Vec<SecurityRequirement> {
        let none: [&str; 0] = [];
        let person = SecurityRequirement::new("token", none);
        match self {
            Self::Anybody => Vec::new(),
            Self::People => vec![person],
            // Of two names in one requirement both are required: OpenAPI 3.1, 4.8.30.
            Self::PeopleAndMachines => {
                vec![person, SecurityRequirement::new("bound_token", none).add("proof", none)]
            }
        }
    }
}

/// A part of the API whose operations say what they take, unless one of them says something else.
pub(super) fn open_to(callers: &Callers, mut router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    for item in router.get_openapi_mut().paths.paths.values_mut() {
        for operation in operations(item) {
            operation.security.get_or_insert_with(|| callers.show());
        }
    }
    router
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// The schemes that operations name.
pub(super) struct Schemes;

impl utoipa::Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = || HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let header = |name, what| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, what)));
        let person = bearer().description(Some("A person's sign-in.")).build();
        let host = bearer().description(Some("The token of an SSH host.")).build();
        let Some(components) = openapi.components.as_mut() else { return };
        components.add_security_scheme("token", SecurityScheme::Http(person));
        components.add_security_scheme("host_token", SecurityScheme::Http(host));
        let bound = "`DPoP cfw_...`: a machine's sign-in. It is bound to a key (RFC 9449), and refused as `Bearer`.";
        components.add_security_scheme("bound_token", header("Authorization", bound));
        let proof = "A JWT of that key (`typ: dpop+jwt`, EdDSA or ES256) for this one call: `htm`, `htu`, `iat`, `jti`, and \
                     `ath` once there is a sign-in.";
        components.add_security_scheme("proof", header("DPoP", proof));
    }
}
