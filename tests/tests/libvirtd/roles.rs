//! The rule of the roles in real polkits: every action of libvirt's access control, for objects of all kinds of names, is answered as
//! the policy says, and where the policy says nothing, as libvirt's own defaults do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use polkit_config::report::Source;
use polkit_dbus::{Authority, Interaction, Subject};
use polkit_policy_gen::emit::{self, Origin, Owner};
use polkit_policy_gen::implicit_authorization::ImplicitAuthorization;
use polkit_policy_gen::libvirt::MANAGE;
use polkit_policy_gen::mechanisms;
use polkit_policy_gen::policy::{self, Libvirt};
use polkit_policy_gen::target::Format;
use polkit_policy_gen::{actions, tree::Tree};
use polkit_tests::polkit::subject;
use polkit_tests::{LightBed, Process, Root, Suite, require};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const ROLES: &str = r#"
[libvirt]
mode = "acl"

[[libvirt_role]]
role = "operator"
users = ["__proto__", "ann"]
groups = ["web"]
domains = ["web-*", "db", "__proto__"]
networks = ["default", "lan-*"]

[[libvirt_role]]
role = "viewer"
groups = ["all"]
domains = "*"
pools = "*s"

[[libvirt_role]]
role = "admin"
users = "ann"
domains = ["a*b*b", "*-ann"]
pools = ["isos"]

[[libvirt_role]]
role = "console"
groups = "toString"
domains = ["köln \"\u2028<script>"]
"#;

/// Users and their groups.
const PEOPLE: [(&str, &[&str]); 6] = [
    ("__proto__", &[]),
    ("ann", &["all"]),
    ("bob", &["web", "all"]),
    ("cid", &["all"]),
    ("dee", &["toString"]),
    ("constructor", &[]),
];
const GROUPS: [&str; 3] = ["web", "all", "toString"];

/// Names of objects; the last stands for a mechanism that says none.
const OBJECTS: [&str; 14] = [
    "web-1",
    "web-",
    "web",
    "xweb-1",
    "db",
    "default",
    "lan-2",
    "isos",
    "aXbXb",
    "ab",
    "x-ann",
    "__proto__",
    "k\u{f6}ln \"\u{2028}<script>",
    "",
];

/// Another file, whose names and prototypes must not matter to ours.
const HOSTILE: &str = r#"
var users = "x", groups = "x", needs = "x", prefix = "x", own = "x", find = "x", role = "x", others = "x";
["$ann", "$web", "$cid", "$domain.write", "$xweb-1", "level", "domain", "network", "pool", "any", "exact", "open"].forEach(
    function (name) { Object.prototype[name] = 0; });
polkit.addRule(function () { return null; });
"#;

struct Bed {
    bed: LightBed,
    runtime: Runtime,
    authority: Authority,
    subjects: Vec<Subject>,
    _processes: Vec<Process>,
}

