//! The command `recipe`: what it prints passes `check` and `generate` for each target that it can apply to.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

#[expect(dead_code, reason = "each test program uses a part")]
mod program;

use std::io::Write as _;
use std::process::Stdio;

use polkit_policy_gen::recipe::all;
use polkit_policy_gen::target::Version;
use program::{command, err, out, run};

/// The targets of the four suites, with their versions.
const TARGETS: [(&str, u32); 4] = [("debian:11", 105), ("debian:12", 122), ("debian:13", 126), ("polkit:128", 128)];

/// Runs a command with a policy on standard input.
fn with_input(arguments: &[&str], input: &str) -> std::process::Output {
    let mut child =
        command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn each_recipe_passes_check_and_generate_for_its_targets() {
    let mut passed = 0;
    for recipe in all() {
        let printed = run(&["recipe", &recipe.name]);
        assert!(printed.status.success(), "{}: {}", recipe.name, err(&printed));
        let policy = out(&printed);
        for (target, version) in TARGETS {
            let generated = with_input(&["generate", "-", "--target", target], &policy);
            if Version(version) < recipe.since {
                assert!(!generated.status.success(), "{} is said not to work with {target}", recipe.name);
                continue;
            }
            assert!(generated.status.success(), "{} {target}: {policy}\n{}", recipe.name, err(&generated));
            let checked = with_input(&["check", "-", "--kind", "policy", "--target", target], &policy);
            assert!(checked.status.success(), "{} {target}: {}", recipe.name, out(&checked));
            // The generated rules have no mistake either.
            if version > 105 && recipe.name != "exporter" && recipe.name != "ci-runner" {
                let rules = with_input(&["check", "-", "--kind", "rules", "--target", target], &out(&generated));
                assert!(rules.status.success(), "{} {target}: {}", recipe.name, out(&rules));
            }
            passed += 1;
        }
    }
    assert!(passed >= 33, "{passed}");
}

#[test]
fn the_table_of_recipes_names_their_keys_in_80_columns() {
    let table = out(&run(&["recipe"]));
    for recipe in all() {
        assert!(table.lines().any(|line| line.starts_with(&format!("{} ", recipe.name))), "{table}");
    }
    assert!(table.contains("    keys: user, units, unit\n"), "{table}");
    for line in table.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn what_is_not_known_is_refused_with_a_suggestion() {
    for (arguments, code, why) in [
        (&["recipe", "kiosc"][..], 2, "there is no recipe `kiosc`: did you mean `kiosk`?"),
        (&["recipe", "kiosk", "usr=x"], 2, "the recipe `kiosk` has no key `usr`: did you mean `user`?"),
        (&["recipe", "kiosk", "user"], 2, "`user` is not KEY=VALUE"),
        (&["recipe", "kiosk", "--agent"], 2, "the recipe `kiosk` needs no polkit-service-agent"),
        (&["recipe", "dashboard", "units=nginx"], 1, "`nginx` is neither a unit name nor a unit pattern"),
        (&["recipe", "dashboard", "user=a:b"], 1, "invalid user name `a:b`"),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(code), "{arguments:?} {}", err(&refused));
        assert!(err(&refused).contains(why) && out(&refused).is_empty(), "{arguments:?} {}", err(&refused));
    }
}
