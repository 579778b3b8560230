//! No files of a crate import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::Imports;
use crate::{CRATES, root_of};

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for name in CRATES {
        for circle in strongly_connected(&Imports::of(&root_of(name)).graph()) {
            circles.push(format!("{name}: {}", circle.join(", ")));
        }
    }
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

/// The groups of files that all import each other, directly or indirectly.
fn strongly_connected(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reached = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            for imported in graph.get(file).into_iter().flatten() {
                if seen.insert(imported) {
                    next.push(imported);
                }
            }
        }
        seen
    };
    let reach: BTreeMap<_, _> = graph.keys().map(|file| (file, reached(file))).collect();
    let mut circles = BTreeSet::new();
    for (file, from_here) in &reach {
        let back = |other: &&String| reach.get(*other).is_some_and(|seen| seen.contains(file));
        let circle: Vec<String> = from_here.iter().copied().filter(back).cloned().collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}
