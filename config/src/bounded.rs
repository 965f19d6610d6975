//! Reads files whose length or type other users control: with a size limit, and never from a FIFO or a device.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// Size limit of a file in a tree, in bytes. A package list and a list of a hundred thousand accounts fit.
pub const TREE_MAX: u64 = 64 << 20;
/// Size limit of a file in /proc or /run, in bytes. A process controls the length of some of these files.
pub const PROC_MAX: u64 = 4 << 20;

/// Reads to the end. Input of more than `most` bytes is an error.
///
/// # Errors
/// Read errors, and [`io::ErrorKind::FileTooLarge`].
pub fn read_to_end(reader: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > most) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {} MiB", most >> 20)));
    }
    Ok(bytes)
}

/// Opens a regular file and follows symbolic links. Never blocks and never opens a device: checks the file type before
/// the open, and checks afterwards that the opened file is the same one.
///
/// # Errors
/// Errors of stat(2) and open(2), and any file that is not regular.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let special = || io::Error::other("it is not a regular file");
    let seen = std::fs::metadata(path)?;
    if !seen.is_file() {
        return Err(special());
    }
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let opened = file.metadata()?;
    if !opened.is_file() || (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
        return Err(special());
    }
    Ok(file)
}

/// Reads a regular file.
///
/// # Errors
/// Errors of [`open_regular`] and [`read_to_end`].
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_to_end(open_regular(path)?, most)
}

/// Reads a file that the kernel or systemd writes (below /proc, /sys or /run): its first [`PROC_MAX`] bytes.
///
/// # Errors
/// Errors of open(2) and read(2).
pub fn kernel_text(path: impl AsRef<Path>) -> io::Result<String> {
    let mut bytes = Vec::new();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    file.take(PROC_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_size_limit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read_regular(&path, 1 << 20).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_to_end(&b"abc"[..], 3).unwrap(), b"abc");
        assert!(read_to_end(&b"abcd"[..], 3).is_err());
        assert_eq!(u64::try_from(kernel_text(&path).unwrap().len()).unwrap(), PROC_MAX);
    }

    #[test]
    fn a_fifo_and_a_device_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        for path in [&fifo, Path::new("/dev/zero")] {
            assert!(open_regular(path).unwrap_err().to_string().contains("not a regular file"));
        }
    }
}
