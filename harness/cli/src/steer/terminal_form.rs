//! Steering in a terminal.

use super::screen::{Screen, Wish};
use crate::failure::Failure;
use crosswire_steer::{Said, Steering};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use std::io;

/// Steers by keys until the user is done.
pub fn converse(steering: &mut Steering) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::usage(format!("cannot use the terminal: {error}"));
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let result = attend(steering, &mut terminal);
    ratatui::restore();
    result.map_err(failed)
}

fn attend(steering: &mut Steering, terminal: &mut DefaultTerminal) -> io::Result<()> {
    let mut screen = Screen::new(steering.view());
    loop {
        terminal.draw(|frame| screen.draw(frame))?;
        let command = match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => match screen.press(key) {
                Wish::Command(command) => command,
                Wish::Nothing => continue,
            },
            _ => continue,
        };
        if command.trim_start().starts_with("search") {
            screen.announce("searching…");
            terminal.draw(|frame| screen.draw(frame))?;
        }
        if let Ok(Said::Quit) = steering.obey(&command) {
            return Ok(());
        }
        screen.show(steering.view());
    }
}
