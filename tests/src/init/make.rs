//! What is mounted and written on: errors name the path.

use std::fs::{self, File};
use std::path::Path;

use rustix::mount::mount_bind;

pub(super) fn bind(source: &Path, target: &Path) -> Result<(), String> {
    mount_bind(source, target).map_err(|error| format!("binding {}: {error}", source.display()))
}

pub(super) fn make_dir(path: &Path) -> Result<std::path::PathBuf, String> {
    fs::create_dir_all(path).map_err(|error| format!("making {}: {error}", path.display()))?;
    Ok(path.to_owned())
}

pub(super) fn make_file(path: &Path) -> Result<(), String> {
    File::create(path).map(|_| ()).map_err(|error| format!("making {}: {error}", path.display()))
}
