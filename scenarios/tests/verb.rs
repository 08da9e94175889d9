//! A program that is no test comes back to a case by its verb, as the command does.

use crosswire::Budget;
use crosswire::model::Verdict;
use crosswire_scenarios::{Watch, cases, reenter};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["__scenario", name] => {
            let reason = reenter(name).expect_err("performing a scenario does not return");
            panic!("{reason}");
        }
        // What test runners ask every test program.
        [.., "--ignored"] if arguments.contains(&"--list") => {}
        _ if arguments.contains(&"--list") => println!("verb: test"),
        _ => {
            assert!(reenter("no/such/case").is_err());
            assert!(reenter("pipe/none/1-1").is_err());
            let case = cases().swap_remove(0);
            // Twice: every exploration leads back to the same case.
            for runs in [10, 20] {
                let report = case.explore(Budget::runs(runs), Watch::NOBODY);
                assert_eq!((report.verdict, report.runs), (Verdict::Pass, runs));
            }
        }
    }
}
