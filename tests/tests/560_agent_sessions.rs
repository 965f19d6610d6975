//! Sessions of logind: kiosks, served from outside, and agents inside of a session.

#[macro_use]
mod agent;

use std::time::Instant;

use agent::kiosk::{GUEST, KIOSK, Session, ask, bed, is_refused, log, until_served};
use agent::{start_agent, until};
use polkit_tests::Root;
use polkit_tests::polkit::Verdict;

on_each_suite_with_rules! {
    a_session_is_served_from_its_login_to_its_end_and_so_is_the_next_one
}

const KIOSK_CONFIG: &str = r#"
[[serve]]
session_user = "kiosk"

[[rule]]
id = "kiosk"
action = "org.libvirt.unix.manage"
session = "active"
answer = "allow"
"#;

fn a_session_is_served_from_its_login_to_its_end_and_so_is_the_next_one(root: &Root) {
    let bed = bed(root, KIOSK_CONFIG, true);
    start_agent(&bed);
    let mut last = String::new();
    for unit in ["first-login", "second-login"] {
        let began = Instant::now();
        let session = Session::of(&bed, "kiosk", unit);
        let logged_in = began.elapsed();
        assert_ne!(session.id, last, "another session");
        until_served(&bed, session.pid, KIOSK);
        println!("SESSION\t{}\tlogged in after {logged_in:?}, served after {:?}", bed.suite(), began.elapsed());
        assert_eq!(ask(&bed, session.pid, KIOSK), Verdict::Yes, "{}", log(&bed));
        assert!(is_refused(&bed, session.pid, KIOSK));
        last = session.id.clone();
        session.log_out(&bed);
    }
    let _ = GUEST;
    until(|| true);
}
