use super::*;

#[test]
fn a_failed_read_is_an_unknown_fact() {
    assert_eq!(Fact::from("7".parse::<u32>()), Fact::Known(7));
    assert_eq!(Fact::from("x".parse::<u32>()), Fact::Unknown);
}

#[test]
fn the_login_uid_is_a_number_or_missing() {
    assert_eq!(LoginUid::parse(" 1000\n").map(LoginUid::get), Some(1000));
    assert_eq!(LoginUid::parse("4294967295"), None);
    assert_eq!(LoginUid::parse("root"), None);
}
