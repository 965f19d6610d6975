//! The documents, and the code below [`RUST_FOLDERS`], use none of the words that `tests/words.toml` bans.

use std::path::{Path, PathBuf};

use polkit_config::report::{Report, Source};
use polkit_config::table;

/// The folders whose code (`.rs`, `.c` and `.js` files) is checked. Documents are checked everywhere.
const RUST_FOLDERS: &[&str] = &["agent", "completions", "config", "dbus", "policy-gen", "tests", "types"];

/// The list of words, which contains every banned word itself.
const LIST: &str = "tests/words.toml";
const DOCUMENTS: &[&str] = &["md", "1", "5", "7", "8", "toml", "sh"];
const CODE: &[&str] = &["rs", "c", "js"];
const SKIPPED: &[&str] = &["target", ".git", "tests/fuzz/seeds"];

/// A banned phrase, split into words.
struct Banned {
    words: Vec<String>,
    instead: String,
}

/// A place where a banned phrase is right.
struct Right {
    file: String,
    phrase: String,
}

struct List {
    banned: Vec<Banned>,
    right: Vec<Right>,
}

/// A word of a file, in lower case, and its line.
struct Word {
    text: String,
    line: usize,
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above this package")
}

/// Splits a text into words. In code an underscore separates words, so that names are checked, too.
fn words(text: &str, is_code: bool) -> Vec<Word> {
    let part_of_word = |c: char| c.is_alphanumeric() || (c == '_' && !is_code);
    let of_line = |(number, line): (usize, &str)| {
        let words = line.split(|c: char| !part_of_word(c)).filter(|word| !word.is_empty());
        words.map(|word| Word { text: word.to_lowercase(), line: number + 1 }).collect::<Vec<_>>()
    };
    text.lines().enumerate().flat_map(of_line).collect()
}

fn phrase(text: &str) -> Vec<String> {
    words(text, false).into_iter().map(|word| word.text).collect()
}

/// The positions at which `phrase` begins in `text`.
fn positions(text: &[Word], phrase: &[String]) -> Vec<usize> {
    let begins_at = |start: &usize| text[*start..].iter().map(|word| &word.text).take(phrase.len()).eq(phrase);
    (0..text.len()).filter(begins_at).collect()
}

fn read_list(text: &str) -> List {
    let mut report = Report::new();
    let mut file = table::parse(&Source::new(LIST, text), &mut report);
    let (mut banned, mut right) = (Vec::new(), Vec::new());
    for mut entry in file.tables("banned", &mut report) {
        let listed = entry.required_strings("words", &mut report).unwrap_or_default();
        let instead = entry.required_string("instead", &mut report).map(|text| text.value).unwrap_or_default();
        banned.extend(listed.iter().map(|text| Banned { words: phrase(&text.value), instead: instead.clone() }));
        entry.finish(&mut report);
    }
    for mut entry in file.tables("right", &mut report) {
        let mut string = |key| entry.required_string(key, &mut report).map(|text| text.value).unwrap_or_default();
        let (file, phrase, _) = (string("file"), string("phrase"), string("why"));
        right.push(Right { file, phrase });
        entry.finish(&mut report);
    }
    file.finish(&mut report);
    assert!(!report.has_errors(), "{}", report.lines().join("\n"));
    List { banned, right }
}

/// Returns one line for each banned phrase in a file. Counts in `used` how many phrases each exception permits.
fn faults(list: &List, file: &str, text: &str, used: &mut [usize]) -> Vec<String> {
    let is_code = CODE.iter().any(|ending| has_ending(file, ending));
    let words = words(text, is_code);
    let mut permitted = Vec::new();
    for (number, right) in list.right.iter().enumerate().filter(|(_, right)| right.file == file) {
        let phrase: Vec<String> = self::words(&right.phrase, is_code).into_iter().map(|word| word.text).collect();
        permitted.extend(positions(&words, &phrase).into_iter().map(|start| (number, start..start + phrase.len())));
    }
    let mut faults = Vec::new();
    for banned in &list.banned {
        for start in positions(&words, &banned.words) {
            let end = start + banned.words.len();
            let permits = permitted.iter().find(|(_, range)| range.start <= start && end <= range.end);
            if let Some((number, _)) = permits {
                used[*number] += 1;
            } else {
                let (line, found) = (words[start].line, banned.words.join(" "));
                faults.push(format!("{file}:{line}: \"{found}\"; use instead: {}", banned.instead));
            }
        }
    }
    faults
}

