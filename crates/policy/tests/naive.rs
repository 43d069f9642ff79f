//! A second evaluator, without Cedar and without an index: plain loops over what was generated. It has to agree with
//! the real one on every random policy and request, reasons included.

mod common;

use common::*;
use curfew_domain::{Identity, Outcome, ReasonCode, SubjectKind};
use curfew_policy::{Ask, Facts, Grants, InputValue, MfaFact, OnCall, PolicySet, TicketState};
use std::collections::BTreeSet;
use std::fmt::Write;

const PEOPLE: [&str; 5] =
    ["ann@example.com", "bob@example.com", "cat@example.com", "dan@example.com", "eve@example.com"];
const RESOURCES: [(&str, Option<&str>, Option<&str>); 3] =
    [("db/a", Some("prod"), Some("1")), ("db/b", Some("dev"), None), ("web", None, Some("2"))];
const ACTIONS: [&str; 3] = ["read", "write", "ddl"];
/// Hours of a Monday, UTC; the last one runs over midnight.
const WINDOWS: [(u32, u32); 4] = [(8, 12), (12, 18), (9, 17), (22, 6)];

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.roll(n) == 0
    }

    fn some<T: Clone>(&mut self, of: &[T], least: usize) -> Vec<T> {
        let mut left = of.to_vec();
        let count = least + self.roll(of.len() - least + 1);
        (0..count).map(|_| left.remove(self.roll(left.len()))).collect()
    }
}

/// Facts that expressions speak of, in Cedar and in Rust. None is what cannot be said.
struct Rule {
    cedar: &'static str,
    holds: fn(&Ask, u32, &Place) -> Option<bool>,
}

/// One resource of a request.
struct Place {
    env: Option<&'static str>,
    tier: Option<&'static str>,
    actions: Vec<String>,
}

fn oncall(ask: &Ask) -> Option<bool> {
    ask.facts.oncall.as_ref().map(|o| *o == OnCall::OfTheRole(true))
}

fn mfa(ask: &Ask) -> Option<bool> {
    ask.facts.mfa.map(|m| m != MfaFact::No)
}

const RULES: [Rule; 7] = [
    Rule {
        cedar: "context.oncall && context.duration <= duration(\"60s\")",
        holds: |a, d, _| Some(oncall(a)? && d <= 60),
    },
    Rule {
        cedar: "!context.actions.contains(\"write\") || context.mfa",
        holds: |a, _, p| mfa(a).map(|m| m || !p.actions.iter().any(|a| a == "write")),
    },
    Rule { cedar: "resource.labels.env == \"prod\"", holds: |_, _, p| p.env.map(|e| e == "prod") },
    Rule {
        cedar: "context.effects.contains(\"define\") && resource.name like \"db/*\"",
        holds: |_, _, p| Some(p.actions.iter().any(|a| a == "ddl") && p.env.is_some()),
    },
    Rule {
        cedar: "principal in Group::\"sre\" || context.reason == \"\"",
        holds: |a, _, _| Some(in_sre(&a.who) || a.reason.trim().is_empty()),
    },
    Rule {
        cedar: "resource.labels.tier != \"1\" || context.risk_score < 50",
        holds: |a, _, p| Some(p.tier? != "1" || a.facts.risk_score? < 50),
    },
    Rule {
        cedar: "principal is Person && context.ticket_state == \"open\"",
        holds: |a, _, _| Some(a.facts.ticket_state? == TicketState::Open && a.who.subject.kind == SubjectKind::Person),
    },
];

/// Whether an expression is about a fact that is not known, even where it would not matter.
fn says(rule: usize, ask: &Ask, duration: u32, places: &[Place]) -> Option<bool> {
    let unknown = match rule {
        0 => ask.facts.oncall.is_none(),
        1 => ask.facts.mfa.is_none(),
        5 => ask.facts.risk_score.is_none(),
        6 => ask.facts.ticket_state.is_none(),
        _ => false,
    };
    if unknown {
        return None;
    }
    let each: Option<Vec<bool>> = places.iter().map(|p| (RULES[rule].holds)(ask, duration, p)).collect();
    each.map(|each| each.into_iter().all(|holds| holds))
}

