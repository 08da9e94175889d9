//! Instructions that touch shared memory, and how each is made to touch the alias.

pub(super) mod instruction;
pub(super) mod trampoline;
