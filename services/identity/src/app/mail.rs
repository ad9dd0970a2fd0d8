//! Mail: what is written, and how it goes out. It waits in the database first, so that nothing is lost while no server
//! takes it. Any number of replicas send: each mail is one's at a time.
//!
//! A mail is taken by the server at least once, and nearly always once: only where this process ends between the server's
//! answer and the row's end is it sent again, with the same `Message-ID`.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Now, Tx};
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};
use opentelemetry::global;
use opentelemetry::metrics::Counter;

use super::Desk;
use super::post::{Letter, Outcome, Post};
use crate::domain::account::Email;
use crate::domain::mail::{About, Kind, Waiting, fill, one_line, pause_after};
use crate::store;
use crate::store::global::Work;

/// How often it is looked whom to write to about an emergency look.
const LOOKS_PAUSE: Duration = Duration::from_mins(1);
/// How far back; before that, a notice that nobody was written to about is no news.
const LOOKS_SINCE: chrono::Duration = chrono::Duration::hours(24);
/// What the host goes by where no tenant speaks.
const HOST_NAME: &str = "Kith";

/// What one look at the waiting mail has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Mail that the server took.
    pub sent: usize,
    /// Mail that is tried again later.
    pub postponed: usize,
    /// Mail that the server refused for good.
    pub refused: usize,
    /// Mail that waited too long.
    pub given_up: usize,
}

struct Figures {
    sent: Counter<u64>,
    postponed: Counter<u64>,
    refused: Counter<u64>,
    given_up: Counter<u64>,
}

fn figures() -> &'static Figures {
    static FIGURES: OnceLock<Figures> = OnceLock::new();
    FIGURES.get_or_init(|| {
        let meter = global::meter("kith");
        let counter = |name| meter.u64_counter(name).with_unit("{mail}").build();
        Figures {
            sent: counter("kith.mail.sent"),
            postponed: counter("kith.mail.postponed"),
            refused: counter("kith.mail.refused"),
            given_up: counter("kith.mail.given_up"),
        }
    })
}

/// Whether this host sends mail.
pub fn is_on(desk: &Desk) -> bool {
    desk.host.config().mail.is_on()
}

/// Refuses settings that cannot work, and sends beside the calls until the service stops.
pub fn prepare(desk: &Desk) -> anyhow::Result<()> {
    if !is_on(desk) {
        return Ok(());
    }
    Post::of(desk.host.config())?;
    let beside = Desk::new(desk.host.clone());
    let soft = desk.host.life().soft.clone();
    let pause = Duration::from_secs(desk.host.config().mail.poll_seconds);
    desk.host.life().guard("mail", async move {
        let mut looks_at = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = soft.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            if looks_at <= tokio::time::Instant::now() {
                looks_at = tokio::time::Instant::now() + LOOKS_PAUSE;
                if let Err(error) = tell_of_looks(&beside).await {
                    tracing::warn!(error.kind = %error, "nobody was written to about emergency looks; they will be");
                }
            }
            if let Err(error) = deliver(&beside).await {
                tracing::warn!(error.kind = %error, "waiting mail was not sent and will be");
            }
        }
        beside.close().await;
    });
    Ok(())
}

/// Sends an invitation to an address, unless it was sent there since it was opened.
pub async fn send_invitation(
    desk: &Desk,
    work: &mut Work,
    tenant: TenantId,
    person: PersonId,
    address: &Email,
) -> Result<()> {
    let key = desk.host.derive("invitation mailed", &[address.as_str().as_bytes()]);
    if !store::invitation::note_mailed(work, tenant, person, address, &key).await? {
        return Ok(());
    }
    store::mail::take_back_invitation(work, tenant, person).await?;
    queue(desk, work, Kind::Invitation, About::Invitation(tenant, person)).await
}

/// Lets a mail wait, within the transaction of what causes it.
pub async fn queue(desk: &Desk, work: &mut Work, kind: Kind, about: About) -> Result<()> {
    let now = desk.now();
    let id = desk.host.shared().ids.uuid(now);
    store::mail::queue(work, id, kind, about, now).await
}

/// The code that confirms an address. As with invitations it comes from the service's secret, and is kept nowhere.
pub fn confirmation_code(desk: &Desk, confirmation: Uuid) -> String {
    let code = desk.host.derive("confirmation", &[confirmation.as_bytes()]);
    format!("kith-{}", URL_SAFE_NO_PAD.encode(code))
}

