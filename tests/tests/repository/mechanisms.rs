//! The manual page polkit-mechanisms(7) is the one that the table of mechanisms gives, and the tests that prove its entries exist.

use polkit_config::report::{Report, Source};
use polkit_policy_gen::mechanisms::{read, table};

use crate::documents;

const PAGE: &str = include_str!("../../../policy-gen/man/polkit-mechanisms.7");

#[test]
fn the_page_of_the_mechanisms_is_that_of_the_table() {
    let page = polkit_completions::mechanisms::page();
    let differs = page.lines().zip(PAGE.lines()).find(|(new, old)| new != old);
    let how = "run `cargo run -p polkit-completions FOLDER`, and copy FOLDER/polkit-mechanisms.7 to policy-gen/man";
    assert!(page == PAGE, "{how}: {differs:?}");
}

#[test]
fn an_entry_is_marked_as_unproved_unless_it_names_a_test_that_exists() {
    let tests = documents::tests();
    let mut unproved = 0;
    for mechanism in table::compiled().iter().filter(|mechanism| !mechanism.actions.is_empty()) {
        unproved += usize::from(mechanism.proof.is_empty());
        for test in &mechanism.proof {
            assert!(tests.contains(test), "{}: there is no test {test}", mechanism.name);
        }
    }
    assert_eq!(PAGE.matches("\nunproved: ").count(), unproved);
}

#[test]
fn the_example_of_the_page_is_a_valid_file() {
    let (_, rest) = PAGE.split_once(".Sh EXAMPLES\n.Bd -literal\n").expect("an example");
    let (example, _) = rest.split_once(".Ed\n").expect("the end of the example");
    let mut report = Report::new();
    let entry = read::read(&Source::new("example.toml", example.replace("\\e", "\\")), &mut report);
    assert!(entry.is_some() && report.problems().is_empty(), "{}", report.render(false));
}
