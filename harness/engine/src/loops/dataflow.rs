//! Which values decide how a round of a loop goes.
//!
//! Between two rounds some registers and bytes have changed: a counter, a clock reading, a
//! heartbeat. The instructions of a round are followed with these marked, and everything
//! computed from them. If no marked value decides a branch, forms an address, or is passed
//! to a call, and if what is marked at the end of the round was marked at its beginning,
//! then every further round goes the same way, whatever the values are. This is an
//! induction over rounds: all that decides is unmarked, and unmarked values are the same at
//! the beginning of every round.

use super::path::Performed;
use super::snapshot::Changed;
use crosswire_calls::{Arg, Does, Measure, Row};
use crosswire_kernel::arch::{GENERAL, VECTORS};
use iced_x86::{
    FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, Register, UsedMemory,
};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// Where a marked value comes from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// From what earlier rounds left behind.
    pub earlier: bool,
    /// From reading a clock.
    pub clock: bool,
}

impl Mark {
    const NONE: Mark = Mark {
        earlier: false,
        clock: false,
    };
    const EARLIER: Mark = Mark {
        earlier: true,
        clock: false,
    };
    const CLOCK: Mark = Mark {
        earlier: false,
        clock: true,
    };

    fn and(self, other: Mark) -> Mark {
        Mark {
            earlier: self.earlier || other.earlier,
            clock: self.clock || other.clock,
        }
    }

    pub fn is_none(self) -> bool {
        self == Mark::NONE
    }
}

/// Registers and memory with their marks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Marks {
    general: [Mark; GENERAL],
    /// The arithmetic flags, by their bits in `RflagsBits`.
    flags: [Mark; 8],
    /// Vector and mask registers.
    vectors: [Mark; VECTORS],
    /// Of these, the marks of what is beyond their lowest 16 bytes.
    beyond_xmm: [Mark; VECTORS],
    bytes: HashMap<u64, Mark>,
}

/// Memory that threads of one process may see of each other, or pass over.
pub(super) trait Sharing {
    /// Returns the address by which the memory at `address` is known, however it is mapped.
    fn known_as(&self, address: u64) -> u64;

    /// Returns the number of bytes of a string.
    fn length_of_text(&self, address: u64) -> u64;
}

/// Determines what decides, among the values that `changed` between two rounds, how the
/// round of these instructions goes.
pub(super) fn deciding(steps: &[Performed], changed: &Changed, sharing: &impl Sharing) -> Mark {
    /// The marks at the end of a round become those at the beginning of the next; that
    /// comes to rest soon, because a mark that came from a clock stays one. What has decided
    /// before that, as the last clock reading of the round before, does not matter.
    const MOST: usize = 6;
    let mut start = Marks::at_start(changed, sharing);
    // Only calls read clocks: without one, nothing comes from a clock later.
    let makes_calls = steps.iter().any(|step| step.call().is_some());
    for _ in 0..MOST {
        let mut follower = Follower {
            marks: start.clone(),
            decided: Mark::NONE,
            sharing,
        };
        let mut factory = InstructionInfoFactory::new();
        for step in steps {
            follower.follow(step, &mut factory);
            if follower.decided.earlier && !makes_calls {
                return follower.decided;
            }
        }
        let next = start.next(&follower.marks);
        if next == start {
            return follower.decided;
        }
        start = next;
    }
    Mark::EARLIER
}

/// The addresses that an instruction writes to.
pub(super) fn written_by(step: &Performed) -> Vec<Range<u64>> {
    let mut factory = InstructionInfoFactory::new();
    let memory = factory.info(&step.instruction).used_memory();
    let written = memory.iter().filter(|memory| is_written(memory.access()));
    written.map(|memory| addresses(step, memory)).collect()
}

/// The bytes that instructions read and write, by the addresses they are known by.
pub(super) fn memory(
    steps: &[Performed],
    sharing: &impl Sharing,
) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
    let mut factory = InstructionInfoFactory::new();
    for step in steps {
        for memory in factory.info(&step.instruction).used_memory() {
            let range = range(step, memory, sharing);
            if is_read(memory.access()) {
                reads.extend(&range);
            }
            if is_written(memory.access()) {
                writes.extend(range);
            }
        }
    }
    (reads, writes)
}

