//! agent.toml. As root: a configuration of others is not read at all.
#![no_main]

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::LazyLock};

use polkit_service_agent::config::{Origin, load};

/// A file that root alone may write, in memory.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(format!("/dev/shm/agent-toml-{}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("its mode");
    folder.join("agent.toml")
});

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    fs::write(&*FILE, text).expect("a file");
    let loaded = load(&Origin::File(FILE.clone()));
    assert!(loaded.config.is_some() != loaded.report.has_errors());
    let rendered = loaded.report.render(true);
    assert_eq!(rendered.is_empty(), loaded.report.problems().is_empty());
    for rule in loaded.config.iter().flat_map(|config| &config.rules) {
        let narrow = rule.unit.is_some() || rule.user.is_some() || rule.group.is_some() || rule.session.is_some();
        assert!(narrow || !rule.answer.grants(), "a grant to everybody: {rule:?}");
    }
});