fn in_sre(who: &Identity) -> bool {
    who.subject.kind == SubjectKind::Person && who.groups.iter().any(|g| g.as_str() == "sre")
}

#[derive(Clone, Default)]
struct Stage {
    any_of: Vec<String>,
    require: usize,
    fallback: Vec<String>,
}

#[derive(Clone, Default)]
struct Role {
    requesters: Option<Vec<String>>,
    deny: Vec<String>,
    conditions: Vec<(String, Vec<String>)>,
    duration: (u32, u32, u32),
    stages: Vec<Stage>,
    distinct: bool,
    auto: Option<usize>,
    when: Vec<usize>,
    ticket: Option<(bool, usize)>,
    windows: Vec<usize>,
    source_ip: bool,
    mfa: Option<Option<u32>>,
    per_subject: Option<u32>,
    input: Option<bool>,
}

#[derive(Clone)]
struct Policy {
    team: Vec<String>,
    role: Role,
    guardrails: Vec<usize>,
}

fn principals() -> Vec<String> {
    let groups = ["group:team", "group:sre"].map(str::to_owned);
    PEOPLE.iter().map(|p| (*p).to_owned()).chain(groups).collect()
}

fn policy(dice: &mut Dice) -> Policy {
    let people: Vec<String> = PEOPLE.iter().map(|p| (*p).to_owned()).collect();
    let stages = (0..dice.roll(3)).map(|_| Stage {
        any_of: dice.some(&principals(), 1).into_iter().take(3).collect(),
        require: 1 + dice.roll(2),
        fallback: if dice.one_in(3) { dice.some(&people, 1) } else { Vec::new() },
    });
    let stages: Vec<Stage> = stages.collect();
    let auto = (!stages.is_empty() && dice.one_in(2)).then(|| dice.roll(RULES.len()));
    let unattended = stages.is_empty() || auto.is_some();
    let condition = |dice: &mut Dice| {
        let resource = ["db/a", "db/b", "web", "db/*", "**"][dice.roll(5)].to_owned();
        (resource, dice.some(&ACTIONS.map(str::to_owned), 1))
    };
    let role = Role {
        requesters: (unattended || dice.one_in(2)).then(|| dice.some(&principals(), 1)),
        deny: if dice.one_in(5) { dice.some(&principals(), 0).into_iter().take(2).collect() } else { Vec::new() },
        conditions: (0..1 + dice.roll(2)).map(|_| condition(dice)).collect(),
        duration: (1 + dice.roll(60) as u32, 60 + dice.roll(60) as u32, 120 + dice.roll(7_200) as u32),
        stages,
        distinct: !dice.one_in(3),
        auto,
        when: if dice.one_in(3) { vec![dice.roll(RULES.len())] } else { Vec::new() },
        ticket: dice.one_in(3).then(|| (dice.one_in(2), dice.roll(3))),
        windows: if dice.one_in(3) { dice.some(&[0, 1, 2, 3], 1) } else { Vec::new() },
        source_ip: dice.one_in(4),
        mfa: dice.one_in(4).then(|| dice.one_in(2).then_some(600)),
        per_subject: dice.one_in(4).then(|| 1 + dice.roll(2) as u32),
        input: dice.one_in(4).then(|| dice.one_in(2)),
    };
    let guardrails = (0..dice.roll(5).saturating_sub(2)).map(|_| dice.roll(RULES.len())).collect();
    Policy { team: dice.some(&people, 0), role, guardrails }
}

