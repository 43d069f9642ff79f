//! `policy.deployers`: the pipelines that may say that what they checked is to be in force, in policy's own words.

use super::{ConfigProblem, Issuer, problem, unclear};
use curfew_policy::{Problem, Workload};
use toml::Table;

const KEY: &str = "policy.deployers";
/// Pipelines there may be.
const MOST: usize = 64;

/// Every pipeline, as far as it is sound; what is wrong goes to `keep`.
pub(super) fn deployers(
    tables: Vec<Table>,
    issuers: &[Issuer],
    keep: &mut impl FnMut(Result<(), ConfigProblem>),
) -> Vec<Workload> {
    if tables.len() > MOST {
        keep(Err(problem(KEY, format!("are more than {MOST}"))));
        return Vec::new();
    }
    let mut deployers = Vec::new();
    for table in &tables {
        match deployer(table, issuers) {
            Ok(workload) => deployers.push(workload),
            Err(problems) => problems.into_iter().for_each(|problem| keep(Err(problem))),
        }
    }
    deployers
}

fn deployer(table: &Table, issuers: &[Issuer]) -> Result<Workload, Vec<ConfigProblem>> {
    let text = serde_json::to_string(table).map_err(|error| vec![problem(KEY, error.to_string())])?;
    let said = |found: Problem| problem(KEY, format!("{}; {}", found.message, found.hint));
    let workload = Workload::from_json(&text).map_err(|found| found.into_iter().map(said).collect::<Vec<_>>())?;
    if !issuers.iter().any(|issuer| issuer.kind == workload.provider) {
        let word = super::word(workload.provider);
        return Err(vec![problem(
            KEY,
            format!("there is no `[[issuers]]` of kind `{word}`, so nobody vouches for it"),
        )]);
    }
    match unclear(&workload, issuers) {
        Some(why) => Err(vec![problem(KEY, why)]),
        None => Ok(workload),
    }
}
