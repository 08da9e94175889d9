//! The terminal form: keys become commands, a view becomes a screen.

use crosswire_steer::{Side, View};
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

/// The keys for a reader.
const KEYS: &str = "\
  up, down      selects a task
  Enter, right  it takes the next step (also its number, 0 to 9)
  r             it takes steps up to one that others could notice
  left, Bksp    takes the last decision back
  n             makes it again; after `o`: the next step of the failure found
  g, e          one step, or all to the end, in the usual order
  x             the task takes the next step and is killed before its call
  f             the other faults that can befall its next step
  /             searches for a failure behind these decisions
  o             puts the steps of the failure found ahead
  w, t          saves a replay file; shows the lines of a Rust test
  i             with --demo: the text that A gives to B
  PgUp, PgDn    scrolls the objects
  :             any command; `:help` lists them
  q             ends the session
Marks: > usual next  ! the order of these steps matters  ~ others use the same";

/// What a key asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing that concerns the run.
    Nothing,
    /// A command is to be carried out.
    Command(String),
}

/// What lies over the screen.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    Nothing,
    /// Text to be read.
    Text(String),
    /// Faults to choose from, and the one selected.
    Faults(Vec<String>, usize),
    /// A command that is being typed.
    Typed(String),
}

/// State of the screen.
pub struct Screen {
    view: View,
    selected: usize,
    scrolled: u16,
    over: Over,
}

impl Screen {
    /// Shows a view; the task that would go in the usual order is selected.
    pub fn new(view: View) -> Screen {
        let mut screen = Screen {
            view,
            selected: 0,
            scrolled: 0,
            over: Over::Nothing,
        };
        screen.select_usual();
        screen
    }

    /// Shows another view. The selected task stays, as long as it can go.
    pub fn show(&mut self, view: View) {
        if view.said.contains('\n') {
            self.over = Over::Text(view.said.clone());
        }
        self.view = view;
        if !self
            .view
            .tasks
            .get(self.selected)
            .is_some_and(|task| task.can_go)
        {
            self.select_usual();
        }
    }

    /// Says that something takes its time.
    pub fn announce(&mut self, what: &str) {
        self.view.said = what.to_owned();
        self.view.refused = false;
    }

    fn select_usual(&mut self) {
        let usual = self.view.tasks.iter().position(|task| task.usual);
        self.selected = usual.unwrap_or(0);
    }

