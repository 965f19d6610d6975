//! Quoting of names for the generated formats.

use std::fmt::Write as _;

use polkit_config::escape::escape;

/// Formats `text` as an ASCII JavaScript string, which both engines read in the same way. A Latin-1 byte would make Duktape drop the file, and
/// U+2028 would end a line.
#[must_use]
pub fn javascript(text: &str) -> String {
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            // Keeps `</script>` and `<!--` safe in a web page that shows a rule.
            Some('<') => out.push_str("\\u003c"),
            Some(' '..='~') => out.extend(char::from_u32(u32::from(unit))),
            _ => {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out.push('"');
    out
}

/// Formats `text` as a TOML string.
#[must_use]
pub fn toml(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(character),
            _ => {
                let _ = write!(out, "\\U{:08x}", u32::from(character));
            }
        }
    }
    out.push('"');
    out
}

/// Formats `text` as one shell word.
#[must_use]
pub fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Formats `text` for a comment: ASCII and one line.
#[must_use]
pub fn comment(text: &str) -> String {
    let mut out = String::new();
    for character in escape(text).chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use polkit_config::report::{Report, Source};
    use polkit_config::table;
    use proptest::prelude::*;

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        assert_eq!(javascript(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(javascript("</script>"), r#""\u003c/script>""#);
        assert_eq!(javascript("k\u{f6}ln\u{2028}\0\n"), r#""k\u00f6ln\u2028\u0000\u000a""#);
        assert_eq!(comment("a\nreturn 1; \u{f6}"), r"a\x0areturn 1; \u{f6}");
    }

    #[test]
    fn a_shell_word_is_quoted_unless_it_is_plain() {
        for plain in ["virsh", "/usr/bin/a-b_c.d", "a@b:c=d+e,f"] {
            assert_eq!(shell(plain), plain);
        }
        for (text, quoted) in [
            ("", "''"),
            ("a b", "'a b'"),
            ("o'brien", r"'o'\''brien'"),
            ("'; rm -rf /'", r"''\''; rm -rf /'\'''"),
            ("$(x)`y`\\", r"'$(x)`y`\'"),
            ("a\nb", "'a\nb'"),
            ("~x", "'~x'"),
        ] {
            assert_eq!(shell(text), quoted, "{text}");
            let output =
                std::process::Command::new("sh").args(["-c", &format!("printf %s {quoted}")]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text, "the shell reads the text again");
        }
    }

    proptest! {
        #[test]
        fn every_text_survives_quoting_as_ascii(text in any::<String>()) {
            let quoted = javascript(&text);
            prop_assert!(quoted.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text.clone());
            let source = Source::new("toml", format!("a = {}", toml(&text)));
            let mut report = Report::new();
            let read = table::parse(&source, &mut report).string("a", &mut report);
            prop_assert_eq!(read.map(|read| read.value), Some(text.clone()));
            prop_assert!(comment(&text).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
