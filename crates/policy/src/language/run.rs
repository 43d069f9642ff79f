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
        )
        .such_as("[pipeline]"),
        optional("until", Shape::Choice(UNTIL), "When it ends: with the run, and never past `duration`.")
            .absent("pipeline-end")
            .such_as("pipeline-end"),
    ],
};

/// The only word after `until`.
pub(crate) const UNTIL: &[&str] = &["pipeline-end"];

const fn claim(name: &'static str, doc: &'static str) -> Key {
    optional(name, Shape::Compound(Compound::Claim), doc)
}

pub(super) const ISSUER: Key = optional(
    "issuer",
    Shape::Text,
    "Which issuer, by its name in the server's configuration; needed where a server has several of the kind.",
)
.such_as("github");
pub(super) const BY_NAME: &str = "By name, which somebody else can take over: prefer the number.";

/// What can be said of a run, under each provider's key.
pub(crate) static WORKLOADS: [(&str, &Record); 6] = [
    (
        "github",
        &Record {
            what: "`github`",
            keys: &[
                ISSUER,
                claim("repository_id", "The repository's number.").such_as("\"123456\""),
                claim("repository_owner_id", "The owner's number.").such_as("\"42\""),
                claim("repository", BY_NAME).such_as("acme/shop"),
                claim("ref", "The branch or tag in full: `refs/heads/main`, `refs/tags/v*`.")
                    .such_as("refs/heads/main"),
                claim("ref_type", "`branch` or `tag`.").such_as("branch"),
                claim("environment", "The deployment environment.").such_as("production"),
                claim("workflow", "The path of the workflow file.").such_as(".github/workflows/hotfix.yml"),
                claim("job_workflow_ref", "The reusable workflow, with its ref.")
                    .such_as("acme/shop/.github/workflows/deploy.yml@refs/heads/main"),
                claim("event", "What started the run; without it only events that no stranger can cause.")
                    .such_as("push"),
                claim("actor_id", "The number of who started it.").such_as("\"583231\""),
            ],
        },
    ),
    (
        "gitlab",
        &Record {
            what: "`gitlab`",
            keys: &[
                ISSUER,
                claim("project_id", "The project's number.").such_as("\"22\""),
                claim("namespace_id", "The namespace's number.").such_as("\"7\""),
                claim("project_path", BY_NAME).such_as("acme/shop"),
                claim("ref", "The branch or tag by its bare name: `main`.").such_as("main"),
                claim("ref_type", "`branch` or `tag`.").such_as("branch"),
                claim("ref_protected", "`\"true\"` for a protected ref.").such_as("\"true\""),
                claim("environment", "The deployment environment.").such_as("production"),
                claim("source", "What started the pipeline; without it no merge request's.").such_as("push"),
            ],
        },
    ),
    (
        "kubernetes",
        &Record {
            what: "`kubernetes`",
            keys: &[
                ISSUER,
                claim("namespace", "The namespace.").such_as("ci"),
                claim("service_account", "The service account.").such_as("deployer"),
            ],
        },
    ),
    (
        "buildkite",
        &Record {
            what: "`buildkite`",
            keys: &[
                ISSUER,
                claim("organization_slug", "The organization.").such_as("acme"),
                claim("pipeline_slug", "The pipeline.").such_as("deploy"),
                claim("build_branch", "The branch.").such_as("main"),
            ],
        },
    ),
    (
        "circleci",
        &Record {
            what: "`circleci`",
            keys: &[
                ISSUER,
                claim("project_id", "The project's id.").such_as("\"1f2e3d4c\""),
                claim("context_id", "The context's id.").such_as("\"1f2e\""),
                claim("vcs_ref", "The branch or tag in full: `refs/heads/main`, `refs/tags/v*`.")
                    .such_as("refs/heads/main"),
            ],
        },
    ),
    (
        "oidc",
        &Record {
            what: "`oidc`",
            keys: &[
                required("issuer", Shape::Text, "Which issuer, by its name in the server's configuration, or its URL.")
                    .such_as("ci"),
                required("claims", Shape::Compound(Compound::Claims), "What claims of its token have to be.")
                    .such_as("{sub: \"job-1\"}"),
            ],
        },
    ),
];