/// The policy as text. A guardrail forbids what its expression says.
fn build(policy: &Policy) -> PolicySet {
    let quote = |list: &[String]| serde_json::to_string(list).expect("JSON");
    let role = &policy.role;
    let mut text = format!("groups: {{team: {}}}\nidp_groups: [sre]\nresources:\n", quote(&policy.team));
    for (name, env, tier) in RESOURCES {
        let env = env.map(|e| format!("env: {e}, ")).unwrap_or_default();
        let tier = tier.map(|t| format!("tier: \"{t}\"")).unwrap_or_default();
        let _ = writeln!(text, "- {{name: {name}, connector: postgres, labels: {{{env}{tier}}}}}");
    }
    let (min, default, max) = role.duration;
    let _ = writeln!(
        text,
        "roles:\n- name: r\n  deny: {}\n  duration: {{min: {min}s, default: {default}s, max: {max}s}}",
        quote(&role.deny)
    );
    if let Some(list) = &role.requesters {
        let _ = writeln!(text, "  requesters: {}", quote(list));
    }
    text += "  conditions:\n";
    for (resource, actions) in &role.conditions {
        let _ = writeln!(text, "  - {{resource: \"{resource}\", actions: {}}}", quote(actions));
    }
    match role.stages.is_empty() {
        true => text += "  approval: automatic\n",
        false => {
            let _ = writeln!(text, "  approval:\n    distinct_approvers: {}\n    stages:", role.distinct);
            for s in &role.stages {
                let fallback =
                    if s.fallback.is_empty() { String::new() } else { format!(", fallback: {}", quote(&s.fallback)) };
                let _ = writeln!(text, "    - {{any_of: {}, require: {}{fallback}}}", quote(&s.any_of), s.require);
            }
        }
    }
    if let Some(rule) = role.auto {
        let _ = writeln!(text, "  auto_approve_when: '{}'", RULES[rule].cedar);
    }
    text += "  constraints:\n    justification: {min_length: 3}\n";
    for rule in &role.when {
        let _ = writeln!(text, "    when: [{{message: m, cedar: '{}'}}]", RULES[*rule].cedar);
    }
    if let Some((required, verify)) = role.ticket {
        let _ = writeln!(
            text,
            "    ticket: {{required: {required}, pattern: \"INC-[0-9]+\", verify: {}}}",
            ["none", "exists", "open"][verify]
        );
    }
    if !role.windows.is_empty() {
        let one = |i: &usize| {
            format!("{{days: mon, from: \"{:02}:00\", to: \"{:02}:00\", tz: UTC}}", WINDOWS[*i].0, WINDOWS[*i].1)
        };
        let _ = writeln!(text, "    windows: [{}]", role.windows.iter().map(one).collect::<Vec<_>>().join(", "));
    }
    if role.source_ip {
        text += "    source_ip: [10.0.0.0/8]\n";
    }
    if let Some(max_age) = role.mfa {
        let _ = writeln!(text, "    mfa: {{{}}}", max_age.map(|s| format!("max_age: {s}s")).unwrap_or_default());
    }
    if let Some(most) = role.per_subject {
        let _ = writeln!(text, "    concurrency: {{per_subject: {most}}}");
    }
    if let Some(required) = role.input {
        let _ = writeln!(text, "    inputs: [{{name: n, type: integer, required: {required}}}]");
    }
    let guardrails: String = policy
        .guardrails
        .iter()
        .map(|r| format!("forbid (principal, action, resource) when {{ {} }};\n", RULES[*r].cedar))
        .collect();
    let mut files = vec![file("p.yaml", &text)];
    files.extend((!guardrails.is_empty()).then(|| file("g.cedar", &guardrails)));
    let checked = check_files(&files);
    checked.set.unwrap_or_else(|| panic!("{text}\n{:#?}", checked.problems))
}

