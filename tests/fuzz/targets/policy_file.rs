//! A .policy file, as polkitd's reader of actions takes it.
#![no_main]

use polkit_policy_gen::verdict::action_file::parse;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (actions, error) = parse(bytes);
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    assert!(error.is_none_or(|(line, _)| (1..=lines).contains(&line)));
    assert!(actions.len() <= bytes.len());
});
