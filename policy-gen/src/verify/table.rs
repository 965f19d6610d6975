//! The table of results.

use polkit_config::escape::escape;

use super::{Comparison, Query};
use crate::implicit_authorization::{BySession, ImplicitAuthorization};
use crate::policy::OnFailure;

impl Comparison {
    /// Formats the results as a table: a line for each grant and action, and below it a row for each user.
    #[must_use]
    pub fn table(&self) -> String {
        let mut lines = vec![(String::new(), ["USER", "POLICY", "POLKITD, NO SESSION"].map(str::to_owned))];
        lines.extend(self.rows.iter().map(|row| (row.title(), row.cells())));
        let mut widths = [0; 3];
        for (_, cells) in &lines {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut out = String::new();
        let mut above = "";
        for (title, cells) in &lines {
            if title != above {
                out.push_str(&format!("{title}\n"));
                above = title;
            }
            let cells: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            out.push_str(&format!("  {}\n", cells.join("  ").trim_end()));
        }
        if self.left_out > 0 {
            out.push_str(&format!("({} more queries were not made)\n", self.left_out));
        }
        out
    }
}

impl Query {
    /// The grant and the action.
    fn title(&self) -> String {
        let details = self.details.iter().map(|(key, value)| format!(" {}={}", escape(key), escape(value)));
        format!("{}: {}{}", escape(&self.grant), self.action, details.collect::<String>())
    }

    /// The user, the result of the policy, and that of polkitd.
    fn cells(&self) -> [String; 3] {
        let user = self.user.as_ref().map_or("-", |user| user.name.as_str());
        let wrong = if self.as_expected || self.hook.is_some() { "" } else { "  <- not as expected" };
        let policy = match self.hook {
            None => self.expected.map_or_else(|| "-".to_owned(), words),
            Some(OnFailure::No) => "the agent, else no".to_owned(),
            Some(OnFailure::Nothing) => self
                .expected
                .map_or_else(|| "the agent".to_owned(), |results| format!("the agent, else {}", words(results))),
        };
        let unit = self.unit.as_ref().map_or_else(String::new, |unit| format!(", {}", escape(unit)));
        [format!("{}{unit}", escape(user)), policy, format!("{}{wrong}", self.seen)]
    }
}

fn words(results: BySession<ImplicitAuthorization>) -> String {
    let words = results.all().map(ImplicitAuthorization::text);
    if results == BySession::always(results.any) { results.any.text().to_owned() } else { words.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(grant: &str, action: &str, hook: Option<OnFailure>, is_expected: bool) -> Query {
        Query {
            grant: grant.to_owned(),
            action: action.to_owned(),
            details: [("unit".to_owned(), "a\n.service".to_owned())].into(),
            user: None,
            expected: Some(BySession::always(ImplicitAuthorization::Yes)),
            hook,
            unit: None,
            has_process: false,
            no_new_privileges: false,
            seen: "no".to_owned(),
            as_expected: is_expected,
        }
    }

    #[test]
    fn a_grant_has_one_line_and_a_row_for_each_user() {
        let rows = vec![
            query("a", "org.example.run", None, true),
            query("a", "org.example.run", None, false),
            query("b", "org.example.run", Some(OnFailure::No), false),
            query("b", "org.example.run", Some(OnFailure::Nothing), false),
        ];
        let table = Comparison { rows, left_out: 2 }.table();
        assert_eq!(
            table,
            "  USER  POLICY               POLKITD, NO SESSION
a: org.example.run unit=a\\x0a.service
  -     yes                  no
  -     yes                  no  <- not as expected
b: org.example.run unit=a\\x0a.service
  -     the agent, else no   no
  -     the agent, else yes  no
(2 more queries were not made)
"
        );
    }
}
