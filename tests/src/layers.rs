//! Layers of files above a root filesystem. Each test program makes a layer once, so a bed copies none of its files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::Root;
use crate::paths::{beds_dir, make_dir};

/// A file of a layer: its path, mode and content.
pub type File = (String, u32, Vec<u8>);

/// The root filesystem with these files above it. Two calls with the same name have the same files.
///
/// # Panics
/// If a file cannot be written.
pub(crate) fn above(root: &Root, name: &str, files: impl FnOnce() -> Vec<File>) -> Root {
    static MADE: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = made.entry(name.to_owned()).or_insert_with(|| write(name, &files()));
    root.clone().with_layer(folder.clone())
}

fn write(name: &str, files: &[File]) -> PathBuf {
    let all = beds_dir().join("layers");
    make_dir(&all);
    remove_those_of_ended_programs(&all);
    let folder = all.join(format!("{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    for (path, mode, content) in files {
        let path = folder.join(path.trim_start_matches('/'));
        make_dir(path.parent().expect("a file is in a folder"));
        let written = fs::write(&path, content);
        let written = written.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(*mode)));
        written.unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
    }
    folder
}

/// A program cannot remove its layers when it ends, so the next one does.
fn remove_those_of_ended_programs(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(pid).exists() {
            // Another program may do the same.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
