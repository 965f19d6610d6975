use proptest::prelude::*;

use super::*;

fn me() -> PinnedProcess {
    PinnedProcess::open(SubjectPid::new(std::process::id()).unwrap()).unwrap()
}

#[test]
fn a_name_with_parentheses_does_not_shift_the_fields() {
    let tail = "S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
    assert_eq!(start_time(&format!("42 (cat) {tail}")).unwrap(), StartTime(987_654));
    assert_eq!(start_time(&format!("42 (a) S 1 2 (b) {tail}")).unwrap(), StartTime(987_654));
    assert!(start_time("42 (cat) S 1").is_err());
}

#[test]
fn the_real_uid_is_the_first_of_four() {
    assert_eq!(real_uid("Name:\tx\\nUid:\t0\nUid:\t33\t0\t0\t0\n").unwrap().get(), 33);
    assert!(real_uid("Uid:\n").is_err());
    assert!(real_uid("Uid:\t4294967295\t0\t0\t0\n").is_err());
    assert!(real_uid("").is_err());
}

#[test]
fn a_process_that_runs_is_alive_and_the_same_at_a_second_look() {
    let held = me();
    assert!(held.is_alive());
    assert_eq!(held.state("").unwrap(), held.state("").unwrap());
    assert!(matches!(held.state("").unwrap().program, Fact::Known(path) if path.starts_with(b"/")));
}

#[test]
fn a_zombie_is_not_alive() {
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let held = PinnedProcess::open(SubjectPid::new(child.id()).unwrap()).unwrap();
    child.kill().unwrap();
    while held.is_alive() {
        std::thread::yield_now();
    }
    assert_eq!(held.state("").unwrap_err(), Reason::Gone);
    assert!(PinnedProcess::open(held.process.pid).is_err());
    child.wait().unwrap();
    assert_eq!(PinnedProcess::open(held.process.pid).unwrap_err().kind(), io::ErrorKind::NotFound);
}

proptest! {
    #[test]
    fn no_text_of_proc_panics(text in ".*") {
        let _ = (start_time(&text), real_uid(&text));
    }
}
