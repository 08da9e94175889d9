//! Files of proc(5) that tell about the machine: how long it has been up, and what it has to do.
//! Programs see one that does nothing but this run.

use super::tasks::TICKS;
use crate::emulate::time::clock::SECOND;
use crate::run::session::Session;
use libc::{CLOCK_MONOTONIC, CLOCK_REALTIME};

/// Lines of `/proc/meminfo` that do not change while a machine is up.
const FIXED: [&str; 4] = ["MemTotal", "SwapTotal", "VmallocTotal", "Hugepagesize"];

/// The same on every machine: `/proc/sys/kernel/random/boot_id`.
pub(super) const BOOT_ID: &str = "c8055317-0000-4000-8000-000000000001\n";

impl Session<'_> {
    pub(super) fn uptime(&self, index: usize) -> String {
        let hundredths = self.up(index) / (SECOND / 100);
        let time = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        format!("{time} {time}\n")
    }

    pub(super) fn load(&self) -> String {
        let alive = self.tasks.iter().filter(|task| !task.is_gone());
        let last = self
            .tasks
            .iter()
            .map(|task| self.stable_pid(task.tid_inside.into()));
        let (count, last) = (alive.count(), last.max().unwrap_or(1));
        format!("0.00 0.00 0.00 1/{count} {last}\n")
    }

    /// `/proc/stat`, with as many CPUs and interrupts as there are.
    pub(super) fn activity(&self, text: &str) -> String {
        let up = self.clock.reading(CLOCK_MONOTONIC);
        let (idle, date) = (up / (SECOND / TICKS), self.clock.reading(CLOCK_REALTIME));
        let line = |line: &str| -> String {
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            match name {
                "btime" => format!("btime {}", date.saturating_sub(up) / SECOND),
                "processes" => format!("processes {}", self.tasks.len()),
                "procs_running" => format!("{name} 1"),
                cpu if cpu.starts_with("cpu") => {
                    let fields = rest.split_whitespace().enumerate();
                    let fields = fields.map(|(at, _)| if at == 3 { idle } else { 0 });
                    let fields: Vec<String> = fields.map(|field| field.to_string()).collect();
                    let gap = if cpu == "cpu" { "  " } else { " " };
                    format!("{cpu}{gap}{}", fields.join(" "))
                }
                _ => name.to_owned() + &" 0".repeat(rest.split_whitespace().count()),
            }
        };
        text.lines().map(|text| line(text) + "\n").collect()
    }

    pub(super) fn uuid(&mut self) -> String {
        let mut bytes = self.chance.draw(self.setup.plan.seed, 16);
        // Version 4, variant 1 (RFC 9562).
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = |range: std::ops::Range<usize>| -> String {
            let digits = bytes[range].iter().map(|byte| format!("{byte:02x}"));
            digits.collect()
        };
        let parts = [hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16)];
        parts.join("-") + "\n"
    }
}

/// Returns an amount that `/proc/meminfo` tells, in units of 1024 bytes.
fn amount(text: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let rest = lines.find(|line| line.0 == name).map(|line| line.1);
    let number = rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// Returns the memory of the machine, in units of 1024 bytes.
pub(crate) fn total_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    amount(&text, "MemTotal")
}

/// `/proc/meminfo` of a machine half of whose memory is free.
pub(super) fn memory(text: &str) -> String {
    let line = |line: &str| -> String {
        let Some((name, rest)) = line.split_once(':') else {
            return line.to_owned();
        };
        let value = match name {
            name if FIXED.contains(&name) => return line.to_owned(),
            "MemFree" | "MemAvailable" => amount(text, "MemTotal") / 2,
            "SwapFree" => amount(text, "SwapTotal"),
            _ => 0,
        };
        let unit = if rest.ends_with(" kB") { " kB" } else { "" };
        format!("{:<15} {value:>8}{unit}", format!("{name}:"))
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

/// What a control group of the machine's uses, if it uses nothing: its limits stay.
pub(super) fn usage(text: &str) -> String {
    let amount = |word: &str| {
        let (name, number) = word.split_once('=').unwrap_or(("", word));
        match number.parse::<f64>() {
            Ok(_) if name.is_empty() => "0".to_owned(),
            Ok(_) => format!("{name}=0"),
            Err(_) => word.to_owned(),
        }
    };
    let line = |line: &str| match line.contains("limit") {
        true => line.to_owned(),
        false => line.split(' ').map(amount).collect::<Vec<_>>().join(" "),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::{memory, usage};

    #[test]
    fn a_group_uses_nothing_and_keeps_its_limits() {
        let told = "cache 8192\nhierarchical_memory_limit 4096\nsome avg10=1.25 total=17\n";
        let expected = "cache 0\nhierarchical_memory_limit 4096\nsome avg10=0 total=0\n";
        assert_eq!(usage(told), expected);
    }

    #[test]
    fn half_of_the_memory_is_free() {
        let told = "MemTotal:       24684100 kB\nMemFree:          123456 kB\nDirty: 7 kB\n";
        let expected = "MemTotal:       24684100 kB\nMemFree:        12342050 kB\nDirty:                 0 kB\n";
        assert_eq!(memory(told), expected);
    }
}
