//! The traits, spoken through an adapter.

use super::lines::{Answer, Driver, Line};
use crate::conformance::{cell, message};
use crate::scenario::{current_process, leave};
use crosswire_contract::{
    Channel, Contract, Error, Facility, Lock, Notifier, Receiver, Role, RwLock, Semaphore, Sender,
    Shape, SharedCell, Taken, Traits, VALUE_BYTES, Wakeup,
};

/// A mechanism implemented by an adapter's program.
#[derive(Debug)]
pub struct Adapted {
    lines: Vec<Line>,
    driver: Option<Driver>,
}

/// Placeholder for the contract of the type: an adapter's contract is chosen by its user.
const NONE: Contract = Contract {
    name: "adapter",
    facility: Facility::Channel,
    specification: "",
    traits: Traits::USUAL,
    capacity: "",
    blocking: "",
    linux: "",
    promises: &[],
    exemptions: &[],
};

const NAME: &str = "the adapter";

fn by_itself<T>() -> Result<T, Error> {
    Err(Error::misuse(NAME, "it is made by `adapted` only"))
}

impl Adapted {
    pub(super) fn new(roles: &[String]) -> Result<Adapted, Error> {
        let lines: Result<Vec<Line>, _> = roles.iter().map(|role| Line::new(role)).collect();
        Ok(Adapted {
            lines: lines.map_err(Error::system("making the pipes of", NAME))?,
            driver: None,
        })
    }

    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Becomes the driver of the role that this process is named after.
    fn drive(&mut self) -> Result<(), Error> {
        let role = current_process();
        let lines = std::mem::take(&mut self.lines);
        let own = lines.into_iter().find(|line| line.role() == role);
        let own = own.ok_or_else(|| Error::misuse(NAME, "it has no such role"))?;
        self.driver = Some(own.driven());
        Ok(())
    }

    /// Sends a command. If the adapter's process is gone, this process ends, too: the
    /// result of the command is unknown, and the log records that.
    fn ask(&mut self, command: &str) -> Result<Answer, Error> {
        let driver = self.driver.as_mut();
        let driver = driver.ok_or_else(|| Error::misuse(NAME, "this process has no role"))?;
        match driver.ask(command)? {
            Some(answer) => Ok(answer),
            None => leave(),
        }
    }

    /// Gives a command that is answered with `ok`.
    fn order(&mut self, command: &str) -> Result<(), Error> {
        match self.ask(command)? {
            Answer::Ok => Ok(()),
            other => unexpected(command, other),
        }
    }
}

fn unexpected<T>(command: &str, answer: Answer) -> Result<T, Error> {
    Err(match answer {
        Answer::TimedOut => Error::timed_out("using", NAME),
        Answer::Closed => Error::Closed {
            object: NAME.to_owned(),
        },
        other => Error::Garbled {
            object: format!("{NAME}: it answered `{command}` with {other:?}"),
        },
    })
}

fn taken(command: &str, answer: Answer) -> Result<Option<Taken>, Error> {
    match answer {
        Answer::Ok => Ok(Some(Taken::Clean)),
        Answer::Died => Ok(Some(Taken::AfterDeath)),
        Answer::Busy => Ok(None),
        other => unexpected(command, other),
    }
}

/// The driver of a sender, which closes when it is dropped.
#[derive(Debug)]
pub struct AdaptedSender(Adapted);

impl Drop for AdaptedSender {
    fn drop(&mut self) {
        let closed = self.0.order("close");
        if let (Err(error), false) = (closed, std::thread::panicking()) {
            panic!("{error}");
        }
    }
}

impl Channel for Adapted {
    type Sender = AdaptedSender;
    type Receiver = Adapted;
    const CONTRACT: &'static Contract = &NONE;
    const RECEIVERS: usize = usize::MAX;

    fn create(_: Shape) -> Result<Self, Error> {
        by_itself()
    }

    fn sender(&mut self, _: usize) -> Result<AdaptedSender, Error> {
        self.receiver().map(AdaptedSender)
    }

