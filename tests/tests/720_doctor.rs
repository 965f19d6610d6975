//! The doctor names the cause, in beds that are broken in one way, and nothing in those that are not.

#[path = "doctor/mod.rs"]
mod doctor;

use doctor::{MANAGE, healthy, look, look_as};
use polkit_tests::{LightBed, Root, on_each_suite};

on_each_suite! {
    a_healthy_bed_gives_no_finding
}

fn plain(builder: polkit_tests::light::LightBuilder) -> polkit_tests::light::LightBuilder {
    builder.with_pkla()
}

fn nothing(bed: &LightBed, user: &str, arguments: &[&str]) {
    let found = look_as(bed, user, arguments);
    assert_eq!((found.exit, found.codes().len()), (0, 0), "{user} {arguments:?}: {:#}", found.json);
}

fn a_healthy_bed_gives_no_finding(root: &Root) {
    let bed = healthy(root, plain);
    nothing(&bed, "root", &[]);
    nothing(&bed, "root", &["--user", "carol"]);
    nothing(&bed, "root", &["--user", "alice", "--action", "org.libvirt.unix.monitor"]);
    nothing(&bed, "carol", &[]);
    nothing(&bed, "carol", &["--action", MANAGE]);
    let refused = look(&bed, &["--user", "alice"]);
    assert_eq!((refused.exit, refused.codes()), (1, vec!["not-in-group"]), "{:#}", refused.json);
}