    /// Takes a key.
    pub fn press(&mut self, key: KeyEvent) -> Wish {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return command("quit");
        }
        match std::mem::replace(&mut self.over, Over::Nothing) {
            Over::Nothing => self.press_plain(key.code),
            Over::Text(_) => Wish::Nothing,
            Over::Faults(faults, at) => self.press_in_faults(key.code, faults, at),
            Over::Typed(text) => self.press_in_text(key.code, text),
        }
    }

    fn press_plain(&mut self, key: KeyCode) -> Wish {
        let selected = format!("#{}", self.selected);
        match key {
            KeyCode::Up => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down => {
                let last = self.view.tasks.len().saturating_sub(1);
                self.selected = (self.selected + 1).min(last);
            }
            KeyCode::PageUp => self.scrolled = self.scrolled.saturating_sub(5),
            KeyCode::PageDown => self.scrolled = self.scrolled.saturating_add(5),
            KeyCode::Enter | KeyCode::Right => return command(&format!("step {selected}")),
            KeyCode::Left | KeyCode::Backspace => return command("back"),
            KeyCode::Char(digit @ '0'..='9') => return command(&format!("step #{digit}")),
            KeyCode::Char('r') => return command(&format!("run {selected}")),
            KeyCode::Char('n') => return command("forward"),
            KeyCode::Char('g') => return command("go"),
            KeyCode::Char('e') => return command("end"),
            KeyCode::Char('x') => return command(&format!("kill {selected}")),
            KeyCode::Char('/') => return command("search"),
            KeyCode::Char('o') => return command("follow"),
            KeyCode::Char('w') => return command("save"),
            KeyCode::Char('t') => return command("test"),
            KeyCode::Char('q') => return command("quit"),
            KeyCode::Char('f') => {
                let task = self.view.tasks.get(self.selected);
                let faults = task.map(|task| task.faults.clone()).unwrap_or_default();
                self.over = match faults.is_empty() {
                    true => Over::Text("no fault can befall the next step of this task".into()),
                    false => Over::Faults(faults, 0),
                };
            }
            KeyCode::Char('i') if self.view.data.is_some() => {
                self.over = Over::Typed("data ".to_owned());
            }
            KeyCode::Char(':') => self.over = Over::Typed(String::new()),
            KeyCode::Char('?') => self.over = Over::Text(KEYS.to_owned()),
            _ => {}
        }
        Wish::Nothing
    }

    fn press_in_faults(&mut self, key: KeyCode, faults: Vec<String>, at: usize) -> Wish {
        let last = faults.len() - 1;
        match key {
            KeyCode::Enter => {
                return command(&format!("fault {} #{}", faults[at], self.selected));
            }
            KeyCode::Up => self.over = Over::Faults(faults, at.saturating_sub(1)),
            KeyCode::Down => self.over = Over::Faults(faults, (at + 1).min(last)),
            _ => {}
        }
        Wish::Nothing
    }

    fn press_in_text(&mut self, key: KeyCode, mut text: String) -> Wish {
        match key {
            KeyCode::Enter => return Wish::Command(text),
            KeyCode::Esc => return Wish::Nothing,
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(letter) => text.push(letter),
            _ => {}
        }
        self.over = Over::Typed(text);
        Wish::Nothing
    }

    /// Draws everything.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let tasks = self.view.tasks.len() as u16 + 2;
        let [head, tasks, rest, said, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(tasks.min(frame.area().height / 2)),
            Constraint::Min(3),
            Constraint::Length(2),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(Paragraph::new(self.head()), head);
        let room = tasks.height.saturating_sub(2);
        let hidden = (self.selected as u16 + 1).saturating_sub(room);
        let list = Paragraph::new(self.tasks()).scroll((hidden, 0));
        frame.render_widget(list.block(Block::bordered().title("tasks")), tasks);
        let [past, objects] = match rest.width < 80 {
            true => Layout::vertical([Constraint::Fill(1); 2]).areas(rest),
            false => Layout::horizontal([Constraint::Fill(1); 2]).areas(rest),
        };
        self.draw_past(frame, past);
        let shown = Paragraph::new(self.objects()).scroll((self.scrolled, 0));
        frame.render_widget(shown.block(Block::bordered().title("objects")), objects);
        let style = match self.view.refused {
            true => Style::new().fg(Color::Red),
            false => Style::new(),
        };
        let text = self.view.said.lines().next().unwrap_or_default();
        frame.render_widget(
            Paragraph::new(text).style(style).wrap(Wrap { trim: true }),
            said,
        );
        let keys = "Enter step  ← back  r run  x kill  f fault  / search  e end  : command  ? keys  q quit";
        let foot_text = match &self.over {
            Over::Typed(text) => Line::from(format!(":{text}█")),
            _ => Line::from(keys).style(Style::new().add_modifier(Modifier::DIM)),
        };
        frame.render_widget(Paragraph::new(foot_text), foot);
        self.draw_over(frame);
    }

    fn head(&self) -> Line<'_> {
        let view = &self.view;
        let ahead = match &view.ahead {
            Some(next) => format!("  ({} ahead: {next})", view.forward),
            None => String::new(),
        };
        match (&view.end, view.verdict) {
            (Some(end), Some(verdict)) => {
                let colour = match verdict {
                    "pass" => Color::Green,
                    "violation" => Color::Red,
                    _ => Color::Yellow,
                };
                let steps = format!("over after {} steps: ", view.step);
                Line::from(vec![
                    Span::raw(steps),
                    Span::styled(
                        verdict,
                        Style::new().fg(colour).add_modifier(Modifier::BOLD),
                    ),
                    Span::raw(format!(", {end}{ahead}")),
                ])
            }
            _ => Line::from(format!("before step {}{ahead}", view.step)),
        }
    }

    fn tasks(&self) -> Vec<Line<'_>> {
        let width = self
            .view
            .tasks
            .iter()
            .map(|task| task.name.chars().count())
            .max();
        let width = width.unwrap_or(0);
        let lines = self.view.tasks.iter().enumerate().map(|(index, task)| {
            let usual = if task.usual { '>' } else { ' ' };
            let matters = match (task.rivals.is_empty(), task.contested) {
                (false, _) => '!',
                (true, true) => '~',
                _ => ' ',
            };
            let text = format!(
                "{usual}{matters} {index} {:<width$}  {}",
                task.name, task.doing
            );
            let style = match task.can_go {
                true => Style::new(),
                false => Style::new().add_modifier(Modifier::DIM),
            };
            match index == self.selected {
                true => Line::styled(text, style.add_modifier(Modifier::REVERSED)),
                false => Line::styled(text, style),
            }
        });
        lines.collect()
    }

    fn draw_past(&self, frame: &mut Frame<'_>, area: Rect) {
        let room = usize::from(area.height.saturating_sub(2));
        let printed = self.view.stdout.lines().chain(self.view.stderr.lines());
        let printed: Vec<Line<'_>> = printed
            .map(|line| Line::styled(format!("│ {line}"), Style::new().fg(Color::Cyan)))
            .collect();
        let printed = &printed[printed.len().saturating_sub(room / 3)..];
        let events = &self.view.events;
        let first = events.len().saturating_sub(room - printed.len());
        let mut lines: Vec<Line<'_>> = events[first..]
            .iter()
            .map(|event| Line::from(format!("{:>5} {}: {}", event.step, event.name, event.words)))
            .collect();
        lines.extend_from_slice(printed);
        let past = Paragraph::new(lines);
        frame.render_widget(past.block(Block::bordered().title("what happened")), area);
    }

    fn objects(&self) -> Vec<Line<'_>> {
        /// Bytes of shared memory in a line.
        const BYTES: usize = 32;
        let mut lines: Vec<Line<'_>> = self.sides();
        for object in &self.view.objects {
            let mark = if object.touched { '*' } else { ' ' };
            let style = match object.touched {
                true => Style::new().add_modifier(Modifier::BOLD),
                false => Style::new(),
            };
            let text = format!("{mark} {}: {}", object.name, object.line);
            lines.push(Line::styled(text, style));
            for (label, fact) in &object.rows {
                lines.push(Line::from(format!("    {label}: {fact}")));
            }
            for cells in object.cells.chunks(BYTES).take(4) {
                let bytes: Vec<u8> = cells.iter().map(|cell| cell.byte).collect();
                lines.push(Line::from(format!("    \"{}\"", bytes.escape_ascii())));
            }
        }
        lines
    }

    /// Tells what the kernel did on each side.
    fn sides(&self) -> Vec<Line<'_>> {
        let sides = &self.view.sides;
        let row = |label: &str, of: &dyn Fn(&Side) -> String| {
            let columns: Vec<String> = sides
                .iter()
                .map(|side| format!("{:>8}", of(side)))
                .collect();
            Line::from(format!("  {label:<24}{}", columns.join("")))
        };
        match sides.is_empty() {
            true => Vec::new(),
            false => vec![
                row("what the kernel did", &|side| side.name.clone()),
                row("calls", &|side| side.calls.to_string()),
                row("bytes copied", &|side| side.copied.to_string()),
                row("waits", &|side| side.waits.to_string()),
                row("wake-ups", &|side| side.wake_ups.to_string()),
                row("(accesses to memory)", &|side| side.accesses.to_string()),
            ],
        }
    }

    fn draw_over(&self, frame: &mut Frame<'_>) {
        let (title, lines) = match &self.over {
            Over::Nothing | Over::Typed(_) => return,
            Over::Text(text) => {
                let lines = text.lines().map(Line::from).collect();
                ("any key closes this", lines)
            }
            Over::Faults(faults, at) => {
                let line = |(index, fault): (usize, &String)| match index == *at {
                    true => Line::styled(fault.clone(), Modifier::REVERSED),
                    false => Line::from(fault.clone()),
                };
                (
                    "inject which fault?",
                    faults.iter().enumerate().map(line).collect::<Vec<_>>(),
                )
            }
        };
        let area = frame.area();
        let width = lines
            .iter()
            .map(Line::width)
            .max()
            .unwrap_or(0)
            .max(title.len()) as u16
            + 4;
        let height = lines.len() as u16 + 2;
        let area = area.centered(
            Constraint::Length(width.min(area.width)),
            Constraint::Length(height.min(area.height)),
        );
        frame.render_widget(Clear, area);
        let text = Paragraph::new(lines).wrap(Wrap { trim: false });
        frame.render_widget(text.block(Block::bordered().title(title)), area);
    }
}

fn command(text: &str) -> Wish {
    Wish::Command(text.to_owned())
}

#[cfg(test)]
mod tests;
