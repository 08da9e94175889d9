//! A second look of tasks that a step of another has woken from waiting for one of several
//! descriptors.
//!
//! One call may make several ready: a process that ends closes its pipes one after the other.
//! The scheduler of Linux decides whether a waiting task wakes after the first or after the last,
//! so a replay could differ. Therefore each looks once more when the step is over, and sees what
//! a task sees that gets the CPU late.

use super::remote::{Remote, room_below_stack};
use crate::emulate::time::waits::sets_of_select;
use crate::run::session::{Halt, Session};
use crate::run::task::Task;
use crosswire_calls::{Does, Timeout};
use crosswire_kernel::arch::Register;
use crosswire_kernel::{descriptor, memory};
use libc::{EPOLLET, EPOLLONESHOT, epoll_event};
use std::mem::size_of;

/// The bytes of an entry of what poll(2) and epoll_wait(2) are given to write to.
const POLLED: usize = size_of::<libc::pollfd>();
const EVENT: usize = size_of::<epoll_event>();

impl Session<'_> {
    /// Remembers what a task asks for that has begun to wait, where the answer overwrites it.
    pub fn note_asked(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        if task.entering.row().does == Does::Select {
            task.asked = places(task);
        }
    }

    /// Lets the tasks look again that have come back from waiting during the step of another.
    pub fn look_again(&mut self) -> Result<(), Halt> {
        if self.changes_one_object() {
            return Ok(());
        }
        let mut completed = std::mem::take(&mut self.reports.completed);
        for call in &mut completed {
            let task = &mut self.tasks[call.task];
            let waited = task.block_recorded || self.turn.current() != Some(call.task);
            if waited && call.result > 0 {
                call.result = look_once_more(task, call.result)?;
            }
        }
        self.reports.completed = completed;
        Ok(())
    }

    /// Tells whether nothing happens but that something goes into or comes out of one object.
    fn changes_one_object(&self) -> bool {
        let Some(current) = self.turn.current().filter(|_| self.turn.is_calling()) else {
            return false;
        };
        matches!(
            self.tasks[current].entering.row().does,
            Does::Read | Does::Write | Does::Receive | Does::Send | Does::Futex
        )
    }
}

/// Lets a task look again whose call has come back with `result`, and returns the result that
/// the program sees.
fn look_once_more(task: &mut Task, result: i64) -> Result<i64, Halt> {
    let args = task.entering.args;
    let found = match task.entering.row().does {
        Does::Poll if args[1] > 1 => places(task),
        Does::Select if args[0] > 1 && !task.asked.is_empty() => {
            let found = places(task);
            put(task, &task.asked)?;
            found
        }
        Does::WaitEpoll if result < args[2] as i32 as i64 => return look_at_epoll(task, result),
        _ => return Ok(result),
    };
    let looked = look(task, args)?;
    if looked <= 0 {
        // Another that was woken has taken it.
        put(task, &found)?;
        return Ok(result);
    }
    (task.stopped()?).poke(Register::Result, looked as u64)?;
    Ok(looked)
}

/// Makes the call of a task once more with these arguments, without waiting.
fn look(task: &mut Task, mut args: [u64; 6]) -> Result<i64, Halt> {
    let Some((form, _)) = task.entering.row().timeout(&args) else {
        return Ok(0);
    };
    let at = form.argument();
    args[at] = match form {
        Timeout::Milliseconds(_) => 0,
        _ => {
            let none = room_below_stack(task.stopped()?)?;
            memory::write(task.tid, none, &[0; 16])?;
            none
        }
    };
    // What follows is a mask of signals: all are blocked.
    args[at + 1..].fill(0);
    let mut remote = Remote::after_call(task.lend()?)?;
    let looked = remote.call(i64::from(task.entering.call), args)?;
    task.give_back(remote.end()?);
    Ok(looked)
}

/// Lets a task look again that epoll_wait(2) has told of `count` events. Some are told once
/// only, so the call cannot simply be made again: what it tells now comes in addition.
fn look_at_epoll(task: &mut Task, count: i64) -> Result<i64, Halt> {
    let args = task.entering.args;
    let Some(watched) = descriptor::watched_by_epoll(task.tid, args[0]) else {
        return Ok(count);
    };
    let mut data: Vec<u64> = watched.iter().map(|watched| watched.data).collect();
    data.sort_unstable();
    data.dedup();
    if watched.len() < 2 || data.len() < watched.len() {
        // No other event can come, or an event does not say which descriptor it is of.
        return Ok(count);
    }
    let told_again = |event: &&[u8]| {
        let of = |w: &&descriptor::Watched| w.data == data_of(event);
        let told_once = (EPOLLET | EPOLLONESHOT) as u32;
        let watched = watched.iter().find(of);
        watched.is_some_and(|watched| watched.events & told_once == 0)
    };
    let mut all = read(task, args[1], count as usize * EVENT);
    if all.len() < count as usize * EVENT {
        // They are in memory that is watched.
        return Ok(count);
    }
    let again = all.chunks_exact(EVENT).filter(told_again).count();
    let mut asked = args;
    asked[2] = args[2] as i32 as u64 - count as u64 + again as u64;
    let looked = look(task, asked)?;
    let more = read(task, args[1], looked.max(0) as usize * EVENT);
    for event in more.chunks_exact(EVENT) {
        match all
            .chunks_exact_mut(EVENT)
            .find(|e| data_of(e) == data_of(event))
        {
            Some(earlier) => earlier.copy_from_slice(event),
            None => all.extend_from_slice(event),
        }
    }
    let count = (all.len() / EVENT) as i64;
    put(task, &[(args[1], all)])?;
    (task.stopped()?).poke(Register::Result, count as u64)?;
    Ok(count)
}

/// Returns what tells apart the descriptors of an epoll instance (epoll_ctl(2),
/// `epoll_data_t`).
fn data_of(event: &[u8]) -> u64 {
    let (_, data) = event.split_at(EVENT - size_of::<u64>());
    u64::from_ne_bytes(data.try_into().expect("eight bytes"))
}

/// Returns what stands where a call takes what it is asked for, and puts the answer, by address.
fn places(task: &Task) -> Vec<(u64, Vec<u8>)> {
    match task.entering.row().does {
        Does::Poll => {
            let [at, count, ..] = task.entering.args;
            vec![(at, read(task, at, count as usize * POLLED))]
        }
        Does::Select => {
            let sets = sets_of_select(&task.entering.args).into_iter();
            sets.map(|(set, length)| (set, read(task, set, length)))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn read(task: &Task, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let read = memory::read(task.tid, address, &mut bytes).unwrap_or(0);
    bytes.truncate(read);
    bytes
}

fn put(task: &Task, places: &[(u64, Vec<u8>)]) -> Result<(), Halt> {
    for (address, bytes) in places {
        memory::write(task.tid, *address, bytes)?;
    }
    Ok(())
}
