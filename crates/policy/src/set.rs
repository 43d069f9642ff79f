//! A policy set without errors, and the questions it answers.

use crate::ask::Trial;
use crate::authorize::{Asker, ReasonFacts};
use crate::compile::{Compiled, Office};
use crate::directory::Directory;
use crate::draft::{Draft, Group};
use crate::expression::Guardrail;
use crate::inventory::Inventory;
use crate::model::{
    Account, Bundle, InputKind, Listed, Pattern, PolicyApprovers, Principal, Requesters, Resource, Role,
};
use crate::workload::Provider;
use curfew_domain::{ActionName, Email, GroupName, Identity, InputValue, ResourceName, RoleName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// A policy set without errors. Made by [`crate::check`]; nothing else can make one.
#[derive(Debug, Clone)]
pub struct PolicySet {
    version: String,
    /// By name.
    roles: Vec<Role>,
    /// Beside `roles`, filled when a role is first asked about.
    compiled: Vec<OnceLock<Arc<Compiled>>>,
    /// Which roles name a person or group as a requester, or anyone, by number.
    by_requester: BTreeMap<Principal, Vec<usize>>,
    open_to_anyone: Vec<usize>,
    inventory: Inventory,
    directory: Directory,
    administrators: Option<(Vec<Listed>, Office)>,
    auditors: Option<(Vec<Listed>, Office)>,
    guardrails: Guardrails,
    rest: Arc<Rest>,
}

/// The guardrails, and all of them as one Cedar set. Their numbers are their ids in it.
#[derive(Debug, Clone, Default)]
struct Guardrails {
    all: Arc<[Guardrail]>,
    policies: Arc<cedar_policy::PolicySet>,
}

/// What a set says that no decision looks for.
#[derive(Debug, Default)]
struct Rest {
    groups: Vec<Group>,
    idp_groups: Vec<GroupName>,
    people: Vec<Account>,
    bundles: Vec<Bundle>,
    policy_approvers: Vec<PolicyApprovers>,
    tests: Vec<Trial>,
}

/// Why a resource could not be defined from outside the policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefineError {
    /// The policy defines it already.
    #[error("the policy defines `{0}` already")]
    AlreadyDefined(ResourceName),
    /// A role names an action that this kind of target does not have.
    #[error("role `{role}` gives `{action}` on `{resource}`, which a {connector} resource does not have")]
    UnknownAction {
        /// Which role.
        role: RoleName,
        /// Which action.
        action: ActionName,
        /// On what.
        resource: ResourceName,
        /// The kind it was to be.
        connector: &'static str,
    },
}

impl PolicySet {
    /// A set of a draft in which nothing was found wrong.
    pub(crate) fn new(version: String, mut draft: Draft, inventory: Inventory, directory: Directory) -> Self {
        draft.roles.sort_by(|a, b| a.name.cmp(&b.name));
        let mut by_requester: BTreeMap<Principal, Vec<usize>> = BTreeMap::new();
        let mut open_to_anyone = Vec::new();
        for (i, role) in draft.roles.iter().enumerate() {
            match &role.requesters {
                Requesters::Anyone(_) => open_to_anyone.push(i),
                Requesters::TriggersOnly => {}
                Requesters::Listed(list) => {
                    for listed in list {
                        by_requester.entry(listed.principal.clone()).or_default().push(i);
                    }
                }
            }
        }
        Self {
            version,
            compiled: vec![OnceLock::new(); draft.roles.len()],
            roles: draft.roles,
            by_requester,
            open_to_anyone,
            inventory,
            directory,
            administrators: draft.administrators.map(|list| with_office("administrator", list)),
            auditors: draft.auditors.map(|list| with_office("auditor", list)),
            guardrails: Guardrails::new(draft.guardrails),
            rest: Arc::new(Rest {
                groups: draft.groups,
                idp_groups: draft.idp_groups.into_iter().map(|(name, _)| name).collect(),
                people: draft.people,
                bundles: draft.bundles,
                policy_approvers: draft.policy_approvers,
                tests: draft.tests,
            }),
        }
    }

