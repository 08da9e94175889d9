//! Files that have been read, kept for the runs to come.

use super::module::Module;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    /// Files that have been read. A worker meets the same ones in every run.
    static MODULES: RefCell<HashMap<String, Option<Rc<Module>>>> = RefCell::default();
}

/// Returns the file at this path; `None` if it is no ELF file, or is seen by the program
/// only.
pub(super) fn module(path: &str) -> Option<Rc<Module>> {
    MODULES.with_borrow_mut(|modules| {
        let known = modules.get(path);
        if let Some(known) = known.filter(|known| known.as_ref().is_none_or(|m| m.is_current())) {
            return known.clone();
        }
        let read = Module::read(path).map(Rc::new);
        modules.insert(path.to_owned(), read.clone());
        read
    })
}
