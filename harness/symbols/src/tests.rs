use super::*;
use crosswire_kernel::maps;
use crosswire_model::{Mapping, Moment, TaskId};

/// The mapping of this program that holds an address of its own code.
fn mapping_of(address: u64) -> Mapping {
    let mappings = maps::read(std::process::id() as i32).unwrap();
    let holds = |one: &Mapping| (one.start..one.end).contains(&address);
    mappings.into_iter().find(holds).unwrap()
}

#[inline(never)]
fn known() -> u64 {
    known as fn() -> u64 as usize as u64
}

#[test]
fn a_function_of_this_program_has_its_name_and_file() {
    let mapping = mapping_of(known());
    let frame = place(&Place {
        module: mapping.path.clone(),
        offset: known() - mapping.start + mapping.offset,
        instruction: String::new(),
    });
    assert!(frame.function.unwrap().ends_with("tests::known"));
    assert!(frame.file.unwrap().ends_with("symbols/src/tests.rs"));
    assert!(frame.line.is_some());
}

#[test]
fn a_damaged_stack_ends_the_search_and_nothing_else() {
    for garbage in [0_u8, 0x41, 0xff] {
        let capture = Capture {
            task: TaskId(0),
            step: 0,
            moment: Moment::Killed,
            registers: [known(), 0x7000, u64::MAX - 3],
            stack: vec![garbage; 4096],
            mappings: vec![mapping_of(known())],
        };
        let stack = stack(&capture);
        let function = stack.frames[0].function.as_ref().unwrap();
        assert!(function.ends_with("tests::known"), "{function}");
    }
}

#[test]
fn what_is_no_module_is_told_by_its_position() {
    for path in ["/etc/passwd", "/no/such/file", "[stack]", "/"] {
        let frame = place(&Place {
            module: path.to_owned(),
            offset: 0x10,
            instruction: String::new(),
        });
        assert_eq!((frame.address, frame.function), (0x10, None));
    }
}
