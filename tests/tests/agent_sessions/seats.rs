//! What `session` and `seat` mean, beside what polkit's own `allow_any`, `allow_inactive` and `allow_active` answer.

use polkit_tests::agent::by_hand::CONFIG_FILE;
use polkit_tests::agent::kiosk::{GUEST, KIOSK, Session, ask, bed, is_refused, log, until_served};
use polkit_tests::agent::{start_agent, until};
use polkit_tests::polkit::{Verdict, subject};
use polkit_tests::{FullBed, Polkit, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_session_without_a_seat_is_not_active
    a_session_of_sshd_is_remote_and_not_active
    active_asks_for_what_polkit_s_allow_active_asks_for
    a_configuration_that_says_active_gets_a_note
}

const ACTIVE: &str = r#"
[[serve]]
session_user = "kiosk"

[[rule]]
id = "kiosk"
action = "org.libvirt.unix.manage"
user = "kiosk"
session = "active"
answer = "allow"
"#;

/// As ssh makes it: logind says `ACTIVE=1`, and polkit answers by `allow_any`.
fn a_session_without_a_seat_is_not_active(root: &Root) {
    let bed = bed(root, ACTIVE, true);
    start_agent(&bed);
    let seatless = Session::without_a_seat(&bed, "kiosk", "seatless-login");
    let state = bed.read(format!("/run/systemd/sessions/{}", seatless.id));
    assert!(state.contains("ACTIVE=1") && !state.contains("SEAT="), "{state}");
    until_served(&bed, seatless.pid, KIOSK);
    assert_eq!(ask(&bed, seatless.pid, KIOSK), Verdict::No, "{}", log(&bed));
    let seated = Session::of(&bed, "kiosk", "seated-login");
    until_served(&bed, seated.pid, KIOSK);
    assert_eq!(ask(&bed, seated.pid, KIOSK), Verdict::Yes, "{}", log(&bed));
}

fn a_session_of_sshd_is_remote_and_not_active(root: &Root) {
    const PREPARE: &str = "mkdir -p /run/sshd; ssh-keygen -A; ssh-keygen -q -t ed25519 -N '' -f /root/key
        install -d -o kiosk -m 0700 ~kiosk/.ssh; install -o kiosk -m 0600 /root/key.pub ~kiosk/.ssh/authorized_keys
        systemd-run --quiet --unit=test-sshd -- /usr/sbin/sshd -D -o ListenAddress=127.0.0.1 -o UsePAM=yes";
    const SSH: [&str; 7] = ["ssh", "-q", "-o", "StrictHostKeyChecking=no", "-i", "/root/key", "kiosk@127.0.0.1"];
    let bed = bed(root, ACTIVE, true);
    let _ = bed.exec(["sh", "-ec", PREPARE]).success();
    until(|| bed.exec(SSH.iter().chain(&["true"])).code() == Some(0));
    start_agent(&bed);
    let mut login = bed.spawn_as("root", SSH.iter().chain(&["echo $$; exec sleep 1000"]));
    let pid = login.line().parse().expect("a pid");
    let cgroup = bed.read(format!("/proc/{pid}/cgroup"));
    let id = cgroup.trim().rsplit("session-").next().unwrap_or_default().trim_end_matches(".scope");
    let state = bed.read(format!("/run/systemd/sessions/{id}"));
    assert!(state.contains("ACTIVE=1") && state.contains("REMOTE=1") && !state.contains("SEAT="), "{cgroup} {state}");
    until_served(&bed, pid, KIOSK);
    assert_eq!(ask(&bed, pid, KIOSK), Verdict::No, "{}", log(&bed));
    bed.write(CONFIG_FILE, 0o644, ACTIVE.replace("\"active\"", "\"remote\""));
    let _ = bed.exec(["systemctl", "reload", "polkit-service-agent"]).success();
    until(|| log(&bed).contains("the new configuration is in force"));
    assert_eq!(ask(&bed, pid, KIOSK), Verdict::Yes, "{}", log(&bed));
    login.kill();
}

const SEATED: &str = "org.example.psa.seated";
const POLICY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<policyconfig>
  <action id="org.example.psa.seated">
    <description>A test</description>
    <message>A test</message>
    <defaults>
      <allow_any>no</allow_any>
      <allow_inactive>auth_admin</allow_inactive>
      <allow_active>yes</allow_active>
    </defaults>
  </action>
