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

/// What begins a path, or each path of a list: of `a::b` it is `a`, of `{a, b::{c, d}}` they are `a` and `b`.
fn first_names(paths: &str) -> Vec<String> {
    let first =
        |path: &str| path.trim().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap().to_owned();
    let Some(list) = paths.strip_prefix('{') else { return vec![first(paths)] };
    let (mut depth, mut outer) = (0, String::new());
    for sign in list.chars() {
        depth += i32::from(sign == '{');
        if depth == 0 && sign == '}' {
            break;
        }
        if depth == 0 {
            outer.push(sign);
        }
        depth -= i32::from(sign == '}');
    }
    outer.split(',').map(first).filter(|name| !name.is_empty()).collect()
}

/// A text without the items for tests alone. The sources are formatted: an item ends at a line that is indented as its beginning.
fn without_tests(text: &str) -> String {
    let mut program = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            program += line;
            program.push('\n');
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let ends = |line: &str| {
            let rest = line.strip_prefix(indent).filter(|rest| !rest.starts_with([' ', '#']));
            rest.is_some_and(|rest| rest.starts_with('}') || rest.ends_with([';', '}']))
        };
        lines.by_ref().find(|line| ends(line));
    }
    program
}

/// What a text names behind one of these prefixes (`crate::`, `super::`), its tests aside.
fn named(text: &str, prefixes: &[&str]) -> BTreeSet<String> {
    let program = without_tests(text);
    let mut found = BTreeSet::new();
    for prefix in prefixes {
        for (at, _) in program.match_indices(prefix) {
            // `super::super::x` is not what `super::x` is.
            if !program[..at].ends_with(|c: char| c == ':' || c == '_' || c.is_ascii_alphanumeric()) {
                found.extend(first_names(&program[at + prefix.len()..]));
            }
        }
    }
    found
}

/// The modules of one folder of a crate, each with those beside it that it uses.
fn uses(root: &Path, folder: &Path) -> Uses {
    let (mut paths, mut uses) = (Vec::new(), Uses::new());
    sources(folder, &mut paths);
    let inner: Vec<&str> = folder.strip_prefix(root).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
    let full: String = inner.iter().map(|part| format!("{part}::")).collect();
    for path in paths {
        let below: Vec<&str> = path.strip_prefix(folder).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
        let module = below[0].trim_end_matches(".rs").to_owned();
        if below.concat().contains("tests") || ["bin", "lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        uses.entry(module)
            .or_default()
            .extend(named(&text, &[&format!("crate::{full}"), &"super::".repeat(below.len())]));
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
    for name in ["types", "config", "dbus", "agent/rules", "agent", "policy-gen", "tests"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
        let mut paths = Vec::new();
        sources(&root, &mut paths);
        let folders: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
        assert!(uses(&root, &root).len() > 2, "{name}");
        for folder in folders.into_iter().filter(|folder| !folder.starts_with(root.join("bin"))) {
            let circle = without_order(uses(&root, folder));
            assert_eq!(circle, Uses::new(), "{}: these modules use each other", folder.display());
        }
    }
}

/// The folders of the agent are declared in the order of the data, and use none that is declared later.
#[test]
fn the_agent_s_folders_use_only_those_before_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/src");
    let text = std::fs::read_to_string(root.join("lib.rs")).unwrap();
    let order: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(order.len() >= 7, "{order:?}");
    let place = |folder: &str| order.iter().position(|known| *known == folder).unwrap();
    for (folder, used) in uses(&root, &root) {
        for other in used {
            assert!(place(&other) < place(&folder), "{folder} uses {other}");
        }
    }
}

#[test]
fn modules_that_use_each_other_are_found() {
    let uses = |text: &str| {
        let lines = text.lines().map(|line| line.split_once(' ').unwrap());
        lines.map(|(name, text)| (name.to_owned(), named(text, &["crate::", "super::"]))).collect::<Uses>()
    };
    assert!(without_order(uses("a \nb use crate::a;\nc crate::b::x(super::a::y)")).is_empty());
    let circle =
        without_order(uses("a \nb use crate::{d::e, c::x};\nc use super::a; use crate::b::y;\nd use crate::c;"));
    assert_eq!(circle.keys().collect::<Vec<_>>(), ["b", "c", "d"]);
    let mixed = "use a;\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\n#[cfg(test)]\nuse crate::c;\nuse crate::d;\n";
    assert_eq!(Vec::from_iter(named(mixed, &["crate::"])), ["d"]);
    assert_eq!(
        Vec::from_iter(named("use crate::{a, b::{c, d}, e::f}; crate::g::h();", &["crate::"])),
        ["a", "b", "e", "g"]
    );
    assert_eq!(Vec::from_iter(named("use super::super::a; use super::b;", &["super::super::"])), ["a"]);
    assert_eq!(Vec::from_iter(named("use super::super::a; use super::b;", &["super::"])), ["b", "super"]);
}
