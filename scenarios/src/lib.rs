//! Every mechanism against its contract, under every peril.
//!
//! The scenarios are generic, one for each trait, and stand in
//! [`mod@crosswire::conformance`]; [`cells`] is the whole table of what there is to try.

#![forbid(unsafe_code)]

mod adapters;
mod case;
mod catalogue;

pub use adapters::adapter_cells;
pub use case::{Case, Cell, Settings, Watch};
pub use catalogue::{cases, cells, contracts, recorded, reenter};
