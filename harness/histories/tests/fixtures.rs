//! The histories in `fixtures/histories`, legal and illegal ones of each kind of object,
//! with what each checker must say of them.

use crosswire_histories::text::{Expected, Limits, Told, read};
use crosswire_histories::{Object, Outcome};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

fn told(object: Object) -> Vec<Told> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/histories");
    let path = folder.join(format!("{}.txt", object.name()));
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let read = read(BufReader::new(file), None, Limits::default());
    read.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_verdict_is_the_expected_one() {
    for object in Object::all() {
        let (mut legal, mut illegal) = (0, 0);
        for told in told(object) {
            let name = format!("{}: {}", object.name(), told.name);
            assert_eq!(told.object, Some(object), "{name}");
            let checker = object.checker(&told.settings);
            let outcome = checker.check(&told.operations).expect(&name);
            match (told.expected.expect(&name), outcome) {
                (Expected::Ok, Outcome::Ok) => legal += 1,
                (Expected::Broken { rule, sentence }, Outcome::Violation(broken)) => {
                    assert_eq!(
                        (broken.rule, broken.sentence),
                        (rule.as_str(), sentence),
                        "{name}"
                    );
                    assert!(!broken.witness.is_empty(), "{name}");
                    illegal += 1;
                }
                (expected, outcome) => panic!("{name}: {outcome:?} instead of {expected:?}"),
            }
        }
        assert!(legal > 0 && illegal > 0, "{}", object.name());
    }
}
