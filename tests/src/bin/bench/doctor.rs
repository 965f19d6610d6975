//! How long the doctor takes on a host with many rules files.

use std::time::Instant;

use polkit_tests::{LightBed, Root, program};

use crate::table::{Goal, Table, median};

const RULES: usize = 50;
const TIMES: usize = 7;

/// Of the host alone, and of a user who is refused.
pub fn over_many_files(root: &Root, table: &mut Table) {
    let own = |name: &str| std::fs::read(program(name)).expect("the program");
    let mut builder = LightBed::on(root).file("/usr/bin/polkit-policy-gen", 0o755, own("polkit-policy-gen")).file(
        "/usr/libexec/polkit-policy-gen-js",
        0o755,
        own("polkit-policy-gen-js"),
    );
    for number in 0..RULES {
        let rule = format!(
            "polkit.addRule(function (action, subject) {{\n    if (action.id == \"org.example.rule{number}\" && \
             subject.isInGroup(\"group{number}\")) {{\n        return polkit.Result.YES;\n    }}\n}});\n"
        );
        builder = builder.file(&format!("/etc/polkit-1/rules.d/{}-x.rules", number + 100), 0o644, rule);
    }
    let bed = builder.start();
    let ways: [(&[&str], i32); 2] = [(&[], 0), (&["--user", "www-data"], 1)];
    for (arguments, code) in ways {
        let times = (0..TIMES).map(|_| {
            let begun = Instant::now();
            let output = bed.exec([&["polkit-policy-gen", "doctor"], arguments].concat());
            assert_eq!(output.code(), Some(code), "{output}");
            begun.elapsed().as_secs_f64()
        });
        let figure = format!("doctor {}", arguments.join(" "));
        let way = format!("light bed, {}, {RULES} more rules files, median of {TIMES}", root.suite());
        table.tell(figure.trim(), &way, "s", median(times), None, Goal::AtMost(2.0, "< 2 s"));
    }
}
