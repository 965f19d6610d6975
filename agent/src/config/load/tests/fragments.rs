//! The files of a host: fragments, masks and the files of the vendor.

use super::*;

#[test]
fn fragments_are_merged_in_the_order_of_their_names() {
    let files = [
        ("etc/agent.toml", named("main", "allow")),
        ("etc/agent.d/60-late.toml", named("late", "deny")),
        ("etc/agent.d/10-early.toml", named("early", "deny")),
        ("usr/agent.d/20-vendor.toml", named("vendor", "deny")),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let Some((_folder, found, mut report)) = host(&files) else { return };
    let config = read(&found, &mut report).unwrap();
    let ids: Vec<&str> = config.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["early", "vendor", "main", "late"]);
}

#[test]
fn a_mask_of_others_hides_no_refusal_of_the_vendor() {
    let vendor = named("vendor", "deny");
    let files = [("etc/agent.d/20-x.toml", ""), ("usr/agent.d/20-x.toml", vendor.as_str())];
    let Some((folder, found, mut report)) = host(&files) else { return };
    assert!(read(&found, &mut report).is_some() && !report.has_errors());
    let directory = folder.path().join("etc/agent.d");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o775)).unwrap();
    let mut report = Report::new();
    let _ = files::of_host(&folder.path().join("etc"), &folder.path().join("usr"), &mut report);
    assert!(report.has_errors(), "others may add and remove masks");
    // And where the directory is root's, but the mask is not.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(directory.join("20-x.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    let mut report = Report::new();
    let found = files::of_host(&folder.path().join("etc"), &folder.path().join("usr"), &mut report);
    let _ = read(&found, &mut report);
    assert!(report.has_errors());
}

#[test]
fn a_fragment_masks_the_vendors_and_hiding_a_refusal_is_told() {
    let vendor = named("vendor", "deny");
    let Some((_folder, found, mut report)) = host(&[("etc/agent.d/20-x.toml", ""), ("usr/agent.d/20-x.toml", &vendor)])
    else {
        return;
    };
    let config = read(&found, &mut report).unwrap();
    assert!(config.rules.is_empty());
    files::warn_of_masked_refusals(&found, &mut report);
    assert!(report.lines()[0].contains("it has rules that refuse"), "{:?}", report.lines());
}

#[test]
fn a_vendors_grant_counts_only_where_agent_toml_lets_it() {
    let (grant, allowing) = (named("vendor", "allow"), "[agent]\nvendor_rules = true\n");
    let Some((_folder, found, mut report)) = host(&[("usr/agent.d/20-x.toml", &grant)]) else { return };
    assert!(read(&found, &mut report).unwrap().rules.is_empty());
    assert!(report.lines()[0].contains("grant nothing"), "{:?}", report.lines());
    let files = [("etc/agent.toml", allowing), ("usr/agent.d/20-x.toml", grant.as_str())];
    let Some((_folder, found, mut report)) = host(&files) else { return };
    assert_eq!(read(&found, &mut report).unwrap().rules.len(), 1);
    let files = [("etc/agent.d/90-y.toml", allowing)];
    let Some((_folder, found, mut report)) = host(&files) else { return };
    drop(read(&found, &mut report));
    assert!(report.has_errors());
}

#[test]
fn a_setting_in_two_files_is_an_error_that_names_both() {
    let files = [
        ("etc/agent.toml", "[agent]\nanswer_within = \"5s\"\n"),
        ("etc/agent.d/90-y.toml", "[agent]\nanswer_within = \"6s\"\n"),
    ];
    let Some((folder, found, mut report)) = host(&files) else { return };
    drop(read(&found, &mut report));
    let place = format!("{}/etc/", folder.path().display());
    let lines: Vec<String> = report.lines().into_iter().map(|line| line.replace(&place, "")).collect();
    assert_eq!(
        lines,
        ["agent.d/90-y.toml:2:17: `answer_within` is set twice: first at agent.toml:2:17 (keep one of the two lines)"]
    );
}
