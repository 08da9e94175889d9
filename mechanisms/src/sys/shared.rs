//! The types that may lie in shared memory.

use super::mapping::Shared;
use crate::channel::ring;
use crate::words::{Many, One, Sequence};
use std::sync::atomic::AtomicU32;

// SAFETY: an atomic; all bit patterns are valid, and others may change it.
unsafe impl Shared for AtomicU32 {}
// SAFETY: consists of atomics.
unsafe impl Shared for crate::cell::Slots {}
// SAFETY: consists of atomics.
unsafe impl Shared for crate::demo::Words {}
// SAFETY: consists of atomics.
unsafe impl Shared for crate::cell::FileInside {}
// SAFETY: consists of a pthread object, which only the C library looks at, and atomics.
unsafe impl Shared for crate::cell::PosixInside {}
// SAFETY: consists of pthread objects and an atomic.
unsafe impl Shared for crate::notifier::ConditionInside {}
// SAFETY: consists of atomics.
unsafe impl Shared for Sequence {}
// SAFETY: consists of atomics.
unsafe impl<const W: usize> Shared for One<W> {}
// SAFETY: consists of atomics.
unsafe impl<const W: usize> Shared for Many<W> {}
// SAFETY: consists of atomics and a queue that is shared itself.
unsafe impl<Q: Shared> Shared for ring::Inside<Q> {}
