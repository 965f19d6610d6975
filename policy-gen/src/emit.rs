//! The files that a policy becomes, and what its mode wants of libvirt's [`daemons`]. Nothing here reads or writes anything.

pub mod daemons;
pub mod details;
pub mod hook;
pub mod pkla;
pub mod quote;
pub mod roles;
pub mod rules;
mod script;

use polkit_config::report::{Problem, Report};

use crate::policy::{Kind, Policy};
use crate::target::Format;

/// Who owns the files: the administrator, or a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Below `/etc`.
    Admin,
    /// Below `/usr`, and for pkla below `/var/lib`.
    Vendor,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The directory, below the root.
    pub directory: &'static str,
    /// The name in it.
    pub name: &'static str,
    /// The whole text.
    pub text: String,
}

impl File {
    /// The path below the root, without a leading slash.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.directory, self.name)
    }
}

/// The rule that asks the agent, before all rules that answer by themselves.
pub const HOOK: &str = "44-polkit-policy-gen-hook.rules";
/// The rules that grant. Before the 49- of polkit-pkla-compat, which answers whatever a pkla file
/// names, before the 50- and 60- of distributions and packages, and before openSUSE's 90-.
pub const GRANTS: &str = "45-polkit-policy-gen.rules";
/// The same, for who reads the file.
const GRANTS_HERE: &str = "polkit takes the first answer in the order of the names of files: 45- comes before 49- (pkla \
                           files), 50-, 60- (distributions, packages) and 90- (openSUSE's defaults).";
/// The rules for the agent, after those that grant: what is granted outright needs no agent.
pub const AGENT: &str = "46-polkit-policy-gen-agent.rules";
/// The same, for who reads the file.
const AGENT_HERE: &str = "polkit takes the first answer in the order of the names of files: 46- comes after our own 45- \
                          (what it grants needs no agent), and before 49-, 50-, 60- and 90-.";
/// The one file of our pkla directory.
pub const PKLA: &str = "polkit-policy-gen.pkla";
/// The memberships.
pub const SYSUSERS: &str = "polkit-policy-gen.conf";

/// All files of `policy`, in the order of their names. Only what has something to say is written.
pub fn files(policy: &Policy, origin: &Origin, format: Format, owner: Owner, report: &mut Report) -> Vec<File> {
    let of = |kind| policy.grants.iter().filter(move |grant| grant.kind == kind).collect::<Vec<_>>();
    let mut files = Vec::new();
    match format {
        Format::Rules => {
            check_for_rules(policy, report);
            let directory = match owner {
                Owner::Admin => "etc/polkit-1/rules.d",
                Owner::Vendor => "usr/share/polkit-1/rules.d",
            };
            if !policy.hooks.is_empty() {
                files.push(File { directory, name: HOOK, text: hook::emit(&policy.hooks, origin) });
            }
            for (name, why_here, grants) in
                [(GRANTS, GRANTS_HERE, of(Kind::Grant)), (AGENT, AGENT_HERE, of(Kind::Agent))]
            {
                if !grants.is_empty() {
                    let mut text = rules::emit(&grants, why_here, origin);
                    if let Some(libvirt) = policy.libvirt.as_ref().filter(|it| name == GRANTS && !it.roles.is_empty()) {
                        text.push_str(&roles::emit(libvirt));
                    }
                    files.push(File { directory, name, text });
                }
            }
        }
        Format::Pkla if policy.grants.is_empty() && policy.hooks.is_empty() => {}
        Format::Pkla => {
            let directory = match owner {
                Owner::Admin => "etc/polkit-1/localauthority/45-polkit-policy-gen.d",
                Owner::Vendor => "var/lib/polkit-1/localauthority/45-polkit-policy-gen.d",
            };
            files.push(File { directory, name: PKLA, text: pkla::emit(policy, origin, report) });
        }
    }
    if !policy.members.is_empty() {
        let directory = match owner {
            Owner::Admin => "etc/sysusers.d",
            Owner::Vendor => "usr/lib/sysusers.d",
        };
        files.push(File { directory, name: SYSUSERS, text: sysusers(policy, origin) });
    }
    files
}

/// Where a policy was read, for the first line of each file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From these files, as the user names them.
    Files(String),
    /// From the options of `generate`.
    Options,
}

/// The first line of a file, after its comment sign.
#[must_use]
pub fn first_line(origin: &Origin) -> String {
    match origin {
        Origin::Files(names) => format!(
            "Written by polkit-policy-gen from {}. To change it, edit that and run `polkit-policy-gen install`.",
            quote::comment(names)
        ),
        Origin::Options => {
            "Written by polkit-policy-gen. To change it, run `polkit-policy-gen generate` again.".to_owned()
        }
    }
}

fn sysusers(policy: &Policy, origin: &Origin) -> String {
    let mut text = format!("# {}\n", first_line(origin));
    for member in &policy.members {
        text.push_str(&format!("m {} {}\n", member.user.value, member.group.value));
    }
    text
}

fn check_for_rules(policy: &Policy, report: &mut Report) {
    for grant in &policy.grants {
        for name in grant.users.iter().chain(&grant.groups).chain(&grant.netgroups) {
            if name.value.chars().any(|character| u32::from(character) > 0xffff) {
                let message = format!("a rule can never match the name `{}`", name.value);
                let help = "Duktape takes a character beyond U+FFFF as another one than the same in a rules file \
                            (polkit 122 to 128): put the user into a group with a plain name";
                report.push(Problem::error(name.at.clone(), message).help(help));
            }
        }
    }
}

#[cfg(test)]
mod tests;
