//! The tests of an implementation of the user's own.

use super::trials;
use crosswire_contract::{Contract, Peril};

/// Refuses a contract that says nothing, or two things, about a peril of its facility, and
/// one that promises something about a peril whose test is ignored.
///
/// # Panics
/// If it is such a contract, with the perils.
#[doc(hidden)]
pub fn complete(contract: &Contract, ignored: &[Peril]) {
    let silent = named(contract.silent_about());
    assert!(
        silent.is_empty(),
        "the contract of {} is incomplete: for each of these perils it must have one promise or \
         one exemption: {silent}",
        contract.name
    );
    let is_promised = |peril: &Peril| contract.promises.iter().any(|p| p.peril == *peril);
    let promised = named(ignored.iter().copied().filter(is_promised));
    assert!(
        promised.is_empty(),
        "the contract of {} promises something under perils that the macro names as exempt: \
         {promised}",
        contract.name
    );
}

/// Returns the trials under a peril.
///
/// # Panics
/// If there are none: a test without trials shows nothing and must not pass.
#[doc(hidden)]
pub fn trials_of(
    contract: &Contract,
    most: (usize, usize),
    peril: Peril,
    test: &str,
) -> Vec<super::Trial> {
    let found = trials(contract, most, peril);
    if found.is_empty() {
        let reason = match contract.under(peril) {
            Ok(_) => "there are too few senders or receivers for it",
            Err(reason) => reason,
        };
        panic!(
            "nothing is tested under {peril}: {reason}. If that is meant, have the test ignored: \
             conformance!(…, exempt: [{test}])"
        );
    }
    found
}

fn named(perils: impl IntoIterator<Item = Peril>) -> String {
    let names: Vec<String> = perils.into_iter().map(|peril| peril.to_string()).collect();
    names.join(", ")
}

