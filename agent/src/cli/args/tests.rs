use super::*;

#[test]
fn a_duration_is_a_time_before_now_and_other_times_are_those_of_journalctl() {
    let of = |text: &str| since(text).unwrap();
    assert_eq!([of("1h"), of("90s"), of("10m")], ["-1h", "-90s", "-10m"]);
    assert_eq!([of("-24h"), of("yesterday"), of("2027-01-31 18:00")], ["-24h", "yesterday", "2027-01-31 18:00"]);
}

#[test]
fn an_approval_has_a_length_of_one_hour_at_most() {
    assert_eq!(length("90s"), Ok(Duration::from_secs(90)));
    assert_eq!(length("1h"), Ok(LONGEST_APPROVAL));
    assert_eq!(length("61m"), Err("an approval is valid for 1h at most".into()));
    for wrong in ["0s", "", "soon"] {
        assert_eq!(length(wrong), Err("write a duration as 90s, 10m or 1h".into()), "{wrong}");
    }
}

#[test]
fn a_time_is_an_instant_a_time_of_today_or_a_local_time() {
    assert!(matches!(at("2027-01-31T18:00Z"), Ok(At::Instant(_))));
    assert!(matches!(at("18:00"), Ok(At::Today(_))));
    assert!(matches!(at("2027-01-31T18:00"), Ok(At::Local(_))));
    assert!(at("soon").is_err_and(|error| error == "write a time as 2027-01-31T18:00 or 18:00"));
}

#[test]
fn a_unit_has_its_suffix() {
    assert_eq!(unit("web.service"), Ok("web.service".into()));
    assert_eq!(unit("web"), Err("write the whole name of the unit: web.service".into()));
    assert_eq!(unit("a/b"), Err("it cannot be the name of a unit".into()));
}

#[test]
fn a_detail_has_a_key_and_a_value() {
    assert_eq!(key_value("a=b=c"), Ok(("a".into(), "b=c".into())));
    assert_eq!(key_value("a="), Ok(("a".into(), String::new())));
    assert!(key_value("=b").is_err() && key_value("a").is_err());
}
