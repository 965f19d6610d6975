//! Patterns of actions in JavaScript.

use polkit_config::pattern::ActionPattern;

/// Returns the text before the first star.
pub(super) fn beginning(pattern: &ActionPattern) -> &str {
    pattern.as_str().split('*').next().unwrap_or_default()
}

/// Formats a pattern as a regular expression. A pattern contains only letters, digits, `-`, `_`, `.` and `*`.
pub(super) fn expression(pattern: &str) -> String {
    let (start, end) = pattern.strip_suffix('*').map_or((pattern, ""), |start| (start, ".*"));
    format!("/^{}{end}$/", start.replace('.', "\\.").replace('*', "[^.]*"))
}
