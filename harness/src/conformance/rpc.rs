//! The scenario of a service: some clients call, one of several servers answers.

use super::history::{end, failed, had_death, had_error, of, was_killed};
use super::{Trial, faults, names, promising};
use crate::scenario::{Log, Named, Scenario, mark};
use crosswire_check::{Check, promise};
use crosswire_contract::{Client, Error, Peril, Reply, Rpc, Server};
use std::ops::Range;
use std::sync::Arc;

/// Number of calls of each client.
const CALLS: u64 = 2;

/// Value that a client logs when the result of its request is unknown.
const MAYBE: i64 = -1;

/// Returns the scenario of a trial, under a name made by [`scenario!`](crate::scenario!).
pub fn rpc<R: Rpc + 'static>(named: Named, trial: Trial) -> Scenario<'static, R> {
    let mut clients = names("client", trial.some);
    if trial.peril == Peril::Contend {
        clients.push("stranger".to_owned());
    }
    let (count, servers) = (clients.len(), trial.others);
    let mut scenario =
        named.setup(move || R::create(count, servers).unwrap_or_else(|error| panic!("{error}")));
    for (number, name) in clients.iter().enumerate() {
        let first = 100 * (number as u64 + 1);
        scenario = scenario.process(name, move |service: &mut R, log| {
            call_all(service, number, first..first + CALLS, log)
        });
    }
    let servers = names("server", servers);
    for name in &servers {
        scenario = scenario.process(name, |service: &mut R, log| {
            let Some(mut server) = service.server()? else {
                return Ok(());
            };
            server.serve(&mut |request| {
                let begun = log.begin("execute", request);
                // Half way through, as far as others can see.
                mark(request);
                begun.answer(answer(request));
                answer(request)
            })
        });
    }
    let killed = [
        (Peril::KillClient, "client1"),
        (Peril::KillServer, "server1"),
    ];
    promising(scenario, R::CONTRACT, trial.peril)
        .check(at_most_once())
        .check(done_if_acknowledged())
        .check(unknown_only_after_death(servers))
        .faults(faults(trial.peril, &killed))
}

/// Returns the result of a request.
fn answer(request: u64) -> u64 {
    request * 1000 + 1
}

fn call_all<R: Rpc>(
    service: &mut R,
    number: usize,
    requests: Range<u64>,
    log: &Log,
) -> Result<(), Error> {
    let mut client = service.client(number)?;
    for request in requests {
        let begun = log.begin("call", request);
        match client.call(request) {
            Ok(Reply::Done(result)) => begun.answer(result),
            Ok(Reply::MaybeDone) => begun.answer(MAYBE),
            Err(error) => {
                begun.fail();
                match error {
                    Error::TimedOut { .. } | Error::Closed { .. } => return Ok(()),
                    error => return Err(error),
                }
            }
        }
    }
    Ok(())
}

/// Checks that no request is carried out twice, not even partially.
fn at_most_once() -> Arc<dyn Check> {
    promise("at-most-once", |run| {
        let mut seen = std::collections::BTreeMap::new();
        for execution in of(run, "execute") {
            if let Some(first) = seen.insert(execution.value, &execution.process) {
                return Err(format!(
                    "request {} was begun by {first} and again by {}",
                    execution.value.unwrap_or_default(),
                    execution.process
                ));
            }
        }
        Ok(())
    })
}

/// Checks that an acknowledged request was carried out, within the call, with this
/// result.
fn done_if_acknowledged() -> Arc<dyn Check> {
    promise("done-if-acknowledged", |run| {
        for call in of(run, "call") {
            let Some(result) = call.answer().filter(|result| *result != MAYBE) else {
                continue;
            };
            let request = call.value.unwrap_or_default();
            if result != answer(request as u64) as i64 {
                return Err(format!("request {request} was answered with {result}"));
            }
            let mut executions = of(run, "execute").filter(|e| e.value == Some(request));
            let within =
                |e: &crosswire_model::Operation| e.called > call.called && end(e) < end(call);
            if !executions.any(within) {
                return Err(format!(
                    "request {request} was acknowledged but not carried out"
                ));
            }
        }
        Ok(())
    })
}

/// Checks that the result of a request is unknown to its client only if a server died.
fn unknown_only_after_death(servers: Vec<String>) -> Arc<dyn Check> {
    promise("unknown-only-after-death", move |run| {
        let dead = servers.iter().any(|server| was_killed(run, server));
        let in_the_dark = |call: &&crosswire_model::Operation| {
            (failed(call) && !had_death(run)) || (call.answer() == Some(MAYBE) && !dead)
        };
        match of(run, "call").find(in_the_dark) {
            Some(call) if !had_error(run) => Err(format!(
                "{} did not learn the result of its request although no server died",
                call.process
            )),
            _ => Ok(()),
        }
    })
}