impl Marks {
    fn at_start(changed: &Changed, sharing: &impl Sharing) -> Marks {
        let mark = |is: bool| if is { Mark::EARLIER } else { Mark::NONE };
        Marks {
            general: changed.registers.map(mark),
            flags: [mark(changed.flags); 8],
            vectors: changed.vectors.map(mark),
            beyond_xmm: [Mark::NONE; VECTORS],
            bytes: changed
                .bytes
                .iter()
                .map(|at| (sharing.known_as(*at), Mark::EARLIER))
                .collect(),
        }
    }

    /// The marks at the beginning of the next round, given those at the end of this one. A
    /// value that has just been read from a clock is no longer one of the rounds before.
    fn next(&self, end: &Marks) -> Marks {
        fn pass(start: Mark, end: Mark) -> Mark {
            match (start.is_none(), end.is_none()) {
                (false, true) => start,
                (_, false) => end,
                (true, true) => Mark::NONE,
            }
        }
        fn each<const N: usize>(start: &[Mark; N], end: &[Mark; N]) -> [Mark; N] {
            std::array::from_fn(|n| pass(start[n], end[n]))
        }
        let mut bytes = self.bytes.clone();
        for (at, mark) in &end.bytes {
            let start = bytes.get(at).copied().unwrap_or_default();
            bytes.insert(*at, pass(start, *mark));
        }
        bytes.retain(|_, mark| !mark.is_none());
        Marks {
            general: each(&self.general, &end.general),
            flags: each(&self.flags, &end.flags),
            vectors: each(&self.vectors, &end.vectors),
            beyond_xmm: each(&self.beyond_xmm, &end.beyond_xmm),
            bytes,
        }
    }
}

struct Follower<'a, S> {
    marks: Marks,
    decided: Mark,
    sharing: &'a S,
}

