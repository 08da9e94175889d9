//! Which steps are taken to be independent of each other, over the whole table of calls: random
//! small programs, of which every order is tried.
//!
//! Two orders that differ only in steps taken to be independent must show every process the
//! same, whatever the footprints say; and the search that leaves such orders out must find as
//! many classes as are found without it.

use crate::exhaust::{ALL_ORDERS, exhaustion};
use crosswire_testing::building::{build_directory, compile, sources};
use crosswire_testing::engine::OwnCpu;
use crosswire_testing::measure;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Programs (see `programs/calls/calls.h`) each of which has shown a pair of steps that were
/// wrongly taken to be independent.
const CASES: &[(&str, &str)] = &[
    (
        "a number that another descriptor takes over",
        "pipe:p null:y ( dup2:yP ) close:P read:p",
    ),
    ("bytes from a device", "zero:z pipe:p ( splice:zP ) read:p"),
    (
        "a descriptor on its way",
        "pipe:p pair:s send.fd:sP close:P ( close:S ) close:S read:p",
    ),
    (
        "a directory's position for two",
        "mkdir:d open.dir:d getdents:d ( lseek:d ) getdents:d",
    ),
    (
        "mapped privately",
        "open.rw:a map.private:a load:a ( write:a write:a ) access:a load:a access:a load:a",
    ),
    (
        "a terminal's other side",
        "pty:h ( close:h exit ) close:h read:H poll.r:H",
    ),
    (
        "a group that a child inherits",
        "( fork ) setpgid:11 getpgid:2",
    ),
    ("a group too late", "( exec getpgrp ) setpgid:11"),
    (
        "a group that is gone",
        "( setpgid.own:1 ) ( setpgid.own:1 ) wait",
    ),
    ("waiting for a group", "( setpgid.own:1 ) wait.group"),
    ("a session that is gone", "( fork ) ( getsid:1 ) exit"),
    (
        "a limit of another process",
        "( prlimit.get:0 ) prlimit:1 prlimit.get:1",
    ),
    ("asking for who may be reaped", "( ) ( scheduler:1 ) wait"),
    (
        "asking for who is not there yet",
        "unix:u unix:v ( affinity:0 ) [ pidfd:0 ] nice:0",
    ),
    (
        "memory that is detached at the end",
        "shmget:k shmat:k ( exit ) shmstat:k",
    ),
    (
        "memory that a child has attached",
        "shmget:k shmat:k ( shmstat:k ) fork",
    ),
    ("all queues", "msgget:k msgget:l ( msgsnd:l ) msginfo"),
    (
        "the end of the parent",
        "handle ( pdeathsig access:a access:a ) exit",
    ),
    (
        "the end of a child among threads",
        "( wait ) [ pending ] wait",
    ),
    (
        "a thread's moment without signals",
        "open.rw:a ( removexattr:a ) [ chown:a ] stat:n",
    ),
    (
        "a stop reported to the parent",
        "handle.chld ( waitid.continued kill.stop:0 ) kill.stop:1 kill.stop:1",
    ),
    (
        "a lock on a FIFO",
        "mkfifo:n ( open.rw:n flock.x:n close:n ) open.rw:n flock.x:n",
    ),
    (
        "a sibling that a child creates",
        "( fork.sibling ) wait wait",
    ),
    (
        "a signal that bytes send",
        "handle pair:s setown.ioctl:s async:s ( send:S ) access:a access:b",
    ),
    (
        "a grandchild that is inherited",
        "subreaper ( fork exit ) wait wait",
    ),
    (
        "pages of a file in a pipe",
        "open.rw:a pipe:p splice:aP ( pwrite:a ) read.8:p",
    ),
    (
        "pages of a file in a socket",
        "open.rw:a pair:s sendfile:as ( pwrite:a ) read.8:S",
    ),
    (
        "bytes that move when there is room",
        "open.rw:a pipe:p setfl.block:P write.full:P ( sendfile:aP ) ( open.empty:a ) read.full:p",
    ),
    (
        "a file that moves in its overlay",
        "open.rw:a open.r:b ( copy:ba ) open.append:b",
    ),
    (
        "numbers of what has no name",
        "( pipe:p fstat:p ) pipe:q fstat:q",
    ),
    (
        "the number of what has two names",
        "open.new:n link:nm ( stat:n ) stat:m",
    ),
    (
        "a stop of the parent's own",
        "kill.term:1 ( kill.cont:0 ) kill.stop:0",
    ),
    (
        "a stop reported between two calls",
        "( kill.stop:1 ) handle.chld access:a access:b",
    ),
    (
        "mapped without a step",
        "open.rw:a map:a ( map.private:a add:a ) open.empty:a",
    ),
    ("reaped with its parent", "( access:a ) ( kill.0:1 ) fork"),
    (
        "the times of two files",
        "open.rw:a open.rw:b ( write:a ) write:b fstat:a stat:b",
    ),
    (
        "the times of a file and of what was another",
        "open.rw:a ( write:a rename:an ) write:b open.new:b fstat:b stat:n",
    ),
    (
        "the times of a directory",
        "mkdir:d ( open.new:n ) mkdir.in:dn stat:n stat:d",
    ),
    (
        "mapped and renamed",
        "open.rw:a map:a load:a rename:ab ( read:a ) load:a add:a",
    ),
];

