use super::*;
use crate::report::Report;
use std::os::unix::fs::{PermissionsExt as _, symlink};

/// A directory of the test's user that no other user may write, and the uid of this user.
struct Place {
    dir: tempfile::TempDir,
    uid: u32,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let uid = rustix::process::geteuid().as_raw();
    Place { dir, uid }
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        chmod(&path, mode);
        path
    }

    fn read(&self, path: &Path) -> Result<Source, String> {
        let name = path.to_string_lossy();
        read_by(path, &Trust::of_host(self.uid, &name)).map_err(|problem| problem.to_string())
    }
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_trusted_file_is_read_directly_and_through_a_link() {
    let place = place();
    let file = place.write("a.toml", "x = 1\n", 0o644);
    assert_eq!(place.read(&file).unwrap().text(), "x = 1\n");
    let link = place.path("b.toml");
    symlink("a.toml", &link).unwrap();
    let source = place.read(&link).unwrap();
    assert_eq!((source.text(), source.name()), ("x = 1\n", link.to_str().unwrap()));
}

#[test]
fn a_file_that_other_users_may_write_is_refused() {
    let place = place();
    for mode in [0o664, 0o646, 0o666] {
        let error = place.read(&place.write("a.toml", "", mode)).unwrap_err();
        assert!(error.contains("is writable by users other than root") && error.contains("chmod go-w"), "{error}");
    }
}

#[test]
fn a_directory_that_other_users_may_write_is_refused_even_if_sticky() {
    let place = place();
    let file = place.write("a.toml", "", 0o644);
    for mode in [0o777, 0o775, 0o1777] {
        chmod(place.dir.path(), mode);
        let error = place.read(&file).unwrap_err();
        assert!(error.contains("the directory") && error.contains(&format!("mode {mode:04o}")), "{error}");
    }
}

#[test]
fn a_link_through_a_directory_that_other_users_may_write_is_refused() {
    let place = place();
    let file = place.write("a.toml", "", 0o644);
    let open = place.path("open");
    std::fs::create_dir(&open).unwrap();
    chmod(&open, 0o777);
    // A link to a link in a writable directory to a trusted file.
    symlink(&file, open.join("middle")).unwrap();
    symlink(open.join("middle"), place.path("b.toml")).unwrap();
    assert!(place.read(&place.path("b.toml")).unwrap_err().contains("open is writable"));
    // A link to a directory, out of a writable directory.
    symlink(place.dir.path(), open.join("dir")).unwrap();
    symlink(open.join("dir"), place.path("dir")).unwrap();
    assert!(place.read(&place.path("dir/a.toml")).unwrap_err().contains("open is writable"));
}

#[test]
fn a_file_of_another_user_is_refused() {
    let place = place();
    let file = place.write("a.toml", "", 0o644);
    if place.uid != 0 {
        assert!(read_trusted(&file).is_err());
    } else {
        std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
        assert!(read_trusted(&file).unwrap_err().to_string().contains("owner 65534"));
    }
}

#[test]
fn a_loop_of_links_is_reported() {
    let place = place();
    symlink("b.toml", place.path("a.toml")).unwrap();
    symlink("a.toml", place.path("b.toml")).unwrap();
    assert!(place.read(&place.path("a.toml")).unwrap_err().contains("loop"));
}

