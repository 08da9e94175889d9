//! Locks with one planted bug each: the generic scenario finds it, and names the
//! promise that is broken.

use super::{breaks, keeps, trial};
use crosswire::check::{Expectations, Leaks};
use crosswire::conformance::{lock, rwlock};
use crosswire::contract::{Contract, Error, Lock, Peril, RwLock, Taken};
use crosswire::{Budget, scenario};
use crosswire_mechanisms::lock::{Flock, OfdLock, PlainMutex, RobustMutex};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use std::fs::File;
use std::path::PathBuf;

const BUDGET: Budget = Budget::runs(400);

/// A lock that is another one, except for what a bug changes.
macro_rules! lock_with {
    ($(#[$doc:meta])* $name:ident($inner:ty) promises $promised:ty { $($change:item)* }) => {
        $(#[$doc])*
        struct $name($inner);

        impl Lock for $name {
            const CONTRACT: &'static Contract = <$promised as Lock>::CONTRACT;
            $($change)*
        }
    };
}

lock_with! {
    /// Says that it tells of deaths, and is a mutex that does not.
    NotRobust(PlainMutex) promises RobustMutex {
        fn create() -> Result<Self, Error> { <PlainMutex as Lock>::create().map(NotRobust) }
        fn lock(&mut self) -> Result<Taken, Error> { self.0.lock() }
        fn try_lock(&mut self) -> Result<Option<Taken>, Error> { self.0.try_lock() }
        fn unlock(&mut self) -> Result<(), Error> { self.0.unlock() }
    }
}

lock_with! {
    /// Uses the descriptor that it inherited, and so the lock of its parent.
    Inherited(Flock) promises Flock {
        fn create() -> Result<Self, Error> { <Flock as Lock>::create().map(Inherited) }
        fn lock(&mut self) -> Result<Taken, Error> { Lock::lock(&mut self.0) }
        fn try_lock(&mut self) -> Result<Option<Taken>, Error> { Lock::try_lock(&mut self.0) }
        fn unlock(&mut self) -> Result<(), Error> { Lock::unlock(&mut self.0) }
    }
}

lock_with! {
    /// Keeps quiet about who died.
    HidesDeaths(RobustMutex) promises RobustMutex {
        fn create() -> Result<Self, Error> { <RobustMutex as Lock>::create().map(HidesDeaths) }
        fn lock(&mut self) -> Result<Taken, Error> { self.0.lock().map(|_| Taken::Clean) }
        fn try_lock(&mut self) -> Result<Option<Taken>, Error> {
            Ok(self.0.try_lock()?.map(|_| Taken::Clean))
        }
        fn unlock(&mut self) -> Result<(), Error> { self.0.unlock() }
    }
}

/// A file whose existence is the lock: looked for, and then made.
struct LookThenMake(PathBuf);

impl LookThenMake {
    fn take(&self) -> bool {
        !self.0.exists() && File::create(&self.0).is_ok()
    }
}

impl Lock for LookThenMake {
    const CONTRACT: &'static Contract = <Flock as Lock>::CONTRACT;

    fn create() -> Result<Self, Error> {
        Ok(LookThenMake(
            std::env::temp_dir().join("crosswire-look-then-make"),
        ))
    }

    fn lock(&mut self) -> Result<Taken, Error> {
        while !self.take() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Ok(Taken::Clean)
    }

    fn try_lock(&mut self) -> Result<Option<Taken>, Error> {
        Ok(self.take().then_some(Taken::Clean))
    }

    fn unlock(&mut self) -> Result<(), Error> {
        // Another may have removed it, who believed to have the lock as well.
        let _ = std::fs::remove_file(&self.0);
        Ok(())
    }
}

/// Takes whatever ends its wait for the lock; and never removes the file.
struct IgnoresEintr(File);

impl IgnoresEintr {
    fn path() -> PathBuf {
        std::env::temp_dir().join("crosswire-ignores-eintr")
    }

    fn ask(&self, kind: libc::c_int, wait: bool) -> nix::Result<()> {
        let range = libc::flock {
            l_type: kind as libc::c_short,
            l_whence: 0,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        let request = match wait {
            true => FcntlArg::F_OFD_SETLKW(&range),
            false => FcntlArg::F_OFD_SETLK(&range),
        };
        match fcntl(&self.0, request) {
            Err(Errno::EINTR) => Ok(()),
            result => result.map(drop),
        }
    }
}

impl Lock for IgnoresEintr {
    const CONTRACT: &'static Contract = <OfdLock as Lock>::CONTRACT;

    fn create() -> Result<Self, Error> {
        let file = File::create(Self::path()).map_err(Error::system("creating", "the file"))?;
        Ok(IgnoresEintr(file))
    }

    fn attach(&mut self) -> Result<(), Error> {
        *self = Self::create()?;
        Ok(())
    }

    fn lock(&mut self) -> Result<Taken, Error> {
        let taken = self.ask(libc::F_WRLCK, true);
        taken.map_err(Error::system("locking", "the file"))?;
        Ok(Taken::Clean)
    }

    fn try_lock(&mut self) -> Result<Option<Taken>, Error> {
        match self.ask(libc::F_WRLCK, false) {
            Err(Errno::EAGAIN) => Ok(None),
            result => {
                result.map_err(Error::system("locking", "the file"))?;
                Ok(Some(Taken::Clean))
            }
        }
    }

    fn unlock(&mut self) -> Result<(), Error> {
        let freed = self.ask(libc::F_UNLCK, false);
        freed.map_err(Error::system("unlocking", "the file"))
    }
}

#[test]
fn a_plain_mutex_is_not_robust() {
    keeps(
        &lock::<RobustMutex>(scenario!("robust"), trial(Peril::KillHolder, 2, 0))
            .try_explore(BUDGET),
    );
    let report = lock::<NotRobust>(scenario!("plain"), trial(Peril::KillHolder, 2, 0));
    let contract = NotRobust::CONTRACT;
    breaks(
        &report.try_explore(BUDGET),
        contract,
        Peril::KillHolder,
        "refused-only-while-held",
    );
}

#[test]
fn deaths_that_are_hidden_are_found() {
    let report = lock::<HidesDeaths>(scenario!("hides"), trial(Peril::KillHolder, 2, 0));
    let contract = HidesDeaths::CONTRACT;
    breaks(
        &report.try_explore(BUDGET),
        contract,
        Peril::KillHolder,
        "deaths-are-told",
    );
}

#[test]
fn an_inherited_descriptor_shares_the_lock() {
    let report = lock::<Inherited>(scenario!("inherited"), trial(Peril::None, 2, 0));
    breaks(
        &report.try_explore(BUDGET),
        Inherited::CONTRACT,
        Peril::None,
        "mutual-exclusion",
    );
}

#[test]
fn looking_before_making_is_a_race() {
    let report = lock::<LookThenMake>(scenario!("look"), trial(Peril::None, 2, 0));
    breaks(
        &report.try_explore(BUDGET),
        LookThenMake::CONTRACT,
        Peril::None,
        "mutual-exclusion",
    );
}

#[test]
fn an_interrupted_wait_is_no_lock_and_a_file_is_left() {
    // Both are described before either is judged: the program comes back to each.
    let all = lock::<IgnoresEintr>(scenario!("eintr"), trial(Peril::Interrupt, 2, 0));
    let all = all.try_explore(BUDGET);
    let promised = IgnoresEintr::CONTRACT.under(Peril::Interrupt).unwrap().text;
    let unleaked = lock::<IgnoresEintr>(scenario!("eintr2"), trial(Peril::Interrupt, 3, 0))
        .expect(Expectations {
            leaks: Leaks::Ignored,
            promised: Some(promised.to_owned()),
            ..Expectations::default()
        })
        .try_explore(BUDGET);
    breaks(&all, IgnoresEintr::CONTRACT, Peril::Interrupt, "leak");
    breaks(
        &unleaked,
        IgnoresEintr::CONTRACT,
        Peril::Interrupt,
        "mutual-exclusion",
    );
}

/// A reader–writer lock that is a flock, except for what a bug changes.
macro_rules! rwlock_with {
    ($(#[$doc:meta])* $name:ident { $($change:item)* }) => {
        $(#[$doc])*
        struct $name(Flock);

        impl RwLock for $name {
            const CONTRACT: &'static Contract = <Flock as RwLock>::CONTRACT;
            fn create() -> Result<Self, Error> { <Flock as RwLock>::create().map($name) }
            $($change)*
        }
    };
}

rwlock_with! {
    /// Believes that reading needs no lock.
    ReadsWithout {
        fn attach(&mut self) -> Result<(), Error> { RwLock::attach(&mut self.0) }
        fn read(&mut self) -> Result<(), Error> { Ok(()) }
        fn write(&mut self) -> Result<(), Error> { self.0.write() }
        fn unlock(&mut self) -> Result<(), Error> { RwLock::unlock(&mut self.0) }
    }
}

rwlock_with! {
    /// Writes under a lock that is shared.
    WritesShared {
        fn attach(&mut self) -> Result<(), Error> { RwLock::attach(&mut self.0) }
        fn read(&mut self) -> Result<(), Error> { self.0.read() }
        fn write(&mut self) -> Result<(), Error> { self.0.read() }
        fn unlock(&mut self) -> Result<(), Error> { RwLock::unlock(&mut self.0) }
    }
}

/// Reads first, and asks to write while it has the lock to read.
struct Upgrades(OfdLock);

impl RwLock for Upgrades {
    const CONTRACT: &'static Contract = <OfdLock as RwLock>::CONTRACT;
    fn create() -> Result<Self, Error> {
        <OfdLock as RwLock>::create().map(Upgrades)
    }
    fn attach(&mut self) -> Result<(), Error> {
        RwLock::attach(&mut self.0)
    }
    fn read(&mut self) -> Result<(), Error> {
        self.0.read()
    }
    fn write(&mut self) -> Result<(), Error> {
        self.0.read()?;
        self.0.write()
    }
    fn unlock(&mut self) -> Result<(), Error> {
        RwLock::unlock(&mut self.0)
    }
}

#[test]
fn reading_without_a_lock_is_found() {
    let report = rwlock::<ReadsWithout>(scenario!("without"), trial(Peril::None, 2, 1));
    breaks(
        &report.try_explore(BUDGET),
        ReadsWithout::CONTRACT,
        Peril::None,
        "mutual-exclusion",
    );
}

#[test]
fn writing_under_a_shared_lock_is_found() {
    let report = rwlock::<WritesShared>(scenario!("shared"), trial(Peril::None, 1, 2));
    breaks(
        &report.try_explore(BUDGET),
        WritesShared::CONTRACT,
        Peril::None,
        "mutual-exclusion",
    );
}

#[test]
fn two_that_read_and_both_ask_to_write_wait_for_each_other() {
    let report = rwlock::<Upgrades>(scenario!("upgrades"), trial(Peril::None, 1, 2));
    breaks(
        &report.try_explore(BUDGET),
        Upgrades::CONTRACT,
        Peril::None,
        "deadlock",
    );
}
