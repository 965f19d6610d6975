//! What is said between an agent and polkit's helper: lines, over a pipe or a socket (polkitagenthelper-pam.c, the same from
//! 0.105 to 128).

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::{HelperError, Said, Secret};
use crate::Cookie;

/// How much the helper may say in all, in bytes, and how many of PAM's messages are kept.
const LONGEST: u64 = 64 * 1024;
const MESSAGES: usize = 4;

/// What the helper is told first.
pub(super) struct Greeting<'a> {
    /// By the socket it is told the user; the program has him as an argument.
    pub(super) user: Option<&'a str>,
    pub(super) cookie: &'a Cookie,
}

/// A line of the helper.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// PAM wants something that is not to be seen.
    Hidden,
    /// PAM wants something that may be seen.
    Shown,
    /// PAM says something.
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

/// Leads the conversation to its end. Everything but a success is an error.
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
    let (mut asked, mut said) = (false, Said::default());
    loop {
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line).await?;
        let answer = match Line::read(&line).ok_or(HelperError::Protocol)? {
            Line::Hidden => secrets.next().ok_or(HelperError::TooManyPrompts)?.reveal(),
            Line::Shown => b"",
            Line::Message(text) => {
                said.add(text);
                continue;
            }
            Line::Success => return Ok(()),
            Line::Failure if asked => return Err(HelperError::Refused(said)),
            Line::Failure => return Err(HelperError::Unusable { said }),
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

impl Said {
    fn add(&mut self, text: &str) {
        if self.0.len() < MESSAGES {
            self.0.push(text.to_owned());
        }
    }
}