impl<S: Sharing> Follower<'_, S> {
    fn decides(&mut self, mark: Mark) {
        self.decided = self.decided.and(mark);
    }

    fn follow(&mut self, step: &Performed, factory: &mut InstructionInfoFactory) {
        let instruction = &step.instruction;
        if let Some(row) = step.call() {
            return self.follow_call(step, row);
        }
        let info = factory.info(instruction);
        let mut input = Mark::NONE;
        for used in info.used_registers() {
            if is_read(used.access()) {
                input = input.and(self.register(used.register()));
            }
        }
        let flags = instruction.rflags_read();
        for bit in (0..8).filter(|bit| flags >> bit & 1 == 1) {
            input = input.and(self.marks.flags[bit]);
        }
        for memory in info.used_memory() {
            let address = self
                .register(memory.base())
                .and(self.register(memory.index()));
            self.decides(address);
            if is_read(memory.access()) {
                for byte in range(step, memory, self.sharing) {
                    input = input.and(self.byte(byte));
                }
            }
        }
        if decides_by_input(instruction) {
            self.decides(input);
        }
        if instruction.has_rep_prefix() || instruction.has_repne_prefix() {
            let count = self.register(Register::RCX);
            self.decides(count);
            if step.registers.string().2 > MOST_REPEATED {
                self.decides(Mark::EARLIER);
            }
        }
        for used in info.used_registers() {
            self.write_register(instruction, used.register(), used.access(), input);
        }
        let modified = instruction.rflags_modified();
        for bit in (0..8).filter(|bit| modified >> bit & 1 == 1) {
            self.marks.flags[bit] = input;
        }
        for memory in info.used_memory() {
            if is_written(memory.access()) {
                let replaces =
                    memory.access() == OpAccess::Write || memory.access() == OpAccess::ReadWrite;
                for byte in range(step, memory, self.sharing) {
                    let before = self.byte(byte);
                    self.mark_byte(byte, if replaces { input } else { before.and(input) });
                }
            }
        }
    }

    /// A call: what it is given decides, and what it answers is the same in every round
    /// unless it tells the time.
    fn follow_call(&mut self, step: &Performed, row: &Row) {
        let args = step.registers.args();
        let count = row.arity(&args);
        /// Numbers of RDI, RSI, RDX, R10, R8 and R9.
        const ARGUMENTS: [usize; 6] = [7, 6, 2, 10, 8, 9];
        self.decides(self.marks.general[0]);
        for number in &ARGUMENTS[..count.min(6)] {
            self.decides(self.marks.general[*number]);
        }
        let is_marked = |at: u64| !self.byte(self.sharing.known_as(at)).is_none();
        let told = told_at(row, &args);
        let read: Vec<Mark> = pointers(row, &args, self.sharing)
            .flat_map(|(at, length)| at..at.saturating_add(length))
            .filter(|at| is_marked(*at))
            .map(|at| self.byte(self.sharing.known_as(at)))
            .collect();
        for mark in read {
            self.decides(mark);
        }
        if row.vector().is_some() && !self.marks.bytes.is_empty() {
            // It may point anywhere.
            self.decides(Mark::EARLIER);
        }
        if let Some((at, length)) = told {
            for byte in at..at + length {
                self.mark_byte(self.sharing.known_as(byte), Mark::CLOCK);
            }
        }
        // times(2) returns the time, too.
        let by_clock = row.does == Does::ReadSeconds || row.measures() == Some(Measure::Times);
        self.marks.general[0] = if by_clock { Mark::CLOCK } else { Mark::NONE };
        // RCX and R11: where it goes on, and the flags (syscall(2)).
        self.marks.general[1] = Mark::NONE;
        self.marks.general[11] = Mark::NONE;
    }

    fn register(&self, register: Register) -> Mark {
        match slot(register) {
            Some(Slot::General(n)) => self.marks.general[n],
            Some(Slot::Vector(n)) if register.is_xmm() => self.marks.vectors[n],
            Some(Slot::Vector(n)) => self.marks.vectors[n].and(self.marks.beyond_xmm[n]),
            None => Mark::NONE,
        }
    }

    fn write_register(
        &mut self,
        instruction: &Instruction,
        register: Register,
        access: OpAccess,
        input: Mark,
    ) {
        if !is_written(access) {
            return;
        }
        // A general-purpose register is replaced from 32 bits on: the upper half becomes 0.
        let replaces = access != OpAccess::CondWrite && access != OpAccess::ReadCondWrite;
        match slot(register) {
            // The stack pointer moves by a constant, except that LEAVE takes it from RBP.
            Some(Slot::General(4)) if instruction.mnemonic() == Mnemonic::Leave => {
                self.marks.general[4] = self.marks.general[5];
            }
            Some(Slot::General(4)) if instruction.is_stack_instruction() => {}
            Some(Slot::General(n)) if instruction.is_string_instruction() && n != 0 => {}
            Some(Slot::General(n)) => {
                let before = self.marks.general[n];
                let whole = replaces && register.size() >= 4;
                self.marks.general[n] = if whole { input } else { before.and(input) };
            }
            Some(Slot::Vector(n)) => {
                let replaced = |before: Mark| if replaces { input } else { before.and(input) };
                self.marks.vectors[n] = replaced(self.marks.vectors[n]);
                if !register.is_xmm() {
                    self.marks.beyond_xmm[n] = replaced(self.marks.beyond_xmm[n]);
                }
            }
            None => {}
        }
    }

    fn byte(&self, at: u64) -> Mark {
        self.marks.bytes.get(&at).copied().unwrap_or_default()
    }

    fn mark_byte(&mut self, at: u64, mark: Mark) {
        match mark.is_none() {
            true => self.marks.bytes.remove(&at),
            false => self.marks.bytes.insert(at, mark),
        };
    }
}

/// The bytes of a memory operand, by the addresses that they are known by.
fn range(step: &Performed, memory: &UsedMemory, sharing: &impl Sharing) -> Vec<u64> {
    let addresses = addresses(step, memory);
    addresses.map(|at| sharing.known_as(at)).collect()
}

/// The addresses of a memory operand.
fn addresses(step: &Performed, memory: &UsedMemory) -> Range<u64> {
    let address = memory.virtual_address(0, |register, _, _| step.value_of(register));
    let size = memory.memory_size().size() as u64;
    let Some(address) = address else {
        return 0..0;
    };
    let repeats = step.instruction.has_rep_prefix() || step.instruction.has_repne_prefix();
    if !repeats || !step.instruction.is_string_instruction() {
        return address..address.saturating_add(size);
    }
    // The engine performs all of them at once where it watches the memory.
    let length = size * step.registers.string().2.min(MOST_REPEATED);
    match step.registers.goes_down() {
        true => (address + size).saturating_sub(length)..address + size,
        false => address..address.saturating_add(length),
    }
}

