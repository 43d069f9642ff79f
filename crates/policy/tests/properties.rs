//! What holds for every policy and every request.

mod common;

use common::*;
use curfew_domain::{Identity, Outcome, ReasonCode};
use curfew_policy::{Approval, Ask, PolicySet, Principal, Requesters, Required, Role, SourceFile, format};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const PEOPLE: [&str; 5] =
    ["ann@example.com", "bob@example.com", "o'neil+x@example.com", "d{e}f@example.com", "g|h@example.com"];
const STATIC: [&str; 3] = ["one", "two", "three"];
const PROVIDER: [&str; 3] = ["sre", "ops", "all"];
const RESOURCES: [&str; 3] = ["db/a", "db/b", "web/x"];
const GLOBS: [&str; 6] = ["db/a", "db/b", "web/x", "db/*", "**", "web/*"];
const ACTIONS: [&str; 3] = ["read", "write", "ddl"];
const REASONS: [&str; 6] = ["", "   ", "short", "a reason long enough", "order", "orders are stuck"];

/// A generated policy, as lists; the text is made from it.
#[derive(Debug, Clone)]
struct Sketch {
    /// Members of each static group. A group holds only later ones, so that there are no cycles.
    groups: Vec<Vec<String>>,
    roles: Vec<RoleSketch>,
}

#[derive(Debug, Clone)]
struct RoleSketch {
    requesters: Option<Vec<String>>,
    deny: Vec<String>,
    approvers: Option<Vec<String>>,
    conditions: Vec<(String, Vec<String>)>,
    duration: (u32, u32, u32),
    justification: Option<(u32, bool, bool)>,
}

fn some_of(items: Vec<String>, low: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::sample::subsequence(items.clone(), low..=items.len().min(4))
}

fn principals(groups_from: usize) -> Vec<String> {
    let persons = PEOPLE.iter().map(|p| (*p).to_owned());
    let groups = STATIC[groups_from..].iter().chain(&PROVIDER).map(|g| format!("group:{g}"));
    persons.chain(groups).collect()
}

fn role_sketch() -> impl Strategy<Value = RoleSketch> {
    let conditions = proptest::collection::vec(
        (proptest::sample::select(&GLOBS[..]), some_of(ACTIONS.map(str::to_owned).to_vec(), 1)),
        1..3,
    );
    (
        proptest::option::of(some_of(principals(0), 1)),
        prop_oneof![2 => Just(Vec::new()), 1 => some_of(principals(0), 0)],
        proptest::option::weighted(0.8, some_of(principals(0), 1)),
        conditions,
        (1u32..60, 60u32..120, 120u32..180),
        proptest::option::of((0u32..12, any::<bool>(), any::<bool>())),
    )
        .prop_map(|(requesters, deny, approvers, conditions, duration, justification)| RoleSketch {
            // Where nobody approves, the policy has to say who may ask.
            requesters: if approvers.is_none() {
                Some(requesters.unwrap_or_else(|| vec![PEOPLE[0].to_owned()]))
            } else {
                requesters
            },
            deny,
            approvers,
            conditions: conditions.into_iter().map(|(r, a)| (r.to_owned(), a)).collect(),
            duration,
            justification,
        })
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let groups = (some_of(principals(1), 0), some_of(principals(2), 0), some_of(principals(3), 0));
    (groups, proptest::collection::vec(role_sketch(), 1..4))
        .prop_map(|((a, b, c), roles)| Sketch { groups: vec![a, b, c], roles })
}

