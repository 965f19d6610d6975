//! The shape of the sources: within a crate data flows one way, so that its modules can be read in an order in which nothing is used
//! before it was read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The modules of a crate below its root, each with those that it names.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What is behind `crate::` in a text, its tests aside.
fn named(text: &str) -> BTreeSet<String> {
    let program = text.split("#[cfg(test)]").next().unwrap();
    let names = program.split("crate::").skip(1);
    names.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap().to_owned()).collect()
}

fn uses(root: &Path) -> Uses {
    let mut paths = Vec::new();
    sources(root, &mut paths);
    let mut uses = Uses::new();
    for path in paths {
        let below = path.strip_prefix(root).unwrap();
        let module = below.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let is_test = below.to_str().unwrap().contains("tests");
        if !is_test && !["bin", "lib", "main"].contains(&module.as_str()) {
            uses.entry(module).or_default().extend(named(&std::fs::read_to_string(&path).unwrap()));
        }
    }
    let modules: BTreeSet<String> = uses.keys().cloned().collect();
    for (module, named) in &mut uses {
        named.retain(|name| modules.contains(name) && name != module);
    }
    uses
}

/// Takes away, again and again, the modules that use none of those that are left.
fn without_order(mut uses: Uses) -> Uses {
    loop {
        let free: BTreeSet<String> =
            uses.iter().filter(|(_, named)| named.is_empty()).map(|(name, _)| name.clone()).collect();
        if free.is_empty() {
            return uses;
        }
        uses.retain(|name, _| !free.contains(name));
        uses.values_mut().for_each(|named| named.retain(|name| !free.contains(name)));
    }
}

#[test]
fn modules_import_only_from_those_before_them() {
    for name in ["config", "dbus", "agent", "policy-gen", "tests"] {
        let uses = uses(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src"));
        assert!(uses.len() > 2, "{name}: {uses:?}");
        assert_eq!(without_order(uses), Uses::new(), "{name}: these modules use each other");
    }
}

#[test]
fn modules_that_use_each_other_are_found() {
    let uses = |text: &str| {
        let lines = text.lines().map(|line| line.split_once(' ').unwrap());
        lines.map(|(name, text)| (name.to_owned(), named(text))).collect::<Uses>()
    };
    assert!(without_order(uses("a \nb use crate::a;\nc crate::b::x(crate::a::y)")).is_empty());
    let circle = without_order(uses("a \nb use crate::c::x;\nc use crate::a; use crate::b::y;\nd use crate::c;"));
    assert_eq!(circle.keys().collect::<Vec<_>>(), ["b", "c", "d"]);
    assert!(named("use a;\n#[cfg(test)]\nmod tests { use crate::b; }").is_empty());
}
