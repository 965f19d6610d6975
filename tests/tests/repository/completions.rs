//! The shell completions, which `make build` generates.

use std::{
    fs,
    process::{Command, Output},
};

/// Each program, with a subcommand and one of its options.
const PROGRAMS: [(&str, [&str; 2]); 2] =
    [("polkit-service-agent", ["test", "--action"]), ("polkit-policy-gen", ["install", "--dry-run"])];

fn generated() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    polkit_completions::write(folder.path()).unwrap();
    folder
}

#[test]
fn each_program_has_completions_for_three_shells() {
    let folder = generated();
    for (name, [subcommand, _]) in PROGRAMS {
        for file in [format!("{name}.bash"), format!("_{name}"), format!("{name}.fish")] {
            let script = fs::read_to_string(folder.path().join(&file)).unwrap();
            assert!(script.contains(subcommand), "{file}");
        }
    }
}

#[test]
fn fish_offers_words_users_and_files_where_they_belong() {
    let folder = generated();
    let script = fs::read_to_string(folder.path().join("polkit-policy-gen.fish")).unwrap();
    let option = |subcommand: &str, name: &str| {
        let is_of =
            |line: &&str| line.contains(&format!("subcommand {subcommand}\"")) && line.contains(&format!("-l {name} "));
        script.lines().find(is_of).unwrap_or_else(|| panic!("{subcommand} --{name}")).to_owned()
    };
    assert!(option("generate", "result").contains("auth_admin_keep"));
    assert!(option("generate", "target").contains("debian:13"));
    assert!(option("doctor", "user").contains("__fish_complete_users"));
    // -f: no files.
    assert!(!option("doctor", "unit").contains(" -F") && option("doctor", "unit").contains(" -r -f"));
    assert!(option("generate", "output").contains(" -F"));
}

#[test]
fn bash_completes_the_options_of_a_subcommand() {
    let folder = generated();
    for (name, [subcommand, option]) in PROGRAMS {
        let script = "source \"$1\"; COMP_WORDS=(\"$2\" \"$3\" --); COMP_CWORD=2; \
            \"_${2//-/__}\" \"$2\" -- \"$3\"; echo \"${COMPREPLY[@]}\"";
        let file = folder.path().join(format!("{name}.bash"));
        let bash: Output =
            Command::new("bash").args(["-c", script, "bash"]).arg(file).args([name, subcommand]).output().unwrap();
        let words = String::from_utf8_lossy(&bash.stdout);
        assert!(words.split_whitespace().any(|word| word == option), "{name}: {words} {bash:?}");
    }
}
