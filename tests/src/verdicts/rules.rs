//! Rules files and pkla trees of our own, by chance, with everything in them that polkit is known to do something with.

use super::Random;

/// The actions of random policies; the first are registered.
pub const ACTIONS: &[&str] = &[
    "org.example.one",
    "org.example.two",
    "org.example.sub.three",
    "org.libvirt.unix.manage",
    "org.freedesktop.login1.reboot",
    "org.example.Case_four",
];
const WORDS: &[&str] = &["yes", "no", "auth_self", "auth_self_keep", "auth_admin", "auth_admin_keep"];
const NAMES: &[&str] = &["alice", "bob", "carol", "dave", "www-data", "no-such-user"];
const GROUP_NAMES: &[&str] = &["vm", "wheel", "sudo", "libvirt", "kvm", "netdev", "www-data", "3001", "absent"];

/// What a rule can say: mostly results, and now and then something odd that does not end polkitd.
const RETURNS: &[&str] = &[
    "return polkit.Result.YES;",
    "return polkit.Result.NO;",
    "return polkit.Result.AUTH_SELF;",
    "return polkit.Result.AUTH_ADMIN_KEEP;",
    "return \"auth_admin\";",
    "return polkit.Result.NOT_HANDLED;",
    "return null;",
    "return undefined;",
    "return false;",
    "return 0;",
    "return \"\";",
    "return polkit.Result.Yes;",
    "return \"YES\";",
    "return \"yes\\u0000no\";",
    "return \"sure\";",
    "throw new Error(\"no\");",
    "missing.property;",
    "action.lookup(\"absent\").indexOf(\"x\");",
    "subject.nothing();",
    "[1].includes(1);",
    "polkit.log();",
    "polkit.log(\"text \" + subject + action);",
    "subject.user = \"bob\"; subject.groups.push(\"vm\");",
    "action.id = \"org.example.two\";",
    "polkit.spawn(\"no array\");",
    "count += 1; if (count > 1000000) { return \"yes\"; }",
    "(function again() { again(); }());",
    "var of = subject.isInGroup; of.seen = (of.seen || 0) + 1; if (of.seen > 1) { return \"yes\"; }",
    "if (subject.isInGroup !== subject.isInGroup || action.toString === subject.toString) { return \"no\"; }",
    "subject.isInGroup = function () { return true; };",
    "delete action.lookup; action.lookup(\"unit\");",
    "for (var key in subject) { if (typeof subject[key] == \"function\") { action[key] = subject[key]; } }",
    "with (subject) { if (isInGroup(\"vm\")) { return \"yes\"; } }",
    "if (JSON.stringify(action).indexOf(\"lookup\") >= 0) { return \"no\"; }",
    "if (!action.hasOwnProperty(\"lookup\") || !(\"isInNetGroup\" in subject)) { return \"no\"; }",
];

/// What stands outside of rules.
const TOP: &[&str] = &[
    "var count = 0;",
    "var table = {alice: \"yes\", toString: 1};",
    "Object.prototype.inherited = \"auth_self\";",
    "Object.prototype.value = \"no\"; Object.prototype.lineNumber = 7;",
    "Object.prototype.get = function () { return \"yes\"; };",
    "Object.defineProperty(Object.prototype, \"0\", {get: function () { return alert; }, set: function () { }});",
    "throw new Error(\"at load\");",
    "let late = 1;",
    "polkit.addAdminRule(function () { return [\"unix-group:sudo\"]; });",
    "polkit.addRule(undefined);",
    "const fixed = 1; fixed = 2;",
    "function helper(action) { return action.id.indexOf(\"org.example.\") === 0; }",
    "polkit._ruleFuncs.unshift(function (action) { if (action.id == \"org.example.one\") { return \"auth_self\"; } });",
    "# a comment of another language",
    "// A subject whose Object is made by polkit's own constructor",
    "Action = function () { this.lookup = function () { return \"nginx.service\"; }; };",
    "Subject.prototype.isMember = function (group) { return this.isInGroup(group); };",
    "Object.freeze(Object.prototype);",
];

/// Rules files that polkitd takes as they are meant.
pub const RIGHT: &[&str] = &[
    "",
    "// Nothing but words.\n",
    "polkit.addRule(function (action, subject) {\n    if (action.id == \"org.example.one\" && subject.isInGroup(\"vm\")) {\n        \
     return polkit.Result.YES;\n    }\n});\n",
    "polkit.addRule(function (action, subject) {\n    if (action.id.indexOf(\"org.example.\") == 0 && subject.local && \
     subject.active) {\n        return polkit.Result.AUTH_SELF_KEEP;\n    }\n    return polkit.Result.NOT_HANDLED;\n});\n",
    "var allowed = {\"org.example.one\": \"yes\", \"org.example.two\": \"auth_admin\"};\npolkit.addRule(function (action) {\n    \
     return allowed.hasOwnProperty(action.id) ? allowed[action.id] : null;\n});\n",
    "polkit.addRule(function (action, subject) {\n    var unit = action.lookup(\"unit\");\n    if (action.id == \
     \"org.freedesktop.systemd1.manage-units\" && unit && unit.match(/^web-.*\\.service$/)) {\n        return \"yes\";\n    }\n});\n",
    "polkit.addRule(function (a, s) {\n    polkit.log(\"asked \" + a + \" by \" + s);\n    if (a.id == \"org.example.one\") {\n        \
     return s.groups.some(function (group) { return group == \"vm\"; }) ? \"yes\" : \"no\";\n    }\n});\n",
    "polkit.addAdminRule(function () { return [\"unix-group:wheel\"]; });\n",
    "polkit.addRule(function (action) {\n    if (action.id != \"org.example.one\") { return; }\n    try {\n        \
     polkit.spawn([\"/bin/false\"]);\n    } catch (error) {\n        return null;\n    }\n    return \"yes\";\n});\n",
    "(function () {\n    function is(action) { return action.id === \"org.example.two\"; }\n    polkit.addRule(function (action) {\n        \
     if (is(action)) { return [\"no\", \"yes\"][1]; }\n    });\n}());\n",
    "polkit.addRule(function (action, subject) {\n    with (subject) { return user == \"alice\" ? \"yes\" : null; }\n});\n",
    "\u{feff}polkit.addRule(function (action) { return action.id == \"org.example.one\" ? \"auth_admin_keep\" : undefined; });\r\n",
    "polkit.addRule(function () { return \"\"; });\npolkit.addRule(function () { return 0; });\npolkit.addRule(function () { return false; });\n",
];

