//! Who uses which page of the memory that processes share.
//!
//! What orders the uses of two processes in every run is that one has created the other, or has
//! learnt of its end, as for all objects (`footprint/contest.rs`). Uses that conflict and are in no
//! such order are choices of the schedule, so they have to be seen: a page that has some is not
//! left to anybody. Where one of them was not seen, because the page was left to its process, the
//! page is noted, and the run is repeated with a plan that says so.

use crate::footprint::contest::Contest;
use crate::memory::naming::Key;
use std::collections::{BTreeSet, HashMap};

/// Accesses by one process after which a page is left to it.
const ENOUGH: u32 = 32;

/// The same for a process that goes round: a loop that waits is to be recognised before by what
/// it looks at.
const ENOUGH_IN_ROUNDS: u32 = 512;

/// A process that uses memory: its number, its time, and what it knows of the times of others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageUser<'a> {
    pub number: usize,
    pub time: u32,
    pub known: &'a [u32],
}

/// A page: the number of its object, and where in it the page begins.
pub(crate) type PageOf = (u32, u64);

/// The users of the pages of a run.
#[derive(Debug, Default)]
pub(crate) struct PageUsers {
    pages: HashMap<PageOf, UsedPage>,
    /// Uses of whole objects: by the kernel, of which it is not known where they are.
    whole: HashMap<u32, Vec<PageUse>>,
    /// Uses by calls on files, and of everything: these say only whether a run is complete.
    by_calls: HashMap<Option<Key>, Vec<PageUse>>,
    /// Pages of which a use was not seen that conflicts with another one.
    pub missed: BTreeSet<PageOf>,
}

#[derive(Debug, Default)]
struct UsedPage {
    by: Vec<PageUse>,
    /// It has uses that conflict, or may have: it is not left in this run.
    is_shared: bool,
}

/// The uses by one process.
#[derive(Debug, Default)]
struct PageUse {
    user: usize,
    seen: Latest,
    /// When the page was left to it.
    unseen: Latest,
    accesses: u32,
    polls: Polls,
}

/// What a process finds as it was, again and again. Who waits for a word has to be seen waiting.
#[derive(Debug, Default)]
struct Polls {
    /// What it found last, by the place of the instruction and of the word.
    found: HashMap<(u32, u64), Option<u64>>,
    /// How often that was what it had found there before.
    repeated: u32,
}

/// The times of the latest uses.
#[derive(Debug, Default, Clone, Copy)]
struct Latest {
    read: Option<u32>,
    write: Option<u32>,
}

impl Latest {
    fn note(&mut self, writes: bool, time: u32) {
        match writes {
            true => self.write = Some(time),
            false => self.read = Some(time),
        }
    }

    /// Tells whether a use that writes, or only reads, conflicts with these, by somebody who knows
    /// of them up to this time.
    fn conflicts(&self, writes: bool, known: u32) -> bool {
        let is_later = |time: Option<u32>| time.is_some_and(|time| time > known);
        is_later(self.write) || writes && is_later(self.read)
    }
}

/// A use that changes nothing: the places of the instruction and of the word, and what it finds.
pub(crate) type FoundWord = (u32, u64, Option<u64>);

impl PageUse {
    /// Tells whether these uses are so many that the page may be left. Mostly they are no polls.
    fn are_enough(&self, enough: u32) -> bool {
        self.accesses > enough && self.accesses > 3 * self.polls.repeated
    }
}

impl PageUser<'_> {
    /// Returns what a process is to the users of pages, given its number.
    pub fn of(contest: &Contest, number: usize) -> PageUser<'_> {
        let known = contest.known_to(number);
        PageUser {
            number,
            time: known.get(number).copied().unwrap_or(0),
            known,
        }
    }

    fn knows_of(&self, other: usize) -> u32 {
        self.known.get(other).copied().unwrap_or(0)
    }

    fn conflicts(&self, writes: bool, other: &PageUse) -> bool {
        let known = self.knows_of(other.user);
        let uses = [other.seen, other.unseen];
        other.user != self.number && uses.iter().any(|uses| uses.conflicts(writes, known))
    }

    /// The same with what was not seen.
    fn meets_unseen(&self, writes: bool, other: &PageUse) -> bool {
        other.user != self.number && other.unseen.conflicts(writes, self.knows_of(other.user))
    }
}

/// Returns the uses by one process among those of all.
fn of_user(uses: &mut Vec<PageUse>, user: usize) -> &mut PageUse {
    let at = uses.iter().position(|one| one.user == user);
    let at = at.unwrap_or_else(|| {
        uses.push(PageUse {
            user,
            ..PageUse::default()
        });
        uses.len() - 1
    });
    &mut uses[at]
}

