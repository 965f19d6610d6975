//! Harmful advice in texts. Pure.

use std::collections::BTreeSet;

/// Returns the harmful advice in a text, one sentence each.
#[must_use]
pub fn bad_advice(text: &str) -> Vec<&'static str> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = Vec::new();
    if compact.contains("auth_unix_rw=\"none\"") {
        found.push("the text sets auth_unix_rw = \"none\": if systemd creates the socket, every user may open it, so every local user gets root-equivalent access");
    }
    if compact.contains("Identity=*") || compact.contains("unix-user:*") {
        found.push("the text grants access to every user (the identity `*`)");
    }
    if text.contains("libvirtdconf") {
        found.push("the text edits /etc/libvirt/libvirtdconf, which nothing reads; the file is libvirtd.conf");
    }
    if compact.contains("unix_sock_group=") && !compact.contains("auth_unix_rw=\"none\"") {
        found.push("the text sets unix_sock_group, which has no effect on polkit, and none at all if systemd creates the socket");
    }
    let named = |marker: &str| -> BTreeSet<String> {
        let after = text.split(marker).skip(1);
        after
            .filter_map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')).next())
            .map(str::to_owned)
            .collect()
    };
    let granted = named("unix-group:");
    let joined: BTreeSet<String> =
        ["usermod -a -G ", "usermod -aG ", "usermod -G "].iter().flat_map(|marker| named(marker)).collect();
    if !granted.is_empty() && !joined.is_empty() && granted.is_disjoint(&joined) {
        found.push("the text grants access to one group and adds the user to another");
    }
    found
}
