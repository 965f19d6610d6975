//! What the hook sends, and the daemon's reply.
#![no_main]

use polkit_service_agent::kernel::answer::hook_protocol::{HookReply, parse};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(request) = parse(bytes) {
        assert!(request.details.len() <= bytes.len());
    }
    let reply = HookReply::read(bytes);
    assert!(reply == HookReply::Nothing || reply.word().as_bytes() == bytes);
});
