//! The walk of a write in `docs/ARCHITECTURE.md`: each function that it names exists, and calls the
//! next.

use std::fs;

use syn::visit::{self, Visit};
use syn::{ImplItemFn, ItemFn};

use crate::workspace;

const HEADING: &str = "### A metadata write";

/// Marks a function reached through a queue, which no function of the walk calls.
const BY_QUEUE: &str = "by the queue";

/// One row of a table of the walk.
struct Step {
    function: String,
    file: String,
    is_called: bool,
}

#[test]
fn the_walk_of_a_write_names_functions_that_call_each_other() {
    let document = fs::read_to_string(workspace().join("docs/ARCHITECTURE.md")).unwrap();
    let walk = document.split(HEADING).nth(1).unwrap();
    let walk = walk.split("\n### ").next().unwrap();
    let tables: Vec<Vec<Step>> = walk
        .split("\n\n")
        .map(steps)
        .filter(|table| !table.is_empty())
        .collect();
    let [shared, backends @ ..] = tables.as_slice() else {
        panic!("no walk");
    };
    assert_eq!(backends.len(), 2, "one for each database");
    let mut faults = Vec::new();
    for backend in backends {
        let walk: Vec<_> = shared.iter().chain(backend).collect();
        for pair in walk.windows(2) {
            let (caller, called) = (pair[0], pair[1]);
            let bodies = bodies(caller);
            let calls = bodies.iter().any(|body| has_word(body, &called.function));
            if called.is_called && !calls {
                let (caller, called) = (&caller.function, &called.function);
                faults.push(format!("{caller} does not call {called}"));
            }
        }
        let missing = walk.iter().filter(|step| bodies(step).is_empty());
        faults.extend(missing.map(|step| format!("no {} in {}", step.function, step.file)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn steps(text: &str) -> Vec<Step> {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let function = cells.next()?.trim().trim_matches('`').to_owned();
        let file = cells.next()?.trim().trim_matches('`').to_owned();
        let is_called = !cells.next()?.trim().starts_with(BY_QUEUE);
        Some(Step {
            function,
            file,
            is_called,
        })
    });
    rows.collect()
}

/// The bodies of all functions of this name in the step's file.
fn bodies(step: &Step) -> Vec<String> {
    let text = fs::read_to_string(workspace().join(&step.file)).unwrap_or_default();
    let parsed = syn::parse_file(&text).unwrap();
    let mut found = Functions {
        name: &step.function,
        bodies: Vec::new(),
    };
    found.visit_file(&parsed);
    found.bodies
}

struct Functions<'a> {
    name: &'a str,
    bodies: Vec<String>,
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if item.sig.ident == self.name {
            self.bodies.push(text_of(&item.block));
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if item.sig.ident == self.name {
            self.bodies.push(text_of(&item.block));
        }
        visit::visit_impl_item_fn(self, item);
    }
}

/// The source of a block.
fn text_of(block: &syn::Block) -> String {
    block.brace_token.span.join().source_text().unwrap()
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|found| found == word)
}
