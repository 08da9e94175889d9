//! Events in words, and how much a reader wants to know of each.

use crate::escape::{escape, shorten};
use crate::meaning::calls::{self, Room, Telling};
use crate::meaning::{decode, private};
use crosswire_calls::Does;
use crosswire_model::{Access, AccessKind, Call, Content, Event, Seen, Signal, Trace, What};
use crosswire_world::{Kind, World};

/// Data needed to describe the events of a run.
#[derive(Clone, Copy)]
pub(crate) struct Story<'a> {
    pub trace: &'a Trace,
    pub seen: &'a [Seen],
    pub world: &'a World,
}

/// Importance of an event for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Concerns the process alone.
    Quiet,
    /// One of many.
    Normal,
    /// Shown wherever it happened.
    Telling,
}

/// Returns the importance of an event for the reader.
pub(crate) fn weight(event: &Event) -> Weight {
    match &event.what {
        What::Fault(_) | What::Panic(_) | What::Killed(_) | What::Exec(_) => Weight::Telling,
        What::Exit(status) if *status != 0 => Weight::Telling,
        What::Call {
            call, args, path, ..
        } if private::is_private(*call, args, path.as_deref()) => Weight::Quiet,
        What::Wake { call, .. } if private::is_private_return(*call) => Weight::Quiet,
        What::Block { call, .. } if is_exit(*call) => Weight::Quiet,
        What::Start | What::Resume => Weight::Quiet,
        _ => Weight::Normal,
    }
}

/// From all there is to say to hardly anything.
const ROOMS: [Room; 6] = [
    WIDEST,
    Room {
        ends: false,
        ..WIDEST
    },
    Room {
        path: 24,
        data: 12,
        ends: false,
        ..WIDEST
    },
    Room {
        path: 60,
        data: 16,
        ..NARROWEST
    },
    Room {
        path: 20,
        data: 8,
        ..NARROWEST
    },
    NARROWEST,
];

const WIDEST: Room = Room {
    path: 60,
    data: 32,
    names: true,
    ends: true,
};

const NARROWEST: Room = Room {
    path: SHORTEST_PATH,
    data: 4,
    names: false,
    ends: false,
};

/// Less of a path is of no use.
const SHORTEST_PATH: usize = 8;

