//! `answer = "authenticate"`: an agent inside a session has PAM authenticate its own user, through polkit's own helper.

use polkit_tests::agent::by_hand::{self, MANAGE, PROBE, process_in};
use polkit_tests::agent::kiosk::{GUEST, KIOSK, Session, ask, bed};
use polkit_tests::agent::record::{decisions, from_journal, outcome_of};
use polkit_tests::agent::until;
use polkit_tests::polkit::Verdict;
use polkit_tests::{Bed, FullBed, Process, Root, Suite, on_each_suite_with_rules};

on_each_suite_with_rules! {
    polkit_s_helper_is_setuid_or_listens
    the_right_secret_is_a_yes_and_the_wrong_one_is_not
    several_prompts_take_their_secrets_in_order
    another_identity_than_the_agent_s_own_is_refused_at_load
    without_a_credential_or_a_helper_nothing_is_granted_and_the_record_says_why
    a_process_of_another_user_in_the_session_is_not_authenticated
    a_process_that_changes_while_pam_is_asked_gets_nothing
    a_service_without_new_privileges_needs_the_socket
}

const SECRET: &str = "correct horse battery staple";

const CONFIG: &str = r#"
[[serve]]
session = "own"

[[rule]]
id = "by-password"
action = "org.libvirt.unix.manage"
user = "kiosk"
answer = "authenticate"
credential = "password"
"#;

/// A session of kiosk's with the agent in it, as a unit that has credentials: `NAME` and what is in it.
struct Kiosk {
    bed: FullBed,
    session: Session,
    client: Process,
}

impl Kiosk {
    fn with(root: &Root, config: &str, credentials: &[(&str, &str)]) -> Self {
        Self::in_unit(root, config, credentials, "")
    }

    fn in_unit(root: &Root, config: &str, credentials: &[(&str, &str)], more: &str) -> Self {
        let bed = bed(root, "", false);
        let session = log_in(&bed, config, credentials, more);
        let client = process_in(&bed, "kiosk", &session.cgroup);
        Self { bed, session, client }
    }

    fn ask(&self) -> Verdict {
        ask(&self.bed, self.client.pid(), KIOSK)
    }

    /// The last decision about libvirt's action with its outcome, and the outcome's error.
    fn last(&self) -> (String, String, String) {
        let records = from_journal(&self.bed);
        let decision = decisions(records.clone(), MANAGE).pop().expect("a record");
        let outcome = outcome_of(&records, &decision).expect("an outcome");
        let (verdict, rule, reason) = decision.verdict();
        (
            format!("{verdict} {rule} {reason} {}", decision.get("IDENTITY")),
            outcome.get("OUTCOME").to_owned(),
            outcome.get("ERROR").to_owned(),
        )
    }
}

/// Starts the agent as the session's first process, and waits until it stands for the session.
fn log_in(bed: &FullBed, config: &str, credentials: &[(&str, &str)], more: &str) -> Session {
    // As on a host: systemd before 258 makes credentials in a mount that has to reach the others.
    let _ = bed.exec(["mount", "--make-rshared", "/"]).success();
    let _ = bed.exec(["sh", "-c", &format!("echo 'kiosk:{SECRET}' | chpasswd")]).success();
    bed.write("/home/kiosk/agent.toml", 0o644, config);
    let mut unit = format!(
        "[Service]\nUser=kiosk\nPAMName=login\nTTYPath=/dev/null\n\
         Environment=XDG_SEAT=seat0 XDG_SESSION_TYPE=x11 XDG_SESSION_CLASS=user\n\
         ExecStart=polkit-service-agent run --config /home/kiosk/agent.toml\n{more}"
    );
    for (name, text) in credentials {
        bed.write(format!("/etc/credstore/{name}"), 0o600, text);
        unit.push_str(&format!("LoadCredential={name}:/etc/credstore/{name}\n"));
    }
    bed.write("/etc/systemd/system/kiosk-agent.service", 0o644, unit);
    let _ = bed.exec(["systemctl", "daemon-reload"]).success();
    let session = Session::of_unit(bed, "kiosk-agent");
    let client = process_in(bed, "kiosk", &session.cgroup);
    until(|| Polkitd::knows(bed, client.pid()));
    session
}

/// Whether the session has an agent: what no rule is about is refused by it, and by polkitd otherwise for want of one.
struct Polkitd;

impl Polkitd {
    fn knows(bed: &Bed, pid: u32) -> bool {
        polkit_tests::Polkit::of(bed).check(&polkit_tests::polkit::subject(bed, pid, KIOSK), PROBE) == Verdict::No
    }
}

