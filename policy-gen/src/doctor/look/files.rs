//! Misplaced and misnamed policy files, edited files of packages, /proc, and signs of a container.

use std::path::Path;
use std::time::Duration;

use polkit_config::bounded::kernel_text;
use polkit_config::names::Names;

use super::run::run;
use crate::doctor::facts::{Facts, Hidepid, Polkitd, Stray};
use crate::libvirt::MANAGE;
use crate::target::{Pkla, Target, Version};
use crate::tree::Tree;

/// Directories in which users put rules but nothing reads them. The last ones count only for files that are not pkla.
const NOWHERE: [&str; 11] = [
    "etc/polkit-1",
    "usr/share/polkit-1",
    "etc/polkit-1.rules.d",
    "etc/polkit-1/rules",
    "etc/polkit-1/rules.d/rules.d",
    "etc/polkit/rules.d",
    "etc/polkit-1/localauthority/rules.d",
    "etc/polkit-1/localauthority",
    "etc/polkit-1/localauthority/50-local.d",
    "var/lib/polkit-1/rules.d",
    "var/lib/polkit-1/localauthority",
];
/// The directories of polkit of all versions, below `/etc/polkit-1` and `/usr/share/polkit-1`.
const KNOWN: [&str; 5] = ["rules.d", "actions", "localauthority", "localauthority.conf.d", "nullbackend.conf.d"];
/// The directories in /etc of polkit and of these programs.
const OURS: [&str; 3] = ["polkit-1", "polkit-policy-gen", "polkit-service-agent"];
/// Directories that are read. Files with other suffixes are ignored there.
const READ: [&str; 1] = ["etc/polkit-1/rules.d"];
const RULES: &str = "etc/polkit-1/rules.d";
const PKLA: &str = "etc/polkit-1/localauthority/50-local.d";
/// Suffixes of files that were set aside on purpose.
const ASIDE: [&str; 12] = [
    "~",
    ".bak",
    ".old",
    ".orig",
    ".save",
    ".disabled",
    ".off",
    ".set-aside",
    ".example",
    ".dpkg-old",
    ".dpkg-new",
    ".rpmsave",
];
const MD5SUM: Duration = Duration::from_secs(2);
const PACKAGES: &str = "var/lib/dpkg/info";

#[derive(Clone, Copy, PartialEq, Eq)]
enum StrayKind {
    Rules,
    Pkla,
}

/// Returns the directories in which files may be out of place: [`NOWHERE`], [`READ`], and directories beside those of polkit whose
/// names polkit does not know, such as `/etc/polkit-1/rule.d`.
fn directories(tree: &Tree) -> Vec<String> {
    let mut found: Vec<String> = NOWHERE.iter().chain(&READ).map(|path| (*path).to_owned()).collect();
    let mut add = |parent: &str, is_ours: &dyn Fn(&str) -> bool| {
        let mut below: Vec<String> =
            tree.names(parent).unwrap_or_default().into_iter().filter(|name| is_ours(name)).collect();
        below.retain(|name| !name.starts_with('.') && tree.has_directory(&format!("{parent}/{name}")).unwrap_or(false));
        below.into_iter().map(|name| format!("{parent}/{name}")).for_each(|path| {
            if !found.contains(&path) {
                found.push(path);
            }
        });
    };
    add("etc/polkit-1", &|name| !KNOWN.contains(&name));
    add("usr/share/polkit-1", &|name| !KNOWN.contains(&name));
    // `/etc/polkit`, `/etc/polkit1/rules.d`
    let similar = |name: &str| name.to_ascii_lowercase().starts_with("polkit") && !OURS.contains(&name);
    for top in tree.names("etc").unwrap_or_default().into_iter().filter(|name| similar(name)) {
        add(&format!("etc/{top}"), &|name| name.ends_with(".d"));
    }
    add("etc", &similar);
    found
}

