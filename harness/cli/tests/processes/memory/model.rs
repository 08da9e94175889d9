//! A small operational model of x86-TSO (Owens, Sarkar and Sewell, "A better x86 memory model:
//! x86-TSO", TPHOLs 2009): memory, and a first-in-first-out store buffer for each process. All
//! that a litmus test can print, by trying every step in every state. It shares nothing with
//! the engine.
//!
//! A load finds each byte in the newest store to it in its own buffer, or in memory.
//!
//! Sequential consistency is the same without buffers, but for instructions that load and store
//! without a lock: their process does nothing else before they have stored.

use crosswire::explore::Memory;
use std::collections::{BTreeSet, HashSet, VecDeque};

/// An operation of a process; see `programs/litmus.c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Store(Place, u32),
    Load(usize, Place),
    /// A locked instruction: an exchange, or an addition.
    Locked(Option<usize>, Place, Locked),
    /// An addition that is not locked: a load and a store.
    PlainAdd(Place, u32),
    /// A comparison with 0 that is not locked: a load, and a store of the other value, or of
    /// what was loaded.
    PlainCompare(usize, Place, u32),
    /// Waits until the buffer is empty.
    Fence,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locked {
    Exchange(u32),
    Add(u32),
}

/// Bytes of memory: where they begin, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    at: usize,
    size: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Process {
    at: usize,
    registers: [u32; 4],
    buffer: VecDeque<(Place, [u8; 4])>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    memory: [u8; 16],
    processes: Vec<Process>,
}

/// Returns every line that a litmus test can print.
pub(super) fn outcomes(test: &str, memory: Memory) -> BTreeSet<String> {
    let programs: Vec<Vec<Operation>> = test.split('|').map(program).collect();
    let mut open = vec![State {
        memory: [0; 16],
        processes: vec![Process::default(); programs.len()],
    }];
    let mut seen: HashSet<State> = open.iter().cloned().collect();
    let mut outcomes = BTreeSet::new();
    while let Some(state) = open.pop() {
        let next = state.successors(&programs, memory);
        if next.is_empty() {
            outcomes.insert(state.printed());
        }
        for state in next {
            if seen.insert(state.clone()) {
                open.push(state);
            }
        }
    }
    outcomes
}

fn program(text: &str) -> Vec<Operation> {
    let texts = text.split(';').filter(|text| !text.is_empty());
    texts.map(operation).collect()
}

fn operation(text: &str) -> Operation {
    match text {
        "mf" | "cp" | "sy" => return Operation::Fence,
        "sf" | "lf" => return Operation::Nothing,
        _ => {}
    }
    if let Some(rest) = text.strip_prefix('r') {
        let (register, source) = rest.split_once('=').expect("a load");
        let register = register.parse().expect("a register");
        let number = |value: &str| value.parse().expect("a value");
        if let Some((name, value)) = source.split_once('?') {
            return Operation::PlainCompare(register, place(name), number(value));
        }
        return match source.split_once('~') {
            Some((name, value)) => {
                let exchange = Locked::Exchange(number(value));
                Operation::Locked(Some(register), place(name), exchange)
            }
            None => Operation::Load(register, place(source)),
        };
    }
    let at = text.find(['=', '~', '+', ':', '%']).expect("an operator");
    let (place, value) = (place(&text[..at]), text[at + 1..].parse().expect("a value"));
    match &text[at..=at] {
        // A non-temporal store is ordered more weakly by processors; the engine does not know that.
        "=" | "%" => Operation::Store(place, value),
        ":" => Operation::PlainAdd(place, value),
        "+" => Operation::Locked(None, place, Locked::Add(value)),
        _ => Operation::Locked(None, place, Locked::Exchange(value)),
    }
}

fn place(name: &str) -> Place {
    let at = 4 * "xyzw".find(&name[..1]).expect("a variable");
    match &name[1..] {
        "" => Place { at, size: 4 },
        ".h" => Place { at, size: 2 },
        ".b" => Place {
            at: at + 1,
            size: 1,
        },
        other => panic!("a part {other}"),
    }
}

impl State {
    fn successors(&self, programs: &[Vec<Operation>], memory: Memory) -> Vec<State> {
        let mut all = Vec::new();
        for (number, program) in programs.iter().enumerate() {
            let own = &self.processes[number];
            let is_late = !own.buffer.is_empty();
            if is_late {
                let mut next = self.clone();
                next.drain(number);
                all.push(next);
            }
            let Some(operation) = program.get(own.at) else {
                continue;
            };
            let next = match memory {
                Memory::Sc if is_late => None,
                _ => self.performed(number, *operation),
            };
            all.extend(next.map(|mut next| {
                if memory == Memory::Sc && matches!(operation, Operation::Store(..)) {
                    next.drain(number);
                }
                next
            }));
        }
        all
    }

