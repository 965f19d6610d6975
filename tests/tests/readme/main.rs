//! README is true: its commands, in its order, end with the page and the record that it shows.

mod manuals;
mod wrong_steps;

use polkit_tests::{Root, Suite, product, require};

const README: &str = include_str!("../../../README.md");

/// The commands of "Install on a host" after `make install`.
const INSTALLATION: [&str; 4] = [
    "systemd-sysusers",
    "systemctl daemon-reload",
    "systemctl reload dbus",
    "polkit-policy-gen doctor --unit apache2.service --fix hook-rule --yes",
];

/// The files that the fix writes.
const WRITTEN: [&str; 2] = [
    "/etc/polkit-policy-gen/policy.d/50-doctor-hook-libvirt-unix-manage.toml",
    "/etc/polkit-service-agent/agent.d/50-doctor-apache2.toml",
];

fn the_commands_of_the_readme_end_with_the_page_and_its_record(root: &Root) {
    let bed = product::full(root).file(product::PAGE_FILE, 0o644, product::PAGE).start();
    let page = || bed.exec(["curl", product::PAGE_URL]).success().stdout;
    let error = "no polkit agent available to authenticate action 'org.libvirt.unix.manage'";
    assert!(README.contains(error) && page().contains(error));
    let diagnosis = "polkit-policy-gen doctor --unit apache2.service";
    assert!(README.contains(&format!("# {diagnosis}\n")));
    let found = bed.exec(["sh", "-c", diagnosis]);
    assert!(found.stdout.contains("hook-rule"), "{found}");
    for command in INSTALLATION {
        assert!(README.contains(&format!("sudo {command}")), "{command}");
        let _ = bed.exec(["sh", "-c", command]).success();
    }
    assert_eq!(page().trim_end(), "domain: test");
    let _ = bed.exec(["journalctl", "--sync"]).success();
    let decisions = bed.exec(["polkit-service-agent", "decisions"]).success().stdout;
    for shown in ["allow   org.libvirt.unix.manage www-data apache2.service pid ", "(rule \"doctor-apache2\"; sent)"] {
        assert!(README.contains(shown) && decisions.contains(shown), "{decisions}");
    }
    for path in WRITTEN {
        let (_, block) = README.split_once(&format!("# {path}")).expect("README shows the file");
        let block: Vec<&str> = block.lines().skip(1).map(str::trim).collect();
        let file = bed.read(path);
        assert!(block.iter().zip(file.lines()).all(|(shown, line)| *shown == line), "{path}: {file}");
    }
    for command in ["polkit-service-agent check", "polkit-service-agent status", "polkit-policy-gen install"] {
        assert!(README.contains(&format!("`{command}`")), "{command}");
        let _ = bed.exec(["sh", "-c", command]).success();
    }
}

#[test]
fn the_commands_of_the_readme_end_with_the_page_and_its_record_in_trixie() {
    if let Some(root) = require(Suite::Trixie) {
        the_commands_of_the_readme_end_with_the_page_and_its_record(&root);
    }
}

#[test]
fn the_commands_of_the_readme_end_with_the_page_and_its_record_in_bookworm() {
    if let Some(root) = require(Suite::Bookworm) {
        the_commands_of_the_readme_end_with_the_page_and_its_record(&root);
    }
}