fn request(dice: &mut Dice) -> Ask {
    let email = PEOPLE[dice.roll(PEOPLE.len())];
    let groups: &[&str] = if dice.one_in(2) { &["sre", "team"] } else { &[] };
    let who = if dice.one_in(10) { machine(email, groups) } else { with_groups(email, groups) };
    let facts = Facts {
        mfa: [
            None,
            Some(MfaFact::No),
            Some(MfaFact::FRESH),
            Some(MfaFact::Yes(None)),
            Some(MfaFact::Yes(Some(seconds("11m")))),
        ][dice.roll(5)],
        oncall: [None, Some(OnCall::OfTheRole(true)), Some(OnCall::OfTheRole(false))][dice.roll(3)].clone(),
        source_ip: ["10.1.2.3", "192.0.2.1", ""][dice.roll(3)].parse().ok(),
        ticket_state: [None, Some(TicketState::Open), Some(TicketState::Closed), Some(TicketState::Missing)]
            [dice.roll(4)],
        risk_score: [None, Some(10), Some(90)][dice.roll(3)],
        token: None,
        grants: [None, Some(0), Some(1), Some(2)][dice.roll(4)]
            .map(|of_subject| Grants { of_subject, ..Grants::default() }),
    };
    let names: Vec<&str> = if dice.one_in(2) { Vec::new() } else { dice.some(&RESOURCES.map(|r| r.0), 0) };
    let what: Vec<&str> = if dice.one_in(2) { Vec::new() } else { dice.some(&ACTIONS, 0) };
    let mut asked = Ask {
        resources: resources(&names),
        actions: actions(&what),
        duration: dice.one_in(2).then(|| curfew_domain::Seconds::new(dice.roll(8_000) as u32)),
        reason: ["", "no", "a good reason"][dice.roll(3)].to_owned(),
        ticket: ["", "INC-7", "nonsense"][dice.roll(3)].to_owned(),
        facts,
        now: curfew_domain::Timestamp::from_millis(1_772_409_600_000 + dice.roll(48 * 60) as i64 * 60_000),
        ..ask(&who, "r")
    };
    match dice.roll(4) {
        0 => drop(asked.inputs.insert("n".to_owned(), InputValue::Integer(3))),
        1 => drop(asked.inputs.insert("n".to_owned(), InputValue::Text("3".to_owned()))),
        _ => {}
    }
    if !dice.one_in(3) {
        well_behaved(&mut asked, dice);
    }
    asked
}

/// Most of what is random is denied for several reasons at once; this one is denied for one or none.
fn well_behaved(ask: &mut Ask, dice: &mut Dice) {
    ask.who = with_groups(PEOPLE[dice.roll(PEOPLE.len())], &["sre"]);
    (ask.resources, ask.duration) = (Vec::new(), None);
    (ask.reason, ask.ticket) = ("a good reason".to_owned(), "INC-7".to_owned());
    ask.now = now();
    let oncall = Some(OnCall::OfTheRole(dice.one_in(2)));
    let mfa = Some(MfaFact::FRESH);
    let grants = Some(Grants::default());
    let (source_ip, ticket_state) = ("10.1.2.3".parse().ok(), Some(TicketState::Open));
    ask.facts = Facts { mfa, oncall, source_ip, ticket_state, risk_score: Some(10), token: None, grants };
    match dice.roll(12) {
        0 => ask.facts.mfa = None,
        1 => ask.facts.oncall = None,
        2 => ask.facts.source_ip = None,
        3 => ask.facts.ticket_state = Some(TicketState::Closed),
        4 => ask.facts.risk_score = Some(90),
        5 => ask.ticket.clear(),
        6 => ask.now = "2026-03-02T23:30:00Z".parse().expect("a time"),
        7 => ask.duration = Some(seconds("55s")),
        _ => {}
    }
}

/// The second evaluator.
struct Naive<'a> {
    policy: &'a Policy,
    ask: &'a Ask,
}

/// What it finds: codes that deny, codes that fail, and who could decide each stage.
type Found = (BTreeSet<ReasonCode>, BTreeSet<ReasonCode>, Vec<Vec<String>>, Option<i64>);

