//! What Cargo knows of the workspace and of everything it builds from.

use crate::process;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A package of the dependency graph.
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its licence expression, empty when it states none.
    pub(crate) license: String,
    /// Where it comes from; none for our own.
    pub(crate) source: Option<String>,
    /// Names of workspace members it needs other than for its tests.
    pub(crate) needs: BTreeSet<String>,
}

/// Reads the graph, for Linux only: that is what is built and shipped.
pub(crate) fn read() -> Result<Vec<Package>> {
    let mut cargo = process::cargo();
    cargo.args(["metadata", "--format-version=1", "--locked", "--filter-platform=x86_64-unknown-linux-gnu"]);
    let graph: Value = serde_json::from_str(&process::quiet(&mut cargo)?).context("cargo metadata is not JSON")?;
    let nodes = array(&graph["resolve"]["nodes"]);
    let built: BTreeSet<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    let packages = array(&graph["packages"]);
    let members: BTreeSet<&str> = array(&graph["workspace_members"]).iter().filter_map(Value::as_str).collect();
    let names: BTreeMap<&str, &str> =
        packages.iter().filter_map(|p| Some((p["id"].as_str()?, p["name"].as_str()?))).collect();
    let ours: BTreeSet<&str> = members.iter().filter_map(|id| names.get(id).copied()).collect();
    let reached = packages.iter().filter(|p| p["id"].as_str().is_some_and(|id| built.contains(id)));
    Ok(reached.map(|package| one(package, &ours)).collect())
}

fn one(package: &Value, ours: &BTreeSet<&str>) -> Package {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let needs = array(&package["dependencies"]).iter().filter(|d| d["kind"].as_str() != Some("dev"));
    let needs = needs.filter_map(|d| d["name"].as_str()).filter(|name| ours.contains(name));
    Package {
        name: text("name"),
        version: text("version"),
        license: text("license"),
        source: package["source"].as_str().map(str::to_owned),
        needs: needs.map(str::to_owned).collect(),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
