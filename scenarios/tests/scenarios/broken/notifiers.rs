//! Notifiers with one planted bug each: the generic scenario finds it, and names the
//! promise that is broken.

use super::{breaks, keeps, trial};
use crosswire::conformance::notifier;
use crosswire::contract::{Contract, Error, Notifier, Peril, Role, Wakeup};
use crosswire::{Budget, scenario};
use crosswire_mechanisms::notifier::{EventFdNotifier, QueueNotice, RealTimeSignal, WaitedSignal};

const BUDGET: Budget = Budget::runs(300);

/// A notifier that is another one, except for what a bug changes.
macro_rules! notifier_with {
    ($(#[$doc:meta])* $name:ident($inner:ty) promises $promised:ty { $($change:item)* }) => {
        $(#[$doc])*
        struct $name($inner);

        impl Notifier for $name {
            const CONTRACT: &'static Contract = <$promised as Notifier>::CONTRACT;
            fn create(notifiers: usize) -> Result<Self, Error> {
                <$inner as Notifier>::create(notifiers).map($name)
            }
            fn attach(&mut self, role: Role) -> Result<(), Error> { self.0.attach(role) }
            $($change)*
        }
    };
}

notifier_with! {
    /// Believes that one notification is as good as several.
    WakesNobody(EventFdNotifier) promises EventFdNotifier {
        fn notify(&mut self, value: u32) -> Result<(), Error> {
            // Odd ones were announced by the even one before.
            if value.is_multiple_of(2) { self.0.notify(value) } else { Ok(()) }
        }
        fn wait(&mut self) -> Result<Option<Wakeup>, Error> { self.0.wait() }
    }
}

notifier_with! {
    /// Says that it queues, and is a signal that merges.
    Merges(WaitedSignal) promises RealTimeSignal {
        fn notify(&mut self, value: u32) -> Result<(), Error> { self.0.notify(value) }
        fn wait(&mut self) -> Result<Option<Wakeup>, Error> { self.0.wait() }
    }
}

notifier_with! {
    /// Repeats what it had notified before, for safety's sake.
    Invents(RealTimeSignal) promises RealTimeSignal {
        fn notify(&mut self, value: u32) -> Result<(), Error> {
            self.0.notify(value)?;
            self.0.notify(value)
        }
        fn wait(&mut self) -> Result<Option<Wakeup>, Error> { self.0.wait() }
    }
}

notifier_with! {
    /// Does not remove its queue.
    LeaksQueue(Kept) promises QueueNotice {
        fn notify(&mut self, value: u32) -> Result<(), Error> { self.0.notify(value) }
        fn wait(&mut self) -> Result<Option<Wakeup>, Error> { self.0.wait() }
    }
}

struct Kept(std::mem::ManuallyDrop<QueueNotice>);

impl Notifier for Kept {
    const CONTRACT: &'static Contract = QueueNotice::CONTRACT;
    fn create(notifiers: usize) -> Result<Self, Error> {
        QueueNotice::create(notifiers).map(|inner| Kept(std::mem::ManuallyDrop::new(inner)))
    }
    fn attach(&mut self, role: Role) -> Result<(), Error> {
        self.0.attach(role)
    }
    fn notify(&mut self, value: u32) -> Result<(), Error> {
        self.0.notify(value)
    }
    fn wait(&mut self) -> Result<Option<Wakeup>, Error> {
        self.0.wait()
    }
}

#[test]
fn waking_nobody_is_found() {
    keeps(
        &notifier::<EventFdNotifier>(scenario!("right"), trial(Peril::None, 2, 1))
            .try_explore(BUDGET),
    );
    let report = notifier::<WakesNobody>(scenario!("nobody"), trial(Peril::None, 2, 1));
    let report = report.try_explore(BUDGET);
    breaks(
        &report,
        WakesNobody::CONTRACT,
        Peril::None,
        "no-lost-notification",
    );
}

#[test]
fn merging_what_should_queue_is_found() {
    let report = notifier::<Merges>(scenario!("merges"), trial(Peril::None, 2, 1));
    breaks(
        &report.try_explore(BUDGET),
        Merges::CONTRACT,
        Peril::None,
        "no-lost-notification",
    );
}

#[test]
fn notifying_twice_is_found() {
    let report = notifier::<Invents>(scenario!("twice"), trial(Peril::None, 1, 1));
    breaks(
        &report.try_explore(BUDGET),
        Invents::CONTRACT,
        Peril::None,
        "no-invented-notification",
    );
}

#[test]
fn a_queue_that_stays_is_found() {
    let report = notifier::<LeaksQueue>(scenario!("leaks"), trial(Peril::None, 1, 1));
    breaks(
        &report.try_explore(BUDGET),
        LeaksQueue::CONTRACT,
        Peril::None,
        "leak",
    );
}
