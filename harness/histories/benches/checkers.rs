//! Measures the cost of judging a history: seconds, and the ratio to sorting the same
//! operations by their answers. Excludes reading and generating.
//!
//! ```text
//! cargo bench -p crosswire-histories --bench checkers
//! ```

use crosswire_histories::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Operations of a history of a special checker.
const MANY: usize = 1_000_000;

/// Operations of a history of the generic search.
const FEWER: usize = 100_000;

/// Number of repetitions of each measurement; the minimum counts.
const TIMES: usize = 5;

fn main() {
    println!("least of {TIMES}; times a sort of the same operations in brackets\n");
    let fifo = queue(MANY, 0, &mut seeded());
    special("fifo", &Fifo, &fifo);
    special("fifo, 100 cut off", &Fifo, &queue(MANY, 100, &mut seeded()));
    streaming(&fifo);
    special("datagram", &Datagram::default(), &fifo);
    special(
        "priority-queue",
        &PriorityQueue::default(),
        &priorities(MANY, &mut seeded()),
    );
    special(
        "register",
        &Register::default(),
        &register(MANY, 8, &mut seeded()),
    );
    special(
        "kv, 1000 keys",
        &KeyValue::default(),
        &store(MANY, &mut seeded()),
    );
    special("mutex", &Mutex::default(), &mutex(MANY, 8, &mut seeded()));
    special(
        "semaphore",
        &Semaphore {
            initial: 3,
            ..Semaphore::default()
        },
        &semaphore(MANY, 8, &mut seeded()),
    );
    special("rpc", &Rpc, &calls(MANY, &mut seeded()));
    special("fairness", &Fairness::default(), &fifo);
    println!();
    generic(
        "register",
        &Register::default(),
        &register(FEWER, 8, &mut seeded()),
    );
    generic("mutex", &OneHolder, &mutex(FEWER, 8, &mut seeded()));
    generic(
        "semaphore",
        &Semaphore {
            initial: 3,
            ..Semaphore::default()
        },
        &semaphore(FEWER, 8, &mut seeded()),
    );
    println!("\nmost memory at any time: {}", most_memory());
}

fn seeded() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn special(name: &str, checker: &dyn Checker, operations: &Operations) {
    let took = least(|| {
        let outcome = checker.check(operations);
        assert_eq!(outcome, Ok(Outcome::Ok), "{name}");
    });
    report(name, took, operations);
}

fn generic<S: Specification<Op>>(name: &str, object: &S, operations: &Operations) {
    let took = least(|| {
        let found = explain(object, &operations.list, BUDGET);
        assert_eq!(found, Explanation::Found, "{name}");
    });
    report(&format!("search: {name}"), took, operations);
}

fn streaming(operations: &Operations) {
    let ops = &operations.list;
    let mut moments: Vec<(u64, bool, u32)> = Vec::new();
    for (op, i) in ops.iter().zip(0..) {
        moments.push((op.called, false, i));
        moments.push((op.answered, true, i));
    }
    moments.sort_unstable();
    let took = least(|| {
        let mut queue = FifoStream::new(operations.processes());
        for (_, answers, i) in &moments {
            let op = &ops[*i as usize];
            let receiver = op.process as usize;
            let fine = match (op.action, answers) {
                (Action::Send, false) => queue.send_called(op.value),
                (Action::Send, true) => {
                    queue.send_answered(op.value);
                    Ok(())
                }
                (_, false) => {
                    queue.receive_called(receiver);
                    Ok(())
                }
                (_, true) => queue.receive_answered(receiver, (!op.nothing).then_some(op.value)),
            };
            fine.expect("a legal history");
        }
        queue.finish().expect("a legal history");
    });
    report("fifo, streaming", took, operations);
    println!(
        "{:46}{:.1} million operations a second",
        "",
        ops.len() as f64 / took.as_secs_f64() / 1e6
    );
}

