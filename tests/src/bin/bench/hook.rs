//! The hook against a program that does nothing, spawned by the same rule. Each is linked dynamically and statically.

use polkit_tests::{Root, program};

use crate::beds::{Agent, Client, POOL, config, light, policy, sleeping};
use crate::table::{Goal, Side, Table, paired};

/// Actions, the programs that the rule runs for them, what they are to say, and how cargo's programs are called.
const PROGRAMS: [(&str, &str, &str, &str); 4] = [
    ("org.example.bench.hook-dynamic", "/usr/libexec/polkit-service-agent-hook", "yes\\n", "polkit-service-agent-hook"),
    ("org.example.bench.nothing-dynamic", "/usr/libexec/bench-nothing", "", "bench-nothing"),
    ("org.example.bench.hook-static", "/usr/libexec/bench-hook-static", "yes\\n", "bench-hook-static"),
    ("org.example.bench.nothing-static", "/usr/libexec/bench-nothing-static", "", "bench-nothing-static"),
];

/// The rule is as the generator writes it, but that each action has a program of its own.
fn rule() -> String {
    let entry =
        |(action, path, word, _): &(&str, &str, &str, &str)| format!("    \"{action}\": [\"{path}\", \"{word}\"],\n");
    let entries: String = PROGRAMS.iter().map(entry).collect();
    format!(
        r#"
var programs = {{
{entries}}};
polkit.addRule(function (action, subject) {{
    if (!programs.hasOwnProperty(action.id)) {{
        return null;
    }}
    var asked = programs[action.id];
    try {{
        if (polkit.spawn([asked[0], String(subject.pid), String(subject.user), action.id]) === asked[1]) {{
            return polkit.Result.YES;
        }}
    }} catch (error) {{
        return null;
    }}
    return null;
}});
"#
    )
}

/// A light bed: polkitd is not sandboxed there.
pub fn against_nothing(root: &Root, table: &mut Table) {
    let actions = PROGRAMS.map(|(action, ..)| action);
    let mut builder = light(root)
        .file("/usr/share/polkit-1/actions/org.example.hook.policy", 0o644, policy(&actions))
        .file("/etc/polkit-1/rules.d/44-hook.rules", 0o644, rule());
    for (_, path, _, name) in PROGRAMS {
        builder = builder.file(path, 0o755, std::fs::read(program(name)).expect(name));
    }
    let bed = builder.start();
    let subject = sleeping(&bed, POOL);
    let hook = "\n[[serve]]\nunit = \"pool.service\"\nway = \"hook\"\n";
    let _agent = Agent::start(&bed, &format!("{}{hook}", config(1)));
    let mut client = Client::new(&bed);
    for (linked, [ours, nothing]) in
        [("dynamically", [actions[0], actions[1]]), ("statically", [actions[2], actions[3]])]
    {
        let pair = paired(20, |side| {
            let action = if side == Side::Ours { ours } else { nothing };
            client.round(action, subject.pid(), 50, 1).median
        });
        let way = format!("light bed, {}, records to a file", root.suite());
        table.compare(
            &format!("a check by the hook, linked {linked}, against a program that does nothing"),
            &way,
            "µs",
            pair,
            Goal::AtMost(1.25, "≤ 1.25 ×"),
        );
    }
}
