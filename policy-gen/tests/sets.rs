//! The command `sets`, and the sets of a package's file.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

#[expect(dead_code, reason = "each test program uses a part")]
mod program;

use program::{err, out, policy, run, tree};
use serde_json::Value;

#[test]
fn sets_are_listed_in_80_columns_and_explained() {
    let listed = out(&run(&["sets"]));
    for line in listed.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.is_sorted() && names.len() > 20, "{names:?}");
    for expected in [
        "reboot",
        "power-off",
        "suspend",
        "mount-removable",
        "mount-disk",
        "wifi",
        "network",
        "restart-unit",
        "smart-card",
        "update-metadata",
        "install-packages",
        "set-time",
        "set-hostname",
        "flatpak",
        "vm-manage",
        "color-silence",
    ] {
        assert!(names.contains(&expected), "{expected}");
    }
    let shown = out(&run(&["sets", "vm-manage"]));
    assert!(shown.contains("  root-equivalent: a domain") && shown.contains("  org.libvirt.unix.manage\n"), "{shown}");
    let shown = out(&run(&["sets", "restart-unit"]));
    assert!(shown.contains("  units: the units") && shown.contains("(default: restart, try-restart,"), "{shown}");
    let unknown = run(&["sets", "rebot"]);
    assert_eq!(
        (unknown.status.code(), err(&unknown).trim()),
        (Some(1), "there is no set `rebot`: did you mean reboot?")
    );
}

/// Each example that `sets NAME` shows is a policy without errors, once its values are filled in.
#[test]
fn the_example_of_each_set_is_a_policy() {
    let json: Value = serde_json::from_str(&out(&run(&["sets", "--json"]))).unwrap();
    for set in json["sets"].as_array().unwrap() {
        let name = set["name"].as_str().unwrap();
        let shown = out(&run(&["sets", name]));
        let (_, example) = shown.split_once("In a policy file\n").unwrap();
        let mut text: String = example.lines().map(|line| format!("{}\n", line.trim())).collect();
        text = text.replace("units = [\"…\"]", "units = [\"a.service\"]").replace('…', "x");
        for option in set["options"].as_array().unwrap() {
            text.push_str(&format!("{} = true\n", option["key"].as_str().unwrap()));
        }
        let (_folder, path) = policy(&text);
        let generated = run(&["generate", "--target", "debian:13", &path]);
        assert!(generated.status.success(), "{name}: {text}\n{}", err(&generated));
        let rules = out(&generated);
        for action in set["actions"].as_array().unwrap() {
            assert!(rules.contains(action.as_str().unwrap()), "{name}: {rules}");
        }
        let notes = err(&generated);
        let is_marked = notes.contains(&format!("`{name}` is root-equivalent"));
        assert_eq!(is_marked, set["root_equivalent"].is_string(), "{name}: {notes}");
    }
}

#[test]
fn a_package_adds_a_set_and_cannot_replace_one() {
    let tree = tree();
    let root = tree.path().to_str().unwrap();
    let folder = tree.path().join("usr/share/polkit-policy-gen/mechanisms.d");
    std::fs::create_dir_all(&folder).unwrap();
    let file = |set: &str| {
        format!(
            "name = 'exampled'\npackages = ['exampled']\nactions = ['org.example.*']\nsubject = 'bus-name'\ninteraction = 'never'\n\
             [[action]]\nids = ['org.example.*']\ndetails = {{ job = 'the job' }}\n\
             [[set]]\nname = '{set}'\nsummary = 'run jobs'\nactions = ['org.example.run']\n\
             [[set.parameter]]\nkey = 'jobs'\ndetail = 'job'\nmeaning = 'the jobs'\n"
        )
    };
    let path = folder.join("exampled.toml");
    std::fs::write(&path, file("run-job")).unwrap();
    let shown = run(&["sets", "run-job", "--root", root]);
    assert!(out(&shown).contains("jobs: the jobs"), "{shown:?}");
    let (_folder, policy) = policy("[[allow]]\nwhat = 'run-job'\njobs = ['a', 'b']\nusers = 'bob'\n");
    let diff = run(&["diff", &policy, "--root", root]);
    assert!(out(&diff).contains("[\"a\", \"b\"].indexOf(action.lookup(\"job\"))"), "{diff:?}");
    std::fs::write(&path, file("reboot")).unwrap();
    let shown = run(&["sets", "--root", root]);
    assert!(
        err(&shown).contains("exampled.toml:1:8") && err(&shown).contains("there is already a set `reboot`"),
        "{shown:?}"
    );
    for (from, to, place) in [
        ("'org.example.run'", "'org.example.*'", "exampled.toml:12:12"),
        ("'org.example.run'", "'org.other.run'", "exampled.toml:12:12"),
        ("detail = 'job'", "detail = 'jab'", "exampled.toml:9:1"),
        ("key = 'jobs'", "key = 'users'", "exampled.toml:14:7"),
        ("name = 'run-job'", "name = 'Run'", "exampled.toml:10:8"),
    ] {
        std::fs::write(&path, file("run-job").replace(from, to)).unwrap();
        let shown = run(&["sets", "--root", root]);
        assert!(err(&shown).contains(place), "{to}: {}", err(&shown));
    }
}

#[test]
fn a_parameter_that_the_installed_mechanism_does_not_support_is_an_error() {
    let tree = tree();
    let root = tree.path().to_str().unwrap();
    let (_folder, path) = policy("[[allow]]\nwhat = 'machine-shell'\nmachine = 'web'\nusers = 'bob'\n");
    let status = |version: &str| {
        let text = format!(
            "Package: polkitd\nStatus: install ok installed\nVersion: 126-2\n\n\
             Package: systemd-container\nStatus: install ok installed\nVersion: {version}\n"
        );
        std::fs::write(tree.path().join("var/lib/dpkg/status"), text).unwrap();
        run(&["diff", &path, "--root", root])
    };
    let old = status("246.6-1");
    assert_eq!(old.status.code(), Some(1), "{old:?}");
    assert!(err(&old).contains("passes `machine` from systemd 247 on; the installed version is 246.6-1"), "{old:?}");
    assert_eq!(status("252.39-1").status.code(), Some(4));
}