impl Naive<'_> {
    fn is(&self, email: &str, sre: bool, entry: &str) -> bool {
        match entry {
            "group:team" => self.policy.team.iter().any(|p| p == email),
            "group:sre" => sre,
            person => person == email,
        }
    }

    fn asker_is(&self, list: &[String]) -> bool {
        let subject = &self.ask.who.subject;
        let email = subject.email.as_ref().map_or("", |e| e.as_str());
        subject.kind == SubjectKind::Person && list.iter().any(|entry| self.is(email, in_sre(&self.ask.who), entry))
    }

    fn given(&self) -> BTreeSet<(String, String)> {
        let mut given = BTreeSet::new();
        for (pattern, actions) in &self.policy.role.conditions {
            for (name, ..) in RESOURCES {
                if pattern == name || pattern == "**" || (pattern == "db/*" && name.starts_with("db/")) {
                    given.extend(actions.iter().map(|a| (name.to_owned(), a.clone())));
                }
            }
        }
        given
    }

    fn scope(&self) -> Option<Vec<Place>> {
        let given = self.given();
        let names: Vec<String> = self.ask.resources.iter().map(ToString::to_string).collect();
        let what: Vec<String> = self.ask.actions.iter().map(ToString::to_string).collect();
        if names.iter().any(|n| !given.iter().any(|(g, _)| g == n))
            || what.iter().any(|a| !given.iter().any(|(_, g)| g == a))
        {
            return None;
        }
        let both = !names.is_empty() && !what.is_empty();
        if both && names.iter().any(|n| what.iter().any(|a| !given.contains(&(n.clone(), a.clone())))) {
            return None;
        }
        let wanted = |list: &[String], item: &String| list.is_empty() || list.contains(item);
        let chosen: Vec<_> = given.iter().filter(|(n, a)| wanted(&names, n) && wanted(&what, a)).collect();
        let place = |(name, env, tier): (&str, Option<&'static str>, Option<&'static str>)| Place {
            env,
            tier,
            actions: chosen.iter().filter(|(n, _)| n == name).map(|(_, a)| a.clone()).collect(),
        };
        let places: Vec<Place> = RESOURCES.into_iter().map(place).filter(|p| !p.actions.is_empty()).collect();
        (!places.is_empty()).then_some(places)
    }

    /// The minutes of a Monday and the night after it that windows are open, minute by minute.
    fn open(&self, millis: i64) -> bool {
        let minute = millis.div_euclid(60_000);
        let (day, of_day) = (minute.div_euclid(1_440), minute.rem_euclid(1_440) as u32);
        let weekday = (day + 3).rem_euclid(7);
        self.policy.role.windows.iter().any(|i| {
            let (from, to) = (WINDOWS[*i].0 * 60, WINDOWS[*i].1 * 60);
            if from < to {
                weekday == 0 && (from..to).contains(&of_day)
            } else {
                (weekday == 0 && of_day >= from) || (weekday == 1 && of_day < to)
            }
        })
    }

    fn left(&self, list: &[String]) -> Vec<String> {
        let own = self.ask.who.subject.email.as_ref().map_or("", |e| e.as_str());
        let deny = &self.policy.role.deny;
        let denied = |email: &str| deny.iter().any(|d| self.is(email, false, d));
        let mut left: Vec<String> = PEOPLE
            .iter()
            .filter(|p| **p != own && !denied(p) && list.iter().any(|entry| self.is(p, false, entry)))
            .map(|p| (*p).to_owned())
            .collect();
        if list.iter().any(|e| e == "group:sre") && !deny.iter().any(|d| d == "group:sre") {
            left.push("group:sre".to_owned());
        }
        left.sort();
        left
    }

    /// Tries every way to seat persons; a group that cannot be listed has enough of them.
    fn seats(demands: &[(Vec<String>, usize)], taken: &mut Vec<String>) -> bool {
        let Some(((list, require), rest)) = demands.split_first() else { return true };
        if *require == 0 || list.iter().any(|p| p.starts_with("group:")) {
            return Self::seats(rest, taken);
        }
        list.iter().any(|person| {
            if taken.contains(person) {
                return false;
            }
            taken.push(person.clone());
            let mut next = vec![(list.clone(), require - 1)];
            next.extend_from_slice(rest);
            let found = Self::seats(&next, taken);
            taken.pop();
            found
        })
    }

    fn stages(&self) -> Option<Vec<Vec<String>>> {
        let role = &self.policy.role;
        let (mut demands, mut shown, mut sound): (Vec<(Vec<String>, usize)>, _, _) = (Vec::new(), Vec::new(), true);
        for stage in &role.stages {
            if !role.distinct {
                demands.clear();
            }
            let mut lists = vec![self.left(&stage.any_of)];
            lists.extend((!stage.fallback.is_empty()).then(|| self.left(&stage.fallback)));
            let seated = lists.iter().find(|list| {
                let more = [demands.clone(), vec![((*list).clone(), stage.require)]].concat();
                Self::seats(&more, &mut Vec::new())
            });
            sound &= seated.is_some();
            demands.extend(seated.map(|list| (list.clone(), stage.require)));
            shown.push(seated.unwrap_or(&lists[0]).clone());
        }
        sound.then_some(shown)
    }

    fn constraints(&self, duration: u32, unsatisfied: &mut BTreeSet<ReasonCode>, failed: &mut BTreeSet<ReasonCode>) {
        let (role, ask, facts) = (&self.policy.role, self.ask, &self.ask.facts);
        let mut no = |code| {
            unsatisfied.insert(code);
        };
        let mut unknown = |code| {
            failed.insert(code);
        };
        if !(role.duration.0..=role.duration.2).contains(&duration) {
            no(ReasonCode::Duration);
        }
        if ask.reason.chars().count() < 3 {
            no(ReasonCode::Justification);
        }
        match role.ticket {
            None => {}
            Some((true, _)) if ask.ticket.is_empty() => no(ReasonCode::Ticket),
            Some((false, _)) if ask.ticket.is_empty() => {}
            Some(_) if !ask.ticket.starts_with("INC-") => no(ReasonCode::Ticket),
            Some((_, 0)) => {}
            Some((_, verify)) => match facts.ticket_state {
                None => unknown(ReasonCode::Ticket),
                Some(TicketState::Missing) => no(ReasonCode::Ticket),
                Some(TicketState::Closed) if verify == 2 => no(ReasonCode::Ticket),
                Some(TicketState::Closed | TicketState::Open) => {}
            },
        }
        if !role.windows.is_empty() && !self.open(ask.now.as_millis()) {
            no(ReasonCode::Window);
        }
        match (role.source_ip, facts.source_ip) {
            (true, None) => unknown(ReasonCode::SourceIp),
            (true, Some(ip)) if !ip.to_string().starts_with("10.") => no(ReasonCode::SourceIp),
            (_, _) => {}
        }
        match (role.mfa, facts.mfa) {
            (None, _) => {}
            (Some(_), None) => unknown(ReasonCode::Mfa),
            (Some(_), Some(MfaFact::No)) | (Some(Some(_)), Some(MfaFact::Yes(None))) => no(ReasonCode::Mfa),
            (Some(Some(most)), Some(MfaFact::Yes(Some(age)))) if age.as_secs() > most => no(ReasonCode::Mfa),
            (Some(_), Some(MfaFact::Yes(_))) => {}
        }
        match (role.per_subject, facts.grants) {
            (Some(_), None) => unknown(ReasonCode::Concurrency),
            (Some(most), Some(grants)) if grants.of_subject >= most => no(ReasonCode::Concurrency),
            (_, _) => {}
        }
        match (role.input, ask.inputs.get("n")) {
            (None, Some(_)) | (Some(true), None) | (Some(_), Some(InputValue::Text(_))) => no(ReasonCode::Inputs),
            (None | Some(false), None) | (Some(_), Some(InputValue::Integer(_) | InputValue::Boolean(_))) => {}
        }
    }

    fn decide(&self) -> Found {
        let (mut unsatisfied, mut failed) = (BTreeSet::new(), BTreeSet::new());
        let role = &self.policy.role;
        if self.asker_is(&role.deny) {
            unsatisfied.insert(ReasonCode::Deny);
        }
        let eligible = match &role.requesters {
            None => self.ask.who.subject.kind == SubjectKind::Person,
            Some(list) => self.asker_is(list),
        };
        if !eligible {
            unsatisfied.insert(ReasonCode::Eligibility);
        }
        let duration = self.ask.duration.map_or(role.duration.1, |d| d.as_secs());
        self.constraints(duration, &mut unsatisfied, &mut failed);
        let places = self.scope();
        if places.is_none() {
            unsatisfied.insert(ReasonCode::Scope);
        }
        let mut automatic = role.stages.is_empty();
        if let Some(places) = &places {
            for rule in &role.when {
                match says(*rule, self.ask, duration, places) {
                    None => drop(failed.insert(ReasonCode::When)),
                    Some(false) => drop(unsatisfied.insert(ReasonCode::When)),
                    Some(true) => {}
                }
            }
            for rule in &self.policy.guardrails {
                let each: Vec<Option<bool>> =
                    places.iter().map(|p| says(*rule, self.ask, duration, std::slice::from_ref(p))).collect();
                if each.contains(&Some(true)) {
                    unsatisfied.insert(ReasonCode::Guardrail);
                } else if each.contains(&None) {
                    failed.insert(ReasonCode::Guardrail);
                }
            }
            automatic |= role.auto.is_some_and(|rule| says(rule, self.ask, duration, places) == Some(true));
        }
        let stages = if automatic { Some(Vec::new()) } else { self.stages() };
        if stages.is_none() {
            unsatisfied.insert(ReasonCode::Approvable);
        }
        let end = self.ask.now.as_millis() + i64::from(duration) * 1_000;
        let mut until = self.ask.now.as_millis();
        while until < end && (role.windows.is_empty() || self.open(until)) {
            until = (until.div_euclid(60_000) + 1) * 60_000;
        }
        (unsatisfied, failed, stages.unwrap_or_default(), Some(until.min(end)))
    }
}

