//! What the hook sends, and what the daemon does.
#![no_main]

use polkit_service_agent::answer::hook_protocol::{Answer, parse};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(question) = parse(bytes) {
        assert!(question.details.len() <= bytes.len());
    }
    let answer = Answer::read(bytes);
    assert!(answer == Answer::Nothing || answer.word().as_bytes() == bytes);
});
