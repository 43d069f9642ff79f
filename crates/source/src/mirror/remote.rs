//! Which repository, by what way, and which branch of it.

use base64::Engine as _;
use secrecy::{ExposeSecret, SecretString};
use std::ffi::OsString;
use std::fmt;
use url::{Host, Url};

/// Bytes of an address.
const ADDRESS_BYTES: usize = 2_000;
/// Bytes of a branch's name.
const BRANCH_BYTES: usize = 250;

/// A branch of a repository somewhere.
#[derive(Clone)]
pub struct Remote {
    address: String,
    branch: String,
    way: Way,
    password: Option<SecretString>,
}

/// How it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Https,
    /// In the clear, on this machine.
    Http,
    Ssh,
    File,
}

/// Why a repository cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRemote {
    /// It is no address of a repository.
    #[error("is not a path, an https:// or an ssh:// address of a repository")]
    Address,
    /// Anybody on the way could change what comes.
    #[error("plain http and git:// are refused beyond this machine: use https or ssh")]
    InTheClear,
    /// A secret would stand in the configuration.
    #[error("holds a password: it belongs behind `policy.password`")]
    Password,
    /// It is no name of a branch.
    #[error("is not the name of a branch")]
    Branch,
}

impl Remote {
    /// A branch of the repository at an address: a path, `https://`, `ssh://`, `user@host:path`, or `http://` on this
    /// machine.
    ///
    /// # Errors
    /// When it is none of these, or the branch has no name that git takes.
    pub fn new(address: &str, branch: &str) -> Result<Self, BadRemote> {
        if !is_branch(branch) {
            return Err(BadRemote::Branch);
        }
        let odd = |c: char| c.is_control() || c.is_whitespace();
        if address.is_empty() || address.len() > ADDRESS_BYTES || address.starts_with('-') || address.contains(odd) {
            return Err(BadRemote::Address);
        }
        let way = way(address)?;
        let address = match way {
            // `git` runs in another folder than this process.
            Way::File if !address.starts_with("file://") => {
                let path = std::path::absolute(address).map_err(|_| BadRemote::Address)?;
                path.to_str().ok_or(BadRemote::Address)?.to_owned()
            }
            Way::File | Way::Https | Way::Http | Way::Ssh => address.to_owned(),
        };
        Ok(Self { address, branch: branch.to_owned(), way, password: None })
    }

    /// The same, with the password of the user in its address. Only https takes one.
    #[must_use]
    pub fn with_password(self, password: SecretString) -> Self {
        Self { password: Some(password), ..self }
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Which branch.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// Whether it is on this machine, where asking often costs nobody anything.
    pub fn is_here(&self) -> bool {
        match self.way {
            Way::File | Way::Http => true,
            Way::Https | Way::Ssh => false,
        }
    }

    /// The settings that open the one way to it and no other.
    pub(super) fn settings(&self) -> Vec<String> {
        let name = match self.way {
            Way::Https => "https",
            Way::Http => "http",
            Way::Ssh => "ssh",
            Way::File => "file",
        };
        vec![format!("protocol.{name}.allow=always")]
    }

    /// The password as a header, in the environment of the child: never on a command line.
    pub(super) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let (Some(password), Way::Https | Way::Http) = (&self.password, self.way) else { return Vec::new() };
        let user = Url::parse(&self.address).map(|url| url.username().to_owned()).unwrap_or_default();
        let user = if user.is_empty() { "git".to_owned() } else { user };
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        vec![
            ("GIT_CONFIG_COUNT", "1".into()),
            ("GIT_CONFIG_KEY_0", "http.extraHeader".into()),
            ("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {pair}").into()),
        ]
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("address", &self.address).field("branch", &self.branch).finish_non_exhaustive()
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address, self.branch)
    }
}

