//! Drop-ins of sockets and configurations of daemons, as `install` looks for them in a tree.
#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use polkit_policy_gen::libvirt::daemons::of_tree;
use polkit_policy_gen::tree::Tree;

/// Such a tree, in memory.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(format!("/dev/shm/systemd-files-{}", std::process::id()));
    for name in ["etc/systemd/system/libvirtd.socket.d", "etc/libvirt", "usr/lib/systemd/system"] {
        fs::create_dir_all(folder.join(name)).expect("a folder");
    }
    for unit in ["libvirtd.socket", "libvirtd.service"] {
        fs::write(folder.join("usr/lib/systemd/system").join(unit), "").expect("a unit");
    }
    folder
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for name in ["etc/systemd/system/libvirtd.socket.d/60-other.conf", "etc/libvirt/libvirtd.conf"] {
        fs::write(ROOT.join(name), bytes).expect("a file");
    }
    let tree = Tree::open_trusted(Some(&ROOT)).expect("a tree");
    let found = of_tree(&tree).expect("it can be read");
    assert_eq!(found.len(), 1);
    assert!(found[0].activated && found[0].later.len() <= 1);
});
