//! `crosswire steer --demo`: two processes that share a text, in both ways.

use crate::arguments::{DemoPart, SteerDemo};
use crate::exit;
use crate::failure::Failure;
use crosswire::engine::{Start, Target};
use crosswire_mechanisms::demo::{Board, LONGEST, Post};
use crosswire_steer::Demo;
use std::io;
use std::path::Path;
use std::rc::Rc;

/// The text that A gives to B, unless the user has another one.
const TEXT: &str = "hello from A, to B";

/// Returns the programs of a demo.
pub fn demo(demo: SteerDemo, locked: bool, data: Option<&str>) -> Result<Demo, Failure> {
    let own = std::env::current_exe().map_err(|error| {
        Failure::invalid(format!("cannot find the executable of crosswire: {error}"))
    })?;
    let own = own.to_string_lossy().into_owned();
    let memory = match locked {
        true => [DemoPart::WriteLocked, DemoPart::ReadLocked],
        false => [DemoPart::Write, DemoPart::Read],
    };
    let queue = [DemoPart::Send, DemoPart::Receive];
    let parts: Vec<(&'static str, DemoPart)> = match demo {
        SteerDemo::SharedMemory => vec![("A", memory[0]), ("B", memory[1])],
        SteerDemo::MessagePassing => vec![("A", queue[0]), ("B", queue[1])],
        SteerDemo::Compare => vec![
            ("memory-A", memory[0]),
            ("memory-B", memory[1]),
            ("queue-A", queue[0]),
            ("queue-B", queue[1]),
        ],
    };
    Ok(Demo {
        data: data.unwrap_or(TEXT).to_owned(),
        sides: match demo {
            SteerDemo::Compare => vec!["memory".to_owned(), "queue".to_owned()],
            _ => Vec::new(),
        },
        target: Rc::new(move |text| target(&own, &parts, &shortened(text))),
    })
}

fn target(own: &str, parts: &[(&'static str, DemoPart)], text: &str) -> Target {
    let programs = parts.iter().map(|(name, part)| Start {
        name: (*name).to_owned(),
        command: [own, "__demo", part.name(), "--", text]
            .map(str::to_owned)
            .to_vec(),
    });
    Target::new(programs.collect(), Path::new("/tmp"))
}

/// Returns as much of a text as there is room for; of nothing, a space.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    for letter in text.chars().filter(|letter| *letter != '\0') {
        if short.len() + letter.len_utf8() > LONGEST {
            break;
        }
        short.push(letter);
    }
    match short.is_empty() {
        true => " ".to_owned(),
        false => short,
    }
}

/// Is a process of a demo.
pub fn perform(part: DemoPart, text: &str) -> Result<u8, Failure> {
    // What comes before is not shown.
    crosswire::mark(0);
    let failed = |error: io::Error| Failure::invalid(format!("the demo: {error}"));
    let read = match part {
        DemoPart::Write => {
            Board::open().map_err(failed)?.write(text);
            return Ok(exit::PASS);
        }
        DemoPart::WriteLocked => {
            let board = Board::open().map_err(failed)?;
            board.lock().map_err(failed)?;
            board.write(text);
            board.unlock().map_err(failed)?;
            return Ok(exit::PASS);
        }
        DemoPart::Send => {
            Post::open().map_err(failed)?.send(text).map_err(failed)?;
            return Ok(exit::PASS);
        }
        DemoPart::Read => Board::open().map_err(failed)?.read(text.len()),
        DemoPart::ReadLocked => {
            let board = Board::open().map_err(failed)?;
            board.lock().map_err(failed)?;
            let read = board.read(text.len());
            board.unlock().map_err(failed)?;
            read
        }
        DemoPart::Receive => Post::open().map_err(failed)?.receive().map_err(failed)?,
    };
    let is_empty = read.bytes().all(|byte| byte == b'-');
    Ok(match (read == text, is_empty) {
        (true, _) => {
            println!("B reads \"{read}\"");
            exit::PASS
        }
        (_, true) => {
            println!("B reads nothing yet");
            exit::PASS
        }
        _ => {
            println!("B reads \"{read}\": torn");
            exit::VIOLATION
        }
    })
}
