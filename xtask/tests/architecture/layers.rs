//! Files import from their own layer and from those below it.

use crate::imports::Imports;
use crate::root_of;

/// The layers of a crate, the lowest first; a file belongs to the longest path that it begins with.
type Layers = &'static [&'static [&'static str]];

/// The HTTP API, from the bytes up to the server.
const API: Layers = &[
    &[
        "auth/",
        "clock.rs",
        "config.rs",
        "edge_push.rs",
        "error.rs",
        "health.rs",
        "http/",
        "limits.rs",
        "live_feed/",
        "operator.rs",
        "picture/",
        "unrepeated.rs",
    ],
    &["app.rs"],
    &["past_image.rs"],
    &["executor.rs"],
    &["operator_commands.rs", "route.rs"],
    &["dialect/"],
    &["admission.rs", "routes.rs"],
    &["pipeline.rs"],
    &["serve.rs"],
    &["fuzz.rs", "lib.rs"],
];

/// The program: what an installation is, what it does, and the operator's commands.
const PHOTOLOG: Layers = &[
    &["installation.rs", "output.rs"],
    &["first_start.rs"],
    &["roles.rs", "cli/"],
    &["main.rs"],
];

/// Data types, the backends, the store.
const STORE: Layers = &[
    &[
        "append.rs",
        "blob/",
        "chain.rs",
        "column.rs",
        "compute.rs",
        "config.rs",
        "constraints.rs",
        "derived.rs",
        "error.rs",
        "fact.rs",
        "fold_cache.rs",
        "idempotency.rs",
        "image_list.rs",
        "keys.rs",
        "log_entry.rs",
        "log_tail.rs",
        "master_key.rs",
        "private.rs",
        "progress.rs",
        "read_model.rs",
        "secrets.rs",
        "snapshot.rs",
        "sql.rs",
        "stored_event.rs",
        "stored_text.rs",
        "stream.rs",
        "tokens.rs",
    ],
    &["backend.rs"],
    &["postgres/", "sqlite/"],
    &["store/"],
    &["lib.rs"],
];

#[test]
fn no_file_imports_from_a_layer_above_its_own() {
    let mut faults = Vec::new();
    for (name, layers) in [("api", API), ("photolog", PHOTOLOG), ("store", STORE)] {
        let root = root_of(name);
        for (from, imported) in Imports::of(&root).graph() {
            let Some(own) = layer(layers, &from) else {
                faults.push(format!("{name}: {from} is in no layer"));
                continue;
            };
            let above = imported.iter().filter(|to| layer(layers, to) > Some(own));
            faults.extend(above.map(|to| format!("{name}: {from} imports {to}")));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn layer(layers: Layers, file: &str) -> Option<usize> {
    let fits = layers.iter().enumerate().flat_map(|(number, paths)| {
        let paths = paths.iter().filter(|path| file.starts_with(**path));
        paths.map(move |path| (path.len(), number))
    });
    fits.max().map(|(_, number)| number)
}
