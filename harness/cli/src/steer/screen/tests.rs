use super::*;
use crosswire_steer::{ObjectView, TaskView};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

fn task(number: u32, name: &str, can_go: bool, usual: bool) -> TaskView {
    TaskView {
        number,
        name: name.to_owned(),
        state: "ready",
        doing: format!("write({number}, \"x\")"),
        can_go,
        usual,
        contested: false,
        rivals: Vec::new(),
        faults: vec!["kill".to_owned(), "short-io(1)".to_owned()],
    }
}

fn view() -> View {
    View {
        step: 7,
        back: 7,
        forward: 0,
        ahead: None,
        end: None,
        verdict: None,
        tasks: vec![
            task(0, "app", false, false),
            task(1, "app.1", true, true),
            task(2, "app.2", true, false),
        ],
        objects: vec![ObjectView {
            kind: "pipe",
            name: "pipe 1".to_owned(),
            line: "3 of 65,536 bytes".to_owned(),
            level: Some((3, 65536)),
            rows: vec![("content", "\"abc\"".to_owned())],
            cells: Vec::new(),
            touched: true,
        }],
        events: Vec::new(),
        earlier: 0,
        stdout: "hello\n".to_owned(),
        stderr: String::new(),
        faults: Vec::new(),
        data: None,
        sides: Vec::new(),
        said: String::new(),
        refused: false,
    }
}

fn press(screen: &mut Screen, keys: &[KeyCode]) -> Wish {
    let mut asked = Wish::Nothing;
    for key in keys {
        asked = screen.press(KeyEvent::from(*key));
    }
    asked
}

fn drawn(screen: &Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let rows = buffer.content.chunks(width.into());
    let rows = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn keys_become_commands() {
    use KeyCode::{Char, Down, Enter, Esc, Left};
    let mut screen = Screen::new(view());
    assert_eq!(press(&mut screen, &[Enter]), command("step #1"));
    assert_eq!(press(&mut screen, &[Down, Char('r')]), command("run #2"));
    assert_eq!(
        press(&mut screen, &[Down, Down, Char('x')]),
        command("kill #2")
    );
    assert_eq!(press(&mut screen, &[Left]), command("back"));
    assert_eq!(
        press(&mut screen, &[Char('f'), Down, Enter]),
        command("fault short-io(1) #2")
    );
    assert_eq!(press(&mut screen, &[Char('f'), Esc]), Wish::Nothing);
    assert_eq!(
        press(&mut screen, &[Char(':'), Char('t'), Char('o'), Enter]),
        command("to")
    );
    assert_eq!(
        press(&mut screen, &[Char(':'), Char('q'), Esc]),
        Wish::Nothing
    );
    // A text over the screen is closed by any key.
    assert_eq!(press(&mut screen, &[Char('?'), Char('e')]), Wish::Nothing);
    assert_eq!(press(&mut screen, &[Char('e')]), command("end"));
    let quit = KeyEvent::new(Char('c'), KeyModifiers::CONTROL);
    assert_eq!(screen.press(quit), command("quit"));
}

#[test]
fn the_selected_task_stays_as_long_as_it_can_go() {
    let mut screen = Screen::new(view());
    press(&mut screen, &[KeyCode::Down]);
    screen.show(view());
    assert_eq!(screen.selected, 2);
    let mut next = view();
    next.tasks[2].can_go = false;
    screen.show(next);
    assert_eq!(screen.selected, 1);
    screen.show(View {
        tasks: Vec::new(),
        ..view()
    });
    assert_eq!(
        press(&mut screen, &[KeyCode::Down, KeyCode::Enter]),
        command("step #0")
    );
}

#[test]
fn everything_has_its_place_on_large_and_small_screens() {
    let screen = Screen::new(view());
    let large = drawn(&screen, 100, 24);
    for part in [
        "before step 7",
        "> ",
        "1 app.1  write(1, \"x\")",
        "pipe 1: 3 of 65,536",
        "│ hello",
    ] {
        assert!(large.contains(part), "{part}: {large}");
    }
    for (width, height) in [(40, 12), (20, 6), (1, 1), (200, 3)] {
        drawn(&screen, width, height);
    }
    assert!(drawn(&screen, 40, 20).contains("pipe 1"));
}

#[test]
fn refusals_and_ends_are_shown() {
    let mut screen = Screen::new(view());
    screen.show(View {
        said: "`app` cannot take a step".to_owned(),
        refused: true,
        end: Some("all processes have ended".to_owned()),
        verdict: Some("pass"),
        ..view()
    });
    let shown = drawn(&screen, 90, 20);
    assert!(
        shown.contains("over after 7 steps: pass, all processes have ended"),
        "{shown}"
    );
    assert!(shown.contains("`app` cannot take a step"), "{shown}");
}
