//! The keys `session` and `seat`.

use super::*;

fn in_session(seat: Option<&str>, active: bool, remote: bool) -> Facts {
    let session = Session::Of { class: "user".into(), seat: seat.map(str::to_owned), active, remote };
    Facts { session: Fact::Known(session), ..facts() }
}

#[test]
fn a_session_without_a_seat_is_neither_active_nor_inactive_nor_local() {
    let with = |word: &str| Rule { session: Some(SessionKey::new(word)), ..rule(Answer::Allow) };
    for remote in [true, false] {
        let seatless = in_session(None, false, remote);
        for word in ["none", "active", "inactive", "local"] {
            assert_eq!(answer(with(word), &seatless), Answer::Deny, "{word}");
        }
        assert_eq!(answer(with("user"), &seatless), Answer::Allow);
        assert_eq!(answer(with("remote"), &seatless) == Answer::Allow, remote);
    }
    for active in [true, false] {
        assert_eq!(answer(with("local"), &in_session(Some("seat0"), active, false)), Answer::Allow);
        assert_eq!(answer(with("remote"), &in_session(Some("seat0"), active, false)), Answer::Deny);
    }
}

#[test]
fn seat_is_the_seat_of_the_session() {
    let at = |pattern: &str| Rule { seat: Some(Glob::new(pattern)), ..rule(Answer::Allow) };
    let (first, second) = (in_session(Some("seat0"), false, false), in_session(Some("seat-usb"), true, false));
    assert_eq!([answer(at("seat0"), &first), answer(at("seat0"), &second)], [Answer::Allow, Answer::Deny]);
    assert_eq!([answer(at("*"), &first), answer(at("*"), &second)], [Answer::Allow; 2]);
    for without in [in_session(None, false, false), facts(), Facts { session: Fact::Unknown, ..facts() }] {
        assert_eq!(answer(at("*"), &without), Answer::Deny);
    }
}

#[test]
fn session_tells_none_active_inactive_and_class_apart() {
    let in_session = |active| in_session(Some("seat0"), active, false);
    let with = |word: &str| Rule { session: Some(SessionKey::new(word)), ..rule(Answer::Allow) };
    assert_eq!(answer(with("none"), &facts()), Answer::Allow);
    assert_eq!(answer(with("none"), &in_session(true)), Answer::Deny);
    assert_eq!(answer(with("active"), &in_session(true)), Answer::Allow);
    assert_eq!(answer(with("active"), &in_session(false)), Answer::Deny);
    assert_eq!(answer(with("active"), &facts()), Answer::Deny);
    assert_eq!(answer(with("inactive"), &in_session(false)), Answer::Allow);
    assert_eq!(answer(with("user"), &in_session(false)), Answer::Allow);
    assert_eq!(answer(with("greeter"), &in_session(false)), Answer::Deny);
}
