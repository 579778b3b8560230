//! Which file of a crate imports which: `use` paths and inline paths outside tests, followed
//! through re-exports to the file that defines the item.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// A module's path below the crate: `["postgres", "append"]`.
type ModulePath = Vec<String>;

/// One module that has a file of its own.
struct Module {
    file: String,
    /// Modules declared without `pub`: they and their parent count as one.
    private: bool,
    /// Items and modules that the file defines.
    defines: BTreeSet<String>,
    /// Names that `use` imports, and the paths that they stand for.
    uses: BTreeMap<String, ModulePath>,
    globs: Vec<ModulePath>,
    /// Every path that starts at a crate, a parent or an imported name.
    paths: BTreeSet<ModulePath>,
}

/// The files of one crate and their imports.
pub(crate) struct Imports {
    modules: BTreeMap<ModulePath, Module>,
}

impl Imports {
    /// Reads a crate from the file of its root.
    pub(crate) fn of(root: &Path) -> Self {
        let mut imports = Self {
            modules: BTreeMap::new(),
        };
        let source = root.parent().unwrap().to_owned();
        imports.read(Vec::new(), root, &source, &source, false);
        imports
    }

    fn read(&mut self, path: ModulePath, file: &Path, folder: &Path, source: &Path, private: bool) {
        let text = fs::read_to_string(file).unwrap();
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let mut found = Found::default();
        found.visit_file(&parsed);
        for declared in &found.modules {
            let name = declared.ident.to_string();
            let (child, inside) = child_file(declared, folder, &name);
            let mut below = path.clone();
            below.push(name);
            let private = matches!(declared.vis, Visibility::Inherited);
            self.read(below, &child, &inside, source, private);
        }
        let module = Module {
            file: file.strip_prefix(source).unwrap().display().to_string(),
            private,
            defines: found.defines,
            uses: found.uses,
            globs: found.globs,
            paths: found.paths,
        };
        self.modules.insert(path, module);
    }

    /// For each file, the files that it imports. A parent and its private modules count as one,
    /// under the parent's file name.
    pub(crate) fn graph(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut graph = BTreeMap::<String, BTreeSet<String>>::new();
        for (path, module) in &self.modules {
            let from = self.name(path);
            let imported = graph.entry(from.clone()).or_default();
            for used in &module.paths {
                let Some(target) = self.definer(path, used, 0) else {
                    continue;
                };
                let to = self.name(&target);
                if to != from {
                    imported.insert(to);
                }
            }
        }
        graph
    }

    fn name(&self, path: &ModulePath) -> String {
        let mut path = path.clone();
        while self.modules[&path].private {
            path.pop();
        }
        self.modules[&path].file.clone()
    }

    /// The module that defines the item of a path, as seen from a module.
    fn definer(&self, from: &ModulePath, path: &[String], depth: usize) -> Option<ModulePath> {
        if depth > 20 {
            return None;
        }
        let (mut at, rest) = self.start(from, path, depth)?;
        let mut rest = rest.as_slice();
        while let Some((name, after)) = rest.split_first() {
            let mut below = at.clone();
            below.push(name.clone());
            if self.modules.contains_key(&below) {
                at = below;
                rest = after;
                continue;
            }
            let module = &self.modules[&at];
            if let Some(used) = module.uses.get(name) {
                let used: ModulePath = used.iter().chain(after).cloned().collect();
                return self.definer(&at, &used, depth + 1);
            }
            if module.defines.contains(name) {
                return Some(at);
            }
            for glob in &module.globs {
                let used: ModulePath = glob.iter().chain(rest).cloned().collect();
                if let Some(found) = self.definer(&at, &used, depth + 1) {
                    return Some(found);
                }
            }
            // A name of another crate, or one that a macro makes: it counts as this file's.
            return Some(at);
        }
        Some(at)
    }

    /// The module at which a path starts, and the rest of the path.
    fn start(
        &self,
        from: &ModulePath,
        path: &[String],
        depth: usize,
    ) -> Option<(ModulePath, ModulePath)> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some((Vec::new(), rest.to_vec())),
            "self" => Some((from.clone(), rest.to_vec())),
            "super" => {
                let mut parent = from.clone();
                parent.pop();
                let mut rest = rest.to_vec();
                while rest.first().is_some_and(|name| name == "super") {
                    parent.pop();
                    rest.remove(0);
                }
                Some((parent, rest))
            }
            name => {
                let mut below = from.clone();
                below.push(name.to_owned());
                if self.modules.contains_key(&below) {
                    return Some((below, rest.to_vec()));
                }
                let used = self.modules[from].uses.get(name)?;
                if used.first().map(String::as_str) == Some(name) {
                    return None;
                }
                let used: ModulePath = used.iter().chain(rest).cloned().collect();
                if depth > 20 {
                    return None;
                }
                self.start(from, &used, depth + 1)
            }
        }
    }
}

fn child_file(declared: &ItemMod, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let other = declared.attrs.iter().find_map(|attribute| {
        let value = attribute.meta.require_name_value().ok()?;
        if !value.path.is_ident("path") {
            return None;
        }
        match &value.value {
            syn::Expr::Lit(literal) => match &literal.lit {
                syn::Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        }
    });
    if let Some(other) = other {
        return (folder.join(other), folder.join(name));
    }
    let inside = folder.join(name);
    let flat = folder.join(format!("{name}.rs"));
    if flat.is_file() {
        (flat, inside)
    } else {
        (inside.join("mod.rs"), inside)
    }
}

/// The contents of one file, without its tests.
#[derive(Default)]
struct Found {
    modules: Vec<ItemMod>,
    defines: BTreeSet<String>,
    uses: BTreeMap<String, ModulePath>,
    globs: Vec<ModulePath>,
    paths: BTreeSet<ModulePath>,
}

impl Found {
    fn take_use(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            path.push(name.to_string());
            path
        };
        match tree {
            UseTree::Path(path) => self.take_use(&with(&path.ident), &path.tree),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.take_use(before, tree);
                }
            }
            UseTree::Glob(_) => {
                self.globs.push(before.to_vec());
                self.paths.insert(before.to_vec());
            }
            UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().unwrap().clone();
                self.uses.insert(last, before.to_vec());
                self.paths.insert(before.to_vec());
            }
            UseTree::Name(name) => {
                self.uses.insert(name.ident.to_string(), with(&name.ident));
                self.paths.insert(with(&name.ident));
            }
            UseTree::Rename(rename) => {
                self.uses
                    .insert(rename.rename.to_string(), with(&rename.ident));
                self.paths.insert(with(&rename.ident));
            }
        }
    }

    /// Collects paths in the arguments of macros, which are not parsed.
    fn take_tokens(&mut self, tokens: TokenStream) {
        let mut path = ModulePath::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    colons = 0;
                    self.take_tokens(group.stream());
                }
                _ => {
                    self.end(&mut path);
                    colons = 0;
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut ModulePath) {
        if path.len() > 1 {
            self.paths.insert(std::mem::take(path));
        }
        path.clear();
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_for_tests(attributes(item)) {
            return;
        }
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            _ => None,
        };
        if let Some(name) = name {
            self.defines.insert(name.to_string());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_none() {
            self.modules.push(item.clone());
        } else {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.take_use(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        let names: ModulePath = names.collect();
        if names.len() > 1 {
            self.paths.insert(names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        self.take_tokens(invoked.tokens.clone());
        visit::visit_macro(self, invoked);
    }
}