fn report(name: &str, took: Duration, operations: &Operations) {
    let sort = (0..TIMES).map(|_| {
        let mut list = operations.list.clone();
        let begin = Instant::now();
        list.sort_unstable_by_key(|op| op.answered);
        let took = begin.elapsed();
        std::hint::black_box(list);
        took
    });
    let sort = sort.min().expect("at least once");
    println!(
        "{name:24}{:9} operations  {:8.4} s  ({:.2})",
        operations.list.len(),
        took.as_secs_f64(),
        took.as_secs_f64() / sort.as_secs_f64()
    );
}

fn least(mut measured: impl FnMut()) -> Duration {
    let times = (0..TIMES).map(|_| {
        let begin = Instant::now();
        measured();
        begin.elapsed()
    });
    times.min().expect("at least once")
}

fn most_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("unknown").trim().to_owned()
}

/// Processes that take turns at random: each calls an operation, performs it and gets its
/// answer in three different turns.
struct Crowd {
    operations: Operations,
    /// Of each process: its operation, and whether that has been performed.
    busy: Vec<Option<(usize, bool)>>,
    now: u64,
}

impl Crowd {
    fn new(processes: usize) -> Crowd {
        let mut operations = Operations::default();
        for i in 0..processes {
            operations.process(&format!("p{i}"));
        }
        Crowd {
            operations,
            busy: vec![None; processes],
            now: 0,
        }
    }

    /// Continues until there are enough operations and all have answered. `call` begins an
    /// operation of a process, `perform` does it, or says that it has to wait.
    fn run(
        mut self,
        count: usize,
        random: &mut impl Rng,
        mut call: impl FnMut(usize, &mut dyn Rng) -> Op,
        mut perform: impl FnMut(&mut Op) -> bool,
    ) -> Operations {
        let mut idle = 0;
        while idle < 50 * self.busy.len() {
            let process = random.random_range(0..self.busy.len());
            self.now += 1;
            idle += 1;
            match self.busy[process] {
                None if self.operations.list.len() < count => {
                    let op = call(process, random).from(self.now);
                    self.busy[process] = Some((self.operations.list.len(), false));
                    self.operations.list.push(op);
                    idle = 0;
                }
                None => {}
                Some((i, false)) if perform(&mut self.operations.list[i]) => {
                    self.busy[process] = Some((i, true));
                    idle = 0;
                }
                Some((_, false)) => {}
                Some((i, true)) => {
                    self.operations.list[i].answered = self.now;
                    self.busy[process] = None;
                    idle = 0;
                }
            }
        }
        self.operations
    }
}

/// Four senders and four receivers at one queue; this many of the operations are cut off,
/// half of them having been done.
fn queue(count: usize, cut_off: usize, random: &mut impl Rng) -> Operations {
    let mut queue = VecDeque::new();
    let mut value = 0;
    let every = count.checked_div(cut_off).unwrap_or(usize::MAX);
    let mut done = 0;
    let mut operations = Crowd::new(8).run(
        count,
        random,
        |process, _| match process < 4 {
            true => {
                value += 1;
                Op::new(process as u32, Action::Send).value(value)
            }
            false => Op::new(process as u32, Action::Receive),
        },
        |op| {
            if op.action == Action::Send {
                queue.push_back(op.value);
            } else {
                match queue.pop_front() {
                    Some(value) => op.value = value,
                    None => op.nothing = true,
                }
            }
            done += 1;
            // Marks what is to be cut off, by a key that queues do not look at.
            op.key = i64::from(done % every == 0);
            true
        },
    );
    for op in operations.list.iter_mut().filter(|op| op.key != 0) {
        *op = op.key(0).from(op.called);
        op.nothing = false;
    }
    operations
}

fn priorities(count: usize, random: &mut impl Rng) -> Operations {
    let mut queue: BTreeMap<i64, VecDeque<i64>> = BTreeMap::new();
    let mut value = 0;
    Crowd::new(8).run(
        count,
        random,
        |process, random| match process < 4 {
            true => {
                value += 1;
                let priority = random.random_range(0..32);
                Op::new(process as u32, Action::Send)
                    .value(value)
                    .key(priority)
            }
            false => Op::new(process as u32, Action::Receive),
        },
        |op| {
            if op.action == Action::Send {
                queue.entry(op.key).or_default().push_back(op.value);
                return true;
            }
            match queue.values_mut().rev().find_map(VecDeque::pop_front) {
                Some(value) => op.value = value,
                None => op.nothing = true,
            }
            true
        },
    )
}

