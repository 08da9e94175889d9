//! What a sandbox can keep apart on this machine, and what is lost where not.

use std::fmt;

/// One thing that a sandbox tries to provide. All are tried when a sandbox
/// starts; none is assumed from a version or a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// Namespaces can be had without being root outside.
    UserNamespace,
    /// Processes of a sandbox have pids of their own and die with it.
    PidNamespace,
    /// System V and POSIX message queues are apart.
    IpcNamespace,
    /// Mounts of the sandbox are invisible outside.
    MountNamespace,
    /// Ports and abstract socket names are apart.
    NetNamespace,
    /// A `/proc` that shows the sandbox's pids.
    Proc,
    /// An empty `/dev/shm` of its own.
    Shm,
    /// A `/dev/mqueue` that shows the sandbox's queues.
    Mqueue,
    /// The working directory can be written to and is restored after each run.
    WorkingDir,
    /// The same for `/tmp`.
    Tmp,
    /// The same for `/var/tmp`.
    VarTmp,
    /// `/dev/urandom` and `/dev/random` give the same bytes in each run.
    RandomDevices,
    /// 127.0.0.1 works.
    Loopback,
    /// Processes have the same pids in each run.
    FixedPids,
    /// Code and data have the same addresses in each run.
    FixedAddresses,
    /// Each run can have an ipc namespace of its own.
    IpcPerRun,
    /// Processes that lose their parent stay in reach of the harness.
    Reaping,
}

impl Feature {
    /// A short name for lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserNamespace => "user namespace",
            Self::PidNamespace => "pid namespace",
            Self::IpcNamespace => "ipc namespace",
            Self::MountNamespace => "mount namespace",
            Self::NetNamespace => "net namespace",
            Self::Proc => "private /proc",
            Self::Shm => "private /dev/shm",
            Self::Mqueue => "private /dev/mqueue",
            Self::WorkingDir => "throw-away working directory",
            Self::Tmp => "throw-away /tmp",
            Self::VarTmp => "throw-away /var/tmp",
            Self::RandomDevices => "fixed random devices",
            Self::Loopback => "loopback interface",
            Self::FixedPids => "fixed pids",
            Self::FixedAddresses => "fixed addresses",
            Self::IpcPerRun => "ipc namespace per run",
            Self::Reaping => "adoption of orphans",
        }
    }

    /// How a sandbox finds out whether it has this.
    pub fn test(self) -> &'static str {
        match self {
            Self::UserNamespace
            | Self::PidNamespace
            | Self::IpcNamespace
            | Self::MountNamespace
            | Self::NetNamespace => "cloned a process with it",
            Self::Proc | Self::Shm | Self::Mqueue => "mounted it",
            Self::WorkingDir | Self::Tmp | Self::VarTmp => "mounted an overlay",
            Self::RandomDevices => "mounted a file over them",
            Self::Loopback => "switched it on",
            Self::FixedPids => "wrote /proc/sys/kernel/ns_last_pid",
            Self::FixedAddresses => "called personality(ADDR_NO_RANDOMIZE)",
            Self::IpcPerRun => "made one and came back",
            Self::Reaping => "called prctl(PR_SET_CHILD_SUBREAPER)",
        }
    }

    /// What is lost without it.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::UserNamespace => "programs run with the capabilities the harness has outside",
            Self::PidNamespace => {
                "pids differ from run to run, and when the harness is killed, its programs are \
                 ended by an ordinary process, which may be killed too"
            }
            Self::IpcNamespace => {
                "System V objects and message queues are shared with everything on the machine; \
                 those a run leaves are removed only if it is seen to create them"
            }
            Self::MountNamespace => {
                "programs write to the real /dev/shm, /tmp and working directory; what they \
                 leave is removed only if they are seen to create it, and runs go on one at a time"
            }
            Self::NetNamespace => {
                "ports and abstract socket names are shared with everything on the machine"
            }
            Self::Proc => "programs that look for themselves in /proc under their pid fail",
            Self::Shm => {
                "shared memory objects are shared with everything on the machine; those a run \
                 leaves are removed only if it is seen to create them"
            }
            Self::Mqueue => {
                "a program that lists /dev/mqueue does not see its own queues; queues themselves \
                 work, and leftover ones are still found"
            }
            Self::WorkingDir => {
                "files that programs write to the working directory stay there and are seen by \
                 later runs"
            }
            Self::Tmp => "files that programs write to /tmp stay there and are seen by later runs",
            Self::VarTmp => {
                "files that programs write to /var/tmp stay there and are seen by later runs"
            }
            Self::RandomDevices => {
                "a program that reads /dev/urandom or /dev/random behaves differently in each run"
            }
            Self::Loopback => "programs cannot talk to 127.0.0.1",
            Self::FixedPids => "pids, and what depends on them, differ from run to run",
            Self::FixedAddresses => "addresses, and what depends on them, differ from run to run",
            Self::IpcPerRun => {
                "all runs use one ipc namespace: identifiers of System V objects differ from run \
                 to run"
            }
            Self::Reaping => {
                "a process that loses its parent can be found by the engine's tracing only"
            }
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A feature and whether this sandbox has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// What was tried.
    pub feature: Feature,
    /// Why it was not obtained, if it was not.
    pub outcome: Result<(), Loss>,
}

/// A feature that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What the kernel said, or what stood in the way.
    pub reason: String,
    /// What that means for runs, in a sentence.
    pub consequence: String,
}

/// All that a sandbox has and has not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    list: Vec<Capability>,
}

impl Capabilities {
    /// In the order in which they were tried.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.list.iter()
    }

    /// Whether the sandbox has `feature`. False also for one that it did not need
    /// to try.
    pub fn has(&self, feature: Feature) -> bool {
        self.list
            .iter()
            .any(|capability| capability.feature == feature && capability.outcome.is_ok())
    }

    /// What is missing.
    pub fn losses(&self) -> impl Iterator<Item = (Feature, &Loss)> {
        self.list
            .iter()
            .filter_map(|capability| Some((capability.feature, capability.outcome.as_ref().err()?)))
    }

    pub(super) fn gained(&mut self, feature: Feature) {
        self.list.push(Capability {
            feature,
            outcome: Ok(()),
        });
    }

    pub(super) fn lost(&mut self, feature: Feature, reason: impl Into<String>) {
        self.lost_with(feature, reason, feature.consequence());
    }

    pub(super) fn lost_with(
        &mut self,
        feature: Feature,
        reason: impl Into<String>,
        consequence: impl Into<String>,
    ) {
        let loss = Loss {
            reason: reason.into(),
            consequence: consequence.into(),
        };
        self.list.push(Capability {
            feature,
            outcome: Err(loss),
        });
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Capability { feature, outcome } in &self.list {
            match outcome {
                Ok(()) => writeln!(f, "{feature}: yes ({})", feature.test())?,
                Err(loss) => writeln!(f, "{feature}: no: {}; {}", loss.reason, loss.consequence)?,
            }
        }
        Ok(())
    }
}
