//! A bed with users, groups, netgroups and sessions for the questions, and polkitd to answer them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use polkit_dbus::{Authority, Authorization, Interaction, Subject};
use polkit_policy_gen::implicit_authorization::{ImplicitAuthorization, Session};
use polkit_policy_gen::policy::PolicyRequest;
use polkit_policy_gen::target::Format;
use polkit_tests::polkit::subject;
use polkit_tests::{LightBed, Process, Root};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

pub const ACTIONS: [&str; 7] = [
    "org.example.a.one",
    "org.example.a.one-more",
    "org.example.a.two",
    "org.example.b.one",
    "org.example.b.two",
    "org.example.c",
    "org.exampleX.a.two",
];
/// Tells which policy is in force.
pub const MARKER: &str = "org.example.marker";
pub const WATCHER: &str = "watcher";

pub const USERS: [&str; 6] = ["u0", "__proto__", "constructor", "o'brien", "k\u{f6}ln", "u5"];
pub const GROUPS: [&str; 4] = ["g0", "toString", "g2", "valueOf"];
pub const NETGROUPS: [&str; 2] = ["n0", "hasOwnProperty"];
/// Of each user the groups and netgroups.
pub const MEMBERS: [(&[&str], &[&str]); 6] = [
    (&["g0"], &["n0"]),
    (&["g0", "toString"], &[]),
    (&["toString", "g2", "valueOf"], &["n0", "hasOwnProperty"]),
    (&["valueOf", "g0"], &["hasOwnProperty"]),
    (&[], &["n0"]),
    (&[], &[]),
];
const FIRST_UID: u32 = 6000;
const WATCHER_UID: u32 = 6100;

const RULES: &str = "/etc/polkit-1/rules.d/45-polkit-policy-gen.rules";
const PKLA: &str = "/etc/polkit-1/localauthority/45-polkit-policy-gen.d/polkit-policy-gen.pkla";

/// Another file, whose names and prototypes must not matter to ours.
const HOSTILE: &str = r#"
var grants = "x", actions = "x", patterns = "x", lengths = "x", own = "x", find = "x", named = "x";
["$u0", "$u5", "$g0", "$n0", "$org.example.a.one", "$unit", "details", "expression", "exact", "any", "$db.service"].forEach(
    function (name) { Object.prototype[name] = 0; });
polkit.addRule(function () { return null; });
"#;

/// A request of a random kind.
#[derive(Clone, Debug)]
pub struct Asked {
    pub action: String,
    pub user: usize,
    pub groups: BTreeSet<String>,
    pub netgroups: BTreeSet<String>,
    pub details: BTreeMap<String, String>,
    pub session: Session,
}

impl Asked {
    pub fn as_question(&self) -> PolicyRequest<'_> {
        PolicyRequest {
            action: &self.action,
            user: USERS[self.user],
            groups: &self.groups,
            netgroups: &self.netgroups,
            details: &self.details,
            unit: None,
            no_new_privileges: false,
            session: self.session,
        }
    }
}

/// As much of an answer as polkitd shows: which authentication it wants is told from 127 on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    Yes,
    No,
    Challenge { kept: bool },
    Exactly(String),
}

/// The bed. Each user has a process without a session and one in a session, which is active or inactive in turn.
pub struct Host {
    bed: LightBed,
    runtime: Runtime,
    authority: Authority,
    /// Of each user: without a session, and in one.
    subjects: Vec<[Subject; 2]>,
    watcher: Subject,
    _processes: Vec<Process>,
}

impl Host {
    /// Starts it, with files of others in its way if there are to be rules.
    pub fn start(root: &Root, rules: bool) -> Self {
        let members = |of: &dyn Fn(usize) -> &'static [&'static str], name: &str| -> Vec<&str> {
            (0..USERS.len()).filter(|user| of(*user).contains(&name)).map(|user| USERS[user]).collect()
        };
        let netgroups = NETGROUPS.map(|name| {
            let users: Vec<String> =
                members(&|user| MEMBERS[user].1, name).iter().map(|user| format!("(,{user},)")).collect();
            format!("{name} {}\n", users.join(" "))
        });
        let mut builder = LightBed::on(root)
            .without_libvirtd()
            .file("/usr/share/polkit-1/actions/org.example.policy", 0o644, actions())
            .file("/etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nshadow: files\nnetgroup: files\n")
            .file("/etc/netgroup", 0o644, netgroups.concat());
        builder = if rules {
            builder.file("/etc/polkit-1/rules.d/10-hostile.rules", 0o644, HOSTILE)
        } else {
            // 0.105 sees a new folder when it starts.
            builder.file(PKLA, 0o644, "")
        };
        let bed = builder.start();
        let line = |name: &str, uid: u32| format!("{name}:x:{uid}:{uid}::/:/bin/sh\n");
        let uids = || USERS.iter().zip(FIRST_UID..);
        let users: String = uids().map(|(name, uid)| line(name, uid)).collect();
        bed.write("/etc/passwd", 0o644, bed.read("/etc/passwd") + &users + &line(WATCHER, WATCHER_UID));
        let groups = GROUPS
            .iter()
            .zip(7000..)
            .map(|(name, gid)| format!("{name}:x:{gid}:{}\n", members(&|user| MEMBERS[user].0, name).join(",")));
        bed.write("/etc/group", 0o644, bed.read("/etc/group") + &groups.collect::<String>());
        let mut processes = Vec::new();
        let mut process = |name: &str, uid: u32, session: bool| {
            let process = bed.spawn_as(name, ["sleep", "10000"]);
            if session {
                bed.move_to_cgroup(process.pid(), &format!("user.slice/user-{uid}.slice/session-c{uid}.scope"));
            }
            let subject = subject(&bed, process.pid(), uid);
            processes.push(process);
            subject
        };
        let subjects = uids().map(|(name, uid)| [process(name, uid, false), process(name, uid, true)]).collect();
        let watcher = process(WATCHER, WATCHER_UID, false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let connection = runtime.block_on(polkit_dbus::connect_to(&bed.bus_address())).expect("the bed's bus");
        Self { authority: Authority::new(connection), bed, runtime, subjects, watcher, _processes: processes }
    }

