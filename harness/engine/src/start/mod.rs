//! From a command to a program that stands at its first call of interest.

pub(crate) mod auxv;
pub(crate) mod copies;
pub(crate) mod early;
pub(crate) mod identity;
pub(crate) mod launch;
pub(crate) mod loading;
pub(crate) mod outside;
pub(crate) mod prepare;
pub(crate) mod prepared;
pub(crate) mod reads;
pub(crate) mod target;
pub(crate) mod template;
pub(crate) mod wrapper;
