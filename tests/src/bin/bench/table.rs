//! The table of figures, and how two series are compared.

use std::fmt;

/// Figures in the order in which they were measured.
#[derive(Debug, Default)]
pub struct Table(Vec<Row>);

/// One line of the table.
#[derive(Debug)]
struct Row {
    figure: String,
    way: String,
    ours: String,
    baseline: String,
    ratio: Option<f64>,
    goal: Goal,
    value: f64,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At most this, in the unit of the value.
    AtMost(f64, &'static str),
    /// At least this.
    AtLeast(f64, &'static str),
    /// Nothing: a figure to know.
    None,
}

/// Medians of two series, and the median of the ratios of their pairs.
#[derive(Debug, Clone, Copy)]
pub struct Paired {
    pub ours: f64,
    pub baseline: f64,
    pub ratio: f64,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Ours,
    Baseline,
}

impl Table {
    /// A figure beside its baseline; the goal is about the ratio.
    pub fn compare(&mut self, figure: &str, way: &str, unit: &str, paired: Paired, goal: Goal) {
        self.push(Row {
            figure: figure.to_owned(),
            way: way.to_owned(),
            ours: format!("{} {unit}", short(paired.ours)),
            baseline: format!("{} {unit}", short(paired.baseline)),
            ratio: Some(paired.ratio),
            goal,
            value: paired.ratio,
        });
    }

    /// A figure whose goal is about itself; the baseline is for comparison.
    pub fn tell(&mut self, figure: &str, way: &str, unit: &str, value: f64, baseline: Option<f64>, goal: Goal) {
        self.push(Row {
            figure: figure.to_owned(),
            way: way.to_owned(),
            ours: format!("{} {unit}", short(value)),
            baseline: baseline.map_or_else(String::new, |baseline| format!("{} {unit}", short(baseline))),
            ratio: baseline.map(|baseline| value / baseline),
            goal,
            value,
        });
    }

    fn push(&mut self, row: Row) {
        eprintln!("bench: {row}");
        self.0.push(row);
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, way, ours, baseline, ratio, goal, value } = self;
        let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let (goal, met) = match goal {
            Goal::AtMost(most, text) => (*text, if value <= most { "met" } else { "MISSED" }),
            Goal::AtLeast(least, text) => (*text, if value >= least { "met" } else { "MISSED" }),
            Goal::None => ("", ""),
        };
        write!(f, "| {figure} | {way} | {ours} | {baseline} | {ratio} | {goal} | {met} |")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | way | ours | baseline | ratio | goal | |")?;
        write!(f, "|---|---|--:|--:|--:|---|---|")?;
        self.0.iter().try_for_each(|row| write!(f, "\n{row}"))
    }
}

/// Measures both sides so many times, in the order A B, B A, A B, …
pub fn paired(rounds: usize, mut measure: impl FnMut(Side) -> f64) -> Paired {
    // The first of each fills caches.
    let _ = (measure(Side::Ours), measure(Side::Baseline));
    let pairs: Vec<(f64, f64)> = (0..rounds)
        .map(|round| {
            if round % 2 == 0 {
                let ours = measure(Side::Ours);
                (ours, measure(Side::Baseline))
            } else {
                let baseline = measure(Side::Baseline);
                (measure(Side::Ours), baseline)
            }
        })
        .collect();
    Paired {
        ours: median(pairs.iter().map(|(ours, _)| *ours)),
        baseline: median(pairs.iter().map(|(_, baseline)| *baseline)),
        ratio: median(pairs.iter().map(|(ours, baseline)| ours / baseline)),
    }
}

/// The middle of a series.
///
/// # Panics
/// If it is empty.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn short(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
