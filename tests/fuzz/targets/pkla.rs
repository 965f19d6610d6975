//! A pkla file: read, asked, and converted, as polkit 0.105 and as polkit-pkla-compat take it.
#![no_main]

use polkit_policy_gen::convert::emit;
use polkit_policy_gen::implicit_authorization::Session;
use polkit_policy_gen::verdict::pkla::{File, Pkla, Reader, Store, Subject, glob, parse};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (entries, dropped) = parse(bytes);
    assert!(entries.iter().all(|entry| entry.line > 0) && dropped.iter().all(|dropped| dropped.line > 0));
    for entry in &entries {
        assert!(entry.actions.iter().all(|action| action.contains(['*', '?']) || glob(action, action)));
    }
    for reader in [Reader::Native, Reader::Compat] {
        let file = File { path: "/x.pkla".into(), entries: entries.clone() };
        let pkla = Pkla { reader, stores: vec![Store { key: "x-1".into(), files: vec![file] }] };
        let groups = ["wheel".to_owned()];
        for session in Session::ALL {
            let subject = Subject { user: "bob", groups: &groups, netgroups: Some(&[]), session };
            let outcome = pkla.outcome(subject, "org.example.one");
            assert!(outcome.possible.len() == 1 && outcome.unknown.is_empty(), "one file has one order");
        }
        if let Ok(text) = emit(&pkla, "") {
            assert!(text.is_ascii());
        }
    }
});
