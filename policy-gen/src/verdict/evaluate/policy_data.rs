//! The files of a polkit, and the result of loading its rules.

use std::collections::BTreeMap;

use crate::target::{JavaScript, Target};
use crate::verdict::engine::Engine;
use crate::verdict::files::{Files, Rules, SkipReason, SkippedFile};
use crate::verdict::wire::LoadReply;

/// The beginning of the unknown fact if no rule was run.
pub const NOT_RUN: &str = "the rules, which this program cannot run";

/// The data of an evaluation besides the request and the replies of the rules.
#[derive(Debug)]
pub(super) struct PolicyData {
    pub(super) target: Target,
    pub(super) files: Files,
    /// The file number and the line of each rule, in the order of execution.
    pub(super) rules: Vec<(usize, usize)>,
    /// The unknown facts on which every verdict depends.
    pub(super) always: Vec<String>,
    /// For each action, the actions that imply it.
    implying: BTreeMap<String, Vec<String>>,
}

impl PolicyData {
    /// Takes the results of the engine, if there are rules.
    pub(super) fn new(target: Target, files: Files, engine: Option<&Result<Engine, String>>) -> Self {
        let (rules, implying) = (Vec::new(), implying(&files));
        let mut read = Self { target, files, rules, always: Vec::new(), implying };
        for closed in &read.files.closed_to_us {
            read.always.push(format!("the content of {closed}, which only root may read"));
        }
        match engine {
            Some(Err(why)) => read.always.push(format!("{NOT_RUN}: {why}")),
            Some(Ok(engine)) => {
                for (path, why) in engine.cut() {
                    read.always.push(format!("the effect of {path} in polkitd: when run by this program, {why}"));
                }
                for (number, loaded) in engine.loaded().iter().enumerate() {
                    read.loaded(number, loaded);
                }
            }
            None => {}
        }
        read
    }

    fn loaded(&mut self, number: usize, loaded: &LoadReply) {
        let Some(Rules { path, bytes }) = self.files.rules.get(number) else { return };
        let added_in = added_in(bytes);
        let line = |line: &u32| beginning(&added_in, usize::try_from(*line).unwrap_or(0));
        self.rules.extend(loaded.lines.iter().map(|reported| (number, line(reported))));
        self.always.extend(loaded.unknown.iter().map(|what| format!("{what}, which {path} uses")));
        let Some(error) = &loaded.error else { return };
        let why = if loaded.lines.is_empty() {
            SkipReason::NotCompiled(error.clone())
        } else {
            SkipReason::Throws(error.clone())
        };
        self.files.skipped.push(SkippedFile { file: path.clone(), line: loaded.line, why });
        if self.target.javascript != JavaScript::Duktape {
            self.always.push(format!("the engine of that polkit: Duktape does not load {path} ({error})"));
        }
    }

    /// Returns the actions that imply this one.
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

/// Returns the lines that contain the word `addRule`, from 1.
pub(crate) fn added_in(source: &[u8]) -> Vec<usize> {
    let named = |line: &[u8]| line.windows(7).any(|word| word == b"addRule");
    let lines = source.split(|byte| *byte == b'\n').zip(1..);
    lines.filter(|(line, _)| named(line)).map(|(_, number)| number).collect()
}

/// Returns the first line of the addRule call for which the engine reports the last line. `added_in` is that of [`added_in`].
pub(crate) fn beginning(added_in: &[usize], reported: usize) -> usize {
    let before = added_in.partition_point(|line| *line <= reported);
    before.checked_sub(1).and_then(|place| added_in.get(place)).copied().unwrap_or(reported)
}
