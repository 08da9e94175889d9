//! Shared cells with one planted bug each: the generic scenario finds it, and names the
//! promise that is broken.

use super::{breaks, keeps, trial};
use crosswire::conformance::cell;
use crosswire::contract::{Contract, Error, Peril, SharedCell, VALUE_BYTES};
use crosswire::{Budget, scenario};
use crosswire_mechanisms::cell::{MappedFile, PosixSharedMemory};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

const BUDGET: Budget = Budget::runs(300);

/// A value in a file that is read and written without a lock, in two halves.
struct Unlocked {
    path: PathBuf,
    file: File,
}

const HALF: usize = VALUE_BYTES / 2;

impl SharedCell for Unlocked {
    const CONTRACT: &'static Contract = MappedFile::CONTRACT;

    fn create() -> Result<Self, Error> {
        let path = std::env::temp_dir().join("crosswire-unlocked");
        let options = &mut File::options();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path);
        let file = file.map_err(Error::system("creating", "the file"))?;
        file.set_len(VALUE_BYTES as u64)
            .map_err(Error::system("sizing", "the file"))?;
        Ok(Unlocked { path, file })
    }

    fn store(&mut self, value: &[u8; VALUE_BYTES]) -> Result<(), Error> {
        let written = self.file.write_all_at(&value[..HALF], 0);
        written
            .and_then(|()| self.file.write_all_at(&value[HALF..], HALF as u64))
            .map_err(Error::system("writing", "the file"))
    }

    fn load(&mut self) -> Result<[u8; VALUE_BYTES], Error> {
        let mut value = [0; VALUE_BYTES];
        let read = self.file.read_exact_at(&mut value, 0);
        read.map_err(Error::system("reading", "the file"))?;
        Ok(value)
    }
}

impl Drop for Unlocked {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Acknowledges a value before it is where others see it: with the next store.
struct AcknowledgesEarly {
    inner: MappedFile,
    held: Option<[u8; VALUE_BYTES]>,
}

impl SharedCell for AcknowledgesEarly {
    const CONTRACT: &'static Contract = MappedFile::CONTRACT;

    fn create() -> Result<Self, Error> {
        let inner = MappedFile::create()?;
        Ok(AcknowledgesEarly { inner, held: None })
    }

    fn attach(&mut self) -> Result<(), Error> {
        self.inner.attach()
    }

    fn store(&mut self, value: &[u8; VALUE_BYTES]) -> Result<(), Error> {
        match self.held.replace(*value) {
            Some(before) => self.inner.store(&before),
            None => Ok(()),
        }
    }

    fn load(&mut self) -> Result<[u8; VALUE_BYTES], Error> {
        self.inner.load()
    }
}

/// Does not remove its name.
struct LeaksName(std::mem::ManuallyDrop<PosixSharedMemory>);

impl SharedCell for LeaksName {
    const CONTRACT: &'static Contract = PosixSharedMemory::CONTRACT;

    fn create() -> Result<Self, Error> {
        PosixSharedMemory::create().map(|inner| LeaksName(std::mem::ManuallyDrop::new(inner)))
    }

    fn store(&mut self, value: &[u8; VALUE_BYTES]) -> Result<(), Error> {
        self.0.store(value)
    }

    fn load(&mut self) -> Result<[u8; VALUE_BYTES], Error> {
        self.0.load()
    }
}

#[test]
fn a_value_made_up_of_two_is_found() {
    keeps(&cell::<MappedFile>(scenario!("right"), trial(Peril::None, 2, 1)).try_explore(BUDGET));
    let report = cell::<Unlocked>(scenario!("unlocked"), trial(Peril::None, 2, 1));
    breaks(
        &report.try_explore(BUDGET),
        Unlocked::CONTRACT,
        Peril::None,
        "atomic-register",
    );
}

#[test]
fn a_writer_that_dies_half_way_is_found() {
    let report = cell::<Unlocked>(scenario!("half"), trial(Peril::KillWriter, 2, 1));
    breaks(
        &report.try_explore(BUDGET),
        Unlocked::CONTRACT,
        Peril::KillWriter,
        "atomic-register",
    );
}

#[test]
fn acknowledging_before_others_can_see_it_is_found() {
    let report = cell::<AcknowledgesEarly>(scenario!("early"), trial(Peril::None, 2, 1));
    breaks(
        &report.try_explore(BUDGET),
        AcknowledgesEarly::CONTRACT,
        Peril::None,
        "atomic-register",
    );
}

#[test]
fn a_name_that_stays_is_found() {
    let report = cell::<LeaksName>(scenario!("leaks"), trial(Peril::None, 2, 1));
    breaks(
        &report.try_explore(BUDGET),
        LeaksName::CONTRACT,
        Peril::None,
        "leak",
    );
}
