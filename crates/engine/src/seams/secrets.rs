//! References in policy, turned into the secrets they name.

use curfew_domain::ResourceName;
use secrecy::SecretString;

/// Why a reference names nothing. The message holds the reference, never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

/// Resolves the way in for Curfew's own account.
pub trait Secrets: Send + Sync {
    /// The secret behind a resource's `admin` reference; without one, the default reference of its name.
    /// `None` where the default names nothing, which is right for kinds that need no way in.
    ///
    /// # Errors
    /// When a reference is not bound to this resource, or names nothing.
    fn resolve(&self, resource: &ResourceName, reference: Option<&str>) -> Result<Option<SecretString>, SecretError>;
}
