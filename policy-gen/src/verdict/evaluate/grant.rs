//! The name of the grant behind a decision, in a file that this program generated.

use super::Evaluator;
use super::action_request::ActionRequest;
use crate::emit::{AGENT, GRANTS, NAME, PKLA};
use crate::failure::Failure;
use crate::tree::Tree;
use crate::verdict::engine::Engine;
use crate::verdict::files::Rules;
use crate::verdict::wire::End;
use crate::verdict::{AccessRequest, Verdict};

impl Evaluator {
    /// Adds the name of the grant that decided, if a generated file decided. A rule or an entry of a single grant has the name in the line
    /// above. For a table of grants, the engine runs the table again, with numbers as results.
    ///
    /// # Errors
    /// The engine does not answer.
    pub fn name_grant(
        &mut self,
        tree: &Tree,
        access_request: &AccessRequest,
        verdict: &mut Verdict,
    ) -> Result<(), Failure> {
        let Some(decider) = &mut verdict.decided_by else { return Ok(()) };
        let Some(path) = decider.file.as_deref() else { return Ok(()) };
        let rules = self.data.files.rules.iter().find(|rules| rules.path == path);
        let text = match (rules, path.rsplit('/').next()) {
            (Some(rules), Some(GRANTS | AGENT)) => String::from_utf8_lossy(&rules.bytes).into_owned(),
            (None, Some(PKLA)) => tree
                .read_text(
                    path.strip_prefix(tree.path().to_string_lossy().as_ref()).unwrap_or(path).trim_start_matches('/'),
                )
                .unwrap_or_default(),
            _ => return Ok(()),
        };
        decider.grant = decider.line.and_then(|line| name_above(&text, line));
        if decider.grant.is_none() && rules.is_some() {
            let action = decider.by_action.clone().unwrap_or_else(|| access_request.action.clone());
            let table = Rules { path: path.to_owned(), bytes: numbered(&text).into_bytes() };
            let user = self.user_facts(access_request)?;
            let request = self.data.ask(&ActionRequest { access_request, user: &user, action: &action });
            let Ok(mut engine) = Engine::start(&[table]) else { return Ok(()) };
            let numbers = engine.put([request]);
            let replies = engine.answers(numbers).map_err(Failure::Unreachable)?;
            if let Some(Ok(reply)) = replies.first()
                && let End::Text(number) = &reply.end
            {
                decider.grant = name_of(&text, number);
            }
        }
        Ok(())
    }
}

/// Returns the name in the line above `line`, which counts from 1.
fn name_above(text: &str, line: usize) -> Option<String> {
    let above = text.lines().nth(line.checked_sub(2)?)?.trim_start();
    let name = above.strip_prefix("// ").or_else(|| above.strip_prefix("# "))?.strip_prefix(NAME)?;
    Some(name.to_owned())
}

/// Splits a line of the table of grants: what follows the three results, the number and the name.
fn table_line(line: &str) -> Option<(&str, &str, &str)> {
    let results = line.trim_start().strip_prefix("{any: ")?;
    let (_, active) = results.split_once(", active: \"")?;
    let (_, rest) = active.split_once('"')?;
    let end = ["} // ", "}, // "].iter().filter_map(|end| rest.find(end)).min()?;
    let (object, comment) = rest.split_at_checked(end)?;
    let (number, name) = comment.split_once(" // ")?.1.split_once(": ")?;
    Some((object, number, name))
}

/// Replaces the results of each grant by its number.
fn numbered(text: &str) -> String {
    let line = |line: &str| match table_line(line) {
        Some((rest, number, _)) => {
            let comma = if line.contains("}, // ") { "," } else { "" };
            format!("{{any: \"{number}\", inactive: \"{number}\", active: \"{number}\"{rest}}}{comma}\n")
        }
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn name_of(text: &str, number: &str) -> Option<String> {
    let found = text.lines().filter_map(table_line).find(|(_, of_line, _)| *of_line == number);
    found.map(|(.., name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "(function () {\n    add([\n        {any: \"yes\", inactive: \"no\", active: \"no\", details: []}, // 1: web: panel // x\n\
                         {any: \"no\", inactive: \"no\", active: \"no\"} // 12: other\n    ]);\n";

    #[test]
    fn a_line_of_the_table_has_the_number_and_the_name_of_its_grant() {
        let lines: Vec<_> = TABLE.lines().filter_map(table_line).collect();
        assert_eq!(lines, [(", details: []", "1", "web: panel // x"), ("", "12", "other")]);
        assert_eq!(name_of(TABLE, "1").as_deref(), Some("web: panel // x"));
        assert_eq!([name_of(TABLE, "12").as_deref(), name_of(TABLE, "2").as_deref()], [Some("other"), None]);
        for line in ["", "{any: 1}", "any: 1} // 1: a", "{any: \"yes\"} // a"] {
            assert_eq!(table_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_results_of_the_table_become_numbers() {
        let lines: Vec<String> = numbered(TABLE).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), TABLE.lines().count());
        assert_eq!(lines[2], "{any: \"1\", inactive: \"1\", active: \"1\", details: []},");
        assert_eq!(lines[3], "{any: \"12\", inactive: \"12\", active: \"12\"}");
        assert_eq!([&lines[0], &lines[4]], ["(function () {", "    ]);"]);
    }

    #[test]
    fn the_name_of_a_single_grant_is_in_the_line_above() {
        let text = format!("x\n    // {NAME}web panel\nrule\n# {NAME}other\n[1]\n// {NAME}\n");
        let name = |line| name_above(&text, line);
        assert_eq!([name(3).as_deref(), name(5).as_deref()], [Some("web panel"), Some("other")]);
        assert_eq!([name(0), name(1), name(2), name(4), name(99)], [(); 5].map(|()| None));
    }
}
