//! The text of a rules file, as `check` cuts and reads it without running it.
#![no_main]

use polkit_policy_gen::lint::script::tokens;
use polkit_policy_gen::lint::{File, compile, mistakes, rules, shadow};
use polkit_policy_gen::target::{JavaScript, Pkla, Target, Version};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut end = 0;
    for token in tokens(&text) {
        assert!(token.span.start >= end && token.span.end > token.span.start, "tokens follow each other");
        assert!(text.get(token.span.clone()).is_some(), "and end between characters");
        end = token.span.end;
    }
    for line in 0..4 {
        // What it says is of no matter here.
        let _ = compile::why(&text, line);
    }
    let target = Target { version: Version(126), pkla: Pkla::Compat, javascript: JavaScript::Duktape };
    let files = [File::new("10-a.rules", bytes.to_vec()), File::new("20-b.rules", bytes.to_vec())];
    for finding in rules::lint(&files[0], target).into_iter().chain(mistakes::lint(&files[0])).chain(shadow::lint(&files)) {
        let span = finding.span.unwrap_or(0..0);
        assert!(files[finding.file].source.text().get(span).is_some(), "findings are about whole characters");
    }
});
