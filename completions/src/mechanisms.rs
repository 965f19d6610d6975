//! The manual page polkit-mechanisms(7), generated from the table of mechanisms.

use polkit_policy_gen::implicit_authorization::ImplicitAuthorization;
use polkit_policy_gen::mechanisms::entry::{ActionDetails, Mechanism, Text};
use polkit_policy_gen::mechanisms::set::Set;
use polkit_policy_gen::mechanisms::{class, table};

/// The part before the mechanisms.
const HEAD: &str = include_str!("mechanisms-head.7");
/// The part after the mechanisms.
const TAIL: &str = include_str!("mechanisms-tail.7");

/// Words at the start of a sentence that are no names.
const WORDS: [(&str, &str); 4] = [("the ", "The "), ("a ", "A "), ("this ", "This "), ("remote ", "Remote ")];

/// Returns the page.
#[must_use]
pub fn page() -> String {
    let (asking, others): (Vec<_>, Vec<_>) =
        table::compiled().iter().partition(|mechanism| !mechanism.actions.is_empty());
    let mut out = HEAD.to_owned();
    asking.into_iter().for_each(|mechanism| entry(mechanism, &mut out));
    out.push_str(".Sh PROGRAMS THAT DO NOT ASK POLKIT\n");
    out.push_str("Refusals of these programs look like those of polkit.\n");
    for mechanism in others {
        line(&mut out, ".Ss", &mechanism.name);
        for text in &mechanism.texts {
            literal(&mut out, &text.pattern);
            text.hint.iter().for_each(|hint| sentence(&mut out, hint));
        }
    }
    out.push_str(TAIL);
    out
}

fn entry(mechanism: &Mechanism, out: &mut String) {
    line(out, ".Ss", &mechanism.name);
    let actions: Vec<&str> = mechanism.actions.iter().map(|pattern| pattern.as_str()).collect();
    out.push_str(".Bl -tag -width packages -compact\n");
    item(out, "packages", &mechanism.packages.join(", "));
    item(out, "actions", &actions.join(", "));
    item(out, "subject", &class::subject(mechanism));
    item(out, "agent", &class::asks(mechanism, None).join("; "));
    for pattern in &mechanism.latest().checks_root {
        let since = mechanism.checks_root_since(pattern.as_str()).unwrap_or_default();
        let since = if since.is_empty() { String::new() } else { format!(" ({since} and later)") };
        item(out, "root", &format!("checked as other users are for {pattern}{since}"));
    }
    let proof = match mechanism.proof.as_slice() {
        [] => "unproved: no test compares this entry with the real daemon",
        _ => "a test compares this entry with the real daemon",
    };
    item(out, "proof", proof);
    out.push_str(".El\n");
    details(&mechanism.details, out);
    if !mechanism.changes.is_empty() {
        out.push_str(".Pp\nChanges:\n.Bl -tag -width Ds -compact\n");
        for change in &mechanism.changes {
            line(out, ".It", &change.since);
            sentence(out, &change.meaning);
        }
        out.push_str(".El\n");
    }
    if !mechanism.sets.is_empty() {
        out.push_str(".Pp\nSets for [[allow]]:\n.Bl -tag -width Ds -compact\n");
        mechanism.sets.iter().for_each(|of| set(of, out));
        out.push_str(".El\n");
    }
    if !mechanism.texts.is_empty() {
        out.push_str(".Pp\nTexts:\n");
        mechanism.texts.iter().for_each(|of| text(of, out));
    }
}

fn details(all: &[ActionDetails], out: &mut String) {
    for details in all {
        let ids: Vec<&str> = details.ids.iter().map(|pattern| pattern.as_str()).collect();
        out.push_str(".Pp\n");
        let none = if details.keys.is_empty() { "none" } else { "" };
        plain(out, format!("Details of {}: {none}", ids.join(", ")).trim_end());
        if details.keys.is_empty() {
            continue;
        }
        out.push_str(".Bl -tag -width Ds -compact\n");
        for (key, meaning) in &details.keys {
            line(out, ".It Li", key);
            plain(out, meaning);
        }
        out.push_str(".El\n");
    }
}

fn set(set: &Set, out: &mut String) {
    line(out, ".It Li", &set.name);
    sentence(out, &set.summary);
    plain(out, &format!("Actions: {}.", set.actions.join(", ")));
    if set.result != ImplicitAuthorization::Yes {
        plain(out, &format!("The result is {}.", set.result.text()));
    }
    for (key, values) in &set.details {
        plain(out, &format!("Only with the detail {key}={}.", values.join(" or ")));
    }
    set.note.iter().for_each(|note| sentence(out, note));
    set.root_equivalent.iter().for_each(|why| plain(out, &format!("Root-equivalent: {why}.")));
    if set.parameters.is_empty() && set.options.is_empty() {
        return;
    }
    out.push_str(".Bl -tag -width Ds -compact\n");
    for parameter in &set.parameters {
        line(out, ".It Va", &parameter.key);
        sentence(out, &parameter.meaning);
        if !parameter.default.is_empty() {
            plain(out, &format!("Default: {}.", parameter.default.join(", ")));
        }
    }
    for option in &set.options {
        line(out, ".It Va", &format!("{} = true", option.key));
        sentence(out, &option.meaning);
        plain(out, &format!("It adds {}.", option.actions.join(", ")));
    }
    out.push_str(".El\n");
}

fn text(text: &Text, out: &mut String) {
    literal(out, &text.pattern);
    let also = text.also.iter().map(String::as_str);
    let actions: Vec<&str> = text.action.iter().map(String::as_str).chain(also).collect();
    if !actions.is_empty() {
        sentence(out, &format!("Action: {}", actions.join(", or ")));
    }
    text.hint.iter().for_each(|hint| sentence(out, hint));
}

/// Writes a macro with the rest of the line as text.
fn line(out: &mut String, before: &str, text: &str) {
    // Without \& a word such as `Li` would be a macro.
    let words: Vec<String> = text.split_whitespace().map(|word| format!("\\&{}", escaped(word))).collect();
    out.push_str(&format!("{before} {}\n", words.join(" ")));
}

/// Writes an item of a list.
fn item(out: &mut String, name: &str, text: &str) {
    line(out, ".It", name);
    plain(out, text);
}

/// Writes a sentence: a capital letter at its start unless it starts with a name, and a full stop.
fn sentence(out: &mut String, text: &str) {
    let text = text.trim_end_matches('.');
    let capital = WORDS.iter().find_map(|(word, capital)| Some((capital, text.strip_prefix(word)?)));
    plain(out, &capital.map_or_else(|| format!("{text}."), |(capital, rest)| format!("{capital}{rest}.")));
}

fn plain(out: &mut String, text: &str) {
    let text = escaped(text);
    let guard = if text.starts_with(['.', '\'']) { "\\&" } else { "" };
    out.push_str(&format!("{guard}{text}\n"));
}

fn literal(out: &mut String, text: &str) {
    out.push_str(".Bd -literal -offset indent -compact\n");
    plain(out, text);
    out.push_str(".Ed\n");
}

/// Escapes characters that have a meaning in mdoc(7).
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('"', "\\(dq")
}
