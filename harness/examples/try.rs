//! Runs a program under the engine a number of times.
use crosswire::engine::{Engine, Isolation, Start, Target, first_difference};
use crosswire::model::{Plan, Rule, Schedule};
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runs: u64 = args[0].parse().unwrap();
    let seed: u64 = args[1].parse().unwrap();
    let target = Target {
        programs: vec![Start { name: args[2].rsplit('/').next().unwrap().into(), command: args[2..].to_vec() }],
        working_dir: std::env::current_dir().unwrap(),
        environment: std::env::vars().collect(),
        isolation: Isolation::Auto,
        children: vec![],
    };
    let cpu = std::env::var("CPU").ok().map(|c| c.parse().unwrap());
    let mut engine = Engine::start(&target, cpu.or(Some(1))).unwrap_or_else(|e| { eprintln!("{e}"); std::process::exit(2) });
    let begin = std::time::Instant::now();
    let mut first = None;
    let (mut steps, mut div) = (0, 0);
    for i in 0..runs {
        let s = if std::env::var("FIX").is_ok() { seed } else { seed + i };
        let plan = Plan { schedule: Schedule::new(if s == 0 { Rule::RunOn } else { Rule::RandomWalk { seed: s } }),
            faults: std::env::var("FAULT").into_iter().map(|f| f.parse().unwrap()).collect(), ..Plan::default() };
        let run = engine.run(&plan).unwrap();
        steps += run.trace.steps;
        if i == 0 || std::env::var("V").is_ok() {
            if std::env::var("Q").is_err() { for e in &run.trace.events { println!("{:4} {} {:?}", e.step, run.trace.name(e.task), e.what); } }
            println!("END {:?} left {:?}", run.trace.end, run.trace.leftovers);
            print!("{}", String::from_utf8_lossy(&run.stdout));
            print!("{}", String::from_utf8_lossy(&run.stderr));
        }
        if std::env::var("FIX").is_ok() {
            match &first { None => first = Some(run), Some(f) => if let Some(d) = first_difference(f, &run) { div += 1; println!("DIVERGED {i}: {d}"); } }
        } else { if i>0 && !matches!(run.trace.end, crosswire::model::End::Finished) { println!("{i}: {:?}", run.trace.end); } }
    }
    let t = begin.elapsed();
    println!("{runs} runs, {steps} steps, {:.1} us/run, {:.2} us/step, {div} divergent", t.as_micros() as f64 / runs as f64, t.as_micros() as f64 / steps as f64);
}
