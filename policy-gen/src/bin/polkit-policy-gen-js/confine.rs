//! What this process gives up before it reads the first rule: every privilege, and the means to do anything but compute.

use std::io;

use rustix::process::{Gid, Resource, Rlimit, Signal, Uid};

use crate::landlock;

/// The user and group `nobody`, of the kernel and of every distribution.
const NOBODY: u32 = 65534;
/// Memory in bytes, all mappings of the program itself included.
const MEMORY: u64 = 512 << 20;

/// Gives it all up. `user` is the uid and gid of the engine's own user, if there is one; `nobody` is taken else.
///
/// # Errors
/// Something cannot be given up: no rule may be run then.
pub fn confine(user: Option<(u32, u32)>) -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    // As much of it as the kernel has (Linux 5.13 and later); the system calls are refused in any case.
    landlock::restrict()?;
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = user.filter(|(uid, gid)| *uid != 0 && *gid != 0).unwrap_or((NOBODY, NOBODY));
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
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
        // No descriptor beside the three that are there; one that is closed makes room for another, but not for the filter.
        (Resource::Nofile, 3),
    ];
    for (resource, most) in limits {
        rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    // The last: what is above is no longer possible with it. Other processors have no filter, and the rest has to do.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
    crate::syscalls::refuse()?;
    Ok(())
}