fn register(count: usize, clients: usize, random: &mut impl Rng) -> Operations {
    let (mut stored, mut value) = (0, 0);
    Crowd::new(clients).run(
        count,
        random,
        |process, random| match random.random_bool(0.5) {
            true => {
                value += 1;
                Op::new(process as u32, Action::Write).value(value)
            }
            false => Op::new(process as u32, Action::Read),
        },
        |op| {
            match op.action {
                Action::Write => stored = op.value,
                _ => op.value = stored,
            }
            true
        },
    )
}

fn store(count: usize, random: &mut impl Rng) -> Operations {
    let mut stored: BTreeMap<i64, i64> = BTreeMap::new();
    let mut value = 0;
    Crowd::new(8).run(
        count,
        random,
        |process, random| {
            let key = random.random_range(0..1000);
            match random.random_bool(0.5) {
                true => {
                    value += 1;
                    Op::new(process as u32, Action::Put).key(key).value(value)
                }
                false => Op::new(process as u32, Action::Get).key(key),
            }
        },
        |op| {
            match (op.action, stored.get(&op.key)) {
                (Action::Put, _) => {
                    stored.insert(op.key, op.value);
                }
                (_, Some(value)) => op.value = *value,
                (_, None) => op.nothing = true,
            }
            true
        },
    )
}

fn mutex(count: usize, clients: usize, random: &mut impl Rng) -> Operations {
    let mut holder = None;
    let mut holds = vec![false; clients];
    Crowd::new(clients).run(
        count,
        random,
        |process, _| {
            holds[process] = !holds[process];
            let action = if holds[process] {
                Action::Lock
            } else {
                Action::Unlock
            };
            Op::new(process as u32, action)
        },
        |op| match op.action {
            Action::Lock if holder.is_some() => false,
            Action::Lock => {
                holder = Some(op.process);
                true
            }
            _ => {
                holder = None;
                true
            }
        },
    )
}

fn semaphore(count: usize, clients: usize, random: &mut impl Rng) -> Operations {
    let mut value = 3;
    let mut waits = vec![false; clients];
    Crowd::new(clients).run(
        count,
        random,
        |process, _| {
            waits[process] = !waits[process];
            let action = if waits[process] {
                Action::Wait
            } else {
                Action::Post
            };
            Op::new(process as u32, action)
        },
        |op| match op.action {
            Action::Wait if value == 0 => false,
            Action::Wait => {
                value -= 1;
                true
            }
            _ => {
                value += 1;
                true
            }
        },
    )
}

/// Each call lies around its execution.
fn calls(count: usize, random: &mut impl Rng) -> Operations {
    let mut operations = Operations::default();
    let (client, server) = (operations.process("client"), operations.process("server"));
    for i in 0..count as u64 / 2 {
        let at = 4 * i + random.random_range(0..4);
        let value = i as i64;
        operations
            .list
            .push(Op::new(client, Action::Call).value(value).at(at, at + 9));
        operations.list.push(
            Op::new(server, Action::Execute)
                .value(value)
                .at(at + 2, at + 5),
        );
    }
    operations
}

/// A lock, as a user without a checker for it would specify it.
struct OneHolder;

impl Specification<Op> for OneHolder {
    type State = Option<u32>;
    type Undo = Option<u32>;

    fn initial(&self) -> Option<u32> {
        None
    }

    fn perform(&self, holder: &mut Option<u32>, op: &Op) -> Option<Option<u32>> {
        let before = *holder;
        let after = match (op.action, before) {
            (Action::Lock, None) => Some(op.process),
            (Action::Unlock, Some(holder)) if holder == op.process => None,
            _ => return None,
        };
        *holder = after;
        Some(before)
    }

    fn undo(&self, holder: &mut Option<u32>, before: Option<u32>) {
        *holder = before;
    }
}
