//! Random bytes that follow from the seed of a plan.

use super::{Emulated, FAULT, INVALID};
use crate::run::session::Session;
use crosswire_kernel::{descriptor, memory};
use libc::EPERM;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The seed of randomness that a program asks for while it is being loaded.
pub(crate) const OF_LOADING: u64 = 0;

/// Random bytes of a run, by the number of draws so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Chance {
    draws: u64,
}

impl Chance {
    /// Draws bytes that no other draw of the run gives.
    pub fn draw(&mut self, seed: u64, length: usize) -> Vec<u8> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(self.draws);
        self.draws += 1;
        let mut bytes = vec![0; length];
        random.fill_bytes(&mut bytes);
        bytes
    }

    /// Goes on behind the draws that were made before a template was kept.
    pub fn continue_from(&mut self, other: Chance) {
        self.draws = self.draws.max(other.draws);
    }
}

/// The first byte of requests to random devices (linux/random.h).
const OF_RANDOM: u64 = b'R' as u64;

/// `RNDGETENTCNT` of linux/random.h: how much entropy is there?
const TELL_ENTROPY: u64 = 0x8004_5200;

/// Requests that take the right to administer the machine: `RNDADDTOENTCNT`, `RNDADDENTROPY`,
/// `RNDZAPENTCNT`, `RNDCLEARPOOL` and `RNDRESEEDCRNG`.
const ADMINISTER: [u64; 5] = [0x4004_5201, 0x4008_5203, 0x5204, 0x5206, 0x5207];

/// Bits of entropy that the kernel tells of once it has enough (random(4)).
const ENTROPY: i32 = 256;

impl Session<'_> {
    /// A request of ioctl(2), perhaps to a random device, in whose place there is a file (random(4),
    /// "ioctl(2) interface").
    pub(super) fn random_request(&self, index: usize, request: u64) -> Emulated {
        if request >> 8 & 0xff != OF_RANDOM {
            return Emulated::Proceed;
        }
        let task = &self.tasks[index];
        let device = descriptor::target(task.tid, task.entering.args[0]);
        let is_random = device.is_some_and(|path| {
            let path = path.to_str();
            matches!(path, Some("/dev/random" | "/dev/urandom"))
        });
        match request {
            _ if !is_random => Emulated::Proceed,
            TELL_ENTROPY => {
                let to = task.entering.args[2];
                match memory::write(task.tid, to, &ENTROPY.to_ne_bytes()) {
                    Ok(()) => Emulated::Answer(0),
                    Err(_) => FAULT,
                }
            }
            _ if ADMINISTER.contains(&request) => Emulated::Answer(-i64::from(EPERM)),
            _ => INVALID,
        }
    }
}
