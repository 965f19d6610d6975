//! Edits the member lists in the text of `etc/group` and `etc/gshadow`. Everything else in the text stays unchanged.

/// The files with group memberships.
pub const FILES: [&str; 2] = ["etc/group", "etc/gshadow"];

/// Whether `user` is in the member list of `group`.
#[must_use]
pub fn is_listed(text: &str, group: &str, user: &str) -> bool {
    line_of(text, group).is_some_and(|line| members(line).any(|member| member == user))
}

/// Whether there is an entry for `group`.
#[must_use]
pub fn has_group(text: &str, group: &str) -> bool {
    line_of(text, group).is_some()
}

/// Returns the text with `user` added to the list of `group`, or removed from it.
#[must_use]
pub fn edit(text: &str, group: &str, user: &str, add: bool) -> String {
    let mut seen = false;
    let edited = text.split_inclusive('\n').map(|line| {
        if seen || !is_of(line, group) {
            return line.to_owned();
        }
        seen = true;
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let mut list: Vec<&str> = members(line).filter(|member| *member != user).collect();
        if add {
            list.push(user);
        }
        let fixed: Vec<&str> = line.splitn(4, ':').take(3).collect();
        format!("{}:{}{end}", fixed.join(":"), list.join(","))
    });
    edited.collect()
}

fn line_of<'a>(text: &'a str, group: &str) -> Option<&'a str> {
    text.lines().find(|line| is_of(line, group))
}

/// Whether the line is the entry of `group`. A line with fewer than four fields is not an entry.
fn is_of(line: &str, group: &str) -> bool {
    let mut fields = line.splitn(4, ':');
    fields.next() == Some(group) && fields.count() == 3
}

fn members(line: &str) -> impl Iterator<Item = &str> {
    let list = line.trim_end_matches('\n').splitn(4, ':').nth(3).unwrap_or("");
    list.split(',').filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "root:x:0:\nlibvirt:x:110:alice,bob\nempty:x:111:\nshort:x\n+nis\nlast:x:112:bob";

    #[test]
    fn only_the_list_of_the_group_changes_and_the_change_is_reversible() {
        for group in ["root", "libvirt", "empty", "last"] {
            let with = edit(TEXT, group, "www-data", true);
            assert!(is_listed(&with, group, "www-data") && !is_listed(TEXT, group, "www-data"));
            assert_eq!(edit(&with, group, "www-data", false), TEXT, "{group}");
        }
        assert_eq!(edit(TEXT, "libvirt", "alice", false), TEXT.replace("alice,bob", "bob"));
    }

    #[test]
    fn lines_that_are_not_groups_are_unchanged() {
        for group in ["short", "+nis", "absent", ""] {
            assert!(!has_group(TEXT, group), "{group}");
            assert_eq!(edit(TEXT, group, "alice", true), TEXT);
        }
    }
}
