//! Random policies. Each is one that exploring can follow, or says with a remark that it cannot.

use super::numbers::Random;

const RESULTS: &[&str] = &["yes", "no", "auth_self", "auth_self_keep", "auth_admin", "auth_admin_keep"];
const NAMES: &[&str] = &["alice", "bob", "carol", "www-data", "5999"];
const GROUPS: &[&str] = &["vm", "wheel", "sudo", "libvirt", "3001"];

fn result(random: &mut Random) -> String {
    match random.below(12) {
        0 => "null".to_owned(),
        1 => "undefined".to_owned(),
        2 => "subject.user".to_owned(),
        3 => "action.lookup(\"verb\")".to_owned(),
        4 => "polkit.Result.NOT_HANDLED".to_owned(),
        5 => "\"odd\"".to_owned(),
        _ => format!("\"{}\"", random.pick(RESULTS)),
    }
}

/// A condition about the subject or the details.
fn condition(random: &mut Random) -> String {
    let (name, other) = (random.pick(NAMES), random.pick(NAMES));
    let (group, second) = (random.pick(GROUPS), random.pick(GROUPS));
    match random.below(34) {
        0..4 => format!("subject.isInGroup(\"{group}\")"),
        4 => format!("subject.user == \"{name}\""),
        5 => format!("subject.user === \"{name}\" || \"{other}\" == subject.user"),
        6 => "subject.local".to_owned(),
        7 => "subject.active === true".to_owned(),
        8 => "!subject.session".to_owned(),
        9 => "subject.session == \"c1\"".to_owned(),
        10 => "subject.seat == \"seat0\"".to_owned(),
        11 => "subject.seat !== null".to_owned(),
        12 => "subject.system_unit == \"a.service\" && subject.no_new_privileges".to_owned(),
        13 => "subject.no_new_privileges === false".to_owned(),
        14 => "[\"a.service\", \"web.service\"].indexOf(subject.system_unit) >= 0".to_owned(),
        15 => "action.lookup(\"unit\") == \"nginx.service\"".to_owned(),
        16 => "action.lookup(\"verb\") in {restart: 1, start: 1}".to_owned(),
        17 => "action.lookup(\"unit\")".to_owned(),
        18 => "typeof action.lookup(\"program\") === \"string\"".to_owned(),
        19 => "subject.uid == 500".to_owned(),
        20 => "subject.uid === \"500\" || subject.uid == \"3001\"".to_owned(),
        21 => format!("subject.groups.indexOf(\"{group}\") >= 0 && subject.groups.indexOf(\"{second}\") < 0"),
        22 => format!("subject.groups.some(function (one) {{ return one == \"{group}\" || one === \"{second}\"; }})"),
        23 => format!("{{\"${name}\": 1}}[\"$\" + subject.user]"),
        24 => format!("own.call({{\"$user {name}\": 1}}, \"$user \" + subject.user)"),
        25 => format!("named(subject, \"{group}\", \"{name}\")"),
        26 => format!("table[subject.user] == \"{group}\""),
        27 => "action.lookup(\"verb\") == subject.user".to_owned(),
        28 => "subject.user.indexOf(\"web-\") === 0".to_owned(),
        29 => "/^web-/.test(action.lookup(\"unit\"))".to_owned(),
        30 => format!("subject.groups[0] == \"{group}\""),
        31 => "subject.groups.length > 2".to_owned(),
        32 => "subject.uid > 1000".to_owned(),
        _ => format!("(\"user:\" + subject.user + \":\") == \"user:{name}:\""),
    }
}

fn statement(random: &mut Random, depth: usize) -> String {
    let inner = |random: &mut Random| {
        if depth > 1 || random.once_in(2) {
            format!("return {};", result(random))
        } else {
            statement(random, depth + 1)
        }
    };
    match random.below(9) {
        0 => {
            let (one, two) = (result(random), result(random));
            let (name, other) = (random.pick(NAMES), random.pick(&["zed", "mallory"]));
            format!(
                "switch (subject.user) {{ case \"{name}\": return {one}; case \"{other}\": break; default: {} }}\nif ({}) {{ return {two}; }}",
                inner(random),
                condition(random)
            )
        }
        1 => {
            let group = random.pick(GROUPS);
            format!(
                "for (var i = 0; i < subject.groups.length; i += 1) {{ if (subject.groups[i] === \"{group}\") {{ {} }} }}",
                inner(random)
            )
        }
        2 => format!("var found = {} ? 1 : 0; if (found) {{ {} }}", condition(random), inner(random)),
        3 => format!(
            "try {{ if ({}) {{ throw new Error(\"x\"); }} }} catch (error) {{ {} }}",
            condition(random),
            inner(random)
        ),
        4 => format!("polkit.log(\"x \" + subject + action); if (!({})) {{ {} }}", condition(random), inner(random)),
        _ => {
            let (one, two) = (condition(random), condition(random));
            let joined = match random.below(4) {
                0 => format!("({one}) && ({two})"),
                1 => format!("({one}) || !({two})"),
                _ => one,
            };
            format!("if ({joined}) {{ {} }}", inner(random))
        }
    }
}

