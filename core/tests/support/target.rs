//! Something that answers commands: a real server, or our node.

/// A server under test. Connections are named by the number [`Target::open`] gives.
pub trait Target {
    /// Opens another connection.
    fn open(&mut self) -> Result<usize, String>;
    /// Sends bytes; that the other side is gone is no error here, the next [`Target::receive`] tells.
    fn send(&mut self, conn: usize, bytes: &[u8]);
    /// What has come, waiting as long as patience says when nothing has.
    fn receive(&mut self, conn: usize, patience: Patience) -> Received;
    /// Closes a connection from this side.
    fn hang_up(&mut self, conn: usize);
    /// Lets time pass.
    fn wait(&mut self, millis: u64);
    /// This end's `address:port` and the server's.
    fn addresses(&self, conn: usize) -> (String, String);
}

/// How long to wait for bytes. Only a real server needs any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// They must come.
    Long,
    /// They may come.
    Short,
}

/// What came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The end of the connection.
    Closed,
    /// Nothing, and patience is at its end.
    Nothing,
}
