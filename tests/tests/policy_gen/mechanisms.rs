//! A daemon's package describes its daemon to policy-gen, on a host.

use polkit_tests::policy_gen::{RUN, bed, policy_gen as run};
use polkit_tests::{Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_package_describes_its_daemon
}

const FILE: &str = "/usr/share/polkit-policy-gen/mechanisms.d/exampled.toml";

/// An entry for the action of the bed.
fn entry() -> String {
    format!(
        "name = 'exampled'\npackages = ['exampled']\nactions = ['{RUN}']\nsubject = 'bus-name'\ninteraction = 'never'\n\
         [[action]]\nids = ['{RUN}']\ndetails = {{ job = 'the name of the job' }}\n\
         [[text]]\npattern = '''exampled: job (?<job>\\w+) is not for you'''\nerror = 'refused'\naction = '{RUN}'\n"
    )
}

fn a_package_describes_its_daemon(root: &Root) {
    let bed = bed(root);
    let text = "exampled: job night is not for you";
    let unknown = run(&bed, &["doctor", "--user", "bob", "--error", text]);
    assert!(unknown.all().contains("text-not-recognized"), "{unknown}");

    bed.write(FILE, 0o644, entry());
    let shown = run(&bed, &["actions", RUN]).success();
    assert!(shown.stdout.contains("exampled never lets polkit ask an agent"), "{shown}");
    assert!(shown.stdout.contains("detail job: the name of the job"), "{shown}");
    let found = run(&bed, &["doctor", "--user", "bob", "--error", text]);
    assert!(found.all().contains("details of the request: job=night"), "{found}");
    assert_eq!(run(&bed, &["check"]).code(), Some(0));
    // An ordinary user gets the same.
    let shown = bed.exec_as("alice", ["polkit-policy-gen", "actions", RUN]).success();
    assert!(shown.stdout.contains("detail job"), "{shown}");

    // A file that another user can write, and a file with errors: the doctor says so, and uses the rest of the table.
    for (mode, content, why) in [
        (0o666, entry(), "exampled.toml is writable by users other than root"),
        (0o644, entry().replace("'never'", "'sometimes'"), "exampled.toml:5:15"),
    ] {
        bed.write(FILE, mode, content);
        let found = run(&bed, &["doctor", "--user", "bob", "--error", text]);
        assert!(found.stderr.contains(why) && found.stdout.contains("text-not-recognized"), "{found}");
        let found = run(&bed, &["doctor", "--user", "bob", "--error", "Call to Reboot failed: Access denied"]);
        assert!(found.stdout.contains("systemd-logind lets polkit ask an agent only if"), "{found}");
        let found = run(&bed, &["check"]);
        assert!(found.code() == Some(1) && found.stdout.contains("PG052") && found.stdout.contains(why), "{found}");
    }
}
