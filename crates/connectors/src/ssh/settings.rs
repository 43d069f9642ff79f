//! A resource's settings, read from plain data and checked again: what reaches a certificate must be right
//! whoever wrote it.

use super::kind::{ACCOUNT_BYTES, COMMAND_BYTES, EXTENSIONS};
use curfew_domain::connector::Misfit;
use curfew_domain::{ActionName, ResourceName};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::IpAddr;

/// Most entries of any list in the settings.
const ENTRIES: usize = 1_000;

/// The settings of one SSH resource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) hosts: Vec<String>,
    pub(super) actions: BTreeMap<ActionName, Action>,
    #[serde(default)]
    pub(super) source_address: Vec<String>,
    #[serde(default)]
    pub(super) host_keys: Vec<String>,
}

/// What one action of a resource means.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Action {
    pub(super) principals: Vec<String>,
    #[serde(default)]
    pub(super) extensions: BTreeSet<String>,
    #[serde(default)]
    pub(super) force_command: Option<String>,
    // Only guardrails look at it; it is read so that it is no unknown key here.
    #[serde(default)]
    #[allow(dead_code, reason = "policy classifies by it; the connector gives it no meaning")]
    effects: Vec<String>,
}

/// The settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the settings of an SSH resource are wrong: {}", .0.message)]
pub(super) struct BadSettings(Misfit);

fn bad<T>(path: &[&dyn Display], message: impl Into<String>, hint: impl Into<String>) -> Result<T, BadSettings> {
    Err(BadSettings(Misfit::at(path, message, hint)))
}

/// The first place of the settings that cannot be used, for whoever checks a policy.
pub(super) fn misfits(value: &serde_json::Value) -> Vec<Misfit> {
    Settings::read(value).err().map(|BadSettings(misfit)| misfit).into_iter().collect()
}

impl Settings {
    /// Reads and checks them.
    pub(super) fn read(value: &serde_json::Value) -> Result<Self, BadSettings> {
        let settings = Self::deserialize(value)
            .or_else(|error| bad(&[], error.to_string(), "`curfew connectors show ssh` says what can stand here"))?;
        if settings.hosts.is_empty() {
            return bad(&[&"hosts"], "`hosts` is empty", "write `hosts: [web-1.example.com:22]`");
        }
        let lists = [settings.hosts.len(), settings.source_address.len(), settings.host_keys.len()];
        if lists.into_iter().chain([settings.actions.len()]).any(|n| n > ENTRIES) {
            return bad(&[], format!("a list has more than {ENTRIES} entries"), "divide it among several resources");
        }
        for (at, host) in settings.hosts.iter().enumerate() {
            if split_host(host).is_none() {
                let message = format!("`{}` is not host:port", host.escape_debug());
                return bad(&[&"hosts", &at], message, "write a host and a port: `web-1.example.com:22`");
            }
        }
        for (at, range) in settings.source_address.iter().enumerate() {
            if let Err(why) = check_range(range) {
                return bad(
                    &[&"source_address", &at],
                    why,
                    "write a range without bits behind its prefix: `10.0.0.0/8`",
                );
            }
        }
        for (at, key) in settings.host_keys.iter().enumerate() {
            let mut words = key.split(' ');
            let plain = |w: Option<&str>| w.is_some_and(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_graphic()));
            if !plain(words.next()) || !plain(words.next()) || key.chars().any(char::is_control) {
                let hint = "write a line of `ssh-keyscan web-1.example.com` without the host's name in front";
                return bad(&[&"host_keys", &at], "an entry of `host_keys` is not `ssh-ed25519 AAAA...`", hint);
            }
        }
        for (name, action) in &settings.actions {
            action.check(name)?;
        }
        Ok(settings)
    }

    /// Principal to the accounts it may enter: what a host needs to know.
    pub(super) fn principals(&self, resource: &ResourceName) -> BTreeMap<String, Vec<String>> {
        self.actions.iter().map(|(name, action)| (principal(resource, name), action.principals.clone())).collect()
    }
}