/// Repetitions of a string instruction that are followed.
const MOST_REPEATED: u64 = 64 << 10;

/// Bytes behind a pointer that a call is taken to read at least: the largest structure that it is
/// given, and at most.
const GIVEN: u64 = 128;
const MOST_GIVEN: u64 = 64 << 10;

/// Bytes of the largest element of an array whose length the next argument is (poll(2)).
const ELEMENT: u64 = 8;

/// Pointers among the arguments of a call to what it reads, each with the number of bytes there.
fn pointers<'a>(
    row: &'a Row,
    args: &'a [u64; 6],
    sharing: &'a impl Sharing,
) -> impl Iterator<Item = (u64, u64)> + 'a {
    let is_read = |arg: &Arg| {
        let is_only_written = matches!(arg, Arg::Out | Arg::Buffer | Arg::Pair | Arg::Status);
        arg.is_pointer() && !is_only_written || *arg == Arg::FcntlArgument
    };
    let length = move |at: usize| {
        let next = row.args.get(at + 1).zip(args.get(at + 1));
        let length = match (row.args[at], next) {
            (Arg::Path | Arg::QueueName | Arg::Text, _) => sharing.length_of_text(args[at]),
            (Arg::Polled, Some((_, number))) | (_, Some((Arg::Size, number))) => {
                number.saturating_mul(ELEMENT)
            }
            _ => 0,
        };
        length.clamp(GIVEN, MOST_GIVEN)
    };
    let all = row.args.iter().zip(args).enumerate();
    all.filter(move |(_, (arg, value))| is_read(arg) && **value != 0)
        .map(move |(at, (_, value))| (*value, length(at)))
}

/// Where a call puts the time, and in how many bytes.
fn told_at(row: &Row, args: &[u64; 6]) -> Option<(u64, u64)> {
    let at = match row.does {
        Does::ReadClock => (args[1], 16),
        Does::ReadTimeOfDay => (args[0], 16),
        Does::ReadSeconds => (args[0], 8),
        _ => match row.measures() {
            Some(Measure::Usage) => (args[1], 144),
            Some(Measure::Times) => (args[0], 32),
            Some(Measure::Machine) => (args[0], 112),
            None if row.tells_time() => (args[1], 32),
            None => return None,
        },
    };
    (at.0 != 0).then_some(at)
}

enum Slot {
    General(usize),
    Vector(usize),
}

fn slot(register: Register) -> Option<Slot> {
    if register.is_gpr() {
        Some(Slot::General(register.full_register().number()))
    } else if register.is_vector_register() {
        Some(Slot::Vector(register.full_register().number()))
    } else if register.is_k() {
        Some(Slot::Vector(32 + register.number()))
    } else {
        None
    }
}

fn is_read(access: OpAccess) -> bool {
    matches!(
        access,
        OpAccess::Read | OpAccess::CondRead | OpAccess::ReadWrite | OpAccess::ReadCondWrite
    )
}

fn is_written(access: OpAccess) -> bool {
    matches!(
        access,
        OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
    )
}

/// Tells whether the inputs of an instruction decide which one is next: branches, and
/// divisions, which trap.
fn decides_by_input(instruction: &Instruction) -> bool {
    matches!(
        instruction.flow_control(),
        FlowControl::ConditionalBranch
            | FlowControl::IndirectBranch
            | FlowControl::IndirectCall
            | FlowControl::Return
    ) || matches!(instruction.mnemonic(), Mnemonic::Div | Mnemonic::Idiv)
        || instruction.is_string_instruction()
            && matches!(
                instruction.mnemonic(),
                Mnemonic::Cmpsb
                    | Mnemonic::Cmpsw
                    | Mnemonic::Cmpsd
                    | Mnemonic::Cmpsq
                    | Mnemonic::Scasb
                    | Mnemonic::Scasw
                    | Mnemonic::Scasd
                    | Mnemonic::Scasq
            )
}

#[cfg(test)]
mod tests;
