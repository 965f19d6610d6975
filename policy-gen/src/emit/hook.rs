//! The rule that asks the agent, in JavaScript as [`rules`](super::rules) is.
//!
//! It runs the hook's program with the subject's pid and user, the action, and the action's details as keys and values in
//! turn. The program prints `yes`, `no` or nothing, and ends in 2 s whatever the agent does.

use std::collections::{BTreeMap, BTreeSet};

use super::quote::javascript;
use super::{Origin, details};
use crate::policy::{Hook, OnFailure};

/// The hook's program. `make build LIBEXECDIR=…` says where it will be.
pub const PROGRAM: &str = concat!(env!("PSA_LIBEXECDIR"), "/polkit-service-agent-hook");

/// Why the file has its place in the order, for who reads it.
const HERE: &str = "polkit takes the first answer in the order of the names of files: 44- comes before all that answers \
                    without the agent.";

/// What asks. Nothing in it can throw, which would deny every action of the host, and it returns null, "yes" or "no".
const ASK: &str = r#"    };
    var own = Object.prototype.hasOwnProperty;

    // It throws where the program cannot be run, fails, or takes longer than polkit allows.
    function ask(action, subject, details) {
        var words = [hook, String(subject.pid), String(subject.user), String(action.id)];
        var i;
        for (i = 0; i < details.length; i += 1) {
            var value = action.lookup(details[i]);
            if (typeof value === "string") {
                words.push(details[i], value);
            }
        }
        for (i = 0; i < words.length; i += 1) {
            // An argument ends at a NUL: the agent would be asked about something else.
            if (words[i].indexOf("\u0000") !== -1) {
                throw new Error("a NUL in an argument of the hook");
            }
        }
        return polkit.spawn(words);
    }

    polkit.addRule(function (action, subject) {
        var key = "$" + action.id;
        if (!own.call(actions, key)) {
            return null;
        }
        var entry = actions[key];
        var said = "";
        try {
            said = ask(action, subject, entry.details);
        } catch (error) {
            return entry.otherwise;
        }
        if (said === "yes\n") {
            return "yes";
        }
        if (said === "no\n") {
            return "no";
        }
        return entry.otherwise;
    });
}());
"#;

/// The rules file. The same hooks give the same bytes.
#[must_use]
pub fn emit(hooks: &[Hook], origin: &Origin) -> String {
    let mut actions: BTreeMap<&str, &Hook> = BTreeMap::new();
    for hook in hooks {
        for action in &hook.actions {
            actions.entry(&action.value).or_insert(hook);
        }
    }
    let mut out = format!(
        "// {}\n// {HERE}\n(function () {{\n    var hook = {};\n\n",
        super::first_line(origin),
        javascript(PROGRAM)
    );
    out.push_str(
        "    // Of each action, the details that the agent is told, and what it comes to without a yes or no of the agent. null\n    \
         // leaves it to the rules that follow. \"no\" refuses, whatever they say: an agent that has no rule for the subject\n    \
         // says nothing, as one that is dead does, and a fence must hold for both.\n    \
         var actions = {",
    );
    for (number, (action, hook)) in actions.iter().enumerate() {
        let otherwise = match hook.on_failure {
            OnFailure::Nothing => "null",
            OnFailure::No => "\"no\"",
        };
        let keys: BTreeSet<&str> =
            details::known(action).into_iter().chain(hook.details.iter().map(|key| key.value.as_str())).collect();
        let keys: Vec<String> = keys.into_iter().map(javascript).collect();
        out.push_str(&format!(
            "{}\n        {}: {{details: [{}], otherwise: {otherwise}}}",
            if number == 0 { "" } else { "," },
            javascript(&format!("${action}")),
            keys.join(", "),
        ));
    }
    out.push('\n');
    out.push_str(ASK);
    out
}
