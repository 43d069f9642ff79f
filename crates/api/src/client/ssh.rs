//! What SSH hosts need.

use super::{Client, ClientError};
use crate::queries::OfResource;
use crate::views::{AuthoritiesView, RevocationListView};

impl Client {
    /// The certificate authorities that hosts must trust. Open to anybody.
    ///
    /// # Errors
    /// See [`ClientError`], as for every method here.
    pub async fn ssh_ca(&self, query: &OfResource) -> Result<AuthoritiesView, ClientError> {
        self.get(&["ssh", "ca"], query).await
    }

    /// The key revocation list that hosts must read. Open to anybody.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn ssh_krl(&self, query: &OfResource) -> Result<RevocationListView, ClientError> {
        self.get(&["ssh", "krl"], query).await
    }
}
