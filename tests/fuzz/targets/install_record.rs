//! The record of what was installed. It says what root writes and takes away: nothing is accepted that we never write.
#![no_main]

use polkit_policy_gen::install::paths::{is_configuration, is_directory, is_file};
use polkit_policy_gen::install::record::Record;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = Record::parse(bytes, &|uid| uid == 0) else { return };
    for file in &record.files {
        assert!(is_file(&file.path), "{}", file.path);
        assert!(file.before.as_ref().is_none_or(|before| before.mode <= 0o777 && before.uid == 0));
    }
    assert!(record.edits.iter().all(|edit| is_configuration(&edit.path)));
    assert!(record.directories.iter().all(|path| is_directory(path)));
    assert_eq!(Record::parse(record.to_text().as_bytes(), &|uid| uid == 0), Ok(record));
});
