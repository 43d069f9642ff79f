use super::*;

fn load(setting: Setting, toml: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let dir = std::env::temp_dir().join(format!("curfew-config-{}-{:p}", std::process::id(), &toml));
    std::fs::create_dir_all(&dir).expect("a folder");
    let path = dir.join("curfew.toml");
    std::fs::write(&path, toml).expect("a file");
    let lookup = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    let names = env.iter().map(|(name, _)| (*name).to_owned()).collect();
    let config = Config::load(&Sources { setting, file: Some(&path), lookup: &lookup, names, overrides: Vec::new() });
    std::fs::remove_dir_all(&dir).expect("cleaned");
    config
}

fn problems(setting: Setting, toml: &str) -> Vec<String> {
    match load(setting, toml, &[]) {
        Err(ConfigError::Problems(problems)) => problems.into_iter().map(|p| p.key).collect(),
        Err(other) => vec![other.to_string()],
        Ok(_) => Vec::new(),
    }
}

const WHOLE: &str = r#"
development_sign_in = true
seal = {key = "env:CURFEW_TEST_SEAL"}
"#;

#[test]
fn the_least_that_serves() {
    let config = load(Setting::Serve, WHOLE, &[]).expect("holds together");
    assert_eq!(config.listen.to_string(), "127.0.0.1:7373");
    assert_eq!(config.ledger, Ledger::Sqlite("/var/lib/curfew/ledger.db".into()));
    assert_eq!(problems(Setting::Dev, ""), Vec::<String>::new());
}

#[test]
fn serving_nobody_and_without_a_seal_is_refused() {
    assert_eq!(problems(Setting::Serve, ""), ["development_sign_in", "seal.key"]);
}

#[test]
fn beyond_loopback_it_takes_tls_and_real_sign_in() {
    let open = format!("listen = \"0.0.0.0:80\"\n{WHOLE}");
    assert_eq!(problems(Setting::Serve, &open), ["development_sign_in", "listen"]);
    assert_eq!(problems(Setting::Dev, "listen = \"0.0.0.0:80\""), ["listen"]);
    assert_eq!(problems(Setting::Dev, "listen = \"localhost:80\""), Vec::<String>::new());
}

#[test]
fn what_this_version_lacks_is_refused() {
    let toml = format!(
        "ledger = \"postgres://x/y\"\n{WHOLE}\n[[issuers]]\nname = \"people\"\nkind = \"oidc\"\n\
         url = \"https://login.example.com\"\npeople = true\ndomains = [\"example.com\"]\n"
    );
    assert_eq!(problems(Setting::Serve, &toml), ["ledger", "issuers.kind"]);
    let said = load(Setting::Serve, &toml, &[]).expect_err("refused").to_string();
    assert!(said.contains("no sign-in of people by an identity provider yet"), "{said}");
}

const GITHUB: &str =
    "[[issuers]]\nname = \"github\"\nkind = \"github\"\nurl = \"https://token.actions.githubusercontent.com\"\n";

#[test]
fn issuers_of_machines() {
    let kinds = ["gitlab", "kubernetes", "buildkite", "circleci", "workload"];
    let more = kinds.map(|kind| {
        format!("[[issuers]]\nname = \"{kind}\"\nkind = \"{kind}\"\nurl = \"https://{kind}.example.com/\"\naudience = \"us\"\n")
    });
    let hooks = "[[hooks]]\nprovider = \"github\"\nsecret = \"env:CURFEW_HOOK\"\n";
    let toml = format!("{WHOLE}\n{GITHUB}{}[pipelines]\nheartbeat_window = \"20s\"\n{hooks}", more.concat());
    let config = load(Setting::Serve, &toml, &[("CURFEW_HOOK", "x")]).expect("holds together");
    assert_eq!((config.issuers.len(), config.issuers[0].audience.as_deref()), (6, None));
    assert_eq!(config.issuers[1].url, "https://gitlab.example.com/", "as it is written");
    assert_eq!(config.heartbeat_window.as_secs(), 20);
    assert_eq!((config.hooks[0].issuer.as_str(), config.hooks.len()), ("github", 1));
    let printed = config.to_string();
    for shown in ["kind = \"workload\"", "heartbeat_window = \"20s\"", "env:CURFEW_HOOK", "audience = \"us\""] {
        assert!(printed.contains(shown), "{shown}: {printed}");
    }
    assert_eq!(load(Setting::Serve, WHOLE, &[]).expect("holds together").heartbeat_window.as_secs(), 60);
    let local = GITHUB.replace("https://token.actions.githubusercontent.com", "http://127.0.0.1:8080");
    assert_eq!(problems(Setting::Dev, &local), Vec::<String>::new());
}

