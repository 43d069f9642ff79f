//! Two folders, and two revisions of one.

use crate::exit::Exit;
use crate::program::tests::run_in;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const BASE: &str = "idp_groups: [sre, contractors]\nroles:\n  - name: debug\n    requesters: [group:sre]\n    deny: [group:contractors]\n    duration: 2h\n    conditions: [{resource: services/db, actions: [read]}]\n    approvers: [ann@example.com]\n";

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    std::fs::write(path, text).expect("written");
}

fn json(folder: &Path, args: &[&str]) -> (Exit, Value) {
    let (exit, out, err) = run_in(folder, &[&["--json", "policy", "diff"], args].concat());
    (exit, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out} {err}")))
}

#[test]
fn two_folders_are_compared_by_what_access_becomes() {
    let base = tempfile::tempdir().expect("a folder");
    let folder = base.path();
    write(folder, "a/p.yaml", BASE);
    write(folder, "b/p.yaml", &format!("# moved\n{}", BASE.replace("duration: 2h", "duration: 120m")));
    write(folder, "c/p.yaml", &BASE.replace("duration: 2h", "duration: 3h"));
    let (exit, same) = json(folder, &["a", "b", "--fail-on-widening"]);
    assert_eq!(
        (exit, &same["widened"], same["changes"].as_array().map(Vec::len)),
        (Exit::Done, &false.into(), Some(0))
    );
    let (exit, wider) = json(folder, &["a", "c"]);
    assert_eq!((exit, &wider["widened"], &wider["live_grants"]), (Exit::Done, &true.into(), &Value::Array(vec![])));
    let change = &wider["changes"][0];
    assert_eq!(
        (&change["kind"], &change["direction"], &change["role"]),
        (&"duration".into(), &"wider".into(), &"debug".into())
    );
    assert_eq!(json(folder, &["a", "c", "--fail-on-widening"]).0, Exit::No);
    assert_eq!(json(folder, &["c", "a", "--fail-on-widening"]).0, Exit::Done);
    let (exit, out, _) = run_in(folder, &["policy", "diff", "a", "c"]);
    assert_eq!(exit, Exit::Done);
    assert!(out.contains("wider        duration debug: at most 2h -> at most 3h"), "{out}");
    let (_, out, _) = run_in(folder, &["policy", "diff", "a", "c", "--format", "markdown"]);
    assert!(out.contains("**This change widens access.**"), "{out}");
    assert!(out.contains("| wider | duration | `debug` |"), "{out}");
}

#[test]
fn two_revisions_are_compared_without_a_checkout() {
    let base = tempfile::tempdir().expect("a folder");
    let folder = base.path();
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(folder).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
        let done = command.args(["-c", "commit.gpgsign=false"]).args(args).output().expect("git runs");
        assert!(done.status.success(), "{args:?}");
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "nothing"]);
    write(folder, "policies/p.yaml", BASE);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "one"]);
    write(folder, "policies/p.yaml", &BASE.replace("    deny: [group:contractors]\n", ""));
    git(&["commit", "--quiet", "--all", "--message", "two"]);
    write(folder, "policies/p.yaml", "not committed, and no policy");
    for args in [vec!["HEAD~1..HEAD", "policies"], vec!["HEAD~1...", "policies"]] {
        let (exit, diff) = json(folder, &args);
        assert_eq!((exit, &diff["widened"]), (Exit::Done, &true.into()), "{diff}");
        let change = &diff["changes"][0];
        assert_eq!((&change["kind"], &change["subject"]), (&"can_ask".into(), &"group:sre".into()), "{diff}");
    }
    let (exit, diff) = json(&folder.join("policies"), &["main~1..main"]);
    assert_eq!((exit, &diff["widened"]), (Exit::Done, &true.into()));
    // A folder that was not there gave nobody anything.
    let (exit, diff) = json(folder, &["HEAD~2..HEAD~1", "policies"]);
    assert_eq!((exit, &diff["widened"], &diff["changes"][0]["kind"]), (Exit::Done, &true.into(), &"can_ask".into()));
    let (exit, error) = json(folder, &["nowhere..HEAD", "policies"]);
    assert_eq!((exit, &error["error"]["code"]), (Exit::NotFound, &"not_found".into()));
}

