//! The preflight: whether each target can be trusted with access.

use crate::Engine;
use crate::seams::connector::{Finding, Standing};
use curfew_domain::ResourceName;
use curfew_domain::lease::Definition;
use futures::future::join_all;

impl Engine {
    /// Looks at every resource of the policy in force, and at the clock and the ledger (under no resource).
    /// Changes nothing.
    pub async fn doctor(&self) -> Vec<(Option<ResourceName>, Vec<Finding>)> {
        let mut all = vec![(None, self.own_findings().await)];
        let policy = self.policy();
        let checks = policy.resources().map(|resource| async {
            let definition = Definition { admin: resource.admin.clone(), settings: resource.settings.clone() };
            let lane = match self.lane(&resource.name, resource.connector.name, &definition) {
                Ok(lane) => lane,
                Err(error) => return (Some(resource.name.clone()), vec![failed("connector", error.to_string())]),
            };
            let findings = match self.target(&lane) {
                Ok(target) => lane.connector.preflight(&target).await,
                Err(error) => vec![failed("admin", error.to_string())],
            };
            (Some(resource.name.clone()), findings)
        });
        all.extend(join_all(checks).await);
        all
    }

    async fn own_findings(&self) -> Vec<Finding> {
        let clock = match self.clock.doubt() {
            None => {
                Finding { check: "clock".to_owned(), standing: Standing::Ok, message: "the clocks agree".to_owned() }
            }
            Some(doubt) => failed("clock", format!("nothing new is given while {doubt}")),
        };
        let ledger = match self.store.tree_head().await {
            Ok(head) => {
                let message = format!("readable, {} audit events", head.size);
                Finding { check: "ledger".to_owned(), standing: Standing::Ok, message }
            }
            Err(error) => failed("ledger", error.to_string()),
        };
        let idle = crate::obeys::idle(&self.policy(), &self.audience, &self.pipelines).into_iter();
        let idle = idle.map(|message| Finding { check: "policy".to_owned(), standing: Standing::Warning, message });
        [clock, ledger].into_iter().chain(idle).collect()
    }
}

fn failed(check: &str, message: String) -> Finding {
    Finding { check: check.to_owned(), standing: Standing::Failed, message }
}
