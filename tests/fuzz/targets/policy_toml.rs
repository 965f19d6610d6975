//! policy.toml: read, and made into files where it is right.
#![no_main]

use polkit_config::report::{Report, Source};
use polkit_policy_gen::emit::{self, Origin, Owner};
use polkit_policy_gen::policy::Draft;
use polkit_policy_gen::target::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    for format in [Format::Rules, Format::Pkla] {
        let mut draft = Draft::read(&[Source::new("policy.toml", text.clone())], Report::new());
        let (policy, report) = draft.parts();
        let files = emit::files(policy, &Origin::Options, format, Owner::Admin, report);
        assert!(files.iter().filter(|file| file.name.ends_with(".rules")).all(|file| file.text.is_ascii()));
        assert_eq!(report.render(true).is_empty(), report.problems().is_empty());
    }
});