/// Steps that have something to do with each other, and those that are taken before there is a
/// second process.
const THEMES: &[(&str, &str)] = &[
    (
        "open.rw:a open.r:b",
        "read:a write:a pread:a pwrite:a lseek:a lseek.end:a lseek.data:a ftruncate.4:a \
         ftruncate.16:a fallocate:a punch:a fstat:a stat:a truncate.4:a truncate.16:a copy:ba \
         copy:ab sendfile:ba sendfile:ab open.empty:a open.append:b write:b read:b read.8:a \
         setfl.append:a getfl:a lseek.hole:a splice:ab",
    ),
    (
        "memfd:m ftruncate.16:m",
        "map:m unmap:m seal.write:m seal.seal:m seals:m add:m load:m hostname hostname.set umask \
         open.create:n stat:n",
    ),
    (
        "",
        "mkdir:n rmdir:n unlink:n unlink:a rename:an rename:na rename:ab exchange:ab \
         exchange:an noreplace:ab noreplace:an link:an link:ab symlink:an readlink:n stat:n \
         stat:a lstat:n access:a open.new:n open.create:n open.r:a open.dir:n unlink:b stat:b \
         fstat:a symlink:na chmod:a truncate.4:a truncate.4:n",
    ),
    (
        "mkdir:d open.dir:d",
        "mkdir.in:dn rmdir:d rmdir.in:dn unlink.in:da openat:dn mkdirat:dn unlinkat:dn \
         linkat:da renameat:dn faccessat:dn fchdir:d chdir:d getdents:d getcwd rename:de \
         stat.in:dn stat:d fstat:d open.create:n stat:n chmod.0:d close:d mkdir:n rmdir:e \
         mkdir:d lseek:d chroot:d mkdir:a",
    ),
    (
        "open.rw:a",
        "chmod:a chmod.0:a chown:a utimes:a stat:a fstat:a access:a setxattr:a getxattr:a \
         listxattr:a removexattr:a fchmod:a setuid open.r:a umask write:a open.create:n stat:n \
         truncate.4:a link:an",
    ),
    (
        "open.rw:a open.rw:b",
        "lock.r:a lock.w:a lock.wait:a lock.un:a lock.get:a ofd.w:a ofd.un:a ofd.get:a \
         flock.s:a flock.x:a flock.wait:a flock.un:a close:a dup:a open.rw:a lock.wait:b \
         lock.w:b rename:an unlink:a lease:a open.w:a exit dup2:ba",
    ),
    (
        "pipe:p null:y zero:z ignore.pipe",
        "read:p write:P read.8:p write.8:P write.full:P write.4096:P close:p close:P fionread:p \
         pipe.size:p pipe.asked:P poll.r:p poll.w:P select:p dup:p dup:P dup2:yp dup2:yP \
         dup2:Pp splice:pP tee:pP vmsplice:P setfl.block:p getfl:p fionbio:p fstat:p setown:p \
         exec exit fork splice:zP splice:py close.all",
    ),
    (
        "open.rw:a pipe:p pipe:q ignore.pipe null:y",
        "sendfile:aP splice:aP pwrite:a read.8:p read.8:q splice:aQ read:p write:P close:p \
         close:P read:q write:Q close:q close:Q tee:pQ splice:pQ dup2:pq dup2:PQ dup2:yq \
         dup2:yQ poll.r:q poll.w:Q fionread:q exit",
    ),
    (
        "mkfifo:n ignore.pipe",
        "open.r:n open.w:n open.rw:n read:n write:n close:n unlink:n mkfifo:n flock.x:n \
         lock.w:n lock.get:n poll.r:n poll.w:n rename:na fionread:n stat:n fstat:n lseek:n exit",
    ),
    (
        "open.rw:a pair:s pipe:p ignore.pipe",
        "sendfile:as pwrite:a read.8:S send:s send:S recv:s recv:S peek:s shutdown.r:s \
         shutdown.w:s close:s close:S poll.r:s poll.w:S write:s read:S async:s setown.ioctl:s \
         send.fd:sP send.fd:sS recv.fd:SP close:p close:P read:p write:P poll.r:p sndbuf:s \
         sndbuf.get:s error:S cred:s peer:s fionread:S write.full:s dup2:ps exit exec",
    ),
    (
        "pair.d:s pipe:p",
        "send:s recv:S peek:S close:s close:S shutdown.w:s poll.r:S poll.w:s send.fd:sP \
         recv.fd:SP close:P close:p read:p peer:S error:s write:S read:s exit",
    ),
    (
        "unix:u unix:v",
        "bind.unix:u listen:u connect.unix:uv accept:uw close:u close:v close:w unlink:u stat:u \
         rename:un send:v recv:w peer:v cred:v poll.r:u poll.w:v listens:u mkdir:u open.new:u",
    ),
    (
        "unix.d:u unix.d:v udp:t udp:w",
        "bind.unix:u sendto.unix:uv recv:u close:u unlink:u poll.r:u bind.inet:t sendto.inet:tw \
         recv:t close:t poll.r:t connect.inet:tw send:w error:w connect.unix:uv send:v",
    ),
    (
        "tcp:t tcp:v",
        "bind.inet:t listen:t connect.inet:tv accept:tw close:t close:v close:w send:v recv:w \
         error:v peer:v poll.r:t poll.w:v listens:t bind.inet:v shutdown.w:v",
    ),
    (
        "eventfd:e epoll:g inotify:i pipe:p",
        "write.8:e read.8:e poll.r:e poll.w:e select:e epoll.add:ge epoll.add:gp epoll.wait:g \
         write:P read:p close:e close:g close:p close:P inotify.add:ia inotify.add:in read:i \
         poll.r:i poll.r:g write:a open.create:n unlink:a chmod:a fionread:i mkdir:n dup2:eg \
         rename:an",
    ),
    (
        "block signalfd:g",
        "read:g poll.r:g kill.usr1:0 kill.usr1:1 sigqueue:0 sigwait pending unblock close:g \
         tgkill:0 select:g ignore handle",
    ),
    (
        "memfd:m ftruncate.16:m map.none:s",
        "write:m read:m pread:m pwrite:m ftruncate.4:m fstat:m map:m add:m load:m unmap:m \
         seal.write:m seal.shrink:m seal.seal:m seals:m lseek:m close:m punch:m protect:m add:s \
         load:s exec",
    ),
    (
        "open.rw:a map:a",
        "add:a load:a write:a read:a pread:a truncate.4:a ftruncate.16:a open.empty:a unmap:a \
         protect:a msync:a map.private:a unlink:a rename:ab open.rw:b map:b add:b load:b \
         copy:ba punch:a fstat:a futex.wait:a futex.wake:a",
    ),
    (
        "map.none:s",
        "futex.wait0:s futex.wake:s futex.requeue:s futex.trylock:s futex.unlock:s add:s load:s \
         unmap:s protect:s exit kill.kill:1 kill.kill:0",
    ),
    (
        "msgget:k",
        "msgget:k msgget.new:k msgget.old:k msgget.private:l msgsnd:k msgrcv:k msgrcv.wait:k \
         msgrm:k msgstat:k msgstat.at:k msginfo msgget:l msgsnd:l msgrcv:l msgrm:l exit",
    ),
    (
        "semget:k",
        "semget:k semget.new:k sem.give:k sem.take:k sem.wait:k sem.undo:k sem.zero:k sem.get:k \
         sem.set:k sem.pid:k sem.waiters:k semrm:k exit exec",
    ),
    (
        "shmget:k",
        "shmget:k shmget.old:k shmat:k shmdt:k shmrm:k shmstat:k shmstat.at:k shminfo add:k \
         load:k exit fork exec kill.kill:1 shmget:l shmrm:l shmat:l",
    ),
    (
        "mq:m mq:n pipe:p",
        "mq:m mq.new:m mq.old:m mq.send:m mq.receive:m mq.attr:m mq.block:m mq.unlink:m \
         mq.notify:m close:m poll.r:m poll.w:m mq.send:n mq.unlink:n exit getfl:m \
         setfl.append:m epoll:g epoll.add:gm epoll.wait:g read.8:m",
    ),
    (
        "",
        "getppid getpgid:0 getpgid:1 getpgid:2 getsid:0 getsid:1 getpgrp setpgid:0 setpgid:1 \
         setpgid:11 setpgid:21 setpgid.own:0 setpgid.own:1 setpgid.own:2 setsid wait wait.for \
         wait.group wait.groups:1 waitid.look fork fork.sibling exec exit kill.0:0 kill.0:1 \
         kill.0:2 kill.group:1 kill.group:0 ignore.chld",
    ),
    (
        "",
        "kill.stop:1 kill.cont:1 kill.stop:0 kill.cont:0 kill.kill:1 wait wait.stopped \
         waitid.continued waitid.stopped waitid.look kill.term:1 getppid exit pending \
         handle.chld block setpgid:1 setsid",
    ),
    (
        "",
        "kill.usr1:0 kill.usr1:1 kill.usr1:2 tgkill:1 tgkill:0 sigqueue:0 sigqueue:1 handle \
         ignore block unblock pending suspend sigwait handle.chld ignore.chld exit wait fork \
         pdeathsig kill.term:0 kill.term:1 kill.0:1",
    ),
    (
        "",
        "prlimit:0 prlimit:1 prlimit.get:0 prlimit.get:1 nice:0 nice:1 nice.get:0 nice.get:1 \
         scheduler:0 scheduler:1 affinity:1 affinity:0 peek.at:0 peek.at:1 pidfd:0 pidfd:1 \
         poll.r:1 poll.r:0 kill.kill:1 exit wait setuid pdeathsig subreaper null:y open.r:a \
         fork ignore.chld kill.usr1:0 setpgid:1",
    ),
];