impl PageUsers {
    /// A process uses a page, and that is seen. Returns whether a use that conflicts was not.
    pub fn note(&mut self, page: PageOf, user: &PageUser<'_>, writes: bool) -> bool {
        let used = self.pages.entry(page).or_default();
        let whole = self.whole.get(&page.0).map_or(&[][..], Vec::as_slice);
        let mut others = used.by.iter().chain(whole);
        used.is_shared |= others.any(|other| user.conflicts(writes, other));
        let is_missed = used.by.iter().any(|other| user.meets_unseen(writes, other));
        let own = of_user(&mut used.by, user.number);
        own.seen.note(writes, user.time);
        own.accesses = own.accesses.saturating_add(1);
        if is_missed {
            self.missed.insert(page);
        }
        is_missed
    }

    /// What a process has just used, it has only looked at.
    pub fn note_look(&mut self, page: PageOf, user: usize, (place, word, found): FoundWord) {
        let Some(used) = self.pages.get_mut(&page) else {
            return;
        };
        let polls = &mut of_user(&mut used.by, user).polls;
        let before = polls.found.insert((place, word), found);
        polls.repeated += u32::from(before == Some(found));
    }

    /// A process may use all of an object. Returns the pages that have a use which conflicts and
    /// was not seen.
    pub fn note_whole(&mut self, object: u32, user: &PageUser<'_>) -> Vec<PageOf> {
        let mut missed = Vec::new();
        let pages = self.pages.iter_mut();
        for (page, used) in pages.filter(|(page, _)| page.0 == object) {
            used.is_shared |= used.by.iter().any(|other| user.conflicts(true, other));
            if used.by.iter().any(|other| user.meets_unseen(true, other)) {
                missed.push(*page);
            }
        }
        let whole = self.whole.entry(object).or_default();
        of_user(whole, user.number).seen.note(true, user.time);
        missed.sort_unstable();
        self.missed.extend(&missed);
        missed
    }

    /// A call of a process uses objects.
    pub fn note_call(&mut self, of: impl Fn(u32) -> bool, user: &PageUser<'_>, writes: bool) {
        let pages = self.pages.iter().filter(|(page, _)| of(page.0));
        let meets = |used: &UsedPage| used.by.iter().any(|one| user.meets_unseen(writes, one));
        let missed = pages.filter(|(_, used)| meets(used));
        self.missed.extend(missed.map(|(page, _)| *page));
    }

    /// A call of a process uses a file, or everything: objects that may be mapped later.
    pub fn note_file(&mut self, file: Option<Key>, user: &PageUser<'_>, writes: bool) {
        let uses = self.by_calls.entry(file).or_default();
        of_user(uses, user.number).seen.note(writes, user.time);
    }

    /// Tells whether a page may be left to a process that is about to use it, and whether for
    /// writing, too.
    pub fn may_be_left(
        &self,
        page: PageOf,
        user: &PageUser<'_>,
        writes: bool,
        goes_round: bool,
    ) -> Option<bool> {
        let used = self.pages.get(&page).filter(|used| !used.is_shared)?;
        let own = used.by.iter().find(|one| one.user == user.number)?;
        let enough = match goes_round {
            true => ENOUGH_IN_ROUNDS,
            false => ENOUGH,
        };
        let writes = writes || own.seen.write.is_some() || own.unseen.write.is_some();
        let whole = self.whole.get(&page.0).map_or(&[][..], Vec::as_slice);
        let mut others = used.by.iter().chain(whole);
        let is_alone = !others.any(|other| user.conflicts(writes, other));
        (own.are_enough(enough) && is_alone).then_some(writes)
    }

    /// A page of a file, or of memory without one, is left to a process.
    pub fn leave(&mut self, page: PageOf, user: &PageUser<'_>, writes: bool, file: Option<Key>) {
        if let Some(used) = self.pages.get_mut(&page) {
            of_user(&mut used.by, user.number)
                .unseen
                .note(writes, user.time);
        }
        let calls = [None, file].map(|file| self.by_calls.get(&file));
        let mut calls = calls.into_iter().flatten();
        if calls.any(|uses| uses.iter().any(|other| user.conflicts(writes, other))) {
            self.missed.insert(page);
        }
    }

    /// A page is not left to anybody in this run.
    pub fn keep_watched(&mut self, page: PageOf) {
        self.pages.entry(page).or_default().is_shared = true;
    }

