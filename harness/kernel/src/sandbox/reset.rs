//! Between runs: process 1 lists what was left and clears it. Nothing here
//! allocates (see [`super::raw`]).

use super::overlay;
use super::plan::Plan;
use super::raw::{self, Errno, Fd};
use super::room::Room;
use super::shared_block::{
    IN_MQUEUE, IN_SHM, OverlayKind, ResetAnswer, ResetRequest, ResetStage, SharedBlock,
};
use super::sweep::{self, NameWriter, Sweep};
use super::sysv;

impl ResetAnswer {
    const BLANK: Self = Self {
        error: 0,
        failed: ResetStage::None,
        names_bytes: 0,
        sysv_count: 0,
        truncated: false,
        renewed: false,
        remounted: false,
    };

    /// The answer to a request that only set a pid.
    pub(super) fn of(outcome: Result<(), Errno>) -> Self {
        let mut answer = Self::BLANK;
        answer.note(ResetStage::FirstPid, outcome);
        answer
    }

    /// Keeps the first failure.
    fn note(&mut self, stage: ResetStage, outcome: Result<(), Errno>) -> bool {
        if let Err(error) = outcome
            && self.failed == ResetStage::None
        {
            self.failed = stage;
            self.error = error;
        }
        outcome.is_ok()
    }
}

fn is_same_host(now: &libc::utsname, before: &libc::utsname) -> bool {
    now.nodename == before.nodename && now.domainname == before.domainname
}

impl Room {
    /// Serves `Sandbox::reset`. `ipc` is the run's ipc namespace, or -1.
    pub(super) fn reset(&mut self, plan: &Plan, request: &ResetRequest, ipc: Fd) -> ResetAnswer {
        let mut names = NameWriter::new(plan.block);
        let mut answer = ResetAnswer::BLANK;
        if request.sysv || request.mqueue {
            self.clear_ipc(plan.block, request, ipc, &mut names, &mut answer);
        }
        self.clear_shm(&mut names, &mut answer);
        for index in 0..plan.overlays.len() {
            self.clear_overlay(plan, index, request.renew, &mut names, &mut answer);
        }
        if self.inner >= 0 && !is_same_host(&raw::host(), &self.host) {
            answer.note(ResetStage::HostName, raw::name_host(&self.host));
        }
        if answer.renewed {
            answer.note(ResetStage::WorkingDir, raw::chdir(&plan.working_dir));
        }
        if self.last_pid >= 0 {
            answer.note(ResetStage::FirstPid, self.set_next_pid(request.next_pid));
        }
        answer.names_bytes = names.used as u32;
        answer.truncated |= names.truncated;
        answer
    }

    /// Tells whether `dir` is as it was when empty. After most runs, this is all that is
    /// done for a directory.
    fn is_untouched(&self, dir: Fd, empty: &libc::stat) -> bool {
        raw::fstat(dir).is_ok_and(|now| {
            sweep::same_attributes(&now, empty)
                && if self.size_counts {
                    now.st_size == empty.st_size
                } else {
                    sweep::is_empty(dir)
                }
        })
    }

    fn clear_shm(&mut self, names: &mut NameWriter, answer: &mut ResetAnswer) {
        if self.shm < 0 || self.is_untouched(self.shm, &self.shm_empty) {
            return;
        }
        let cleared = Sweep::new(None, self.shm, c"", IN_SHM, names).run(self.shm);
        raw::imitate(self.shm, c".", &self.shm_empty);
        answer.note(
            ResetStage::Clear,
            if cleared { Ok(()) } else { Err(libc::EBUSY) },
        );
    }

    fn clear_overlay(
        &mut self,
        plan: &Plan,
        index: usize,
        renew: bool,
        names: &mut NameWriter,
        answer: &mut ResetAnswer,
    ) {
        let (Some(overlay), Some(wanted)) = (self.overlays.get(index), plan.overlays.get(index))
        else {
            return;
        };
        let lower = match overlay.kind {
            OverlayKind::None => return,
            OverlayKind::Overlay => Some(overlay.lower),
            OverlayKind::Empty => None,
        };
        let mut clean = true;
        if !self.is_untouched(overlay.written, &overlay.empty) {
            let opaque = overlay::opaque_attribute(plan);
            let mut sweep = Sweep::new(lower, overlay.merged, opaque, index as u8, names);
            sweep.hidden = wanted.hidden.last().map(|hidden| hidden.as_c_str());
            let swept = sweep.run(overlay.written);
            clean = swept
                && raw::fstat(overlay.written)
                    .is_ok_and(|now| sweep::same_attributes(&now, &overlay.empty));
            raw::imitate(overlay.written, c".", &overlay.empty);
        }
        if (!clean || renew)
            && let Some(overlay) = self.overlays.get_mut(index)
        {
            let renewed = overlay.renew(self.storage, plan, wanted, index);
            answer.note(ResetStage::Overlay, renewed);
            answer.renewed |= wanted.has_working_dir;
            answer.remounted = true;
        }
    }

    /// Lists the ipc objects of the namespace `ipc`, or of process 1's own, which
    /// alone needs clearing: others end with their last process.
    fn clear_ipc(
        &mut self,
        block: SharedBlock,
        request: &ResetRequest,
        ipc: Fd,
        names: &mut NameWriter,
        answer: &mut ResetAnswer,
    ) {
        let foreign = ipc >= 0;
        if foreign && !answer.note(ResetStage::EnterIpc, raw::setns(ipc, libc::CLONE_NEWIPC)) {
            return;
        }
        if request.sysv {
            sysv::each(|record| {
                if block.put_sysv(answer.sysv_count as usize, record) {
                    answer.sysv_count = answer.sysv_count.wrapping_add(1);
                } else {
                    answer.truncated = true;
                }
                if !foreign {
                    sysv::remove(&record);
                }
            });
        }
        if request.mqueue {
            self.clear_mqueue(foreign, names, answer);
        }
        if foreign {
            let back = raw::setns(self.own_ipc, libc::CLONE_NEWIPC);
            answer.note(ResetStage::LeaveIpc, back);
        }
    }

    fn clear_mqueue(&self, foreign: bool, names: &mut NameWriter, answer: &mut ResetAnswer) {
        // A mount of this kind shows the ipc namespace of the process that mounts it.
        let own = !foreign && self.mqueue >= 0;
        let opened = if own {
            Ok(self.mqueue)
        } else {
            raw::floating_mount(c"mqueue")
        };
        let Ok(queues) = opened else {
            answer.note(ResetStage::Mqueue, opened.map(drop));
            return;
        };
        if !sweep::is_empty(queues) {
            let cleared = Sweep::new(None, queues, c"", IN_MQUEUE, names).run(queues);
            answer.note(
                ResetStage::Mqueue,
                if cleared { Ok(()) } else { Err(libc::EBUSY) },
            );
        }
        if !own {
            raw::close(queues);
        }
    }
}