/// Finds files with rules or pkla entries that nothing reads.
pub(super) fn strays(tree: &Tree, target: Option<Target>, action: Option<&str>, facts: &mut Facts) {
    let reads_rules = target.is_some_and(|target| target.version >= Version::RULES);
    for directory in &directories(tree) {
        let directory = directory.as_str();
        for name in tree.names(directory).unwrap_or_default() {
            let path = format!("{directory}/{name}");
            if ASIDE.iter().any(|ending| name.ends_with(ending)) || name.starts_with('.') {
                continue;
            }
            if !matches!(tree.file_mode(&path), Ok(Some(_))) {
                continue;
            }
            let text = tree.read_text(&path).unwrap_or_default();
            let Some(kind) = kind(&text) else { continue };
            let (ending, read_here) = match kind {
                StrayKind::Rules => (".rules", READ.contains(&directory)),
                StrayKind::Pkla => (".pkla", directory.starts_with("etc/polkit-1/localauthority/")),
            };
            let well_named = name.ends_with(ending);
            let reads_pkla = target.is_none_or(|target| target.pkla != Pkla::No);
            if kind == StrayKind::Pkla && !reads_pkla && read_here {
                continue;
            }
            // The evaluator reports pkla files in place, and rules for a polkit that reads no rules.
            if read_here && (well_named || (kind == StrayKind::Rules && !reads_rules)) {
                continue;
            }
            let why = match (read_here, well_named) {
                (true, _) => format!("its name does not end in {ending}"),
                (false, _) if kind == StrayKind::Pkla && !reads_pkla => {
                    format!("nothing reads the directory /{directory}, and this polkit does not read pkla files")
                }
                (false, true) => format!("nothing reads the directory /{directory}"),
                (false, false) => {
                    format!("nothing reads the directory /{directory}, and its name does not end in {ending}")
                }
            };
            let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("50-local");
            let belongs = match kind {
                StrayKind::Rules if reads_rules => Some(format!("/{RULES}/{stem}.rules")),
                StrayKind::Rules => None,
                StrayKind::Pkla if !reads_pkla => None,
                StrayKind::Pkla => Some(format!("/{PKLA}/{stem}.pkla")),
            };
            let about_action = action.is_some_and(|action| names_action(&text, action));
            let root_equivalent =
                text.contains(MANAGE) || text.contains("org.freedesktop.policykit.exec") || !text.contains("org.");
            facts.strays.push(Stray {
                path: format!("/{path}"),
                belongs,
                why,
                misnamed: read_here,
                about_action,
                root_equivalent,
            });
        }
    }
}

/// Whether a text names an action, exactly or by a pattern of its prefix.
pub(super) fn names_action(text: &str, action: &str) -> bool {
    let starts = action.match_indices('.').filter_map(|(at, _)| action.get(..=at)).skip(1);
    text.contains(action)
        || starts.into_iter().any(|start| text.contains(&format!("{start}*")) || text.contains(&format!("\"{start}\"")))
}

fn kind(text: &str) -> Option<StrayKind> {
    if text.contains("polkit.addRule") || text.contains("polkit.addAdminRule") {
        return Some(StrayKind::Rules);
    }
    let has = |key: &str| text.lines().any(|line| line.trim_start().starts_with(key));
    (has("Identity=") && has("Action=")).then_some(StrayKind::Pkla)
}

/// Returns the evidence that this is a container.
pub(super) fn container() -> Option<String> {
    let found = ["/run/systemd/container", "/.dockerenv", "/run/.containerenv"]
        .into_iter()
        .find(|path| Path::new(path).exists())?;
    Some(sign_of_container(found, &kernel_text(found).unwrap_or_default()))
}

/// Describes the file that shows a container. That of systemd names its kind.
fn sign_of_container(found: &str, text: &str) -> String {
    let kind = text.lines().next().filter(|kind| found.starts_with("/run/systemd") && !kind.is_empty());
    kind.map_or_else(|| found.to_owned(), |kind| format!("{found}: {kind}"))
}

