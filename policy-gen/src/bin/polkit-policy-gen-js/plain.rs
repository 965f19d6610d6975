//! Checks whether a rules file can notice how the objects are made that it receives.

/// Words in files that can notice it: files that inspect properties, change prototypes, replace a constructor, or manage the list of
/// rules. A superfluous word only costs time.
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

/// Whether a file contains none of these words and no name written with character codes. A name that is assembled at run time is not
/// detected.
pub fn is_plain(source: &[u8]) -> bool {
    let has = |word: &str| source.windows(word.len()).any(|part| part == word.as_bytes());
    let is_number = |pair: &[u8]| matches!(pair, [b'\\', b'u' | b'x' | b'0'..=b'7']);
    !WORDS.iter().any(|word| has(word)) && !source.windows(2).any(is_number)
}
