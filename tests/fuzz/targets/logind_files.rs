//! logind's state files of sessions and users, below /run/systemd.
#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use polkit_service_agent::{kernel::subject::logind, register::logind_sessions};

/// The directory, in memory.
static RUN: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(format!("/dev/shm/logind-files-{}", std::process::id()));
    for name in ["sessions", "users"] {
        fs::create_dir_all(folder.join(name)).expect("a folder");
    }
    folder
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for name in ["sessions/1", "users/1000"] {
        fs::write(RUN.join(name), bytes).expect("a file");
    }
    for path in ["/user.slice/user-1000.slice/session-1.scope", "/user.slice/user-1000.slice/user@1000.service"] {
        let _ = (logind::of(path, &RUN), logind::id_of(path, &RUN));
    }
    let _ = (logind_sessions::login("1", &RUN), logind_sessions::of_user(1000, &RUN));
});