    /// The state of that user's session in that turn.
    pub fn session(user: usize, turn: usize) -> Session {
        if (user + turn).is_multiple_of(2) { Session::Active } else { Session::Inactive }
    }

    /// Puts the policy's file in place, and the sessions into their states, and waits until polkitd has read the file.
    pub fn install(&self, format: Format, file: &str, turn: usize) {
        for (user, uid) in (0..USERS.len()).zip(FIRST_UID..) {
            let (active, state) =
                if Self::session(user, turn) == Session::Active { (1, "active") } else { (0, "online") };
            let session = format!("UID={uid}\nACTIVE={active}\nSTATE={state}\nCLASS=user\nTYPE=tty\nSEAT=seat0\n");
            self.bed.write(format!("/run/systemd/sessions/c{uid}"), 0o644, session);
            self.bed.write(format!("/run/systemd/users/{uid}"), 0o644, format!("STATE={state}\nSESSIONS=c{uid}\n"));
        }
        self.write(format, file);
        let expected = if turn.is_multiple_of(2) { Seen::Yes } else { Seen::No };
        let began = Instant::now();
        while self.ask_all(vec![(self.watcher.clone(), MARKER.to_owned(), BTreeMap::new())]) != [expected.clone()] {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "polkitd does not read the file\n{file}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Puts the policy's file in place, as `install` does: 0.105 notices a rename sooner than a change.
    pub fn write(&self, format: Format, file: &str) {
        let path = if format == Format::Rules { RULES } else { PKLA };
        let temporary = format!("{path}.new");
        self.bed.write(&temporary, 0o644, file);
        let _ = self.bed.exec(["mv", &temporary, path]).success();
    }

    /// polkitd's answers, in the order of the questions.
    pub fn ask(&self, questions: &[Asked]) -> Vec<Seen> {
        let of = |asked: &Asked| {
            let subject = self.subjects[asked.user][usize::from(asked.session != Session::None)].clone();
            (subject, asked.action.clone(), asked.details.clone())
        };
        self.ask_all(questions.iter().map(of).collect())
    }

    fn ask_all(&self, questions: Vec<(Subject, String, BTreeMap<String, String>)>) -> Vec<Seen> {
        let mut asking = JoinSet::new();
        for (number, (subject, action, details)) in questions.into_iter().enumerate() {
            let authority = self.authority.clone();
            asking.spawn_on(
                async move {
                    let details = details.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                    let answer = authority.check(&subject, &action, &details, Interaction::Forbidden).await;
                    (number, seen(&answer.expect("polkitd answers")))
                },
                self.runtime.handle(),
            );
        }
        let answers = self.runtime.block_on(asking.join_all());
        let ordered: BTreeMap<usize, Seen> = answers.into_iter().collect();
        ordered.into_values().collect()
    }

    /// What polkit-pkla-compat says to the same questions: a result, or nothing.
    pub fn ask_compat(&self, questions: &[Asked]) -> Vec<String> {
        let line = |asked: &Asked| {
            let (local, active) = (asked.session != Session::None, asked.session == Session::Active);
            format!("{}\t{local}\t{active}\t{}\n", USERS[asked.user], asked.action)
        };
        self.bed.write("/root/questions", 0o600, questions.iter().map(line).collect::<String>());
        let script = "while IFS='\t' read -r user local active action; do
            printf '%s\\n' \"$(pkla-check-authorization \"$user\" \"$local\" \"$active\" \"$action\")\"
            done < /root/questions";
        let output = self.bed.exec(["sh", "-c", script]).success();
        assert_eq!(output.stderr, "");
        output.stdout.lines().map(str::to_owned).collect()
    }

    /// What polkitd shows of this result.
    pub fn shown(&self, answer: ImplicitAuthorization) -> Seen {
        match answer {
            ImplicitAuthorization::Yes => Seen::Yes,
            ImplicitAuthorization::No => Seen::No,
            other if self.bed.suite().polkit() >= 127 => Seen::Exactly(other.text().to_owned()),
            other => Seen::Challenge { kept: other.is_kept() },
        }
    }

    /// What polkitd has written.
    pub fn log(&self) -> String {
        self.bed.polkitd_log()
    }
}

fn seen(reply: &Authorization) -> Seen {
    let kept = reply.details.contains_key("polkit.retains_authorization_after_challenge");
    match reply.details.get("polkit.result") {
        _ if reply.authorized => Seen::Yes,
        _ if !reply.challenge => Seen::No,
        Some(result) => Seen::Exactly(result.clone()),
        None => Seen::Challenge { kept },
    }
}

fn actions() -> String {
    let action = |id: &&str| {
        format!(
            "<action id=\"{id}\"><description>A test</description><message>A test</message><defaults>\
             <allow_any>auth_admin_keep</allow_any><allow_inactive>auth_self</allow_inactive>\
             <allow_active>auth_admin</allow_active></defaults></action>\n"
        )
    };
    let actions: String = ACTIONS.iter().chain(&[MARKER]).map(action).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<policyconfig>\n{actions}</policyconfig>\n")
}
