//! The tests play the helper's side of the protocol. Tests in beds use the real helper.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex, split};
use zeroize::Zeroizing;

use super::*;

const COOKIE: &str = "3-0123456789abcdef-1-fedcba";

fn secret(text: &str) -> Secret {
    Secret::new(Zeroizing::new(text.into())).unwrap()
}

/// Talks to a helper that sends these lines, one after each answer. Returns the outcome and the lines that the helper received.
async fn talk(user: Option<&str>, says: &[&str], secrets: &[&str]) -> (Result<(), HelperError>, Vec<String>) {
    let (ours, theirs) = duplex(1 << 20);
    let (from, to) = split(ours);
    let cookie = Cookie::new(COOKIE.into()).unwrap();
    let secrets: Vec<Secret> = secrets.iter().map(|text| secret(text)).collect();
    let playing = async {
        let (reader, mut writer) = split(theirs);
        let mut reader = BufReader::new(reader).lines();
        let mut received = Vec::new();
        for _ in 0..if user.is_some() { 2 } else { 1 } {
            received.push(reader.next_line().await.unwrap().unwrap());
        }
        for line in says {
            // The agent may have closed the connection already.
            let _ = writer.write_all(line.as_bytes()).await;
            if line.starts_with("PAM_PROMPT") {
                received.extend(reader.next_line().await.unwrap());
            }
        }
        drop(writer);
        received
    };
    let talking = async {
        let greeting = Greeting { user, cookie: &cookie };
        converse(from, to, greeting, &secrets).await
    };
    tokio::join!(talking, playing)
}

const PASSWORD: &str = "PAM_PROMPT_ECHO_OFF Password: \n";

#[tokio::test]
async fn the_program_receives_the_cookie_and_the_secret() {
    let (outcome, received) = talk(None, &[PASSWORD, "SUCCESS\n"], &["hunter2"]).await;
    assert!(outcome.is_ok());
    assert_eq!(received, [COOKIE, "hunter2"]);
}

#[tokio::test]
async fn the_socket_receives_the_user_first() {
    let (outcome, received) =
        talk(Some("kiosk"), &["PAM_TEXT_INFO welcome\n", PASSWORD, "SUCCESS\n"], &["hunter2"]).await;
    assert!(outcome.is_ok());
    assert_eq!(received, ["kiosk", COOKIE, "hunter2"]);
}

#[tokio::test]
async fn hidden_prompts_receive_the_secrets_in_order_and_visible_prompts_none() {
    let says = [PASSWORD, "PAM_PROMPT_ECHO_ON Login: \n", "PAM_PROMPT_ECHO_OFF Code: \n", "SUCCESS\n"];
    let (outcome, received) = talk(None, &says, &["hunter2", "123456"]).await;
    assert!(outcome.is_ok());
    assert_eq!(received, [COOKIE, "hunter2", "", "123456"]);
}

#[tokio::test]
async fn no_secret_is_sent_twice() {
    let (outcome, received) = talk(None, &[PASSWORD, PASSWORD, "SUCCESS\n"], &["hunter2"]).await;
    assert!(matches!(outcome, Err(HelperError::TooManyPrompts)), "{outcome:?}");
    assert_eq!(received, [COOKIE, "hunter2"]);
}

#[tokio::test]
async fn a_refusal_of_pam_includes_its_messages() {
    let (outcome, _) = talk(None, &[PASSWORD, "PAM_ERROR_MSG account\\nexpired\n", "FAILURE\n"], &["wrong"]).await;
    let Err(error @ HelperError::Refused(_)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.to_string(), "PAM refused (account\\nexpired)");
}

#[tokio::test]
async fn a_helper_that_fails_before_a_prompt_is_not_a_wrong_secret() {
    let (outcome, received) = talk(None, &["FAILURE\n"], &["hunter2"]).await;
    assert!(matches!(outcome, Err(HelperError::Unusable { .. })), "{outcome:?}");
    assert_eq!(received, [COOKIE]);
}

#[tokio::test]
async fn only_the_line_success_is_a_success() {
    let says: [&[&str]; 7] = [
        &[],
        &["SUCCESS"],
        &["SUCCESS now\n"],
        &["success\n"],
        &["\n"],
        &["PAM_TEXT_INFO SUCCESS\n"],
        &["PAM_PROMPT_ECHO_OFF\u{ff}\n", "SUCCESS\n"],
    ];
    for says in says {
        let (outcome, _) = talk(None, says, &[]).await;
        assert!(outcome.is_err(), "{says:?}");
    }
}

#[tokio::test]
async fn the_output_of_the_helper_is_limited() {
    let line = format!("PAM_TEXT_INFO {}\n", "x".repeat(1000));
    let says: Vec<&str> = std::iter::repeat_n(line.as_str(), 100).chain(["SUCCESS\n"]).collect();
    let (outcome, _) = talk(None, &says, &[]).await;
    assert!(matches!(outcome, Err(HelperError::Protocol)), "{outcome:?}");
    let one = "x".repeat(1 << 17);
    let (outcome, _) = talk(None, &[&one], &[]).await;
    assert!(matches!(outcome, Err(HelperError::Protocol)), "{outcome:?}");
}

#[test]
fn a_secret_is_one_line_within_the_helpers_limit() {
    let new = |bytes: &[u8]| Secret::new(Zeroizing::new(bytes.to_vec()));
    assert_eq!(new(b"hunter2\n").unwrap().reveal(), b"hunter2");
    assert_eq!(new(&[b'x'; 510]).unwrap().reveal().len(), 510);
    assert_eq!(new(b" two words ").unwrap().reveal(), b" two words ");
    assert_eq!(new(b"").unwrap_err(), BadSecret::Empty);
    assert_eq!(new(b"\n").unwrap_err(), BadSecret::Empty);
    assert_eq!(new(&[b'x'; 511]).unwrap_err(), BadSecret::TooLong);
    assert_eq!(new(b"a\nb").unwrap_err(), BadSecret::NotALine);
    assert_eq!(new(b"a\0b").unwrap_err(), BadSecret::NotALine);
}

#[test]
fn debug_does_not_print_the_secret() {
    assert_eq!(format!("{:?}", secret("hunter2")), "Secret");
}

#[tokio::test]
async fn a_missing_helper_is_reported_and_a_program_that_is_not_setuid_is_not_run() {
    let cookie = Cookie::new(COOKIE.into()).unwrap();
    let nowhere = Helper { socket: "/nonexistent/socket".into(), programs: vec!["/nonexistent/helper".into()] };
    let outcome = nowhere.authenticate("kiosk", &cookie, &[]).await;
    assert!(matches!(outcome, Err(HelperError::Absent)), "{outcome:?}");
    let powerless = Helper { programs: vec!["/bin/true".into()], ..nowhere };
    let outcome = powerless.authenticate("kiosk", &cookie, &[]).await;
    assert!(matches!(outcome, Err(HelperError::NotSetuid(_))), "{outcome:?}");
    for user in ["", "a\nb", "a\0b"] {
        let outcome = powerless.authenticate(user, &cookie, &[]).await;
        assert!(matches!(outcome, Err(HelperError::Io(_))), "{outcome:?}");
    }
}
