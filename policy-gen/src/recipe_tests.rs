use super::*;

#[test]
fn every_file_is_a_recipe_without_problems() {
    let mut report = Report::new();
    let read: Vec<Recipe> =
        FILES.iter().filter_map(|(name, text)| read(&Source::new(*name, *text), &mut report)).collect();
    assert_eq!(report.lines(), [""; 0]);
    assert_eq!(read.len(), FILES.len());
    for (recipe, (file, _)) in read.iter().zip(FILES) {
        assert_eq!(format!("{}.toml", recipe.name), *file);
        // Each key is used, and each place has a key.
        let all = format!("{}{}", recipe.policy, recipe.agent.as_deref().unwrap_or_default());
        for key in &recipe.keys {
            assert!(all.contains(&format!("{{{}}}", key.name)), "{} {}", recipe.name, key.name);
        }
        let rendered = recipe.render(&[]).unwrap();
        assert!(!rendered.policy.contains("<user>") && !rendered.policy.contains("{user}"), "{}", rendered.policy);
    }
    assert!(read.is_sorted_by_key(|recipe| recipe.name.as_str()));
}

#[test]
fn a_value_is_only_a_value() {
    let recipe = find("dashboard").unwrap();
    let hostile = "a\"]\n[[grant]]\nx = \"{units}<user>";
    let rendered =
        recipe.render(&[("user".into(), hostile.into()), ("units".into(), "a.service, b.service".into())]).unwrap();
    assert!(rendered.policy.contains("units = [\"a.service\", \"b.service\"]"), "{}", rendered.policy);
    assert!(!rendered.policy.contains("\n[[grant]]"), "{}", rendered.policy);
    let card = find("smart-card-service").unwrap().render(&[("user".into(), hostile.into())]).unwrap();
    assert!(
        !card.policy.contains("\n[[grant]]") && card.policy.contains("card of a?]?x0a[[grant]]"),
        "{}",
        card.policy
    );
}

#[test]
fn a_key_without_a_value_leaves_its_line_out() {
    let recipe = find("dashboard").unwrap();
    assert!(!recipe.render(&[]).unwrap().policy.contains("\nunit ="));
    let with = recipe.render(&[("unit".into(), "panel.service".into())]).unwrap();
    assert!(with.policy.contains("\nunit = \"panel.service\"\n"), "{}", with.policy);
}

#[test]
fn an_unknown_name_or_key_is_refused_with_a_suggestion() {
    assert_eq!(find("dashbord").unwrap_err(), "there is no recipe `dashbord`: did you mean `dashboard`?");
    assert!(find("x").unwrap_err().starts_with("there is no recipe `x` (known: backup-disk, ci-runner, "));
    let given = |pairs: &[(&str, &str)]| {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        find("dashboard").unwrap().render(&pairs).unwrap_err()
    };
    assert_eq!(
        given(&[("usr", "x"), ("untis", "x"), ("colour", "x"), ("user", "")]),
        [
            "the recipe `dashboard` has no key `usr`: did you mean `user`?",
            "the recipe `dashboard` has no key `untis`: did you mean `units`?",
            "the recipe `dashboard` has no key `colour` (known: user, units, unit)",
            "the value of `user` is empty",
        ]
    );
    assert_eq!(
        find("exporter").unwrap().render(&[("a".into(), "b".into())]).unwrap_err(),
        ["the recipe `exporter` has no key `a` (it has no keys)"]
    );
}