/// Steps that may not return, and so come last.
const LAST: &[&str] = &["exec", "exit", "suspend", "wait.for"];

/// One or two steps in each of two processes, or one in each of three; the second one may be a
/// thread. All of them concern one subject, or two.
fn small_programs() -> impl Strategy<Value = String> {
    subsequence(THEMES, 1..=2).prop_flat_map(|themes| {
        let words = |part: fn(&(&'static str, &'static str)) -> &'static str| {
            let texts = themes.iter().map(part);
            texts.flat_map(str::split_whitespace).collect::<Vec<_>>()
        };
        let (before, steps) = (words(|theme| theme.0), words(|theme| theme.1));
        let harmless = steps.iter().copied().filter(|step| !LAST.contains(step));
        let first = vec(select(harmless.collect::<Vec<_>>()), 0..=2);
        let taken = move |most| vec(select(steps.clone()), 1..=most);
        let kind = prop_oneof![5 => Just(("(", ")")), 1 => Just(("[", "]"))];
        let own = |most| (kind.clone(), taken(most));
        let two = (vec(own(2), 1), taken(2));
        let three = (vec(own(1), 2), taken(1));
        (Just(before), first, prop_oneof![two, three]).prop_map(
            |(before, first, (others, last))| {
                let mut all = [before, first].concat();
                for ((begin, end), steps) in others {
                    all.extend([&[begin][..], &steps, &[end]].concat());
                }
                all.extend(last);
                all.join(" ")
            },
        )
    })
}

