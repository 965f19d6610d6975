//! Whether a rules file can tell how objects were made that it gets.

/// What a file says somewhere if it can: it asks about properties themselves, changes what objects inherit, replaces a
/// constructor, or takes the list of rules into its own hands. A word too many here costs time alone.
const WORDS: [&str; 12] = [
    "Object",
    "prototype",
    "__",
    "Reflect",
    "Proxy",
    "Duktape",
    "Function",
    "constructor",
    "eval",
    "Action",
    "Subject",
    "_ruleFuncs",
];

/// Whether nothing of that kind is in a file, nor a name that is written by the numbers of its characters. One that is put
/// together while the rule runs is not seen.
pub fn is_plain(source: &[u8]) -> bool {
    let has = |word: &str| source.windows(word.len()).any(|part| part == word.as_bytes());
    let is_number = |pair: &[u8]| matches!(pair, [b'\\', b'u' | b'x' | b'0'..=b'7']);
    !WORDS.iter().any(|word| has(word)) && !source.windows(2).any(is_number)
}
