//! The histories of `fixtures/histories`: some show what random ones show too rarely.

use super::super::text::{Expected, Limits, read};
use super::super::{Object, Outcome};
use super::agreement;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// What the file expects of a history is what its checker says and exhaustive search
/// agrees with.
#[test]
fn histories_made_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/histories");
    let mut judged = 0;
    for entry in std::fs::read_dir(folder).expect("the fixtures are there") {
        let path = entry.expect("a file").path();
        let text = BufReader::new(File::open(&path).expect("a file"));
        for told in read(text, None, Limits::default()).expect("histories") {
            let name = format!("{}: {}", path.display(), told.name);
            let object = told.object.expect("it says what it is of");
            let checker = object.checker(&told.settings);
            let outcome = checker.check(&told.operations).expect("it can be judged");
            let said = match outcome {
                Outcome::Ok => Expected::Ok,
                Outcome::Violation(broken) => Expected::Broken {
                    rule: broken.rule.to_owned(),
                    sentence: broken.sentence,
                },
                Outcome::Inconclusive { .. } => panic!("{name}: undecided"),
            };
            assert_eq!(Some(said), told.expected, "{name}");
            if object != Object::Fairness {
                let agreed = agreement(object, &told.settings, checker.as_ref(), &told.operations);
                assert!(!matches!(agreed, Some(Err(_))), "{name}: {agreed:?}");
            }
            judged += 1;
        }
    }
    assert!(judged > 50, "{judged} histories");
}
