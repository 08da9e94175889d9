//! A steered run as the lines of a Rust test. Its decisions are told by what tasks have done, so
//! that they keep their meaning when the program is repaired.

use crate::view;
use crosswire_model::{Action, Record, Switch, TaskId, Verdict};
use crosswire_report::{Explanation, escape};
use std::fmt::Write;

/// Characters of an event in a comment.
const WIDTH: usize = 60;

/// Returns a test that performs the run and expects it to pass.
pub(crate) fn test(record: &Record) -> String {
    let mut text = String::new();
    // Strings accept everything.
    let _ = write_test(record, &mut text);
    text
}

fn write_test(record: &Record, text: &mut String) -> std::fmt::Result {
    let first = record
        .programs
        .first()
        .map_or("run", |program| &program.name);
    writeln!(text, "#[test]\nfn steered_{}() {{", identifier(first))?;
    text.push_str(
        "    use crosswire::check::{Expectations, judge};\n    \
         use crosswire::engine::{Engine, Isolation, Listings, Start, Target};\n    \
         use crosswire::model::{",
    );
    let mut used = vec!["Plan", "Schedule", "StartUp", "Verdict"];
    if !record.plan.start_up.sent.is_empty() {
        used.push("Signal");
    }
    if !record.trace.switches.is_empty() {
        used.extend(["Switch", "TaskId"]);
    }
    used.sort_unstable();
    text.push_str(&used.join(", "));
    text.push_str(
        "};\n\n    \
         let start = |name: &str, command: &[&str]| Start {\n        \
             name: name.to_owned(),\n        \
             command: command.iter().map(|word| (*word).to_owned()).collect(),\n    };\n    \
         let mut environment: Vec<(String, String)> = std::env::vars().collect();\n    \
         environment.sort();\n    \
         let target = Target {\n        programs: vec![\n",
    );
    for program in &record.programs {
        let words: Vec<String> = program.command.iter().map(|word| literal(word)).collect();
        writeln!(
            text,
            "            start({}, &[{}]),",
            literal(&program.name),
            words.join(", ")
        )?;
    }
    text.push_str("        ],\n");
    writeln!(
        text,
        "        working_dir: {}.into(),",
        literal(&record.working_dir)
    )?;
    text.push_str(
        "        environment,\n        isolation: Isolation::Auto,\n        \
         disk_mib: Target::DISK_MIB,\n        children: Vec::new(),\n        \
         successors: Vec::new(),\n        listings: Listings::default(),\n    };\n",
    );
    write_plan(record, text)?;
    text.push_str(
        "    let mut engine = Engine::start(&target, None).expect(\"the programs can be started\");\n    \
         let run = engine.run(&plan).expect(\"the run can be performed\");\n",
    );
    if let Verdict::Violation(found) = &record.verdict {
        for violation in found {
            writeln!(text, "    // Was {}", view::sentence(violation))?;
        }
    }
    text.push_str(
        "    assert_eq!(judge(&run, &Expectations::default(), &[]), Verdict::Pass);\n}\n",
    );
    Ok(())
}

fn write_plan(record: &Record, text: &mut String) -> std::fmt::Result {
    let plan = &record.plan;
    writeln!(text, "    let plan = Plan {{\n        seed: {},", plan.seed)?;
    text.push_str("        schedule: Schedule::switching(vec![\n");
    for (switch, step) in record.trace.switches.iter().zip(&record.trace.deviations) {
        writeln!(text, "            // {}", comment(record, step.step))?;
        writeln!(text, "            {},", in_rust(switch))?;
    }
    text.push_str("        ]),\n");
    if !plan.faults.is_empty() {
        let faults = plan.faults.iter().map(|fault| literal(&fault.to_string()));
        let faults: Vec<String> = faults
            .map(|fault| format!("{fault}.parse().expect(\"a fault\")"))
            .collect();
        writeln!(text, "        faults: vec![{}],", faults.join(", "))?;
    }
    let mut actions = plan.faults.iter().map(|fault| fault.action);
    let pauses = actions.any(|action| matches!(action, Action::Pause(_)));
    for (set, name) in [
        (plan.clocks_are_free, "clocks_are_free"),
        (plan.ignores_clock_order, "ignores_clock_order"),
        (plan.watches_threads, "watches_threads"),
        (plan.chooses_every_step, "chooses_every_step"),
        (plan.proves_loops, "proves_loops"),
        (plan.pauses_take_time && pauses, "pauses_take_time"),
    ] {
        if set {
            writeln!(text, "        {name}: true,")?;
        }
    }
    let start_up = &plan.start_up;
    text.push_str("        start_up: StartUp {\n");
    for (set, name) in [
        (start_up.reads_own_files, "reads_own_files"),
        (start_up.comes_first, "comes_first"),
        (start_up.skips_wrappers, "skips_wrappers"),
        (start_up.loads_alike, "loads_alike"),
        (start_up.leaves_pages, "leaves_pages"),
        (start_up.leaves_shared_pages, "leaves_shared_pages"),
    ] {
        if set {
            writeln!(text, "            {name}: true,")?;
        }
    }
    if !start_up.shared_pages.is_empty() {
        let memories = start_up.shared_pages.iter();
        let memories =
            memories.map(|(name, ranges)| format!("({}.into(), vec!{ranges:?})", literal(name)));
        let memories: Vec<String> = memories.collect();
        writeln!(
            text,
            "            shared_pages: [{}].into(),",
            memories.join(", ")
        )?;
    }
    let contested = start_up
        .contested
        .iter()
        .map(|object| format!("{}.into()", literal(object)));
    let contested: Vec<String> = contested.collect();
    writeln!(
        text,
        "            contested: [{}].into(),",
        contested.join(", ")
    )?;
    let sent = start_up
        .sent
        .iter()
        .map(|signal| format!("Signal({})", signal.0));
    let sent: Vec<String> = sent.collect();
    writeln!(text, "            sent: [{}].into(),", sent.join(", "))?;
    if !start_up.errors.is_empty() {
        let errors = start_up.errors.iter();
        let errors: Vec<String> = errors.map(|error| format!("Errno({})", error.0)).collect();
        writeln!(text, "            errors: [{}].into(),", errors.join(", "))?;
    }
    text.push_str(
        "            ..StartUp::default()\n        },\n        ..Plan::default()\n    };\n",
    );
    Ok(())
}

/// Returns what happens in a step.
fn comment(record: &Record, step: u64) -> String {
    let mut events = record.trace.events.iter();
    let Some(index) = events.position(|event| event.step == step) else {
        return format!("step {step}");
    };
    let explanation = Explanation::of_record(record, None);
    let name = escape(&record.trace.name(record.trace.events[index].task));
    format!("step {step}: {name} {}", explanation.words(index, WIDTH))
}

fn in_rust(switch: &Switch) -> String {
    let after = match switch.after {
        Some((task, steps)) => format!("Some(({}, {steps}))", number(task)),
        None => "None".to_owned(),
    };
    format!("Switch {{ after: {after}, task: {} }}", number(switch.task))
}

fn number(task: TaskId) -> String {
    format!("TaskId({})", task.0)
}

/// Returns a text as a literal.
fn literal(text: &str) -> String {
    format!("{text:?}")
}

/// Returns a name as a part of an identifier.
fn identifier(name: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '_',
    };
    name.chars().map(letter).collect()
}
