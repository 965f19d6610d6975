//! Confines this process before it loads the first rule: it gives up all privileges and can only compute afterwards.

use std::io;

use rustix::process::{Gid, Resource, Rlimit, Signal, Uid};

use crate::landlock;

/// The uid and gid of `nobody`, the same in the kernel and in all distributions.
const NOBODY: u32 = 65534;
/// Memory limit in bytes, including all mappings of the program.
const MEMORY: u64 = 512 << 20;

/// Confines the process. `user` is the uid and gid of the engine's user, if it exists; otherwise `nobody` is used.
///
/// # Errors
/// A privilege cannot be given up. No rule may be run then.
pub fn confine(user: Option<(u32, u32)>) -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    // As far as the kernel supports it (Linux 5.13 and later). The system call filter applies in any case.
    landlock::restrict()?;
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = user.filter(|(uid, gid)| *uid != 0 && *gid != 0).unwrap_or((NOBODY, NOBODY));
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
        rustix::thread::set_thread_groups(&[])?;
        rustix::thread::set_thread_res_gid(group, group, group)?;
        rustix::thread::set_thread_res_uid(user, user, user)?;
    }
    // After the change of the user, which resets this setting.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let limits = [
        (Resource::As, MEMORY),
        (Resource::Nproc, 0),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        // No descriptors besides the standard ones. A closed descriptor could be replaced, but the filter prevents that.
        (Resource::Nofile, 3),
    ];
    for (resource, most) in limits {
        rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    // The filter comes last, because it forbids the calls above. Other processors have no filter.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
    crate::syscalls::refuse()?;
    Ok(())
}
