//! The rule that asks the agent, in the JavaScript of [`rules`](super::rules).
//!
//! It runs the hook program with the subject's pid and user, the action, and pairs of detail keys and values. The program prints
//! `yes`, `no` or nothing, and ends within 2 s even if the agent does not reply.

use std::collections::{BTreeMap, BTreeSet};

use super::Origin;
use super::quote::javascript;
use crate::mechanisms;
use crate::policy::{Hook, OnFailure};

/// The path of the hook program. `make build LIBEXECDIR=…` sets it.
pub const PROGRAM: &str = concat!(env!("PSA_LIBEXECDIR"), "/polkit-service-agent-hook");

/// The reason for the file name, for the generated file.
const HERE: &str = "polkit uses the first result in the order of the file names: 44- comes before all rules that decide \
                    without the agent.";

/// The rule. It cannot throw, because an exception would deny every action of the host, and it returns null, "yes" or "no".
const ASK: &str = r#"    };
    var own = Object.prototype.hasOwnProperty;

    // Throws if the program cannot be run, fails, or exceeds polkit's time limit.
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
            // An argument ends at a NUL, which would change the request.
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

/// Generates the rules file. The same hooks give the same bytes.
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
        "    // For each action: the details for the agent, and the result if the agent replies neither yes nor no. null leaves\n    \
         // the decision to the later rules. \"no\" refuses even if they would allow: polkit cannot distinguish a stopped agent\n    \
         // from an agent without a matching rule, and the refusal must cover both.\n    \
         var actions = {",
    );
    for (number, (action, hook)) in actions.iter().enumerate() {
        let otherwise = match hook.on_failure {
            OnFailure::Nothing => "null",
            OnFailure::No => "\"no\"",
        };
        let keys: BTreeSet<&str> = mechanisms::compiled_details(action)
            .into_iter()
            .chain(hook.details.iter().map(|key| key.value.as_str()))
            .collect();
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
