//! Selection of the environment for programs: replay files contain all of it, and are
//! attached to bug reports.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Parts of names whose values do not belong into such a file.
const SECRET: &[&str] = &[
    "TOKEN",
    "SECRET",
    "PASSW",
    "CREDENTIAL",
    "APIKEY",
    "API_KEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
];

/// Tells whether a variable's name suggests that its value is a secret.
fn sounds_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET.iter().any(|part| name.contains(part))
}

/// An environment for programs under test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Names and values.
    pub variables: BTreeMap<String, String>,
    /// The names of those that are withheld because they sound secret, sorted.
    pub withheld: Vec<String>,
}

impl Environment {
    /// Returns the variables for the programs. `passed_on` are names that are never
    /// withheld. Leaves out variables that are not UTF-8, since no replay file could hold
    /// them.
    pub fn of(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        passed_on: &[String],
    ) -> Environment {
        let mut environment = Environment::default();
        for (name, value) in variables {
            let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) else {
                continue;
            };
            if sounds_secret(&name) && !passed_on.contains(&name) {
                environment.withheld.push(name);
            } else {
                environment.variables.insert(name, value);
            }
        }
        environment.withheld.sort();
        environment
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
        self.withheld.retain(|known| known != name);
    }

    /// Returns the form that the engine and replay files take, sorted.
    pub fn into_list(self) -> Vec<(String, String)> {
        self.variables.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_withheld_unless_named_or_set() {
        let own = ["HOME", "GITHUB_TOKEN", "DB_PASSWORD", "my_api_key", "A"];
        let own = own.map(|name| (name.into(), "x".into()));
        let mut environment = Environment::of(own, &["GITHUB_TOKEN".to_owned()]);
        assert_eq!(environment.withheld, ["DB_PASSWORD", "my_api_key"]);
        environment.set("A", "2");
        environment.set("DB_PASSWORD", "y");
        assert_eq!(environment.withheld, ["my_api_key"]);
        let list = environment.into_list();
        let list: Vec<(&str, &str)> = list.iter().map(|(n, v)| (&n[..], &v[..])).collect();
        assert_eq!(
            list,
            [
                ("A", "2"),
                ("DB_PASSWORD", "y"),
                ("GITHUB_TOKEN", "x"),
                ("HOME", "x")
            ]
        );
    }
}