fn way(address: &str) -> Result<Way, BadRemote> {
    let before_slash = address.split('/').next().unwrap_or_default();
    // `ext::sh -c ...` and its like run programs.
    if before_slash.contains("::") {
        return Err(BadRemote::Address);
    }
    let Some((scheme, _)) = address.split_once("://") else {
        return match before_slash.split_once(':') {
            None => Ok(Way::File),
            Some((host, _)) if is_host(host) => Ok(Way::Ssh),
            Some(_) => Err(BadRemote::Address),
        };
    };
    let url = Url::parse(address).map_err(|_| BadRemote::Address)?;
    if url.password().is_some() {
        return Err(BadRemote::Password);
    }
    match scheme {
        "https" if url.has_host() => Ok(Way::Https),
        "http" if is_loopback(&url) => Ok(Way::Http),
        "http" | "git" => Err(BadRemote::InTheClear),
        "ssh" if url.host_str().is_some_and(is_host) => Ok(Way::Ssh),
        "file" if url.host().is_none() => Ok(Way::File),
        _ => Err(BadRemote::Address),
    }
}

/// `user@host` or `host`, neither of which may look like an option of `ssh`.
fn is_host(text: &str) -> bool {
    text.split('@').all(|part| !part.is_empty() && !part.starts_with('-')) && text.matches('@').count() <= 1
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// As git-check-ref-format(1), and no wider.
fn is_branch(name: &str) -> bool {
    let sound = |part: &str| {
        let letters = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+' | b'#'));
        !part.is_empty() && letters && !part.starts_with(['.', '-']) && !part.ends_with(".lock") && !part.ends_with('.')
    };
    name.len() <= BRANCH_BYTES && !name.contains("..") && name.split('/').all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_followed() {
        for (address, here) in [
            ("/srv/git/policies.git", true),
            ("file:///srv/git/policies.git", true),
            ("https://git.example.com/policies.git", false),
            ("https://bot@git.example.com/policies.git", false),
            ("http://127.0.0.1:8080/policies.git", true),
            ("ssh://git@git.example.com/policies.git", false),
            ("git@git.example.com:policies.git", false),
        ] {
            let remote = Remote::new(address, "main").unwrap_or_else(|e| panic!("{address}: {e}"));
            assert_eq!((remote.address(), remote.is_here()), (address, here));
        }
        let relative = Remote::new("policies.git", "main").expect("a path");
        assert!(relative.address().starts_with('/') && relative.address().ends_with("/policies.git"));
    }

    #[test]
    fn what_runs_programs_or_goes_in_the_clear_is_refused() {
        for (address, why) in [
            ("ext::sh", BadRemote::Address),
            ("--upload-pack=x", BadRemote::Address),
            ("ssh://-oProxyCommand=x/y", BadRemote::Address),
            ("-oProxyCommand=x:y", BadRemote::Address),
            ("git@-x:y", BadRemote::Address),
            ("a b", BadRemote::Address),
            ("", BadRemote::Address),
            ("ftp://x/y", BadRemote::Address),
            ("file://host/x", BadRemote::Address),
            ("http://git.example.com/x", BadRemote::InTheClear),
            ("git://git.example.com/x", BadRemote::InTheClear),
            ("https://bot:hunter2@git.example.com/x", BadRemote::Password),
        ] {
            assert_eq!(Remote::new(address, "main").err(), Some(why), "{address}");
        }
        for branch in ["", "-x", "a..b", "a b", "a/", "/a", "x.lock", "a:b", "a^", "@{1}"] {
            assert_eq!(Remote::new("/srv/git", branch).err(), Some(BadRemote::Branch), "{branch}");
        }
        assert!(Remote::new("/srv/git", "release/2026.1").is_ok());
    }

    #[test]
    fn a_password_goes_into_the_environment_of_the_child_and_is_never_shown() {
        let remote = Remote::new("https://bot@git.example.com/x", "main").expect("a remote");
        let remote = remote.with_password(SecretString::from("hunter2"));
        let header = remote.environment().pop().expect("a header").1;
        assert_eq!(header, "Authorization: Basic Ym90Omh1bnRlcjI=");
        assert!(!format!("{remote:?} {remote}").contains("hunter2") && remote.settings().len() == 1);
    }
}
