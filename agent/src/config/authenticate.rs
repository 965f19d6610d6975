//! `answer = "authenticate"` and its keys `credential` and `identity`.

use polkit_agent_rules::rule::Answer;
use polkit_config::{
    names::Names,
    report::{Problem, Report},
    table::{Spanned, Table},
};

use super::{
    rule_entry::{Identity, RuleEntry},
    serve::{Missing, named_user},
};

/// The longest file name, in bytes.
const LONGEST_NAME: usize = 255;
const INSTEAD: &str = "write a policy rule instead (`polkit-policy-gen generate`): it needs no secret";

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
                let message = format!("`{key}` needs `answer = \"authenticate\"`");
                report.push(Problem::error(at.clone(), message).help("leave it out"));
            }
        }
        if answer.value == Answer::Authenticate && credentials.is_none() {
            let problem = Problem::error(answer.at.clone(), "`answer = \"authenticate\"` needs `credential`");
            report.push(problem.help("add `credential = \"NAME\"`, the name of a `LoadCredential=NAME:…` of the unit"));
        }
    }
    let credentials = credentials.unwrap_or_default().into_iter().filter_map(|name| checked(name, report)).collect();
    let identity =
        identity.and_then(|name| Some(Identity { user: named_user(&name, Missing::Error, report)?, at: name.at }));
    (credentials, identity)
}

/// systemd's rule for the names of credentials, and no path that leaves their directory.
fn checked(name: Spanned<String>, report: &mut Report) -> Option<String> {
    let plain = name.value.chars().all(|c| c.is_ascii_graphic() && c != '/' && c != ':');
    if plain && !name.value.is_empty() && name.value.len() <= LONGEST_NAME && !name.value.starts_with('.') {
        return Some(name.value);
    }
    let problem = Problem::error(name.at, format!("`{}` cannot be the name of a credential", name.value));
    report.push(problem.help("write the name of a file in $CREDENTIALS_DIRECTORY, such as `\"kiosk-password\"`"));
    None
}

/// Refuses `authenticate` for an agent of root: polkitd believes it without PAM.
pub(super) fn refuse_for_root(entries: &[RuleEntry], report: &mut Report) {
    for entry in authenticating(entries) {
        let message =
            format!("`{}` has `answer = \"authenticate\"`, which needs an agent that is not root", entry.rule.id);
        let help = "use `answer = \"allow\"`: polkitd believes root without a password. An agent inside a user's session \
                    authenticates: `session = \"own\"` (check its file as that user)";
        report.push(Problem::error(entry.at.clone(), message).help(help));
    }
}

/// Refuses to authenticate as another user than the agent's own. The secret of another user would be within reach of this user, and
/// worth more than the grant.
pub(super) fn refuse_others(entries: &[RuleEntry], own: u32, report: &mut Report) {
    let name = || match Names::Host.user_by_uid(own) {
        Ok(Some(user)) => format!("`{}`", user.name),
        Ok(None) | Err(_) => format!("uid {own}"),
    };
    for entry in authenticating(entries) {
        let identity = entry.identity.as_ref().map(|identity| (&identity.user, &identity.at, "authenticate as"));
        let user = entry.rule.user.as_ref().map(|user| (user, &entry.at, "answer for processes of"));
        for (other, at, what) in identity.into_iter().chain(user).filter(|(user, ..)| user.id != own) {
            let message =
                format!("`{}` would {what} `{}`, but this agent acts for {} only", entry.rule.id, other.name, name());
            report.push(Problem::error(at.clone(), message).help(INSTEAD));
        }
    }
}

fn authenticating(entries: &[RuleEntry]) -> impl Iterator<Item = &RuleEntry> {
    entries.iter().filter(|entry| entry.rule.answer == Answer::Authenticate)
}