/// The real one's answer in the same words.
fn real(set: &PolicySet, ask: &Ask) -> (Outcome, Found) {
    let decision = set.decide(ask).decision;
    let codes = |reasons: &[curfew_domain::Reason]| reasons.iter().map(|r| r.code).collect();
    let stages = decision.stages.iter().map(|s| s.approvers.clone()).collect();
    let until = decision.max_until.map(|t| t.as_millis());
    (decision.outcome, (codes(&decision.unsatisfied), codes(&decision.failed), stages, until))
}

fn rounds(default: u64) -> u64 {
    std::env::var("CURFEW_NAIVE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn width(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Denied => 0,
        Outcome::NeedsApproval => 1,
        Outcome::Automatic => 2,
    }
}

#[test]
fn both_evaluators_agree() {
    let mut seen = [0_u32; 3];
    for seed in 0..rounds(120) {
        let mut dice = Dice(seed);
        let policy = policy(&mut dice);
        let set = build(&policy);
        for _ in 0..60 {
            let ask = request(&mut dice);
            let expected = Naive { policy: &policy, ask: &ask }.decide();
            let is_denied = !expected.0.is_empty() || !expected.1.is_empty();
            let outcome = match (is_denied, expected.2.is_empty()) {
                (true, _) => Outcome::Denied,
                (false, true) => Outcome::Automatic,
                (false, false) => Outcome::NeedsApproval,
            };
            let expected = if is_denied { (expected.0, expected.1, Vec::new(), None) } else { expected };
            seen[usize::from(width(outcome))] += 1;
            assert_eq!(real(&set, &ask), (outcome, expected), "seed {seed}\n{ask:#?}");
        }
    }
    assert!(seen.iter().all(|n| *n > 100), "the requests are all alike: {seen:?}");
}