impl Action {
    fn check(&self, name: &ActionName) -> Result<(), BadSettings> {
        if self.principals.is_empty() || self.principals.len() > ENTRIES {
            let message = format!("the action `{name}` names no principals, or too many");
            return bad(&[&"actions", name, &"principals"], message, "write `principals: [deploy]`");
        }
        if let Some((at, account)) = self.principals.iter().enumerate().find(|(_, a)| !is_account(a)) {
            let message = format!("`{}` is not the name of an account", account.escape_debug());
            let hint = "write an account of the hosts, without blanks: `deploy`";
            return bad(&[&"actions", name, &"principals", &at], message, hint);
        }
        if let Some(unknown) = self.extensions.iter().find(|e| !EXTENSIONS.contains(&e.as_str())) {
            let message = format!("`{}` is not an extension of certificates", unknown.escape_debug());
            return bad(&[&"actions", name, &"extensions"], message, format!("there are: {}", EXTENSIONS.join(", ")));
        }
        match &self.force_command {
            Some(c) if c.trim().is_empty() || c.len() > COMMAND_BYTES || c.contains(['\0', '\n', '\r']) => {
                let message = format!("the forced command of `{name}` is empty, too long or of several lines");
                let hint = "write one line, or put the lines into a script on the hosts: `force_command: /usr/local/bin/restart-web`";
                bad(&[&"actions", name, &"force_command"], message, hint)
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The principal of an action of a resource. A certificate carries no host, so the resource stands in it,
/// and each resource has an authority of its own besides.
pub(super) fn principal(resource: &ResourceName, action: &ActionName) -> String {
    format!("cf:{resource}:{action}")
}

/// `host:port` in its parts; `[::1]:22` for an IPv6 address.
pub(super) fn split_host(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse::<u16>().ok().filter(|p| *p > 0)?;
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().ok().map(|_| address)?,
        None => host,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    let begins = host.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b':');
    (begins && host.len() <= 253 && host.bytes().all(plain)).then_some((host, port))
}

/// Whether a host that was enrolled under `name` is the entry `host:port` of the settings.
pub(super) fn is_same_host(name: &str, entry: &str) -> bool {
    name == entry || split_host(entry).is_some_and(|(host, _)| host == name)
}

fn is_account(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'$' | b'@');
    text.len() <= ACCOUNT_BYTES
        && text.bytes().all(plain)
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// sshd refuses a certificate whose ranges have bits set behind the prefix: better said before it is made.
fn check_range(range: &str) -> Result<(), String> {
    let shown = range.escape_debug();
    let (address, length) = range.split_once('/').map_or((range, None), |(a, l)| (a, Some(l)));
    let Ok(address) = address.parse::<IpAddr>() else { return Err(format!("`{shown}` is not an address range")) };
    let (bits, width) = match address {
        IpAddr::V4(a) => (u128::from(a.to_bits()) << 96, 32),
        IpAddr::V6(a) => (a.to_bits(), 128),
    };
    let length = match length.map(str::parse::<u32>) {
        None => width,
        Some(Ok(length)) if length <= width => length,
        Some(_) => return Err(format!("`{shown}` has no usable prefix length")),
    };
    match bits.checked_shl(length) {
        Some(behind) if behind != 0 => Err(format!("`{shown}` has bits set behind its prefix")),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// The settings of policy-language.md.
    pub(in super::super) fn example() -> serde_json::Value {
        json!({
            "hosts": ["web-1.example.com:22"],
            "actions": {
                "shell": {"principals": ["deploy"], "extensions": ["permit-pty"]},
                "restart": {"principals": ["deploy"], "force_command": "systemctl restart web"},
            },
            "source_address": ["10.0.0.0/8"],
        })
    }

    #[test]
    fn the_example_reads() {
        let settings = Settings::read(&example()).expect("settings");
        let resource = ResourceName::new("hosts/web").expect("a name");
        let principals = settings.principals(&resource);
        assert_eq!(principals["cf:hosts/web:shell"], ["deploy"]);
        assert_eq!(principals.len(), 2);
    }

    #[test]
    fn what_would_not_work_on_a_host_is_refused() {
        let mut wrong = Vec::new();
        for (pointer, value) in [
            ("/hosts", json!([])),
            ("/hosts/0", json!("web-1")),
            ("/hosts/0", json!("-oProxyCommand=x:22")),
            ("/hosts/0", json!("web:0")),
            ("/source_address/0", json!("10.0.0.1/8")),
            ("/source_address/0", json!("10.0.0.0/33")),
            ("/source_address/0", json!("::1/64")),
            ("/source_address/0", json!("everywhere")),
            ("/actions/shell/principals", json!([])),
            ("/actions/shell/principals/0", json!("dep loy")),
            ("/actions/shell/principals/0", json!("a\nroot")),
            ("/actions/shell/extensions/0", json!("permit-everything")),
            ("/actions/restart/force_command", json!(" ")),
            ("/actions/restart/force_command", json!("a\nb")),
        ] {
            let mut settings = example();
            *settings.pointer_mut(pointer).expect("it is there") = value.clone();
            if Settings::read(&settings).is_ok() {
                wrong.push(format!("{pointer} = {value}"));
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        let mut unknown = example();
        unknown["host"] = json!("x");
        assert!(Settings::read(&unknown).is_err());
    }

    #[test]
    fn a_check_says_where_it_stands() {
        let mut settings = example();
        settings["actions"]["shell"]["principals"] = json!(["deploy", "dep loy"]);
        let found = misfits(&settings);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, ["actions", "shell", "principals", "1"]);
        assert_eq!(misfits(&example()), []);
    }

    #[test]
    fn hosts_split() {
        assert_eq!(split_host("web-1.example.com:22"), Some(("web-1.example.com", 22)));
        assert_eq!(split_host("[::1]:2222"), Some(("::1", 2222)));
        assert!(is_same_host("web-1", "web-1:22") && is_same_host("web-1:22", "web-1:22"));
        assert!(!is_same_host("web-1:22", "web-1:23") && !is_same_host("web", "web-1:22"));
    }
}
