//! Steering in a browser: a page on this machine only.

mod gate;

use crate::failure::Failure;
use crate::{interrupt, terminal};
use crosswire_steer::{Command, Said, Steering};
use gate::{Asked, Gate, Refusal};
use std::io::Read;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tiny_http::{Header, Method, Request, Response, Server};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Bytes of a command; nobody writes a longer one.
const LONGEST: u64 = 4096;

/// How long a signal waits to be noticed.
const LOOK: Duration = Duration::from_millis(200);

/// What every answer says: nothing but this page's own files, nothing kept, nothing passed on.
const HEADERS: [(&str, &str); 6] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
];

/// Serves the page until somebody ends the session.
pub fn serve(steering: &mut Steering, port: u16) -> Result<(), Failure> {
    let stop = interrupt::stop_flag()?;
    let server = Server::http(("127.0.0.1", port)).map_err(|error| {
        Failure::usage(format!(
            "cannot listen on port {port} of 127.0.0.1: {error}; --web 0 takes a free port"
        ))
    })?;
    let address = server.server_addr().to_ip();
    let port = address.map_or(port, |address| address.port());
    let gate = Gate::new(port, token()?);
    terminal::print(&format!(
        "steer at {}\nCtrl-C ends the session\n",
        gate.address()
    ));
    while !stop.load(Ordering::Relaxed) {
        let request = server.recv_timeout(LOOK).map_err(|error| {
            Failure::invalid(format!("cannot receive a request of the page: {error}"))
        })?;
        if let Some(request) = request
            && attend(steering, &gate, request)
        {
            break;
        }
    }
    Ok(())
}

/// Returns 128 random bits, in hexadecimal.
fn token() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::invalid(format!("cannot get random bytes: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Answers a request; tells whether it ends the session.
fn attend(steering: &mut Steering, gate: &Gate, mut request: Request) -> bool {
    let header = |name: &'static str| {
        let found = request
            .headers()
            .iter()
            .find(|header| header.field.equiv(name));
        found.map(|header| header.value.as_str().to_owned())
    };
    let asked = gate.judge(&gate::Knock {
        posts: match request.method() {
            Method::Get => Some(false),
            Method::Post => Some(true),
            _ => None,
        },
        url: request.url(),
        host: header("Host").as_deref(),
        origin: header("Origin").as_deref(),
        site: header("Sec-Fetch-Site").as_deref(),
    });
    let (status, kind, text, ends) = match asked {
        Err(refusal) => (refusal.status(), "text/plain", refusal.to_string(), false),
        Ok(Asked::Page) => (200, "text/html", PAGE.to_owned(), false),
        Ok(Asked::Style) => (200, "text/css", STYLE.to_owned(), false),
        Ok(Asked::Script) => (200, "text/javascript", SCRIPT.to_owned(), false),
        Ok(Asked::View) => (200, "application/json", view(steering), false),
        Ok(Asked::Move) => match body(&mut request) {
            Some(line) => {
                let ends = obey(steering, &line);
                (200, "application/json", view(steering), ends)
            }
            None => {
                let refusal = Refusal::TooLong;
                (refusal.status(), "text/plain", refusal.to_string(), false)
            }
        },
    };
    let mut answer = Response::from_string(text).with_status_code(status);
    let kind = ("Content-Type", format!("{kind}; charset=utf-8"));
    answer.add_header(made(kind.0, &kind.1));
    for (name, value) in HEADERS {
        answer.add_header(made(name, value));
    }
    // A tab that was closed meanwhile gets no answer; the session goes on for the next one.
    let _ = request.respond(answer);
    ends
}

fn made(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("these headers are ASCII")
}

/// Returns the body of a request, unless it is too long.
fn body(request: &mut Request) -> Option<String> {
    let mut bytes = Vec::new();
    let read = request
        .as_reader()
        .take(LONGEST + 1)
        .read_to_end(&mut bytes);
    let fits = read.is_ok_and(|count| count as u64 <= LONGEST);
    fits.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Carries a command out; tells whether it ends the session. A page names no files.
fn obey(steering: &mut Steering, line: &str) -> bool {
    let line = match line.parse() {
        Ok(Command::Save(Some(_))) => "save",
        Ok(Command::Test(Some(_))) => "test",
        _ => line,
    };
    matches!(steering.obey(line), Ok(Said::Quit))
}

fn view(steering: &Steering) -> String {
    serde_json::to_string(&steering.view()).expect("views have string keys only")
}
