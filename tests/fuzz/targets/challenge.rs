//! The body of `BeginAuthentication`: bytes that the bus let through under its signature or another, and values that are
//! nearly what polkitd sends.
#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use polkit_dbus::Challenge;
use zbus::{Message, Variant};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let begin = || Message::method_call("/a", "BeginAuthentication");
    let message = match how % 4 {
        0 => {
            let text = if how & 4 == 0 { "sssa{ss}sa(sa{sv})" } else { "sssa{sv}sav" };
            // SAFETY: the message is read as one from the bus is, and every read is checked.
            unsafe { begin().build_raw_body(rest, text, Vec::new()) }
        }
        _ => match values(rest) {
            Ok(values) => begin().build(&values),
            Err(_) => return,
        },
    };
    let Ok(message) = message else { return };
    let Ok(challenge) = Challenge::decode(&message) else { return };
    assert!(!challenge.action.is_empty());
    assert!(challenge.details.subject_pid.is_none_or(|pid| pid.get() > 0));
    assert!(!challenge.details.other.contains_key("polkit.subject-pid"));
    assert_eq!(format!("{:?}", challenge.cookie), "Cookie(secret)");
});

type Values = (String, String, String, HashMap<String, String>, String, Vec<(String, HashMap<String, Variant<'static>>)>);

fn values(bytes: &[u8]) -> Result<Values> {
    let mut from = Unstructured::new(bytes);
    let mut details: HashMap<String, String> = from.arbitrary()?;
    for key in ["polkit.subject-pid", "polkit.caller-pid"] {
        if from.arbitrary()? {
            let pid: i64 = from.arbitrary()?;
            details.insert(key.into(), pid.to_string());
        }
    }
    let mut identities = Vec::new();
    for _ in 0..from.int_in_range(0..=3)? {
        let kind: String = from.choose(&["unix-user", "unix-group", "unix-netgroup", "martian"])?.to_string();
        let key: String = from.choose(&["uid", "gid", "name"])?.to_string();
        let value = match from.int_in_range(0..=2)? {
            0 => Variant::U32(from.arbitrary()?),
            1 => Variant::I32(from.arbitrary()?),
            _ => Variant::from(from.arbitrary::<String>()?),
        };
        identities.push((kind, HashMap::from([(key, value)])));
    }
    // The bus takes no NUL in a string, and a message with one cannot be built.
    Ok((from.arbitrary()?, from.arbitrary()?, String::new(), details, from.arbitrary()?, identities))
}