/// A pkla entry that is read as it is meant.
pub const ENTRY: &str =
    "[a]\nIdentity=unix-user:bob\nAction=org.example.*\nResultAny=yes\nResultInactive=yes\nResultActive=yes\n";

/// pkla files that are read as they are meant.
pub fn own_pkla() -> Vec<String> {
    vec![
        ENTRY.to_owned(),
        format!("# a comment\n\n{ENTRY}"),
        ENTRY.replace("unix-user:bob", "unix-group:vm;unix-netgroup:n;default"),
        ENTRY.replace("=", " = "),
        String::new(),
    ]
}

fn condition(random: &mut Random) -> String {
    let action = random.pick(ACTIONS);
    let (group, name) = (random.pick(GROUP_NAMES), random.pick(NAMES));
    match random.below(16) {
        0..3 => format!("action.id == \"{action}\""),
        3..5 => "action.id.indexOf(\"org.example.\") == 0".to_owned(),
        5..7 => format!("subject.isInGroup(\"{group}\")"),
        7 => format!("subject.user == \"{name}\""),
        8 => "subject.local".to_owned(),
        9 => "subject.active".to_owned(),
        10 => "action.lookup(\"unit\") == \"nginx.service\"".to_owned(),
        11 => format!("subject.groups.indexOf(\"{group}\") >= 0"),
        12 => "action.id.match(/^org\\.(example|libvirt)\\.[a-z]+/)".to_owned(),
        13 => "subject.isInNetGroup(\"net\")".to_owned(),
        14 => "[\"unit\", \"verb\"].some(function (key) { return action.lookup(key) !== undefined; })".to_owned(),
        _ => "subject.system_unit == null && subject.seat === null".to_owned(),
    }
}

/// A rules file.
pub fn rules(random: &mut Random) -> String {
    let mut text = String::new();
    if random.once_in(3) {
        text.push_str(TOP[random.below(TOP.len())]);
        text.push('\n');
    }
    for _ in 0..=random.below(3) {
        text.push_str("polkit.addRule(function (action, subject) {\n");
        for _ in 0..=random.below(2) {
            let (first, second) = (condition(random), condition(random));
            let joined = match random.below(4) {
                0 => format!("{first} && {second}"),
                1 => format!("{first} || !({second})"),
                _ => first,
            };
            // Odd things now and then only: one that throws hides what comes after it.
            let odd = random.once_in(4);
            let returned = RETURNS[random.below(if odd { RETURNS.len() } else { 8 })];
            text.push_str(&format!("    if ({joined}) {{\n        {returned}\n    }}\n"));
        }
        text.push_str("});\n");
    }
    text
}

/// A pkla file.
pub fn pkla(random: &mut Random) -> String {
    let mut text = String::new();
    for number in 0..=random.below(4) {
        let identity = |random: &mut Random| match random.below(9) {
            0..3 => format!("unix-user:{}", random.pick(NAMES)),
            3..6 => format!("unix-group:{}", random.pick(GROUP_NAMES)),
            6 => random.pick(&["*", "unix-user:*", "unix-group:w*", "unix-user:?ob", "unix-user:[ab]*"]).to_owned(),
            7 => "default".to_owned(),
            _ => random.pick(&["unix-netgroup:net", " unix-user:bob", "unix-user:33", "\"unix-user:bob\""]).to_owned(),
        };
        let identities: Vec<String> = (0..=random.below(2)).map(|_| identity(random)).collect();
        let action = match random.below(5) {
            0 => "*".to_owned(),
            1 => "org.example.*".to_owned(),
            2 => format!("{};{};", random.pick(ACTIONS), random.pick(ACTIONS)),
            _ => random.pick(ACTIONS).to_owned(),
        };
        let name = if random.once_in(8) { "again".to_owned() } else { format!("entry {number}") };
        text.push_str(&format!("[{name}]\nIdentity={}\nAction={action}\n", identities.join(";")));
        for key in ["ResultAny", "ResultInactive", "ResultActive"] {
            if !random.once_in(3) {
                let word = if random.once_in(25) {
                    random.pick(&["YES", "yes ", "sure", "y\\es"])
                } else {
                    random.pick(WORDS)
                };
                text.push_str(&format!("{key}={word}\n"));
            }
        }
        if random.once_in(40) {
            text.push_str(random.pick(&[
                "; no comment\n",
                "a line\n",
                "[]\n",
                "ReturnValue=a=b\n",
                "# comment\n",
                "\u{feff}\n",
            ]));
        }
    }
    text
}

/// Three answers.
pub fn answers(random: &mut Random) -> [&'static str; 3] {
    [random.pick(WORDS), random.pick(WORDS), random.pick(WORDS)]
}