#[test]
fn what_was_meant_is_guessed_from_what_is_there() {
    let base = tempfile::tempdir().expect("a folder");
    let folder = base.path();
    write(folder, "a/p.yaml", BASE);
    for (args, parts) in [
        (vec!["HEAD~1", "HEAD"], ["HEAD~1", "two revisions are written HEAD~1..HEAD [DIR]"]),
        (vec!["HEAD~1", "a"], ["HEAD~1", "a revision is written HEAD~1..HEAD a"]),
        (vec!["a", "gone"], ["gone", "name two folders"]),
        (vec!["main..HEAD", "gone"], ["`gone` is not there", "name the folder that holds the policies"]),
        (vec!["main..HEAD", "a/p.yaml"], ["`a/p.yaml` is a file", "name the folder that holds the policies"]),
        (vec!["--env", "x", "--env", "y", "--env", "z", "a"], ["at most twice", "--env A --env B DIR"]),
    ] {
        let (exit, _, err) = run_in(folder, &[&["policy", "diff"], args.as_slice()].concat());
        assert_eq!(exit, Exit::WrongUse, "{args:?}: {err}");
        assert!(parts.iter().all(|part| err.contains(part)) && !err.contains("install git"), "{args:?}: {err}");
    }
}

#[test]
fn what_cannot_be_compared_says_how_to() {
    let base = tempfile::tempdir().expect("a folder");
    write(base.path(), "a/p.yaml", BASE);
    write(base.path(), "bad/p.yaml", "roles: [");
    for args in
        [vec![], vec!["a"], vec!["a", "nowhere"], vec!["a", "bad"], vec!["a..b"], vec!["a", "--env", "x", "--env", "y"]]
    {
        let (exit, out, err) = run_in(base.path(), &[&["policy", "diff"], args.as_slice()].concat());
        assert_eq!(exit, Exit::WrongUse, "{args:?}: {out} {err}");
        assert!(err.starts_with("error: "), "{args:?}: {err}");
    }
}

#[test]
fn an_overlay_that_goes_is_wider_where_it_was() {
    let base = tempfile::tempdir().expect("a folder");
    let folder = base.path();
    for side in ["a", "b", "c"] {
        write(folder, &format!("{side}/p.yaml"), BASE);
    }
    write(folder, "a/environments/production.yaml", "roles: [{name: debug, duration: 1h}]\n");
    write(folder, "c/environments/production.yaml", "roles: [{name: debug, duration: 30m}]\n");
    let (exit, gone) = json(folder, &["a", "b", "--fail-on-widening"]);
    assert_eq!((exit, &gone["widened"]), (Exit::No, &true.into()), "{gone}");
    let change = &gone["changes"][0];
    assert_eq!(
        (&change["kind"], &change["direction"], &change["environment"], &change["after"]),
        (&"duration".into(), &"wider".into(), &"production".into(), &"at most 2h".into())
    );
    let (exit, tighter) = json(folder, &["a", "c", "--fail-on-widening"]);
    assert_eq!((exit, &tighter["changes"][0]["direction"]), (Exit::Done, &"narrower".into()), "{tighter}");
    assert_eq!(json(folder, &["b", "a", "--fail-on-widening"]).0, Exit::Done, "a new overlay only narrows");
    // What stands in all of them is said once, and without a name.
    write(folder, "c/p.yaml", &BASE.replace("[group:sre]", "[group:sre, new@example.com]"));
    let (_, both) = json(folder, &["a", "c"]);
    let asks: Vec<_> = both["changes"].as_array().expect("a list").iter().filter(|c| c["kind"] == "can_ask").collect();
    assert_eq!((asks.len(), &asks[0]["environment"]), (1, &Value::Null), "{both}");
    let (_, out, _) = run_in(folder, &["policy", "diff", "a", "b"]);
    assert!(out.contains("duration debug in production: at most 1h -> at most 2h"), "{out}");
    let (_, out, _) = run_in(folder, &["policy", "diff", "a", "b", "--format", "markdown"]);
    assert!(out.contains("| wider | duration in `production` | `debug` |"), "{out}");
}
