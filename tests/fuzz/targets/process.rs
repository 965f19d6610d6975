//! `/proc/PID/stat` and `/proc/PID/status`. A process chooses its name, and with it nothing else that is read.
#![no_main]

use polkit_service_agent::kernel::subject::process::{real_uid, start_time};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = (start_time(text), real_uid(text));
    let stat = format!("42 ({text}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0\n");
    assert_eq!(start_time(&stat).unwrap().0, 987_654);
    // The kernel escapes these two here (proc_pid_status(5)).
    let name = text.replace('\\', "\\\\").replace('\n', "\\n");
    let status = format!("Name:\t{name}\nUmask:\t0022\nUid:\t33\t0\t0\t0\nGid:\t0\t0\t0\t0\n");
    assert_eq!(real_uid(&status).unwrap().get(), 33);
});
