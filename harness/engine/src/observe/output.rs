//! Output of the programs: one file each for standard output and standard error.

use crate::Engine;
use crosswire_kernel::lent;
use std::io::{Read, Seek, SeekFrom};

impl Engine {
    /// Returns the output of the programs since the last call.
    pub(crate) fn take_output(&mut self) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
        let mut taken = [Vec::new(), Vec::new()];
        for (file, bytes) in self.outputs.iter_mut().zip(&mut taken) {
            if file.metadata()?.len() > 0 {
                file.seek(SeekFrom::Start(0))?;
                file.read_to_end(bytes)?;
            }
        }
        self.empty_output()?;
        let [stdout, stderr] = taken;
        Ok((stdout, stderr))
    }

    /// Forgets what the programs have printed, and what they have set about these files and their
    /// standard input.
    pub(crate) fn empty_output(&self) -> std::io::Result<()> {
        for file in &self.outputs {
            let mut file = file;
            if file.metadata()?.len() > 0 {
                file.set_len(0)?;
            }
            lent::as_new(file)?;
            // The programs share this position, and some ask for it.
            file.seek(SeekFrom::Start(0))?;
        }
        let templates = self.prepared.iter().flat_map(|one| &one.templates);
        for input in templates.filter_map(|template| template.input.as_ref()) {
            input.restore()?;
        }
        Ok(())
    }
}
