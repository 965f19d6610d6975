//! Parses GLib key files, the format of pkla files, as `GKeyFile` does without flags (glib 2.66 to 2.84).
//!
//! The input is bytes: a Latin-1 character in a comment is harmless, but in a value it invalidates the entry.

use std::collections::BTreeMap;

/// A group with its keys. The last value of a repeated key counts, and groups with the same name are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: String,
    /// The line of the first header, from 1.
    pub line: usize,
    /// The line of a second header with the same name.
    pub merged_at: Option<usize>,
    /// The raw values by key, with their lines.
    pub keys: BTreeMap<Vec<u8>, (Vec<u8>, usize)>,
}

/// The syntax error for which a file is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyfileError {
    /// The line, from 1.
    pub line: usize,
    /// The error.
    pub why: &'static str,
}

/// Returns the groups of a file in order.
///
/// # Errors
/// One malformed line invalidates the file.
pub fn parse(bytes: &[u8]) -> Result<Vec<Group>, KeyfileError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut current = None;
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // C code reads a line only up to a NUL.
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let line = trim_start(line);
        let number = number + 1;
        let broken = |why| KeyfileError { line: number, why };
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if let Some(name) = header(line) {
            let name = name.ok_or(broken("invalid group name"))?;
            let name = String::from_utf8_lossy(name).into_owned();
            let place = places.get(&name).copied();
            if let Some(group) = place.and_then(|place| groups.get_mut(place)) {
                group.merged_at.get_or_insert(number);
            } else {
                places.insert(name.clone(), groups.len());
                groups.push(Group { name, line: number, merged_at: None, keys: BTreeMap::new() });
            }
            current = Some(place.unwrap_or(groups.len() - 1));
            continue;
        }
        let equals = line.iter().position(|byte| *byte == b'=').filter(|at| *at > 0);
        let Some((key, value)) = equals.and_then(|at| Some((line.get(..at)?, line.get(at + 1..)?))) else {
            return Err(broken("this is not a comment, a [group] or key=value"));
        };
        let Some(group) = current.and_then(|place: usize| groups.get_mut(place)) else {
            return Err(broken("there is key=value before the first [group]"));
        };
        let key = key.trim_ascii_end();
        if !is_key(key) {
            return Err(broken("invalid key name"));
        }
        let value = trim_start(value);
        if current == Some(0) && key == b"Encoding" && !value.eq_ignore_ascii_case(b"UTF-8") {
            return Err(broken("the file declares an encoding other than UTF-8"));
        }
        group.keys.insert(key.to_vec(), (value.to_vec(), number));
    }
    Ok(groups)
}

/// Trims as `g_ascii_isspace`, including the vertical tab.
fn trim_start(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r');
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    line.get(start..).unwrap_or_default()
}

/// Returns the name in a header line; `Some(None)` if the name is invalid.
fn header(line: &[u8]) -> Option<Option<&[u8]>> {
    let inside = line.strip_prefix(b"[")?;
    let end = inside.iter().position(|byte| *byte == b']')?;
    let (name, rest) = inside.split_at_checked(end)?;
    if !rest.get(1..)?.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
        return None;
    }
    let fits = !name.is_empty() && !name.iter().any(|byte| *byte == b'[' || byte.is_ascii_control());
    Some(fits.then_some(name))
}

/// Follows `g_key_file_is_key_name`: anything except `=`, `[` and `]`, without blanks at the ends, optionally with a locale in brackets.
fn is_key(key: &[u8]) -> bool {
    let end = key.iter().position(|byte| matches!(byte, b'[' | b']')).unwrap_or(key.len());
    let Some((name, locale)) = key.split_at_checked(end) else { return false };
    if name.is_empty() || name.starts_with(b" ") || name.ends_with(b" ") {
        return false;
    }
    let Some(locale) = locale.strip_prefix(b"[") else { return locale.is_empty() };
    let Some(locale) = locale.strip_suffix(b"]") else { return false };
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@') || *byte > 0x7f;
    locale.iter().all(letter)
}

/// Splits a value into a list (`g_key_file_get_string_list`).
///
/// # Errors
/// The value is not UTF-8, or has an invalid escape sequence.
pub fn list(value: &[u8]) -> Result<Vec<String>, &'static str> {
    let text = std::str::from_utf8(value).map_err(|_| "the value is not UTF-8")?;
    let mut items = Vec::new();
    let mut item = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => item.push(match characters.next() {
                Some('s') => ' ',
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('\\') => '\\',
                Some(';') => ';',
                Some(_) => return Err("invalid escape sequence: `\\` is valid only before s, n, t, r, ; and \\"),
                None => return Err("the value ends in `\\`"),
            }),
            ';' => items.push(std::mem::take(&mut item)),
            _ => item.push(character),
        }
    }
    if !item.is_empty() {
        items.push(item);
    }
    Ok(items)
}

#[cfg(test)]
#[path = "keyfile_tests.rs"]
mod tests;