/// Tests an implementation of your own against its contract: one test for each
/// peril, and `contract`, which fails if the contract is incomplete.
///
/// ```
/// # use crosswire::contract::*;
/// # struct Plain;
/// # impl Lock for Plain {
/// #     const CONTRACT: &'static Contract = &Contract {
/// #         name: "plain", facility: Facility::Lock, specification: "", traits: Traits::USUAL,
/// #         capacity: "", blocking: "", linux: "", promises: &[], exemptions: &[],
/// #     };
/// #     fn create() -> Result<Plain, Error> { Ok(Plain) }
/// #     fn lock(&mut self) -> Result<Taken, Error> { Ok(Taken::Clean) }
/// #     fn try_lock(&mut self) -> Result<Option<Taken>, Error> { Ok(Some(Taken::Clean)) }
/// #     fn unlock(&mut self) -> Result<(), Error> { Ok(()) }
/// # }
/// mod my_lock {
///     # use super::Plain as MyLock;
///     crosswire::conformance!(MyLock: Lock, exempt: [short_io, lose_signal]);
/// }
/// # fn main() {}
/// ```
///
/// After the type stands the trait: `Channel`, `Lock`, `RwLock`, `Semaphore`,
/// `Notifier`, `SharedCell` or `Rpc`. A second argument sets the runs of each
/// exploration, 500 unless given. `exempt` names the tests of the perils that the contract
/// exempts, which are then reported as ignored: a test without anything to try fails. The
/// tests are in a module `conformance`.
#[macro_export]
macro_rules! conformance {
    (@module $type:ty, $facility:ident, $scenario:ident, $runs:expr, $most:expr,
        [$($exempt:ident)*], $($own:ident $kill:ident),*) => {
        mod conformance {
            #[allow(unused_imports)]
            use super::*;

            #[test]
            fn contract() {
                let contract = <$type as $crate::contract::$facility>::CONTRACT;
                let ignored = [$($crate::conformance!(@peril $exempt)),*];
                $crate::conformance::complete(contract, &ignored);
            }

            $crate::conformance!(@tests $type, $facility, $scenario, $runs, $most,
                [$($exempt)*], none None, $($own $kill,)* pause Pause, lose_signal LoseSignal,
                delay_signal DelaySignal, interrupt Interrupt, short_io ShortIo, errno Errno,
                full Full, contend Contend, clock_jump ClockJump);
        }
    };
    (@tests $type:ty, $facility:ident, $scenario:ident, $runs:expr, $most:expr, $exempt:tt,
        $($test:ident $peril:ident),*) => {$(
        $crate::conformance!(@ignored $test, $exempt, {
            fn $test() {
                let peril = $crate::contract::Peril::$peril;
                let contract = <$type as $crate::contract::$facility>::CONTRACT;
                let test = ::std::stringify!($test);
                for trial in $crate::conformance::trials_of(contract, $most, peril, test) {
                    let name = ::std::format!("{}-{}-{}", peril, trial.some, trial.others);
                    $crate::conformance::$scenario::<$type>($crate::scenario!(name), trial)
                        .explore($crate::explore::Budget::runs($runs));
                }
            }
        });
    )*};
    (@ignored none, [none $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored kill_sender, [kill_sender $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored kill_receiver, [kill_receiver $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored kill_holder, [kill_holder $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored kill_reader, [kill_reader $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored kill_writer, [kill_writer $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored kill_notifier, [kill_notifier $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored kill_waiter, [kill_waiter $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored kill_client, [kill_client $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored kill_server, [kill_server $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored pause, [pause $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored lose_signal, [lose_signal $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored delay_signal, [delay_signal $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored interrupt, [interrupt $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored short_io, [short_io $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored errno, [errno $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored full, [full $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored contend, [contend $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@ignored clock_jump, [clock_jump $($rest:ident)*], $body:tt) => { $crate::conformance!(@ignore $body); };
    (@peril none) => { $crate::contract::Peril::None };
    (@peril kill_sender) => { $crate::contract::Peril::KillSender };
    (@peril kill_receiver) => { $crate::contract::Peril::KillReceiver };
    (@peril kill_holder) => { $crate::contract::Peril::KillHolder };
    (@peril kill_reader) => { $crate::contract::Peril::KillReader };
    (@peril kill_writer) => { $crate::contract::Peril::KillWriter };
    (@peril kill_notifier) => { $crate::contract::Peril::KillNotifier };
    (@peril kill_waiter) => { $crate::contract::Peril::KillWaiter };
    (@peril kill_client) => { $crate::contract::Peril::KillClient };
    (@peril kill_server) => { $crate::contract::Peril::KillServer };
    (@peril pause) => { $crate::contract::Peril::Pause };
    (@peril lose_signal) => { $crate::contract::Peril::LoseSignal };
    (@peril delay_signal) => { $crate::contract::Peril::DelaySignal };
    (@peril interrupt) => { $crate::contract::Peril::Interrupt };
    (@peril short_io) => { $crate::contract::Peril::ShortIo };
    (@peril errno) => { $crate::contract::Peril::Errno };
    (@peril full) => { $crate::contract::Peril::Full };
    (@peril contend) => { $crate::contract::Peril::Contend };
    (@peril clock_jump) => { $crate::contract::Peril::ClockJump };
    (@ignored $test:ident, [$other:ident $($rest:ident)*], $body:tt) => {
        $crate::conformance!(@ignored $test, [$($rest)*], $body);
    };
    (@ignored $test:ident, [], {$($body:tt)*}) => { #[test] $($body)* };
    (@ignore {$($body:tt)*}) => {
        #[test]
        #[ignore = "exempt by the contract"]
        $($body)*
    };
    ($type:ty : $facility:ident $(, exempt: [$($exempt:ident),* $(,)?])?) => {
        $crate::conformance!($type: $facility, 500 $(, exempt: [$($exempt),*])?);
    };
    ($type:ty : Channel, $runs:expr $(, exempt: [$($exempt:ident),* $(,)?])?) => {
        $crate::conformance!(@module $type, Channel, channel, $runs,
            (<$type as $crate::contract::Channel>::SENDERS,
             <$type as $crate::contract::Channel>::RECEIVERS), [$($($exempt)*)?],
            kill_sender KillSender, kill_receiver KillReceiver);
    };
    ($type:ty : Lock, $runs:expr $(, exempt: [$($exempt:ident),* $(,)?])?) => {
        $crate::conformance!(@module $type, Lock, lock, $runs, (0, 0), [$($($exempt)*)?],
            kill_holder KillHolder);
    };
    ($type:ty : RwLock, $runs:expr $(, exempt: [$($exempt:ident),* $(,)?])?) => {
        $crate::conformance!(@module $type, RwLock, rwlock, $runs, (0, 0), [$($($exempt)*)?],
            kill_reader KillReader, kill_writer KillWriter);
    };
    ($type:ty : Semaphore, $runs:expr $(, exempt: [$($exempt:ident),* $(,)?])?) => {
        $crate::conformance!(@module $type, Semaphore, semaphore, $runs, (0, 0),
            [$($($exempt)*)?], kill_holder KillHolder);
    };
    ($type:ty : Notifier, $runs:expr $(, exempt: [$($exempt:ident),* $(,)?])?) => {
        $crate::conformance!(@module $type, Notifier, notifier, $runs, (0, 0),
            [$($($exempt)*)?], kill_notifier KillNotifier, kill_waiter KillWaiter);
    };
    ($type:ty : SharedCell, $runs:expr $(, exempt: [$($exempt:ident),* $(,)?])?) => {
        $crate::conformance!(@module $type, SharedCell, cell, $runs, (0, 0),
            [$($($exempt)*)?], kill_reader KillReader, kill_writer KillWriter);
    };
    ($type:ty : Rpc, $runs:expr $(, exempt: [$($exempt:ident),* $(,)?])?) => {
        $crate::conformance!(@module $type, Rpc, rpc, $runs, (0, 0), [$($($exempt)*)?],
            kill_client KillClient, kill_server KillServer);
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_contract::{Facility, Traits, exempt, promise};

    const INCOMPLETE: Contract = Contract {
        name: "lock",
        facility: Facility::Lock,
        specification: "",
        traits: Traits::USUAL,
        capacity: "",
        blocking: "",
        linux: "",
        promises: &[promise(Peril::None, "one at a time", "")],
        exemptions: &[exempt(Peril::ShortIo, "it moves no bytes")],
    };

    #[test]
    #[should_panic(expected = "incomplete: for each of these perils it must have one promise")]
    fn a_contract_that_says_nothing_of_a_peril_is_refused() {
        complete(&INCOMPLETE, &[]);
    }

    #[test]
    #[should_panic(expected = "nothing is tested under short-io: it moves no bytes")]
    fn a_test_that_tries_nothing_does_not_pass() {
        assert_eq!(trials_of(&INCOMPLETE, (0, 0), Peril::None, "none").len(), 2);
        trials_of(&INCOMPLETE, (0, 0), Peril::ShortIo, "short_io");
    }
}