    /// Makes the oldest store of a process visible.
    fn drain(&mut self, number: usize) {
        let oldest = self.processes[number].buffer.pop_front();
        let (place, bytes) = oldest.expect("there is one");
        self.memory[place.at..place.at + place.size].copy_from_slice(&bytes[..place.size]);
    }

    /// Returns the state after an operation, if it can be performed.
    fn performed(&self, number: usize, operation: Operation) -> Option<State> {
        let mut next = self.clone();
        let own = &mut next.processes[number];
        own.at += 1;
        match operation {
            Operation::Nothing => {}
            Operation::Fence if !own.buffer.is_empty() => return None,
            Operation::Fence => {}
            Operation::Store(place, value) => own.buffer.push_back((place, value.to_le_bytes())),
            Operation::Load(register, place) => {
                let value = self.seen(number, place);
                own.registers[register] = (value ^ value >> 8) & 3;
            }
            Operation::PlainAdd(place, value) => {
                let sum = self.seen(number, place).wrapping_add(value);
                own.buffer.push_back((place, sum.to_le_bytes()));
            }
            Operation::PlainCompare(register, place, value) => {
                let before = self.seen(number, place);
                own.registers[register] = before & 3;
                let after = if before == 0 { value } else { before };
                own.buffer.push_back((place, after.to_le_bytes()));
            }
            Operation::Locked(register, place, how) => {
                if !own.buffer.is_empty() {
                    return None;
                }
                let before = self.seen(number, place);
                if let Some(register) = register {
                    own.registers[register] = before & 3;
                }
                let after = match how {
                    Locked::Exchange(value) => value,
                    Locked::Add(value) => before.wrapping_add(value),
                };
                let bytes = after.to_le_bytes();
                next.memory[place.at..place.at + place.size].copy_from_slice(&bytes[..place.size]);
            }
        }
        Some(next)
    }

    /// Returns what a process loads.
    fn seen(&self, number: usize, place: Place) -> u32 {
        let mut memory = self.memory;
        for (stored, bytes) in &self.processes[number].buffer {
            memory[stored.at..stored.at + stored.size].copy_from_slice(&bytes[..stored.size]);
        }
        let mut bytes = [0; 4];
        bytes[..place.size].copy_from_slice(&memory[place.at..place.at + place.size]);
        u32::from_le_bytes(bytes)
    }

    /// Returns the line that the test prints at the end.
    fn printed(&self) -> String {
        let registers = self.processes.iter().map(|process| {
            let [a, b, c, d] = process.registers;
            (a | b << 2 | c << 4 | d << 6).to_string()
        });
        let words = self.memory.chunks(4).map(|bytes| {
            let bytes = bytes.try_into().expect("four bytes");
            format!("{:x}", u32::from_le_bytes(bytes))
        });
        registers.chain(words).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn the_model_knows_the_examples_of_its_authors() {
    let can = |test: &str, line: &str| outcomes(test, Memory::Tso).contains(line);
    // Store buffering, as in the Intel manual (example 8-3), and with fences.
    assert!(can("x=1;r0=y|y=1;r0=x", "0 0 1 1 0 0"));
    assert!(!can("x=1;mf;r0=y|y=1;mf;r0=x", "0 0 1 1 0 0"));
    // Message passing (8-1), load buffering (8-2).
    assert!(!can("x=1;y=1|r0=y;r1=x", "0 1 1 1 0 0"));
    assert!(!can("r0=x;y=1|r0=y;x=1", "1 1 1 1 0 0"));
    // n6 of the paper, which tells x86-TSO from the processor manuals of its time.
    assert!(can("x=1;r0=x;r1=y|y=2;x=2", "1 0 1 2 0 0"));
    // Independent reads of independent writes (8-7).
    assert!(!can("x=1|y=1|r0=x;r1=y|r0=y;r1=x", "0 0 1 1 1 1 0 0"));
    let can = |test: &str, line: &str| outcomes(test, Memory::Sc).contains(line);
    assert!(!can("x=1;r0=y|y=1;r0=x", "0 0 1 1 0 0"));
    // An update is lost, unless both are locked.
    assert!(can("x:1|x:1", "0 0 1 0 0 0") && can("x:1|x+1", "0 0 1 0 0 0"));
    assert!(!can("x+1|x+1", "0 0 1 0 0 0"));
}
