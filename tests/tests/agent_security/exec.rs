//! `exec`: which process is registered, where a set-user-ID program asks.

use polkit_tests::agent::by_hand::{Agent, POOL, light};
use polkit_tests::{Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_setuid_program_is_not_registered_by_exec
}

/// The bus and the socket see the effective user, polkit and /proc the real one: they must be the same.
fn a_setuid_program_is_not_registered_by_exec(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, &format!("{POOL}[[serve]]\nexec = [\"www-data\"]\n"));
    let exec = |user: &str, program: &str| bed.exec_as(user, [program, "exec", "--", "true"]);
    let _ = exec("www-data", "polkit-service-agent").success();
    for owner in ["www-data", "games"] {
        let program = format!("/usr/local/bin/agent-of-{owner}");
        let script = "install -o \"$2\" -m 4755 \"$(command -v polkit-service-agent)\" \"$1\"";
        let _ = bed.exec(["sh", "-ec", script, "sh", &program, owner]).success();
    }
    // Real user games with the effective user of the entry, and the other way round.
    for (user, owner) in [("games", "www-data"), ("www-data", "games")] {
        let refused = exec(user, &format!("/usr/local/bin/agent-of-{owner}"));
        assert_eq!(refused.code(), Some(125), "{user}: {refused}\n{}", agent.said());
    }
    // The program of one's own is no such program.
    let _ = exec("www-data", "/usr/local/bin/agent-of-www-data").success();
}
