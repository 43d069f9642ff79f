//! Files, and text that is no YAML or means two things.

use super::Frame::{File, Folder, Role};
use super::{ProblemKind, error};

pub(super) static KINDS: &[ProblemKind] = &[
    error(
        "unreadable",
        Folder,
        "The folder itself cannot be read.",
        ("a folder that is not there", "the folder that holds the policies"),
    ),
    error(
        "no-files",
        Folder,
        "The folder holds no policy file.",
        ("an empty folder", "a file such as jit-access-policy.yaml"),
    ),
    error("empty-file", File, "The file says nothing, or has only comments.", ("# later", "roles: []")),
    error(
        "too-much",
        Folder,
        "What the set multiplies (groups in roles, globs over resources, defaults, expressions) takes more than is given to a text of its length. As a warning: who is left in a role was not worked out.",
        ("ten thousand roles that each name a group of thousands", "fewer roles, smaller groups, or several sets"),
    ),
    error(
        "too-many-values",
        Folder,
        "A file holds more than 200,000 values.",
        ("one file with everything", "several files: all below the folder belong to the set"),
    ),
    error(
        "file-too-large",
        Folder,
        "A file has more than a mebibyte.",
        ("one file of 2 MiB", "several files: all below the folder belong to the set"),
    ),
    error("file-name", Folder, "The name of a file is not UTF-8.", ("a name in Latin-1", "the same name in UTF-8")),
    error(
        "irregular-file",
        Folder,
        "A symbolic link, a pipe or another thing that is no regular file stands among the policies.",
        ("a symbolic link to another folder", "the file itself, or a line in `.curfewignore`"),
    ),
    error(
        "unreadable-file",
        Folder,
        "A file of the folder cannot be read.",
        ("a file that only root may read", "a file that you may read"),
    ),
    error(
        "misplaced-file",
        Folder,
        "A file below `environments/` is no `environments/NAME.yaml`.",
        ("environments/eu/prod.yaml", "environments/eu-prod.yaml"),
    ),
    error("ignore-pattern", Folder, "A line of `.curfewignore` is no pattern.", ("[", "old/**")),
    error(
        "ignored-guardrail",
        Folder,
        "A line of `.curfewignore` leaves out a guardrail, which nothing can.",
        ("*.cedar", "drafts/*.yaml"),
    ),
    error(
        "not-utf8",
        Folder,
        "The file is no UTF-8 text.",
        ("a file saved as Latin-1", "the same file saved as UTF-8"),
    ),
    error(
        "syntax",
        File,
        "The text is not YAML, or a `.json` file is not strict JSON.",
        ("groups: {dba: [ann@example.com}", "groups: {dba: [ann@example.com]}"),
    ),
    error(
        "nesting",
        File,
        "Brackets or expressions are nested too deeply.",
        (
            "groups: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
            "groups: {dba: [ann@example.com]}",
        ),
    ),
    error(
        "anchor",
        File,
        "A YAML anchor: a policy is read where it stands.",
        ("groups: {a: &x [ann@example.com]}", "groups: {a: [ann@example.com]}"),
    ),
    error(
        "alias",
        File,
        "A YAML alias: a policy is read where it stands.",
        ("groups: {a: *x}", "groups: {a: [group:b], b: [ann@example.com]}"),
    ),
    error(
        "merge-key",
        Role,
        "`<<` merges mappings; readers differ in how.",
        ("constraints: {<<: {mfa: {}}}", "constraints: {mfa: {}}"),
    ),
    error("tag", File, "A YAML tag.", ("version: !!int 1", "version: 1")),
    error(
        "several-documents",
        File,
        "A file holds more than one YAML document.",
        ("roles: []\n---\nroles: []", "roles: []"),
    ),
    error(
        "null",
        File,
        "A key or an item has no value.",
        ("administrators: [null]", "administrators: [ann@example.com]"),
    ),
    error(
        "duplicate-key",
        File,
        "A key stands twice in one mapping.",
        ("auditors: []\nauditors: [ann@example.com]", "auditors: [ann@example.com]"),
    ),
    error("key-not-text", File, "A key is a list or a mapping.", ("[roles]: []", "roles: []")),
    error(
        "quote-it",
        Role,
        "A text that some YAML reader takes for a number, a boolean or a time.",
        ("description: 12:30", "description: \"12:30\""),
    ),
    error(
        "not-formattable",
        Folder,
        "`policy fmt` cannot write a file without changing what it means.",
        ("a comment in the middle of a value", "the comment on a line of its own"),
    ),
    error(
        "unknown-origin",
        Folder,
        "`policy import` was given a file of no system that it reads.",
        ("a JSON file of something else", "a JIT Groups policy, Teleport resources or the tables of AWS TEAM"),
    ),
    error(
        "import-format",
        Folder,
        "`policy import` was given a file that lacks what its kind has to have.",
        ("a JIT Groups policy without `environment`", "the whole policy"),
    ),
];
