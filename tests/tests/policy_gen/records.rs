//! The record of what is installed: one program at a time writes it, and a damaged one is not believed.

use polkit_tests::policy_gen::{ALL, GRANT, POLICY, bed, difference, install, policy_gen as run, state};
use polkit_tests::{Suite, require};

const DIRECTORY: &str = "/var/lib/polkit-policy-gen";
const RECORD: &str = "/var/lib/polkit-policy-gen/state.json";

#[test]
fn while_one_is_at_work_another_one_changes_nothing() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    let _ = install(&bed, GRANT, &[]).success();
    let before = state(&bed);
    let mut other = bed.spawn_as("root", ["flock", DIRECTORY, "sh", "-c", "echo locked; exec sleep 1000"]);
    assert_eq!(other.line(), "locked", "{}", other.stderr());
    bed.write(POLICY, 0o600, ALL);
    for arguments in [&["install", POLICY][..], &["remove"]] {
        let refused = run(&bed, arguments);
        assert_eq!(refused.code(), Some(1), "{refused}");
        assert!(refused.stderr.contains("another polkit-policy-gen is running"), "{refused}");
        assert_eq!(difference(&before, &state(&bed)), [""; 0], "{arguments:?}");
    }
    // flock(1) and the shell below it hold the lock.
    other.kill();
    let _ = bed.exec(["sh", "-c", "pkill -KILL sleep; :"]).success();
    let _ = run(&bed, &["install", POLICY]).success();
}

/// A record that cannot be parsed, or that names what the program never writes, is refused as a whole: nothing is installed or
/// removed by it.
#[test]
fn a_damaged_record_is_refused() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    let _ = install(&bed, ALL, &[]).success();
    let record = bed.read(RECORD);
    let before = state(&bed);
    let changed = |from: &str, to: &str| {
        assert!(record.contains(from), "{from} in {record}");
        record.replacen(from, to, 1)
    };
    let damages = [
        ("no object", changed("{", "x")),
        ("another folder", changed("polkit-1/rules.d/", "polkit-1/rules.x/")),
        ("another file", changed("45-polkit-policy-gen", "46-polkit-policy-gen")),
        ("half of it", record[..record.len() / 2].to_owned()),
    ];
    for (what, damaged) in damages {
        bed.write(RECORD, 0o600, damaged);
        for arguments in [&["install", POLICY][..], &["remove"]] {
            let refused = run(&bed, arguments);
            assert_eq!(refused.code(), Some(1), "{what}: {refused}");
            assert!(refused.stderr.contains("is damaged"), "{what}: {refused}");
            assert_eq!(difference(&before, &state(&bed)), [""; 0], "{what}: {arguments:?}");
        }
    }
    bed.write(RECORD, 0o600, &record);
    let _ = run(&bed, &["remove"]).success();
}
