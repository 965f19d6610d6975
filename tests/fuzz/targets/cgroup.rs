//! The text of /proc/PID/cgroup. Only the system manager makes the folders before the first that is no slice, so a unit
//! is never found behind another one.
#![no_main]

use polkit_service_agent::base::cgroup::{below, is_slice_name, is_unit_name, owner, session, unified, unit};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Some(path) = unified(text).and_then(|path| below(path, "")) else { return };
    let _ = owner(path);
    let Some(found) = unit(path) else {
        assert_eq!(session(path), None);
        return;
    };
    assert!(is_unit_name(found));
    let first = path.split('/').filter(|part| !part.is_empty()).find(|part| !is_slice_name(part));
    assert_eq!(first.map(|part| part.strip_prefix('_').unwrap_or(part)), Some(found));
});
