//! A program that is no test comes back to a case by its verb, as the command does.

use crosswire::Budget;
use crosswire::check::{Exit, Expectations, promise};
use crosswire::engine::{Isolation, Start, Target};
use crosswire::explore::{Changes, Exploration};
use crosswire::model::Verdict;
use crosswire_scenarios::{Case, Watch, cases, recorded, reenter};
use std::sync::atomic::AtomicBool;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["__scenario", name] => {
            let reason = reenter(name, &[]).expect_err("performing a scenario does not return");
            panic!("{reason}");
        }
        // What test runners ask every test program.
        [.., "--ignored"] if arguments.contains(&"--list") => {}
        _ if arguments.contains(&"--list") => println!("verb: test"),
        _ => {
            assert!(reenter("no/such/case", &[]).is_err());
            assert!(reenter("pipe/none/1-1", &[]).is_err());
            let case = cases().swap_remove(0);
            // Twice: every exploration leads back to the same case.
            for runs in [10, 20] {
                let report = case.explore(Budget::runs(runs), Watch::NOBODY);
                assert_eq!((report.verdict, report.runs), (Verdict::Pass, runs));
            }
            a_recorded_run_comes_out_the_same(&case);
        }
    }
}

/// Records a run of a case by finding fault with it for no reason, and replays it.
fn a_recorded_run_comes_out_the_same(case: &Case) {
    let program = std::env::current_exe().unwrap();
    let command = [program.to_str().unwrap(), "__scenario", &case.name];
    let mut exploration = Exploration::new(Target {
        programs: vec![Start {
            name: case.name.clone(),
            command: command.map(str::to_owned).to_vec(),
        }],
        working_dir: "/".into(),
        environment: vec![("CROSSWIRE_SCENARIO".into(), format!("{}#0", case.name))],
        isolation: Isolation::Auto,
        disk_mib: Target::DISK_MIB,
        children: vec!["sender1".to_owned(), "receiver1".to_owned()],
        successors: Vec::new(),
        listings: crosswire::engine::Listings::default(),
    });
    exploration.scenario = Some(format!("{}#0", case.name));
    exploration.checks = vec![promise("nothing", |_| Err("for no reason".to_owned()))];
    exploration.expectations = Expectations {
        exit: Exit::All,
        ..Expectations::default()
    };
    let report = exploration
        .explore(&AtomicBool::new(false), &|_| {})
        .unwrap();
    let mut record = report.found[0].record.clone();
    assert_eq!(recorded(&record).unwrap().name, case.name);
    assert_eq!(record.children, ["sender1", "receiver1"]);
    // The case's own checks find no fault with it.
    record.verdict = Verdict::Pass;
    let replay = case.replay(&record, Changes::Refuse).unwrap();
    assert_eq!((replay.verdict, replay.difference), (Verdict::Pass, None));
    record.programs[0].command[1] = "--exact".to_owned();
    assert!(recorded(&record).is_none());
}
