//! Two units of one user, one that is allowed and one that is not, ask at the same time.

use polkit_tests::{Root, libvirt_probe};

use crate::setting::{Setting, Way, rule};

const REQUESTS: usize = 500;

/// All of it; whether no user got what is another's.
pub fn run(roots: &[Root]) -> bool {
    println!(
        "| suite | way | unit | requests | authorized | refused | checks of both | challenges | allowed, on record | denied, on record |"
    );
    println!("|---|---|---|--:|--:|--:|--:|--:|--:|--:|");
    let mut right = true;
    for root in roots {
        for way in Way::BOTH {
            right &= one(root, way);
        }
    }
    right
}

fn one(root: &Root, way: Way) -> bool {
    eprintln!("soak: {}, {}, two units", root.suite(), way.word());
    let refuse =
        "[[rule]]\nid = \"no\"\naction = \"org.libvirt.unix.manage\"\nunit = \"refused.service\"\nanswer = \"deny\"\n";
    let config = way.serve("allowed.service")
        + &way.serve("refused.service")
        + &rule("yes", "unit = \"allowed.service\"\n")
        + refuse;
    let mut setting = Setting::new(root, way, &config, &[]);
    setting.bed.copy_in(libvirt_probe(), "/usr/local/bin/probe", 0o755);
    // It waits until it is registered, as the same process.
    let script = format!("#!/bin/sh\nsleep 2\nexec probe --often {REQUESTS} /run/libvirt/libvirt-sock\n");
    setting.bed.write("/usr/local/bin/ask-often", 0o755, script);
    let units = ["allowed", "refused"];
    let said: Vec<String> = std::thread::scope(|scope| {
        let ask = |unit: &'static str| {
            let bed = &setting.bed;
            scope.spawn(move || {
                let unit = format!("--unit={unit}.service");
                bed.systemd_run([&unit, "--property=User=www-data", "/usr/local/bin/ask-often"]).all()
            })
        };
        let asking = units.map(ask);
        asking.into_iter().map(|asking| asking.join().expect("no panic")).collect()
    });
    let tally = setting.tally();
    let (allowed, denied) = (setting.decisions("allow"), setting.decisions("deny"));
    let numbers = |said: &String| -> [usize; 2] {
        let words: Vec<usize> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        words.try_into().unwrap_or_else(|_| panic!("{said}"))
    };
    let seen: Vec<[usize; 2]> = said.iter().map(numbers).collect();
    for (unit, [authorized, refused]) in units.iter().zip(&seen) {
        println!(
            "| {} | {} | {unit}.service | {REQUESTS} | {authorized} | {refused} | {} | {} | {allowed} | {denied} |",
            root.suite(),
            way.word(),
            tally.checks,
            tally.challenges,
        );
    }
    seen == [[REQUESTS, 0], [0, REQUESTS]] && (allowed, denied) == (REQUESTS, REQUESTS)
}