/// Writes to those who were told of an emergency look in the last day, each once a look. Notices are a tenant's own and
/// mail is of no tenant: two transactions, and a mail whose id follows from both, so that it can be done again.
pub async fn tell_of_looks(desk: &Desk) -> Result<usize> {
    if !is_on(desk) {
        return Ok(0);
    }
    let (mut found, mut failed) = (0, None);
    for tenant in store::registry::tenants_here(&desk.global).await? {
        match tell_in(desk, tenant).await {
            Ok(told) => found += told,
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(found), Err)
}

/// The same in one tenant, in whatever state it is.
async fn tell_in(desk: &Desk, tenant: TenantId) -> Result<usize> {
    let now = desk.now();
    let look = async |tx: &mut Tx| store::break_glass::told_since(tx, now - LOOKS_SINCE).await;
    let (told, _) = desk.host.within(tenant, Actor::Service { tenant }, Mode::Read, look).await?;
    if told.is_empty() {
        return Ok(0);
    }
    let people: Vec<Uuid> = told.iter().map(|(person, _)| person.0).collect();
    let accounts = store::mail::accounts_of(&desk.global, tenant, &people).await?;
    let mut work = desk.global.begin().await?;
    for (person, look) in &told {
        let Some((_, account)) = accounts.iter().find(|(known, _)| known == person) else {
            continue;
        };
        let key = desk.host.derive("emergency look mailed", &[look.as_bytes(), person.0.as_bytes()]);
        let mut id = [0; 16];
        id.copy_from_slice(&key[..16]);
        let about = About::Account(Some(tenant), *account);
        store::mail::queue(&mut work, Uuid::from_bytes(id), Kind::EmergencyLook, about, now).await?;
    }
    work.commit().await?;
    Ok(told.len())
}

/// Sends what is due, one after the other, and forgets what is over.
pub async fn deliver(desk: &Desk) -> Result<Done> {
    let mut done = Done::default();
    if !is_on(desk) {
        return Ok(done);
    }
    let post = desk.post()?;
    let began = desk.now();
    while let Some(waiting) = store::mail::take_due(&desk.global, began).await? {
        let outcome = match send(desk, post, &waiting).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(error.kind = %error, "a mail could not be written");
                Some(Outcome::Later { step: "write", reply: 0 })
            }
        };
        settle(desk, &waiting, outcome, &mut done).await?;
        if desk.host.life().soft.is_cancelled() {
            break;
        }
    }
    store::confirmation::forget_old(&desk.global, began).await?;
    store::mail::forget_old(&desk.global, began).await?;
    Ok(done)
}

/// None where there is nothing to be said any more.
async fn send(desk: &Desk, post: &Post, waiting: &Waiting) -> Result<Option<Outcome>> {
    let Some(to) = waiting.to.clone() else {
        return Ok(None);
    };
    let letter = write(desk, waiting, to).await?;
    Ok(Some(post.send(&letter).await))
}

/// Keeps what became of a mail. Neither its address nor what it says is ever logged.
async fn settle(desk: &Desk, waiting: &Waiting, outcome: Option<Outcome>, done: &mut Done) -> Result<()> {
    let now = desk.now();
    let kind = store::words::mail_kind_word(waiting.kind);
    let (global, figures) = (&desk.global, figures());
    match outcome {
        Some(Outcome::Taken) => {
            done.sent += 1;
            figures.sent.add(1, &[]);
        }
        Some(Outcome::Never { step, reply }) => {
            done.refused += 1;
            figures.refused.add(1, &[]);
            tracing::warn!(
                mail.kind = kind,
                mail.step = step,
                mail.reply = reply,
                "a mail was refused for good"
            );
        }
        None | Some(Outcome::Later { .. }) if waiting.is_too_old(now) => {
            done.given_up += 1;
            figures.given_up.add(1, &[]);
            tracing::warn!(mail.kind = kind, mail.attempts = waiting.attempts, "a mail was given up");
        }
        // What it was about is over: nothing is to be said any more.
        None => {}
        Some(Outcome::Later { step, reply }) => {
            done.postponed += 1;
            figures.postponed.add(1, &[]);
            tracing::info!(
                mail.kind = kind,
                mail.step = step,
                mail.reply = reply,
                mail.attempts = waiting.attempts,
                "a mail was not taken and is tried again"
            );
            return store::mail::try_later(global, waiting.id, now + pause_after(waiting.attempts)).await;
        }
    }
    store::mail::finish(global, waiting.id, now).await
}

/// Writes a mail out, in the name of its tenant and with the words of today.
async fn write(desk: &Desk, waiting: &Waiting, to: Email) -> Result<Letter> {
    let now: Now = desk.now();
    let (place, from) = sender(desk, waiting.about.tenant()).await?;
    let code = match waiting.about {
        About::Invitation(tenant, person) => desk.invitation_code(tenant, person),
        About::Confirmation(_, confirmation) => confirmation_code(desk, confirmation),
        About::Account(..) => String::new(),
    };
    let (subject, body) = store::mail::text(&desk.global, waiting.kind, now).await?;
    let origin = desk.host.config().auth.origin.as_str();
    let values = [("place", place.as_str()), ("code", code.as_str()), ("address", origin)];
    Ok(Letter {
        id: waiting.id,
        to,
        subject: one_line(&fill(&subject, &values)),
        body: fill(&body, &values),
        from_name: place,
        from,
        written_at: now,
    })
}

/// What a tenant calls itself, and its own address if it has one.
async fn sender(desk: &Desk, tenant: Option<TenantId>) -> Result<(String, Option<Email>)> {
    let Some(tenant) = tenant else {
        return Ok((HOST_NAME.to_owned(), None));
    };
    let look = async |tx: &mut Tx| store::profile::load(tx, false).await;
    let (profile, _) = desk.host.within(tenant, Actor::Service { tenant }, Mode::Read, look).await?;
    let profile = profile.ok_or_else(|| Error::internal(anyhow!("mail in the name of no tenant")))?;
    Ok((one_line(&profile.display_name), profile.mail_sender))
}