/// Where polkit's helper is in this suite: a fact that `authenticate` rests on.
fn listens(suite: Suite) -> bool {
    suite == Suite::Forky
}

fn polkit_s_helper_is_setuid_or_listens(root: &Root) {
    let bed = bed(root, "", false);
    let helper = "/usr/lib/polkit-1/polkit-agent-helper-1";
    let mode = bed.exec(["stat", "--format=%U %a", helper]).success().text().to_owned();
    let socket = bed.exec(["systemctl", "is-active", "polkit-agent-helper.socket"]).text().to_owned();
    println!("FACT {} (polkit {}): helper {mode}, socket {socket}", bed.suite(), bed.suite().polkit());
    if listens(bed.suite()) {
        assert_eq!((mode.as_str(), socket.as_str()), ("root 755", "active"));
        assert!(bed.exists("/run/polkit/agent-helper.socket"));
    } else {
        assert_eq!(mode, "root 4755");
        assert!(!bed.exists("/run/polkit/agent-helper.socket"));
    }
}

fn the_right_secret_is_a_yes_and_the_wrong_one_is_not(root: &Root) {
    let right = Kiosk::with(root, CONFIG, &[("password", SECRET)]);
    assert_eq!(right.ask(), Verdict::Yes, "{:?}", right.last());
    let decided = format!("authenticate by-password rule unix-user:{KIOSK}");
    assert_eq!(right.last(), (decided.clone(), "sent".into(), String::new()));
    let all = right.bed.journal(["--output=export"]);
    assert!(!all.contains(SECRET), "a log has the secret");

    let wrong = Kiosk::with(root, CONFIG, &[("password", "incorrect horse\n")]);
    assert_eq!(wrong.ask(), Verdict::No);
    let (decision, outcome, error) = wrong.last();
    assert_eq!((decision, outcome), (decided, "not-authenticated".into()));
    assert!(error.starts_with("PAM refused"), "{error}");
    let all = wrong.bed.journal(["--output=export"]);
    assert!(!all.contains("incorrect horse"), "a log has the secret");
}

/// PAM that asks twice: for an e-mail address as old FTP servers do, which may be any, and for the password.
const TWO_PROMPTS: &str = "\
auth required pam_ftp.so users=kiosk
auth required pam_unix.so
account required pam_permit.so
";

