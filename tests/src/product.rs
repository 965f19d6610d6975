//! What this project installs, put into a bed as a packager would: by `make install`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::layers::File;
use crate::paths::product_dir;
use crate::{FullBed, LightBed, Root, layers};

/// A page that lists libvirt's domains, through libvirtd's socket and its test driver, which always has a domain `test`.
pub const PAGE: &str = r#"<?php
$connection = @libvirt_connect('test+unix:///default?socket=/run/libvirt/libvirt-sock', false);
if ($connection) {
    foreach (libvirt_list_domains($connection) as $domain) {
        echo "domain: $domain\n";
    }
} else {
    echo libvirt_get_last_error(), "\n";
}
"#;

/// Where [`PAGE`] is seen, once it stands in the folder of Apache.
pub const PAGE_URL: &str = "http://localhost/list.php";
/// The file of [`PAGE`].
pub const PAGE_FILE: &str = "/var/www/html/list.php";
/// The name of libvirt's test driver behind the socket of libvirtd.
pub const TEST_URI: &str = "test+unix:///default?socket=/run/libvirt/libvirt-sock";

/// The rule that binds the subject for libvirt's action, in its shortest form.
pub const AGENT_RULE: &str = r#"
polkit.addRule(function (action, subject) {
    if (action.id === "org.libvirt.unix.manage" && subject.user === "www-data") {
        return polkit.Result.AUTH_SELF;
    }
});
"#;

/// All files that `make install PREFIX=/usr` makes, from the programs of the running profile. They are made once in a test program.
///
/// # Panics
/// If it fails.
#[must_use]
pub fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(install)
}

fn install() -> Vec<File> {
    let destination = tempfile::tempdir().expect("a temporary folder");
    let completions = tempfile::tempdir().expect("a temporary folder");
    polkit_completions::write(completions.path()).expect("writing completions");
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above this package");
    let make = Command::new("make")
        .args(["--silent", "install", "PREFIX=/usr"])
        .arg(format!("DESTDIR={}", destination.path().display()))
        .arg(format!("BUILT={}", product_dir().display()))
        .arg(format!("COMPLETIONS={}", completions.path().display()))
        .current_dir(top)
        .output()
        .expect("running make");
    assert!(make.status.success(), "make install: {}", String::from_utf8_lossy(&make.stderr));
    let mut files = Vec::new();
    collect(destination.path(), destination.path(), &mut files);
    files
}

fn collect(top: &Path, folder: &Path, files: &mut Vec<File>) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(top, &path, files);
        } else {
            let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
            let inside = format!("/{}", path.strip_prefix(top).unwrap().display());
            files.push((inside, mode, std::fs::read(&path).unwrap()));
        }
    }
}

/// The root filesystem with the product installed.
fn installed(root: &Root) -> Root {
    layers::above(root, "product", || files().to_vec())
}

/// A full bed with the product installed and nothing configured.
#[must_use]
pub fn full(root: &Root) -> crate::full::FullBuilder {
    FullBed::on(&installed(root))
}

/// A light bed with the product installed and nothing configured.
#[must_use]
pub fn light(root: &Root) -> crate::light::LightBuilder {
    LightBed::on(&installed(root))
}