/// Checks whether /proc hides processes of other users from polkitd.
pub(super) fn hidepid(names: &Names, facts: &mut Facts) {
    let Polkitd::Answers { pid, uid, .. } = &facts.polkitd else { return };
    if *uid == Some(0) {
        return;
    }
    let own = || kernel_text("/proc/self/mountinfo").ok();
    let theirs = pid.and_then(|pid| kernel_text(format!("/proc/{pid}/mountinfo")).ok());
    let Some(text) = theirs.filter(|text| !text.is_empty()).or_else(own) else { return };
    facts.hidepid = hidden(names, *uid, &text);
}

/// Returns the mount of /proc that hides processes from polkitd with this uid.
fn hidden(names: &Names, uid: Option<u32>, mountinfo: &str) -> Option<Hidepid> {
    let (option, exempt) = hiding(mountinfo)?;
    let daemon = uid.map(|uid| super::accounts::user(names, uid));
    let gids = daemon.as_ref().map(|user| names.groups_of(user).unwrap_or_default()).unwrap_or_default();
    let is_exempt = exempt.is_some_and(|gid| gids.contains(&gid));
    (!is_exempt).then(|| Hidepid { option, gid: daemon.map(|user| user.gid) })
}

/// Returns the option of the last mount of /proc that hides processes, and the gid that may see them.
fn hiding(mountinfo: &str) -> Option<(String, Option<u32>)> {
    let mounts = mountinfo.lines().filter(|line| line.split(' ').nth(4) == Some("/proc"));
    let options = mounts.filter_map(|line| line.rsplit(' ').next()).next_back()?;
    let value = |key: &str| options.split(',').find_map(|option| option.strip_prefix(key));
    let hides = value("hidepid=").filter(|value| !matches!(*value, "0" | "off"))?;
    Some((format!("hidepid={hides}"), value("gid=").and_then(|gid| gid.parse().ok())))
}

/// Finds .policy files of polkit and libvirt that differ from those of their package.
pub(super) fn edited(tree: &Tree, facts: &mut Facts) {
    const ACTIONS: &str = "usr/share/polkit-1/actions";
    let lists = tree.names(PACKAGES).unwrap_or_default();
    let mut known: Vec<PackageFile> = Vec::new();
    for list in lists.iter().filter(|name| name.ends_with(".md5sums")) {
        if !["polkit", "libvirt", "policykit", "systemd", "udisks", "network-manager"]
            .iter()
            .any(|start| list.starts_with(start))
        {
            continue;
        }
        let package = list.trim_end_matches(".md5sums").split(':').next().unwrap_or_default();
        let text = tree.read_text(&format!("{PACKAGES}/{list}")).unwrap_or_default();
        known.extend(sums(&text).filter(|(path, _)| path.starts_with(ACTIONS)).map(|(path, sum)| PackageFile {
            path: format!("/{path}"),
            sum: sum.to_owned(),
            package: package.to_owned(),
        }));
    }
    if known.is_empty() {
        return;
    }
    let mut argv = vec!["md5sum", "--"];
    argv.extend(known.iter().map(|file| file.path.as_str()));
    let Some((_, text)) = run(&argv, MD5SUM) else { return };
    facts.edited.extend(differing(&known, &text));
}

/// A file of a package, with its MD5 sum there.
struct PackageFile {
    path: String,
    sum: String,
    package: String,
}

/// Reads lines of md5sum(1): paths with their sums.
fn sums(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once("  ")).map(|(sum, path)| (path, sum))
}

/// Returns the files that have another sum now, with their packages.
fn differing(known: &[PackageFile], now: &str) -> Vec<(String, String)> {
    let other = |(path, sum): (&str, &str)| known.iter().find(|file| file.path == path && file.sum != sum);
    sums(now).filter_map(other).map(|file| (file.path.clone(), file.package.clone())).collect()
}

/// Whether SELinux enforces its policy.
pub(super) fn selinux_enforces() -> bool {
    polkit_config::bounded::kernel_text("/sys/fs/selinux/enforce").is_ok_and(|text| text.trim() == "1")
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