fn several_prompts_take_their_secrets_in_order(root: &Root) {
    let run = |credentials: &str| {
        let config = CONFIG.replace(r#""password""#, credentials);
        let kiosk = Kiosk::with(root, &config, &[("password", SECRET), ("address", "kiosk@example.org")]);
        kiosk.bed.write("/etc/pam.d/polkit-1", 0o644, TWO_PROMPTS);
        (kiosk.ask(), kiosk.last())
    };
    let (verdict, last) = run(r#"["address", "password"]"#);
    assert_eq!(verdict, Verdict::Yes, "{last:?}");
    let (verdict, (.., error)) = run(r#"["password", "address"]"#);
    assert_eq!(verdict, Verdict::No);
    assert!(error.starts_with("PAM refused"), "{error}");
    let (verdict, (.., error)) = run(r#""password""#);
    assert_eq!(verdict, Verdict::No);
    assert_eq!(error, "PAM asked for a further secret, and there is none");
}

fn another_identity_than_the_agent_s_own_is_refused_at_load(root: &Root) {
    let bed = by_hand::light(root);
    let check = |user: &str, config: &str| {
        bed.write("/home/agent.toml", 0o644, config);
        let output = bed.exec_as(user, ["polkit-service-agent", "check", "--config", "/home/agent.toml"]);
        let run = bed.exec_as(user, ["polkit-service-agent", "run", "--config", "/home/agent.toml"]);
        assert_eq!((output.code(), run.code()), (Some(1), Some(78)), "{output}\n{run}");
        output.stderr
    };
    let config = CONFIG.replace("kiosk", "games");
    bed.write("/home/agent.toml", 0o644, &config);
    let right = bed.exec_as("games", ["polkit-service-agent", "check", "--config", "/home/agent.toml"]).success();
    assert!(right.stdout.contains("authenticates for org.libvirt.unix.manage, which is root-equivalent"), "{right}");
    let tried = ["polkit-service-agent", "test", "--config", "/home/agent.toml", "--user", "games", "--action", MANAGE];
    let tried = bed.exec_as("games", tried);
    assert_eq!(tried.code(), Some(4), "{tried}");

    let other = check("games", &config.replace("credential", "identity = \"root\"\ncredential"));
    assert!(other.contains("would authenticate as `root`, but this agent acts for `games` only"), "{other}");
    assert!(other.contains("polkit-policy-gen generate"), "{other}");
    let processes = check("games", &config.replace("games", "root"));
    assert!(processes.contains("would answer for processes of `root`"), "{processes}");
    let asks = check("games", &config.replace("authenticate", "ask").replace("credential = \"password\"", ""));
    assert!(asks.contains("polkitd believes only root"), "{asks}");
    // Root's own agent, and one that does not stand for a session.
    let root = check("root", &config);
    assert!(root.contains("needs an agent that is not root"), "{root}");
}

fn without_a_credential_or_a_helper_nothing_is_granted_and_the_record_says_why(root: &Root) {
    let none = Kiosk::with(root, CONFIG, &[]);
    assert_eq!(none.ask(), Verdict::No);
    assert!(none.last().2.starts_with("$CREDENTIALS_DIRECTORY is not set"), "{:?}", none.last());

    let other = Kiosk::with(root, CONFIG, &[("passwort", SECRET)]);
    assert_eq!(other.ask(), Verdict::No);
    assert!(other.last().2.starts_with("cannot read the credential `password`: No such file"), "{:?}", other.last());

    let empty = Kiosk::with(root, CONFIG, &[("password", "\n")]);
    assert_eq!(empty.ask(), Verdict::No);
    assert_eq!(empty.last().2, "the credential `password` is not a valid secret: it is empty");

    let bare = Kiosk::with(root, CONFIG, &[("password", SECRET)]);
    let _ = bare.bed.exec(["systemctl", "stop", "polkit-agent-helper.socket"]);
    bare.bed.remove("/usr/lib/polkit-1/polkit-agent-helper-1");
    assert_eq!(bare.ask(), Verdict::No);
    assert!(bare.last().2.starts_with("polkit's helper is missing"), "{:?}", bare.last());
}

fn a_process_of_another_user_in_the_session_is_not_authenticated(root: &Root) {
    let config = CONFIG.replace("user = \"kiosk\"\n", "session = \"active\"\n");
    let kiosk = Kiosk::with(root, &config, &[("password", SECRET)]);
    assert_eq!(kiosk.ask(), Verdict::Yes, "{:?}", kiosk.last());
    let guest = process_in(&kiosk.bed, "guest", &kiosk.session.cgroup);
    assert_eq!(ask(&kiosk.bed, guest.pid(), GUEST), Verdict::No);
    let (decision, ..) = kiosk.last();
    assert_eq!(decision, "deny by-password other-user ");
}

fn a_process_that_changes_while_pam_is_asked_gets_nothing(root: &Root) {
    let kiosk = Kiosk::with(root, CONFIG, &[("password", SECRET)]);
    let slow =
        "auth required pam_exec.so quiet /usr/bin/sleep 2\nauth required pam_unix.so\naccount required pam_permit.so\n";
    kiosk.bed.write("/etc/pam.d/polkit-1", 0o644, slow);
    let mut client = kiosk.bed.spawn_as("kiosk", ["sh", "-c", "read go; exec sleep 1000"]);
    kiosk.bed.move_to_cgroup(client.pid(), &kiosk.session.cgroup);
    let pid = client.pid();
    let verdict = std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&kiosk.bed, pid, KIOSK));
        until(|| {
            decisions(from_journal(&kiosk.bed), MANAGE)
                .iter()
                .any(|record| record.get("SUBJECT_PID") == pid.to_string())
        });
        client.say("go");
        asked.join().expect("a verdict")
    });
    assert_eq!(verdict, Verdict::No);
    assert_eq!(kiosk.last().1, "changed", "{:?}", kiosk.last());
}

fn a_service_without_new_privileges_needs_the_socket(root: &Root) {
    let kiosk = Kiosk::in_unit(root, CONFIG, &[("password", SECRET)], "NoNewPrivileges=yes\n");
    let verdict = kiosk.ask();
    let (_, outcome, error) = kiosk.last();
    if listens(kiosk.bed.suite()) {
        assert_eq!((verdict, outcome.as_str()), (Verdict::Yes, "sent"), "{error}");
    } else {
        assert_eq!((verdict, outcome.as_str()), (Verdict::No, "not-authenticated"));
        assert!(error.contains("NoNewPrivileges= cannot use it"), "{error}");
    }
}
