//! The page under Apache on polkit 0.105, which knows no rules: let in by a generated pkla file.

use std::process::Command;

use polkit_tests::{FullBed, Suite, product, program, require};

const NO_AGENT: &str =
    "authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'";

/// libvirt 7.0 has no domain to list for a user without a home: the connection is what is shown.
const PAGE: &str = r#"<?php
$connection = @libvirt_connect('qemu:///system', false);
echo $connection ? 'connected' : libvirt_get_last_error(), "\n";
"#;

#[test]
fn a_generated_pkla_lets_the_page_in_on_polkit_0_105() {
    let Some(root) = require(Suite::Bullseye) else { return };
    let bed = FullBed::on(&root).file(product::PAGE_FILE, 0o644, PAGE).start();
    let page = || bed.exec(["curl", "-sS", product::PAGE_URL]).success().text().to_owned();
    assert_eq!(page(), NO_AGENT);
    let generated = Command::new(program("polkit-policy-gen"))
        .args(["generate", "--user", "www-data", "--action", "org.libvirt.unix.manage", "--result", "yes"])
        .args(["--target", "debian:11"])
        .output()
        .expect("running polkit-policy-gen");
    assert!(generated.status.success(), "{}", String::from_utf8_lossy(&generated.stderr));
    let folder = "/etc/polkit-1/localauthority/45-polkit-policy-gen.d";
    bed.write(format!("{folder}/polkit-policy-gen.pkla"), 0o644, &generated.stdout);
    // 0.105 sees a new folder when it starts.
    let _ = bed.exec(["systemctl", "restart", "polkit"]).success();
    assert_eq!(page(), "connected");
    bed.remove(format!("{folder}/polkit-policy-gen.pkla"));
    let _ = bed.exec(["systemctl", "restart", "polkit", "apache2"]).success();
    assert_eq!(page(), NO_AGENT);
}
