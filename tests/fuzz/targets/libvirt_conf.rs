//! A configuration of libvirt's daemons: read, edited, and the edit taken back.
#![no_main]

use polkit_policy_gen::libvirt::conf::{DesiredValue, Key, Value, apply, undo, value};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let none = Value::Text("none".into());
    let keys = [
        Key { name: "auth_unix_rw", want: DesiredValue::Set(none.clone()), why: "" },
        Key { name: "access_drivers", want: DesiredValue::Default(Value::List(Vec::new())), why: "" },
        Key { name: "unix_sock_group", want: DesiredValue::Unset, why: "" },
    ];
    let Ok(edited) = apply(&text, &keys, &[]) else { return };
    assert_eq!(value(&edited.text, "auth_unix_rw"), Ok(Some(none)), "{text:?}");
    assert!(edited.ours.iter().all(|record| record.is_of_its_key()), "{:?}", edited.ours);
    // What a person changed stands against it, which is no error.
    assert!(undo(&edited.text, &edited.ours).is_ok(), "{text:?}");
});