/// JSON is YAML: quoting is `serde_json`'s, so that the test does not share a bug with the formatter.
fn text_of(sketch: &Sketch) -> String {
    let quote = |list: &[String]| serde_json::to_string(list).expect("JSON");
    let mut text = String::from("version: 1 # the first\n\ngroups:\n");
    for (name, members) in STATIC.iter().zip(&sketch.groups) {
        text += &format!("  # {name}\n  {name}: {}\n", quote(members));
    }
    text += &format!("idp_groups: {}\nresources:\n", quote(&PROVIDER.map(str::to_owned)));
    for name in RESOURCES {
        text += &format!("- {{name: '{name}', connector: postgres}}   # {name}\n");
    }
    text += "roles:\n";
    for (i, role) in sketch.roles.iter().enumerate() {
        text += &format!("- name: role-{i}\n");
        if let Some(list) = &role.requesters {
            text += &format!("  requesters: {}\n", quote(list));
        }
        text += &format!("  deny: {} # never\n  conditions:\n", quote(&role.deny));
        for (resource, actions) in &role.conditions {
            text += &format!("  - {{resource: \"{resource}\", actions: {}}}\n", quote(actions));
        }
        match &role.approvers {
            Some(list) => text += &format!("  approvers: {}\n", quote(list)),
            None => text += "  approval: 'automatic'\n",
        }
        let (min, default, max) = role.duration;
        text += &format!("  duration: {{min: {min}s, default: {default}s, max: {max}s}}\n");
        if let Some((min_length, pattern, required)) = role.justification {
            let pattern = if pattern { ", pattern: \".*order.*\"" } else { "" };
            text += &format!(
                "  constraints:\n      justification: {{min_length: {min_length}{pattern}, required: {required}}}\n"
            );
        }
    }
    text
}

fn identity() -> impl Strategy<Value = Identity> {
    let claims: Vec<String> = PROVIDER.iter().chain(&STATIC).chain(&["other"]).map(|g| (*g).to_owned()).collect();
    (proptest::sample::select(&PEOPLE[..]), some_of(claims, 0), proptest::bool::weighted(0.9)).prop_map(
        |(email, groups, human)| {
            let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
            if human { with_groups(email, &groups) } else { machine(email, &groups) }
        },
    )
}

fn request() -> impl Strategy<Value = Ask> {
    (
        identity(),
        0usize..4,
        prop_oneof![2 => Just(Vec::new()), 1 => some_of(RESOURCES.map(str::to_owned).to_vec(), 0)],
        prop_oneof![2 => Just(Vec::new()), 1 => some_of(ACTIONS.map(str::to_owned).to_vec(), 0)],
        proptest::option::of(0u32..200),
        proptest::sample::select(&REASONS[..]),
    )
        .prop_map(|(who, role, r, a, duration, reason)| Ask {
            resources: resources(&r.iter().map(String::as_str).collect::<Vec<_>>()),
            actions: actions(&a.iter().map(String::as_str).collect::<Vec<_>>()),
            duration: duration.map(curfew_domain::Seconds::new),
            reason: reason.to_owned(),
            ..ask(&who, &format!("role-{role}"))
        })
}

/// A second evaluator that knows nothing of Cedar: plain loops over the lists.
struct Naive<'a> {
    groups: BTreeMap<&'a str, &'a [String]>,
}

impl Naive<'_> {
    fn is_member(&self, who: &Identity, principal: &Principal) -> bool {
        if who.subject.kind != curfew_domain::SubjectKind::Person {
            return false;
        }
        match principal {
            Principal::Person(email) => who.subject.email.as_ref() == Some(email),
            Principal::Group(name) => match self.groups.get(name.as_str()) {
                Some(members) => members.iter().any(|m| self.is_member(who, &parse(m))),
                None => who.groups.contains(name),
            },
            Principal::OnCall(_) | Principal::Workload(_) => false,
        }
    }

    fn holds(&self, who: &Identity, list: &[curfew_policy::Listed]) -> bool {
        list.iter().any(|l| self.is_member(who, &l.principal))
    }

    /// The codes that deny, in order.
    fn unsatisfied(&self, set: &PolicySet, role: &Role, ask: &Ask) -> Vec<ReasonCode> {
        let who = &ask.who;
        let mut codes = Vec::new();
        if self.holds(who, &role.deny) {
            codes.push(ReasonCode::Deny);
        }
        let eligible = match &role.requesters {
            Requesters::Anyone(_) => who.subject.kind == curfew_domain::SubjectKind::Person,
            Requesters::Listed(list) => self.holds(who, list),
            Requesters::TriggersOnly => false,
        };
        if !eligible {
            codes.push(ReasonCode::Eligibility);
        }
        if !scope_is_given(set, role, ask) {
            codes.push(ReasonCode::Scope);
        }
        let asked = ask.duration.unwrap_or(role.duration.default);
        if asked < role.duration.min || asked > role.duration.max {
            codes.push(ReasonCode::Duration);
        }
        codes.extend(std::iter::repeat_n(ReasonCode::Justification, broken_rules(role, &ask.reason)));
        if let Approval::Stages(chain) = &role.approval {
            let left = chain.stages.iter().all(|s| self.somebody_is_left(role, &s.approvers, who));
            if !left {
                codes.push(ReasonCode::Approvable);
            }
        }
        codes
    }

    /// Everybody there is, one by one; then every provider's group as a stranger in it alone.
    fn somebody_is_left(&self, role: &Role, approvers: &[curfew_policy::Listed], requester: &Identity) -> bool {
        let persons = PEOPLE.iter().map(|p| person(p)).filter(|p| p.subject.email != requester.subject.email);
        let strangers = PROVIDER.iter().map(|g| with_groups("stranger@example.com", &[g]));
        persons.chain(strangers).any(|who| self.holds(&who, approvers) && !self.holds(&who, &role.deny))
    }
}

