//! A measured figure, what it is measured against, and the table of all of them.

/// One line of the table.
pub struct Figure {
    /// What was measured : what it is measured against.
    pub name: &'static str,
    /// The unit of both values.
    pub unit: &'static str,
    /// Our value.
    pub measured: f64,
    /// The bare limit, measured in the same run; for memory and times, the allowed maximum.
    pub limit: f64,
    /// The target for the ratio of the two.
    pub target: Target,
}

/// A target for the ratio of measured to limit.
#[derive(Clone, Copy)]
pub enum Target {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
    /// Reported only.
    None,
}

impl Figure {
    fn ratio(&self) -> f64 {
        self.measured / self.limit
    }

    fn row(&self) -> String {
        let (target, is_met) = match self.target {
            Target::AtLeast(least) => (format!(">= {least:.2}"), Some(self.ratio() >= least)),
            Target::AtMost(most) => (format!("<= {most:.2}"), Some(self.ratio() <= most)),
            Target::None => (String::new(), None),
        };
        format!(
            "| {:<58} | {:<10} | {:>8} | {:>8} | {:>5.2} | {target:<7} | {:<3} |",
            self.name,
            self.unit,
            digits(self.measured),
            digits(self.limit),
            self.ratio(),
            match is_met {
                Some(true) => "yes",
                Some(false) => "no",
                None => "",
            },
        )
    }
}

/// Three significant digits of small values, all digits of large ones.
fn digits(value: f64) -> String {
    match value {
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

/// The figures as a table of Markdown.
pub fn table(figures: &[Figure]) -> String {
    let mut lines = vec![
        format!(
            "| {:<58} | {:<10} | {:>8} | {:>8} | {:>5} | {:<7} | met |",
            "figure", "unit", "measured", "limit", "ratio", "target"
        ),
        format!(
            "| {:-<58} | {:-<10} | {:->7}: | {:->7}: | {:->4}: | {:-<7} | --- |",
            "", "", "", "", "", ""
        ),
    ];
    lines.extend(figures.iter().map(Figure::row));
    lines.join("\n")
}

/// The median of an odd number of measurements: it is least affected by bursts of other load.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
