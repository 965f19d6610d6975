//! What `who` lists is what polkitd decides: each subject of a bed fulfils one condition, and polkitd has its result.

use std::collections::{BTreeMap, BTreeSet};

use polkit_tests::verdicts::host::Host;
use polkit_tests::verdicts::rules::{self, ACTIONS};
use polkit_tests::verdicts::{Random, Tally, details, explored, number, policy};
use polkit_tests::{Root, Suite, on_each_suite};
use serde_json::{Value, json};

on_each_suite! {
    polkitd_decides_as_the_condition_of_each_subject_says
}

/// Limit of the combinations of details in a round.
const DETAILS_MAX: usize = 8;

fn polkitd_decides_as_the_condition_of_each_subject_says(root: &Root) {
    let host = Host::on(root);
    let mut random = Random::new(number("POLKIT_TESTS_SEED", 1) ^ (u64::from(root.suite().polkit()) << 8));
    let (mut tally, mut exact, mut open, mut conditions, mut hit) = (Tally::default(), 0, 0, 0, 0);
    let mut by: BTreeSet<String> = BTreeSet::new();
    for round in 0..5 * number("POLKIT_TESTS_ROUNDS", 1) {
        let files = files(root, &mut random, round);
        host.set(&files);
        let is_exact = |object: &&Value| object["exact"] == true;
        let of_ours = explored::who(&host.bed, ACTIONS);
        exact += of_ours.values().filter(is_exact).count();
        open += of_ours.len() - of_ours.values().filter(is_exact).count();
        let named: Vec<String> =
            of_ours.iter().filter(|(_, object)| is_exact(object)).map(|(id, _)| id.clone()).collect();
        let mut combinations: BTreeSet<BTreeMap<String, String>> = explored::details(&of_ours);
        combinations.extend(details());
        let combinations: Vec<_> = combinations.into_iter().take(DETAILS_MAX).collect();
        let asked = host.questions(&named, &combinations);
        let mut fulfilled = BTreeSet::new();
        let ours: Vec<Value> = asked
            .iter()
            .map(|asked| {
                let covering = explored::covering(&of_ours[&asked.action], asked);
                let [one] = covering.as_slice() else {
                    panic!("{} conditions for {asked:?}: {covering:#?}\n{}", covering.len(), written(&files));
                };
                fulfilled.insert((asked.action.clone(), one.to_string()));
                json!({ "verdict": one["result"], "ends_polkitd": null })
            })
            .collect();
        hit += fulfilled.len();
        let of_all = of_ours.values().flat_map(|object| object["conditions"].as_array().unwrap());
        by.extend(of_all.filter_map(|condition| condition["decided_by"]["kind"].as_str()).map(str::to_owned));
        let all = of_ours.values().filter(is_exact).map(|object| object["conditions"].as_array().unwrap().len());
        conditions += all.sum::<usize>();
        let real = host.real(&asked);
        let mut compared = Tally::default();
        compared.count(&format!("round {round}"), &asked, &real, &ours);
        if let Some(first) = compared.different.first_mut() {
            first.push_str(&format!("\n{}", written(&files)));
        }
        tally.add(compared);
    }
    println!(
        "{}: {exact} actions exact, {open} not; {conditions} conditions, {hit} fulfilled by subjects",
        root.suite()
    );
    let decided_by = if root.suite().has_rules() { "rule" } else { "pkla" };
    assert!(by.contains(decided_by), "no condition is decided by a {decided_by}: {by:?}");
    tally.settle(root, "explored conditions");
}

fn files(root: &Root, random: &mut Random, round: u64) -> Vec<(String, Vec<u8>)> {
    let registered: Vec<(String, [&str; 3], &str)> = ACTIONS
        .iter()
        .filter(|id| id.contains(".example."))
        .map(|id| ((*id).to_owned(), rules::answers(random), ""))
        .collect();
    let mut files = vec![("/usr/share/polkit-1/actions/test.policy".to_owned(), policy(&registered))];
    if root.suite().has_rules() {
        for number in 0..=random.below(2) {
            files.push((format!("/etc/polkit-1/rules.d/1{number}-a.rules"), rules::rules(random).into_bytes()));
        }
    }
    if root.suite() == Suite::Bullseye || (root.suite() == Suite::Bookworm && round % 5 == 4) {
        let directory = random.pick(&["10-vendor.d", "50-local.d"]);
        let path = format!("/etc/polkit-1/localauthority/{directory}/a.pkla");
        files.push((path, rules::pkla(random).into_bytes()));
    }
    files
}

fn written(files: &[(String, Vec<u8>)]) -> String {
    files.iter().map(|(path, bytes)| format!("{path}\n{}\n", String::from_utf8_lossy(bytes))).collect()
}
