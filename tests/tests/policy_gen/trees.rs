//! Root works on no tree that a user wrote; the user can work on it.

use polkit_tests::policy_gen::{GRANT, POLICY, bed, policy_gen as run};
use polkit_tests::{Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_record_of_a_user_makes_root_write_no_set_user_id_program
}

/// A tree of alice's with a record that puts a program back at bin/sh-of-root: mode 04755, root's.
const TREE: &str = r##"
mkdir -p /tmp/img/bin /tmp/img/etc/polkit-1/rules.d /tmp/img/var/lib/polkit-policy-gen
cd /tmp/img
printf 'ours\n' > bin/sh-of-root
sum=$(printf 'ours\n' | sha256sum | cut -d ' ' -f 1)
cat > var/lib/polkit-policy-gen/state.json <<END
{"pending": false, "directories": [], "members": [], "files": [{"path": "bin/sh-of-root", "sha256": "$sum", "text": "ours\n",
 "before": {"text": "#!/bin/sh\n", "mode": 2541, "uid": 0, "gid": 0}}]}
END
"##;

fn a_record_of_a_user_makes_root_write_no_set_user_id_program(root: &Root) {
    let bed = bed(root);
    let _ = bed.exec_as("alice", ["sh", "-c", TREE]).success();
    bed.write(POLICY, 0o600, GRANT);
    let set_user_id = || bed.exec(["find", "/tmp/img", "-perm", "/7000"]).success().text().to_owned();
    let commands: [&[&str]; 4] = [
        &["remove", "--root", "/tmp/img"],
        &["install", POLICY, "--root", "/tmp/img", "--target", "debian:13"],
        &["diff", POLICY, "--root", "/tmp/img", "--target", "debian:13"],
        &["check", "--root", "/tmp/img"],
    ];
    for command in commands {
        let refused = run(&bed, command);
        assert_eq!(refused.code(), Some(1), "{command:?}: {refused}");
        assert!(
            refused.stderr.contains("/tmp/img is writable by users other than root (owner 3001"),
            "{command:?}: {refused}"
        );
    }
    assert_eq!((set_user_id(), bed.read("/tmp/img/bin/sh-of-root")), (String::new(), "ours\n".to_owned()));
    // Alice gets no further: the record is none that the program writes.
    let refused = bed.exec_as("alice", ["polkit-policy-gen", "remove", "--root", "/tmp/img"]).failure();
    assert!(refused.stderr.contains("is never written"), "{refused}");
    // Nor does root where the tree was given to root as it is.
    let _ = bed.exec(["chown", "-R", "root:root", "/tmp/img"]).success();
    let refused = run(&bed, &["remove", "--root", "/tmp/img"]);
    assert!(refused.code() == Some(1) && refused.stderr.contains("is never written"), "{refused}");
    assert_eq!((set_user_id(), bed.read("/tmp/img/bin/sh-of-root")), (String::new(), "ours\n".to_owned()));
}
