//! An answer "there is nothing" is given only when there may be nothing.

use super::channel::answer;
use crate::model::Operation;

/// A value that was surely in the channel from one moment on, until another if
/// its receive was called then.
#[derive(Clone, Copy)]
pub(super) struct Stay {
    /// When its send had answered.
    pub(super) from: u64,
    /// When its receive was called; `None` if it was never received.
    pub(super) to: Option<u64>,
}

/// The first receive that answered "nothing" although at each moment between its
/// call and its answer the channel surely held something.
///
/// A channel may be empty at a moment if no value that is received later is
/// surely there (pattern `VWit` of Henzinger, Sezgin and Vafeiadis, CONCUR
/// 2013), and if those never received that are surely there by then are not more
/// than the receives that were cut off after having begun by then: each of them
/// may have taken one away. Each answer can be judged by itself: if a moment is
/// chosen for each, the values that must be gone by one are gone by the next, so
/// Hall's condition for assigning them to receives holds for all if it does for
/// each.
pub(super) fn first_false<'a>(
    stays: &[Stay],
    cut_off: &[&Operation],
    empties: &[&'a Operation],
) -> Option<&'a Operation> {
    if empties.is_empty() {
        return None;
    }
    let mut moments = moments(stays, cut_off, empties);
    moments.sort_unstable();
    let mut begun = vec![0; empties.len()];
    let (mut there, mut missing, mut takers) = (0_usize, 0_usize, 0_usize);
    let mut last_empty = 0;
    for (now, (_, what)) in moments.iter().enumerate() {
        let now = now + 1;
        match *what {
            What::Leaves => there -= 1,
            What::TakerBegins => takers += 1,
            What::EmptyBegins(i) => begun[i] = now,
            What::EmptyAnswers(i) if last_empty < begun[i] => return Some(empties[i]),
            What::EmptyAnswers(_) => {}
            What::Arrives => there += 1,
            What::ArrivesForGood => missing += 1,
        }
        if there == 0 && missing <= takers {
            last_empty = now;
        }
    }
    None
}

/// What changes at a moment. At equal times the order of these is the one that
/// accuses least: an operation precedes another only if it answered strictly
/// earlier than that was called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Leaves,
    TakerBegins,
    EmptyBegins(usize),
    EmptyAnswers(usize),
    Arrives,
    ArrivesForGood,
}

fn moments(stays: &[Stay], cut_off: &[&Operation], empties: &[&Operation]) -> Vec<(u64, What)> {
    let mut moments = Vec::with_capacity(2 * (stays.len() + empties.len()) + cut_off.len());
    for stay in stays {
        match stay.to {
            None => moments.push((stay.from, What::ArrivesForGood)),
            Some(to) if stay.from < to => {
                moments.push((stay.from, What::Arrives));
                moments.push((to, What::Leaves));
            }
            Some(_) => {}
        }
    }
    for receive in cut_off {
        moments.push((receive.called, What::TakerBegins));
    }
    for (i, receive) in empties.iter().enumerate() {
        moments.push((receive.called, What::EmptyBegins(i)));
        moments.push((answer(receive), What::EmptyAnswers(i)));
    }
    moments
}
