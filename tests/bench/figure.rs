//! A measured figure, what it is measured against, and the table of all of them.

/// One line of the table.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) measured: f64,
    /// The bare limit, measured in the same run; for memory, what may be held.
    pub(crate) limit: f64,
    pub(crate) target: Target,
}

/// What the ratio of measured to limit should be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    fn ratio(&self) -> f64 {
        self.measured / self.limit
    }

    fn is_met(&self) -> bool {
        match self.target {
            Target::AtLeast(least) => self.ratio() >= least,
            Target::AtMost(most) => self.ratio() <= most,
        }
    }

    fn row(&self) -> String {
        let target = match self.target {
            Target::AtLeast(least) => format!(">= {least:.2}"),
            Target::AtMost(most) => format!("<= {most:.2}"),
        };
        format!(
            "| {:<52} | {:<10} | {:>8.0} | {:>7.0} | {:>5.2} | {target} | {:<3} |",
            self.name,
            self.unit,
            self.measured,
            self.limit,
            self.ratio(),
            if self.is_met() { "yes" } else { "no" },
        )
    }
}

/// The figures as a table of Markdown.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut lines = vec![
        format!(
            "| {:<52} | {:<10} | {:>8} | {:>7} | {:>5} | {:<7} | met |",
            "figure", "unit", "measured", "limit", "ratio", "target"
        ),
        format!(
            "| {:-<52} | {:-<10} | {:->7}: | {:->6}: | {:->4}: | {:-<7} | --- |",
            "", "", "", "", "", ""
        ),
    ];
    lines.extend(figures.iter().map(Figure::row));
    lines.join("\n")
}

/// The middle one of an odd number of measurements: a neighbour's burst of work moves it least.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