#[test]
fn a_file_that_is_not_regular_is_refused_without_blocking() {
    let place = place();
    assert!(place.read(place.dir.path()).unwrap_err().contains("not a regular file"));
    let fifo = place.path("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    assert!(place.read(&fifo).unwrap_err().contains("not a regular file"));
    assert!(place.read(&place.path("absent")).unwrap_err().contains("no such file"));
    assert!(read_plain(Path::new("/dev/null")).unwrap_err().to_string().contains("not a regular file"));
}

#[test]
fn a_file_over_the_limit_is_refused_and_a_file_at_the_limit_is_read() {
    let place = place();
    let limit = usize::try_from(SIZE_MAX).unwrap();
    let error = place.read(&place.write("a.toml", vec![b'#'; 10 << 20], 0o600)).unwrap_err();
    assert!(error.contains("larger than 1 MiB"), "{error}");
    assert!(place.read(&place.write("b.toml", vec![b'#'; limit], 0o600)).is_ok());
    assert!(place.read(&place.write("c.toml", vec![b'#'; limit + 1], 0o600)).is_err());
}

#[test]
fn an_invalid_utf8_byte_is_shown_at_its_place() {
    let place = place();
    let file = place.write("a.toml", b"# fine\nid = \"\xe9t\xe9\"\n", 0o600);
    let mut report = Report::new();
    report.push(read_trusted_by(&file, place.uid).unwrap_err());
    let shown = report.render(false).replace(place.dir.path().to_str().unwrap(), "/etc");
    insta::assert_snapshot!(shown, @r#"
    error: the byte \xe9 at line 2, column 7 is not UTF-8
     --> /etc/a.toml:2:7
      |
    2 | id = "\xe9t\xe9"
      |       ^^^^
      |
      = help: save the file as UTF-8
    "#);
}

#[test]
fn masks_and_fragments_are_recognized() {
    let place = place();
    let (empty, full) = (place.write("20.toml", "", 0o600), place.write("10.toml", "x", 0o600));
    place.write(".hidden.toml", "x", 0o600);
    place.write("10.toml.bak", "x", 0o600);
    let null = place.path("30.toml");
    symlink("/dev/null", &null).unwrap();
    assert!(is_mask(&empty) && is_mask(&null) && !is_mask(&full) && !is_mask(&place.path("absent")));
    assert_eq!(fragments(place.dir.path()).unwrap(), [full, empty, null]);
    assert!(fragments(&place.path("absent")).unwrap().is_empty());
    assert!(fragments(&place.path("10.toml")).is_err());
}

#[test]
fn a_mask_that_another_user_may_have_made_is_refused() {
    let place = place();
    let (empty, full) = (place.write("20.toml", "", 0o600), place.write("10.toml", "x", 0o600));
    let null = place.path("30.toml");
    symlink("/dev/null", &null).unwrap();
    let masks = |path: &Path| is_trusted_mask(path, place.uid).map_err(|problem| problem.to_string());
    assert_eq!((masks(&empty), masks(&null), masks(&full)), (Ok(true), Ok(true), Ok(false)));
    chmod(&empty, 0o664);
    assert!(masks(&empty).unwrap_err().contains("this mask"));
    chmod(&empty, 0o600);
    chmod(place.dir.path(), 0o775);
    for mask in [&empty, &null] {
        assert!(masks(mask).unwrap_err().contains("the directory"), "{}", mask.display());
    }
}

#[test]
fn a_fragment_directory_that_other_users_may_write_is_refused() {
    let place = place();
    // Only root can own the directory that this function requires.
    if place.uid != 0 {
        return;
    }
    let fragment = place.write("10.toml", "x", 0o600);
    assert_eq!(trusted_fragments(place.dir.path()).unwrap(), [fragment]);
    assert!(trusted_fragments(&place.path("absent")).unwrap().is_empty());
    chmod(place.dir.path(), 0o775);
    assert!(trusted_fragments(place.dir.path()).is_err() && trusted_fragments(&place.path("absent")).is_err());
}

#[test]
fn a_file_that_is_replaced_or_removed_while_it_is_read_is_refused() {
    let place = place();
    let path = place.write("a.toml", "old", 0o644);
    let read = |file: File| {
        let name = path.to_string_lossy();
        read_opened(file, &path, &Trust::of_host(place.uid, &name)).map_err(|problem| problem.to_string())
    };
    let open = || File::open(&path).unwrap();
    assert_eq!(read(open()).unwrap().text(), "old");
    let opened = open();
    std::fs::rename(place.write("b.toml", "new", 0o644), &path).unwrap();
    assert!(read(opened).unwrap_err().contains("was replaced while it was being read"));
    let opened = open();
    std::fs::remove_file(&path).unwrap();
    assert!(read(opened).unwrap_err().contains("was removed while it was being read"));
}