    /// Which set this is: the content hash of the files, in hex; of one that was read from git, the commit and the
    /// hash, `COMMIT:HASH`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The content hash of the files, in hex.
    pub fn content_hash(&self) -> &str {
        self.version.rsplit(':').next().unwrap_or_default()
    }

    /// The commit that it was read from, if it was read from git.
    pub fn commit(&self) -> Option<&str> {
        self.version.split_once(':').map(|(commit, _)| commit)
    }

    /// The same set as it was read from a commit.
    #[must_use]
    pub fn at_commit(self, commit: &str) -> Self {
        let version = format!("{commit}:{}", self.content_hash());
        Self { version, ..self }
    }

    /// All roles, by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter()
    }

    /// One role, by its exact name.
    pub fn role(&self, name: &RoleName) -> Option<&Role> {
        self.number(name).map(|i| &self.roles[i])
    }

    /// All resources, by name.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.inventory.resources()
    }

    /// Whether a resource is defined, or named by a role.
    pub fn names_resource(&self, name: &ResourceName) -> bool {
        self.resource(name).is_some() || self.undefined_resources().contains(name)
    }

    /// Whether there is such an action on a resource, given by a role or not. Of what nothing defines nobody can tell, and it may.
    pub fn has_action(&self, resource: &ResourceName, action: &ActionName) -> bool {
        self.resource(resource).is_none_or(|resource| {
            let own = resource.settings.get("actions").and_then(serde_json::Value::as_object);
            let is_built_in = resource.connector.actions.iter().any(|built_in| built_in.name == action.as_str());
            is_built_in || own.is_some_and(|own| own.contains_key(action.as_str()))
        })
    }

    /// One resource.
    pub fn resource(&self, name: &ResourceName) -> Option<&Resource> {
        self.inventory.resource(name)
    }

    /// Resources that roles name and nothing defines, sorted. Always empty after a check for
    /// [`crate::Purpose::Load`].
    pub fn undefined_resources(&self) -> Vec<ResourceName> {
        let named = self.roles.iter().flat_map(|r| &r.conditions).filter_map(|c| match &c.resource {
            Pattern::Exact(name) => Some(name),
            Pattern::Glob(_) | Pattern::Labels(_) => None,
        });
        let undefined: BTreeSet<&ResourceName> = named.filter(|n| self.inventory.resource(n).is_none()).collect();
        undefined.into_iter().cloned().collect()
    }

    /// Defines a resource that the policy itself does not, as `curfew dev` does. Globs cover it from then on.
    ///
    /// # Errors
    /// When the policy defines it, or a role gives an action on it that its connector does not have.
    pub fn define(&mut self, resource: Resource) -> Result<(), DefineError> {
        if self.inventory.resource(&resource.name).is_some() {
            return Err(DefineError::AlreadyDefined(resource.name));
        }
        for role in &self.roles {
            let conditions = role.conditions.iter().filter(|c| c.resource == Pattern::Exact(resource.name.clone()));
            if let Some(action) = conditions.flat_map(|c| &c.actions).find(|a| !crate::link::has_action(&resource, a)) {
                return Err(DefineError::UnknownAction {
                    role: role.name.clone(),
                    action: action.clone(),
                    resource: resource.name,
                    connector: resource.connector.name,
                });
            }
        }
        self.inventory.add(resource);
        Ok(())
    }

    /// Every resource-action pair that a role can give, sorted; empty for an unknown role.
    pub fn pairs(&self, role: &RoleName) -> BTreeSet<curfew_domain::Pair> {
        self.role(role).map(|role| self.inventory.pairs(role)).unwrap_or_default()
    }

    /// Whether this subject may ask for the role: named by it, and on no deny list of it.
    pub fn is_eligible(&self, role: &RoleName, who: &Identity) -> bool {
        self.number(role).is_some_and(|i| self.is_eligible_for(i, &Asker::new(who, &self.directory, [])))
    }

    /// Whether this subject may have the role in an emergency: named there, and on no deny list of it.
    pub fn may_break_glass(&self, role: &RoleName, who: &Identity) -> bool {
        let Some(number) = self.number(role) else { return false };
        if self.roles[number].break_glass.is_none() {
            return false;
        }
        let (asker, perfect) =
            (Asker::new(who, &self.directory, []), ReasonFacts { length: usize::MAX, matches: true });
        let compiled = self.compile(number);
        let may = asker.may_have(compiled, &compiled.may_break_glass, perfect).is_clear_yes();
        may && asker.is_free_to_ask(compiled, perfect).is_clear_yes()
    }

    /// The roles this subject may have in an emergency, by name.
    pub fn emergencies_for(&self, who: &Identity) -> Vec<&Role> {
        let address = who.subject.email.clone().map(Principal::Person);
        let names: BTreeSet<Principal> =
            self.directory.groups_of(who).into_iter().map(Principal::Group).chain(address).collect();
        let named = |role: &&Role| {
            role.break_glass.as_ref().is_some_and(|rule| rule.who.iter().any(|entry| names.contains(&entry.principal)))
        };
        // The names only narrow down whom to ask about; Cedar says who may.
        self.roles.iter().filter(named).filter(|role| self.may_break_glass(&role.name, who)).collect()
    }

    /// E-mails of those who may approve a role, sorted; a provider's group that cannot be listed stands as
    /// `group:NAME`. Whether one of them may decide a request is [`PolicySet::may_decide`]'s to say.
    pub fn approvers_of(&self, role: &RoleName) -> BTreeSet<String> {
        let Some(role) = self.role(role) else { return BTreeSet::new() };
        let lists = role.approval.stages().iter().map(|stage| stage.approvers.as_slice());
        let allowance = crate::allowance::Allowance::endless();
        let left = lists.flat_map(|list| crate::stages::left(&self.directory, list, &role.deny, &allowance));
        left.map(|principal| principal.to_string()).collect()
    }

    /// E-mails of the administrators, sorted; a provider's group that cannot be listed stands as `group:NAME`.
    pub fn administrators_known(&self) -> BTreeSet<String> {
        let list = self.administrators().unwrap_or_default();
        let allowance = crate::allowance::Allowance::endless();
        crate::stages::left(&self.directory, list, &[], &allowance).iter().map(ToString::to_string).collect()
    }

    /// The roles this subject may ask for, by name.
    pub fn roles_for(&self, who: &Identity) -> Vec<&Role> {
        let asker = Asker::new(who, &self.directory, []);
        let address = who.subject.email.clone().map(Principal::Person);
        let names = self.directory.groups_of(who).into_iter().map(Principal::Group).chain(address);
        let named = names.filter_map(|p| self.by_requester.get(&p)).flatten();
        // The index only narrows down whom to ask about; Cedar says who may.
        let candidates: BTreeSet<usize> = named.chain(&self.open_to_anyone).copied().collect();
        candidates.into_iter().filter(|i| self.is_eligible_for(*i, &asker)).map(|i| &self.roles[i]).collect()
    }

    fn is_eligible_for(&self, number: usize, asker: &Asker) -> bool {
        // Whatever a reason can be like: this one breaks no rule about reasons.
        let perfect = ReasonFacts { length: usize::MAX, matches: true };
        let compiled = self.compile(number);
        asker.may_ask(compiled, perfect).is_clear_yes() && asker.is_free_to_ask(compiled, perfect).is_clear_yes()
    }

    /// Whether this person is one of `administrators`.
    pub fn may_administer(&self, who: &Identity) -> bool {
        self.holds(self.administrators.as_ref().map(|(_, office)| office), who)
    }

    /// Whether this person is one of `auditors` or `administrators`.
    pub fn may_audit(&self, who: &Identity) -> bool {
        self.holds(self.auditors.as_ref().map(|(_, office)| office), who) || self.may_administer(who)
    }

    /// The groups in which a request of this identity is judged: static ones that hold it, and those its provider
    /// asserts that the policy declares.
    pub fn groups_of(&self, who: &Identity) -> BTreeSet<GroupName> {
        self.directory.groups_of(who)
    }

    fn holds(&self, office: Option<&Office>, who: &Identity) -> bool {
        office.is_some_and(|office| Asker::new(who, &self.directory, []).holds(office).is_clear_yes())
    }

    /// Whether the policy says who administers; an empty list says nobody.
    pub fn names_administrators(&self) -> bool {
        self.administrators.is_some()
    }

    /// Whether the policy says who audits; an empty list says nobody.
    pub fn names_auditors(&self) -> bool {
        self.auditors.is_some()
    }

    /// Who administers; none when the policy does not say.
    pub fn administrators(&self) -> Option<&[Listed]> {
        self.administrators.as_ref().map(|(list, _)| list.as_slice())
    }

    /// Who audits; none when the policy does not say.
    pub fn auditors(&self) -> Option<&[Listed]> {
        self.auditors.as_ref().map(|(list, _)| list.as_slice())
    }

    /// The static groups with their entries, in the order of the text.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupName, &[Listed])> {
        self.rest.groups.iter().map(|group| (&group.name, group.members.as_slice()))
    }

    /// The groups that the identity provider is expected to have.
    pub fn idp_groups(&self) -> impl Iterator<Item = &GroupName> {
        self.rest.idp_groups.iter()
    }

    /// Texts as the inputs of a role that they are; one that is not what its input holds stays a text.
    pub fn typed_inputs<'t>(
        &self,
        role: &RoleName,
        texts: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> BTreeMap<String, InputValue> {
        let inputs = self.role(role).map(|role| role.constraints.inputs.as_slice()).unwrap_or_default();
        let typed = |(name, text): (&str, &str)| {
            let kind = inputs.iter().find(|input| input.name == name).map(|input| &input.kind);
            let value = match kind {
                Some(InputKind::Integer) => crate::words::whole_number(text).map(InputValue::Integer),
                Some(InputKind::Boolean) => text.parse().ok().map(InputValue::Boolean),
                Some(InputKind::Text { .. } | InputKind::Enum { .. }) | None => None,
            };
            (name.to_owned(), value.unwrap_or_else(|| InputValue::Text(text.to_owned())))
        };
        texts.into_iter().map(typed).collect()
    }

    /// Whose accounts in code hosts those are.
    pub fn people(&self) -> &[Account] {
        &self.rest.people
    }

    /// The person of an account in a code host.
    pub fn person_of(&self, provider: Provider, account: &str) -> Option<&Email> {
        self.rest.people.iter().find(|person| person.number(provider) == Some(account)).map(|person| &person.email)
    }

    /// Roles that can be asked for together.
    pub fn bundles(&self) -> &[Bundle] {
        &self.rest.bundles
    }

    /// Who must have signed changes of files.
    pub fn policy_approvers(&self) -> &[PolicyApprovers] {
        &self.rest.policy_approvers
    }

    /// The tests the policy brings.
    pub fn tests(&self) -> &[Trial] {
        &self.rest.tests
    }

    /// What bounds every role.
    pub fn guardrails(&self) -> &[Guardrail] {
        &self.guardrails.all
    }

    pub(crate) fn guardrail_policies(&self) -> &cedar_policy::PolicySet {
        &self.guardrails.policies
    }

    fn number(&self, name: &RoleName) -> Option<usize> {
        self.roles.binary_search_by(|role| role.name.cmp(name)).ok()
    }

    fn compile(&self, number: usize) -> &Compiled {
        self.compiled[number].get_or_init(|| Arc::new(Compiled::new(&self.roles[number])))
    }

    pub(crate) fn compiled(&self, name: &RoleName) -> Option<(&Role, &Compiled)> {
        self.number(name).map(|i| (&self.roles[i], self.compile(i)))
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn inventory(&self) -> &Inventory {
        &self.inventory
    }
}

impl Guardrails {
    fn new(all: Vec<Guardrail>) -> Self {
        let forbids = all.iter().map(|guardrail| guardrail.policy.clone());
        let policies = cedar_policy::PolicySet::from_policies(forbids);
        let policies = policies.expect("INVARIANT: every guardrail has a number of its own");
        Self { all: all.into(), policies: Arc::new(policies) }
    }
}

fn with_office(name: &str, list: Vec<Listed>) -> (Vec<Listed>, Office) {
    let office = Office::new(name, &list);
    (list, office)
}
