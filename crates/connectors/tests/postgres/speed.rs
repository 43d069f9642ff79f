//! How fast, so that a change that makes it slow is seen.

use crate::support::{Manager, Site, Version, revoked};
use curfew_engine::seams::Connector;
use std::time::Instant;

/// From 16 on a manager that is no superuser pays for each lease that is live at the same time.
const LEASES: usize = 256;
/// Far under what is aimed for (2,000 a second), because tests run beside each other and unoptimised.
const AT_LEAST: f64 = 100.0;

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_fast() {
    for (version, manager) in [(Version::Debian, Manager::Ordinary), (Version::Sixteen, Manager::Ordinary)] {
        let Some(site) = Site::prepared(version, manager).await else { continue };
        let asks: Vec<_> = (0..LEASES).map(|_| site.order(&["read", "write"], 600)).collect();
        let orders: Vec<_> = asks.iter().map(|ask| ask.order.clone()).collect();
        let begun = Instant::now();
        let issued = site.connector.issue(&site.target, &orders).await;
        let giving = LEASES as f64 / begun.elapsed().as_secs_f64();
        let endings: Vec<_> =
            asks.iter().zip(&issued).map(|(ask, i)| site.ending(ask, Some(i.as_ref().unwrap()))).collect();
        let begun = Instant::now();
        for answer in site.connector.revoke(&site.target, &endings).await {
            assert_eq!(revoked(answer), []);
        }
        let taking = LEASES as f64 / begun.elapsed().as_secs_f64();
        eprintln!("{version:?}: {giving:.0} given a second, {taking:.0} taken a second");
        assert!(giving > AT_LEAST && taking > AT_LEAST, "{giving:.0} given, {taking:.0} taken a second");
    }
}