fn start(root: &Root, rules: &str) -> Bed {
    let bed = LightBed::on(root)
        .without_libvirtd()
        .file("/etc/polkit-1/rules.d/10-hostile.rules", 0o644, HOSTILE)
        .file("/etc/polkit-1/rules.d/45-polkit-policy-gen.rules", 0o644, rules)
        .start();
    let uids = || PEOPLE.iter().zip(6000..);
    let passwd: String = uids().map(|((name, _), uid)| format!("{name}:x:{uid}:{uid}::/:/bin/sh\n")).collect();
    bed.write("/etc/passwd", 0o644, bed.read("/etc/passwd") + &passwd);
    let members = |group: &str| {
        let of = PEOPLE.iter().filter(|(_, groups)| groups.contains(&group)).map(|(name, _)| *name);
        of.collect::<Vec<_>>().join(",")
    };
    let group: String =
        GROUPS.iter().zip(7000..).map(|(name, gid)| format!("{name}:x:{gid}:{}\n", members(name))).collect();
    bed.write("/etc/group", 0o644, bed.read("/etc/group") + &group);
    let processes: Vec<Process> = PEOPLE.iter().map(|(name, _)| bed.spawn_as(name, ["sleep", "1000"])).collect();
    let subjects = processes.iter().zip(6000..).map(|(process, uid)| subject(&bed, process.pid(), uid)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let connection = runtime.block_on(polkit_dbus::connect_to(&bed.bus_address())).expect("the bed's bus");
    Bed { authority: Authority::new(connection), bed, runtime, subjects, _processes: processes }
}

/// What libvirt passes with an action, for an object of that name.
fn details(action: &str, object: &str) -> Vec<(&'static str, String)> {
    let about = |key: &str| key.ends_with("_name") || key == "connect_driver";
    let keys = mechanisms::compiled_details(action).into_iter().filter(|key| about(key));
    keys.filter(|_| !object.is_empty()).map(|key| (key, object.to_owned())).collect()
}

/// The bus lets a connection wait for 128 replies.
fn answers(bed: &Bed, questions: &[(usize, String, &str)]) -> Vec<(bool, bool)> {
    questions.chunks(100).flat_map(|some| answers_at_once(bed, some)).collect()
}

fn answers_at_once(bed: &Bed, questions: &[(usize, String, &str)]) -> Vec<(bool, bool)> {
    let mut asking = JoinSet::new();
    for (number, (person, action, object)) in questions.iter().enumerate() {
        let (authority, subject) = (bed.authority.clone(), bed.subjects[*person].clone());
        let (action, details) = (action.clone(), details(action, object));
        asking.spawn_on(
            async move {
                let details: HashMap<&str, &str> = details.iter().map(|(key, value)| (*key, value.as_str())).collect();
                let answer = authority.check(&subject, &action, &details, Interaction::Forbidden).await;
                let answer = answer.expect("polkitd answers");
                (number, (answer.authorized, answer.challenge))
            },
            bed.runtime.handle(),
        );
    }
    let answers: BTreeMap<usize, (bool, bool)> = bed.runtime.block_on(asking.join_all()).into_iter().collect();
    answers.into_values().collect()
}

fn policy(text: &str) -> (Libvirt, String) {
    let read = policy::read(&[Source::new("p.toml", text)]);
    let (policy, mut report) = read.unwrap_or_else(|report| panic!("{:?}", report.lines()));
    let files = emit::files(&policy, &Origin::Options, Format::Rules, Owner::Admin, &mut report);
    assert!(!report.has_errors(), "{:?}", report.lines());
    (policy.libvirt.expect("it has one"), files[0].text.clone())
}

fn every_action_is_answered_as_the_policy_says(root: &Root, text: &str) {
    let (libvirt, rules) = policy(text);
    let bed = start(root, &rules);
    let tree = format!("/proc/{}/root", bed.bed.pid1());
    let found = actions::of_tree(&Tree::open(Some(Path::new(&tree))).unwrap(), None).unwrap();
    // What we read of the actions is what polkitd has.
    let listed = bed.bed.exec(["pkaction"]).success().stdout;
    let read: BTreeSet<&str> = found.actions.iter().map(|declared| declared.action.id.as_str()).collect();
    assert_eq!(listed.lines().collect::<BTreeSet<_>>(), read);

    let all = found.actions.iter().map(|declared| &declared.action);
    let api = all.filter(|action| action.id.starts_with("org.libvirt.api."));
    let mut questions = Vec::new();
    let mut expected = Vec::new();
    for action in api {
        for (person, (user, groups)) in PEOPLE.iter().enumerate() {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            // Of objects that no role is over two are enough.
            let own = ["domain", "network", "storage"]
                .iter()
                .any(|kind| action.id.starts_with(&format!("org.libvirt.api.{kind}")));
            for object in if own { &OBJECTS[..] } else { &OBJECTS[12..] } {
                let named = Some(*object).filter(|object| !object.is_empty());
                let answer = libvirt.answer(&action.id, named, user, &groups);
                expected.push(answer.map_or(action.results.any == ImplicitAuthorization::Yes, |answer| {
                    answer == ImplicitAuthorization::Yes
                }));
                questions.push((person, action.id.clone(), *object));
            }
        }
    }
    let mut yes = 0;
    for ((question, expected), seen) in questions.iter().zip(&expected).zip(answers(&bed, &questions)) {
        assert_eq!(seen, (*expected, false), "{}: {} {question:?}", root.suite(), PEOPLE[question.0].0);
        yes += usize::from(*expected);
    }
    println!("{}: {} answers as the policy says, {yes} of them yes", root.suite(), questions.len());
    let manage: Vec<(usize, String, &str)> = (0..PEOPLE.len()).map(|person| (person, MANAGE.to_owned(), "")).collect();
    let may_connect: Vec<bool> = answers(&bed, &manage).into_iter().map(|(yes, _)| yes).collect();
    assert_eq!(may_connect, [true, true, true, true, true, false]);
}

#[test]
fn roles_decide_as_the_policy_says_in_bookworm() {
    let Some(root) = require(Suite::Bookworm) else { return };
    every_action_is_answered_as_the_policy_says(&root, ROLES);
}

#[test]
fn roles_decide_as_the_policy_says_in_trixie_and_others_get_nothing() {
    let Some(root) = require(Suite::Trixie) else { return };
    every_action_is_answered_as_the_policy_says(&root, &ROLES.replace("\"acl\"", "\"acl\"\nothers = \"nothing\""));
}

#[test]
fn roles_decide_as_the_policy_says_in_forky() {
    let Some(root) = require(Suite::Forky) else { return };
    every_action_is_answered_as_the_policy_says(&root, ROLES);
}
