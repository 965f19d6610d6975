//! The state of the bus and of polkitd.

use std::path::Path;
use std::time::Duration;

use polkit_dbus::{Authority, AuthorityError};

use super::run::run;
use crate::doctor::facts::{Facts, Polkitd};

/// Time limit for polkitd to report its version. The bus may have to start it.
const LIMIT: Duration = Duration::from_secs(5);
const SYSTEMCTL: Duration = Duration::from_secs(2);
/// The paths of polkitd: since 121, in Debian up to 12, and for 0.105.
const PROGRAMS: [&str; 3] = ["/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd", "/usr/lib/policykit-1/polkitd"];

pub(super) async fn look(facts: &mut Facts) {
    let connection = match tokio::time::timeout(LIMIT, polkit_dbus::connect()).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            facts.no_bus = Some(error.to_string());
            return;
        }
        Err(_) => {
            facts.no_bus = Some("no reply".to_owned());
            return;
        }
    };
    let authority = Authority::new(connection);
    facts.polkitd = match tokio::time::timeout(LIMIT, authority.version()).await {
        Ok(Ok(version)) => {
            let (pid, uid) = (authority.pid().await.ok(), authority.uid().await.ok());
            Polkitd::Answers { version: version.to_string(), pid, uid }
        }
        Err(_) => Polkitd::Silent,
        Ok(Err(error)) => absent(&error),
    };
}

fn absent(error: &AuthorityError) -> Polkitd {
    let installed = PROGRAMS.iter().any(|path| Path::new(path).exists());
    let shown = run(&["systemctl", "show", "--property=LoadState,ActiveState", "polkit.service"], SYSTEMCTL);
    let unit = shown.filter(|(done, _)| *done).map(|(_, text)| state(&text));
    Polkitd::Absent { why: error.to_string(), installed, unit }
}

/// Returns the state of a unit from the output of `systemctl show`: how it is active, or why it is not loaded.
fn state(text: &str) -> String {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
    match value("LoadState=") {
        load if load == "loaded" => value("ActiveState="),
        load => load,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_unit_is_how_it_is_active_if_it_is_loaded() {
        assert_eq!(state("LoadState=loaded\nActiveState=failed\n"), "failed");
        assert_eq!(state("LoadState=masked\nActiveState=inactive\n"), "masked");
        assert_eq!(state("ActiveState=inactive\n"), "");
    }
}
