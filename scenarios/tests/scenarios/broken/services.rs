//! Services with one planted bug each: the generic scenario finds it, and names the
//! promise that is broken.

use super::{breaks, keeps, trial};
use crosswire::conformance::rpc;
use crosswire::contract::{Client, Contract, Error, Peril, Reply, Rpc, Server};
use crosswire::{Budget, scenario};
use crosswire_mechanisms::rpc::{UnixClient, UnixRpc, UnixServer};
use std::marker::PhantomData;

const BUDGET: Budget = Budget::runs(400);

/// Bug of a service.
trait Bug: 'static {
    /// Performs a call as the buggy client does.
    fn call(inner: &mut UnixClient, request: u64) -> Result<Reply, Error> {
        inner.call(request)
    }
    /// Carries out a request as the buggy server does.
    fn execute(request: u64, execute: &mut dyn FnMut(u64) -> u64) -> u64 {
        execute(request)
    }
}

/// A client that calls again, as if it were another request, when it is not sure.
struct RetriesWithNewId;
impl Bug for RetriesWithNewId {
    fn call(inner: &mut UnixClient, request: u64) -> Result<Reply, Error> {
        match inner.call(request)? {
            Reply::MaybeDone => inner.call(request),
            done => Ok(done),
        }
    }
}

/// A server that acknowledges, and means to carry it out later.
struct AcknowledgesFirst;
impl Bug for AcknowledgesFirst {
    fn execute(request: u64, _: &mut dyn FnMut(u64) -> u64) -> u64 {
        request * 1000 + 1
    }
}

/// A server that carries a request out once more, to be on the safe side.
struct ExecutesTwice;
impl Bug for ExecutesTwice {
    fn execute(request: u64, execute: &mut dyn FnMut(u64) -> u64) -> u64 {
        execute(request);
        execute(request)
    }
}

/// A client that takes silence for success.
struct BelievesItself;
impl Bug for BelievesItself {
    fn call(inner: &mut UnixClient, request: u64) -> Result<Reply, Error> {
        match inner.call(request)? {
            Reply::MaybeDone => Ok(Reply::Done(request * 1000 + 1)),
            done => Ok(done),
        }
    }
}

struct Broken<B>(UnixRpc, PhantomData<B>);
struct BrokenClient<B>(UnixClient, PhantomData<B>);
struct BrokenServer<B>(UnixServer, PhantomData<B>);

impl<B: Bug> Rpc for Broken<B> {
    type Client = BrokenClient<B>;
    type Server = BrokenServer<B>;
    const CONTRACT: &'static Contract = UnixRpc::CONTRACT;

    fn create(clients: usize, servers: usize) -> Result<Self, Error> {
        UnixRpc::create(clients, servers).map(|inner| Broken(inner, PhantomData))
    }
    fn client(&mut self, number: usize) -> Result<BrokenClient<B>, Error> {
        self.0
            .client(number)
            .map(|inner| BrokenClient(inner, PhantomData))
    }
    fn server(&mut self) -> Result<Option<BrokenServer<B>>, Error> {
        let server = self.0.server()?;
        Ok(server.map(|inner| BrokenServer(inner, PhantomData)))
    }
}

impl<B: Bug> Client for BrokenClient<B> {
    fn call(&mut self, request: u64) -> Result<Reply, Error> {
        B::call(&mut self.0, request)
    }
}

impl<B: Bug> Server for BrokenServer<B> {
    fn serve(&mut self, execute: &mut dyn FnMut(u64) -> u64) -> Result<(), Error> {
        self.0.serve(&mut |request| B::execute(request, execute))
    }
}

#[test]
fn a_retry_under_another_id_is_carried_out_twice() {
    let trial = trial(Peril::KillServer, 2, 2);
    keeps(&rpc::<UnixRpc>(scenario!("right"), trial).try_explore(BUDGET));
    let report = rpc::<Broken<RetriesWithNewId>>(scenario!("retries"), trial).try_explore(BUDGET);
    breaks(
        &report,
        UnixRpc::CONTRACT,
        Peril::KillServer,
        "at-most-once",
    );
}

#[test]
fn acknowledging_what_was_not_done_is_found() {
    let report = rpc::<Broken<AcknowledgesFirst>>(scenario!("first"), trial(Peril::None, 2, 2));
    breaks(
        &report.try_explore(BUDGET),
        UnixRpc::CONTRACT,
        Peril::None,
        "done-if-acknowledged",
    );
}

#[test]
fn carrying_out_twice_is_found() {
    let report = rpc::<Broken<ExecutesTwice>>(scenario!("twice"), trial(Peril::None, 2, 2));
    breaks(
        &report.try_explore(BUDGET),
        UnixRpc::CONTRACT,
        Peril::None,
        "at-most-once",
    );
}

#[test]
fn taking_silence_for_success_is_found() {
    let trial = trial(Peril::KillServer, 2, 2);
    let report = rpc::<Broken<BelievesItself>>(scenario!("believes"), trial).try_explore(BUDGET);
    breaks(
        &report,
        UnixRpc::CONTRACT,
        Peril::KillServer,
        "done-if-acknowledged",
    );
}
