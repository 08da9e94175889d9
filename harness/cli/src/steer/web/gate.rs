//! Who may ask for what. The page is for those who know the token, which stands in its address,
//! and for no other page that the same browser shows: such a page cannot read the address, but
//! it can send requests.

use std::fmt;

/// A request, as far as it decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Knock<'a> {
    /// POST, or GET; other methods are `None`.
    pub posts: Option<bool>,
    pub url: &'a str,
    pub host: Option<&'a str>,
    pub origin: Option<&'a str>,
    /// Who has caused the request, in the browser's words (Fetch Metadata, W3C).
    pub site: Option<&'a str>,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Page,
    Style,
    Script,
    /// Where the run stands.
    View,
    /// A command to be carried out.
    Move,
}

/// Reason why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It came by another name of this machine, or from another page.
    Stranger,
    /// It does not know the token, or asks for what there is not.
    Unknown,
    /// What changes something must be posted, and nothing else.
    Method,
    /// It is longer than any command.
    TooLong,
}

impl Refusal {
    /// Returns the status of the answer.
    pub fn status(self) -> u16 {
        match self {
            Refusal::Stranger => 403,
            Refusal::Unknown => 404,
            Refusal::Method => 405,
            Refusal::TooLong => 413,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Stranger => "this page takes no requests of others",
            Refusal::Unknown => "there is nothing here; use the address that crosswire has printed",
            Refusal::Method => "write GET to look, POST to move",
            Refusal::TooLong => "no command is that long",
        })
    }
}

/// The gate of one session.
pub(super) struct Gate {
    port: u16,
    token: String,
}

impl Gate {
    pub fn new(port: u16, token: String) -> Gate {
        Gate { port, token }
    }

    /// Returns the address of the page.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.token)
    }

    /// Decides about a request.
    pub fn judge(&self, knock: &Knock<'_>) -> Result<Asked, Refusal> {
        // A name that an attacker lets point to this machine would be another host.
        let hosts = ["127.0.0.1", "localhost"].map(|host| format!("{host}:{}", self.port));
        let host = hosts.iter().find(|host| Some(host.as_str()) == knock.host);
        let host = host.ok_or(Refusal::Stranger)?;
        let own = format!("http://{host}");
        let posts = knock.posts.ok_or(Refusal::Method)?;
        let is_own = match knock.origin {
            Some(origin) => origin == own,
            // Browsers send it with every POST.
            None => !posts,
        };
        let is_near = knock
            .site
            .is_none_or(|site| matches!(site, "same-origin" | "none"));
        if !is_own || !is_near {
            return Err(Refusal::Stranger);
        }
        let path = knock.url.strip_prefix('/').ok_or(Refusal::Unknown)?;
        let (token, path) = path.split_once('/').ok_or(Refusal::Unknown)?;
        if !same(token.as_bytes(), self.token.as_bytes()) {
            return Err(Refusal::Unknown);
        }
        let asked = match path {
            "" => Asked::Page,
            "page.css" => Asked::Style,
            "page.js" => Asked::Script,
            "view" => Asked::View,
            "do" => Asked::Move,
            _ => return Err(Refusal::Unknown),
        };
        match posts == (asked == Asked::Move) {
            true => Ok(asked),
            false => Err(Refusal::Method),
        }
    }
}

/// Compares two tokens in a time that does not depend on where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differs = a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differs) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: u16 = 4000;

    fn judge(knock: Knock<'_>) -> Result<Asked, Refusal> {
        Gate::new(PORT, "0123abcd".to_owned()).judge(&knock)
    }

    const LOOK: Knock<'_> = Knock {
        posts: Some(false),
        url: "/0123abcd/",
        host: Some("127.0.0.1:4000"),
        origin: None,
        site: Some("none"),
    };

    const MOVE: Knock<'_> = Knock {
        posts: Some(true),
        url: "/0123abcd/do",
        origin: Some("http://127.0.0.1:4000"),
        site: Some("same-origin"),
        ..LOOK
    };

    #[test]
    fn those_who_know_the_address_look_and_move() {
        assert_eq!(judge(LOOK), Ok(Asked::Page));
        assert_eq!(judge(MOVE), Ok(Asked::Move));
        let url = "/0123abcd/view";
        assert_eq!(judge(Knock { url, ..LOOK }), Ok(Asked::View));
        let host = Some("localhost:4000");
        let origin = Some("http://localhost:4000");
        assert_eq!(
            judge(Knock {
                host,
                origin,
                ..MOVE
            }),
            Ok(Asked::Move)
        );
        // Programs that are no browsers say less.
        assert_eq!(judge(Knock { site: None, ..MOVE }), Ok(Asked::Move));
    }

    #[test]
    fn others_do_not() {
        for url in [
            "",
            "/",
            "/0123abcd",
            "/0123abce/",
            "/0123abc/",
            "//0123abcd/",
            "/0123abcd/x",
            "/0123abcd/../0123abcd/",
        ] {
            assert_eq!(judge(Knock { url, ..LOOK }), Err(Refusal::Unknown), "{url}");
        }
        for host in [
            None,
            Some("attacker.example:4000"),
            Some("127.0.0.1"),
            Some("127.0.0.1:4001"),
        ] {
            assert_eq!(judge(Knock { host, ..LOOK }), Err(Refusal::Stranger));
            assert_eq!(judge(Knock { host, ..MOVE }), Err(Refusal::Stranger));
        }
        for origin in [
            None,
            Some("null"),
            Some("http://attacker.example"),
            Some("http://127.0.0.1:4001"),
            Some("https://127.0.0.1:4000"),
        ] {
            assert_eq!(judge(Knock { origin, ..MOVE }), Err(Refusal::Stranger));
        }
        for site in ["cross-site", "same-site"] {
            let site = Some(site);
            assert_eq!(judge(Knock { site, ..LOOK }), Err(Refusal::Stranger));
            assert_eq!(judge(Knock { site, ..MOVE }), Err(Refusal::Stranger));
        }
    }

    #[test]
    fn only_posts_move() {
        let posts = Some(false);
        assert_eq!(judge(Knock { posts, ..MOVE }), Err(Refusal::Method));
        let (posts, origin) = (Some(true), MOVE.origin);
        assert_eq!(
            judge(Knock {
                posts,
                origin,
                ..LOOK
            }),
            Err(Refusal::Method)
        );
        assert_eq!(
            judge(Knock {
                posts: None,
                ..LOOK
            }),
            Err(Refusal::Method)
        );
    }
}
