//! Notifiers: one process tells another that something has happened.

mod condition;
mod eventfd;
mod queue_notice;
mod rendezvous;
mod signals;

pub use condition::ConditionVariable;
pub(crate) use condition::Inside as ConditionInside;
pub use eventfd::EventFdNotifier;
pub use queue_notice::QueueNotice;
pub use signals::{
    HandledSignal, RealTimeSignal, RealTimeSignalFd, SignalNotifier, SignalfdSignal, WaitedSignal,
};
