//! The target: the polkit that reads the files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use polkit_dbus::Authority;

use crate::failure::Failure;
use crate::tree::Tree;

/// The format of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// JavaScript, for polkit 0.106 and later.
    Rules,
    /// Local authority key files, for polkit 0.105 and for what polkit-pkla-compat reads.
    Pkla,
}

/// The value of `--target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `host`: the polkitd on the system bus.
    Host,
    /// `debian:11`, `debian:12` or `debian:13`.
    Debian(u8),
    /// `polkit:VERSION`.
    Polkit(Version),
    /// `root:DIR`: the polkit that is installed in that tree.
    Root(PathBuf),
}

/// A comparable version of polkit: 105 for 0.105, 120 for 0.120, then 121 and up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32);

/// The first version that provides rules with the unit of the subject.
pub const UNITS: Version = Version(124);

impl Version {
    /// The first version that reads JavaScript rules. From this version on, pkla files need polkit-pkla-compat.
    pub const RULES: Self = Self(106);

    /// Parses `0.105`, `122`, `126-2+deb13u1`, `2:0.105-33`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split_once(':').map_or(text, |(_, rest)| rest);
        let text = text.strip_prefix("0.").unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at_checked(end)?;
        let plain = rest.is_empty() || rest.starts_with(['.', '-', '+', '~']);
        digits.parse().ok().filter(|_| plain).map(Self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self <= Self(120) { write!(f, "0.{}", self.0) } else { write!(f, "{}", self.0) }
    }
}

impl fmt::Display for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => write!(f, "host"),
            Self::Debian(release) => write!(f, "debian:{release}"),
            Self::Polkit(version) => write!(f, "polkit:{version}"),
            Self::Root(directory) => write!(f, "root:{}", directory.display()),
        }
    }
}

impl FromStr for Spelling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            format!(
                "unknown target `{text}` (expected host, debian:11, debian:12, debian:13, polkit:VERSION or root:DIR)"
            )
        };
        match text.split_once(':') {
            None if text == "host" => Ok(Self::Host),
            Some(("debian", release)) => match release.parse() {
                Ok(release @ 11..=13) => Ok(Self::Debian(release)),
                _ => Err(wrong()),
            },
            Some(("polkit", version)) => Version::parse(version).map(Self::Polkit).ok_or_else(wrong),
            Some(("root", directory)) if !directory.is_empty() => Ok(Self::Root(directory.into())),
            _ => Err(wrong()),
        }
    }
}

/// The reader of pkla files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pkla {
    /// polkit itself (up to 0.105).
    Native,
    /// polkit-pkla-compat (polkitd-pkla), which is installed.
    Compat,
    /// polkit-pkla-compat, if it is installed; this is unknown.
    Perhaps,
    /// None.
    No,
}

/// The JavaScript engine for rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JavaScript {
    /// Duktape: polkit from 126 on, and Debian's polkit since 12.
    Duktape,
    /// Mozilla's engine, up to 120.
    Mozilla,
    /// One of the two, from 121 to 125. The engine is chosen when polkit is built.
    Either,
}

impl JavaScript {
    fn of(version: Version) -> Self {
        match version.0 {
            ..=120 => Self::Mozilla,
            121..=125 => Self::Either,
            _ => Self::Duktape,
        }
    }
}

/// A polkit and the formats that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The version.
    pub version: Version,
    /// The reader of pkla files.
    pub pkla: Pkla,
    /// The engine for rules, if this version reads rules.
    pub javascript: JavaScript,
}

impl Target {
    fn new(version: Version, compat: Pkla) -> Self {
        let pkla = if version < Version::RULES { Pkla::Native } else { compat };
        Self { version, pkla, javascript: JavaScript::of(version) }
    }

    /// Sets the engine to Duktape if it is `known` to be installed and the version leaves the choice.
    fn with_duktape(self, known: bool) -> Self {
        if known && self.javascript == JavaScript::Either {
            Self { javascript: JavaScript::Duktape, ..self }
        } else {
            self
        }
    }

    /// Returns the requested format, or the default format of the target.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the target does not read the requested format.
    pub fn format(&self, asked: Option<Format>) -> Result<Format, Failure> {
        let version = self.version;
        match (asked, self.pkla) {
            (Some(Format::Rules), Pkla::Native) => Err(Failure::Refused(format!(
                "polkit {version} reads no rules (they came with 0.106): omit --format to write pkla"
            ))),
            (Some(Format::Pkla), Pkla::No) => Err(Failure::Refused(format!(
                "polkit {version} reads no pkla files, because polkit-pkla-compat (Debian: polkitd-pkla) is not installed: \
                 omit --format to write rules"
            ))),
            (Some(format), _) => Ok(format),
            (None, Pkla::Native) => Ok(Format::Pkla),
            (None, _) => Ok(Format::Rules),
        }
    }
}