#[test]
fn what_is_added_never_widens() {
    for seed in 0..rounds(40) {
        let mut dice = Dice(seed ^ 0x00c0_ffee);
        let before = policy(&mut dice);
        let mut others = Vec::new();
        let mut with = |change: &dyn Fn(&mut Policy)| {
            let mut other = before.clone();
            change(&mut other);
            others.push(build(&other));
        };
        let (denied, rule) = (principals()[dice.roll(7)].clone(), dice.roll(RULES.len()));
        with(&|p| p.role.deny.push(denied.clone()));
        with(&|p| p.guardrails.push(rule));
        if !before.role.stages.is_empty() {
            with(&|p| p.role.stages.push(Stage { any_of: principals(), require: 1, fallback: Vec::new() }));
        }
        // Who is taken out of a group can be denied or guarded against through it: then it is another policy.
        let only_gives = !before.role.deny.iter().any(|d| d == "group:team");
        if only_gives && !before.team.is_empty() && !before.role.stages.iter().any(|s| !s.fallback.is_empty()) {
            with(&|p| drop(p.team.pop()));
        }
        let set = build(&before);
        for _ in 0..30 {
            let ask = request(&mut dice);
            let was = set.decide(&ask).decision;
            for other in &others {
                let is = other.decide(&ask).decision;
                assert!(width(is.outcome) <= width(was.outcome), "seed {seed}\n{ask:#?}\n{was:#?}\n{is:#?}");
                assert!(is.stages.is_empty() || is.stages.len() >= was.stages.len(), "seed {seed}");
            }
        }
    }
}
