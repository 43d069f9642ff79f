//! A page of anything.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page, and where the next begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listing<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

impl<T> Listing<T> {
    /// Everything on one page.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}
