//! Texts of a given size that say little and ask for much: each repeats what a reader might do more than once for.

/// A text and what it tries.
pub struct Bomb {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

/// As many items as fit between head and tail.
struct Text {
    size: usize,
    text: String,
}

impl Text {
    fn new(size: usize) -> Self {
        Self { size, text: String::new() }
    }

    fn say(mut self, text: &str) -> Self {
        self.text += text;
        self
    }

    /// Items until the text is this many hundredths full.
    fn fill(mut self, percent: usize, item: impl Fn(usize) -> String) -> Self {
        let until = self.size / 100 * percent;
        for n in 0.. {
            let next = item(n);
            if self.text.len() + next.len() + 16 > until {
                break;
            }
            self.text += &next;
        }
        self
    }

    fn bomb(self, name: &'static str) -> Bomb {
        Bomb { name, bytes: self.text.into_bytes() }
    }
}

/// A short name for a number.
fn name(mut n: usize) -> String {
    const DIGITS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
    let mut text = String::from("x");
    loop {
        text.push(char::from(DIGITS[n % 26]));
        n /= 26;
        if n == 0 {
            return text;
        }
    }
}

/// What a reader of YAML meets before it knows what the text is about.
pub fn of_yaml(size: usize) -> Vec<Bomb> {
    let repeated = |name, item: &str| Text::new(size).fill(100, |_| item.to_owned()).bomb(name);
    let mut bombs = vec![
        Text::new(size)
            .say("a: &a [x, x, x, x, x, x, x, x, x]\n")
            .fill(100, |n| {
                format!(
                    "{0}: &{0} [{1}]\n",
                    name(n),
                    vec![format!("*{}", if n == 0 { "a".to_owned() } else { name(n - 1) }); 9].join(", ")
                )
            })
            .bomb("aliases of aliases"),
        Text::new(size).say("a: &a {b: 1}\n").fill(100, |n| format!("{}: {{<<: *a}}\n", name(n))).bomb("merge keys"),
        repeated("flow lists in each other", "["),
        repeated("flow mappings in each other", "{a: "),
        repeated("flow mappings as keys", "{"),
        repeated("lists in each other", "- "),
        repeated("keys that are complex", "? "),
        repeated("closing brackets", "]"),
        Text::new(size).fill(100, |n| format!("{}a:\n", " ".repeat(n))).bomb("indentation"),
        Text::new(size).fill(100, |n| format!("{}: 1\n", name(n))).bomb("keys"),
        Text::new(size).say("{").fill(100, |n| format!("{},", name(n))).say("}").bomb("keys without values"),
        Text::new(size).say("{").fill(100, |_| "a,".to_owned()).say("}").bomb("one key many times"),
        Text::new(size).say("[").fill(100, |_| "a,".to_owned()).say("]").bomb("items"),
        Text::new(size).say("[").fill(100, |_| "[],".to_owned()).say("]").bomb("empty lists"),
        Text::new(size).say("roles: [").fill(100, |_| "{},".to_owned()).say("]").bomb("empty roles"),
        Text::new(size).say("roles:\n").fill(100, |_| "- \n".to_owned()).bomb("roles that are null"),
        repeated("comments", "#\n"),
        Text::new(size).say("roles: []\n").fill(100, |_| "#\n".to_owned()).bomb("comments behind"),
        Text::new(size).say("roles: [\n").fill(100, |_| "a, # b\n".to_owned()).say("]").bomb("comments between"),
        repeated("documents", "---\n"),
        repeated("documents that say something", "--- a\n"),
        repeated("directives", "%YAML 1.2\n"),
        repeated("tags", "!!str "),
        repeated("anchors", "&a "),
        repeated("blank lines", "\n"),
        repeated("tabs", "\t"),
        repeated("carriage returns", "\r"),
        repeated("byte-order marks", "\u{feff}"),
        repeated("NUL", "\0"),
        repeated("quotes", "\""),
        repeated("one word", "a"),
        Text::new(size).say("\"").fill(100, |_| "\\U0001F600".to_owned()).say("\"").bomb("escapes"),
        Text::new(size).say("a: |\n").fill(100, |_| " a\n".to_owned()).bomb("a block of lines"),
        Text::new(size)
            .say("a: >\n")
            .fill(100, |n| format!(" {}\n", if n % 2 == 0 { "a" } else { "" }))
            .bomb("folded lines"),
        Text::new(size).say("a: 'x\n").fill(100, |_| " b\n\n".to_owned()).say("'").bomb("a quoted text of lines"),
        Text::new(size).fill(100, |n| format!("? {}\n: a\n", name(n))).bomb("keys with question marks"),
    ];
    bombs.extend(odd(size));
    bombs
}

/// Unicode and numbers that readers differ about.
fn odd(size: usize) -> Vec<Bomb> {
    const TEXTS: [&str; 12] = [
        "\u{202e}",
        "\u{2028}",
        "\u{85}",
        "e\u{301}\u{301}\u{301}",
        "\u{1f469}\u{200d}\u{1f4bb}",
        "\u{fffe}",
        "\u{e000}",
        "\u{10ffff}",
        "\u{ad}",
        "\u{feff}",
        "İ",
        "\u{7f}",
    ];
    const NUMBERS: [&str; 14] = [
        "1e309",
        "-0",
        "0x10",
        "0o17",
        "0b1",
        "1_000",
        "12:30:45",
        ".inf",
        ".NaN",
        "99999999999999999999999",
        "1.",
        "+1",
        "01",
        "1e-400",
    ];
    let cycle = |list: &[&str], n: usize| list[n % list.len()].to_owned();
    let mut bombs = vec![
        Text::new(size)
            .say("groups:\n")
            .fill(100, |n| format!("  {}{}: []\n", cycle(&TEXTS, n), name(n)))
            .bomb("odd Unicode in names"),
        Text::new(size)
            .say("roles:\n")
            .fill(100, |n| format!("- {{name: a, duration: {}}}\n", cycle(&NUMBERS, n)))
            .bomb("odd numbers"),
        Text::new(size)
            .fill(100, |n| format!("{}: {}\n", cycle(&NUMBERS, n), cycle(&TEXTS, n)))
            .bomb("odd numbers and Unicode"),
        Text::new(size)
            .say("roles:\n- name: a\n  description: ")
            .fill(100, |n| cycle(&TEXTS, n))
            .bomb("a text of odd Unicode"),
    ];
    let bytes = |name, item: &[u8]| Bomb { name, bytes: item.iter().copied().cycle().take(size).collect() };
    bombs.push(bytes("bytes that are no UTF-8", b"\xff\xfe"));
    bombs.push(bytes("surrogates", b"\xed\xa0\x80"));
    bombs.push(bytes("an overlong slash", b"\xc0\xaf"));
    bombs
}

const ROLE: &str = "duration: 1h, approvers: [a@b.c], conditions: [{resource: a, actions: [b]}]";

/// What a reader of policies meets, each within what the language allows for one of its parts.
pub fn of_policies(size: usize) -> Vec<Bomb> {
    let mut bombs = lists(size);
    bombs.extend(names(size));
    bombs.extend(scopes(size));
    bombs.extend(cedar_in_roles(size));
    bombs
}

/// Lists that are had more than once.
fn lists(size: usize) -> Vec<Bomb> {
    let member = |n: usize| format!("{}@b.c,", name(n));
    let role = |what: &'static str| move |n: usize| format!("- {{name: {}, {what}}}\n", name(n));
    let text = || Text::new(size);
    let short = "duration: 1h, conditions: [{resource: a, actions: [b]}]";
    vec![
        text().say("groups: {g: [").fill(50, member).say("]}\nroles:\n")
            .fill(100, |n| format!("- {{name: {}, {short}, requesters: [group:g], approvers: [group:g]}}\n", name(n)))
            .bomb("one large group in every role"),
        text().say("groups: {g: [").fill(40, member).say("], h: [").fill(80, member).say("]}\nroles:\n")
            .fill(100, |n| format!("- {{name: {}, {short}, deny: [group:h], approvers: [group:g]}}\n", name(n)))
            .bomb("one large group denied in every role"),
        text().say("groups:\n").fill(100, |n| format!("  {}: [group:{}]\n", name(n), name(n + 1))).bomb("groups in each other"),
        text().say("groups:\n  xa: [a@b.c]\n").fill(50, |n| format!("  {}: [group:{}]\n", name(n + 1), name(n))).say("roles:\n")
            .fill(100, |n| format!("- {{name: {}, {short}, deny: [d@b.c], approvers: [a@b.c]}}\n", name(n)))
            .bomb("an approver at the bottom of many groups"),
        text().say("groups:\n").fill(50, |n| format!("  {}: [a@b.c]\n", name(n))).say("roles:\n")
            .fill(100, |n| format!("- {{name: {}, {short}, deny: [d@b.c], approvers: [a@b.c]}}\n", name(n)))
            .bomb("an approver in many groups"),
        text().say("defaults: {duration: 1h, approvers: [a@b.c], deny: [").fill(50, member).say("]}\nroles:\n")
            .fill(100, role("conditions: [{resource: a, actions: [b]}]")).bomb("a deny list for every role"),
        text().say("defaults: {duration: 1h, approvers: [").fill(50, member).say("]}\nroles:\n")
            .fill(100, role("conditions: [{resource: a, actions: [b]}]")).bomb("approvers for every role"),
        text().say("defaults: {duration: 1h, approvers: [a@b.c], constraints: {inputs: [")
            .fill(50, |n| format!("{{name: {}, type: integer}},", name(n))).say("]}}\nroles:\n")
            .fill(100, role("conditions: [{resource: a, actions: [b]}]")).bomb("inputs for every role"),
        text().say("defaults: {duration: 1h, approvers: [a@b.c], constraints: {when: [")
            .fill(20, |n| format!("{{message: m, cedar: '{n} < context.risk_score'}},")).say("]}}\nroles:\n")
            .fill(100, role("conditions: [{resource: a, actions: [b]}]")).bomb("expressions for every role"),
        text().say("approvals: [{name: c, stages: [{any_of: [").fill(50, member).say("]}]}]\nroles:\n")
            .fill(100, role("duration: 1h, conditions: [{resource: a, actions: [b]}], approval: c")).bomb("a chain for every role"),
        text().say("roles: [{name: a, duration: 1h, conditions: [{resource: a, actions: [b]}], approval: {stages: [\n")
            .fill(100, |n| format!("{{any_of: [{}@b.c,{}@b.c]}},\n", name(n), name(n + 1))).say("]}}]").bomb("stages that share persons"),
        text().say("groups: {g: [").fill(90, member)
            .say("]}\nroles: [{name: a, duration: 1h, conditions: [{resource: a, actions: [b]}], approval: {stages: [\n")
            .fill(100, |_| "{any_of: [group:g], require: 100},\n".to_owned()).say("]}}]").bomb("stages of many of a large group"),
        text().say("groups: {g: [").fill(50, member)
            .say("]}\nroles: [{name: a, duration: 1h, conditions: [{resource: a, actions: [b]}], approval: {stages: [{all_of: [\n")
            .fill(100, |_| "group:g,".to_owned()).say("]}]}}]").bomb("all of a large group many times"),
        text().say("bundles: [{name: b, roles: [").fill(50, |n| format!("{},", name(n))).say("]}]\nroles:\n").fill(100, role(ROLE)).bomb("a bundle of roles"),
        text().say("people: [").fill(100, |n| format!("{{email: {}@b.c, github: \"{n}\"}},", name(n))).say("]").bomb("people"),
    ]
}

/// Names that nothing has, each near many.
fn names(size: usize) -> Vec<Bomb> {
    let text = || Text::new(size);
    let long = |n: usize| format!("{}{}", "y".repeat(40), name(n));
    let role = |n: usize| format!("- {{name: {}, {ROLE}}}\n", name(n));
    vec![
        text()
            .say("groups:\n")
            .fill(50, |n| format!("  {}: []\n", long(n)))
            .say("roles:\n")
            .fill(100, |n| format!("- {{name: {}, {ROLE}, requesters: [group:z{}]}}\n", name(n), long(n)))
            .bomb("groups that are not there"),
        text()
            .say("resources:\n")
            .fill(50, |n| format!("- {{name: {}, connector: postgres}}\n", long(n)))
            .say("roles:\n")
            .fill(100, |n| {
                format!(
                    "- {{name: {}, duration: 1h, approvers: [a@b.c], conditions: [{{resource: z{}, actions: [b]}}]}}\n",
                    name(n),
                    long(n)
                )
            })
            .bomb("resources that are not there"),
        text()
            .say("bundles: [{name: b, roles: [")
            .fill(50, |n| format!("z{},", long(n)))
            .say("]}]\nroles:\n")
            .fill(100, role)
            .bomb("roles that are not there"),
        text()
            .say("approvals:\n")
            .fill(50, |n| format!("- {{name: {}, stages: [{{any_of: [a@b.c]}}]}}\n", long(n)))
            .say("roles:\n")
            .fill(100, |n| {
                format!(
                    "- {{name: {}, duration: 1h, conditions: [{{resource: a, actions: [b]}}], approval: z{}}}\n",
                    name(n),
                    long(n)
                )
            })
            .bomb("chains that are not there"),
        text().say("roles:\n").fill(100, |_| format!("- {{name: a, {ROLE}}}\n")).bomb("roles of one name"),
        text().say("roles:\n").fill(100, |n| format!("- {{nam: {n}}}\n")).bomb("keys that are not there"),
        text()
            .say("resources:\n")
            .fill(100, |n| format!("- {{name: a, connector: {}}}\n", long(n)))
            .bomb("connectors that are not there"),
        text().say("roles:\n").fill(100, role).bomb("small roles"),
        text()
            .say("tests:\n")
            .fill(100, |n| {
                format!(
                    "- {{name: t, as: {{user: a@b.c, groups: [{0}]}}, request: {{role: {0}}}, expect: denied}}\n",
                    name(n)
                )
            })
            .bomb("tests of roles that are not there"),
    ]
}

/// Scopes that multiply.
fn scopes(size: usize) -> Vec<Bomb> {
    let text = || Text::new(size);
    let resource = |n: usize| format!("- {{name: {}, connector: postgres}}\n", name(n));
    let given = |n: usize, glob: String, action: &str| {
        format!(
            "- {{name: {}, duration: 1h, approvers: [a@b.c], conditions: [{{resource: \"{glob}\", actions: [{action}]}}]}}\n",
            name(n)
        )
    };
    vec![
        text().say("resources:\n").fill(50, resource).say("roles:\n").fill(100, |n| given(n, "**".to_owned(), "read")).bomb("all resources in every role"),
        text().say("resources:\n").fill(50, resource).say("roles:\n").fill(100, |n| given(n, format!("x*{}", &name(n)[1..]), "read")).bomb("a glob for every role"),
        text().say("resources:\n").fill(50, resource).say("roles:\n- {name: r, duration: 1h, approvers: [a@b.c], conditions: [")
            .fill(100, |n| format!("{{resource: \"**{}\", actions: [read]}},", "/**".repeat(n % 60))).say("]}").bomb("globs of stars"),
        text().say("resources:\n").fill(50, |n| format!("- {{name: {}{}, connector: postgres}}\n", "a/".repeat(100), name(n)))
            .say("roles:\n- {name: r, duration: 1h, approvers: [a@b.c], conditions: [")
            .fill(100, |n| format!("{{resource: \"{}\", actions: [read]}},", vec!["*a*"; 20 + n % 60].join("/"))).say("]}").bomb("globs of segments"),
        text().say("resources:\n").fill(50, resource).say("roles:\n").fill(100, |n| given(n, "**".to_owned(), &name(n))).bomb("actions that no resource has"),
        text().say("resources:\n").fill(50, |n| format!("- {{name: {}, connector: postgres, defined_by: [p.yaml]}}\n", name(n))).say("roles:\n")
            .fill(100, |n| given(n, "**".to_owned(), "read")).bomb("all resources in every role, each of some files"),
        text().say("resources:\n").fill(50, |n| format!("- {{name: {}, connector: postgres, risk: low}}\n", name(n))).say("roles:\n")
            .fill(100, |n| format!("- {{name: {}, requesters: anyone, duration: 1h, approval: automatic, conditions: [{{resource: \"**\", actions: [read]}}]}}\n", name(n)))
            .bomb("all resources of low risk for anyone"),
        text().say("resources:\n").fill(50, |n| format!("- {{name: {0}, connector: postgres, labels: {{{0}: a}}}}\n", name(n))).say("roles:\n")
            .fill(100, |n| format!("- {{name: {0}, duration: 1h, approvers: [a@b.c], conditions: [{{resource: {{labels: {{{0}: a}}}}, actions: [read]}}]}}\n", name(n)))
            .bomb("a selector for every role"),
        text().say("resources: [{name: a, connector: postgres, settings: {actions: {").fill(100, |n| format!("{}: {{grants: [a]}},", name(n))).say("}}}]").bomb("actions of one resource"),
        text().say("roles: [{name: a, duration: 1h, approvers: [a@b.c], conditions: [{resource: a, actions: [").fill(100, |n| format!("{},", name(n))).say("]}]}]").bomb("actions of one role"),
        text().say("policy_approvers: [{any_of: [a@b.c], paths: [").fill(100, |n| format!("\"{}/**\",", name(n))).say("]}]").bomb("paths to sign"),
    ]
}

/// Expressions, patterns, hours and inputs, each another one.
fn cedar_in_roles(size: usize) -> Vec<Bomb> {
    let text = || Text::new(size);
    let roles = "roles:\n- name: a\n  duration: 1h\n  approvers: [a@b.c]\n  conditions: [{resource: a, actions: [b]}]\n  constraints:\n";
    vec![
        text().say(roles).say("    when:\n").fill(100, |n| format!("    - {{message: m, cedar: '{n}<1'}}\n")).bomb("expressions"),
        text().say(roles).say("    when:\n").fill(100, |_| format!("    - {{message: m, cedar: '[{}].contains(1)'}}\n", vec!["1"; 3_900].join(","))).bomb("one long expression many times"),
        text().say(roles).say("    when:\n").fill(100, |n| format!("    - {{message: m, cedar: '[{n},{}].contains(1)'}}\n", vec!["1"; 3_900].join(","))).bomb("long expressions"),
        text().say("roles:\n").fill(100, |n| format!("- {{name: {}, {ROLE}, auto_approve_when: \"context.risk_score < {n}\"}}\n", name(n))).bomb("an expression for every role"),
        text().say("resources:\n").fill(50, |n| format!("- {{name: {0}, connector: postgres, labels: {{{0}: a}}}}\n", name(n))).say("roles:\n")
            .fill(100, |n| format!("- {{name: {0}, {ROLE}, constraints: {{inputs: [{{name: {0}, type: integer}}], when: [{{message: m, cedar: 'context.inputs.{0} < 1'}}]}}}}\n", name(n)))
            .bomb("a schema for every role"),
        text().say("roles:\n").fill(100, |n| format!("- {{name: {}, {ROLE}, constraints: {{justification: {{pattern: \"a{n}\"}}}}}}\n", name(n))).bomb("a pattern for every role"),
        text().say("roles:\n").fill(100, |n| format!("- {{name: {}, {ROLE}, constraints: {{ticket: {{pattern: '(\\w{{9}}){{{}}}'}}}}}}\n", name(n), n % 200)).bomb("a large pattern for every role"),
        text().say(roles).say("    windows:\n").fill(100, |n| format!("    - {{from: \"0{}:00\", to: \"12:00\", tz: Europe/Berlin}}\n", n % 9)).bomb("hours"),
        text().say("roles:\n").fill(100, |n| format!("- {{name: {}, {ROLE}, constraints: {{windows: [{{from: \"01:00\", to: \"02:00\", tz: Asia/Tokyo}}]}}}}\n", name(n))).bomb("hours for every role"),
        text().say(roles).say("    source_ip: [").fill(100, |n| format!("10.{}.{}.0/24,", n / 256 % 256, n % 256)).say("]").bomb("addresses"),
        text().say(roles).say("    inputs: [{name: e, type: enum, values: [").fill(100, |n| format!("{},", name(n))).say("]}]").bomb("values of an input"),
    ]
}

/// What a reader of Cedar meets, as a file of guardrails and as an expression.
pub fn of_cedar(size: usize) -> Vec<Bomb> {
    let repeated = |name, item: &str| Text::new(size).fill(100, |_| item.to_owned()).bomb(name);
    let forbid = "forbid(principal,action,resource)";
    vec![
        Text::new(size).fill(100, |_| format!("{forbid};")).bomb("guardrails on one line"),
        Text::new(size).fill(100, |n| format!("{forbid} when {{ context.risk_score < {n} }};\n")).bomb("guardrails"),
        Text::new(size).fill(100, |n| format!("@a{n}(\"b\")\n{forbid};\n")).bomb("annotations"),
        Text::new(size)
            .fill(100, |n| format!("{forbid} when {{ principal in Group::\"{}\" }};\n", name(n)))
            .bomb("guardrails about groups that are not there"),
        Text::new(size)
            .fill(100, |n| format!("{forbid} when {{ resource.labels.{} == \"a\" }};\n", name(n)))
            .bomb("guardrails about labels that are not there"),
        Text::new(size)
            .fill(100, |n| {
                format!("{forbid} when {{ [{n},{}].contains(context.risk_score) }};\n", vec!["1"; 3_800].join(","))
            })
            .bomb("long guardrails"),
        repeated("brackets", "("),
        repeated("braces", "{"),
        repeated("semicolons", ";"),
        repeated("quotes", "\""),
        repeated("slashes", "/"),
        repeated("comments", "//\n"),
        repeated("negations", "!"),
        repeated("sums", "1+"),
        repeated("and", "a&&"),
        repeated("conditions", "if a then "),
        repeated("dots", "a."),
        repeated("stars", "*"),
        Text::new(size).say("context.reason like \"").fill(100, |_| "*a".to_owned()).say("\"").bomb("like"),
        Text::new(size).say("[").fill(100, |_| "1,".to_owned()).say("1].contains(1)").bomb("a set"),
    ]
}

/// What an importer meets.
pub fn of_importers(size: usize) -> Vec<Bomb> {
    let text = || Text::new(size);
    let user = |n: usize| format!("{{principal: \"user:{}@b.c\", allow: \"JOIN, APPROVE_OTHERS\"}},", name(n));
    let group = |n: usize| format!("{{name: {}}},\n", name(n));
    let teleport = |name: &str, spec: &str| {
        format!("kind: role\nversion: v7\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n---\n")
    };
    let jit = |inside: &str| format!("schemaVersion: 1\nenvironment:\n  name: e\n{inside}");
    vec![
        text().say(&jit("  access: [")).fill(50, user).say("]\n  systems: [{name: s, groups: [").fill(100, group).say("]}]\n").bomb("access for every group"),
        text().say(&jit("  access: [{principal: \"user:a@b.c\", allow: \"JOIN, APPROVE_OTHERS\"}]\n  systems: [{name: s, groups: ["))
            .fill(100, |_| "{name: a},".to_owned()).say("]}]\n").bomb("groups of one name"),
        text().say(&jit("  access: [")).fill(50, |n| format!("{{principal: \"group:g@{}.c\", allow: JOIN}},", name(n)))
            .say("]\n  systems: [{name: s, groups: [").fill(100, group).say("]}]\n").bomb("principals of one name"),
        text().say(&jit("  constraints: {join: [")).fill(50, |n| format!("{{type: expression, name: {}, expression: \"a\", variables: [{{name: a, type: int}}]}},", name(n)))
            .say("]}\n  systems: [{name: s, groups: [").fill(100, group).say("]}]\n").bomb("constraints for every group"),
        text().say(&jit("  constraints: {join: [")).fill(50, |n| format!("{{type: expression, name: {}, expression: \"input.ticket.matches('(a{{{}}}){{99}}')\", variables: [{{name: ticket}}]}},", name(n), n % 900))
            .say("]}\n  access: [{principal: \"user:a@b.c\", allow: \"JOIN, APPROVE_OTHERS\"}]\n  systems: [{name: s, groups: [").fill(100, group).say("]}]\n").bomb("patterns for every group"),
        text().say(&jit("  systems: [{name: s, groups: [")).fill(100, |n| format!("{{name: {}, privileges: {{iam: [{{project: p, role: roles/a}}]}}}},\n", name(n))).say("]}]\n").bomb("groups nobody approves"),
        text().fill(99, |n| teleport(&name(n), &format!("allow: {{request: {{roles: [{}r]}}}}", "'^x.*$', ".repeat(240))))
            .say(&teleport("r", "allow: {logins: [a], node_labels: {env: prod}, review_requests: {roles: ['*']}}")).bomb("holders of one role"),
        text().say("kind: role\nversion: v7\nmetadata: {name: holder}\nspec: {allow: {request: {roles: [").fill(30, |n| format!("{},", name(n))).say("]}, review_requests: {roles: ['*']}}}\n---\n")
            .fill(100, |n| format!("kind: role\nmetadata: {{name: {}}}\nspec: {{allow: {{logins: [a], node_labels: {{a: b}}}}}}\n---\n", name(n))).bomb("a holder of many roles"),
        text().say("kind: role\nversion: v7\nmetadata: {name: r}\nspec: {allow: {node_labels: {").fill(50, |n| format!("{}: [a, b],", name(n)))
            .say("}, logins: [").fill(95, |n| format!("{},", name(n))).say("]}}\n---\nkind: role\nmetadata: {name: h}\nspec: {allow: {request: {roles: [r]}}}\n").bomb("labels"),
        text().fill(100, |_| "---\n".to_owned()).bomb("empty documents"),
        text().fill(90, |_| "\n".to_owned()).say(&teleport("r", "allow: {logins: [a]}").repeat(499)).bomb("blank lines before many documents"),
        text().say("[{\"id\": \"1\", \"name\": \"a@b.c\", \"type\": \"User\", \"duration\": \"1\", \"approvalRequired\": false, \"permissions\": [")
            .fill(50, |n| format!("{{\"name\": \"{}\"}},", name(n))).say("{\"name\": \"z\"}], \"accounts\": [")
            .fill(100, |n| format!("{{\"id\": \"{}\"}},", name(n))).say("{\"id\": \"z\"}]}]").bomb("accounts and permissions"),
        text().say("[").fill(100, |n| format!("{{\"id\": \"{}\", \"name\": \"a@b.c\", \"type\": \"User\", \"duration\": \"1\", \"approvalRequired\": false, \"permissions\": [{{\"name\": \"p\"}}], \"accounts\": [{{\"id\": \"x\"}}]}},", name(n)))
            .say("{}]").bomb("eligibilities of one name"),
        text().say("[").fill(50, |n| format!("{{\"id\": \"{}\", \"name\": \"a@b.c\", \"type\": \"User\", \"duration\": \"1\", \"permissions\": [{{\"name\": \"p\"}}], \"accounts\": [{{\"id\": \"x\"}}]}},", name(n)))
            .say("{\"id\": \"x\", \"approvers\": [").fill(100, |n| format!("\"{}\",", name(n))).say("\"z\"], \"groupIds\": [], \"type\": \"Account\"}]").bomb("approvers of one account"),
    ]
}
