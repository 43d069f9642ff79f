//! How to connect: variables and files for each resource of an activated grant.

use crate::failure::Failure;
use crate::machine::Machine;
use crate::secret::{Login, SecretKind, pgpass_line};
use crate::state::GrantFolder;
use curfew_api::ConnectionView;
use curfew_domain::{ResourceName, RoleName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a client program needs for one resource. Nothing in it is secret: secrets stand in the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Credential {
    /// For what.
    pub(crate) resource: ResourceName,
    /// The kind of target.
    pub(crate) connector: String,
    /// Variables for a program.
    pub(crate) env: BTreeMap<String, String>,
    /// Files, 0600, that the variables point to.
    pub(crate) files: BTreeMap<String, PathBuf>,
}

impl Credential {
    /// Whether an SSH key stands in its files.
    pub(crate) fn has_ssh_key(&self) -> bool {
        self.files.contains_key("certificate")
    }
}

/// A resource, how its target is reached, and the kind of secret that was made for it.
pub(crate) struct Reached<'a> {
    pub(crate) connection: &'a ConnectionView,
    pub(crate) kind: SecretKind,
}

/// Writes the files and names the variables.
pub(crate) fn write(
    machine: &Machine,
    folder: &GrantFolder,
    reached: &[Reached<'_>],
) -> Result<Vec<Credential>, Failure> {
    let mut credentials = reached.iter().map(|r| write_one(machine, folder, r)).collect::<Result<Vec<_>, _>>()?;
    credentials.sort_by(|a, b| a.resource.cmp(&b.resource));
    name_apart(&mut credentials);
    Ok(credentials)
}

fn write_one(machine: &Machine, folder: &GrantFolder, reached: &Reached<'_>) -> Result<Credential, Failure> {
    let facts = Facts { connection: reached.connection };
    let (env, files) = match reached.kind {
        SecretKind::ScramSha256 => postgres(machine, folder, &facts)?,
        SecretKind::SshPublicKey => ssh(machine, folder, &facts)?,
    };
    let env = env.into_iter().collect();
    let (resource, connector) = (reached.connection.resource.clone(), reached.connection.connector.clone());
    Ok(Credential { resource, connector, env, files })
}

/// What the server says of a target. It is input, and ends in files and on command lines.
struct Facts<'a> {
    connection: &'a ConnectionView,
}

impl Facts<'_> {
    fn resource(&self) -> &ResourceName {
        &self.connection.resource
    }

    /// One line of text that no program takes for an option.
    fn get(&self, name: &str) -> Result<String, Failure> {
        let value = self.connection.connection.get(name);
        let value = value.filter(|v| !v.is_empty() && !v.starts_with('-') && !v.chars().any(char::is_control));
        value.cloned().ok_or_else(|| {
            Failure::unavailable(format!("the server does not say the {name} of `{}`", self.resource()))
                .hint("is the server of the same version as this program?")
        })
    }
}

type Named = (Vec<(String, String)>, BTreeMap<String, PathBuf>);

