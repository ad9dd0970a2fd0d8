//! Giving, withdrawing and reading consents: by the person about themself.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::consent::{self, Answer, Basis};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::person;
use crate::domain::consent::{Consent, Grantee, Period, Terms, Version, Word};
use crate::domain::{Change, ConsentId};
use crate::events;
use crate::policy::Action;
use crate::store;

/// Gives consent.
#[derive(Clone, Debug)]
pub struct Give {
    pub id: Option<ConsentId>,
    pub terms: Terms,
    pub valid_from: Option<NaiveDate>,
    pub valid_until: NaiveDate,
}

/// Lets somebody see a part of the caller's record. An id that exists with the same terms answers what became of it.
pub async fn give(tx: &mut Tx, command: Give) -> Result<Consent> {
    let person = tx.person()?;
    let id = command.id.unwrap_or_else(|| tx.new_id());
    let standing = person::standing(tx).await?;
    tx.require(Action::GiveConsent, Subject::about("consent", id, person), &standing)?;
    if let Some(existing) = store::consent::load(tx, id).await? {
        let same = existing.person == person && existing.terms == command.terms;
        return if same { Ok(existing) } else { Err(Common::IdExists.into()) };
    }
    let today = tx.today()?;
    if let Some(field) = command.terms.unknown_word(&store::consent::words_on(tx, today).await?) {
        return Err(Error::invalid(field, "is not one of the words of ListConsentWords"));
    }
    let period = Period::new(command.valid_from.unwrap_or(today), command.valid_until, today)?;
    if let Some(mut open) = store::consent::open_for_update(tx, person, &command.terms).await? {
        if open.give_again(period)? == Change::Changed {
            store::consent::save(tx, &open).await?;
            events::tell_consent(tx, &open);
        }
        return Ok(open);
    }
    let consent = Consent::give(id, person, command.terms, period, tx.now());
    store::consent::insert(tx, &consent).await?;
    events::tell_consent(tx, &consent);
    Ok(consent)
}

/// Withdraws a consent, whatever the reason. Once withdrawn it stays so, however often it is said.
pub async fn withdraw(tx: &mut Tx, id: ConsentId) -> Result<Consent> {
    let found = store::consent::load_for_update(tx, id).await?;
    let mut consent = own(tx, found, Action::WithdrawConsent)?;
    if consent.withdraw() == Change::Changed {
        store::consent::save(tx, &consent).await?;
        events::tell_consent(tx, &consent);
    }
    Ok(consent)
}

/// Withdraws whatever somebody still consents to: they have left.
pub async fn withdraw_all(tx: &mut Tx, person: PersonId) -> Result<()> {
    for mut consent in store::consent::all_open_for_update(tx, person).await? {
        if consent.withdraw() == Change::Changed {
            store::consent::save(tx, &consent).await?;
            events::tell_consent(tx, &consent);
        }
    }
    Ok(())
}

/// Lists consents.
#[derive(Clone, Debug)]
pub struct List {
    pub with_withdrawn: bool,
    pub page: Page<(DateTime<Utc>, Uuid)>,
}

/// Lists the caller's own consents, newest first, with the token of the next page.
pub async fn list(tx: &mut Tx, query: List) -> Result<(Vec<Consent>, String)> {
    let caller = tx.person()?;
    let standing = person::standing(tx).await?;
    tx.require(Action::ListConsents, Subject::about("person", caller, caller), &standing)?;
    let mut consents = store::consent::list_of_person(tx, caller, query.with_withdrawn, &query.page).await?;
    let next = query.page.cut(&mut consents, |consent| (consent.given_at, consent.id.0));
    Ok((consents, next))
}

/// Answers one of the caller's consents, and everything that it ever was.
pub async fn get(tx: &mut Tx, id: ConsentId) -> Result<(Consent, Vec<Version>)> {
    let found = store::consent::load(tx, id).await?;
    let consent = own(tx, found, Action::GetConsent)?;
    let history = store::consent::history(tx, id).await?;
    Ok((consent, history))
}

/// Answers the words that consents are made of today.
pub async fn words(tx: &mut Tx, (): ()) -> Result<Vec<Word>> {
    let caller = tx.person()?;
    let standing = person::standing(tx).await?;
    tx.require(Action::ListConsentWords, Subject::of("consent_word", caller), &standing)?;
    let today = tx.today()?;
    store::consent::words_on(tx, today).await
}

/// Asks the policy about a consent that was looked for: to everybody else it is as if it were not there.
fn own(tx: &mut Tx, found: Option<Consent>, action: Action) -> Result<Consent> {
    let consent = found.ok_or(Error::NotFound("consent"))?;
    let standing = Standing::new().with("self", consent.person == tx.person()?);
    tx.require(action, Subject::about("consent", consent.id, consent.person), &standing)?;
    Ok(consent)
}

/// Whether the caller sees a part of somebody's record for one of these purposes by a consent in force today, the newest of
/// them: given to them, to a Team that they belong to, or to a hat that they wear.
pub async fn towards_caller(tx: &mut Tx, about: PersonId, part: &str, purposes: &[&str]) -> Result<Answer> {
    let (reader, today) = (consent::reader(tx).await?, tx.today()?);
    let given = store::consent::in_force(tx, about, part, purposes, today).await?;
    let answers = given.into_iter().map(|consent| {
        let basis = Basis { consent_id: consent.id.0, version: consent.version };
        reader.by(&as_everywhere(&consent.terms.grantee), basis)
    });
    Ok(answers.fold(Answer::No, Answer::or))
}

fn as_everywhere(grantee: &Grantee) -> consent::Grantee {
    match grantee {
        Grantee::Person(person) => consent::Grantee::Person(*person),
        Grantee::Team(team) => consent::Grantee::Team(*team),
        Grantee::Hat(hat, team) => consent::Grantee::Hat(hat.clone(), *team),
    }
}