/// Resolves `spelling`. Asks the host's polkitd over the bus.
///
/// # Errors
/// [`Failure::Unreachable`] if there is no such polkit.
pub async fn resolve(spelling: &Spelling) -> Result<Target, Failure> {
    match spelling {
        Spelling::Host => of_host().await,
        Spelling::Debian(release) => Ok(match release {
            11 => Target::new(Version(105), Pkla::Native),
            // polkitd-pkla is a separate package in Debian 12, and does not exist in 13.
            12 => Target::new(Version(122), Pkla::Perhaps).with_duktape(true),
            _ => Target::new(Version(126), Pkla::No),
        }),
        Spelling::Polkit(version) => Ok(Target::new(*version, Pkla::Perhaps)),
        Spelling::Root(directory) => of_tree(&Tree::open(Some(directory))?),
    }
}

async fn of_host() -> Result<Target, Failure> {
    let absent = |error: polkit_dbus::AuthorityError| {
        Failure::Unreachable(format!(
            "cannot ask this host's polkitd: {error}. Install it (Debian 12 and later: `apt install polkitd`; \
             before: policykit-1; Fedora, openSUSE, Arch: polkit), or choose another target with --target"
        ))
    };
    let connection = polkit_dbus::connect().await.map_err(absent)?;
    let text = Authority::new(connection).version().await.map_err(absent)?.to_string();
    let version = Version::parse(&text)
        .ok_or_else(|| Failure::Unreachable(format!("unknown polkit version `{text}`: use --target polkit:VERSION")))?;
    let tree = Tree::open(None)?;
    Ok(Target::new(version, compat(&tree)).with_duktape(has_duktape(&tree)))
}

/// Whether Duktape's library is installed. Debian 12 and 13: libduktape207.
fn has_duktape(tree: &Tree) -> bool {
    let status = tree.read_text("var/lib/dpkg/status").unwrap_or_default();
    installed(&status, "libduktape207").is_some()
        || ["usr/lib", "usr/lib64"]
            .iter()
            .any(|path| tree.names(path).is_ok_and(|names| names.iter().any(|name| name.starts_with("libduktape.so."))))
}

/// Finds the polkit of another tree: from its dpkg status, otherwise from its directories.
fn of_tree(tree: &Tree) -> Result<Target, Failure> {
    let unreadable =
        |error| Failure::Unreachable(format!("cannot read {}: {error}", tree.shown("var/lib/dpkg/status")));
    let status = tree.read_text("var/lib/dpkg/status").map_err(unreadable)?;
    let version = ["polkitd", "policykit-1"].into_iter().find_map(|name| installed(&status, name));
    if let Some(version) = version.and_then(|version| Version::parse(&version)) {
        return Ok(Target::new(version, compat(tree)).with_duktape(has_duktape(tree)));
    }
    let has = |path| tree.has_directory(path).unwrap_or(false);
    if has("usr/share/polkit-1/rules.d") || has("etc/polkit-1/rules.d") {
        return Ok(Target::new(Version::RULES, compat(tree)));
    }
    if has("etc/polkit-1/localauthority") {
        return Ok(Target::new(Version(105), Pkla::Native));
    }
    Err(Failure::Unreachable(format!(
        "cannot find polkit in {}: use --target debian:N or --target polkit:VERSION",
        tree.path().display()
    )))
}

fn compat(tree: &Tree) -> Pkla {
    let rule = "49-polkit-pkla-compat.rules";
    let listed: Vec<_> = ["etc/polkit-1/rules.d", "usr/share/polkit-1/rules.d"].map(|path| tree.names(path)).into();
    if listed.iter().flatten().flatten().any(|name| name == rule) {
        Pkla::Compat
    } else if listed.iter().any(Result::is_err) {
        // Up to 122 only polkitd and root can read these directories.
        Pkla::Perhaps
    } else {
        Pkla::No
    }
}

/// Returns the version of an installed package from a dpkg status file.
pub(crate) fn installed(status: &str, package: &str) -> Option<String> {
    let stanza = status.split("\n\n").find(|stanza| {
        stanza.lines().any(|line| line.strip_prefix("Package: ") == Some(package))
            && stanza.lines().any(|line| line.starts_with("Status: ") && line.ends_with(" ok installed"))
    })?;
    stanza.lines().find_map(|line| line.strip_prefix("Version: ")).map(str::to_owned)
}

/// Returns the numbers of an upstream version: 257 and 13 of `257.13-1~deb13u1`, 105 of `0.105-31`.
pub(crate) fn numbers(version: &str) -> Vec<u64> {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.strip_prefix("0.").unwrap_or(version);
    let upstream = version.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    upstream.split('.').map_while(|number| number.parse().ok()).collect()
}

/// Returns the default target for a root directory.
#[must_use]
pub fn default_for(root: Option<&Path>) -> Spelling {
    root.map_or(Spelling::Host, |root| Spelling::Root(root.to_owned()))
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
