//! What this process gives up before it reads the first rule: every privilege, and the means to do anything but compute.

use std::io;

use rustix::process::{Gid, Resource, Rlimit, Signal, Uid};

/// The user and group `nobody`, of the kernel and of every distribution.
const NOBODY: u32 = 65534;
/// Memory in bytes, all mappings of the program itself included.
const MEMORY: u64 = 512 << 20;

/// Gives it all up.
///
/// # Errors
/// Something cannot be given up: no rule may be run then.
pub fn confine() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    if rustix::process::geteuid().is_root() {
        let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        rustix::thread::set_thread_groups(&[])?;
        rustix::thread::set_thread_res_gid(group, group, group)?;
        rustix::thread::set_thread_res_uid(user, user, user)?;
    }
    // After the change of user, which resets it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let limits = [
        (Resource::As, MEMORY),
        (Resource::Nproc, 0),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        // No descriptor can be opened besides the three that are there.
        (Resource::Nofile, 3),
    ];
    for (resource, most) in limits {
        rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}