fn postgres(machine: &Machine, folder: &GrantFolder, facts: &Facts<'_>) -> Result<Named, Failure> {
    let login = Login {
        host: facts.get("host")?,
        port: facts.get("port")?,
        database: facts.get("database")?,
        user: facts.get("user")?,
    };
    let password = folder.read(facts.resource(), SecretKind::ScramSha256.file_name())?;
    let password = password.ok_or_else(|| lost(facts.resource()))?;
    let file = folder.keep(machine, (facts.resource(), "pgpass"), &pgpass_line(&login, password.trim_end()))?;
    let Login { host, port, database, user } = login;
    let env = [
        ("PGHOST", host),
        ("PGPORT", port),
        ("PGDATABASE", database),
        ("PGUSER", user),
        ("PGPASSFILE", file.display().to_string()),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
    Ok((env, BTreeMap::from([("pgpass".to_owned(), file)])))
}

fn ssh(machine: &Machine, folder: &GrantFolder, facts: &Facts<'_>) -> Result<Named, Failure> {
    let key = folder.file(facts.resource(), SecretKind::SshPublicKey.file_name());
    if folder.read(facts.resource(), SecretKind::SshPublicKey.file_name())?.is_none() {
        return Err(lost(facts.resource()));
    }
    let mut files = BTreeMap::from([("key".to_owned(), key.clone())]);
    facts.get("certificate")?;
    // Actions that must not lend each other their powers have certificates of their own.
    for (name, text) in facts.connection.connection.iter().filter(|(name, _)| is_certificate(name)) {
        let file = folder.keep(machine, (facts.resource(), name), &format!("{}\n", text.trim_end()))?;
        files.insert(name.clone(), file);
    }
    if let Some(hosts) = facts.connection.connection.get("known_hosts") {
        files.insert("known_hosts".to_owned(), folder.keep(machine, (facts.resource(), "known_hosts"), hosts)?);
    }
    let mut env = vec![
        ("CURFEW_SSH_HOST".to_owned(), facts.get("host")?),
        ("CURFEW_SSH_PORT".to_owned(), facts.get("port")?),
        ("CURFEW_SSH_USER".to_owned(), facts.get("user")?),
        ("CURFEW_SSH_KEY".to_owned(), key.display().to_string()),
        ("CURFEW_SSH_CERT".to_owned(), files["certificate"].display().to_string()),
    ];
    if let Some(hosts) = files.get("known_hosts") {
        env.push(("CURFEW_SSH_KNOWN_HOSTS".to_owned(), hosts.display().to_string()));
    }
    for (name, file) in &files {
        if let Some(action) = name.strip_prefix("certificate_") {
            env.push((for_action("CURFEW_SSH_CERT", action), file.display().to_string()));
            env.push((for_action("CURFEW_SSH_USER", action), facts.get(&format!("user_{action}"))?));
        }
    }
    Ok((env, files))
}

/// The variable of one action, where actions have certificates of their own: `CURFEW_SSH_CERT_RESTART`.
pub(crate) fn for_action(variable: &str, action: &str) -> String {
    format!("{variable}_{}", in_capitals(action))
}

fn in_capitals(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// `certificate`, or `certificate_ACTION` with an action's name, which is safe as the name of a file.
fn is_certificate(name: &str) -> bool {
    let action = name.strip_prefix("certificate_");
    name == "certificate" || action.is_some_and(|action| curfew_domain::ActionName::new(action).is_ok())
}

fn lost(resource: &ResourceName) -> Failure {
    Failure::no("secret_lost", format!("the secret that was made for `{resource}` is not on this machine"))
        .hint("return the grant and ask again")
}

/// With several of a kind, each variable also stands under its resource: `SERVICES_DB_PGHOST`.
fn name_apart(credentials: &mut [Credential]) {
    let mut of_a_kind: BTreeMap<String, usize> = BTreeMap::new();
    for credential in credentials.iter() {
        *of_a_kind.entry(credential.connector.clone()).or_default() += 1;
    }
    for credential in credentials.iter_mut().filter(|c| of_a_kind[&c.connector] > 1) {
        let prefix = variable_prefix(&credential.resource);
        let also: Vec<_> = credential.env.iter().map(|(n, v)| (format!("{prefix}_{n}"), v.clone())).collect();
        credential.env.extend(also);
    }
}

/// The resource in capitals, as a shell's variable names are spelled.
fn variable_prefix(resource: &ResourceName) -> String {
    let text = in_capitals(resource.as_str());
    if text.starts_with(|c: char| c.is_ascii_digit()) { format!("_{text}") } else { text }
}

/// Every variable once. Of several of a kind, the first resource by name has the plain names.
pub(crate) fn merged(credentials: &[Credential]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (name, value) in credentials.iter().flat_map(|credential| &credential.env) {
        all.entry(name.clone()).or_insert_with(|| value.clone());
    }
    all
}

/// What was made for one of several roles.
pub(crate) struct OfRole<'a> {
    pub(crate) role: &'a RoleName,
    pub(crate) credentials: &'a [Credential],
}

/// The variables of several roles. Each also stands under its resource where there are several of a kind, and under its role
/// before that where several roles have one resource: `DB_DEBUG_SERVICES_DB_PGUSER`.
pub(crate) fn merged_of(parts: &[OfRole<'_>]) -> BTreeMap<String, String> {
    let [_, _, ..] = parts else { return parts.iter().flat_map(|part| merged(part.credentials)).collect() };
    let all = || parts.iter().flat_map(|part| part.credentials.iter().map(|credential| (part.role, credential)));
    let mut env = BTreeMap::new();
    for (role, credential) in all() {
        let resource = variable_prefix(&credential.resource);
        let plain = || credential.env.iter().filter(|(name, _)| !name.starts_with(&format!("{resource}_")));
        let of_a_kind = all().filter(|(_, other)| other.connector == credential.connector).count();
        let of_the_resource = all().filter(|(_, other)| other.resource == credential.resource).count();
        let mut put = |name: String, value: &String| {
            env.entry(name).or_insert_with(|| value.clone());
        };
        for (name, value) in plain() {
            put(name.clone(), value);
            if of_a_kind > 1 {
                put(format!("{resource}_{name}"), value);
            }
            if of_the_resource > 1 {
                put(format!("{}_{resource}_{name}", in_capitals(role.as_str())), value);
            }
        }
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Iterations;
    use crate::state::StateFolder;
    use curfew_domain::{Grant, Id, Timestamp};
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    struct Room {
        base: tempfile::TempDir,
        machine: Machine,
        folder: GrantFolder,
    }

    fn room() -> Room {
        let base = tempfile::tempdir().expect("a folder");
        let machine = Machine::with(base.path(), [("CURFEW_STATE".into(), base.path().join("s").into())]);
        let state = StateFolder::of(&machine).expect("a state folder");
        let folder = GrantFolder::of(&state, Id::<Grant>::new(Timestamp::from_millis(0), [1; 10]));
        Room { base, machine, folder }
    }

    fn connection(resource: &str, connector: &str, facts: &[(&str, &str)]) -> ConnectionView {
        ConnectionView {
            resource: resource.parse().expect("a name"),
            connector: connector.to_owned(),
            connection: facts.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn database(resource: &str) -> ConnectionView {
        connection(resource, "postgres", &[("host", "::1"), ("port", "5432"), ("database", "orders"), ("user", "cf_x")])
    }

    fn make(room: &Room, connection: &ConnectionView, kind: SecretKind) -> String {
        let made = kind.make(&room.machine, Iterations::LIBPQ);
        room.folder.keep(&room.machine, (&connection.resource, kind.file_name()), &made.secret).expect("kept");
        made.secret.to_string()
    }

    fn write_all(room: &Room, all: &[(&ConnectionView, SecretKind)]) -> Result<Vec<Credential>, Failure> {
        let reached: Vec<_> = all.iter().map(|(connection, kind)| Reached { connection, kind: *kind }).collect();
        write(&room.machine, &room.folder, &reached)
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("there").mode() & 0o777
    }

    #[test]
    fn a_database_has_libpqs_variables_and_its_password_only_in_the_file() {
        let (room, db) = (room(), database("services/db"));
        let password = make(&room, &db, SecretKind::ScramSha256);
        let credentials = write_all(&room, &[(&db, SecretKind::ScramSha256)]).expect("written");
        let names: Vec<_> = credentials[0].env.keys().map(String::as_str).collect();
        assert_eq!(names, ["PGDATABASE", "PGHOST", "PGPASSFILE", "PGPORT", "PGUSER"]);
        let file = &credentials[0].files["pgpass"];
        assert_eq!((mode(file), file.starts_with(room.base.path())), (0o600, true));
        let text = std::fs::read_to_string(file).expect("read");
        assert_eq!(text, format!("\\:\\:1:5432:orders:cf_x:{password}\n"));
        let shown = serde_json::to_string(&credentials).expect("JSON");
        assert!(!shown.contains(&password));
    }

    #[test]
    fn a_host_has_key_and_certificates() {
        let room = room();
        let facts = [
            ("host", "127.0.0.1"),
            ("port", "2222"),
            ("user", "deploy"),
            ("certificate", "ssh-ed25519-cert-v01@openssh.com AAAA"),
            ("certificate_restart", "ssh-ed25519-cert-v01@openssh.com BBBB"),
            ("user_restart", "root"),
            ("certificate_../x", "never"),
            ("known_hosts", "[127.0.0.1]:2222 ssh-ed25519 AAAA\n"),
        ];
        let host = connection("hosts/web", "ssh", &facts);
        make(&room, &host, SecretKind::SshPublicKey);
        let credentials = write_all(&room, &[(&host, SecretKind::SshPublicKey)]).expect("written");
        let files: Vec<_> = credentials[0].files.keys().map(String::as_str).collect();
        assert_eq!(files, ["certificate", "certificate_restart", "key", "known_hosts"]);
        assert!(credentials[0].files.values().all(|file| mode(file) == 0o600));
        assert_eq!(credentials[0].env["CURFEW_SSH_USER"], "deploy");
        assert_eq!(credentials[0].env["CURFEW_SSH_USER_RESTART"], "root");
        let known_hosts = credentials[0].files["known_hosts"].display().to_string();
        assert_eq!(credentials[0].env["CURFEW_SSH_KNOWN_HOSTS"], known_hosts);
        assert!(credentials[0].has_ssh_key());
        assert_eq!(credentials[0].env["CURFEW_SSH_CERT"], credentials[0].files["certificate"].display().to_string());
    }

    #[test]
    fn several_of_a_kind_also_stand_under_their_names() {
        let (room, a, b) = (room(), database("services/db"), database("services/db-2"));
        for connection in [&a, &b] {
            make(&room, connection, SecretKind::ScramSha256);
        }
        let all = [(&b, SecretKind::ScramSha256), (&a, SecretKind::ScramSha256)];
        let env = merged(&write_all(&room, &all).expect("written"));
        assert_eq!(env["PGPASSFILE"], env["SERVICES_DB_PGPASSFILE"]);
        assert_ne!(env["PGPASSFILE"], env["SERVICES_DB_2_PGPASSFILE"]);
        assert_eq!(variable_prefix(&"1/x".parse().expect("a name")), "_1_X");
    }

    #[test]
    fn what_a_server_says_is_checked() {
        let room = room();
        for (name, value) in [("host", "-oProxyCommand=x"), ("user", "a\nb"), ("port", ""), ("host", "")] {
            let mut db = database("services/db");
            make(&room, &db, SecretKind::ScramSha256);
            db.connection.insert(name.to_owned(), value.to_owned());
            assert!(write_all(&room, &[(&db, SecretKind::ScramSha256)]).is_err(), "{name}={value}");
        }
    }
}
