//! What a way in points at, in one spelling: so that two resources on one target are noticed however they are written.
//!
//! **Invariant:** nothing here asks the network. Two names of one machine are two addresses here; `docs/policy.md`
//! says so.

use secrecy::{ExposeSecret, SecretString};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// The ports of the kinds of URL that are written without one.
const DEFAULT_PORTS: [(&str, u16); 2] = [("postgres", 5_432), ("postgresql", 5_432)];
/// This machine, under all of its names.
const THIS_MACHINE: &str = "localhost";

/// Host, port and database of a way in; none when it is no URL. A setting named `database` stands for the one in the
/// address, because that is what it means to every kind that has it.
pub(crate) fn target_of(secret: &SecretString, settings: &serde_json::Value) -> Option<String> {
    let url = Url::parse(secret.expose_secret().trim()).ok()?;
    // A parameter wins over what stands in its place in front of it, as in libpq.
    let said = |name: &str| url.query_pairs().filter(|(key, _)| key == name).last().map(|(_, value)| value);
    let host = said("hostaddr").or_else(|| said("host")).or_else(|| url.host_str().map(Cow::from))?;
    let default = DEFAULT_PORTS.iter().find(|(scheme, _)| *scheme == url.scheme()).map(|(_, port)| *port);
    let port = url.port().or(url.port_or_known_default()).or(default).unwrap_or_default();
    let port = said("port").and_then(|text| text.split(',').next()?.parse().ok()).unwrap_or(port);
    let in_path = decoded(url.path().trim_matches('/'));
    let in_path = Some(in_path).filter(|name| !name.is_empty());
    let user = said("user").unwrap_or_else(|| decoded(url.username()));
    let database = settings.get("database").and_then(serde_json::Value::as_str).map(Cow::from);
    let database = database.or_else(|| said("dbname")).or(in_path).unwrap_or(user);
    Some(format!("{} {port} {database}", one_spelling(&host)))
}

/// A percent-encoded part; what is no UTF-8 stays as it is written.
fn decoded(text: &str) -> Cow<'_, str> {
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    // A `+` is a space in forms only.
    if text.contains(['+', '&', '=']) {
        return Cow::from(text);
    }
    pairs.next().map_or(Cow::from(""), |(name, _)| Cow::from(name.into_owned()))
}

/// The first of the hosts, lower-cased, without a trailing dot; an address in its own one form, and this machine under
/// one name.
fn one_spelling(hosts: &str) -> String {
    let first = hosts.split(',').next().unwrap_or_default();
    let bare = first.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_lowercase();
    let address = bare.parse::<IpAddr>().ok().or_else(|| address_of(&bare));
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) | Some(IpAddr::V6(Ipv6Addr::LOCALHOST)) => THIS_MACHINE.to_owned(),
        Some(address) => address.to_string(),
        None if bare == "localhost.localdomain" => THIS_MACHINE.to_owned(),
        None => bare,
    }
}

/// An address in one of the forms that resolvers take besides the usual: `127.1`, `0x7f000001`, `2130706433`.
fn address_of(host: &str) -> Option<IpAddr> {
    match Host::parse(host).ok()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(url: &str) -> Option<String> {
        target_of(&SecretString::from(url), &json!({}))
    }

    #[test]
    fn spellings_of_one_target_are_one() {
        let plain = of("postgres://m:secret@db.example.com:5432/orders");
        for other in [
            "postgres://other@db.example.com/orders",
            "postgresql://m@DB.Example.COM/orders",
            "postgres://m@db.example.com./orders",
            "postgres://m@db.example.com/%6frders",
            "postgres://m@db.example.com/orders?sslmode=require",
            "postgres://m@elsewhere/else?host=db.example.com&dbname=orders",
            "postgres://m@db.example.com:1/orders?port=5432",
            "postgres://orders@db.example.com",
            " postgres://m@db.example.com,standby.example.com/orders\n",
        ] {
            assert_eq!(of(other), plain, "{other}");
        }
    }

    #[test]
    fn this_machine_has_one_name() {
        let here = of("postgres://m@localhost/x");
        for other in [
            "postgres://m@127.0.0.1/x",
            "postgres://m@[::1]:5432/x",
            "postgres://m@[0:0:0:0:0:0:0:1]/x",
            "postgres://m@[::ffff:127.0.0.1]/x",
            "postgres://m@LOCALHOST./x",
            "postgres://m@127.1/x",
            "postgres://m@0x7f000001/x",
            "postgres://m@2130706433/x",
            "postgres://m@ignored/x?hostaddr=127.0.0.1",
        ] {
            assert_eq!(of(other), here, "{other}");
        }
        assert_ne!(of("postgres://m@127.0.0.2/x"), here);
    }

    #[test]
    fn other_targets_stay_apart_and_a_setting_names_the_database() {
        let plain = of("postgres://m@h/x");
        for other in ["postgres://m@h/y", "postgres://m@h:5433/x", "postgres://m@h2/x", "https://h/x"] {
            assert_ne!(of(other), plain, "{other}");
        }
        let set = target_of(&SecretString::from("postgres://m@h/y"), &json!({"database": "x"}));
        assert_eq!(set, plain);
        assert_eq!(of("no url"), None);
    }
}
