//! Makes untrusted text safe for a log or a terminal.
//!
//! A process chooses its own name and command line. Unescaped, they can move the cursor, hide text, reverse the reading
//! direction or forge a log line.

use std::fmt::Write as _;

/// Returns `text` with every character escaped that a terminal interprets or does not show: `\x1b` for control characters
/// (C0, DEL, C1), `\u{202e}` for characters that are invisible or change the reading direction, `\\` for a backslash.
/// Different texts have different escaped forms.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            _ => push(&mut out, character),
        }
    }
    out
}

/// Escapes as [`escape`] does, for bytes that may not be UTF-8. A byte that is not part of a character becomes `\x` and two
/// digits. The control characters U+0080 to U+009F are written as `\u{80}` here, so that they differ from such bytes.
#[must_use]
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '\u{80}'..='\u{9f}' => push_code(&mut out, character),
                _ => push(&mut out, character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Escapes as [`escape`] does, but keeps a backslash: for messages and source lines, which may contain escaped text.
/// Idempotent.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut out, character);
    }
    out
}

/// Whether [`escape`] writes `character` as an escape sequence.
#[must_use]
pub fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' // soft hyphen
            | '\u{34f}' // combining grapheme joiner
            | '\u{61c}' // Arabic letter mark
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
            | '\u{17b4}' | '\u{17b5}' // Khmer inherent vowels
            | '\u{180b}'..='\u{180f}' // Mongolian selectors
            | '\u{200b}'..='\u{200f}' // zero width, marks of direction
            | '\u{2028}'..='\u{202e}' // line and paragraph separator, bidi embedding
            | '\u{2060}'..='\u{206f}' // word joiner, bidi isolates, deprecated controls
            | '\u{fe00}'..='\u{fe0f}' // variation selectors
            | '\u{feff}' // byte order mark
            | '\u{fff0}'..='\u{fffb}' // specials, interlinear annotation
            | '\u{1bca0}'..='\u{1bca3}' // shorthand format controls
            | '\u{1d173}'..='\u{1d17a}' // musical format controls
            | '\u{e0000}'..='\u{e0fff}' // tags, selectors
        )
}

fn push(out: &mut String, character: char) {
    if !is_hostile(character) {
        out.push(character);
    } else if u32::from(character) <= 0xff && character != '\u{ad}' {
        let _ = write!(out, "\\x{:02x}", u32::from(character));
    } else {
        push_code(out, character);
    }
}

fn push_code(out: &mut String, character: char) {
    let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_characters_are_written_out() {
        assert_eq!(escape("a\x1b[31m\n"), r"a\x1b[31m\x0a");
        assert_eq!(escape("\u{202e}gpj.exe"), r"\u{202e}gpj.exe");
        assert_eq!(escape("\u{9b}\u{7f}\u{200b}\u{2028}\u{feff}"), r"\x9b\x7f\u{200b}\u{2028}\u{feff}");
        assert_eq!(escape("Grüße 漢字 🦀"), "Grüße 漢字 🦀");
    }

    #[test]
    fn every_hostile_range_is_escaped_from_its_first_to_its_last_character() {
        // From Unicode's categories Cc, Cf, Zl and Zp, its variation selectors and its invisible letters.
        let ranges = [
            (0x00, 0x1f),
            (0x7f, 0x9f),
            (0xad, 0xad),
            (0x34f, 0x34f),
            (0x61c, 0x61c),
            (0x115f, 0x1160),
            (0x17b4, 0x17b5),
            (0x180b, 0x180f),
            (0x200b, 0x200f),
            (0x2028, 0x202e),
            (0x2060, 0x206f),
            (0x3164, 0x3164),
            (0xfe00, 0xfe0f),
            (0xfeff, 0xfeff),
            (0xffa0, 0xffa0),
            (0xfff0, 0xfffb),
            (0x1bca0, 0x1bca3),
            (0x1d173, 0x1d17a),
            (0xe0000, 0xe0fff),
        ];
        let hostile = |code: u32| char::from_u32(code).is_some_and(is_hostile);
        for (first, last) in ranges {
            assert!((first..=last).all(hostile), "{first:x} to {last:x}");
            assert!(first == 0 || !hostile(first - 1), "{:x}", first - 1);
            assert!(!hostile(last + 1), "{:x}", last + 1);
        }
    }

    #[test]
    fn an_escape_sequence_in_the_text_differs_from_the_character() {
        assert_ne!(escape(r"\x1b"), escape("\x1b"));
        assert_ne!(escape_bytes("\u{80}".as_bytes()), escape_bytes(b"\x80"));
        assert_eq!(escape_bytes(b"a\xffb\\"), r"a\xffb\\");
    }

    proptest! {
        #[test]
        fn escaped_text_has_no_hostile_characters(text in any::<String>(), bytes in any::<Vec<u8>>()) {
            prop_assert!(!escape(&text).chars().any(is_hostile));
            prop_assert!(!escape_bytes(&bytes).chars().any(is_hostile));
            prop_assert!(!visible(&text).chars().any(is_hostile));
        }

        #[test]
        fn different_bytes_have_different_escaped_forms(a in proptest::collection::vec(any::<u8>(), 0..4),
                                                b in proptest::collection::vec(any::<u8>(), 0..4)) {
            prop_assert_eq!(escape_bytes(&a) == escape_bytes(&b), a == b);
        }

        #[test]
        fn escaping_visible_text_twice_changes_nothing(text in any::<String>()) {
            let once = visible(&text);
            prop_assert_eq!(visible(&once), once.clone());
        }
    }
}
