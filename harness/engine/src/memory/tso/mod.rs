//! Store buffers: stores that other tasks see later than the task which made them, as on x86
//! processors (Owens, Sarkar and Sewell, "A better x86 memory model: x86-TSO", TPHOLs 2009).
//!
//! A plan says which stores wait (`delay`). Such a store is performed by the program's own
//! instruction, and what it has written is taken back and kept in its task's buffer
//! (`buffer`). The task does not stop there, because nobody can notice. Loads of the task see
//! the buffer. Each store becomes visible in a step of its own, which the schedule decides
//! (`drain`). Instructions that wait until the buffer is empty (`order`) are found while the
//! task is on its way with something in its buffer (`passage`, `leg`). Some calls empty the buffers
//! of other tasks (`shootdown`).

pub(crate) mod buffer;
pub(super) mod cut;
mod delay;
mod drain;
mod leg;
pub(super) mod order;
mod passage;
mod shootdown;
