//! The histories of `fixtures/histories`: some show what random ones show too rarely.

use super::super::Object;
use super::super::text::{Expected, Limits, read};
use super::agreement;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

#[test]
fn histories_made_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/histories");
    let mut judged = 0;
    for entry in std::fs::read_dir(folder).expect("the fixtures are there") {
        let path = entry.expect("a file").path();
        let text = BufReader::new(File::open(&path).expect("a file"));
        for told in read(text, None, Limits::default()).expect("histories") {
            let object = told.object.expect("it says what it is of");
            if object == Object::Fairness {
                continue;
            }
            let checker = object.checker(&told.settings);
            let agreed = agreement(object, &told.settings, checker.as_ref(), &told.operations);
            let expected = Ok(told.expected == Some(Expected::Ok));
            let name = format!("{}: {}", path.display(), told.name);
            assert_eq!(agreed.unwrap_or(expected.clone()), expected, "{name}");
            judged += 1;
        }
    }
    assert!(judged > 50, "{judged} histories");
}
