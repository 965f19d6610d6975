//! `answer = "authenticate"` with its keys: what may be said to PAM, and as whom.

use polkit_agent_rules::rule::Answer;
use polkit_config::{
    names::Names,
    report::{Problem, Report},
    table::{Spanned, Table},
};

use super::{
    entry::{Entry, Identity},
    serve::named_user,
};

/// A file name has no more bytes.
const LONGEST_NAME: usize = 255;
const INSTEAD: &str = "write a rule of polkit instead (`polkit-policy-gen generate`): it needs no secret";

/// Reads `credential` and `identity` of one rule.
pub(super) fn read(
    table: &mut Table,
    answer: Option<&Spanned<Answer>>,
    report: &mut Report,
) -> (Vec<String>, Option<Identity>) {
    let credentials = table.strings("credential", report);
    let identity = table.string("identity", report);
    if let Some(answer) = answer {
        let misplaced = [
            ("credential", credentials.as_ref().and_then(|list| list.first()).map(|first| &first.at)),
            ("identity", identity.as_ref().map(|identity| &identity.at)),
        ];
        for (key, at) in misplaced.into_iter().filter(|_| answer.value != Answer::Authenticate) {
            if let Some(at) = at {
                let message = format!("`{key}` is for `answer = \"authenticate\"` alone");
                report.push(Problem::error(at.clone(), message).help("leave it out"));
            }
        }
        if answer.value == Answer::Authenticate && credentials.is_none() {
            let problem = Problem::error(answer.at.clone(), "there is nothing to tell PAM");
            report.push(problem.help("`credential = \"NAME\"`, a file that the unit's `LoadCredential=NAME:…` makes"));
        }
    }
    let credentials = credentials.unwrap_or_default().into_iter().filter_map(|name| checked(name, report)).collect();
    let identity = identity.and_then(|name| Some(Identity { user: named_user(&name, report)?, at: name.at }));
    (credentials, identity)
}

/// systemd's own rule for the names of credentials, and nothing that leads out of their directory.
fn checked(name: Spanned<String>, report: &mut Report) -> Option<String> {
    let plain = name.value.chars().all(|c| c.is_ascii_graphic() && c != '/' && c != ':');
    if plain && !name.value.is_empty() && name.value.len() <= LONGEST_NAME && !name.value.starts_with('.') {
        return Some(name.value);
    }
    let problem = Problem::error(name.at, format!("`{}` cannot be the name of a credential", name.value));
    report.push(problem.help("the name of a file in $CREDENTIALS_DIRECTORY, such as `\"kiosk-password\"`"));
    None
}

/// An agent of root has no need of PAM: polkitd believes it.
pub(super) fn refuse_for_root(entries: &[Entry], report: &mut Report) {
    for entry in authenticating(entries) {
        let message = format!("`{}` authenticates, and that is for an agent that is not root", entry.rule.id);
        let help = "polkitd believes root without a password: `answer = \"allow\"`. An agent inside a session, which is not root's, \
                    authenticates: `session = \"own\"` (check its file as its user)";
        report.push(Problem::error(entry.at.clone(), message).help(help));
    }
}

/// PAM is asked about the user whom the agent runs as, and about nobody else: a secret of another's in reach of this user
/// would be worth more than what the rule gives.
pub(super) fn refuse_others(entries: &[Entry], own: u32, report: &mut Report) {
    let name = || match Names::Host.user_by_uid(own) {
        Ok(Some(user)) => format!("`{}`", user.name),
        Ok(None) | Err(_) => format!("uid {own}"),
    };
    for entry in authenticating(entries) {
        let identity = entry.identity.as_ref().map(|identity| (&identity.user, &identity.at, "authenticate as"));
        let user = entry.rule.user.as_ref().map(|user| (user, &entry.at, "answer for processes of"));
        for (other, at, what) in identity.into_iter().chain(user).filter(|(user, ..)| user.id != own) {
            let message = format!(
                "`{}` would {what} `{}`, and this agent speaks for {} alone",
                entry.rule.id,
                other.name,
                name()
            );
            report.push(Problem::error(at.clone(), message).help(INSTEAD));
        }
    }
}

fn authenticating(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| entry.rule.answer == Answer::Authenticate)
}
