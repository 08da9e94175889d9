//! Every mechanism against its contract, under every peril.
//!
//! The scenarios are generic: one for a kind of mechanism, whatever implements it.
//! [`cells`] is the whole table; [`conformance!`] tests a mechanism of your own.

#![forbid(unsafe_code)]

mod catalogue;
mod channel;
mod judgement;
mod message;

pub use catalogue::{Case, Cell, Settings, Watch, cases, cells, contracts, recorded, reenter};
pub use channel::{Trial, channel, shapes};

#[doc(hidden)]
pub use crosswire_mechanisms as mechanisms;

/// Tests a channel of your own against its contract: one test for each peril, with
/// every shape.
///
/// ```
/// # use crosswire_mechanisms::channel::Pipe as OrderQueue;
/// crosswire_scenarios::conformance!(OrderQueue: Channel);
/// # fn main() {}
/// ```
///
/// The tests are in a module `channel_conformance`. A second argument sets the runs
/// of each exploration.
#[macro_export]
macro_rules! conformance {
    ($type:ty : Channel) => {
        $crate::conformance!($type: Channel, 500);
    };
    ($type:ty : Channel, $runs:expr) => {
        mod channel_conformance {
            #[allow(unused_imports)]
            use super::*;
            $crate::conformance!(@tests $type, $runs,
                none None, kill_sender KillSender, kill_receiver KillReceiver, pause Pause,
                lose_signal LoseSignal, interrupt Interrupt, short_io ShortIo, errno Errno,
                full Full);
        }
    };
    (@tests $type:ty, $runs:expr, $($test:ident $peril:ident),*) => {$(
        #[test]
        fn $test() {
            let peril = $crate::mechanisms::Peril::$peril;
            for shape in $crate::shapes::<$type>(peril) {
                let name = ::std::stringify!($test);
                let named = ::crosswire::scenario!(name);
                $crate::channel::<$type>(named, $crate::Trial { peril, shape })
                    .explore(::crosswire::Budget::runs($runs));
            }
        }
    )*};
}
