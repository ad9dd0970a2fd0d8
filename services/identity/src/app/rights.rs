//! Rights over one's own data: access on behalf, retention, legal hold, erasure.

use chrono::{DateTime, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;
use kith_platform::rights::{carry_out, remember_access_request};
use kith_proto::common::v1::RetentionPeriod;

use super::{Desk, leaving, person};
use crate::domain::person::{Person, Role, Roles};
use crate::domain::rights::{
    ACCESS_REQUEST_LASTS, AccessRequest, Ending, Erasure, Hold, HoldBasis, Phase, Report, RetentionClass,
    ending,
};
use crate::domain::{Change, ErasureId, HoldId, Refused};
use crate::events::{self, AccessRequestFact, ErasureFact, HoldFact, PersonFact};
use crate::policy::Action;
use crate::store;

/// As what this service itself reports.
const OWN: &str = "identity";

/// An erasure and what the services have said about it.
#[derive(Clone, Debug)]
pub struct Progress {
    pub erasure: Erasure,
    pub reports: Vec<Report>,
}

/// What the caller is to what is about a person, or about everybody where it is none. An administrator stands in where
/// nobody leads on privacy beside that person; another system never does.
async fn standing_about(tx: &mut Tx, person: Option<PersonId>) -> Result<Standing> {
    let caller = tx.person()?;
    let standing = person::standing(tx).await?.with("self", person == Some(caller));
    if !standing.is("administrator") || !person::exists(tx, caller).await? {
        return Ok(standing);
    }
    let leads = store::break_glass::holders_of(tx, Role::PrivacyLead).await?;
    let another_leads = leads.iter().any(|lead| Some(*lead) != person);
    Ok(standing.with("stands_in", !another_leads))
}

async fn somebody(tx: &mut Tx, id: PersonId) -> Result<Person> {
    store::person::load_for_update(tx, id).await?.ok_or(Error::NotFound("person"))
}

/// Lets the caller read a person's data in every service, for as long as the law gives to answer a request.
pub async fn open_access_request(tx: &mut Tx, person: PersonId) -> Result<AccessRequest> {
    let standing = standing_about(tx, Some(person)).await?;
    tx.require(Action::OpenAccessRequest, Subject::about("person", person, person), &standing)?;
    somebody(tx, person).await?;
    let valid_until = tx.now().checked_add_months(ACCESS_REQUEST_LASTS).unwrap_or(tx.now());
    let request = AccessRequest { id: tx.new_id(), person, handler: tx.person()?, valid_until };
    store::rights::insert_access_request(tx, &request).await?;
    remember_access_request(tx, request.id.0, person, request.handler, valid_until).await?;
    events::tell_access_request(tx, &request, AccessRequestFact::Opened);
    Ok(request)
}

/// Ends what somebody may read on others' requests: they have lost the role, or left. Each service hears of it.
pub async fn end_access_requests(tx: &mut Tx, handler: PersonId) -> Result<()> {
    for request in store::rights::end_access_requests_of(tx, handler).await? {
        remember_access_request(tx, request.id.0, request.person, handler, request.valid_until).await?;
        events::tell_access_request(tx, &request, AccessRequestFact::Ended);
    }
    Ok(())
}

/// Asks that one's own data be erased, or records that somebody who has left asked; asking again answers what is under
/// way.
pub async fn ask_erasure(tx: &mut Tx, person: Option<PersonId>) -> Result<Progress> {
    let caller = tx.person()?;
    let person = person.unwrap_or(caller);
    let found = store::person::load_all(tx, &[person.0]).await?.pop();
    let has_left = found.is_some_and(|person| person.left_at.is_some());
    let standing = standing_about(tx, Some(person)).await?.with("left", has_left);
    tx.require(Action::AskErasure, Subject::about("person", person, person), &standing)?;
    if let Some(erasure) = store::rights::erasure_under_way(tx, person).await? {
        return progress(tx, erasure.id).await;
    }
    let erasure = Erasure {
        id: tx.new_id(),
        person,
        phase: Phase::Asked,
        asked_at: tx.now(),
        ordered_at: None,
        restricted_until: None,
    };
    store::rights::insert_erasure(tx, &erasure, (person != caller).then_some(caller)).await?;
    Ok(Progress { erasure, reports: Vec::new() })
}

/// Orders an erasure: from now on it cannot be stopped, and the person has left, with their roles, representations and
/// consents. The tenant is locked first, as where roles are set.
pub async fn order_erasure(tx: &mut Tx, id: ErasureId) -> Result<Progress> {
    store::tenant::load_for_update(tx).await?;
    let mut erasure = found(tx, id).await?;
    let recorded = store::rights::recorder(tx, id).await? == Some(tx.person()?);
    let standing = standing_about(tx, Some(erasure.person)).await?.with("recorder", recorded);
    tx.require(Action::OrderErasure, Subject::about("erasure", id, erasure.person), &standing)?;
    let person = somebody(tx, erasure.person).await?;
    let held = store::rights::is_held(tx, erasure.person).await?;
    if erasure.order(held, tx.now())? == Change::Changed {
        leaving::go(tx, person).await?;
        store::erasure_report::forget_reports(tx, id).await?;
        let by = tx.person()?;
        store::rights::save_erasure(tx, &erasure, Some(by)).await?;
        let periods = periods(tx).await?;
        events::tell_erasure(tx, &erasure, periods, ErasureFact::Ordered);
    }
    progress(tx, id).await
}

/// Carries on what had to stay when an erasure was carried out and may go today: everybody is asked anew. Who comes second
/// finds nothing left to do; a person under legal hold is left alone. Answers how many.
pub async fn resume_erasures(tx: &mut Tx) -> Result<usize> {
    let today = tx.today()?;
    let mut resumed = 0;
    for mut erasure in store::rights::due_erasures(tx, today).await? {
        let held = store::rights::is_held(tx, erasure.person).await?;
        if erasure.resume(held, tx.now()) == Change::Unchanged {
            continue;
        }
        store::erasure_report::forget_reports(tx, erasure.id).await?;
        store::rights::save_erasure(tx, &erasure, None).await?;
        let periods = periods(tx).await?;
        events::tell_erasure(tx, &erasure, periods, ErasureFact::Ordered);
        resumed += 1;
    }
    Ok(resumed)
}

/// Ends the person's sign-in. Comes after [`order_erasure`]; a repeated call does it again, which changes nothing.
pub async fn forget_sign_in(desk: &Desk, actor: Actor, person: PersonId) -> Result<()> {
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    let mut work = desk.global.begin().await?;
    store::forget::sign_in(&mut work, tenant, person).await?;
    work.commit().await
}

/// What the tenant's classes are today, as the services need it.
async fn periods(tx: &mut Tx) -> Result<Vec<RetentionPeriod>> {
    let today = tx.today()?;
    let classes = store::rights::classes_in_force(tx, today).await?;
    Ok(classes
        .into_iter()
        .map(|class| RetentionPeriod { class: class.class, months: class.months })
        .collect())
}

async fn found(tx: &mut Tx, id: ErasureId) -> Result<Erasure> {
    store::rights::erasure_for_update(tx, id).await?.ok_or(Error::NotFound("erasure"))
}

/// An erasure and what was said about it, of one moment.
async fn progress(tx: &mut Tx, id: ErasureId) -> Result<Progress> {
    let found = store::erasure_report::progress(tx, id).await?;
    let (erasure, reports) = found.ok_or(Error::NotFound("erasure"))?;
    Ok(Progress { erasure, reports })
}

/// How far an erasure has come.
pub async fn get_erasure(tx: &mut Tx, id: ErasureId) -> Result<Progress> {
    let progress = progress(tx, id).await?;
    let standing = standing_about(tx, Some(progress.erasure.person)).await?;
    tx.require(Action::GetErasure, Subject::about("erasure", id, progress.erasure.person), &standing)?;
    Ok(progress)
}

/// Lists erasures, newest first, with the token of the next page.
pub async fn list_erasures(tx: &mut Tx, page: Page<(DateTime<Utc>, Uuid)>) -> Result<(Vec<Erasure>, String)> {
    let standing = standing_about(tx, None).await?;
    tx.require(Action::ListErasures, Subject::of("tenant", tx.tenant()), &standing)?;
    let mut erasures = store::rights::list_erasures(tx, &page).await?;
    let next = page.cut(&mut erasures, |erasure| (erasure.asked_at, erasure.id.0));
    for erasure in &erasures {
        let subject = Subject::about("erasure", erasure.id, erasure.person);
        tx.require(Action::ListErasures, subject, &standing)?;
    }
    Ok((erasures, next))
}

/// A service says what it did. When the last one has, the name goes too, or stays with what must be kept.
pub async fn reported(tx: &mut Tx, id: ErasureId, report: Report) -> Result<()> {
    let mut erasure = found(tx, id).await?;
    store::erasure_report::add_report(tx, id, &report).await?;
    let today = tx.today()?;
    let keep_name = store::rights::classes_that_keep_the_name(tx, today).await?;
    let periods = periods(tx).await?;
    let kept = store::erasure_report::kept_here(tx, erasure.person, today, &periods).await?;
    let mut own = Report { service: OWN.into(), deleted_rows: 0, blanked_rows: 0, id_only_rows: 0, kept };
    let mut reports = progress(tx, id).await?.reports;
    reports.push(own.clone());
    let Some(ending) = ending(&reports, &keep_name) else {
        return Ok(());
    };
    if erasure.phase != Phase::Ordered {
        return Ok(());
    }
    let mut person = somebody(tx, erasure.person).await?;
    if person.set_roles(Roles::new(), true)? == Change::Changed {
        store::person::save(tx, &mut person).await?;
        events::tell_person(tx, &person, PersonFact::RolesSet);
    }
    match ending {
        Ending::Complete => {
            erasure.phase = Phase::Completed;
            let done = carry_out(tx, OWN, id.0, erasure.person, &periods).await?;
            own.deleted_rows = done.deleted_rows;
            own.blanked_rows = done.blanked_rows;
            own.id_only_rows = done.id_only_rows;
            store::erasure_report::add_report(tx, id, &own).await?;
        }
        Ending::Restrict(until) => {
            erasure.phase = Phase::Restricted;
            erasure.restricted_until = until;
            if !own.kept.is_empty() {
                store::erasure_report::add_report(tx, id, &own).await?;
            }
        }
    }
    store::rights::save_erasure(tx, &erasure, None).await?;
    events::tell_erasure(tx, &erasure, periods, ErasureFact::Completed);
    Ok(())
}

/// Forbids any erasure about a person. Refused while one is carried out, which it could not stop: nobody should believe
/// that anything was held. The tenant is locked first, as where an erasure is ordered.
pub async fn set_legal_hold(tx: &mut Tx, (person, basis): (PersonId, HoldBasis)) -> Result<Hold> {
    store::tenant::load_for_update(tx).await?;
    let standing = standing_about(tx, Some(person)).await?;
    tx.require(Action::SetLegalHold, Subject::about("person", person, person), &standing)?;
    somebody(tx, person).await?;
    let under_way = store::rights::erasure_under_way(tx, person).await?;
    if under_way.is_some_and(|erasure| erasure.phase == Phase::Ordered) {
        return Err(Refused::ErasureUnderWay.into());
    }
    let hold = Hold { id: tx.new_id(), person, basis, set_at: tx.now(), lifted_at: None };
    let by = tx.person()?;
    store::rights::insert_hold(tx, &hold, by).await?;
    events::tell_hold(tx, &hold, HoldFact::Set);
    Ok(hold)
}

/// Lifts a hold.
pub async fn lift_legal_hold(tx: &mut Tx, id: HoldId) -> Result<Hold> {
    let found = store::rights::hold_for_update(tx, id).await?;
    let mut hold = found.ok_or(Error::NotFound("legal hold"))?;
    let standing = standing_about(tx, Some(hold.person)).await?;
    tx.require(Action::LiftLegalHold, Subject::about("legal hold", id, hold.person), &standing)?;
    if hold.lift(tx.now()) == Change::Changed {
        let by = tx.person()?;
        store::rights::save_lifted(tx, &hold, by).await?;
        events::tell_hold(tx, &hold, HoldFact::Lifted);
    }
    Ok(hold)
}

/// The retention classes in force today.
pub async fn list_retention_classes(tx: &mut Tx, _nothing: ()) -> Result<Vec<RetentionClass>> {
    let standing = person::standing(tx).await?;
    tx.require(Action::ListRetentionClasses, Subject::of("tenant", tx.tenant()), &standing)?;
    let today = tx.today()?;
    store::rights::classes_in_force(tx, today).await
}

/// Sets a class for the tenant from a date on.
pub async fn set_retention_class(tx: &mut Tx, class: RetentionClass) -> Result<RetentionClass> {
    let standing = person::standing(tx).await?;
    tx.require(Action::SetRetentionClass, Subject::of("tenant", tx.tenant()), &standing)?;
    let today = tx.today()?;
    let known = store::rights::classes_in_force(tx, today).await?;
    if !known.iter().any(|known| known.class == class.class) {
        return Err(Error::NotFound("retention class"));
    }
    let by = tx.person()?;
    store::rights::set_class(tx, &class, by).await?;
    Ok(class)
}

/// May this caller have what sign-in keeps of them; comes before [`sign_in_rows`], so that it is written down first.
pub async fn export_sign_in(tx: &mut Tx, _nothing: ()) -> Result<()> {
    let person = tx.person()?;
    let standing = standing_about(tx, Some(person)).await?;
    tx.require(Action::ExportSignIn, Subject::about("person", person, person), &standing)
}

/// What sign-in keeps of the caller.
pub async fn sign_in_rows(desk: &Desk, actor: Actor) -> Result<Vec<(String, String)>> {
    let Actor::Person { tenant, person, .. } = actor else {
        return Err(Common::Unauthenticated.into());
    };
    store::rights_sign_in::sign_in_rows(&desk.global, tenant, person).await
}
