//! `raccord authorize`: a person's agreement, in a browser on this machine, in one elsewhere, or by a code on another
//! device.

mod callback;

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use raccord_model::Name;
use raccord_model::foreign::line;
use raccord_model::port::authorization::{
    Completion, Consent, DeviceInvitation, Invitation, PageInvitation, Passed, Standing,
};
use raccord_model::port::environment::Environment as _;
use raccord_serve::request::Place;
use raccord_serve::{Reply, Request};

use self::callback::{Callback, Said, said};
use crate::complete;
use crate::error::CommandError;
use crate::options::Global;
use crate::render;
use crate::session::{Opening, Session, system};
use crate::style::BOLD;
use crate::ui::Ui;

/// Let Raccord act at a service in your name, once you have agreed in a browser
///
/// The state keeps what the service issues, sealed. Where a daemon owns the state, or with --server, its process
/// asks for the tokens, with the secrets that it has. Again after the service has taken an agreement back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord authorize crm\n  raccord authorize crm --paste")]
pub(crate) struct AuthorizeArgs {
    /// Which Authorization
    #[arg(add = ArgValueCandidates::new(complete::authorizations))]
    authorization: Name,
    /// Agree in a browser elsewhere, and paste the URL to which it is sent
    #[arg(long)]
    paste: bool,
}

/// Where a browser elsewhere is sent, unless the Authorization names a page: nothing listens there, and the URL in the
/// browser's bar is what is pasted.
const NOWHERE: &str = "http://127.0.0.1:53682/callback";

/// How long a person has to agree.
const PATIENCE: Duration = Duration::from_mins(15);

/// The shortest time between two questions whether a code was typed, and how much longer it is when the server asks for
/// that (RFC 8628, 3.5).
const SHORTEST: u64 = 1;
const SLOWER: u64 = 5;

pub(crate) fn authorize(ui: &Ui, global: &Global, args: &AuthorizeArgs) -> Result<(), CommandError> {
    let session = Session::open(global, "authorize", Opening::Existing)?;
    let name = &args.authorization;
    let callback = if args.paste { None } else { Some(Callback::listen()?) };
    let redirect = callback.as_ref().map_or_else(|| NOWHERE.to_owned(), Callback::url);
    let request = Request::BeginAuthorization(name.clone(), Some(Place::cut(&redirect)));
    let invitation = session.one(request, |reply| match reply {
        Reply::Invitation(invitation) => Some(invitation),
        _ => None,
    })?;
    let standing = match invitation {
        Invitation::Unneeded => completed(ui, &session, name, Consent::Unneeded)?,
        Invitation::Page(page) => {
            let consent = agree(ui, &session, &page, callback)?;
            completed(ui, &session, name, consent)?
        }
        Invitation::Device(device) => wait(ui, &session, name, &device)?,
    };
    ui.line(&told(&standing))?;
    Ok(())
}

/// What a person may want to know of what was kept.
fn told(standing: &Standing) -> String {
    let until = standing.expires.map(|expires| format!(" until {}", render::instant(expires)));
    let renews = if standing.renews { ", and renewed by itself" } else { "" };
    format!("{} is authorized{}{renews}", standing.name, until.unwrap_or_default())
}

/// Asks once whether the consent is accepted.
fn ask(ui: &Ui, session: &Session, name: &Name, consent: Consent) -> Result<Completion, CommandError> {
    let mut completion = None;
    let request = Request::Authorize(name.clone(), consent);
    session.ask(request, |reply| {
        match reply {
            Reply::Authorized(found) => completion = Some(found),
            Reply::Done(said) => ui.note(&said),
            _ => {}
        }
        Ok(())
    })?;
    completion.ok_or_else(|| CommandError::new("there was no answer"))
}

fn completed(ui: &Ui, session: &Session, name: &Name, consent: Consent) -> Result<Standing, CommandError> {
    match ask(ui, session, name, consent)? {
        Completion::Granted(standing) => Ok(standing),
        Completion::Waits { .. } => Err(CommandError::new("the server has not decided yet; try again")),
    }
}

/// Shows the page, and waits for what the server sends back.
fn agree(
    ui: &Ui,
    session: &Session,
    page: &PageInvitation,
    callback: Option<Callback>,
) -> Result<Consent, CommandError> {
    show(ui, "Open this page and agree there:", &page.url)?;
    let callback = match callback {
        Some(callback) if callback.url() == page.redirect => Some(callback),
        // The server accepts one URL only; it may be on this machine.
        Some(_) => Callback::listen_at(&page.redirect)?,
        None => None,
    };
    let code = match callback {
        Some(callback) => {
            ui.note(&format!("waiting at {}; `--paste` is for a browser elsewhere", callback.url()));
            callback.wait(page.state.text(), PATIENCE, &|| session.is_stopped())?
        }
        None => paste(ui, page)?,
    };
    Ok(Consent::Code {
        code: Passed::of(code),
        verifier: page.verifier.clone(),
        redirect: page.redirect.clone(),
    })
}

/// A URL on a line of its own, so that it can be copied.
fn show(ui: &Ui, what: &str, url: &str) -> Result<(), CommandError> {
    for text in [what, "", &format!("  {}", line(url)), ""] {
        ui.line(text)?;
    }
    Ok(())
}

/// Reads the URL to which the browser was sent.
fn paste(ui: &Ui, page: &PageInvitation) -> Result<String, CommandError> {
    ui.line("Then paste the URL to which the browser is sent, whether it shows anything there or not:")?;
    let mut text = String::new();
    io::stdin().read_line(&mut text)?;
    match said(&text, page.state.text()) {
        Said::Code(code) => Ok(code),
        Said::Refused(error) => Err(CommandError::new(format!("the server says {}", line(&error)))),
        Said::Nothing => Err(CommandError::new("that is not the URL to which the browser was sent")
            .hint("it begins with the URL of `redirect_uri` and has `code=` and `state=` in it")),
    }
}

/// Shows the code, and asks until it was typed.
fn wait(
    ui: &Ui,
    session: &Session,
    name: &Name,
    device: &DeviceInvitation,
) -> Result<Standing, CommandError> {
    let code = line(&device.user_code);
    show(ui, &format!("Open this page and type the code {BOLD}{code}{BOLD:#}:"), &device.url)?;
    if let Some(url) = &device.complete_url {
        show(ui, "or this one, where it is typed already:", url)?;
    }
    let mut interval = device.interval.clamp(SHORTEST, 60);
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE && system()?.now() < device.expires {
        let next = Instant::now() + Duration::from_secs(interval);
        while Instant::now() < next {
            if session.is_stopped() {
                return Err(CommandError::new("nobody has agreed yet"));
            }
            sleep(Duration::from_millis(100));
        }
        match ask(ui, session, name, Consent::Device { code: device.code.clone() })? {
            Completion::Granted(standing) => return Ok(standing),
            Completion::Waits { slower: true } => interval += SLOWER,
            Completion::Waits { slower: false } => {}
        }
    }
    Err(CommandError::new("the code was not typed in time").hint("run the command again for another one"))
}
