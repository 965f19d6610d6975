//! The text of a rules file, as `check` cuts and reads it without running it.
#![no_main]

use polkit_policy_gen::lint::read::Script;
use polkit_policy_gen::lint::{File, compile, mistakes, parse, rules, shadow};
use polkit_policy_gen::target::{JavaScript, Pkla, Target, Version};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut end = 0;
    let script = Script::of(&text);
    for span in script.spans() {
        assert!(span.start >= end && span.end > span.start, "lexemes follow each other");
        assert!(text.get(span.clone()).is_some(), "and end between characters");
        end = span.end;
    }
    for line in 0..4 {
        // What it says is of no matter here.
        let _ = compile::why(&script, line);
    }
    let target = Target { version: Version(126), pkla: Pkla::Compat, javascript: JavaScript::Duktape };
    let files = [File::new("10-a.rules", bytes.to_vec()), File::new("20-b.rules", bytes.to_vec())];
    let parsed = parse(&files);
    let own = rules::lint(&files[0], &parsed[0].script, target);
    for finding in own.into_iter().chain(mistakes::lint(&parsed[0].script)).chain(shadow::lint(&parsed)) {
        let span = finding.span.unwrap_or(0..0);
        assert!(files[finding.file].source.text().get(span).is_some(), "findings are about whole characters");
    }
});
