//! The output formats of commands: tables for people, JSON for programs.

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

use crate::output::print;

/// The format of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// Columns with a header
    #[default]
    Table,
    /// An array of objects
    Json,
}

/// The format of the result of a command that creates something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ResultFormat {
    /// One line per value
    #[default]
    Text,
    /// An object
    Json,
}

/// Prints a value as JSON.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value).context("the output cannot be written")?;
    print(text);
    Ok(())
}

/// The gap between two columns.
const GAP: &str = "  ";

/// Printed where there is no value.
pub const NOTHING: &str = "-";

/// A table with `N` columns.
pub struct Table<const N: usize> {
    /// Kept until it is printed with the first rows, so an empty table prints nothing.
    head: Option<[String; N]>,
    widths: [usize; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with a header and no rows yet.
    pub fn new(head: [&str; N]) -> Self {
        Self {
            widths: head.map(|cell| cell.chars().count()),
            head: Some(head.map(str::to_owned)),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, cells: [String; N]) {
        let cells = cells.map(|text| harmless(&text));
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = cell.chars().count().max(*width);
        }
        self.rows.push(cells);
    }

    /// Returns lines for the rows that were added since the last call. Columns keep their width, so
    /// that a long table can be printed in parts.
    pub fn lines(&mut self) -> Vec<String> {
        let rows = std::mem::take(&mut self.rows);
        let head = match rows.is_empty() {
            true => None,
            false => self.head.take(),
        };
        let shown = head.iter().chain(&rows);
        shown.map(|cells| self.line(cells)).collect()
    }

    /// Prints those lines.
    pub fn print(&mut self) {
        self.lines().into_iter().for_each(print);
    }

    /// The last cell is not padded, because it may be long.
    fn line(&self, cells: &[String; N]) -> String {
        let padded = self.widths.iter().zip(cells);
        let padded: Vec<_> = padded
            .map(|(&width, cell)| format!("{cell:width$}"))
            .collect();
        padded.join(GAP).trim_end().to_owned()
    }
}

/// Text chosen by others must not control the terminal.
fn harmless(text: &str) -> String {
    let steers = |character: char| {
        character.is_control()
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|character| match steers(character) {
            true => char::REPLACEMENT_CHARACTER,
            false => character,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_in_characters() {
        let mut table = Table::new(["NAME", "STATE", "NOTE"]);
        assert!(table.lines().is_empty());
        table.push(["Ärzte".into(), "open".into(), "a long note".into()]);
        table.push(["x".into(), "open".into(), String::new()]);
        let expected = [
            "NAME   STATE  NOTE",
            "Ärzte  open   a long note",
            "x      open",
        ];
        assert_eq!(table.lines(), expected);
        table.push(["y".into(), "suspended".into(), "z".into()]);
        assert_eq!(table.lines(), ["y      suspended  z"]);
    }

    #[test]
    fn a_cell_cannot_steer_a_terminal() {
        let mut table = Table::new(["WHAT"]);
        table.push(["a\u{1b}[2J\nb\u{202e}c".into()]);
        assert_eq!(table.lines()[1], "a\u{fffd}[2J\u{fffd}b\u{fffd}c");
    }
}