fn has_ending(file: &str, ending: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == ending)
}

fn is_checked(file: &str) -> bool {
    if CODE.iter().any(|ending| has_ending(file, ending)) {
        return RUST_FOLDERS.iter().any(|folder| Path::new(file).starts_with(folder));
    }
    let path = Path::new(file);
    let in_dist = path.parent().is_some_and(|folder| folder.ends_with("dist"));
    let is_document = DOCUMENTS.iter().any(|ending| has_ending(file, ending));
    (in_dist || is_document || path.ends_with("Makefile")) && file != LIST
}

/// The files below a folder, with their paths below the top of the workspace.
fn files(folder: &Path, found: &mut Vec<(String, PathBuf)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        let name = path.strip_prefix(top()).expect("below the workspace").to_str().expect("UTF-8").to_owned();
        if SKIPPED.contains(&name.as_str()) || name.ends_with("/target") {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            files(&path, found);
        } else {
            found.push((name, path));
        }
    }
}

#[test]
fn no_banned_word_is_used() {
    let list = read_list(include_str!("../../words.toml"));
    let mut found = Vec::new();
    files(top(), &mut found);
    found.retain(|(name, _)| is_checked(name));
    found.sort();
    for kind in ["README.md", "agent/man/agent.toml.5", "Makefile", "agent/dist/follow.conf", "tests/demo.sh"] {
        assert!(found.iter().any(|(name, _)| name == kind), "{kind} is not checked");
    }
    let mut used = vec![0; list.right.len()];
    let mut all = Vec::new();
    for (name, path) in &found {
        let text = std::fs::read_to_string(path).expect("a text");
        all.extend(faults(&list, name, &text, &mut used));
    }
    for (right, _) in list.right.iter().zip(&used).filter(|(_, used)| **used == 0) {
        all.push(format!("{LIST}: the exception \"{}\" in {} permits nothing: remove it", right.phrase, right.file));
    }
    assert!(all.is_empty(), "{} faults\n{}", all.len(), all.join("\n"));
}

#[test]
fn a_banned_word_is_found_with_its_line_and_its_replacement() {
    let list = read_list(
        "[[banned]]\nwords = [\"old word\", \"dull\"]\ninstead = \"new\"\n\
         [[right]]\nfile = \"a.md\"\nphrase = \"the dull user\"\nwhy = \"a name\"\n",
    );
    let check = |file: &str, text: &str| {
        let mut used = vec![0];
        (faults(&list, file, text, &mut used), used[0])
    };
    // Whole words, in any case, across a line break and a comment sign.
    assert_eq!(check("b.sh", "# a\n# An Old\n# word.").0, ["b.sh:2: \"old word\"; use instead: new"]);
    assert_eq!(check("b.sh", "dullness, bold words").0, [""; 0]);
    // Names are words in code, and not in documents.
    assert_eq!(check("b.rs", "fn a_dull_day() {}").0, ["b.rs:1: \"dull\"; use instead: new"]);
    assert_eq!(check("b.md", "`a_dull_day`").0, [""; 0]);
    // An exception is for its file and its phrase alone.
    assert_eq!(check("a.md", "As the\ndull user."), (vec![], 1));
    assert_eq!(check("a.md", "dull").0.len(), 1);
    assert_eq!(check("b.md", "the dull user").0.len(), 1);
    assert_eq!(check("a.md", "nothing").1, 0);
}

/// Every phrase of the list is found, so no entry is spelled in a way that cannot match.
#[test]
fn every_listed_word_can_be_found() {
    let list = read_list(include_str!("../../words.toml"));
    assert!(list.banned.len() > 30 && list.banned.iter().all(|banned| !banned.instead.is_empty()));
    for banned in &list.banned {
        let text = banned.words.join("_");
        assert!(!faults(&list, "x.rs", &text, &mut vec![0; list.right.len()]).is_empty(), "{text}");
    }
}
