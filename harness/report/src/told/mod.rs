//! Reports for people: text of a width that terminals have.

pub(crate) mod about;
pub mod compare;
pub mod crashes;
pub(crate) mod fold;
pub(crate) mod palette;
pub(crate) mod races;
pub(crate) mod refused;
pub(crate) mod rows;
pub(crate) mod shrunk;
pub(crate) mod stacks;
pub(crate) mod story;
pub(crate) mod summary;
pub mod text;
pub(crate) mod timeline;
