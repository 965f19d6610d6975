//! Landlock: denies access to files, ports, and signals and abstract sockets of other processes. The interface consists of three numbers
//! and one structure (landlock(7)); the crate for it would add second versions of crates that parse Rust.

#![expect(unsafe_code, reason = "the crates in use have no safe functions for these two system calls")]

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use rustix::io::Errno;

/// System call numbers, the same for all processors (Linux 5.13).
const CREATE_RULESET: libc::c_long = 444;
const RESTRICT_SELF: libc::c_long = 446;
/// Requests the version of the interface.
const VERSION: libc::c_uint = 1;

/// `struct landlock_ruleset_attr` of version 6.
#[repr(C)]
struct Attributes {
    files: u64,
    ports: u64,
    scopes: u64,
}

/// Returns all rights of a version of the interface, and the length of its structure.
fn all_of(version: libc::c_long) -> (Attributes, usize) {
    let files = match version {
        1 => (1 << 13) - 1,
        2 => (1 << 14) - 1,
        3 | 4 => (1 << 15) - 1,
        _ => (1 << 16) - 1,
    };
    let (ports, scopes) = (if version >= 4 { 3 } else { 0 }, if version >= 6 { 3 } else { 0 });
    let length = match version {
        ..4 => 8,
        4 | 5 => 16,
        _ => 24,
    };
    (Attributes { files, ports, scopes }, length)
}

/// Gives up all rights that Landlock of this kernel controls. Does nothing if the kernel has no Landlock. Must follow no_new_privs.
///
/// # Errors
/// The kernel supports Landlock but refuses.
pub fn restrict() -> io::Result<()> {
    let none = std::ptr::null::<Attributes>();
    // SAFETY: with this flag the kernel reads no structure: the pointer must be null and the length 0.
    let version = unsafe { libc::syscall(CREATE_RULESET, none, 0_usize, VERSION) };
    if version < 1 {
        return absent(io::Error::last_os_error());
    }
    let (attributes, length) = all_of(version);
    // SAFETY: the structure lives until the call returns, and is at least as long as the length.
    let ruleset = unsafe { libc::syscall(CREATE_RULESET, &raw const attributes, length, 0_u32) };
    let Ok(ruleset @ 0..) = libc::c_int::try_from(ruleset) else { return Err(io::Error::last_os_error()) };
    // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
    let ruleset = unsafe { OwnedFd::from_raw_fd(ruleset) };
    // SAFETY: the call reads two numbers.
    let done = unsafe { libc::syscall(RESTRICT_SELF, ruleset.as_raw_fd(), 0_u32) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Accepts a kernel without Landlock: too old, or built or started without it.
fn absent(error: io::Error) -> io::Result<()> {
    match Errno::from_io_error(&error) {
        Some(Errno::NOSYS | Errno::OPNOTSUPP) => Ok(()),
        _ => Err(error),
    }
}
