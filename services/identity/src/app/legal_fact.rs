//! Legal facts about somebody: recorded, corrected, seen by somebody else, ended; never deleted.

use chrono::{DateTime, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::consent::Answer;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::etag;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::person;
use crate::domain::legal_fact::{Content, LegalFact, Step, Version, Writer, Written};
use crate::domain::{Change, LegalFactId};
use crate::policy::Action;
use crate::store;

/// The part of somebody's record that this is, as consents name it.
const PART: &str = "document.legal";
/// What for they may be let see it: before somebody joins a Team, and to learn how well support works, it is not needed.
const PURPOSES: [&str; 2] = ["support", "coordination"];

/// What the caller is to a person's legal facts.
#[derive(Debug)]
struct Caller {
    standing: Standing,
    /// As what they would write them.
    writer: Option<Writer>,
    by_consent: Answer,
}

/// Who asks for a person's legal facts. Of who has left nobody reads them any more, and who has left reads none: only their
/// own rights over their data reach them.
async fn caller(tx: &mut Tx, about: PersonId) -> Result<Caller> {
    let (caller, today) = (tx.person()?, tx.today()?);
    let standing = person::standing(tx).await?;
    let found = store::person::load_all(tx, &[about.0]).await?.pop();
    let is_here = found.is_some_and(|person| person.left_at.is_none());
    if !is_here || !standing.is("anyone") {
        return Ok(Caller { standing: Standing::new(), writer: None, by_consent: Answer::No });
    }
    if caller == about {
        let (standing, writer) = (standing.with("self", true), Some(Writer::Oneself));
        return Ok(Caller { standing, writer, by_consent: Answer::No });
    }
    let acts_on = store::representative::acts_on(tx, caller, about, today).await?;
    let by_consent = super::consent::towards_caller(tx, about, PART, &PURPOSES).await?;
    let writer = match acts_on {
        Some(basis) => Some(Writer::Representative(basis)),
        None => standing.is("checks").then_some(Writer::Checks),
    };
    let standing =
        standing.representing(acts_on.map(store::words::basis_word)).by_consent(by_consent.if_fresh());
    Ok(Caller { standing, writer, by_consent })
}

/// Asks the policy; answers as what they would write. Where the standing alone does not allow it, an emergency look at
/// somebody who is here counts too: to read, and to be told that who only looks changes nothing.
async fn require(tx: &mut Tx, action: Action, subject: Subject, caller: Caller) -> Result<Option<Writer>> {
    let Caller { standing, writer, by_consent } = caller;
    let decided = if standing.is("anyone") {
        tx.require_or_break_glass(action, subject, standing).await.map(|_| ())
    } else {
        tx.require(action, subject, &standing)
    };
    decided.map(|()| writer).map_err(|error| by_consent.instead_of(error))
}

/// Records a legal fact.
#[derive(Clone, Debug)]
pub struct Record {
    pub id: Option<LegalFactId>,
    /// Whom it is about; the caller where it is none.
    pub person: Option<PersonId>,
    pub content: Content,
}

/// Records a legal fact. The same id with what was recorded under it answers what became of it.
pub async fn record(tx: &mut Tx, command: Record) -> Result<LegalFact> {
    let about = command.person.unwrap_or(tx.person()?);
    let caller = caller(tx, about).await?;
    let subject = Subject::about("person", about, about);
    let writer = require(tx, Action::RecordLegalFact, subject, caller).await?;
    let written = written(tx, writer)?;
    let id = command.id.unwrap_or_else(|| tx.new_id());
    if let Some(existing) = store::legal_fact::load_for_update(tx, id).await? {
        let first = store::legal_fact::history(tx, id, None, 1).await?.pop();
        let same = existing.person == about && first.is_some_and(|first| first.content == command.content);
        return if same { Ok(existing) } else { Err(Common::IdExists.into()) };
    }
    refuse_too_long(tx, &command.content).await?;
    let fact = LegalFact::record(id, about, command.content, written);
    store::legal_fact::insert(tx, &fact).await?;
    Ok(fact)
}

/// Corrects a legal fact.
#[derive(Clone, Debug)]
pub struct Correct {
    pub id: LegalFactId,
    pub content: Content,
    pub etag: Option<i64>,
}

/// Corrects a legal fact; what it said before stays in its history.
pub async fn correct(tx: &mut Tx, command: Correct) -> Result<LegalFact> {
    let (mut fact, writer) = open(tx, command.id, Action::CorrectLegalFact).await?;
    etag::check(command.etag, fact.version)?;
    let written = written(tx, writer)?;
    refuse_too_long(tx, &command.content).await?;
    if fact.correct(command.content, written)? == Change::Changed {
        store::legal_fact::save(tx, &fact, Step::Corrected, written).await?;
    }
    Ok(fact)
}

/// Confirms or ends a legal fact.
#[derive(Clone, Copy, Debug)]
pub struct Decide {
    pub id: LegalFactId,
    pub etag: Option<i64>,
}

/// Confirms that the original was seen.
pub async fn confirm(tx: &mut Tx, command: Decide) -> Result<LegalFact> {
    let (mut fact, writer) = open(tx, command.id, Action::ConfirmOriginal).await?;
    etag::check(command.etag, fact.version)?;
    let written = written(tx, writer)?;
    if fact.confirm(written.by, written.at)? == Change::Changed {
        store::legal_fact::save(tx, &fact, Step::OriginalSeen, written).await?;
    }
    Ok(fact)
}

/// Ends it from today. No reason is asked for.
pub async fn end(tx: &mut Tx, command: Decide) -> Result<LegalFact> {
    let (mut fact, writer) = open(tx, command.id, Action::EndLegalFact).await?;
    etag::check(command.etag, fact.version)?;
    let written = written(tx, writer)?;
    if fact.end(tx.today()?, written.at) == Change::Changed {
        store::legal_fact::save(tx, &fact, Step::Ended, written).await?;
    }
    Ok(fact)
}

/// Asks for somebody's legal facts.
#[derive(Clone, Debug)]
pub struct List {
    /// Whose; the caller's where it is none.
    pub person: Option<PersonId>,
    pub with_past: bool,
    pub page: Page<(DateTime<Utc>, Uuid)>,
}

/// Lists somebody's legal facts, newest first, with the token of the next page.
pub async fn list(tx: &mut Tx, query: List) -> Result<(Vec<LegalFact>, String)> {
    let about = query.person.unwrap_or(tx.person()?);
    let caller = caller(tx, about).await?;
    require(tx, Action::ListLegalFacts, Subject::about("person", about, about), caller).await?;
    let holding_on = if query.with_past { None } else { Some(tx.today()?) };
    let mut found = store::legal_fact::list(tx, about, holding_on, &query.page).await?;
    let next = query.page.cut(&mut found, |fact| (fact.created_at, fact.id.0));
    Ok((found, next))
}

/// Asks for what a legal fact ever said.
#[derive(Clone, Debug)]
pub struct Versions {
    pub id: LegalFactId,
    pub page: Page<i64>,
}

/// Lists everything that a legal fact ever said, oldest first, with the token of the next page.
pub async fn versions(tx: &mut Tx, query: Versions) -> Result<(Vec<Version>, String)> {
    let Versions { id, page } = query;
    let found = store::legal_fact::load(tx, id).await?;
    let about = found.ok_or(Error::NotFound("legal fact"))?.person;
    let caller = caller(tx, about).await?;
    require(tx, Action::ListLegalFactVersions, Subject::about("legal fact", id, about), caller).await?;
    let mut found = store::legal_fact::history(tx, id, page.after, page.limit()).await?;
    let next = page.cut(&mut found, |version| version.number);
    Ok((found, next))
}

/// Loads a legal fact for a change and asks the policy; to whoever may not read it, it is as if it were not there.
async fn open(tx: &mut Tx, id: LegalFactId, action: Action) -> Result<(LegalFact, Option<Writer>)> {
    let found = store::legal_fact::load_for_update(tx, id).await?;
    let fact = found.ok_or(Error::NotFound("legal fact"))?;
    let (mut caller, person) = (caller(tx, fact.person).await?, tx.person()?);
    let wrote = store::legal_fact::wrote(tx, id, person).await?;
    caller.standing = caller.standing.with("writer", wrote);
    if matches!(action, Action::ConfirmOriginal) {
        // Whatever for, and whether or not anybody has seen on what it rests: it may rest on this very original.
        let speaks = store::representative::stands_for(tx, person, fact.person).await?;
        caller.standing = caller.standing.with("representative", speaks);
    }
    let writer = require(tx, action, Subject::about("legal fact", id, fact.person), caller).await?;
    Ok((fact, writer))
}

/// Who writes now. Whom the policy lets write has a basis.
fn written(tx: &Tx, writer: Option<Writer>) -> Result<Written> {
    let writer = writer.ok_or(Common::PermissionDenied)?;
    Ok(Written { by: tx.person()?, writer, at: tx.now() })
}

async fn refuse_too_long(tx: &mut Tx, content: &Content) -> Result<()> {
    let Some(from) = content.valid_from else {
        return Ok(());
    };
    let most = store::legal_fact::longest_deprivation(tx, from).await?;
    if content.lasts_too_long(most) {
        let description = format!("must lie at most {most} months after valid_from");
        return Err(Error::invalid("content.valid_until", description));
    }
    Ok(())
}
