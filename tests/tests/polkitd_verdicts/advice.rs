//! What `explain` says would make a no a yes, followed: polkitd then says yes.

use std::process::Command;

use polkit_tests::policy_gen::verdict;
use polkit_tests::polkit::Verdict::{NoAgent, Yes};
use polkit_tests::verdicts::explain_one;
use polkit_tests::{LightBed, Root, Suite, on_each_suite, program};

const MANAGE: &str = "org.libvirt.unix.manage";

on_each_suite! {
    each_advice_of_explain_makes_it_a_yes
}

fn each_advice_of_explain_makes_it_a_yes(root: &Root) {
    let started = || LightBed::on(root).without_libvirtd().start();
    let question = ["--user", "www-data", "--action", MANAGE].map(str::to_owned);
    let changes = |bed: &LightBed| {
        let answer = explain_one(bed, &question);
        let suggestions = answer["suggestions"].as_array().unwrap().iter();
        let texts = suggestions.map(|one| ["change", "command"].map(|key| one[key].as_str().unwrap().to_owned()));
        (answer["verdict"].as_str().unwrap().to_owned(), texts.collect::<Vec<_>>())
    };
    let offered = changes(&started()).1;
    assert!(offered.len() == 2, "{offered:?}");
    for number in 0..offered.len() {
        let bed = started();
        assert_eq!(verdict(&bed, "www-data", MANAGE), NoAgent);
        let (before, mut offered) = changes(&bed);
        assert_eq!(before, "auth_admin_keep");
        let [change, command] = offered.remove(number);
        follow(&bed, &change, &command);
        bed.restart_polkitd();
        assert_eq!(verdict(&bed, "www-data", MANAGE), Yes, "{change}: {command}");
        assert_eq!(changes(&bed), ("yes".to_owned(), Vec::new()), "{change}: {command}");
    }
}

/// Does as `explain` says, from outside of the bed, as a user who looks through a tree.
fn follow(bed: &LightBed, change: &str, command: &str) {
    let tree = format!("/proc/{}/root", bed.pid1());
    let mut words = command.split(' ');
    let (name, arguments) = (words.next().unwrap(), words.collect::<Vec<_>>());
    // Nothing that is run here may be about another tree.
    assert!(arguments.iter().any(|word| word.contains(&tree)), "{command}");
    let run = |program: &std::ffi::OsStr| {
        let output = Command::new(program).args(&arguments).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        output.stdout
    };
    match name {
        "usermod" => drop(run(name.as_ref())),
        "polkit-policy-gen" => {
            let place = change.rsplit(' ').next().unwrap();
            let file = if bed.suite() == Suite::Bullseye { "50-x.pkla" } else { "50-x.rules" };
            bed.write(format!("{place}/{file}"), 0o644, run(program(name).as_os_str()));
        }
        _ => panic!("{command}"),
    }
}
