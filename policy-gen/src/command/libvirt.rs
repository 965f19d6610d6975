//! The subcommand `libvirt`: writes a policy file for libvirt.

use std::io::Write as _;

use super::{DONE, eprint};
use crate::cli::Libvirt;
use crate::emit::quote::{comment, toml};
use crate::failure::Failure;
use crate::install::plan::{Change, NewFile};
use crate::install::write::StagedChanges;
use crate::libvirt::shipped;
use crate::policy::{Mode, RoleKind};
use crate::target::Format;
use crate::tree::Tree;

/// Writes a policy file for one mode.
///
/// # Errors
/// The options contradict the mode, or the file exists.
pub fn run(options: &Libvirt) -> Result<u8, Failure> {
    let group = match (&options.group, options.mode) {
        (Some(group), _) => Some(group.clone()),
        (None, Mode::Polkit | Mode::Socket) => Some(shipped_group()),
        (None, Mode::ReadOnly | Mode::Acl) => None,
    };
    check(options)?;
    let text = text(options, group.as_deref());
    let Some(output) = options.output.as_deref().filter(|output| output.as_os_str() != "-") else {
        let written = std::io::stdout().write_all(text.as_bytes());
        return written
            .map(|()| DONE)
            .map_err(|error| Failure::Refused(format!("cannot write to standard output: {error}")));
    };
    let refused =
        |error: &dyn std::fmt::Display| Failure::Refused(format!("cannot write {}: {error}", output.display()));
    if output.try_exists().unwrap_or(true) {
        return Err(refused(&"the file exists; give another file, or copy the output of `-o -` by hand"));
    }
    let absolute = std::path::absolute(output).map_err(|error| refused(&error))?;
    let path = absolute.to_string_lossy().trim_start_matches('/').to_owned();
    let to = NewFile { bytes: text.into_bytes(), mode: 0o644, owner: None };
    StagedChanges::new(&Tree::open_for_output()?, &[Change { path, to: Some(to) }])?.commit()?.keep();
    eprint(&format!("next: polkit-policy-gen install {} --dry-run", output.display()));
    Ok(DONE)
}

fn check(options: &Libvirt) -> Result<(), Failure> {
    let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
    match options.mode {
        Mode::Acl if options.role.is_none() || options.domains.is_empty() => {
            usage("--mode acl needs --role and --domains: `--role operator --domains 'web-*' --group vm-operators`")
        }
        Mode::Acl if options.group.is_none() => {
            usage("--mode acl needs the --group of the role; members of the distribution's group may connect anyway")
        }
        Mode::ReadOnly | Mode::Polkit | Mode::Socket if options.role.is_some() || !options.domains.is_empty() => usage(
            "--role and --domains are valid only with --mode acl: the other modes cannot restrict access to some domains",
        ),
        Mode::ReadOnly if options.group.is_some() || !options.member.is_empty() => {
            usage("--mode read-only takes no --group and no --member: every user may list and show domains")
        }
        _ => Ok(()),
    }
}

/// Returns the group that the host's policy allows, or the usual one.
fn shipped_group() -> String {
    let tree = Tree::open(None).ok();
    let shipped = |format| tree.as_ref().and_then(|tree| shipped::groups(tree, format).ok()).unwrap_or_default();
    let mut groups = shipped(Format::Rules).into_iter().chain(shipped(Format::Pkla));
    groups.next().map_or_else(|| "libvirt".to_owned(), |(group, _)| group)
}

fn text(options: &Libvirt, group: Option<&str>) -> String {
    let mut out = String::from(
        "# Access to libvirt. Install with `polkit-policy-gen install`; see polkit-policy-gen-libvirt(7).\n",
    );
    for line in about(options.mode) {
        out.push_str(format!("# {line}").trim_end());
        out.push('\n');
    }
    out.push_str(&format!("[libvirt]\nmode = \"{}\"\n", options.mode.text()));
    match (options.mode, group) {
        (Mode::Polkit | Mode::Socket, Some(group)) => out.push_str(&format!("groups = [{}]\n", toml(group))),
        (Mode::Acl, Some(group)) => {
            out.push_str("# others = \"nothing\"        # refuses users without a role; by default they see everything and change nothing\n");
            let role = options.role.unwrap_or(RoleKind::Viewer);
            let domains: Vec<String> = options.domains.iter().map(|pattern| toml(pattern)).collect();
            out.push_str(&format!("\n[[libvirt_role]]\n# {}\n", about_role(role)));
            out.push_str(&format!("role = \"{}\"\ngroups = [{}]\n", role.text(), toml(group)));
            out.push_str(&format!("# Names; `*` matches any characters.\ndomains = [{}]\n", domains.join(", ")));
            out.push_str("# A domain starts only if the role has its networks and storage pools:\n# networks = [\"default\"]\n# pools = [\"default\"]\n");
        }
        _ => {}
    }
    for user in &options.member {
        let group = group.unwrap_or_default();
        out.push_str(&format!(
            "\n# Adds {} to the group.\n[[member]]\nuser = {}\ngroup = {}\n",
            comment(user),
            toml(user),
            toml(group)
        ));
    }
    out
}

fn about(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::ReadOnly => &[
            "",
            "Every user may list and show domains: `virsh -r list`, in PHP `libvirt_connect($uri, true)`. This needs no files.",
        ],
        Mode::Polkit => &[
            "",
            "polkit lets this group manage libvirt. This is equivalent to root access: a domain can be given any disk or file of the host.",
            "Use mode \"read-only\" to list and show domains only, and mode \"acl\" to restrict access to some domains.",
        ],
        Mode::Acl => &[
            "",
            "Users with a role may connect, with the permissions of the role over its domains. All other requests are refused.",
        ],
        Mode::Socket => &[
            "",
            "This group owns the socket, and polkit is not asked. This is equivalent to root access. New members must log in again.",
        ],
    }
}

fn about_role(role: RoleKind) -> &'static str {
    match role {
        RoleKind::Viewer => {
            "viewer: sees state and definition. console adds the screen; operator: start, stop; admin: everything."
        }
        RoleKind::Console => "console: as viewer, with screen, keyboard and console.",
        RoleKind::Operator => "operator: as console, with start, stop, pause and reset.",
        RoleKind::Admin => {
            "admin: everything over these domains. Root-equivalent: a domain can be given any file of the host."
        }
    }
}

#[cfg(test)]
#[path = "libvirt_tests.rs"]
mod tests;
