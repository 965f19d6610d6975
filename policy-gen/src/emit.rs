//! Generates the files of a policy, and the changes to libvirt's [`daemons`]. Pure.

mod action_pattern;
pub mod command;
pub mod daemons;
pub mod hook;
pub mod pkla;
mod plain;
pub mod quote;
pub mod roles;
pub mod rules;
mod script;
pub(crate) mod tables;

use std::borrow::Cow;

use polkit_config::report::{Problem, Report};

use crate::policy::{GrantKind, Policy};
use crate::target::Format;

/// The owner of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The administrator: files below `/etc`.
    Admin,
    /// A package: files below `/usr`, and pkla files below `/var/lib`.
    Vendor,
}

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The directory, relative to the root.
    pub directory: &'static str,
    /// The file name.
    pub name: Cow<'static, str>,
    /// The content.
    pub text: String,
}

impl File {
    /// Returns the path relative to the root, without a leading slash.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.directory, self.name)
    }
}

/// The file of the rule that asks the agent. It sorts before all other rules.
pub const HOOK: &str = "44-polkit-policy-gen-hook.rules";
/// The file of the grants. It sorts before the 49- of polkit-pkla-compat, which decides everything that a pkla file names, the 50-
/// and 60- of distributions and packages, and openSUSE's 90-.
pub const GRANTS: &str = "45-polkit-policy-gen.rules";
/// The same explanation, for the generated file.
const GRANTS_HERE: &str = "polkit uses the first result in the order of the file names: 45- comes before 49- (pkla \
                           files), 50-, 60- (distributions, packages) and 90- (openSUSE's defaults).";
/// The file of the rules for the agent. It sorts after the grants, because granted requests need no agent.
pub const AGENT: &str = "46-polkit-policy-gen-agent.rules";
/// The same explanation, for the generated file.
const AGENT_HERE: &str = "polkit uses the first result in the order of the file names: 46- comes after 45- of polkit-policy-gen \
                          (its grants need no agent), and before 49-, 50-, 60- and 90-.";
/// The file in the pkla directory.
pub const PKLA: &str = "polkit-policy-gen.pkla";
/// The beginning of the comment above a rule or an entry. The rest of the comment is the name of the grant.
pub const NAME: &str = "Grant: ";
/// The sysusers.d file of the memberships.
pub const SYSUSERS: &str = "polkit-policy-gen.conf";

/// Generates the files of `policy`, without empty files.
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
                files.push(File { directory, name: HOOK.into(), text: hook::emit(&policy.hooks, origin) });
            }
            for (name, why_here, grants) in
                [(GRANTS, GRANTS_HERE, of(GrantKind::Grant)), (AGENT, AGENT_HERE, of(GrantKind::Agent))]
            {
                if !grants.is_empty() {
                    let mut text = rules::emit(&grants, why_here, origin);
                    if let Some(libvirt) = policy.libvirt.as_ref().filter(|it| name == GRANTS && !it.roles.is_empty()) {
                        text.push_str(&roles::emit(libvirt));
                    }
                    files.push(File { directory, name: name.into(), text });
                }
            }
        }
        Format::Pkla if policy.grants.is_empty() && policy.hooks.is_empty() => {}
        Format::Pkla => {
            let directory = match owner {
                Owner::Admin => "etc/polkit-1/localauthority/45-polkit-policy-gen.d",
                Owner::Vendor => "var/lib/polkit-1/localauthority/45-polkit-policy-gen.d",
            };
            files.push(File { directory, name: PKLA.into(), text: pkla::emit(policy, origin, report) });
        }
    }
    files.extend(policy.commands.iter().map(|command| command::emit(command, origin, owner)));
    if !policy.members.is_empty() {
        let directory = match owner {
            Owner::Admin => "etc/sysusers.d",
            Owner::Vendor => "usr/lib/sysusers.d",
        };
        files.push(File { directory, name: SYSUSERS.into(), text: sysusers(policy, origin) });
    }
    files
}

/// The source of a policy, for the first line of each file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// These files, as named by the user.
    Files(String),
    /// The options of `generate`.
    Options,
}

/// Returns the first line of a file, without the comment sign.
#[must_use]
pub fn first_line(origin: &Origin) -> String {
    match origin {
        Origin::Files(names) => format!(
            "Generated by polkit-policy-gen from {}. To change it, edit that file and run `polkit-policy-gen install`.",
            quote::comment(names)
        ),
        Origin::Options => {
            "Generated by polkit-policy-gen. To change it, run `polkit-policy-gen generate` again.".to_owned()
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
        for name in grant.subjects.names() {
            if name.value.chars().any(|character| u32::from(character) > 0xffff) {
                let message = format!("a rule can never match the name `{}`", name.value);
                let help = "for Duktape a character beyond U+FFFF differs from the same character in a rules file \
                            (polkit 122 to 128): add the user to a group with a plain name";
                report.push(Problem::error(name.at.clone(), message).help(help));
            }
        }
    }
}

#[cfg(test)]
mod tests;