impl Story<'_> {
    /// Describes an event in a few words, at most `width` characters.
    pub fn words(&self, index: usize, width: usize) -> String {
        let mut text = String::new();
        for room in ROOMS {
            text = self.spelled(index, room);
            if text.chars().count() <= width {
                return text;
            }
        }
        // The path gives way first: the result behind it matters more.
        let path = match &self.trace.events[index].what {
            What::Call { path, .. } | What::Block { path, .. } => path.as_deref(),
            _ => None,
        };
        if let Some(path) = path {
            let most = escape(path).chars().count();
            for path in (SHORTEST_PATH..most.min(60)).rev() {
                let tried = self.spelled(index, Room { path, ..NARROWEST });
                if tried.chars().count() <= width {
                    return tried;
                }
            }
        }
        self.end_kept(index, &text, width)
    }

    /// Shortens a text that is too long, keeping the result at the arguments' expense.
    fn end_kept(&self, index: usize, text: &str, width: usize) -> String {
        let end = match &self.trace.events[index].what {
            What::Call { .. } => text.rfind(" = ").map(|at| &text[at..]),
            What::Block { .. } => text.rfind(" waits").map(|at| &text[at..]),
            _ => None,
        };
        let Some(end) = end else {
            return shorten(text, width);
        };
        let room = width.saturating_sub(end.chars().count() + 2);
        let begin = text.chars().take(room).collect::<String>();
        match room > 8 {
            true => format!("{begin}…){end}"),
            false => shorten(text, width),
        }
    }

    /// Returns the data captured for an event.
    pub fn contents(&self, index: usize) -> Vec<(u8, &Content)> {
        let begin = self.seen.partition_point(|seen| seen.event < index);
        let of_event = self.seen[begin..].iter().take_while(|s| s.event == index);
        of_event.map(|s| (s.argument, &s.content)).collect()
    }

    fn call(
        &self,
        index: usize,
        call: Call,
        args: &[u64; 6],
        path: Option<&str>,
        room: Room,
    ) -> String {
        let world = self.world;
        let behind = |argument: u8| {
            let object = world.behind.get(&(index, argument))?;
            let name = &world.objects[*object].name;
            let end = world.ends.get(&(index, argument));
            Some(match end.filter(|_| room.ends) {
                Some(end) => (argument, format!("{end} of {name}")),
                None => (argument, name.clone()),
            })
        };
        // What has the path beside it need not be named again.
        let behind: Vec<(u8, String)> = match path {
            Some(_) => Vec::new(),
            None => (0..6).filter_map(behind).collect(),
        };
        let contents = self.contents(index);
        let told = Telling {
            call,
            args,
            path,
            contents: &contents,
            behind: &behind,
        };
        let text = calls::call(&told, room);
        match self.word_behind(index, call) {
            Some(word) => text.replacen(&format!("{:#x}", args[0]), &escape(word), 1),
            None => text,
        }
    }

    /// Returns the name of the word in memory that a futex is, where that is shared.
    fn word_behind(&self, index: usize, call: Call) -> Option<&str> {
        let touched = self.world.touches.get(index)?.iter();
        let mut objects = touched.map(|touch| &self.world.objects[touch.object]);
        let word = objects.find(|object| object.kind == Kind::Word)?;
        let is_shared = call.row().does == Does::Futex && !word.name.starts_with("0x");
        is_shared.then_some(word.name.as_str())
    }

    fn spelled(&self, index: usize, room: Room) -> String {
        let event = &self.trace.events[index];
        match &event.what {
            What::Start => "starts".to_owned(),
            What::Call {
                call, args, path, ..
            } if is_exit(*call) => self.call(index, *call, args, path.as_deref(), room),
            What::Call {
                call,
                args,
                path,
                result,
            } => {
                let made = self.call(index, *call, args, path.as_deref(), room);
                made + &calls::came_back(*call, *result)
            }
            What::Block { call, args, path } if is_exit(*call) => {
                self.call(index, *call, args, path.as_deref(), room)
            }
            What::Block { call, args, path } => {
                let made = self.call(index, *call, args, path.as_deref(), room);
                format!("{made} waits")
            }
            What::Access(access) => match access.since {
                None => accessed(access, self.trace, room),
                Some(step) => format!(
                    "step {step} becomes visible: {}",
                    accessed(access, self.trace, room)
                ),
            },
            What::Delay { access, .. } => {
                let when = match self.trace.is_split(index) {
                    true => "stored later",
                    false => "buffered",
                };
                format!("{} ({when})", accessed(access, self.trace, room))
            }
            What::Wake { call, result } => self.woken(index, *call, *result, room),
            What::Resume => "resumes".to_owned(),
            What::Signal(signal) => format!("gets {signal}"),
            What::Fault(fault) => format!("FAULT {} at {}", fault.action, fault.point),
            What::Timeout => format!("timed out at {}", seconds(event.time)),
            What::Spawn(task) => format!("creates {}", escape(&self.trace.name(*task))),
            What::Exec(path) => format!("becomes {}", escape(path)),
            What::Spin => "spins".to_owned(),
            What::Preempt => "computes, and others have their turn".to_owned(),
            What::Exit(status) => format!("ends with status {status}"),
            What::Killed(Signal(9)) => "is killed".to_owned(),
            What::Killed(signal) => format!("dies of {signal}"),
            What::Panic(text) => format!("panics: {}", escape(text)),
            What::Mark(number, value) => format!("mark {number}: {value}"),
        }
    }

    /// Returns a call that comes back; what it has brought along is in brackets.
    fn woken(&self, index: usize, call: Call, result: i64, room: Room) -> String {
        let contents = self.contents(index);
        let brought = contents.first().map(|(_, content)| match content {
            Content::Word(status) if call.row().does == Does::WaitChild => {
                decode::wait_status(*status)
            }
            content => decode::content(content, room.data),
        });
        match brought.filter(|_| result >= 0) {
            Some(brought) => format!(
                "{}(… {brought}){}",
                calls::name(call),
                calls::came_back(call, result)
            ),
            None => format!("{}(…){}", calls::name(call), calls::came_back(call, result)),
        }
    }
}

/// These two do not come back.
fn is_exit(call: Call) -> bool {
    call.row().never_returns()
}

fn seconds(nanoseconds: u64) -> String {
    format!("{:.3} s", nanoseconds as f64 / 1e9)
}

/// Returns an access with as much of its object's name as a line has room for.
pub(crate) fn access(access: &Access, trace: &Trace) -> String {
    accessed(access, trace, WIDEST)
}

/// Returns an access as one reads an assignment: `/memfd:queue+0x40: 1 → 2`.
fn accessed(access: &Access, trace: &Trace, room: Room) -> String {
    let object = trace.objects.get(access.object as usize);
    let name = object.map_or("shared memory", |object| object.name.as_str());
    let place = match object.and_then(|object| object.variable(access.offset)) {
        Some(variable) => calls::ending(&escape(&variable), room.path),
        None => format!(
            "{}+{:#x}",
            calls::ending(&escape(name), room.path),
            access.offset
        ),
    };
    let value = |value: Option<u64>| value.map_or("?".to_owned(), |value| format!("{value:#x}"));
    let (before, after) = (value(access.before), value(access.after));
    match access.kind {
        AccessKind::Read => format!("reads {place} = {before}"),
        AccessKind::Write => format!("writes {place} = {after}"),
        AccessKind::Update => format!("updates {place}: {before} → {after}"),
    }
}
