//! Random ECMAScript 5 in the engine's program: it answers every question or is cut off, and never crashes.
//!
//! The program itself must lie beside this one: `cargo build --release -p polkit-policy-gen`, and then copy
//! `target/release/polkit-policy-gen-js` to `fuzz/target/x86_64-unknown-linux-gnu/release/`. It ends in the middle of questions, and
//! this program does not ignore SIGPIPE: start it from a shell with `trap '' PIPE`.
#![no_main]

use polkit_policy_gen::verdict::engine::Engine;
use polkit_policy_gen::verdict::files::Rules;
use polkit_policy_gen::verdict::wire::{End, EngineRequest};

/// Bytes as choices.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }

    fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[self.next() % among.len()]
    }
}

const ATOMS: &[&str] = &[
    "action",
    "subject",
    "polkit",
    "action.id",
    "subject.user",
    "subject.groups",
    "subject.pid",
    "subject.session",
    "subject.local",
    "subject.active",
    "subject.seat",
    "subject.uid",
    "subject.system_unit",
    "polkit.Result.YES",
    "polkit.Result.NO",
    "null",
    "undefined",
    "true",
    "0",
    "1",
    "-1",
    "1e400",
    "\"yes\"",
    "\"\"",
    "\"org.example.one\"",
    "\"\\u0000\"",
    "\"\\ud83d\"",
    "/o+/",
    "this",
    "arguments",
    "x",
    "y",
    "[]",
    "{}",
    "Object.prototype",
    "Function.prototype",
    "Array.prototype",
    "polkit._ruleFuncs",
    "Action",
    "Subject",
    "Math.random()",
    "new Date()",
    "Error",
    "String",
    "JSON",
    "Proxy",
    "Reflect",
    "Symbol.iterator",
];
const NAMES: &[&str] = &[
    "id",
    "user",
    "groups",
    "length",
    "prototype",
    "constructor",
    "__proto__",
    "toString",
    "valueOf",
    "value",
    "get",
    "set",
    "isInGroup",
    "isInNetGroup",
    "lookup",
    "lineNumber",
    "addRule",
    "spawn",
    "log",
    "_runRules",
    "_ruleFuncs",
    "Result",
    "0",
    "apply",
    "push",
    "sort",
    "message",
    "stack",
    "seat",
    "pid",
    "session",
];
const BINARY: &[&str] = &["+", "==", "===", "&&", "||", "in", "instanceof", ",", "<", "*", ">>>", "="];

fn expression(choices: &mut Choices<'_>, depth: usize) -> String {
    if depth == 0 {
        return choices.pick(ATOMS).to_owned();
    }
    let inner = |choices: &mut Choices<'_>| expression(choices, depth - 1);
    match choices.next() % 13 {
        0..3 => choices.pick(ATOMS).to_owned(),
        3 => format!("({} {} {})", inner(choices), choices.pick(BINARY), inner(choices)),
        4 => format!("({}).{}", inner(choices), choices.pick(NAMES).replace('0', "x")),
        5 => format!("({})[{}]", inner(choices), inner(choices)),
        6 => format!("({}).{}({})", inner(choices), choices.pick(NAMES).replace('0', "x"), inner(choices)),
        7 => format!("(function (x) {{ {} }})({})", statement(choices, depth - 1), inner(choices)),
        8 => format!("new ({})({})", inner(choices), inner(choices)),
        9 => format!("({}) ? {} : {}", inner(choices), inner(choices), inner(choices)),
        10 => format!("[{}, {}]", inner(choices), inner(choices)),
        11 => format!(
            "({{\"{}\": {}, get {}() {{ return {}; }}}})",
            choices.pick(NAMES),
            inner(choices),
            choices.pick(NAMES).replace('0', "x"),
            inner(choices)
        ),
        _ => format!("(typeof {} + !{})", inner(choices), choices.pick(ATOMS)),
    }
}

fn statement(choices: &mut Choices<'_>, depth: usize) -> String {
    let inner = depth.saturating_sub(1);
    match choices.next() % 12 {
        0 => format!("return {};", expression(choices, depth)),
        1 => format!("if ({}) {{ {} }}", expression(choices, depth), statement(choices, inner)),
        2 => format!("var {} = {};", choices.pick(&["x", "y"]), expression(choices, depth)),
        3 => format!(
            "({}).{} = {};",
            expression(choices, inner),
            choices.pick(NAMES).replace('0', "x"),
            expression(choices, depth)
        ),
        4 => format!("try {{ {} }} catch (x) {{ {} }}", statement(choices, inner), statement(choices, inner)),
        5 => format!("throw {};", expression(choices, depth)),
        6 => format!("for (var y in {}) {{ {} }}", expression(choices, inner), statement(choices, inner)),
        7 => format!("polkit.addRule({});", expression(choices, depth)),
        8 => format!("polkit.spawn([{}]);", expression(choices, depth)),
        9 => format!(
            "Object.defineProperty({}, \"{}\", {{get: function () {{ {} }}, configurable: true}});",
            expression(choices, inner),
            choices.pick(NAMES),
            statement(choices, inner)
        ),
        10 if depth > 0 => format!("{} {}", statement(choices, inner), statement(choices, inner)),
        _ => format!("{};", expression(choices, depth)),
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices(bytes);
    let mut text = String::from("var x, y;\n");
    for _ in 0..1 + choices.next() % 3 {
        let (depth, rule) = (choices.next() % 5, choices.next() % 4 > 0);
        text.push_str(&match rule {
            true => format!(
                "polkit.addRule(function (action, subject) {{ {} {} }});\n",
                statement(&mut choices, depth),
                statement(&mut choices, depth)
            ),
            false => format!("(function () {{ {} }}());\n", statement(&mut choices, depth)),
        });
    }
    let rules = [Rules { path: "/x.rules".into(), bytes: text.clone().into_bytes() }];
    let mut engine = Engine::start(&rules).expect("the engine's program lies beside this one");
    let crashed = |why: &str| {
        ["signal: 4", "signal: 6", "signal: 7", "signal: 8", "signal: 11", "malformed reply"]
            .iter()
            .any(|sign| why.contains(sign))
    };
    for (_, why) in engine.cut() {
        assert!(!crashed(why), "{why}\n{text}");
    }
    let ask = |local| EngineRequest {
        action: "org.example.one".into(),
        user: "bob".into(),
        groups: vec!["vm".into(), "0".into()],
        details: vec![("unit".into(), "x.service".into())],
        in_session: local,
        local,
        active: local,
        has_uid: true,
        has_unit: true,
        ..EngineRequest::default()
    };
    let numbers = engine.put([ask(false), ask(true)]);
    let answers = engine.answers(numbers).expect("it can be started again");
    assert_eq!(answers.len(), 2);
    for answer in answers {
        match answer {
            Err(why) => assert!(!crashed(&why), "{why}\n{text}"),
            Ok(told) => assert!(!matches!(told.end, End::Text(text) if text.len() > 8000)),
        }
    }
});
