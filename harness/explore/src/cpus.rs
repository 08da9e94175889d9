//! The CPUs of an exploration.

/// Keeps the calling thread, and the explorations that it starts, to one CPU. Where the
/// kernel refuses they only take turns on the CPUs there are.
pub fn stay_on(cpu: usize) {
    let _ = crosswire_engine::pin(cpu);
}

/// Returns the CPUs that the calling thread may use.
pub fn available_cpus() -> Vec<usize> {
    let this_thread = nix::unistd::Pid::from_raw(0);
    let Ok(set) = nix::sched::sched_getaffinity(this_thread) else {
        return Vec::new();
    };
    (0..nix::sched::CpuSet::count())
        .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
        .collect()
}
