//! Commands, one a line: what all forms of steering speak.

use crosswire_model::Action;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A command. Tasks are called by name, by an unambiguous beginning of it, or by number as `#2`.
///
/// ```
/// use crosswire_steer::Command;
/// assert_eq!("step a".parse(), Ok(Command::Step("a".to_owned())));
/// assert_eq!("back".parse(), Ok(Command::Back(1)));
/// assert!("stop a".parse::<Command>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The task takes one step.
    Step(String),
    /// The task takes steps up to one that touches something contested, until it waits or ends.
    Run(String),
    /// This number of steps in the usual order.
    Go(u64),
    /// All further steps in the usual order.
    End,
    /// The task takes one step, and a fault strikes it there.
    Fault {
        /// The fault.
        action: Action,
        /// The task.
        task: String,
        /// True if it strikes once the call has blocked.
        blocked: bool,
    },
    /// Takes decisions back.
    Back(usize),
    /// Makes decisions again that were taken back.
    Forward(usize),
    /// Goes to this step, back or forward.
    To(u64),
    /// Searches for a failure in runs that begin like this one, for this time.
    Search(Duration),
    /// Puts the steps of the failure found ahead, to be gone with [`Command::Forward`].
    Follow,
    /// Lets the run end in the usual order, and saves it as a replay file.
    Save(Option<PathBuf>),
    /// The lines of a Rust test that performs the run; saved if there is a file.
    Test(Option<PathBuf>),
    /// Gives the programs of a demo another text.
    Data(String),
    /// Shows where the run stands.
    Show,
    /// Shows the commands.
    Help,
    /// Ends the session.
    Quit,
}

/// The commands for a reader.
pub const HELP: &str = "\
  step TASK           TASK takes the next step (also: the task's name alone)
  run TASK            TASK takes steps up to the next one that others could notice, until it
                      waits or ends
  go [N], end         N steps, or all to the end, in the usual order
  kill TASK           TASK takes the next step and is killed before its call
  fault FAULT TASK [blocked]
                      the same with another fault of `crosswire run --faults`: errno(ENOSPC),
                      short-io(1), interrupt, full, lose-signal, delay-signal(20), pause(20),
                      clock-jump(3600), reuse-pid, no-memory; blocked: once the call waits
  full, short, lose, interrupt, pause, jump TASK
                      short for such faults
  back [N], forward [N], to STEP
                      takes decisions back; makes them again
  search [SECONDS]    is there a failure behind these decisions? [10 seconds]
  follow              puts the steps of the failure found ahead: go there with `forward`
  save [FILE]         a replay file of this run, ended in the usual order
  test [FILE]         the lines of a Rust test that performs it
  data TEXT           with --demo: the text that A gives to B
  show, help, quit
TASK is a name, its beginning, or a number such as #2.";

/// Seconds that a search takes unless said otherwise.
const SEARCH: u64 = 10;

/// The longest search, in seconds.
const LONGEST_SEARCH: u64 = 24 * 3600;

