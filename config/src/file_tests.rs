use super::*;
use crate::report::Report;
use std::os::unix::fs::{PermissionsExt as _, symlink};

/// A directory of the caller's that nobody else may write, and the caller's uid.
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
fn a_safe_file_is_read_also_through_a_link() {
    let place = place();
    let file = place.write("a.toml", "x = 1\n", 0o644);
    assert_eq!(place.read(&file).unwrap().text(), "x = 1\n");
    let link = place.path("b.toml");
    symlink("a.toml", &link).unwrap();
    let source = place.read(&link).unwrap();
    assert_eq!((source.text(), source.name()), ("x = 1\n", link.to_str().unwrap()));
}

#[test]
fn a_file_that_others_may_write_is_refused() {
    let place = place();
    for mode in [0o664, 0o646, 0o666] {
        let error = place.read(&place.write("a.toml", "", mode)).unwrap_err();
        assert!(error.contains("may be written by others than root") && error.contains("chmod go-w"), "{error}");
    }
}

#[test]
fn a_directory_that_others_may_write_is_refused_even_when_sticky() {
    let place = place();
    let file = place.write("a.toml", "", 0o644);
    for mode in [0o777, 0o775, 0o1777] {
        chmod(place.dir.path(), mode);
        let error = place.read(&file).unwrap_err();
        assert!(error.contains("the directory") && error.contains(&format!("mode {mode:04o}")), "{error}");
    }
}

#[test]
fn a_link_through_a_directory_that_others_may_write_is_refused() {
    let place = place();
    let file = place.write("a.toml", "", 0o644);
    let open = place.path("open");
    std::fs::create_dir(&open).unwrap();
    chmod(&open, 0o777);
    // file link -> link in an open directory -> safe file
    symlink(&file, open.join("middle")).unwrap();
    symlink(open.join("middle"), place.path("b.toml")).unwrap();
    assert!(place.read(&place.path("b.toml")).unwrap_err().contains("open may be written"));
    // directory link that leads out of an open directory
    symlink(place.dir.path(), open.join("dir")).unwrap();
    symlink(open.join("dir"), place.path("dir")).unwrap();
    assert!(place.read(&place.path("dir/a.toml")).unwrap_err().contains("open may be written"));
}

#[test]
fn a_file_of_somebody_else_is_refused() {
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
fn a_circle_of_links_is_said_plainly() {
    let place = place();
    symlink("b.toml", place.path("a.toml")).unwrap();
    symlink("a.toml", place.path("b.toml")).unwrap();
    assert!(place.read(&place.path("a.toml")).unwrap_err().contains("round in a circle"));
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let place = place();
    assert!(place.read(place.dir.path()).unwrap_err().contains("not a regular file"));
    let fifo = place.path("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    assert!(place.read(&fifo).unwrap_err().contains("not a regular file"));
    assert!(place.read(&place.path("absent")).unwrap_err().contains("No such file"));
    assert!(read_plain(Path::new("/dev/null")).unwrap_err().to_string().contains("not a regular file"));
}

#[test]
fn ten_megabytes_are_refused_and_the_limit_itself_is_not() {
    let place = place();
    let limit = usize::try_from(SIZE_MAX).unwrap();
    let error = place.read(&place.write("a.toml", vec![b'#'; 10 << 20], 0o600)).unwrap_err();
    assert!(error.contains("larger than 1 MiB"), "{error}");
    assert!(place.read(&place.write("b.toml", vec![b'#'; limit], 0o600)).is_ok());
    assert!(place.read(&place.write("c.toml", vec![b'#'; limit + 1], 0o600)).is_err());
}

#[test]
fn a_byte_that_is_no_utf8_is_shown_in_its_place() {
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
fn masks_and_fragments_are_told_from_the_rest() {
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
fn a_mask_that_others_may_have_made_is_refused() {
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
fn a_directory_from_which_others_may_take_a_fragment_is_refused() {
    let place = place();
    // The directory must be root's.
    if place.uid != 0 {
        return;
    }
    let fragment = place.write("10.toml", "x", 0o600);
    assert_eq!(trusted_fragments(place.dir.path()).unwrap(), [fragment]);
    assert!(trusted_fragments(&place.path("absent")).unwrap().is_empty());
    chmod(place.dir.path(), 0o775);
    assert!(trusted_fragments(place.dir.path()).is_err() && trusted_fragments(&place.path("absent")).is_err());
}