    fn receiver(&mut self) -> Result<Adapted, Error> {
        self.drive()?;
        Ok(Adapted {
            lines: Vec::new(),
            driver: self.driver.take(),
        })
    }
}

impl Sender for AdaptedSender {
    fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        self.0.order(&format!("send {}", message::value(message)))
    }
}

impl Receiver for Adapted {
    fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.ask("recv")? {
            Answer::Value(value) => Ok(Some(message::message(value))),
            Answer::End | Answer::TimedOut => Ok(None),
            Answer::Torn => Err(Error::Torn {
                object: NAME.to_owned(),
            }),
            other => unexpected("recv", other),
        }
    }
}

impl Lock for Adapted {
    const CONTRACT: &'static Contract = &NONE;

    fn create() -> Result<Self, Error> {
        by_itself()
    }

    fn attach(&mut self) -> Result<(), Error> {
        self.drive()
    }

    fn lock(&mut self) -> Result<Taken, Error> {
        let answer = self.ask("lock")?;
        match taken("lock", answer)? {
            Some(taken) => Ok(taken),
            None => unexpected("lock", Answer::Busy),
        }
    }

    fn try_lock(&mut self) -> Result<Option<Taken>, Error> {
        let answer = self.ask("try-lock")?;
        taken("try-lock", answer)
    }

    fn unlock(&mut self) -> Result<(), Error> {
        self.order("unlock")
    }
}

impl RwLock for Adapted {
    const CONTRACT: &'static Contract = &NONE;

    fn create() -> Result<Self, Error> {
        by_itself()
    }

    fn attach(&mut self) -> Result<(), Error> {
        self.drive()
    }

    fn read(&mut self) -> Result<(), Error> {
        self.order("read")
    }

    fn write(&mut self) -> Result<(), Error> {
        self.order("write")
    }

    fn unlock(&mut self) -> Result<(), Error> {
        self.order("unlock")
    }
}

impl Semaphore for Adapted {
    const CONTRACT: &'static Contract = &NONE;

    fn create(_: u32) -> Result<Self, Error> {
        by_itself()
    }

    fn attach(&mut self) -> Result<(), Error> {
        self.drive()
    }

    fn wait(&mut self) -> Result<(), Error> {
        self.order("wait")
    }

    fn try_wait(&mut self) -> Result<bool, Error> {
        match self.ask("try-wait")? {
            Answer::Ok => Ok(true),
            Answer::Busy => Ok(false),
            other => unexpected("try-wait", other),
        }
    }

    fn post(&mut self) -> Result<(), Error> {
        self.order("post")
    }
}

impl Notifier for Adapted {
    const CONTRACT: &'static Contract = &NONE;

    fn create(_: usize) -> Result<Self, Error> {
        by_itself()
    }

    fn attach(&mut self, _: Role) -> Result<(), Error> {
        self.drive()
    }

    fn notify(&mut self, value: u32) -> Result<(), Error> {
        self.order(&format!("notify {value}"))
    }

    fn wait(&mut self) -> Result<Option<Wakeup>, Error> {
        match self.ask("wait")? {
            Answer::Woken(count, value) => Ok(Some(Wakeup { count, value })),
            Answer::TimedOut => Ok(None),
            other => unexpected("wait", other),
        }
    }
}

impl SharedCell for Adapted {
    const CONTRACT: &'static Contract = &NONE;

    fn create() -> Result<Self, Error> {
        by_itself()
    }

    fn attach(&mut self) -> Result<(), Error> {
        self.drive()
    }

    fn store(&mut self, value: &[u8; VALUE_BYTES]) -> Result<(), Error> {
        self.order(&format!("store {}", cell::number(value)))
    }

    fn load(&mut self) -> Result<[u8; VALUE_BYTES], Error> {
        match self.ask("load")? {
            Answer::Value(value) => Ok(cell::pattern(value.unsigned_abs())),
            // Made up of two: as torn as it was there.
            Answer::Torn => Ok(std::array::from_fn(|i| i as u8)),
            other => unexpected("load", other),
        }
    }
}
