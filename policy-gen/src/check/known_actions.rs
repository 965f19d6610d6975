//! Ids that no .policy file defines, and the ids that are meant.

use std::collections::BTreeSet;

use crate::libvirt::needs;

/// Edit distance up to which an id counts as mistyped.
const MISTYPED_MAX: usize = 2;
/// Limit of suggested ids.
const MEANT_MAX: usize = 3;
/// Words with the same purpose, in the last part of an id.
const SYNONYMS: [(&str, &str); 8] = [
    ("read", "monitor"),
    ("readonly", "monitor"),
    ("view", "monitor"),
    ("write", "manage"),
    ("admin", "manage"),
    ("shutdown", "power-off"),
    ("poweroff", "power-off"),
    ("restart", "reboot"),
];

/// The known ids: those of a tree or host, and libvirt's.
#[derive(Debug, Default)]
pub struct KnownActions {
    ids: BTreeSet<String>,
}

impl KnownActions {
    /// Adds libvirt's ids to the registered ones.
    pub fn new<'a>(registered: impl Iterator<Item = &'a str>) -> Self {
        let mut ids: BTreeSet<String> = registered.map(str::to_owned).collect();
        ids.extend(needs::permissions().map(|permission| format!("org.libvirt.api.{permission}")));
        ids.extend(["org.libvirt.unix.monitor", "org.libvirt.unix.manage"].map(str::to_owned));
        Self { ids }
    }

    /// Whether an id is unknown although other ids of its program are known.
    pub fn is_unknown(&self, id: &str) -> bool {
        !self.ids.contains(id) && self.begins(&namespace(id))
    }

    /// Whether an id is known.
    pub fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Whether a known id begins with a text.
    pub fn begins(&self, start: &str) -> bool {
        self.ids.range(start.to_owned()..).next().is_some_and(|id| id.starts_with(start))
    }

    /// Returns the ids that are probably meant, the best first.
    pub fn meant(&self, id: &str) -> Vec<&str> {
        let of_calls = self.by_call(id);
        if !of_calls.is_empty() {
            return of_calls;
        }
        let (before, last) = id.rsplit_once('.').unwrap_or(("", id));
        let known = || self.ids.iter().map(String::as_str);
        let other_words =
            SYNONYMS.iter().filter(|(word, _)| *word == last).map(|(_, other)| format!("{before}.{other}"));
        let by_word: Vec<&str> = other_words.filter_map(|other| self.ids.get(&other)).map(String::as_str).collect();
        let below = format!("{id}.");
        let longer = format!("{id}-");
        let by_start = known().filter(|known| known.starts_with(&below) || known.starts_with(&longer));
        let end = format!(".{last}");
        let by_end = known().filter(|known| known.ends_with(&end) && namespace(known) == namespace(id));
        let elsewhere = known().filter(|known| known.ends_with(&end) && last.len() >= 8);
        let mut near: Vec<(usize, &str)> = known()
            .filter(|known| known.len().abs_diff(id.len()) <= MISTYPED_MAX)
            .map(|known| (strsim::damerau_levenshtein(known, id), known))
            .filter(|(distance, _)| *distance <= MISTYPED_MAX)
            .collect();
        near.sort_unstable();
        let words: BTreeSet<&str> = last.split(['-', '_']).filter(|word| word.len() > 3).collect();
        let shares = |known: &&str| {
            let last = known.rsplit('.').next().unwrap_or_default();
            namespace(known) == namespace(id) && last.split(['-', '_']).any(|word| words.contains(word))
        };
        let mut found: Vec<&str> = Vec::new();
        let near = near.into_iter().map(|(_, known)| known);
        for known in near.chain(by_word).chain(by_start).chain(by_end).chain(elsewhere).chain(known().filter(shares)) {
            if found.len() < MEANT_MAX && !found.contains(&known) {
                found.push(known);
            }
        }
        found
    }

    /// Returns the ids that libvirt checks for a call or a virsh command with the name of the last part.
    fn by_call(&self, id: &str) -> Vec<&str> {
        let Some((object, name)) = id.strip_prefix("org.libvirt.api.").and_then(|rest| rest.split_once('.')) else {
            return Vec::new();
        };
        let ids = needs::for_call(object, name).into_iter().map(|permission| format!("org.libvirt.api.{permission}"));
        ids.filter_map(|id| self.ids.get(&id)).map(String::as_str).take(MEANT_MAX).collect()
    }

    /// Returns the message and the remedy for an unknown id.
    pub fn describe(&self, id: &str) -> (String, Option<String>) {
        let shown = polkit_config::escape::escape(id);
        let meant = self.meant(id);
        let help = (!meant.is_empty()).then(|| format!("use {}", meant.join(" or ")));
        (format!("no .policy file defines the action {shown}"), help)
    }
}

