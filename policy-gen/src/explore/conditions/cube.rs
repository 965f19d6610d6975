//! A conjunction of facts by its variables: the session, the texts, and the booleans.

use std::collections::{BTreeMap, BTreeSet};

use super::super::assignment::of_session;
use crate::implicit_authorization::Session;
use crate::verdict::wire::{Fact, KnownFact};

/// The values of each variable. A variable that is missing may have any value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cube(BTreeMap<Variable, Values>);

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Variable {
    Session,
    /// A text, by the kind of its facts.
    Text(String),
    /// A fact that is only true or false.
    Flag(Fact),
}

/// The values that a variable may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Values {
    /// These sessions.
    Sessions(BTreeSet<usize>),
    /// This text.
    Is(String),
    /// There is no text.
    Absent,
    /// Every text but these, and, if `absent`, also no text.
    Not { texts: BTreeSet<String>, absent: bool },
    /// The truth of a flag.
    Flag(bool),
}

/// The facts of a session that describe several sessions; those that come first are preferred.
const OF_SESSION: [(&str, bool); 6] =
    [("local", true), ("local", false), ("active", true), ("active", false), ("session", true), ("session", false)];

impl Cube {
    pub(super) fn of(facts: &[KnownFact]) -> Self {
        let mut cube = Self::default();
        for KnownFact { fact, is } in facts {
            match (&fact.value, fact.kind.as_str()) {
                (_, "group") | (None, "no_new_privileges") => {
                    cube.0.insert(Variable::Flag(fact.clone()), Values::Flag(*is));
                }
                (None, "local" | "active" | "session" | "seat") => cube.session(&fact.kind, *is),
                (None, kind) => cube.text(kind, |values| match values {
                    Values::Not { texts, .. } if *is => Values::Not { texts, absent: false },
                    Values::Not { .. } => Values::Absent,
                    other => other,
                }),
                (Some(text), kind) => {
                    if *is && matches!(kind, "session" | "seat") {
                        cube.session(kind, true);
                    }
                    cube.text(kind, |values| match values {
                        Values::Not { .. } if *is => Values::Is(text.clone()),
                        Values::Not { mut texts, absent } => {
                            texts.insert(text.clone());
                            Values::Not { texts, absent }
                        }
                        other => other,
                    });
                }
            }
        }
        cube
    }

    fn session(&mut self, kind: &str, is: bool) {
        let all = || Values::Sessions((0..Session::ALL.len()).collect());
        if let Values::Sessions(sessions) = self.0.entry(Variable::Session).or_insert_with(all) {
            sessions.retain(|number| has(*number, kind) == is);
        }
    }

    fn text(&mut self, kind: &str, change: impl FnOnce(Values) -> Values) {
        let variable = Variable::Text(kind.to_owned());
        let any = Values::Not { texts: BTreeSet::new(), absent: true };
        let values = self.0.remove(&variable).unwrap_or(any);
        self.0.insert(variable, change(values));
    }

    /// Returns the facts, sorted.
    pub(super) fn facts(&self) -> Vec<KnownFact> {
        let mut facts = Vec::new();
        for (variable, values) in &self.0 {
            match (variable, values) {
                (Variable::Flag(fact), Values::Flag(is)) => facts.push(KnownFact { fact: fact.clone(), is: *is }),
                (Variable::Session, Values::Sessions(sessions)) => {
                    for (kind, is) in combination(sessions).unwrap_or_default() {
                        facts.push(known(kind, None, is));
                    }
                }
                (Variable::Text(kind), Values::Is(text)) => facts.push(known(kind, Some(text), true)),
                (Variable::Text(kind), Values::Absent) => facts.push(known(kind, None, false)),
                (Variable::Text(kind), Values::Not { texts, absent }) => {
                    if !absent {
                        facts.push(known(kind, None, true));
                    }
                    facts.extend(texts.iter().map(|text| known(kind, Some(text), false)));
                }
                _ => {}
            }
        }
        facts.sort();
        facts
    }
}

fn known(kind: &str, value: Option<&String>, is: bool) -> KnownFact {
    KnownFact { fact: Fact { kind: kind.to_owned(), value: value.cloned() }, is }
}

/// Whether a fact is true of a session.
fn has(number: usize, kind: &str) -> bool {
    Session::ALL.get(number).and_then(|session| of_session(*session, kind)).unwrap_or(false)
}

