//! What is on its way through pipes and sockets, and through calls that wait: who touches these
//! touches more than they.

use super::objects::{Descriptor, SOCKETS};
use crosswire_model::{TaskId, Touch, conflict};

/// What is on its way.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    /// Touches of closing what has been passed in messages: a socket that is closed, or a message
    /// that is received without its descriptors, takes it along (unix(7)).
    passed: Vec<Touch>,
    /// Pipes and sockets through which pages of files go, which are not copied: what is written to
    /// the file shows there (splice(2)).
    lent: Vec<(String, Touch)>,
    /// Tasks that wait while they move bytes, and what they touch when they go on: whoever lets
    /// them moves the bytes.
    moving: Vec<(TaskId, Vec<Touch>)>,
}

impl InFlight {
    /// A descriptor goes with a message.
    pub fn pass(&mut self, file: &Descriptor) {
        self.passed.extend(file.closed());
    }

    /// Bytes have gone from one of these to the other.
    pub fn lend(&mut self, one: &Descriptor, other: &Descriptor) {
        for (from, to) in [(one, other), (other, one)] {
            let is_from = |(through, _): &&(String, Touch)| *through == from.name;
            let mut lent: Vec<_> = self.lent.iter().filter(is_from).cloned().collect();
            if from.seekable {
                lent.push((from.name.clone(), Touch::read(&from.name)));
            }
            for (_, file) in lent.into_iter().filter(|_| !to.seekable) {
                let entry = (to.name.clone(), file);
                if !self.lent.contains(&entry) {
                    self.lent.push(entry);
                }
            }
        }
    }

    /// A task has begun to wait in a call that moves bytes.
    pub fn wait(&mut self, task: TaskId, touches: &[Touch]) {
        self.moving.push((task, touches.to_vec()));
    }

    /// Adds what tasks touch that may go on with moving bytes when these objects are touched, and
    /// forgets those which do not wait any more.
    pub fn add_moved(&mut self, touches: &mut Vec<Touch>, waits: impl Fn(TaskId) -> bool) {
        for (_, moved) in &self.moving {
            if conflict(moved, touches) {
                touches.extend_from_slice(moved);
            }
        }
        self.moving.retain(|(task, _)| waits(*task));
    }

    /// Adds what is on its way through the pipes and sockets that are touched.
    pub fn add(&self, touches: &mut Vec<Touch>) {
        if touches.iter().any(|touch| is_socket(&touch.object)) {
            touches.extend_from_slice(&self.passed);
        }
        let is_touched = |through: &String| touches.iter().any(|touch| touch.object == *through);
        let lent = self.lent.iter().filter(|(through, _)| is_touched(through));
        let lent: Vec<Touch> = lent.map(|(_, file)| file.clone()).collect();
        touches.extend(lent);
    }
}

/// Tells whether an object is a socket, or stands for several.
fn is_socket(object: &str) -> bool {
    object == SOCKETS || object.starts_with("socket pair ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(name: &str, seekable: bool) -> Descriptor {
        Descriptor {
            name: name.to_owned(),
            seekable,
            is_directory: false,
            may_write: false,
            is_nameless: !seekable,
            hangs_up: false,
        }
    }

    fn touched(in_flight: &InFlight, object: &str) -> Vec<Touch> {
        let mut touches = vec![Touch::write(object)];
        in_flight.add(&mut touches);
        touches.split_off(1)
    }

    #[test]
    fn a_socket_takes_along_what_was_passed() {
        let mut in_flight = InFlight::default();
        in_flight.pass(&descriptor("pipe 1 of a", false));
        let closed = descriptor("pipe 1 of a", false).closed();
        assert_eq!(touched(&in_flight, "socket pair 1 of a"), closed);
        assert!(touched(&in_flight, "pipe 1 of a").is_empty());
    }

    #[test]
    fn pages_go_from_pipe_to_pipe() {
        let mut in_flight = InFlight::default();
        let (file, pipe) = (descriptor("file a", true), descriptor("pipe 1 of a", false));
        in_flight.lend(&pipe, &file);
        in_flight.lend(&pipe, &descriptor("pipe 2 of a", false));
        assert_eq!(touched(&in_flight, "pipe 1 of a"), [Touch::read("file a")]);
        assert_eq!(touched(&in_flight, "pipe 2 of a"), [Touch::read("file a")]);
        assert!(touched(&in_flight, "pipe 3 of a").is_empty());
    }

    #[test]
    fn who_makes_room_lets_bytes_move() {
        let mut in_flight = InFlight::default();
        let moved = [Touch::write("pipe 1 of a"), Touch::write("file a")];
        in_flight.wait(TaskId(1), &moved);
        let mut other = vec![Touch::write("file b")];
        in_flight.add_moved(&mut other, |_| true);
        assert_eq!(other, [Touch::write("file b")]);
        let mut reading = vec![Touch::write("pipe 1 of a")];
        in_flight.add_moved(&mut reading, |_| false);
        assert!(reading.contains(&Touch::write("file a")));
        let mut again = vec![Touch::write("pipe 1 of a")];
        in_flight.add_moved(&mut again, |_| false);
        assert_eq!(again.len(), 1);
    }
}