</policyconfig>
"#;
/// What a rule may ask for of a session, each under an action of its own.
const KEYS: [(&str, &str); 7] = [
    ("none", "session = \"none\""),
    ("active", "session = \"active\""),
    ("inactive", "session = \"inactive\""),
    ("local", "session = \"local\""),
    ("remote", "session = \"remote\""),
    ("class", "session = \"user\""),
    ("seat", "seat = \"seat0\""),
];

/// The keys that hold for a process.
fn holding(bed: &FullBed, pid: u32) -> Vec<&'static str> {
    let holds = |name: &str| {
        let action = format!("org.example.psa.{name}");
        bed.exec(["polkit-service-agent", "test", "--action", &action, "--pid", &pid.to_string()]).code() == Some(0)
    };
    KEYS.into_iter().map(|(name, _)| name).filter(|name| holds(name)).collect()
}

fn active_asks_for_what_polkit_s_allow_active_asks_for(root: &Root) {
    let rule = |(name, key): (&str, &str)| {
        format!(
            "[[rule]]\nid = \"{name}\"\naction = \"org.example.psa.{name}\"\nuser = \"kiosk\"\n{key}\nanswer = \"allow\"\n"
        )
    };
    let bed = bed(root, &KEYS.map(rule).concat(), false);
    bed.write("/usr/share/polkit-1/actions/org.example.psa.seated.policy", 0o644, POLICY);
    let _ = bed.exec(["systemctl", "restart", "polkit"]).success();
    let polkit = |pid, uid| Polkit::of(&bed).check(&subject(&bed, pid, uid), SEATED);
    let service = bed.spawn_as("kiosk", ["sleep", "1000"]);
    assert_eq!((polkit(service.pid(), KIOSK), holding(&bed, service.pid())), (Verdict::No, vec!["none"]));

    let seatless = Session::without_a_seat(&bed, "kiosk", "seatless-login");
    assert_eq!((polkit(seatless.pid, KIOSK), holding(&bed, seatless.pid)), (Verdict::No, vec!["class"]));
    seatless.log_out(&bed);

    let seated = Session::of(&bed, "kiosk", "seated-login");
    let active = vec!["active", "local", "class", "seat"];
    assert_eq!((polkit(seated.pid, KIOSK), holding(&bed, seated.pid)), (Verdict::Yes, active));

    // The guest takes the foreground of the seat.
    let guest = Session::of(&bed, "guest", "guest-login");
    assert_eq!(polkit(guest.pid, GUEST), Verdict::Yes);
    let inactive = vec!["inactive", "local", "class", "seat"];
    assert_eq!((polkit(seated.pid, KIOSK), holding(&bed, seated.pid)), (Verdict::NoAgent, inactive.clone()));

    // polkit asks for any active session of the user, and counts this one: a rule asks for the session itself.
    let _second = Session::without_a_seat(&bed, "kiosk", "second-login");
    assert_eq!((polkit(seated.pid, KIOSK), holding(&bed, seated.pid)), (Verdict::Yes, inactive));
}

fn a_configuration_that_says_active_gets_a_note(root: &Root) {
    let bed = bed(root, ACTIVE, true);
    let checked = bed.exec(["polkit-service-agent", "check"]).success();
    let note = "note: rule \"kiosk\" (agent.toml:5:1) covers sessions in the foreground of a seat";
    assert!(checked.stdout.replace("/etc/polkit-service-agent/", "").contains(note), "{checked}");
    start_agent(&bed);
    assert!(log(&bed).contains("covers sessions in the foreground of a seat"), "{}", log(&bed));
    bed.write(CONFIG_FILE, 0o644, ACTIVE.replace("\"active\"", "\"local\""));
    let checked = bed.exec(["polkit-service-agent", "check"]).success();
    assert!(!checked.stdout.contains("in the foreground of a seat"), "{checked}");
    let seated = Session::of(&bed, "kiosk", "seated-login");
    until_served(&bed, seated.pid, KIOSK);
    assert!(is_refused(&bed, seated.pid, KIOSK));
}