/// Returns the facts that are true of exactly these sessions; none if no conjunction is.
fn combination(sessions: &BTreeSet<usize>) -> Option<Vec<(&'static str, bool)>> {
    let agree = |facts: &[(&'static str, bool)]| {
        (0..Session::ALL.len())
            .all(|number| facts.iter().all(|(kind, is)| has(number, kind) == *is) == sessions.contains(&number))
    };
    let pairs = OF_SESSION
        .iter()
        .enumerate()
        .flat_map(|(place, one)| OF_SESSION.iter().skip(place + 1).map(move |other| vec![*one, *other]));
    let mut all = std::iter::once(Vec::new()).chain(OF_SESSION.iter().map(|one| vec![*one])).chain(pairs);
    all.find(|facts| agree(facts))
}

/// A cube by the numbers of its variables and of their values, sorted.
type Numbered = Vec<(usize, usize)>;

/// Numbers of things, so that cubes are compared quickly.
struct Numbers<T> {
    numbers: BTreeMap<T, usize>,
    all: Vec<T>,
}

impl<T: Clone + Ord> Numbers<T> {
    fn new() -> Self {
        Self { numbers: BTreeMap::new(), all: Vec::new() }
    }

    fn of(&mut self, thing: &T) -> usize {
        let next = self.all.len();
        let number = *self.numbers.entry(thing.clone()).or_insert(next);
        if number == next {
            self.all.push(thing.clone());
        }
        number
    }
}

/// Merges cubes that exclude each other, until no two can be merged.
pub(super) fn merged(cubes: BTreeSet<Cube>) -> BTreeSet<Cube> {
    let (mut variables, mut values) = (Numbers::new(), Numbers::new());
    let mut numbered: BTreeSet<Numbered> = BTreeSet::new();
    for cube in cubes {
        let mut one: Numbered =
            cube.0.iter().map(|(variable, value)| (variables.of(variable), values.of(value))).collect();
        one.sort_unstable();
        numbered.insert(one);
    }
    loop {
        let before = numbered.len();
        // The facts that were decided last are merged first.
        for variable in (0..variables.all.len()).rev() {
            numbered = merged_by(numbered, variable, &mut values);
        }
        if numbered.len() == before {
            break;
        }
    }
    let cube = |one: Numbered| {
        let pair = |(variable, value): (usize, usize)| {
            Some((variables.all.get(variable)?.clone(), values.all.get(value)?.clone()))
        };
        Cube(one.into_iter().filter_map(pair).collect())
    };
    numbered.into_iter().map(cube).collect()
}

/// Merges cubes that differ in one variable only.
fn merged_by(cubes: BTreeSet<Numbered>, variable: usize, values: &mut Numbers<Values>) -> BTreeSet<Numbered> {
    let mut groups: BTreeMap<Numbered, Vec<usize>> = BTreeMap::new();
    let mut merged = BTreeSet::new();
    for mut cube in cubes {
        match cube.iter().position(|(known, _)| *known == variable) {
            Some(place) => {
                let (_, value) = cube.remove(place);
                groups.entry(cube).or_default().push(value);
            }
            None => {
                merged.insert(cube);
            }
        }
    }
    for (cube, numbers) in groups {
        let all: Vec<Option<Values>> = numbers.iter().map(|number| values.all.get(*number).cloned()).collect();
        for union in unions(all) {
            let mut cube = cube.clone();
            if let Some(union) = union.filter(|union| !is_any(union)) {
                cube.push((variable, values.of(&union)));
                cube.sort_unstable();
            }
            merged.insert(cube);
        }
    }
    merged
}

fn is_any(values: &Values) -> bool {
    match values {
        Values::Sessions(sessions) => sessions.len() == Session::ALL.len(),
        Values::Not { texts, absent } => texts.is_empty() && *absent,
        _ => false,
    }
}

/// Merges sets of values as far as facts can express the union.
fn unions(mut all: Vec<Option<Values>>) -> Vec<Option<Values>> {
    'again: loop {
        for place in 0..all.len() {
            for other in place + 1..all.len() {
                let (Some(Some(one)), Some(Some(two))) = (all.get(place), all.get(other)) else { continue };
                let Some(union) = union(one, two).or_else(|| union(two, one)) else { continue };
                all.remove(other);
                all.remove(place);
                all.push(union);
                continue 'again;
            }
        }
        return all;
    }
}

/// Returns the union of two sets of values, if facts can express it; `Some(None)` if the variable may have any value.
fn union(one: &Values, two: &Values) -> Option<Option<Values>> {
    match (one, two) {
        (Values::Flag(one), Values::Flag(two)) if one != two => Some(None),
        (Values::Sessions(one), Values::Sessions(two)) => {
            let all: BTreeSet<usize> = one.union(two).copied().collect();
            combination(&all).map(|_| Some(Values::Sessions(all)))
        }
        (Values::Not { texts, absent }, Values::Is(text)) if texts.contains(text) => {
            let texts = texts.iter().filter(|known| *known != text).cloned().collect();
            Some(Some(Values::Not { texts, absent: *absent }))
        }
        (Values::Not { texts, absent: false }, Values::Absent) => {
            Some(Some(Values::Not { texts: texts.clone(), absent: true }))
        }
        _ => None,
    }
}
