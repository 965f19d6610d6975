//! What a polkit reads, and what became of its rules files.

use std::collections::BTreeMap;

use crate::target::{JavaScript, Target};
use crate::verdict::engine::Engine;
use crate::verdict::files::{Files, PassedOver, Rules};
use crate::verdict::wire::Loaded;

/// All that verdicts are made of, but for the questions and what the rules say.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) target: Target,
    pub(super) files: Files,
    /// Number of the file, and line, of each rule, in the order in which they are run.
    pub(super) rules: Vec<(usize, usize)>,
    /// What every answer of the rules depends on.
    pub(super) always: Vec<String>,
    /// The actions that imply one.
    implying: BTreeMap<String, Vec<String>>,
}

impl Read {
    /// Takes what the engine, if there are rules, made of the rules files.
    pub(super) fn new(target: Target, files: Files, engine: Option<&Result<Engine, String>>) -> Self {
        let (rules, implying) = (Vec::new(), implying(&files));
        let mut read = Self { target, files, rules, always: Vec::new(), implying };
        for closed in &read.files.closed_to_us {
            read.always.push(format!("what is in {closed}: only root may read it"));
        }
        match engine {
            Some(Err(why)) => read.always.push(format!("the rules, which cannot be run here: {why}")),
            Some(Ok(engine)) => {
                for (path, why) in engine.cut() {
                    read.always.push(format!("what polkitd makes of {path}: run here, {why}"));
                }
                for (number, loaded) in engine.loaded().iter().enumerate() {
                    read.loaded(number, loaded);
                }
            }
            None => {}
        }
        read
    }

    fn loaded(&mut self, number: usize, loaded: &Loaded) {
        let Some(Rules { path, bytes }) = self.files.rules.get(number) else { return };
        let line = |line: &u32| beginning(bytes, usize::try_from(*line).unwrap_or(0));
        self.rules.extend(loaded.lines.iter().map(|reported| (number, line(reported))));
        self.always.extend(loaded.unknown.iter().map(|what| format!("{what}, which {path} wants")));
        let Some(error) = &loaded.error else { return };
        let why = if loaded.lines.is_empty() {
            format!("polkitd drops the whole file: {error}")
        } else {
            format!("polkitd stops running it here, and keeps the rules before: {error}")
        };
        self.files.passed_over.push(PassedOver { file: path.clone(), line: loaded.line, why });
        if self.target.javascript != JavaScript::Duktape {
            self.always.push(format!("the engine of that polkit: Duktape does not take {path} ({error})"));
        }
    }

    /// The actions that imply this one.
    pub(super) fn implying(&self, action: &str) -> &[String] {
        self.implying.get(action).map_or(&[], Vec::as_slice)
    }
}

fn implying(files: &Files) -> BTreeMap<String, Vec<String>> {
    let mut implying: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for registered in files.actions.values() {
        let id = &registered.action.id;
        for implied in registered.action.implies.iter().filter(|implied| *implied != id) {
            let by = implying.entry(implied.clone()).or_default();
            if !by.contains(id) {
                by.push(id.clone());
            }
        }
    }
    implying
}

/// The line where the call of addRule begins that the engine reports at its last line.
fn beginning(source: &[u8], reported: usize) -> usize {
    let lines: Vec<&[u8]> = source.split(|byte| *byte == b'\n').take(reported).collect();
    let named = |line: &&[u8]| line.windows(7).any(|word| word == b"addRule");
    lines.iter().rposition(named).map_or(reported, |number| number + 1)
}
