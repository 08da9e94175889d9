//! Programs that runs execute, put together from memory instead of being loaded.
//!
//! Loading a program takes hundreds of calls, each of which stops, and gives the same memory
//! each time, as long as the program is executed in the same surroundings, no file has changed
//! at which it looks, and calls whose answers depend on the run, such as whether its output is
//! a terminal, get the same answers. So while a program is loaded for the second time, what it
//! is like is kept before each such call, and at the end of its loading ([`Image`], `take`), by
//! what came before ([`Stage`], `follow`). When it comes to the same place again, code of the
//! engine's maps in the process what the loader would have mapped by then (`layout`,
//! `assembler`), and the engine fills in the contents (`put_together`). The program goes on
//! with that call.
//!
//! Programs also ask for what is different in every run, such as the time or the size of their
//! output, and forget it, or only note it. Whether they do is found out by a trial: in a run
//! that is thrown away, they are told something else (`trial`).
//!
//! Who watches a run sees programs being loaded, so that confirming a violation compares the
//! two ways.

mod assembler;
mod follow;
mod layout;
mod put_together;
mod surroundings;
mod take;
mod trial;
mod trials;

use crate::emulate::chance::Chance;
use crate::emulate::time::clock::Clock;
use crate::emulate::time::lent::Readings;
use crate::memory::Action;
use crosswire_kernel::arch::Registers;
use crosswire_kernel::maps::Area;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use surroundings::Surroundings;
use trials::Trials;

/// Bytes of memory that a worker keeps of programs, and places of which it knows anything, at
/// most.
const MOST: usize = 256 << 20;
const MOST_PLACES: usize = 4096;

/// Bytes of a word.
const WORD: usize = 8;

/// A place in the loading of a program, from which it comes to the next one in the same way
/// each time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stage {
    surroundings: Rc<Surroundings>,
    /// Readings of clocks that would still take no time.
    readings_at_once: u32,
    /// What the calls have given since that depend on the run.
    replies: Vec<Reply>,
}

impl Stage {
    /// The place where the loading begins.
    fn root(&self) -> Stage {
        Stage {
            replies: Vec::new(),
            ..self.clone()
        }
    }
}

/// What a call has given: its number, its result and what it has written, without what is
/// different in every run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reply {
    call: u32,
    result: i64,
    written: Vec<u8>,
}

/// A program as it is when it has been loaded as far as its next call that depends on the run.
#[derive(Debug)]
struct Image {
    memory: Memory,
    state: OfTask,
    known: OfEngine,
}

/// What its memory is.
#[derive(Debug)]
struct Memory {
    /// All but the stack, and what the kernel and the engine have mapped.
    areas: Vec<Area>,
    /// Where areas begin that cannot be written, but could be when they were mapped: the kernel
    /// does not join them with those that never could.
    once_writable: BTreeSet<u64>,
    /// Addresses of its stack.
    stack: std::ops::Range<u64>,
    /// Where its heap ends (brk(2)).
    heap_end: u64,
    /// What differs from files, from zeroes, and from what was there at the last place: page by
    /// page, next to each other as far as possible.
    contents: Vec<(u64, Vec<u8>)>,
    /// Addresses of words that are different in every run, and how.
    varying: Vec<(u64, Varying)>,
}

/// A word of memory that is different in every run.
#[derive(Debug, Clone, Copy)]
enum Varying {
    /// It is a sum of times, and larger by so much if all of them are larger by 1.
    Dated(Timepiece, i64),
    /// It is this one of the words that the program has been told and that differ.
    Told(usize),
}

/// Where a program can read the time.
#[derive(Debug, Clone, Copy)]
enum Timepiece {
    /// The clocks, in nanoseconds.
    Clock,
    /// The processor's time-stamp counter.
    Counter,
}

/// The time at a place.
#[derive(Debug, Clone, Copy)]
struct Moments {
    clock: u64,
    counter: u64,
}

/// What the kernel holds of its only thread.
#[derive(Debug)]
struct OfTask {
    /// It is about to make the first call that is not part of the image.
    registers: Registers,
    extended: Vec<u8>,
    mask: u64,
    /// What it wants done with signals, as far as that is not the default.
    actions: Vec<(i32, Action)>,
    robust_list: Option<(u64, u64)>,
    sequences: [u64; 4],
    /// Where the kernel clears its id when it ends (set_tid_address(2)).
    id_cell: Option<u64>,
}

