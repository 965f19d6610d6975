//! What the facts share: a bed with actions of its own, subjects, and the table of what was seen.

use polkit_dbus::Subject;
use polkit_tests::polkit::subject;
use polkit_tests::{LightBed, Process, Root, Suite};

/// Wants an administrator, and keeps nothing.
pub const ADMIN: &str = "org.example.psa.admin";
/// Wants an administrator, and keeps the yes.
pub const ADMIN_KEEP: &str = "org.example.psa.admin-keep";
/// Keeps an administrator's yes by default, but for [`STAND_FOR_SELF`].
pub const RULED: &str = "org.example.psa.ruled";

/// The uid of www-data, whose processes have an agent in these tests, and of games, which is a stranger to them.
pub const SERVED: u32 = 33;
pub const STRANGER: u32 = 5;

/// A light bed with the actions above.
pub fn bed(root: &Root) -> LightBed {
    let (path, rule) = answers_self(root.suite(), RULED, "*");
    LightBed::on(root)
        .file("/usr/share/polkit-1/actions/org.example.psa.policy", 0o644, policy())
        .file(path, 0o644, rule)
        .without_libvirtd()
        .start()
}

/// What makes polkit want the user itself for that action, for that user or for all (`*`): a rule, or for 0.105 a pkla file.
pub fn answers_self(suite: Suite, action: &str, user: &str) -> (&'static str, String) {
    if suite.has_rules() {
        let who = if user == "*" { "true".to_owned() } else { format!("subject.user == \"{user}\"") };
        let text = format!(
            "polkit.addRule(function (action, subject) {{\n  if (action.id == \"{action}\" && {who}) {{\n    \
             return polkit.Result.AUTH_SELF;\n  }}\n}});\n"
        );
        ("/etc/polkit-1/rules.d/40-psa.rules", text)
    } else {
        let text = format!(
            "[psa]\nIdentity=unix-user:{user}\nAction={action}\nResultAny=auth_self\nResultInactive=auth_self\n\
             ResultActive=auth_self\n"
        );
        ("/etc/polkit-1/localauthority/50-local.d/psa.pkla", text)
    }
}

/// A process of www-data, and the subject that it is.
pub fn served(bed: &LightBed) -> (Process, Subject) {
    let process = bed.spawn_as("www-data", ["sleep", "1000"]);
    let subject = subject(bed, process.pid(), SERVED);
    (process, subject)
}

/// The uid that polkitd wants in `AuthenticationAgentResponse2` of an agent that root registered for www-data.
pub fn right_uid(suite: Suite) -> u32 {
    if suite.polkit() >= 125 { SERVED } else { 0 }
}

/// The other one.
pub fn wrong_uid(suite: Suite) -> u32 {
    if suite.polkit() >= 125 { 0 } else { SERVED }
}

/// A line of the table: `cargo test … -- --show-output | grep ^FACT`.
pub fn saw(suite: Suite, fact: &str, seen: &str) {
    let version = if suite == Suite::Bullseye { "0.105".to_owned() } else { suite.polkit().to_string() };
    println!("FACT\t{version}\t{fact}\t{seen}");
}

fn policy() -> String {
    let action = |id: &str, result: &str| {
        format!(
            "  <action id=\"{id}\">\n    <description>A test</description>\n    <message>A test</message>\n    <defaults>\n\
             \x20     <allow_any>{result}</allow_any>\n      <allow_inactive>{result}</allow_inactive>\n\
             \x20     <allow_active>{result}</allow_active>\n    </defaults>\n  </action>\n"
        )
    };
    let actions =
        [action(ADMIN, "auth_admin"), action(ADMIN_KEEP, "auth_admin_keep"), action(RULED, "auth_admin_keep")];
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<policyconfig>\n{}</policyconfig>\n", actions.concat())
}
