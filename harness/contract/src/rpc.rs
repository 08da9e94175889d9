//! Remote procedure calls: a request is carried out by another process, which
//! answers.

use super::{Contract, Error};

/// Result of a request, as the client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It was carried out, with this result.
    Done(u64),
    /// A server died with it: it was carried out or not, and never will be again.
    MaybeDone,
}

/// A service that has been created: a handle that its servers and clients inherit
/// when they are forked.
///
/// Dropping the handle removes what stands under a name; only the process that
/// created it is to do that.
pub trait Rpc: Sized {
    /// The end that calls.
    type Client: Client;
    /// The end that carries out.
    type Server: Server;

    /// Contract of the service.
    const CONTRACT: &'static Contract;

    /// Builds a new service. `servers` processes are ready to serve it, one at a time:
    /// the next begins when the one before has died.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn create(clients: usize, servers: usize) -> Result<Self, Error>;

    /// Returns the end of the client with this number, counted from 0.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn client(&mut self, number: usize) -> Result<Self::Client, Error>;

    /// Waits to become the server; `None` if all clients have gone before.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn server(&mut self) -> Result<Option<Self::Server>, Error>;
}

/// The end of a service that calls.
pub trait Client {
    /// Has a request carried out, at most once, however often it must be sent.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if no server is left; whether the request was carried
    /// out is not known then.
    fn call(&mut self, request: u64) -> Result<Reply, Error>;
}

/// The end of a service that carries out.
pub trait Server {
    /// Serves until all clients have gone.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn serve(&mut self, execute: &mut dyn FnMut(u64) -> u64) -> Result<(), Error>;
}
