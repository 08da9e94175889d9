//! Report on a program tested against a contract, promise by promise.

use super::{Outcome, Row, Whole};
use crate::table;
use crosswire::conformance::injects;
use crosswire::contract::Facility;
use crosswire::model::Verdict;
use std::collections::BTreeSet;

impl Whole {
    /// Builds a row for each promise of the contract: what was tried, and the result.
    pub(super) fn promises(&self) -> String {
        let head = ["fault", "promise", "tried", "result"];
        let rows = self.rows.iter().map(|row| {
            let (fault, promise) = (row.fault.clone(), row.promise.clone());
            [fault, promise, row.tried(), row.result()]
        });
        let contract = self.rows.first().map_or("", |row| &row.mechanism);
        format!(
            "The contract of {contract}, promise by promise:\n\n{}\n",
            table::render(head, rows)
        )
    }
}

impl Row {
    fn tried(&self) -> String {
        let (runs, shapes) = (self.runs(), self.reports().len());
        let struck: u64 = self.reports().iter().map(|r| r.faults.struck).sum();
        match &self.outcome {
            Outcome::Exempt => String::new(),
            Outcome::Reports(_) => {
                let mut tried = count(runs, "run");
                if shapes > 1 {
                    tried += &format!(", {shapes} shapes");
                }
                if struck > 0 {
                    tried += &format!(", {}", count(struck, "fault"));
                } else if self.is_injected() {
                    tried += ", no point to inject it at";
                }
                tried
            }
        }
    }

    /// Tells whether its fault is injected into runs; a row knows only the fault's name.
    fn is_injected(&self) -> bool {
        let perils = Facility::ALL.iter().flat_map(|facility| facility.perils());
        let named = perils.filter(|peril| peril.to_string() == self.fault);
        named.copied().any(injects)
    }

    /// Returns `holds` or the kinds of violations found.
    fn result(&self) -> String {
        match self.verdict() {
            Some(Verdict::Pass) => "holds".to_owned(),
            Some(Verdict::Violation(found)) => {
                let kinds: BTreeSet<String> =
                    found.iter().map(|found| found.kind.to_string()).collect();
                let kinds: Vec<String> = kinds.into_iter().collect();
                format!("broken: {}", kinds.join(", "))
            }
            _ => self.word().to_owned(),
        }
    }
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
