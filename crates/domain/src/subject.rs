//! Who acts: an authenticated person or workload, or Curfew itself.

use crate::limits;
use crate::names::GroupName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A human being.
    Person,
    /// A program with an identity of its own: a pipeline, a service account.
    Workload,
    /// Curfew.
    System,
}

/// Who it is for all time: the issuer that vouches, and its name for the subject. Printed `issuer|sub`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubjectId {
    issuer: String,
    sub: String,
}

/// The text is not `issuer|sub`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a subject id is an issuer without `|` and a sub, 512 bytes at most each, without control characters")]
pub struct NotASubjectId;

impl SubjectId {
    /// Checks and keeps the pair.
    ///
    /// # Errors
    /// When a part is empty, too long, has control characters, or the issuer has a `|`.
    pub fn new(issuer: &str, sub: &str) -> Result<Self, NotASubjectId> {
        let sound = |t: &str| !t.is_empty() && t.len() <= 512 && !t.chars().any(char::is_control);
        if !sound(issuer) || !sound(sub) || issuer.contains('|') {
            return Err(NotASubjectId);
        }
        Ok(Self { issuer: issuer.to_owned(), sub: sub.to_owned() })
    }

    /// Who vouches.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The issuer's name for the subject.
    pub fn sub(&self) -> &str {
        &self.sub
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.issuer, self.sub)
    }
}

impl fmt::Debug for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for SubjectId {
    type Error = NotASubjectId;
    fn try_from(text: String) -> Result<Self, NotASubjectId> {
        let (issuer, sub) = text.split_once('|').ok_or(NotASubjectId)?;
        Self::new(issuer, sub)
    }
}

impl From<SubjectId> for String {
    fn from(id: SubjectId) -> String {
        id.to_string()
    }
}

/// An e-mail address: ASCII, kept in lower case because policy compares without case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// The text is not an address Curfew accepts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an e-mail address: one @, ASCII without blanks, 254 bytes at most")]
pub struct NotAnEmail(pub String);

impl Email {
    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands after the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for Email {
    type Err = NotAnEmail;

    fn from_str(text: &str) -> Result<Self, NotAnEmail> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b);
        let host = |b: u8| b.is_ascii_alphanumeric() || b".-".contains(&b);
        let sound = text.len() <= limits::EMAIL_BYTES
            && text.split_once('@').is_some_and(|(local, domain)| {
                let dots = |part: &str| !part.split('.').any(str::is_empty);
                local.bytes().all(allowed) && domain.bytes().all(host) && dots(local) && dots(domain)
            });
        if !sound {
            return Err(NotAnEmail(text.chars().take(80).collect()));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl TryFrom<String> for Email {
    type Error = NotAnEmail;
    fn try_from(text: String) -> Result<Self, NotAnEmail> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> String {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The issuer of a subject whom no provider has vouched for yet. No provider's issuer is called so: those are URLs.
const ADDRESS: &str = "address";

/// An authenticated person or workload. E-mail and name are for display and look-up only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Who it is.
    pub id: SubjectId,
    /// The address a trusted issuer asserts as verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// What to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Subject {
    /// Curfew itself, which acts at an hour or after a crash.
    pub fn system() -> Self {
        let id = SubjectId { issuer: "curfew".to_owned(), sub: "system".to_owned() };
        Self { kind: SubjectKind::System, id, email: None, name: Some("Curfew".to_owned()) }
    }

    /// A person of whom only the address is known: whoever a provider will vouch for by it.
    pub fn of_address(email: Email) -> Self {
        let id = SubjectId { issuer: ADDRESS.to_owned(), sub: email.to_string() };
        Self { kind: SubjectKind::Person, id, email: Some(email), name: None }
    }

    /// Every id under which something may stand that is this subject's: its own, and a person's address.
    pub fn ids(&self) -> Vec<SubjectId> {
        let mut ids = vec![self.id.clone()];
        if let (SubjectKind::Person, Some(email)) = (self.kind, &self.email) {
            let by_address = Self::of_address(email.clone()).id;
            if by_address != self.id {
                ids.push(by_address);
            }
        }
        ids
    }

    /// Whether both are one human being or workload: equal (issuer, sub) or equal e-mail.
    pub fn is_same_as(&self, other: &Subject) -> bool {
        self.id == other.id || (self.email.is_some() && self.email == other.email)
    }

    /// The e-mail if there is one, else the id.
    pub fn label(&self) -> String {
        self.email.as_ref().map_or_else(|| self.id.to_string(), ToString::to_string)
    }
}

/// A subject with what its sign-in said about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Who.
    pub subject: Subject,
    /// The groups its identity provider asserts.
    pub groups: BTreeSet<GroupName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let ann: Email = "Ann@Example.com".parse().expect("an address");
        assert_eq!(ann.as_str(), "ann@example.com");
        assert_eq!(ann.domain(), "example.com");
        for bad in ["", "ann", "@x", "a@", "a@b@c", "a b@c.d", "ä@b.c", "a@b..c", ".a@b.c", "a@b\n.c", "\u{202e}a@b.c"]
        {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
    }

    #[test]
    fn whoever_is_known_by_address_is_the_one_who_signs_in_with_it() {
        let email: Email = "ann@example.com".parse().expect("an address");
        let unseen = Subject::of_address(email.clone());
        let id = SubjectId::new("https://idp.example", "17").expect("an id");
        let seen = Subject { id: id.clone(), ..unseen.clone() };
        assert!(unseen.is_same_as(&seen));
        assert_eq!(seen.ids(), [id, unseen.id.clone()]);
        assert_eq!(unseen.ids(), std::slice::from_ref(&unseen.id));
        assert_eq!(Subject { kind: SubjectKind::Workload, ..seen }.ids().len(), 1);
    }

    #[test]
    fn ids_split_at_the_first_bar() {
        let id = SubjectId::try_from("https://idp.example|a|b".to_owned()).expect("an id");
        assert_eq!((id.issuer(), id.sub()), ("https://idp.example", "a|b"));
        assert!(SubjectId::new("a|b", "c").is_err());
        assert!(SubjectId::try_from("nobar".to_owned()).is_err());
    }
}
