//! What the tests of rules that ask an operator share.

use crate::{Bed, LightBed, Output, Process, Root};
use serde_json::Value;

use super::by_hand::{Agent, POOL, POOL_CGROUP, light, process_in, until_served};

/// A configuration whose one rule asks, with further keys.
pub fn asking(keys: &str) -> String {
    format!("{}{keys}\n", POOL.replace("\"allow\"", "\"ask\""))
}

/// A bed with the group of approvers. Its members are `games`, and `www-data`, the user of the requests.
pub fn bed(root: &Root) -> LightBed {
    let bed = light(root);
    let _ = bed.exec(["groupadd", "--system", "polkit-approvers"]).success();
    for user in ["games", "www-data"] {
        let _ = bed.exec(["usermod", "-a", "-G", "polkit-approvers", user]).success();
    }
    // The bus looks a group up when it reads its policy.
    let bus =
        ["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig"];
    let _ = bed.exec(bus).success();
    bed
}

/// Runs the agent's program as a user.
pub fn run(bed: &Bed, user: &str, arguments: &[&str]) -> Output {
    bed.exec_as(user, ["polkit-service-agent"].iter().chain(arguments))
}

/// The pending requests.
pub fn pending(bed: &Bed) -> Vec<Value> {
    let output = run(bed, "root", &["pending", "--json"]).success();
    serde_json::from_str(output.text()).expect("a list")
}

/// The id of the one pending request.
pub fn the_one(bed: &Bed) -> String {
    let pending = pending(bed);
    assert_eq!(pending.len(), 1, "{pending:?}");
    pending[0]["id"].as_str().expect("an id").to_owned()
}

/// A process that is served by an agent with that configuration.
pub fn served(bed: &LightBed, config: &str) -> (Agent, Process) {
    let process = process_in(bed, "www-data", POOL_CGROUP);
    let agent = Agent::start(bed, config);
    until_served(bed, process.pid());
    (agent, process)
}
