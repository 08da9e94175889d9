//! The CPUs of an exploration.

/// Keeps the calling thread, and the explorations that it starts, to one CPU. Where the
/// kernel refuses they only take turns on the CPUs there are.
pub fn stay_on(cpu: usize) {
    let _ = crosswire_engine::pin(cpu);
}

/// Returns the CPUs that the calling thread may use, from the one that it is on upwards and
/// then from the lowest.
///
/// The kernel puts a thread where least runs when it begins (sched-domains.rst of the kernel's
/// documentation). Whoever needs one CPU takes the first: explorations that know nothing of one
/// another would otherwise all share the same.
pub fn available_cpus() -> Vec<usize> {
    let this_thread = nix::unistd::Pid::from_raw(0);
    let Ok(set) = nix::sched::sched_getaffinity(this_thread) else {
        return Vec::new();
    };
    let mut cpus: Vec<usize> = (0..nix::sched::CpuSet::count())
        .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
        .collect();
    let here = nix::sched::sched_getcpu();
    let at = here.map_or(0, |here| cpus.partition_point(|&cpu| cpu < here));
    // The set may have changed meanwhile.
    if at < cpus.len() {
        cpus.rotate_left(at);
    }
    cpus
}

#[cfg(test)]
mod tests {
    use super::{available_cpus, stay_on};

    #[test]
    fn the_cpu_in_use_comes_first() {
        let all = available_cpus();
        for &cpu in &all {
            let pinned = std::thread::spawn(move || {
                stay_on(cpu);
                available_cpus()
            });
            assert_eq!(pinned.join().expect("it ends"), [cpu]);
        }
        let mut sorted = all.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), all.len());
    }
}