fn parse(text: &str) -> Principal {
    match text.strip_prefix("group:") {
        Some(name) => Principal::Group(curfew_domain::GroupName::new(name).expect("a group name")),
        None => Principal::Person(text.parse().expect("an address")),
    }
}

fn broken_rules(role: &Role, reason: &str) -> usize {
    let Some(rule) = &role.constraints.justification else { return 0 };
    let text = reason.trim();
    if text.is_empty() {
        return usize::from(rule.required == Required::Yes);
    }
    let short = text.chars().count() < rule.min_length as usize;
    let unlike = rule.pattern.is_some() && !text.contains("order");
    usize::from(short) + usize::from(unlike)
}

fn scope_is_given(set: &PolicySet, role: &Role, ask: &Ask) -> bool {
    let mut given = BTreeSet::new();
    for condition in &role.conditions {
        for resource in set.resources() {
            let name = resource.name.as_str();
            let covered = match condition.resource.as_str() {
                "**" => true,
                "db/*" => name.starts_with("db/"),
                "web/*" => name.starts_with("web/"),
                exact => exact == name,
            };
            given.extend(condition.actions.iter().filter(|_| covered).map(|a| (resource.name.clone(), a.clone())));
        }
    }
    let resources_given = ask.resources.iter().all(|r| given.iter().any(|(g, _)| g == r));
    let actions_given = ask.actions.iter().all(|a| given.iter().any(|(_, g)| g == a));
    let pairs_given = ask.resources.iter().all(|r| ask.actions.iter().all(|a| given.contains(&(r.clone(), a.clone()))));
    !given.is_empty() && resources_given && actions_given && pairs_given
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cedar_and_plain_loops_agree(sketch in sketch(), asks in proptest::collection::vec(request(), 16)) {
        let set = set(&text_of(&sketch));
        let naive = Naive { groups: STATIC.into_iter().zip(sketch.groups.iter().map(Vec::as_slice)).collect() };
        for ask in asks {
            let judgement = set.decide(&ask);
            let decision = &judgement.decision;
            let codes: Vec<ReasonCode> = decision.unsatisfied.iter().map(|r| r.code).collect();
            let Some(role) = set.role(&ask.role) else {
                prop_assert_eq!(decision.outcome, Outcome::Denied);
                continue;
            };
            prop_assert_eq!(&codes, &naive.unsatisfied(&set, role, &ask), "{:?}", ask);
            let expected = match (&role.approval, codes.is_empty()) {
                (_, false) => Outcome::Denied,
                (Approval::Automatic(_), true) => Outcome::Automatic,
                (Approval::Stages(_), true) => Outcome::NeedsApproval,
            };
            prop_assert_eq!(decision.outcome, expected);
            prop_assert_eq!(judgement.terms.is_some(), expected != Outcome::Denied);
            prop_assert_eq!(&set.decide(&ask), &judgement, "the same request twice");
            prop_assert!(decision.failed.is_empty());
        }
    }

    #[test]
    fn the_listed_approvers_are_those_who_may(sketch in sketch(), asker in identity()) {
        let set = set(&text_of(&sketch));
        for role in set.roles() {
            let Approval::Stages(_) = &role.approval else { continue };
            let ask = Ask { reason: "an order is stuck".to_owned(), ..ask(&asker, role.name.as_str()) };
            let decision = set.decide(&ask).decision;
            if decision.outcome == Outcome::Denied {
                continue;
            }
            for email in PEOPLE {
                let may = set.may_approve(&role.name, "approval", &person(email), &asker.subject).is_ok();
                prop_assert_eq!(may, decision.approvers.iter().any(|a| a == email), "{}", email);
            }
            for group in PROVIDER {
                let stranger = with_groups("stranger@example.com", &[group]);
                let may = set.may_approve(&role.name, "approval", &stranger, &asker.subject).is_ok();
                let listed = decision.approvers.contains(&format!("group:{group}"));
                prop_assert_eq!(may, listed, "{}", group);
            }
        }
    }

    #[test]
    fn a_longer_deny_list_never_widens(sketch in sketch(), asks in proptest::collection::vec(request(), 4), more in some_of(principals(0), 1)) {
        let before = set(&text_of(&sketch));
        let mut narrowed = sketch.clone();
        for role in &mut narrowed.roles {
            role.deny.extend(more.clone());
        }
        let after = set(&text_of(&narrowed));
        let width = |o: Outcome| match o { Outcome::Denied => 0, Outcome::NeedsApproval => 1, Outcome::Automatic => 2 };
        for ask in asks {
            prop_assert!(width(after.decide(&ask).decision.outcome) <= width(before.decide(&ask).decision.outcome));
            prop_assert!(!after.is_eligible(&ask.role, &ask.who) || before.is_eligible(&ask.role, &ask.who));
        }
    }

    #[test]
    fn what_is_listed_is_what_may_be_asked_for(sketch in sketch(), who in identity()) {
        let set = set(&text_of(&sketch));
        let listed: Vec<_> = set.roles_for(&who).into_iter().map(|r| r.name.clone()).collect();
        let eligible: Vec<_> = set.roles().filter(|r| set.is_eligible(&r.name, &who)).map(|r| r.name.clone()).collect();
        prop_assert_eq!(listed, eligible);
    }

    #[test]
    fn formatting_is_idempotent_and_keeps_every_decision(sketch in sketch(), asks in proptest::collection::vec(request(), 3)) {
        let text = text_of(&sketch);
        let once = format(&file("p.yaml", &text)).expect("formatted");
        let twice = format(&file("p.yaml", &once)).expect("formatted");
        prop_assert_eq!(&once, &twice);
        let comments = |t: &str| t.matches('#').count();
        prop_assert_eq!(comments(&once), comments(&text));
        let (before, after) = (set(&text), set(&once));
        for ask in asks {
            let (a, b) = (before.decide(&ask), after.decide(&ask));
            prop_assert_eq!(a.terms, b.terms);
            prop_assert_eq!(a.decision.outcome, b.decision.outcome);
            prop_assert_eq!(a.decision.approvers, b.decision.approvers);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(text in "[a-z#&*!|>%@{}\\[\\],:\"' \n\t\\-0-9~<]{0,80}") {
        for path in ["p.yaml", "p.json"] {
            let source = SourceFile { path: path.to_owned(), bytes: text.clone().into_bytes() };
            let checked = check_files(std::slice::from_ref(&source));
            prop_assert_eq!(checked.set.is_some(), errors(&checked.problems).is_empty());
            if let Ok(once) = format(&source) {
                let again = format(&SourceFile { path: path.to_owned(), bytes: once.clone().into_bytes() });
                prop_assert_eq!(again.as_deref(), Ok(once.as_str()));
            }
        }
    }

    #[test]
    fn addresses_are_data_to_cedar(local in "[a-z.!#$%&'+/=?^_`{|}~-]{1,20}", other in "[a-z!'{}|]{1,20}") {
        prop_assume!(!local.starts_with('.') && !local.ends_with('.') && !local.contains(".."));
        let (listed, asking) = (format!("{local}@example.com"), format!("{other}@example.com"));
        let text = format!(
            "roles:\n  - name: a\n    requesters: [{}]\n    duration: 1h\n    conditions: [{{resource: x, actions: [read]}}]\n    approvers: [lead@example.com]\n",
            serde_json::to_string(&listed).expect("JSON")
        );
        let set = set(&text);
        prop_assert!(set.is_eligible(&role("a"), &person(&listed)));
        prop_assert_eq!(set.is_eligible(&role("a"), &person(&asking)), listed == asking);
    }
}