/// What the engine has learnt of it meanwhile.
#[derive(Debug, Clone)]
struct OfEngine {
    /// Descriptors that it has opened for loading.
    opened: Vec<u64>,
    /// Objects of the run at which it has looked.
    seen: BTreeSet<String>,
    chance: Chance,
    reads_of_tasks: bool,
    readings: Readings,
    /// How often it makes a call on the way that takes time, and reads the time-stamp counter.
    ticks: u32,
    counter_read: u64,
    /// It has been told what is different in every run, by now.
    varies: bool,
    /// The time when its loading began.
    began: Moments,
    /// The words that it has been told by now and that are different in every run, but for times.
    told: Vec<u64>,
}

/// What is known of how a program is loaded from a place on.
#[derive(Debug)]
enum Known {
    /// It was loaded once.
    Loaded,
    /// This has become of it once; what is different in every run may be in it.
    Doubtful(Box<Image>),
    /// There is something in it that is different in every run.
    Different,
    /// It cannot be kept, or that is not worth it.
    Impossible,
    /// It can be put together; that has been compared with how it was, or not yet.
    Kept { image: Rc<Image>, compared: bool },
}

/// What a worker keeps of programs, from run to run.
#[derive(Debug, Default)]
pub(crate) struct Images {
    known: HashMap<Stage, Known>,
    trials: Trials<Stage>,
    bytes: usize,
    /// The run has to be repeated: a program could not be put together, or it was a trial.
    repeats_run: bool,
    /// How many programs have been put together.
    uses: u64,
}

impl Images {
    /// A run is over after so many steps. Tells whether it has to be repeated.
    pub fn end_run(&mut self, steps: u64) -> bool {
        let is_repeated = std::mem::take(&mut self.repeats_run);
        self.trials.end_run(!is_repeated, steps);
        is_repeated
    }

    /// A run has changed files that later runs find changed.
    pub fn forget(&mut self) {
        self.known.clear();
        self.bytes = 0;
    }

    /// Returns how many programs have been put together.
    pub fn uses(&self) -> u64 {
        self.uses
    }

    /// Keeps what has become of a program from a place on.
    fn keep(&mut self, stage: Stage, image: Option<Image>) {
        let fits = |image: &Image| self.bytes + image.length() <= MOST;
        let known = match image.filter(fits) {
            Some(image) => {
                self.bytes += image.length();
                match image.known.varies {
                    true => {
                        self.trials.doubt(stage.root());
                        Known::Doubtful(Box::new(image))
                    }
                    false => Known::usable(image),
                }
            }
            None => Known::Impossible,
        };
        self.known.insert(stage, known);
    }
}

impl Known {
    fn usable(image: Image) -> Known {
        Known::Kept {
            image: Rc::new(image),
            compared: false,
        }
    }
}

impl Image {
    /// Bytes of its contents.
    fn length(&self) -> usize {
        self.memory
            .contents
            .iter()
            .map(|(_, bytes)| bytes.len())
            .sum()
    }
}

impl Moments {
    fn of(clock: Clock) -> Moments {
        Moments {
            clock: clock.now(),
            counter: clock.counter(),
        }
    }

    /// Returns how much later it is on a timepiece.
    fn since(self, before: Moments, timepiece: Timepiece) -> i64 {
        let passed = match timepiece {
            Timepiece::Clock => self.clock.wrapping_sub(before.clock),
            Timepiece::Counter => self.counter.wrapping_sub(before.counter),
        };
        passed as i64
    }
}

/// What becomes of the loading of a process's program.
#[derive(Debug, Default)]
pub(crate) enum Making {
    /// Nothing.
    #[default]
    Nothing,
    /// It is still to begin; there is a `syscall` instruction at this address.
    Executed(u64),
    /// It is followed from place to place.
    Followed(Box<Followed>),
}

/// A program whose loading is followed.
#[derive(Debug)]
pub(crate) struct Followed {
    gadget: u64,
    /// The last place.
    stage: Stage,
    /// What the program was like there, if what it is like at the next place is to be kept.
    before: Option<Former>,
    /// The number of calls that have stopped since.
    calls: u32,
    /// How many of them take time.
    ticks: u32,
    /// The time when its loading began.
    began: Moments,
    /// How often the time-stamp counter had been read at the last place.
    counter_readings: u64,
    /// It has been told what is different in every run, by now.
    varies: bool,
    /// The words that it has been told that are different in every run, but for times.
    told: Vec<u64>,
    /// It is told something else than it should be.
    in_trial: bool,
}

/// What a program was like at a place, as far as that may have changed back at the next.
#[derive(Debug)]
struct Former {
    /// The pages that were its own, and hashes of what they held.
    pages: HashMap<u64, u64>,
    /// Signals for which it had a handler, and those that it ignored.
    signals: [u64; 2],
}