#[test]
fn issuers_that_could_be_taken_for_others_are_refused() {
    let other = |from: &str, to: &str| GITHUB.replace(from, to);
    let url = "https://token.actions.githubusercontent.com";
    for (toml, wrong) in [
        (other(url, "http://token.example.com"), "issuers.url"),
        (other(url, "http://127.0.0.1.nip.io"), "issuers.url"),
        (other(url, "ftp://token.example.com"), "issuers.url"),
        (other(url, "https://u:p@token.example.com"), "issuers.url"),
        (other(url, "https://token.example.com?x=1"), "issuers.url"),
        (other(url, "token.example.com"), "issuers.url"),
        (other("kind = \"github\"", "kind = \"gitea\""), "issuers.kind"),
        (other("kind = \"github\"", "kind = \"oidc\""), "issuers.kind"),
        (format!("{GITHUB}people = true\n"), "issuers.kind"),
        (format!("{GITHUB}audience = \"\"\n"), "issuers.audience"),
        (other("name = \"github\"", "name = \"a b\""), "issuers.name"),
        (format!("{GITHUB}{}", other("https://token", "https://other")), "issuers.name"),
        (format!("{GITHUB}{}", other("name = \"github\"", "name = \"again\"")), "issuers"),
        ("[pipelines]\nheartbeat_window = \"4s\"\n".to_owned(), "pipelines.heartbeat_window"),
        ("[pipelines]\nheartbeat_window = \"2h\"\n".to_owned(), "pipelines.heartbeat_window"),
        ("[pipelines]\nheartbeat_window = \"60\"\n".to_owned(), "pipelines.heartbeat_window"),
        ("[[hooks]]\nprovider = \"github\"\nsecret = \"env:X\"\n".to_owned(), "hooks"),
        (format!("{GITHUB}[[hooks]]\nprovider = \"gitea\"\nsecret = \"env:X\"\n"), "hooks.provider"),
        (format!("{GITHUB}[[hooks]]\nprovider = \"github\"\nissuer = \"x\"\nsecret = \"env:X\"\n"), "hooks"),
        (
            format!(
                "{GITHUB}{}[[hooks]]\nprovider = \"github\"\nsecret = \"env:X\"\n",
                other("name = \"github\"", "name = \"own\"").replace("https://token", "https://own")
            ),
            "hooks.issuer",
        ),
    ] {
        assert_eq!(problems(Setting::Serve, &format!("{WHOLE}\n{toml}")), [wrong], "{toml}");
    }
    let named = format!(
        "public_url = \"https://curfew.example.com\"\n{WHOLE}\n{GITHUB}{}audience = \"https://curfew.example.com\"\n",
        other("name = \"github\"", "name = \"again\"")
    );
    assert_eq!(problems(Setting::Serve, &named), ["issuers"], "the default audience is one as well");
    let both = format!("{WHOLE}\n{GITHUB}{}audience = \"other\"\n", other("name = \"github\"", "name = \"again\""));
    assert_eq!(problems(Setting::Serve, &both), Vec::<String>::new());
    let inline = load(
        Setting::Serve,
        &format!("{WHOLE}\n{GITHUB}[[hooks]]\nprovider = \"github\"\nsecret = \"hunter2\"\n"),
        &[],
    );
    assert!(!inline.expect_err("refused").to_string().contains("hunter2"));
}

