//! The part of an exploration that a process performs, where a scheduler says which.

use crosswire::explore::Shard;

/// Variables by which a scheduler tells a process which of several it is.
struct Scheduler {
    /// Variable with the number of the process.
    index: &'static str,
    /// The number of the first process, or the variable that holds it.
    first: First,
    /// Variable with the number of processes, if there is one.
    count: Option<&'static str>,
}

enum First {
    Number(u64),
    /// And the variable with the distance between two numbers.
    Told(&'static str, &'static str),
}

/// The schedulers, the outermost last.
const SCHEDULERS: &[Scheduler] = &[
    Scheduler {
        index: "SLURM_ARRAY_TASK_ID",
        first: First::Told("SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"),
        count: Some("SLURM_ARRAY_TASK_COUNT"),
    },
    // An indexed job of Kubernetes.
    Scheduler {
        index: "JOB_COMPLETION_INDEX",
        first: First::Number(0),
        count: None,
    },
    // GitLab CI with `parallel`.
    Scheduler {
        index: "CI_NODE_INDEX",
        first: First::Number(1),
        count: Some("CI_NODE_TOTAL"),
    },
    Scheduler {
        index: "CIRCLE_NODE_INDEX",
        first: First::Number(0),
        count: Some("CIRCLE_NODE_TOTAL"),
    },
    Scheduler {
        index: "BUILDKITE_PARALLEL_JOB",
        first: First::Number(0),
        count: Some("BUILDKITE_PARALLEL_JOB_COUNT"),
    },
    // GNU parallel, whose `{#}` is the same.
    Scheduler {
        index: "PARALLEL_SEQ",
        first: First::Number(1),
        count: None,
    },
];

/// Parses `K/N`, or `auto` or `auto/N`, where the scheduler says which part it is.
pub(super) fn shard(text: &str) -> Result<Shard, String> {
    named(text, &|name| std::env::var(name).ok())
}

fn named(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let count = match text.split_once('/') {
        None if text == "auto" => None,
        Some(("auto", count)) => Some(count),
        _ => return text.parse().map_err(|error| format!("{error}, or auto")),
    };
    let is_set = |scheduler: &&Scheduler| variable(scheduler.index).is_some();
    let Some(scheduler) = SCHEDULERS.iter().find(is_set) else {
        let names: Vec<&str> = SCHEDULERS.iter().map(|one| one.index).collect();
        return Err(format!(
            "no scheduler says which part this is: none of {} is set; write K/N",
            names.join(", ")
        ));
    };
    let number = |name: &str| {
        let value = variable(name).ok_or_else(|| format!("{name} is not set; write K/N"))?;
        let number = value.parse::<u64>();
        number.map_err(|_| format!("{name}={value} is not a number; write K/N"))
    };
    let count = match (count, scheduler.count) {
        (Some(count), _) => count
            .parse()
            .map_err(|_| format!("`{text}` names no number of parts; write auto/N"))?,
        (None, Some(name)) => number(name)?,
        (None, None) => {
            return Err(format!(
                "{} does not say of how many parts; write auto/N",
                scheduler.index
            ));
        }
    };
    let (first, step) = match scheduler.first {
        First::Number(first) => (first, 1),
        First::Told(first, step) => (
            number(first)?,
            variable(step).map_or(Ok(1), |_| number(step))?.max(1),
        ),
    };
    let index = number(scheduler.index)?;
    let place = index.checked_sub(first).filter(|place| place % step == 0);
    let part = place.and_then(|place| Shard::new(place / step + 1, count).ok());
    part.ok_or_else(|| {
        format!(
            "{}={index} is none of {count} parts that are numbered from {first} in steps of \
             {step}; write K/N",
            scheduler.index
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |name: &str| {
            let known = variables.iter().find(|(known, _)| *known == name);
            known.map(|(_, value)| (*value).to_owned())
        };
        named(text, &variable).map(|shard| shard.to_string())
    }

    #[test]
    fn schedulers_say_which_part_it_is() {
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "14"),
            ("SLURM_ARRAY_TASK_MIN", "10"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        assert_eq!(told("auto", &slurm).unwrap(), "3/4");
        let gitlab = [("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "4")];
        assert_eq!(told("auto", &gitlab).unwrap(), "1/4");
        let kubernetes = [("JOB_COMPLETION_INDEX", "0")];
        assert_eq!(told("auto/8", &kubernetes).unwrap(), "1/8");
        let circle = [("CIRCLE_NODE_INDEX", "3"), ("CIRCLE_NODE_TOTAL", "4")];
        assert_eq!(told("auto", &circle).unwrap(), "4/4");
        assert_eq!(told("auto/3", &[("PARALLEL_SEQ", "2")]).unwrap(), "2/3");
        assert_eq!(told("2/3", &slurm).unwrap(), "2/3");
    }

    #[test]
    fn what_is_not_said_is_not_guessed() {
        let refused = |text: &str, variables: &[(&str, &str)], words: &str| {
            let error = told(text, variables).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        };
        refused("auto", &[], "no scheduler says which part this is");
        refused("auto", &[("JOB_COMPLETION_INDEX", "0")], "write auto/N");
        refused("auto/x", &[("PARALLEL_SEQ", "1")], "write auto/N");
        refused("auto/8", &[("PARALLEL_SEQ", "9")], "none of 8 parts");
        refused(
            "auto",
            &[("CI_NODE_INDEX", "1")],
            "CI_NODE_TOTAL is not set",
        );
        let odd = [("CI_NODE_INDEX", "one"), ("CI_NODE_TOTAL", "2")];
        refused("auto", &odd, "CI_NODE_INDEX=one is not a number");
        // An array such as 1,3,7 has no steps.
        let gaps = [
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
        ];
        refused("auto", &gaps, "SLURM_ARRAY_TASK_ID=7 is none of 3 parts");
        refused("5/4", &[], "1 <= K <= N");
    }
}
