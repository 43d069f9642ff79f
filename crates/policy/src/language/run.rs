//! Pipelines' runs: triggers, and what can be said of a workload.

use super::*;

/// A trigger, beside the provider's own key.
pub(crate) static TRIGGER: Record = Record {
    what: "a trigger",
    keys: &[
        required(
            "grant_to",
            Shape::List(Emptiness::Refused, &Shape::Receiver),
            "`pipeline` for the run itself, `actor` for who started it, or persons and groups.",
        ),
        optional("until", Shape::Choice(UNTIL), "When it ends: with the run, and never past `duration`."),
    ],
};

/// The only word after `until`.
pub(crate) const UNTIL: &[&str] = &["pipeline-end"];

pub(super) const fn claim(name: &'static str, doc: &'static str) -> Key {
    optional(name, Shape::Compound(Compound::Claim), doc)
}

pub(super) const ISSUER: Key =
    optional("issuer", Shape::Text, "Which issuer, by its name in the server's configuration.");
pub(super) const BY_NAME: &str = "By name, which somebody else can take over: prefer the number.";

/// What can be said of a run, under each provider's key.
pub(crate) static WORKLOADS: [(&str, &Record); 6] = [
    (
        "github",
        &Record {
            what: "`github`",
            keys: &[
                ISSUER,
                claim("repository_id", "The repository's number."),
                claim("repository_owner_id", "The owner's number."),
                claim("repository", BY_NAME),
                claim("ref", "The branch or tag: `refs/heads/main`, `refs/tags/v*`."),
                claim("ref_type", "`branch` or `tag`."),
                claim("environment", "The deployment environment."),
                claim("workflow", "The path of the workflow file."),
                claim("job_workflow_ref", "The reusable workflow, with its ref."),
                claim("event", "What started the run; without it only events that no stranger can cause."),
                claim("actor_id", "The number of who started it."),
            ],
        },
    ),
    (
        "gitlab",
        &Record {
            what: "`gitlab`",
            keys: &[
                ISSUER,
                claim("project_id", "The project's number."),
                claim("namespace_id", "The namespace's number."),
                claim("project_path", BY_NAME),
                claim("ref", "The branch or tag."),
                claim("ref_type", "`branch` or `tag`."),
                claim("ref_protected", "`\"true\"` for a protected ref."),
                claim("environment", "The deployment environment."),
                claim("source", "What started the pipeline; without it no merge request's."),
            ],
        },
    ),
    (
        "kubernetes",
        &Record {
            what: "`kubernetes`",
            keys: &[ISSUER, claim("namespace", "The namespace."), claim("service_account", "The service account.")],
        },
    ),
    (
        "buildkite",
        &Record {
            what: "`buildkite`",
            keys: &[
                ISSUER,
                claim("organization_slug", "The organization."),
                claim("pipeline_slug", "The pipeline."),
                claim("build_branch", "The branch."),
            ],
        },
    ),
    (
        "circleci",
        &Record {
            what: "`circleci`",
            keys: &[
                ISSUER,
                claim("project_id", "The project's id."),
                claim("context_id", "The context's id."),
                claim("vcs_ref", "The branch or tag: `refs/heads/main`, `refs/tags/v*`."),
            ],
        },
    ),
    (
        "oidc",
        &Record {
            what: "`oidc`",
            keys: &[
                required("issuer", Shape::Text, "Which issuer, by its name in the server's configuration, or its URL."),
                required("claims", Shape::Compound(Compound::Claims), "What claims of its token have to be."),
            ],
        },
    ),
];
