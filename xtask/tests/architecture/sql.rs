//! No SQL statement is in both backends.

use std::collections::BTreeMap;
use std::fs;

use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, LitStr};

use crate::workspace;

const BEGINNINGS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

#[test]
fn what_both_databases_understand_stands_once() {
    let (sqlite, postgres) = (statements("sqlite"), statements("postgres"));
    let twice: Vec<_> = sqlite
        .iter()
        .filter_map(|(statement, file)| Some((statement, file, postgres.get(statement)?)))
        .map(|(statement, one, other)| format!("{one} and {other}: {statement}"))
        .collect();
    assert!(
        twice.is_empty(),
        "\nto `store/src/sql.rs`:\n{}",
        twice.join("\n")
    );
}

/// Each statement of a backend and the file that contains it.
fn statements(backend: &str) -> BTreeMap<String, String> {
    let folder = workspace().join("store/src").join(backend);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let mut texts = Texts::default();
        texts.visit_file(&syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap());
        let name = path.file_name().unwrap().to_str().unwrap();
        found.extend(
            texts
                .0
                .into_iter()
                .map(|text| (text, format!("{backend}/{name}"))),
        );
    }
    assert!(found.len() > 20, "{backend} has hardly any statements");
    found
}

/// The statements outside tests; SQLite's `?1` counts as `$1`.
#[derive(Default)]
struct Texts(Vec<String>);

impl<'ast> Visit<'ast> for Texts {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let is_for_tests = |attribute: &Attribute| attribute.path().is_ident("cfg");
        if !item.attrs.iter().any(is_for_tests) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        let words: Vec<_> = text.value().split_whitespace().map(str::to_owned).collect();
        let statement = words.join(" ").replace('?', "$");
        if BEGINNINGS.iter().any(|word| statement.starts_with(word)) {
            self.0.push(statement);
        }
    }
}
