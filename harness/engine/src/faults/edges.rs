//! Descriptors that are watched for edges: who was answered EAGAIN waits for the next one
//! (epoll(7)). It comes when the other side makes room or sends, so a fault that answers in the
//! place of the kernel has to bring it about.

use crate::inside::remote::{Remote, made, room_below_stack};
use crate::run::session::{Halt, Session};
use crosswire_kernel::{descriptor, memory};
use libc::{EPOLL_CTL_MOD, EPOLLET, EPOLLONESHOT};

/// An epoll instance, and how it watches a descriptor.
struct Edge {
    instance: u64,
    number: u64,
    /// `struct epoll_event` (epoll_ctl(2)): without gaps.
    event: [u8; 12],
}

impl Session<'_> {
    /// Makes epoll instances look again at the descriptor of a transfer that they watch for edges,
    /// as if the other side had done something just after it was refused.
    pub(super) fn bring_edges(&mut self, index: usize) -> Result<(), Halt> {
        let entering = self.tasks[index].entering;
        let Some(transfer) = entering.row().transfer() else {
            return Ok(());
        };
        let edges = self.edges(index, entering.args[transfer.descriptor]);
        if edges.is_empty() {
            return Ok(());
        }
        let (tid, call) = (self.tasks[index].tid, self.tasks[index].entering.call);
        let stopped = self.tasks[index].lend()?;
        let place = room_below_stack(&stopped)?;
        let own = memory::read_exact::<12>(tid, place);
        let mut remote = Remote::at_entry(stopped, call)?;
        for edge in edges {
            memory::write(tid, place, &edge.event)?;
            let args = [
                edge.instance,
                EPOLL_CTL_MOD as u64,
                edge.number,
                place,
                0,
                0,
            ];
            remote.must("looking again", made::EPOLL_CTL, args)?;
        }
        self.tasks[index].give_back(remote.end()?);
        if let Ok(own) = own {
            memory::write(tid, place, &own)?;
        }
        Ok(())
    }

    fn edges(&self, index: usize, number: u64) -> Vec<Edge> {
        let tid = self.tasks[index].tid;
        let is_instance = |descriptor: &u64| {
            let target = descriptor::target(tid, *descriptor);
            target.is_some_and(|target| target.as_os_str() == "anon_inode:[eventpoll]")
        };
        let instances = descriptor::numbers(tid).into_iter().filter(is_instance);
        let edges = |instance: u64| {
            let watched = descriptor::watched_by_epoll(tid, instance).unwrap_or_default();
            let waits = |watched: &descriptor::Watched| {
                let how = watched.events & (EPOLLET | EPOLLONESHOT) as u32;
                watched.number == number && how == EPOLLET as u32
            };
            watched.into_iter().filter(waits).map(move |watched| {
                let mut event = [0; 12];
                event[..4].copy_from_slice(&watched.events.to_ne_bytes());
                event[4..].copy_from_slice(&watched.data.to_ne_bytes());
                Edge {
                    instance,
                    number,
                    event,
                }
            })
        };
        instances.flat_map(edges).collect()
    }
}
