//! Phrases that we do not use, in code and documents; CONTRIBUTING lists the replacements.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace;

/// In lower case, as whole words.
const PHRASES: [&str; 28] = [
    "anew",
    "as yet",
    "at hand",
    "believes",
    "by whose",
    "door",
    "doors",
    "for ever",
    "hears",
    "hence",
    "in earnest",
    "in vain",
    "knows no",
    "lest",
    "likewise",
    "nought",
    "shall",
    "speaks",
    "takes none",
    "thereof",
    "thus",
    "to nobody",
    "told by",
    "upon",
    "wants to know",
    "what is no",
    "who knows",
    "whoever",
];

/// File name extensions of the texts that people read.
const READ: [&str; 9] = ["css", "html", "js", "md", "mjs", "py", "rs", "sql", "yml"];

/// Generated folders, git's, and migrations, because a released one never changes.
const LEFT_OUT: [&str; 4] = ["target", ".git", "node_modules", "migrations"];

#[test]
fn no_file_has_a_phrase_that_we_do_not_use() {
    let mut files = Vec::new();
    collect(&workspace(), &mut files);
    assert!(files.len() > 300, "{} files", files.len());
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let words = spaced(line);
            for phrase in PHRASES {
                if words.contains(&format!(" {phrase} ")) {
                    let place = file.display();
                    found.push(format!("{place}:{}: {phrase:?}", number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The line's words with one space around each, in lower case.
fn spaced(line: &str) -> String {
    let words = line.split(|character: char| !character.is_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" ").to_lowercase())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_str().unwrap_or_default();
        // This list contains them.
        if LEFT_OUT.contains(&name) || path.ends_with("architecture/words.rs") {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            collect(&path, files);
        } else if READ
            .iter()
            .any(|ending| name.ends_with(&format!(".{ending}")))
        {
            files.push(path);
        }
    }
}