const TOP: &str = "var own = Object.prototype.hasOwnProperty;\nvar table = {alice: \"vm\", carol: \"kvm\"};\n\
    function named(subject, group, name) {\n    return subject.isInGroup(group) || subject.user == name;\n}\n";

/// A rules file.
pub fn rules(random: &mut Random) -> String {
    let mut text = TOP.to_owned();
    for _ in 0..=random.below(2) {
        text.push_str("polkit.addRule(function (action, subject) {\n");
        for _ in 0..=random.below(2) {
            text.push_str(&format!("    {}\n", statement(random, 0)));
        }
        text.push_str("});\n");
    }
    text
}

/// A pkla file.
pub fn pkla(random: &mut Random) -> String {
    let mut text = String::new();
    for number in 0..=random.below(3) {
        let identity = |random: &mut Random| match random.below(8) {
            0..3 => format!("unix-user:{}", random.pick(NAMES)),
            3..6 => format!("unix-group:{}", random.pick(GROUPS)),
            6 => random.pick(&["*", "unix-user:*", "unix-group:*", "unix-group:w*", "unix-user:?ob"]).to_owned(),
            _ => "default".to_owned(),
        };
        let identities: Vec<String> = (0..=random.below(2)).map(|_| identity(random)).collect();
        text.push_str(&format!("[entry {number}]\nIdentity={}\nAction=org.example.*\n", identities.join(";")));
        for key in ["ResultAny", "ResultInactive", "ResultActive"] {
            if !random.once_in(3) {
                text.push_str(&format!("{key}={}\n", random.pick(RESULTS)));
            }
        }
    }
    text
}

/// The rule of polkit-pkla-compat.
pub const COMPAT: &str = "polkit.addRule(function(action, subject) {\n\tvar params = ['/usr/bin/pkla-check-authorization',\n\t\t\
    subject.user, subject.local ? 'true' : 'false',\n\t\tsubject.active ? 'true' : 'false', action.id];\n\t\
    var res = polkit.spawn(params);\n\tif (res == '')\n\t\treturn null;\n\treturn res.replace(/\\n$/, '');\n});\n";

/// A rules file with what rules files have: roles, lists and tables.
pub const OWN: &str = r#"
function Role(users, groups) {
    this.users = users;
    this.groups = groups;
    this.has = function (subject) {
        if (this.users.indexOf(subject.user) >= 0) {
            return true;
        }
        for (var i = 0; i < subject.groups.length; i += 1) {
            if (this.groups.indexOf(subject.groups[i]) >= 0) {
                return true;
            }
        }
        return false;
    };
}
var operators = new Role(["alice", "bob"], ["vm", "kvm"]);
var verbs = {start: true, restart: true};
polkit.addRule(function (action, subject) {
    if (action.id.indexOf("org.example.") !== 0) {
        return polkit.Result.NOT_HANDLED;
    }
    if (action.lookup("unit") == "nginx.service" && verbs.hasOwnProperty(action.lookup("verb"))) {
        polkit.log("restart by " + subject.user + " in " + subject.groups);
        return operators.has(subject) ? polkit.Result.YES : polkit.Result.AUTH_ADMIN_KEEP;
    }
    if (action.id == "org.example.other.action" && subject.local && subject.active) {
        return polkit.Result.AUTH_SELF;
    }
});
"#;

/// A pkla file of a desktop.
pub const OWN_PKLA: &str = "[a]\nIdentity=unix-group:vm;unix-user:alice\nAction=org.example.*\nResultAny=no\nResultActive=yes\n\
    [b]\nIdentity=unix-user:bob\nAction=org.example.run\nResultAny=auth_admin\n";
