//! The line protocol between an agent and polkit's helper, over a pipe or a socket (polkitagenthelper-pam.c, the same from
//! 0.105 to 128).

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::{HelperError, HelperMessages, Secret};
use crate::Cookie;

/// Limit of the helper's output in bytes, and of the PAM messages that are kept.
const LONGEST: u64 = 64 * 1024;
const MESSAGES: usize = 4;

/// The first lines that the agent sends.
pub(super) struct Greeting<'a> {
    /// The user name: the socket protocol requires it, while the program receives it as an argument.
    pub(super) user: Option<&'a str>,
    pub(super) cookie: &'a Cookie,
}

/// A line of the helper.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// A PAM prompt with hidden input.
    Hidden,
    /// A PAM prompt with visible input.
    Shown,
    /// A PAM message.
    Message(&'a str),
    Success,
    Failure,
}

impl<'a> Line<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "PAM_PROMPT_ECHO_OFF" => Some(Self::Hidden),
            "PAM_PROMPT_ECHO_ON" => Some(Self::Shown),
            "PAM_ERROR_MSG" | "PAM_TEXT_INFO" => Some(Self::Message(rest)),
            "SUCCESS" if rest.is_empty() => Some(Self::Success),
            "FAILURE" if rest.is_empty() => Some(Self::Failure),
            _ => None,
        }
    }
}

/// Holds the conversation. Returns `Ok` only if the helper reports success.
pub(super) async fn converse(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    greeting: Greeting<'_>,
    secrets: &[Secret],
) -> Result<(), HelperError> {
    if let Some(user) = greeting.user {
        say(&mut to, user.as_bytes()).await?;
    }
    say(&mut to, greeting.cookie.secret().as_bytes()).await?;

    let mut lines = BufReader::new(from.take(LONGEST));
    let mut secrets = secrets.iter();
    let (mut asked, mut messages) = (false, HelperMessages::default());
    loop {
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line).await?;
        let answer = match Line::read(&line).ok_or(HelperError::Protocol)? {
            Line::Hidden => secrets.next().ok_or(HelperError::TooManyPrompts)?.reveal(),
            Line::Shown => b"",
            Line::Message(text) => {
                messages.add(text);
                continue;
            }
            Line::Success => return Ok(()),
            Line::Failure if asked => return Err(HelperError::Refused(messages)),
            Line::Failure => return Err(HelperError::Unusable { messages }),
        };
        asked = true;
        say(&mut to, answer).await?;
    }
}

async fn say(to: &mut (impl AsyncWrite + Unpin), line: &[u8]) -> std::io::Result<()> {
    to.write_all(line).await?;
    to.write_all(b"\n").await?;
    to.flush().await
}

impl HelperMessages {
    fn add(&mut self, text: &str) {
        if self.0.len() < MESSAGES {
            self.0.push(text.to_owned());
        }
    }
}