/// Returns why the claim that nothing is left of a program would be wrong, if it would be; `None`
/// also where there are too many orders to try them all.
fn mistake(case: &str, program: &Path) -> Option<String> {
    /// Orders and classes of one program that are tried.
    const MOST: &str = "300";
    let reduced = exhaustion(&[case], program, &["--runs", MOST]);
    let all = exhaustion(&[case], program, &[ALL_ORDERS, &["--runs", MOST]].concat());
    let doubts = [&reduced["doubt"], &all["doubt"]];
    if let Some(doubt) = doubts.into_iter().find(|doubt| **doubt != Value::Null) {
        return Some(doubt.to_string());
    }
    let (found, wanted) = (&reduced["classes"], &all["classes"]);
    let is_whole = reduced["left"] == 0 && all["left"] == 0;
    (is_whole && found != wanted).then(|| format!("{found} classes of {wanted}"))
}

fn calls(directory: &Path) -> PathBuf {
    let sources = sources("harness/cli/tests/programs/calls");
    compile(&sources, directory, "calls")
}

#[test]
fn every_pair_that_was_missed_is_found() {
    let _cpu = OwnCpu::take();
    let programs = build_directory();
    let program = calls(programs.path());
    let wrong: Vec<_> = CASES
        .iter()
        .filter_map(|(name, case)| Some((name, mistake(case, &program)?)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Programs in which a call that was no step lets another task notice when it comes, with the
/// number of their classes: trying every order of the steps cannot show what is no step.
const STEPS: &[(&str, &str, u64)] = &[
    ("the name of the host", "( hostname.set ) hostname", 5),
    (
        "a memory file that is unmapped",
        "memfd:m ftruncate.16:m ( map:m unmap:m ) seal.write:m",
        6,
    ),
    (
        "permissions of what another thread makes",
        "[ umask ] open.new:n stat:n",
        20,
    ),
];

#[test]
fn what_others_can_notice_is_a_step() {
    let programs = build_directory();
    let program = calls(programs.path());
    for (name, case, wanted) in STEPS {
        let exhaustion = exhaustion(&[case], &program, &[]);
        assert_eq!(exhaustion["classes"], *wanted, "{name}: {exhaustion}");
    }
}

#[test]
fn no_two_calls_are_wrongly_taken_to_be_independent() {
    let _cpu = OwnCpu::take();
    let programs = build_directory();
    let program = calls(programs.path());
    let mut runner = TestRunner::new(Config {
        cases: measure("CROSSWIRE_PROGRAMS", 24) as u32,
        // What fails is added to the cases above.
        failure_persistence: None,
        ..Config::default()
    });
    let compared = runner.run(&small_programs(), |case| {
        let mistake = mistake(&case, &program);
        prop_assert!(mistake.is_none(), "{mistake:?}");
        Ok(())
    });
    compared.unwrap_or_else(|failure| panic!("{failure}"));
}
