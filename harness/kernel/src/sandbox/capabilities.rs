//! Isolation that a sandbox can provide on this machine, and the consequences of what is
//! missing.

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
    /// Programs run in a user namespace below that of the sandbox, and so have no power over
    /// what the sandbox is made of.
    InnerNamespace,
    /// Devices of the machine cannot be opened.
    Devices,
    /// Terminals of the sandbox's own.
    Terminals,
    /// Settings of the machine, in `/proc` and `/sys`, cannot be changed.
    Settings,
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
    /// Returns a short name for lists.
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
            Self::InnerNamespace => "inner user namespace",
            Self::Devices => "devices out of reach",
            Self::Terminals => "private /dev/pts",
            Self::Settings => "read-only /proc/sys and /sys",
            Self::RandomDevices => "fixed random devices",
            Self::Loopback => "loopback interface",
            Self::FixedPids => "fixed pids",
            Self::FixedAddresses => "fixed addresses",
            Self::IpcPerRun => "ipc namespace per run",
            Self::Reaping => "adoption of orphans",
        }
    }

    /// Describes the test for this feature.
    pub fn test(self) -> &'static str {
        match self {
            Self::UserNamespace
            | Self::PidNamespace
            | Self::IpcNamespace
            | Self::MountNamespace
            | Self::NetNamespace => "cloned a process with it",
            Self::Proc | Self::Shm | Self::Mqueue | Self::Terminals => "mounted it",
            Self::InnerNamespace => "cloned a process with it inside",
            Self::Devices | Self::Settings => "changed the flags of their mounts",
            Self::WorkingDir | Self::Tmp | Self::VarTmp => "mounted an overlay",
            Self::RandomDevices => "mounted a file over them",
            Self::Loopback => "switched it on",
            Self::FixedPids => "wrote /proc/sys/kernel/ns_last_pid",
            Self::FixedAddresses => "called personality(ADDR_NO_RANDOMIZE)",
            Self::IpcPerRun => "entered one and returned",
            Self::Reaping => "called prctl(PR_SET_CHILD_SUBREAPER)",
        }
    }

    /// Describes the consequences of its absence.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::UserNamespace => {
                "programs of root keep only those of its capabilities that concern files, ids, \
                 their own processes and sockets"
            }
            Self::PidNamespace => {
                "pids differ from run to run and cannot be reused by a fault, and when the harness \
                 is killed, its programs are ended by an ordinary process, which may be killed too"
            }
            Self::IpcNamespace => {
                "System V objects and message queues are shared with the whole machine; leftovers \
                 of a run are removed only if the run is seen to create them"
            }
            Self::MountNamespace => {
                "programs write to the real /dev/shm, /tmp and working directory; leftovers are \
                 removed only if the run is seen to create them, files among them are not reported \
                 as leaks, and runs are performed one at a time"
            }
            Self::NetNamespace => {
                "ports and abstract socket names are shared with the whole machine"
            }
            Self::Proc => "programs that look for themselves in /proc under their pid fail",
            Self::Shm => {
                "shared memory objects are shared with the whole machine; leftovers of a run are \
                 removed only if the run is seen to create them"
            }
            Self::Mqueue => {
                "a program that lists /dev/mqueue does not see its own queues; queues themselves \
                 work, and leftover ones are still found"
            }
            Self::WorkingDir => {
                "files that programs write to the working directory stay there and are visible to \
                 later runs"
            }
            Self::Tmp => {
                "files that programs write to /tmp stay there and are visible to later \
                          runs"
            }
            Self::VarTmp => {
                "files that programs write to /var/tmp stay there and are visible to later runs"
            }
            Self::InnerNamespace => {
                "programs of root keep only those of its capabilities that concern files, ids, \
                 their own processes and sockets, and all runs use one network and one ipc \
                 namespace"
            }
            Self::Devices => {
                "programs can open the devices that they could open outside, disks included"
            }
            Self::Terminals => "programs cannot make terminals",
            Self::Settings => {
                "programs can change the settings of the machine that they could change outside"
            }
            Self::RandomDevices => {
                "a program that reads /dev/urandom or /dev/random behaves differently in each run"
            }
            Self::Loopback => "programs cannot talk to 127.0.0.1",
            Self::FixedPids => "pids and everything that depends on them differ from run to run",
            Self::FixedAddresses => {
                "addresses and everything that depends on them differ from run \
                                     to run"
            }
            Self::IpcPerRun => {
                "all runs use one ipc namespace: identifiers of System V objects differ from run \
                 to run"
            }
            Self::Reaping => "orphans can be found only through the tracer",
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
    /// Error of the kernel, or another obstacle.
    pub reason: String,
    /// Consequences for runs, in a sentence.
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

    /// Tells whether the sandbox has `feature`. False also for a feature that it did not
    /// need to try.
    pub fn has(&self, feature: Feature) -> bool {
        self.list
            .iter()
            .any(|capability| capability.feature == feature && capability.outcome.is_ok())
    }

    /// Returns the missing features.
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
