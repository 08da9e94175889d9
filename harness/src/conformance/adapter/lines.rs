//! The pipes between the harness and an adapter, and what goes through them.

use crosswire_contract::Error;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::os::fd::AsRawFd;

/// The pipes of one role: both ends of both, until each process takes its own.
#[derive(Debug)]
pub(super) struct Line {
    role: String,
    commands: (PipeReader, PipeWriter),
    answers: (PipeReader, PipeWriter),
}

impl Line {
    pub fn new(role: &str) -> io::Result<Line> {
        Ok(Line {
            role: role.to_owned(),
            commands: pipe()?,
            answers: pipe()?,
        })
    }

    pub fn role(&self) -> &str {
        &self.role
    }

    /// `ROLE=IN,OUT`, with descriptors that outlive an exec.
    pub fn handed_over(&self) -> nix::Result<String> {
        use nix::fcntl::{FcntlArg, FdFlag, fcntl};
        fcntl(&self.commands.0, FcntlArg::F_SETFD(FdFlag::empty()))?;
        fcntl(&self.answers.1, FcntlArg::F_SETFD(FdFlag::empty()))?;
        let (input, output) = (self.commands.0.as_raw_fd(), self.answers.1.as_raw_fd());
        Ok(format!("{}={input},{output}", self.role))
    }

    /// Returns the harness's side.
    pub fn driven(self) -> Driver {
        Driver {
            role: self.role,
            commands: self.commands.1,
            answers: BufReader::new(self.answers.0),
        }
    }
}

/// Gives commands to one process of the adapter.
#[derive(Debug)]
pub struct Driver {
    role: String,
    commands: PipeWriter,
    answers: BufReader<PipeReader>,
}

/// Answer of a process of an adapter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Ok,
    Died,
    Busy,
    Closed,
    TimedOut,
    End,
    Torn,
    Value(i64),
    Woken(u32, Option<u32>),
}

impl Driver {
    /// Sends a command and reads its answer; `None` if the process is gone, so that the
    /// result is unknown.
    pub(super) fn ask(&mut self, command: &str) -> Result<Option<Answer>, Error> {
        let object = || format!("the adapter's {}", self.role);
        match self.commands.write_all(format!("{command}\n").as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(None),
            result => result.map_err(Error::system("giving a command to", &object()))?,
        }
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        if read.map_err(Error::system("hearing from", &object()))? == 0 || !line.ends_with('\n') {
            return Ok(None);
        }
        match parsed(line.trim_end()) {
            Some(answer) => Ok(Some(answer)),
            None => Err(Error::Garbled {
                object: format!(
                    "{}: it answered `{command}` with `{}`",
                    object(),
                    line.trim_end()
                ),
            }),
        }
    }
}

fn parsed(line: &str) -> Option<Answer> {
    let words: Vec<&str> = line.split(' ').collect();
    Some(match words[..] {
        ["ok"] => Answer::Ok,
        ["died"] => Answer::Died,
        ["busy"] => Answer::Busy,
        ["closed"] => Answer::Closed,
        ["timeout"] => Answer::TimedOut,
        ["end"] => Answer::End,
        ["torn"] => Answer::Torn,
        ["value", number] => Answer::Value(number.parse().ok()?),
        ["woken", count] => Answer::Woken(count.parse().ok()?, None),
        ["woken", count, value] => Answer::Woken(count.parse().ok()?, Some(value.parse().ok()?)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_nothing_else_is() {
        assert_eq!(parsed("ok"), Some(Answer::Ok));
        assert_eq!(parsed("value 101"), Some(Answer::Value(101)));
        assert_eq!(parsed("woken 2"), Some(Answer::Woken(2, None)));
        assert_eq!(parsed("woken 1 7"), Some(Answer::Woken(1, Some(7))));
        for nonsense in ["", "Ok", "value", "value x", "error no room", "ok ok"] {
            assert_eq!(parsed(nonsense), None, "{nonsense}");
        }
    }
}