/// Reason why a text is not a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCommand {
    /// There is no such command.
    #[error("unknown command `{0}`; `help` lists the commands")]
    Word(String),
    /// Something is missing or too much.
    #[error("write it as `{0}`")]
    Form(&'static str),
    /// There is no such fault.
    #[error(transparent)]
    Fault(#[from] crosswire_model::ParseFaultError),
}

impl FromStr for Command {
    type Err = UnknownCommand;

    fn from_str(line: &str) -> Result<Command, UnknownCommand> {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let task = |form| match rest.is_empty() {
            true => Err(UnknownCommand::Form(form)),
            false => Ok(rest.to_owned()),
        };
        let file = (!rest.is_empty()).then(|| PathBuf::from(rest));
        let fault = |action: &str, form| {
            Ok::<_, UnknownCommand>(Command::Fault {
                action: action.parse()?,
                task: task(form)?,
                blocked: false,
            })
        };
        Ok(match word {
            "" | "show" => Command::Show,
            "step" | "s" => Command::Step(task("step TASK")?),
            "run" | "r" => Command::Run(task("run TASK")?),
            "go" | "g" => Command::Go(number(rest, 1, "go [N]")?),
            "end" => Command::End,
            "fault" => faults(rest)?,
            "kill" => fault("kill", "kill TASK")?,
            "full" => fault("full", "full TASK")?,
            "short" => fault("short-io(1)", "short TASK")?,
            "lose" => fault("lose-signal", "lose TASK")?,
            "interrupt" => fault("interrupt", "interrupt TASK")?,
            "pause" => fault("pause", "pause TASK")?,
            "jump" => fault("clock-jump", "jump TASK")?,
            "back" | "b" => Command::Back(small(rest, "back [N]")?),
            "forward" | "f" => Command::Forward(small(rest, "forward [N]")?),
            "to" => match rest.parse() {
                Ok(step) => Command::To(step),
                Err(_) => return Err(UnknownCommand::Form("to STEP")),
            },
            "search" => {
                let seconds = number(rest, SEARCH, "search [SECONDS]")?;
                Command::Search(Duration::from_secs(seconds.min(LONGEST_SEARCH)))
            }
            "follow" => Command::Follow,
            "save" => Command::Save(file),
            "test" => Command::Test(file),
            "data" => Command::Data(task("data TEXT")?),
            "help" | "?" => Command::Help,
            "quit" | "q" | "exit" => Command::Quit,
            _ => return Err(UnknownCommand::Word(word.to_owned())),
        })
    }
}

/// Reads `FAULT TASK [blocked]`.
fn faults(rest: &str) -> Result<Command, UnknownCommand> {
    const FORM: UnknownCommand = UnknownCommand::Form("fault FAULT TASK [blocked]");
    let (action, task) = rest.split_once(char::is_whitespace).ok_or(FORM)?;
    let task = task.trim();
    let blocked = task.strip_suffix("blocked").map(str::trim_end);
    let blocked = blocked.filter(|name| !name.is_empty() && name.len() + 7 < task.len());
    Ok(Command::Fault {
        action: action.parse()?,
        task: blocked.unwrap_or(task).to_owned(),
        blocked: blocked.is_some(),
    })
}

fn number(text: &str, usual: u64, form: &'static str) -> Result<u64, UnknownCommand> {
    match text {
        "" => Ok(usual),
        text => match text.parse() {
            Ok(0) | Err(_) => Err(UnknownCommand::Form(form)),
            Ok(number) => Ok(number),
        },
    }
}

fn small(text: &str, form: &'static str) -> Result<usize, UnknownCommand> {
    let number = number(text, 1, form)?;
    usize::try_from(number).map_err(|_| UnknownCommand::Form(form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let read = |line: &str| line.parse::<Command>();
        assert_eq!(read(" s  app.1 "), Ok(Command::Step("app.1".into())));
        assert_eq!(
            read("step two words"),
            Ok(Command::Step("two words".into()))
        );
        assert_eq!(read("go"), Ok(Command::Go(1)));
        assert_eq!(read("b 3"), Ok(Command::Back(3)));
        assert_eq!(read(""), Ok(Command::Show));
        assert_eq!(
            read("search 2"),
            Ok(Command::Search(Duration::from_secs(2)))
        );
        assert_eq!(
            read("save x y.json"),
            Ok(Command::Save(Some("x y.json".into())))
        );
        let fault = |line: &str| match read(line) {
            Ok(Command::Fault {
                action,
                task,
                blocked,
            }) => format!("{action} {task} {blocked}"),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(fault("kill a"), "kill a false");
        assert_eq!(fault("fault errno(EIO) a"), "errno(EIO) a false");
        assert_eq!(fault("fault kill a blocked"), "kill a true");
        assert_eq!(fault("fault kill blocked"), "kill blocked false");
        assert_eq!(fault("jump a"), "clock-jump(3600) a false");
    }

    #[test]
    fn what_is_no_command_says_how_to_write_it() {
        let told = |line: &str| line.parse::<Command>().unwrap_err().to_string();
        assert_eq!(told("step"), "write it as `step TASK`");
        assert_eq!(told("back 0"), "write it as `back [N]`");
        assert_eq!(told("to x"), "write it as `to STEP`");
        assert_eq!(
            told("fault kill"),
            "write it as `fault FAULT TASK [blocked]`"
        );
        assert!(told("fault melt a").contains("known: kill"));
        assert!(told("\u{1b}[2J").starts_with("unknown command"));
    }
}
