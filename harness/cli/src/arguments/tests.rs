//! Reading the command line.

use super::values::{NamedCommand, seconds};
use super::*;
use clap::CommandFactory;

#[test]
fn the_command_line_is_well_formed() {
    CommandLine::command().debug_assert();
}

#[test]
fn named_commands_are_split_as_a_shell_does() {
    let named: NamedCommand = "a=./peer 'two words' x=y".parse().unwrap();
    assert_eq!(named.name, "a");
    assert_eq!(named.command, ["./peer", "two words", "x=y"]);
    assert!("a=".parse::<NamedCommand>().is_err());
    assert!("a:b=x".parse::<NamedCommand>().is_err());
    assert!("a='x".parse::<NamedCommand>().is_err());
}

#[test]
fn times_are_positive() {
    assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
    assert_eq!(seconds("1.5s"), seconds("1.5"));
    assert_eq!(seconds("250ms"), Ok(Duration::from_millis(250)));
    assert_eq!(seconds("2m"), Ok(Duration::from_secs(120)));
    assert_eq!(seconds("0.5h"), Ok(Duration::from_secs(1800)));
    for text in [
        "0", "-1", "nan", "inf", "1e300", "x", "s", "0s", "1d", "1 m",
    ] {
        assert!(seconds(text).is_err(), "{text}");
    }
}