    /// Returns the pages that are not left.
    pub fn shared(&self) -> impl Iterator<Item = PageOf> {
        let shared = self.pages.iter().filter(|(_, used)| used.is_shared);
        shared.map(|(page, _)| *page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_OF: PageOf = (0, 4096);
    const FILE: Option<Key> = Some(Key::File(1, 2));

    fn user(number: usize, time: u32, known: &[u32]) -> PageUser<'_> {
        PageUser {
            number,
            time,
            known,
        }
    }

    /// The uses of somebody who gets the page.
    fn leave(users: &mut PageUsers, who: &PageUser<'_>, writes: bool) {
        for _ in 0..=ENOUGH {
            assert_eq!(users.may_be_left(PAGE_OF, who, writes, false), None);
            users.note(PAGE_OF, who, writes);
        }
        assert_eq!(users.may_be_left(PAGE_OF, who, writes, true), None);
        let may = users.may_be_left(PAGE_OF, who, writes, false);
        assert_eq!(may, Some(writes));
        users.leave(PAGE_OF, who, writes, FILE);
    }

    #[test]
    fn a_page_is_not_left_to_a_process_that_waits_for_a_word() {
        let mut users = PageUsers::default();
        let who = user(0, 1, &[1]);
        for _ in 0..10 * ENOUGH {
            users.note(PAGE_OF, &who, false);
            users.note_look(PAGE_OF, 0, (7, 8, Some(0)));
            assert_eq!(users.may_be_left(PAGE_OF, &who, false, false), None);
        }
        (0..30 * ENOUGH).for_each(|_| assert!(!users.note(PAGE_OF, &who, true)));
        assert_eq!(users.may_be_left(PAGE_OF, &who, true, false), Some(true));
    }

    #[test]
    fn a_page_is_left_to_its_only_user_until_there_is_another() {
        let mut users = PageUsers::default();
        leave(&mut users, &user(1, 1, &[0, 1]), true);
        assert!(users.missed.is_empty());
        assert!(users.note(PAGE_OF, &user(2, 1, &[0, 0, 1]), false));
        assert_eq!(users.missed, [PAGE_OF].into());
        let again = users.may_be_left(PAGE_OF, &user(1, 1, &[0, 1]), true, false);
        assert_eq!(again, None);
        assert_eq!(users.shared().collect::<Vec<_>>(), [PAGE_OF]);
    }

    #[test]
    fn who_comes_early_is_no_surprise() {
        let mut users = PageUsers::default();
        let (first, second) = (user(1, 1, &[0, 1]), user(2, 1, &[0, 0, 1]));
        users.note(PAGE_OF, &first, true);
        assert!(!users.note(PAGE_OF, &second, true));
        (0..=ENOUGH).for_each(|_| assert!(!users.note(PAGE_OF, &first, true)));
        assert_eq!(users.may_be_left(PAGE_OF, &first, true, false), None);
        assert!(users.missed.is_empty());
    }

    #[test]
    fn all_may_read_what_none_writes() {
        let mut users = PageUsers::default();
        let (first, second) = (user(1, 1, &[0, 1]), user(2, 1, &[0, 0, 1]));
        leave(&mut users, &first, false);
        leave(&mut users, &second, false);
        assert!(users.missed.is_empty());
        // Not even the other reader writes there unseen.
        assert_eq!(users.may_be_left(PAGE_OF, &second, true, false), None);
        assert!(users.note(PAGE_OF, &second, true));
    }

    #[test]
    fn a_child_and_who_knows_its_end_may_have_what_the_other_had() {
        let mut users = PageUsers::default();
        leave(&mut users, &user(0, 1, &[1]), true);
        // Created at the parent's time 1, which is 2 from then on.
        leave(&mut users, &user(1, 1, &[1, 1]), true);
        assert!(users.missed.is_empty());
        assert!(!users.note(PAGE_OF, &user(0, 2, &[2, 1]), true));
        assert!(users.missed.is_empty(), "it has learnt of the end");
        assert!(
            users.note(PAGE_OF, &user(2, 1, &[1, 0, 1]), true),
            "a brother"
        );
    }

    #[test]
    fn what_the_kernel_may_have_used_is_not_left() {
        let mut users = PageUsers::default();
        let (first, second) = (user(1, 1, &[0, 1]), user(2, 1, &[0, 0, 1]));
        assert!(users.note_whole(0, &first).is_empty());
        (0..=ENOUGH).for_each(|_| assert!(!users.note(PAGE_OF, &second, true)));
        assert_eq!(users.may_be_left(PAGE_OF, &second, true, false), None);
        let mut users = PageUsers::default();
        leave(&mut users, &second, true);
        assert!(users.note_whole(1, &first).is_empty(), "another object");
        assert_eq!(users.note_whole(0, &first), [PAGE_OF]);
    }

    #[test]
    fn calls_on_the_file_change_no_decision() {
        let mut users = PageUsers::default();
        let (first, second) = (user(1, 1, &[0, 1]), user(2, 1, &[0, 0, 1]));
        users.note_file(FILE, &first, false);
        leave(&mut users, &second, false);
        assert!(users.missed.is_empty(), "both read");
        users.note(PAGE_OF, &second, true);
        assert_eq!(users.may_be_left(PAGE_OF, &second, true, false), Some(true));
        users.leave(PAGE_OF, &second, true, FILE);
        assert_eq!(users.missed, [PAGE_OF].into());
        users.missed.clear();
        users.note_call(|object| object == 1, &first, true);
        assert!(users.missed.is_empty());
        users.note_call(|_| true, &first, false);
        assert_eq!(users.missed, [PAGE_OF].into());
        users.missed.clear();
        users.note_file(None, &first, true);
        users.leave(PAGE_OF, &second, false, FILE);
        assert_eq!(users.missed, [PAGE_OF].into());
    }
}
