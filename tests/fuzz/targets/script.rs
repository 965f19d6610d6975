//! The text of a rules file, as `check` cuts and reads it without running it.
#![no_main]

use polkit_policy_gen::lint::script::tokens;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut end = 0;
    for token in tokens(&text) {
        assert!(token.span.start >= end && token.span.end > token.span.start, "tokens follow each other");
        assert!(text.get(token.span.clone()).is_some(), "and end between characters");
        end = token.span.end;
    }
});
