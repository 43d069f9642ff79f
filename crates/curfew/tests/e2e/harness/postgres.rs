//! A private PostgreSQL that logs every statement it sees.

use super::programs::{Child, folder, free_port, is_root, postgres_programs, soon, text};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) struct Postgres {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

const MANAGER_PASSWORD: &str = "manager-for-tests";

impl Postgres {
    /// A new server with a database `orders`, a table in it, and an account for Curfew.
    pub(crate) fn start() -> Self {
        let folder = folder();
        let mut postgres = Self { folder, port: free_port(), child: None };
        let data = postgres.data();
        std::fs::create_dir(postgres.folder.path().join("run")).unwrap();
        if is_root() {
            let owned = Command::new("chown").arg("-R").arg("postgres").arg(postgres.folder.path()).status().unwrap();
            assert!(owned.success());
        }
        let mut initdb = postgres.program("initdb");
        initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"]);
        let made = initdb.arg(&data).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let rules = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(data.join("pg_hba.conf"), rules).unwrap();
        postgres.start_again();
        postgres.sql("postgres", &format!("CREATE ROLE manager LOGIN SUPERUSER PASSWORD '{MANAGER_PASSWORD}'"));
        postgres.sql("postgres", "CREATE DATABASE orders OWNER manager");
        postgres.sql(
            "orders",
            "CREATE TABLE public.orders (id int PRIMARY KEY, state text NOT NULL);
             ALTER TABLE public.orders OWNER TO manager;
             INSERT INTO public.orders VALUES (1, 'stuck');",
        );
        postgres
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let program = postgres_programs().join(name);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
        command.current_dir("/");
        command
    }

    /// Starts the server that was stopped, on the same port.
    pub(crate) fn start_again(&mut self) {
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.log_file()).unwrap();
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        let run = format!("unix_socket_directories={}", self.folder.path().join("run").display());
        for setting in [
            run.as_str(),
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "max_connections=200",
            "max_prepared_transactions=20",
            "log_statement=all",
            "log_connections=on",
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(Child::start(&mut command));
        let ready = || self.try_sql("postgres", "SELECT 1").is_ok();
        soon("PostgreSQL answers", Duration::from_secs(30), ready);
    }

    /// Stops it as a crash does; the data stays.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.signal("QUIT");
            child.wait(Duration::from_secs(20));
        }
    }

    /// What Curfew connects with.
    pub(crate) fn manager_url(&self) -> String {
        format!("postgres://manager:{MANAGER_PASSWORD}@127.0.0.1:{}/orders", self.port)
    }

    /// Runs SQL as the superuser; rows as lines, columns parted by `|`.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut psql = Command::new(postgres_programs().join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", sql]);
        psql.env("PGHOST", self.folder.path().join("run")).env("PGPORT", self.port.to_string());
        let output = psql.output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    }

    /// The names of all temporary roles that are there.
    pub(crate) fn temporary_roles(&self) -> Vec<String> {
        let names = self.sql("postgres", r"SELECT rolname FROM pg_roles WHERE rolname LIKE 'cf\_lse\_%' ORDER BY 1");
        names.lines().map(str::to_owned).collect()
    }

    /// How many sessions there are that neither the superuser nor Curfew's own account opened.
    pub(crate) fn strange_sessions(&self) -> usize {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
                   AND usesysid NOT IN (SELECT oid FROM pg_roles WHERE rolname IN ('postgres', 'manager'))";
        self.sql("postgres", sql).parse().unwrap()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Everything it has logged.
    pub(crate) fn log(&self) -> String {
        text(&self.log_file())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            // Immediate shutdown: its own children go with it.
            child.signal("QUIT");
        }
        if let Some(mut child) = self.child.take() {
            for _ in 0..500 {
                if !child.is_running() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
