//! A bed with users in sessions, whose polkitd and whose files are asked the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::polkit::subject;
use crate::{LightBed, Process, Root, Suite};
use futures_util::future::join_all;
use polkit_dbus::{Authority, Interaction};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{Asked, Real, SESSIONS, Tally, USERS, append, explain, lines, real};

const GROUPS: &[(&str, u32)] = &[("vm", 3100), ("wheel", 3101), ("netdev", 3102), ("kvm", 3103), ("libvirt", 3104)];
const PKLA_RULE: &str = "/usr/share/polkit-1/rules.d/49-polkit-pkla-compat.rules";
/// Checks on their way at once.
const AT_ONCE: usize = 100;

/// A bed and its users' processes, one without and one with a session each.
pub struct Host {
    /// The bed.
    pub bed: LightBed,
    processes: Vec<(&'static str, u32, bool, Process)>,
    runtime: Runtime,
    /// Bookworm's rule for pkla files. It makes each check two processes long, so it is there with such files only.
    pkla_rule: Option<String>,
    /// The actions that the bed has by itself.
    registered: BTreeSet<String>,
}

impl Host {
    /// Starts a bed with the users, groups and sessions.
    pub fn on(root: &Root) -> Self {
        let builder = LightBed::on(root).without_libvirtd();
        let bed = if root.suite() == Suite::Bookworm { builder.with_pkla().start() } else { builder.start() };
        for (name, uid, _) in USERS {
            append(&bed, "/etc/passwd", &format!("{name}:x:{uid}:{uid}::/:/bin/sh\n"));
        }
        for (name, gid) in GROUPS {
            let there = bed.read("/etc/group").lines().any(|line| line.starts_with(&format!("{name}:")));
            if !there {
                append(&bed, "/etc/group", &format!("{name}:x:{gid}:\n"));
            }
        }
        for (user, _, groups) in USERS {
            for group in *groups {
                let text = bed.read("/etc/group");
                let lines = text.lines().map(|line| match line.starts_with(&format!("{group}:")) {
                    true if line.ends_with(':') => format!("{line}{user}\n"),
                    true => format!("{line},{user}\n"),
                    false => format!("{line}\n"),
                });
                bed.write("/etc/group", 0o644, lines.collect::<String>());
            }
        }
        let mut processes = Vec::new();
        for (user, uid, _) in USERS.iter().chain([&("www-data", 33, &[] as &[&str])]) {
            for in_session in [false, true] {
                let process = bed.spawn_as(user, ["sleep", "100000"]);
                if in_session {
                    bed.move_to_cgroup(process.pid(), &format!("user.slice/user-{uid}.slice/session-c{uid}.scope"));
                }
                processes.push((*user, *uid, in_session, process));
            }
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let pkla_rule = bed.exists(PKLA_RULE).then(|| bed.read(PKLA_RULE));
        let listed = bed.exec(["sh", "-c", "grep -oh 'action id=\"[^\"]*' /usr/share/polkit-1/actions/*.policy"]);
        let registered = listed.stdout.lines().filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect();
        Self { bed, processes, runtime, pkla_rule, registered }
    }

    /// As [`Host::set`] for programs that read the files themselves: polkitd is not restarted.
    pub fn lay(&self, files: &[(String, Vec<u8>)]) {
        self.clear();
        for (path, bytes) in files {
            self.bed.write(path, 0o644, bytes);
        }
        if self.pkla_rule.is_some() && self.bed.exists(PKLA_RULE) {
            self.bed.remove(PKLA_RULE);
        }
    }

    fn clear(&self) {
        let places = "/etc/polkit-1/rules.d /etc/polkit-1/localauthority /var/lib/polkit-1/localauthority";
        let clear = format!(
            "for d in {places}; do [ ! -d $d ] || find $d -mindepth 1 -delete; done; \
             rm -f /usr/share/polkit-1/actions/test*.policy"
        );
        let _ = self.bed.exec(["sh", "-c", &clear]).success();
    }

    /// Puts all sessions to the front, into the background, or away from the seat, as logind writes it.
    fn switch(&self, session: &str) {
        let (state, flag) = if session == "inactive" { ("online", 0) } else { ("active", 1) };
        let remote = session == "remote";
        let (seat, seats) = if remote { ("REMOTE=1\n", "") } else { ("REMOTE=0\nSEAT=seat0\n", "SEATS=seat0\n") };
        for (user, uid, in_session, _) in &self.processes {
            if *in_session {
                let session = format!(
                    "UID={uid}\nUSER={user}\nACTIVE={flag}\nIS_DISPLAY=1\nSTATE={state}\nTYPE=x11\nCLASS=user\n\
                     SCOPE=session-c{uid}.scope\n{seat}"
                );
                self.bed.write(format!("/run/systemd/sessions/c{uid}"), 0o644, session);
                let text = format!("NAME={user}\nSTATE={state}\nDISPLAY=c{uid}\nSESSIONS=c{uid}\n{seats}");
                self.bed.write(format!("/run/systemd/users/{uid}"), 0o644, text);
            }
        }
    }

    /// Takes away what an administrator wrote, and puts these files there, with the mode 0644.
    pub fn set(&self, files: &[(String, Vec<u8>)]) {
        // One that watches would read some of them, and say of a file that goes meanwhile that it cannot load it.
        self.bed.stop_polkitd();
        self.clear();
        for (path, bytes) in files {
            self.bed.write(path, 0o644, bytes);
        }
        if let Some(rule) = &self.pkla_rule {
            if files.iter().any(|(path, _)| path.ends_with(".pkla")) {
                self.bed.write(PKLA_RULE, 0o644, rule);
            } else {
                self.bed.remove(PKLA_RULE);
            }
        }
        self.bed.restart_polkitd();
    }

    /// Whether the bed has the action by itself: another file that has it, too, would be read before or after that one, which
    /// is not certain.
    pub fn has(&self, action: &str) -> bool {
        self.registered.contains(action)
    }

    /// Every user, session, action and choice of details.
    pub fn questions(&self, actions: &[String], details: &[BTreeMap<String, String>]) -> Vec<Asked> {
        let mut asked = Vec::new();
        for session in SESSIONS {
            for (user, _, in_session, _) in &self.processes {
                if *in_session == (*session == "none") {
                    continue;
                }
                for action in actions {
                    for details in details {
                        asked.push(Asked { user, session, action: action.clone(), details: details.clone() });
                    }
                }
            }
        }
        asked
    }

    /// polkitd's answers. The questions are in the order of their sessions.
    pub fn real(&self, asked: &[Asked]) -> Vec<Real> {
        self.runtime.block_on(async {
            let connection = polkit_dbus::connect_to(&self.bed.bus_address()).await.expect("the bed's bus");
            let authority = Authority::new(connection);
            let mut answers = Vec::new();
            for session in SESSIONS {
                self.switch(session);
                let of_session: Vec<&Asked> = asked.iter().filter(|asked| asked.session == *session).collect();
                for chunk in of_session.chunks(AT_ONCE) {
                    answers.extend(join_all(chunk.iter().map(|asked| self.check(&authority, asked))).await);
                }
            }
            answers
        })
    }

    async fn check(&self, authority: &Authority, asked: &Asked) -> Real {
        let with_session = asked.session != "none";
        let (_, uid, _, process) = self
            .processes
            .iter()
            .find(|(user, _, in_session, _)| *user == asked.user && *in_session == with_session)
            .expect("a process of that user");
        let subject = subject(&self.bed, process.pid(), *uid);
        let details: HashMap<&str, &str> = asked.details.iter().map(|(key, value)| (&**key, &**value)).collect();
        real(authority.check(&subject, &asked.action, &details, Interaction::Forbidden).await)
    }

    /// Whether polkitd replies within a second, with any verdict. A polkitd that ended does not reply, nor one that hangs in its end.
    pub fn answers_at_once(&self, asked: &Asked) -> bool {
        let process = self.processes.iter().find(|(user, ..)| *user == asked.user).expect("a process of that user");
        let pid = process.3.pid().to_string();
        let pkcheck = ["timeout", "1", "pkcheck", "--action-id", &asked.action, "--process", &pid];
        matches!(self.bed.exec(pkcheck).code(), Some(0..=3))
    }

    /// What `pkla-check-authorization` prints for each question.
    pub fn helper(&self, asked: &[Asked]) -> Vec<String> {
        let mut script = String::new();
        for Asked { user, session, action, .. } in asked {
            let local = ["inactive", "active"].contains(session);
            let active = ["remote", "active"].contains(session);
            let call = format!("/usr/sbin/pkla-check-authorization {user} {local} {active} {action}");
            script.push_str(&format!("echo \"=$({call} 2>/dev/null)\"\n"));
        }
        self.bed.write("/bed/helper.sh", 0o755, script);
        let output =
            self.bed.exec(["setpriv", "--reuid=polkitd", "--regid=polkitd", "--init-groups", "sh", "/bed/helper.sh"]);
        output.success().stdout.lines().map(|line| line.trim_start_matches('=').to_owned()).collect()
    }

    /// Our answers.
    pub fn ours(&self, asked: &[Asked]) -> Vec<Value> {
        self.ours_for(asked, &[])
    }

    /// The same, with further options of `explain`.
    pub fn ours_for(&self, asked: &[Asked], options: &[&str]) -> Vec<Value> {
        explain(&self.bed, &lines(asked), options)
    }

    /// Asks both, and compares.
    pub fn compare(&self, name: &str, asked: &[Asked]) -> Tally {
        let ours = self.ours(asked);
        assert_eq!(ours.len(), asked.len(), "{name}");
        let mut tally = Tally::default();
        let (asked, ours) = tally.decided(&self.bed, asked, ours);
        let (real, asked) = (self.real(&asked), &asked);
        // An old polkitd now and then gives no answer to one of many: it is asked alone before that is believed.
        let asked_again = |asked: &Asked| {
            self.bed.restart_polkitd();
            self.real(std::slice::from_ref(asked)).remove(0)
        };
        let real = real.into_iter().zip(asked).zip(&ours).map(|((real, asked), ours)| match real {
            Real::Gone if ours["ends_polkitd"].is_null() => asked_again(asked),
            real => real,
        });
        tally.count(name, asked, &real.collect::<Vec<_>>(), &ours);
        tally
    }
}