#[test]
fn unknown_keys_are_errors_with_their_place() {
    for toml in ["typo = 1", "[policy]\npaht = \"x\"", "[tls]\ncert = \"a\"\nkey = \"b\"\nx = 1"] {
        let error = load(Setting::Dev, toml, &[]).expect_err("refused").to_string();
        assert!(error.contains("unknown field") && error.contains("line"), "{error}");
        assert!(error.contains("docs/configuration.md") && !error.contains("issuers"), "{error}");
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let env = [
        ("CURFEW_LISTEN", "127.0.0.1:1"),
        ("CURFEW_POLICY_PATH", "/p"),
        ("CURFEW_DEVELOPMENT_SIGN_IN", "true"),
        ("CURFEW_SECRETS", "{\"file:/a\" = [\"services/db\"]}"),
        ("CURFEW_SEAL_KEY", "env:X"),
    ];
    let config = load(Setting::Serve, "listen = \"127.0.0.1:2\"", &env).expect("holds together");
    assert_eq!(config.listen.port(), 1);
    assert_eq!(config.policy.shown(), "/p");
    assert_eq!(config.secrets["file:/a"][0].as_str(), "services/db");
    let wrong = load(Setting::Serve, WHOLE, &[("CURFEW_DEVELOPMENT_SIGN_IN", "yes")]).expect_err("refused");
    assert!(wrong.to_string().contains("CURFEW_DEVELOPMENT_SIGN_IN"), "{wrong}");
}

#[test]
fn a_variable_that_means_nothing_is_an_error() {
    let toml = format!(
        "{WHOLE}\n[mail]\nsmtp = \"smtp://u@m:25\"\npassword = \"env:CURFEW_SMTP_PASSWORD\"\n[[webhooks]]\n\
         name = \"siem\"\nurl = \"https://h.example.com\"\nsecret = \"env:CURFEW_SIEM_SECRET\"\n\
         [secrets]\n\"env:CURFEW_ORDERS\" = [\"services/db\"]"
    );
    let of = |setting, name: &str| match load(setting, &toml, &[(name, "")]) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Problems(problems)) => problems.into_iter().map(|p| p.key).collect(),
        Err(other) => vec![other.to_string()],
    };
    for known in [
        "CURFEW_LISTEN",
        "CURFEW_POLICY_MAX_AGE",
        "CURFEW_SERVER",
        "CURFEW_TOKEN",
        "CURFEW_ID_TOKEN",
        "CURFEW_STATE",
        "CURFEW_SERVICES_DB_URL",
        "CURFEW_SMTP_PASSWORD",
        "CURFEW_SIEM_SECRET",
        "CURFEW_ORDERS",
        "CURFEW_TEST_SEAL",
        "CURFEWISH",
        "PATH",
    ] {
        assert_eq!(of(Setting::Serve, known), Vec::<String>::new(), "{known}");
    }
    for bogus in ["CURFEW_BOGUS", "CURFEW_LISTN", "CURFEW_POLICY", "CURFEW_URL", "CURFEW_SMTP"] {
        assert_eq!(of(Setting::Serve, bogus), [bogus]);
        assert_eq!(of(Setting::Dev, bogus), Vec::<String>::new(), "{bogus}");
    }
}

#[test]
fn the_seal_key_is_not_beside_what_it_seals() {
    let folder = std::env::temp_dir();
    let toml = format!(
        "ledger = \"sqlite:{0}/ledger.db\"\ndevelopment_sign_in = true\nseal = {{key = \"file:{0}/keys/seal.key\"}}",
        folder.display()
    );
    assert_eq!(problems(Setting::Serve, &toml), ["seal.key"]);
}

#[test]
fn inline_secrets_are_refused_and_references_are_printed() {
    let inline = format!("{WHOLE}\n[mail]\nsmtp = \"smtp://u:hunter2@m:25\"");
    assert_eq!(problems(Setting::Serve, &inline), ["mail.smtp"]);
    let error = load(Setting::Serve, &format!("{WHOLE}\n[mail]\nsmtp = \"smtp://m:25\"\npassword = \"hunter2\""), &[]);
    assert!(error.is_err());
    let toml = format!(
        "{WHOLE}\n[mail]\nsmtp = \"smtp://u@m:25\"\npassword = \"env:CURFEW_SMTP\"\n[[webhooks]]\nname = \"siem\"\n\
         url = \"https://hooks.example.com/T0/hunter2\"\nsecret = \"env:CURFEW_SIEM\"\n[audit]\nwitness = \"/w\"\n\
         [secrets]\n\"file:/a\" = [\"services/db\"]"
    );
    let printed = load(Setting::Serve, &toml, &[]).expect("holds together").to_string();
    assert!(!printed.contains("hunter2"), "{printed}");
    for shown in ["env:CURFEW_SMTP", "env:CURFEW_SIEM", "hooks.example.com/****", "witness = \"/w\"", "services/db"] {
        assert!(printed.contains(shown), "{shown}: {printed}");
    }
}

