//! Keys and values by themselves.

use super::Frame::{File, Lacking, Resource, Role, Test};
use super::{ProblemKind, error};

pub(super) static KINDS: &[ProblemKind] = &[
    error(
        "unknown-key",
        Role,
        "A key that this mapping does not have.",
        ("aprovers: [ann@example.com]", "approvers: [ann@example.com]"),
    ),
    error(
        "missing-key",
        Lacking("duration"),
        "A key that has to be there is not.",
        ("a role without `duration`", "duration: 2h"),
    ),
    error(
        "wrong-kind",
        Role,
        "A list where a mapping is due, a text where a list is due, and so on.",
        ("approvers: ann@example.com", "approvers: [ann@example.com]"),
    ),
    error(
        "empty-list",
        Role,
        "An empty list where somebody or something has to be named. It never means \"all\".",
        ("requesters: []", "requesters: [group:sre]"),
    ),
    error(
        "empty-text",
        Role,
        "An empty text where something has to be named.",
        ("auto_approve_when: \"\"", "auto_approve_when: context.oncall"),
    ),
    error(
        "text-length",
        Resource,
        "A text is empty or too long.",
        ("settings: {database: \"\"}", "settings: {database: orders}"),
    ),
    error(
        "setting",
        Resource,
        "A setting has the right shape, and its connector cannot use it: no privilege that can be granted, an action that gives nothing.",
        ("settings: {actions: {audit: {}}}", "settings: {actions: {audit: {roles: [pg_read_all_data]}}}"),
    ),
    error(
        "unknown-value",
        Role,
        "A word that is none of those that can stand here.",
        ("on_policy_change: stop", "on_policy_change: end"),
    ),
    error("not-a-number", File, "No whole number in decimal digits.", ("version: \"1\"", "version: 1")),
    error("out-of-range", File, "A number that is too small or too large.", ("version: 2", "version: 1")),
    error(
        "not-a-boolean",
        Role,
        "Neither `true` nor `false`.",
        ("constraints: {mfa: {request: yes}}", "constraints: {mfa: {request: true}}"),
    ),
    error(
        "name",
        File,
        "A name outside the grammar: 1 to 64 of `a-z A-Z 0-9 . _ -`, of a resource such segments joined by `/`.",
        ("groups: {\"data base\": [ann@example.com]}", "groups: {data-base: [ann@example.com]}"),
    ),
    error(
        "duplicate-name",
        File,
        "Two of a kind have one name, or names that are equal but for case.",
        (
            "groups: {dba: [ann@example.com], DBA: [bob@example.com]}",
            "groups: {dba: [ann@example.com, bob@example.com]}",
        ),
    ),
    error(
        "principal",
        Role,
        "Neither a person nor a group nor somebody on call.",
        ("approvers: [dba]", "approvers: [group:dba]"),
    ),
    error(
        "e-mail",
        File,
        "No e-mail address.",
        ("people: [{email: eve, github: \"1\"}]", "people: [{email: eve@example.com, github: \"1\"}]"),
    ),
    error(
        "account-number",
        File,
        "No number of an account.",
        ("people: [{email: eve@example.com, github: eve}]", "people: [{email: eve@example.com, github: \"583231\"}]"),
    ),
    error("duration", Role, "No duration, none at all, or longer than 30d.", ("duration: 2 hours", "duration: 2h")),
    error(
        "duration-order",
        Role,
        "`min`, `default` and `max` are not in this order.",
        ("duration: {min: 3h, max: 2h}", "duration: {min: 5m, max: 2h}"),
    ),
    error(
        "pattern",
        Role,
        "No linear-time regular expression.",
        ("constraints: {ticket: {pattern: \"(?=INC).*\"}}", "constraints: {ticket: {pattern: \"INC-[0-9]+\"}}"),
    ),
    error(
        "clock",
        Role,
        "No time of day.",
        (
            "constraints: {windows: [{from: \"9:00\", to: \"18:00\", tz: UTC}]}",
            "constraints: {windows: [{from: \"09:00\", to: \"18:00\", tz: UTC}]}",
        ),
    ),
    error(
        "time-zone",
        Role,
        "No IANA time zone.",
        (
            "constraints: {windows: [{from: \"09:00\", to: \"18:00\", tz: Berlin}]}",
            "constraints: {windows: [{from: \"09:00\", to: \"18:00\", tz: Europe/Berlin}]}",
        ),
    ),
    error(
        "days",
        Role,
        "No days of the week.",
        (
            "constraints: {windows: [{days: monday, from: \"09:00\", to: \"18:00\", tz: UTC}]}",
            "constraints: {windows: [{days: mon, from: \"09:00\", to: \"18:00\", tz: UTC}]}",
        ),
    ),
    error(
        "window-empty",
        Role,
        "Hours that begin and end at one time never are.",
        (
            "constraints: {windows: [{from: \"09:00\", to: \"09:00\", tz: UTC}]}",
            "constraints: {windows: [{from: \"00:00\", to: \"24:00\", tz: UTC}]}",
        ),
    ),
    error(
        "cidr",
        Role,
        "No address range.",
        ("constraints: {source_ip: [10.1.2.3/8]}", "constraints: {source_ip: [10.0.0.0/8]}"),
    ),
    error(
        "mfa",
        Role,
        "`mfa` asks for a second factor of nobody.",
        ("constraints: {mfa: {request: false}}", "constraints: {mfa: {request: true}}"),
    ),
    error(
        "destination",
        Role,
        "No place for notices.",
        ("notify: [{on: [ended], to: [\"#sec\"]}]", "notify: [{on: [ended], to: [\"slack:#sec\"]}]"),
    ),
    error("address", Test, "No IP address.", ("facts: {source_ip: home}", "facts: {source_ip: 10.1.2.3}")),
    error("time", Test, "No time with its offset.", ("at: yesterday", "at: 2026-03-02T10:00:00+01:00")),
    error(
        "path",
        File,
        "No glob over paths of the policy folder.",
        (
            "policy_approvers: [{paths: [/prod], any_of: [ann@example.com]}]",
            "policy_approvers: [{paths: [\"prod/**\"], any_of: [ann@example.com]}]",
        ),
    ),
];