/// Returns the start of an id that is common to the actions of a program, with the last dot.
fn namespace(id: &str) -> String {
    let parts: Vec<&str> = id.split('.').collect();
    let shared = ["org.freedesktop.", "org.gnome.", "org.kde.", "org.debian."];
    let count = match parts.len() {
        _ if id.starts_with("org.libvirt.") => 2,
        // The programs of these projects have names of three parts.
        3 if !shared.iter().any(|project| id.starts_with(project)) => 2,
        _ => 3,
    };
    format!("{}.", parts.get(..count.min(parts.len())).unwrap_or_default().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> KnownActions {
        KnownActions::new(
            [
                "org.freedesktop.login1.power-off",
                "org.freedesktop.login1.reboot",
                "org.freedesktop.NetworkManager.wifi.share.open",
                "org.freedesktop.NetworkManager.wifi.share.protected",
                "org.freedesktop.NetworkManager.wifi.scan",
                "org.freedesktop.NetworkManager.settings.modify.own",
                "org.debian.pcsc-lite.access_pcsc",
            ]
            .into_iter(),
        )
    }

    #[test]
    fn the_meant_id_follows_from_calls_commands_starts_ends_and_synonyms() {
        let known = known();
        for (id, meant) in [
            ("org.libvirt.api.domain.open-console", "org.libvirt.api.domain.open-device"),
            ("org.libvirt.api.domain.snapshot-create", "org.libvirt.api.domain.snapshot"),
            ("org.libvirt.api.domain.create", "org.libvirt.api.domain.start"),
            ("org.libvirt.api.domain.destroy", "org.libvirt.api.domain.stop"),
            ("org.libvirt.api.domain.reboot", "org.libvirt.api.domain.init-control"),
            ("org.libvirt.api.domain.shutdown", "org.libvirt.api.domain.init-control"),
            ("org.libvirt.api.domain.define", "org.libvirt.api.domain.write"),
            ("org.libvirt.api.domain.undefine", "org.libvirt.api.domain.delete"),
            ("org.libvirt.api.network.create", "org.libvirt.api.network.start"),
            ("org.libvirt.api.storage-pool.destroy", "org.libvirt.api.storage-pool.stop"),
            ("org.libvirt.unix.read", "org.libvirt.unix.monitor"),
            ("org.libvirt.unix.mange", "org.libvirt.unix.manage"),
            ("org.freedesktop.login1.shutdown", "org.freedesktop.login1.power-off"),
            ("org.freedesktop.login1.reboott", "org.freedesktop.login1.reboot"),
            ("org.freedesktop.NetworkManager.wifi.share", "org.freedesktop.NetworkManager.wifi.share.open"),
            ("org.freedesktop.NetworkManager.settings.modify", "org.freedesktop.NetworkManager.settings.modify.own"),
            ("org.debian.pcsc.access_pcsc", "org.debian.pcsc-lite.access_pcsc"),
        ] {
            assert_eq!(known.meant(id).first(), Some(&meant), "{id}: {:?}", known.meant(id));
        }
        assert!(known.meant("org.libvirt.api.domain").iter().all(|id| id.starts_with("org.libvirt.api.domain.")));
    }

    #[test]
    fn an_unknown_id_is_described_with_the_ids_that_can_be_meant() {
        let (message, help) = known().describe("org.freedesktop.login1.reboott");
        assert_eq!(message, "no .policy file defines the action org.freedesktop.login1.reboott");
        assert_eq!(help.as_deref(), Some("use org.freedesktop.login1.reboot"));
        assert_eq!(known().describe("com.a.b"), ("no .policy file defines the action com.a.b".to_owned(), None));
    }

    #[test]
    fn words_of_four_letters_and_more_suggest_an_id_of_the_same_program() {
        let known = KnownActions::new(["org.a.b.scan-wifi", "org.a.b.set-ntp"].into_iter());
        assert_eq!(known.meant("org.a.b.wifi-scanning"), ["org.a.b.scan-wifi"]);
        assert_eq!(known.meant("org.a.b.ntp-enabled"), [""; 0], "shorter words say too little");
    }

    #[test]
    fn each_meant_id_is_named_once_and_at_most_a_few_are() {
        let ids: Vec<String> = (0..9).map(|number| format!("org.example.daemon.run-{number}")).collect();
        let many = KnownActions::new(ids.iter().map(String::as_str));
        let meant = many.meant("org.example.daemon.run");
        assert_eq!(meant.len(), MEANT_MAX, "{meant:?}");
        for id in ["org.freedesktop.NetworkManager.wifi.share", "org.freedesktop.login1.reboott"] {
            let known = known();
            let meant = known.meant(id);
            let unique: BTreeSet<&str> = meant.iter().copied().collect();
            assert_eq!(unique.len(), meant.len(), "{meant:?}");
        }
    }

    #[test]
    fn an_id_of_a_program_that_is_not_installed_is_not_judged() {
        let known = known();
        assert!(known.is_unknown("org.freedesktop.login1.restart") && known.is_unknown("org.libvirt.api.domain"));
        for id in [
            "org.freedesktop.login1.reboot",
            "org.libvirt.api.domain.start",
            "org.example.run",
            "org.freedesktop.udisks2.x",
        ] {
            assert!(!known.is_unknown(id), "{id}");
        }
    }
}