#[test]
fn a_branch_is_followed_as_it_is_configured() {
    let toml = format!(
        "environment = \"staging\"\n{WHOLE}\n[policy]\ngit = \"https://git.example.com/p.git\"\nbranch = \"live\"\n\
         path = \"policies\"\nallowed_signers = \"/etc/curfew/signers\"\nmax_age = \"24h\"\n\
         password = \"env:CURFEW_GIT\"\n"
    );
    let config = load(Setting::Serve, &toml, &[]).expect("holds together");
    let PolicyOrigin::Git(branch) = &config.policy else { panic!("a branch") };
    assert_eq!((branch.remote.branch(), branch.folder.as_str()), ("live", "policies/"));
    assert_eq!(branch.signers, Some(SignersAt::Here("/etc/curfew/signers".into())));
    assert_eq!(branch.max_age.map(|age| age.as_secs()), Some(86_400));
    let printed = config.to_string();
    for shown in [
        "environment = \"staging\"",
        "git = \"https://git.example.com/p.git\"",
        "env:CURFEW_GIT",
        "path = \"policies\"",
    ] {
        assert!(printed.contains(shown), "{shown}: {printed}");
    }
    let inside = format!("{WHOLE}\n[policy]\ngit = \"/srv/p.git\"\nallowed_signers = \".curfew/signers\"\n");
    let PolicyOrigin::Git(branch) = load(Setting::Serve, &inside, &[]).expect("holds together").policy else {
        panic!("a branch")
    };
    assert_eq!((branch.remote.branch(), branch.folder.as_str()), ("main", ""));
    assert_eq!(branch.signers, Some(SignersAt::InRepository(".curfew/signers".into())));
}

#[test]
fn pipelines_that_deploy_are_named_as_policy_names_them() {
    let deployers = |list: &str| format!("{WHOLE}\n[policy]\ngit = \"/srv/p.git\"\ndeployers = [{list}]\n{GITHUB}");
    let main = "{github = {repository_id = \"777\", ref = \"refs/heads/main\"}}";
    let config = load(Setting::Serve, &deployers(main), &[]).expect("holds together");
    let shown: Vec<String> = config.deployers.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["workload:github?ref=refs/heads/main&repository_id=777"]);
    let printed: toml::Table = config.to_string().parse().expect("TOML");
    let again = load(Setting::Serve, &deployers(&printed["policy"]["deployers"][0].to_string()), &[]);
    assert_eq!(again.expect("holds together").deployers, config.deployers, "{config}");
    let by_variable = [("CURFEW_POLICY_DEPLOYERS", format!("[{main}]"))];
    let by_variable: Vec<_> = by_variable.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let config = load(Setting::Serve, &deployers(""), &by_variable).expect("holds together");
    assert_eq!(config.deployers.len(), 1);
    for (wrong, why) in [
        ("{github = {repository_id = 777, ref = \"refs/heads/main\"}}", "\"777\""),
        ("{github = {repository = \"acme/policy\", ref = \"refs/heads/main\"}}", "taken over"),
        ("{github = {repository_id = \"777\"}}", "ref or environment"),
        ("{github = {repository_id = \"777\", ref = \"refs/heads/main\", issuer = \"ghes\"}}", "is called `ghes`"),
        ("{gitlab = {project_id = \"22\", ref = \"main\"}}", "no `[[issuers]]` of kind `gitlab`"),
        ("{}", "exactly one of"),
    ] {
        let said = load(Setting::Serve, &deployers(wrong), &[]).expect_err(wrong).to_string();
        assert!(said.starts_with("policy.deployers: ") && said.contains(why), "{wrong}: {said}");
    }
}

#[test]
fn what_cannot_be_followed_names_its_key() {
    for (keys, wrong) in [
        ("git = \"http://git.example.com/x\"", vec!["policy.git"]),
        ("git = \"https://u:hunter2@git.example.com/x\"", vec!["policy.git"]),
        ("git = \"/x\"\nbranch = \"a..b\"\nmax_age = \"soon\"", vec!["policy.branch", "policy.max_age"]),
        ("git = \"/x\"\npath = \"../up\"", vec!["policy.path"]),
        ("git = \"/x\"\npath = \"/up\"", vec!["policy.path"]),
        ("git = \"/x\"\nallowed_signers = \"../up\"", vec!["policy.allowed_signers"]),
        ("git = \"git@h:x\"\npassword = \"env:X\"", vec!["policy.password"]),
        ("branch = \"main\"\nmax_age = \"1h\"", vec!["policy.branch", "policy.max_age"]),
    ] {
        assert_eq!(problems(Setting::Serve, &format!("{WHOLE}\n[policy]\n{keys}\n")), wrong, "{keys}");
    }
    assert_eq!(problems(Setting::Dev, "[policy]\ngit = \"/x\""), ["policy.git"]);
    assert_eq!(problems(Setting::Serve, &format!("environment = \"a/b\"\n{WHOLE}")), ["environment"]);
}
