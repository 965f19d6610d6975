use super::*;

/// The rounds of lines of a file.
fn rounds(content: &[u8]) -> std::io::Result<Vec<Vec<String>>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let mut lines = Lines::open(file.path())?;
    let mut rounds = Vec::new();
    loop {
        let round = lines.read(true)?;
        if round.is_empty() {
            return Ok(rounds);
        }
        rounds.push(round.into_iter().map(|line| String::from_utf8(line).unwrap()).collect());
    }
}

#[test]
fn lines_are_read_in_rounds_with_the_last_one_that_has_no_end() {
    assert_eq!(rounds(b"").unwrap(), Vec::<Vec<String>>::new());
    assert_eq!(rounds(b"a\nb").unwrap(), [["a\n", "b"]]);
    assert_eq!(rounds(b"a\n\nb\n").unwrap(), [["a\n", "\n", "b\n"]]);
    let sizes = |lines: usize| rounds("x\n".repeat(lines).as_bytes()).unwrap().iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(AT_ONCE), [AT_ONCE]);
    assert_eq!(sizes(2 * AT_ONCE + 1), [AT_ONCE, AT_ONCE, 1]);
}

#[test]
fn a_line_longer_than_the_buffer_is_read_and_a_line_over_the_limit_is_an_error() {
    let line = |length: usize| [vec![b'x'; length - 1], b"\ny".to_vec()].concat();
    let read = rounds(&line(LINE_MAX)).unwrap();
    assert_eq!((read[0].len(), read[0][0].len(), read[0][1].as_str()), (2, LINE_MAX, "y"));
    assert!(rounds(&line(LINE_MAX + 1)).is_err());
}

#[test]
fn a_request_has_no_nul_in_its_names_and_details() {
    let of = |user: &str, action: &str, key: &str, value: &str| {
        let line = serde_json::json!({ "user": user, "action": action, "details": { key: value } }).to_string();
        request(line.as_bytes())
    };
    let valid = of("bob", "org.example.run", "k", "v").unwrap();
    assert_eq!(
        (valid.user.as_str(), valid.action.as_str(), valid.details["k"].as_str()),
        ("bob", "org.example.run", "v")
    );
    for wrong in
        [of("b\0b", "a", "k", "v"), of("bob", "a\0", "k", "v"), of("bob", "a", "\0", "v"), of("bob", "a", "k", "\0")]
    {
        assert_eq!(wrong, Err("this is not a valid request: names and details cannot contain a NUL".to_owned()));
    }
    for wrong in [&b"{}"[..], b"", b"[1]", b"{\"user\": \"bob\", \"action\": \"a\", \"other\": 1}"] {
        assert!(request(wrong).unwrap_err().starts_with("this is not a valid request: "));
    }
}
