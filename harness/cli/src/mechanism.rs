//! A page for each mechanism, generated from its contract.

use crate::failure::Failure;
use crosswire::contract::Contract;
use std::fmt::Write;

/// Builds the page of the mechanism of this name, in Markdown.
pub fn page_of(name: &str) -> Result<String, Failure> {
    let contracts = crosswire_scenarios::contracts();
    let Some(contract) = contracts.iter().find(|contract| contract.name == name) else {
        let names: Vec<&str> = contracts.iter().map(|contract| contract.name).collect();
        return Err(Failure::usage(format!(
            "unknown mechanism `{name}`; known are: {}",
            names.join(", ")
        )));
    };
    Ok(page(contract))
}

fn page(contract: &Contract) -> String {
    let mut page = format!("# {}\n\n{}\n\n", contract.name, contract.specification);
    let facts = [
        ("Holds", contract.capacity),
        ("Waits", contract.blocking),
        ("Linux, unlike POSIX", contract.linux),
    ];
    for (label, text) in facts.iter().filter(|(_, text)| !text.is_empty()) {
        writeln!(page, "* **{label}:** {text}").expect("strings accept everything");
    }
    page += "\n## Guarantees under faults\n\n";
    page += "| fault | guarantee | source |\n|---|---|---|\n";
    for promise in contract.promises {
        let (peril, text, source) = (promise.peril, promise.text, promise.source);
        writeln!(page, "| {peril} | {text} | {source} |").expect("strings accept everything");
    }
    if !contract.exemptions.is_empty() {
        page += "\n## Faults that do not apply\n\n";
    }
    for exemption in contract.exemptions {
        let (peril, because) = (exemption.peril, exemption.because);
        writeln!(page, "* {peril}: {because}").expect("strings accept everything");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mechanism_has_a_page_with_all_its_promises() {
        for contract in crosswire_scenarios::contracts() {
            let page = page_of(contract.name).unwrap();
            for promise in contract.promises {
                assert!(page.contains(promise.text), "{page}");
            }
        }
        assert!(page_of("carrier pigeon").is_err());
    }
}
