//! What a trace costs a check, against a bed without one. polkitd does the same work in both; the bus copies the messages.

use polkit_tests::{Root, program};

use crate::grants::{Asked, OTHER, plain};
use crate::table::{Goal, Table};

pub fn of_a_check(root: &Root, table: &mut Table) {
    let program = std::fs::read(program("polkit-policy-gen")).expect("polkit-policy-gen");
    let none = Asked::of(plain(root));
    let ours = Asked::of(plain(root).file("/usr/bin/polkit-policy-gen", 0o755, program));
    let mut trace = ours.bed().spawn_as("root", ["sh", "-c", "exec polkit-policy-gen trace --for 1h 2>&1"]);
    assert!(trace.line().starts_with("watching"));
    let way = format!("light bed, {}", root.suite());
    let pair = ours.against(&none, OTHER, 40, 300);
    table.compare("a check while a trace runs, against none", &way, "µs", pair, Goal::AtMost(1.05, "≤ 1.05 ×"));
}
