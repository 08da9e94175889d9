//! The one line that tests a channel of one's own, on a channel that is right.

use crosswire_mechanisms::channel::Pipe;

crosswire::conformance!(Pipe: Channel, 40, exempt: [lose_signal, delay_signal, clock_jump, errno]);
