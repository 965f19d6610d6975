//! Datagrams of the kernel's process events.
#![no_main]

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| {
    let _ = polkit_service_agent::register::proc_connector::parse(datagram);
});
