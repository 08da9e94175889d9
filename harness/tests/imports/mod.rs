//! Which files of a crate import which, as far as their paths tell.

use super::{parsed, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::visit::Visit;
use syn::{Item, UseTree, Visibility};

/// A module by its path below the crate's root.
type Module = Vec<String>;

/// The files of one crate.
pub struct Crate {
    /// For each file, what it imports: paths from the crate's root.
    paths: BTreeMap<Module, BTreeSet<Module>>,
    /// For each file, the names that it re-exports, and where they are from.
    exports: BTreeMap<Module, BTreeMap<String, Module>>,
}

impl Crate {
    /// Reads the files below a source folder.
    pub fn read(root: &Path) -> Crate {
        let files: Vec<(Module, syn::File)> = sources(root)
            .iter()
            .map(|path| (module(root, path), parsed(path)))
            .collect();
        let modules: BTreeSet<Module> = files.iter().map(|(module, _)| module.clone()).collect();
        let mut read = Crate {
            paths: BTreeMap::new(),
            exports: BTreeMap::new(),
        };
        for (module, file) in files {
            let mut collector = Collector {
                module: &module,
                modules: &modules,
                paths: BTreeSet::new(),
                exports: BTreeMap::new(),
            };
            collector.visit_file(&file);
            let (paths, exports) = (collector.paths, collector.exports);
            read.paths.insert(module.clone(), paths);
            read.exports.insert(module, exports);
        }
        read
    }

    /// The circles of files that import each other, each as the names of its files.
    pub fn circles(&self) -> Vec<Vec<String>> {
        let imports: BTreeMap<&Module, BTreeSet<Module>> = self
            .paths
            .iter()
            .map(|(module, paths)| {
                let targets = paths.iter().map(|path| self.file_of(path, 0));
                (module, targets.filter(|target| target != module).collect())
            })
            .collect();
        let reachable = |from: &Module| {
            let mut seen = BTreeSet::new();
            let mut left: Vec<&Module> = imports[from].iter().collect();
            while let Some(module) = left.pop() {
                if seen.insert(module.clone()) {
                    left.extend(&imports[module]);
                }
            }
            seen
        };
        let reach: BTreeMap<&Module, BTreeSet<Module>> =
            self.paths.keys().map(|m| (m, reachable(m))).collect();
        let mut circles = BTreeSet::new();
        for (module, reached) in &reach {
            if reached.contains(*module) {
                let back = |other: &&Module| reach[*other].contains(*module);
                let circle: Vec<String> =
                    reached.iter().filter(back).map(|m| m.join("::")).collect();
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    /// The file that defines what a path leads to. Re-exports are followed.
    fn file_of(&self, path: &[String], depth: usize) -> Module {
        let length = (0..=path.len())
            .rev()
            .find(|n| self.paths.contains_key(&path[..*n]));
        let (file, rest) = path.split_at(length.expect("the root is a file"));
        let origin = rest.first().and_then(|name| self.exports[file].get(name));
        match origin {
            Some(origin) if depth < 8 && origin != path => {
                let mut path = origin.clone();
                path.extend_from_slice(&rest[1..]);
                self.file_of(&path, depth + 1)
            }
            _ => file.to_vec(),
        }
    }
}

/// Returns whether an item is compiled for tests only.
pub fn is_for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        let meta = attribute.meta.require_list();
        meta.is_ok_and(|list| list.path.is_ident("cfg") && list.tokens.to_string() == "test")
    })
}

fn module(root: &Path, file: &Path) -> Module {
    let below = file.strip_prefix(root).expect("a file of the crate");
    let parts = below.with_extension("");
    let mut parts: Module = parts
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if matches!(
        parts.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        parts.pop();
    }
    parts
}

struct Collector<'a> {
    module: &'a Module,
    modules: &'a BTreeSet<Module>,
    paths: BTreeSet<Module>,
    exports: BTreeMap<String, Module>,
}

impl Collector<'_> {
    /// A path as one from the crate's root, if it leads into the crate.
    fn resolved(&self, path: &[String]) -> Option<Module> {
        let is_child = |name: &String| {
            let mut child = self.module.clone();
            child.push(name.clone());
            self.modules.contains(&child)
        };
        let first = path.first()?;
        Some(match first.as_str() {
            "crate" => path[1..].to_vec(),
            "self" => [self.module, &path[1..]].concat(),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let above = self.module.len().checked_sub(ups)?;
                [&self.module[..above], &path[ups..]].concat()
            }
            _ if is_child(first) => [&self.module[..], path].concat(),
            _ => return None,
        })
    }

    fn take_tree(&mut self, before: &mut Module, tree: &UseTree, exports: bool) {
        let (name, known_as) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.take_tree(before, &path.tree, exports);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.take_tree(before, tree, exports);
                }
                return;
            }
            UseTree::Name(name) => (Some(name.ident.to_string()), name.ident.to_string()),
            UseTree::Rename(name) => (Some(name.ident.to_string()), name.rename.to_string()),
            UseTree::Glob(_) => (None, String::new()),
        };
        let mut path = before.clone();
        path.extend(name.filter(|name| name != "self"));
        let Some(path) = self.resolved(&path) else {
            return;
        };
        if exports {
            self.exports.insert(known_as, path);
        } else {
            self.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            item if is_for_tests(item) => {}
            Item::Use(item) => {
                let exports = !matches!(item.vis, Visibility::Inherited);
                self.take_tree(&mut Vec::new(), &item.tree, exports);
            }
            _ => syn::visit::visit_item(self, item),
        }
    }

    // `pub(in crate::room)` is no import.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Module = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if parts.len() > 1 {
            self.paths.extend(self.resolved(&parts));
        }
        syn::visit::visit_path(self, path);
    }
}
