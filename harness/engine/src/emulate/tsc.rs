//! The processor's time-stamp counter. Programs read it without a system call, so it
//! is made to fault (PR_SET_TSC of prctl(2)) and answered in virtual time.

use crosswire_kernel::Tid;
use crosswire_kernel::{memory, regs};
use std::io;

/// Ticks of the counter in a nanosecond of virtual time.
const TICKS: u64 = 3;

/// If the task faulted because it read the counter, answers it, and says so.
pub(crate) fn answer(tid: Tid, nanoseconds: u64) -> io::Result<bool> {
    let mut registers = regs::read(tid)?;
    let mut code = [0; 3];
    // The instruction may end where the mapping does, or there may be none.
    let count = memory::read(tid, registers.position(), &mut code[..2]).unwrap_or(0);
    if count == 2 && code[1] == 0x01 {
        code = memory::read_exact(tid, registers.position())?;
    }
    let length = match code {
        [0x0f, 0x31, _] => 2,
        [0x0f, 0x01, 0xf9] => 3,
        _ => return Ok(false),
    };
    registers.answer_counter(nanoseconds.saturating_mul(TICKS), length);
    regs::write(tid, &registers)?;
    Ok(true)
}
