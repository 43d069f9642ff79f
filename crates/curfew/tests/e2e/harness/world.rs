//! A PostgreSQL, a policy and a server together.

use super::person::Person;
use super::postgres::Postgres;
use super::programs::{folder, soon};
use super::server::{Server, Way};
use std::path::Path;
use std::time::Duration;

/// What most tests run under: `debug` needs one of two approvers, `self-service` needs nobody.
pub(crate) const POLICY: &str = r#"
groups:
  dba: [ann@example.com, bob@example.com]
administrators: [root@example.com]
auditors: [root@example.com]
resources:
  - name: services/db
    connector: postgres
    risk: low
    settings: {schemas: [public]}
roles:
  - name: debug
    requesters: [dev@example.com, ann@example.com]
    duration: {default: 10m, max: 1h}
    conditions: [{resource: services/db, actions: [read, write]}]
    approvers: [group:dba]
  - name: self-service
    requesters: [dev@example.com]
    duration: {default: 10m, max: 1h}
    conditions: [{resource: services/db, actions: [read, write]}]
    approval: automatic
"#;

pub(crate) struct World {
    pub(crate) server: Option<Server>,
    pub(crate) postgres: Postgres,
    folder: tempfile::TempDir,
}

impl World {
    /// A server with [`POLICY`] and a PostgreSQL.
    pub(crate) fn start() -> Self {
        let mut world = Self::without_server(POLICY);
        world.start_server(&[]);
        world
    }

    /// The same with another policy, and no server yet.
    pub(crate) fn without_server(policy: &str) -> Self {
        let folder = folder();
        let policies = folder.path().join("policies");
        std::fs::create_dir(&policies).unwrap();
        std::fs::write(policies.join("policy.yaml"), policy).unwrap();
        Self { server: None, postgres: Postgres::start(), folder }
    }

    /// Starts the server; the ledger is the one of the last start.
    pub(crate) fn start_server(&mut self, variables: &[(&str, String)]) {
        self.server = None;
        let services_db = self.postgres.manager_url();
        let way = Way::Serve { services_db: &services_db, variables };
        self.server = Some(Server::start(self.folder.path(), &way));
    }

    /// Starts the server again on the port that it had.
    pub(crate) fn start_server_again(&mut self, variables: &[(&str, String)]) {
        let port = self.server().port();
        self.server = None;
        let services_db = self.postgres.manager_url();
        let way = Way::Serve { services_db: &services_db, variables };
        self.server = Some(Server::start_on(self.folder.path(), &way, port));
    }

    /// Starts the server and does not wait until it is ready: it may never be.
    pub(crate) fn start_server_unready(&mut self, variables: &[(&str, String)]) {
        self.server = None;
        let services_db = self.postgres.manager_url();
        let way = Way::Serve { services_db: &services_db, variables };
        self.server = Some(Server::start_unready(self.folder.path(), &way));
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("the server was started")
    }

    pub(crate) fn url(&self) -> String {
        self.server.as_ref().expect("the server was started").url()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn person(&self, email: &str) -> Person {
        Person::sign_in(email, &self.url(), self.folder())
    }

    /// Waits until nothing of ours is left in PostgreSQL, and says how long that took.
    pub(crate) fn nothing_left(&self, limit: Duration) -> Duration {
        soon("no temporary role and no session of one", limit, || {
            self.postgres.temporary_roles().is_empty() && self.postgres.strange_sessions() == 0
        })
    }
}
