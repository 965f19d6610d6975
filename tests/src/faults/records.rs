//! The decisions on record, and which answer each belongs to.

use std::collections::HashMap;

use super::answers::{Answer, Word};
use crate::FullBed;

/// A decision that allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    pid: u32,
    /// None where polkitd found the caller gone already: its question was on the way when it gave up.
    caller: Option<u32>,
    at: u64,
}

/// The decisions that allow, of the journal's entries after a cursor, and the cursor of its end. journald notes when the
/// kernel took an entry from the agent, however late it stores it.
pub(super) fn allowed_since(bed: &FullBed, cursor: &mut Option<String>) -> Vec<Allowed> {
    let _ = bed.exec(["journalctl", "--sync"]).success();
    let after = cursor.as_ref().map(|cursor| format!("--after-cursor={cursor}"));
    let fields = "--output-fields=_SOURCE_REALTIME_TIMESTAMP,POLKIT_AGENT_SUBJECT_PID,POLKIT_AGENT_CALLER_PID";
    let only =
        ["_SYSTEMD_UNIT=polkit-service-agent.service", "POLKIT_AGENT_ENTRY=decision", "POLKIT_AGENT_VERDICT=allow"];
    let shown = ["--output=json", fields, "--show-cursor"].into_iter().map(str::to_owned);
    let text = bed.journal(shown.chain(after).chain(only.map(str::to_owned)));
    if let Some((_, last)) = text.rsplit_once("-- cursor: ") {
        *cursor = Some(last.trim().to_owned());
    }
    let entries = text.lines().filter(|line| line.starts_with('{'));
    entries
        .map(|entry| {
            let number = |key: &str| field(entry, key).parse::<u64>();
            let pid = |key: &str| number(key).ok().and_then(|number| u32::try_from(number).ok());
            Allowed {
                pid: pid("POLKIT_AGENT_SUBJECT_PID").expect("a pid"),
                caller: pid("POLKIT_AGENT_CALLER_PID"),
                at: number("_SOURCE_REALTIME_TIMESTAMP").expect("a time"),
            }
        })
        .collect()
}

fn field<'a>(entry: &'a str, key: &str) -> &'a str {
    let rest = entry.split_once(&format!("\"{key}\":\"")).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default()
}

/// The yeses that do not have exactly one decision between their question and their answer. `caller` asks about each process
/// one question after the other, so that no decision can be another answer's.
pub(super) fn unmatched(answers: &[Answer], allowed: &[Allowed], caller: u32) -> Vec<Answer> {
    let mut of_process: HashMap<u32, Vec<u64>> = HashMap::new();
    for decision in allowed.iter().filter(|decision| decision.caller == Some(caller)) {
        of_process.entry(decision.pid).or_default().push(decision.at);
    }
    of_process.values_mut().for_each(|times| times.sort_unstable());
    let decisions = |answer: &Answer| {
        let times = of_process.get(&answer.pid).map_or(&[][..], Vec::as_slice);
        let until = |at: u64| times.partition_point(|time| *time <= at);
        until(answer.to) - until(answer.from - 1)
    };
    answers.iter().filter(|answer| answer.word == Word::Yes && decisions(answer) != 1).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_has_exactly_one_decision_between_its_question_and_itself() {
        let answer = |from, to, word| Answer { pid: 7, from, to, word };
        let decision = |pid, caller, at| Allowed { pid, caller: Some(caller), at };
        let yes = answer(10, 20, Word::Yes);
        let unmatched = |allowed: &[Allowed]| unmatched(&[yes], allowed, 1).len();
        assert_eq!(unmatched(&[decision(7, 1, 10)]), 0);
        assert_eq!(unmatched(&[decision(7, 1, 20), decision(7, 1, 9), decision(7, 1, 21)]), 0);
        assert_eq!(unmatched(&[]), 1, "none");
        assert_eq!(unmatched(&[decision(7, 1, 12), decision(7, 1, 13)]), 1, "two");
        assert_eq!(unmatched(&[decision(8, 1, 15), decision(7, 2, 15), decision(7, 1, 21)]), 1, "of others, and later");
        assert_eq!(super::unmatched(&[answer(10, 20, Word::No)], &[], 1).len(), 0);
    }
}
