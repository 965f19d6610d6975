//! Test trees for `explain` and `check`.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

/// A root directory with the files that polkit reads.
pub struct Tree(pub tempfile::TempDir);

impl Tree {
    /// Creates a tree with accounts and one action whose implicit authorization is `auth_admin`.
    pub fn new() -> Self {
        let tree = Self(tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap());
        tree.write("etc/passwd", "root:x:0:0::/:/bin/sh\nbob:x:3002:3002::/:/bin/sh\npolkitd:x:990:990::/:/bin/sh\n");
        tree.write("etc/group", "root:x:0:\nbob:x:3002:\nvm:x:3100:\npolkitd:x:990:\n");
        tree.write(
            "usr/share/polkit-1/actions/x.policy",
            "<policyconfig><action id='org.example.run'><defaults><allow_any>auth_admin</allow_any>\
             <allow_active>yes</allow_active></defaults></action></policyconfig>",
        );
        tree
    }

    pub fn with_rule(rule: &str) -> Self {
        let tree = Self::new();
        tree.rule("10-x.rules", rule);
        tree
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn rule(&self, name: &str, body: &str) {
        let text = format!("polkit.addRule(function (action, subject) {{\n    {body}\n}});\n");
        self.write(&format!("etc/polkit-1/rules.d/{name}"), text);
    }
}

/// Returns the text of a JSON string.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
