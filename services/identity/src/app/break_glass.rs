//! What follows an emergency look in any service.

use chrono::{DateTime, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::person;
use crate::domain::break_glass::{Closed, Finding, Look, Notice, Review, told};
use crate::domain::person::Role;
use crate::domain::{Change, Refused};
use crate::policy::Action;
use crate::store;

/// Takes in that somebody opened an emergency look: tells those who must know, and opens the review. Told a second time
/// it changes nothing.
pub async fn opened(tx: &mut Tx, look: Look) -> Result<()> {
    let contact = store::break_glass::contact_of(tx, look.person).await?;
    let leads = store::break_glass::holders_of(tx, Role::PrivacyLead).await?;
    let administrators = store::break_glass::holders_of(tx, Role::Administrator).await?;
    store::break_glass::insert_review(tx, &look).await?;
    let told = told(&look, contact, &leads, &administrators);
    store::break_glass::tell(tx, &look, &told).await
}

/// Says who is told when somebody looks at the caller's records in an emergency.
pub async fn choose_contact(tx: &mut Tx, contact: Option<PersonId>) -> Result<()> {
    let (caller, standing) = (tx.person()?, person::standing(tx).await?);
    tx.require(Action::ChooseContact, Subject::about("person", caller, caller), &standing)?;
    let Some(contact) = contact else {
        return store::break_glass::forget_contact(tx, caller).await;
    };
    if contact == caller {
        return Err(Refused::OwnContact.into());
    }
    if store::person::load_all(tx, &[contact.0]).await?.is_empty() {
        return Err(Error::NotFound("person"));
    }
    store::break_glass::choose_contact(tx, caller, contact).await
}

/// Lists what the caller was told, newest first, with the token of the next page.
pub async fn notices(tx: &mut Tx, page: Page<(DateTime<Utc>, Uuid)>) -> Result<(Vec<Notice>, String)> {
    let (caller, standing) = (tx.person()?, person::standing(tx).await?);
    tx.require(Action::ListBreakGlassNotices, Subject::about("person", caller, caller), &standing)?;
    let mut notices = store::break_glass::notices_of(tx, caller, &page).await?;
    let next = page.cut(&mut notices, |notice| (notice.opened_at, notice.look_id));
    Ok((notices, next))
}

/// Lists reviews, open ones first and then the newest, with the token of the next page.
pub async fn reviews(tx: &mut Tx, page: Page<(bool, DateTime<Utc>, Uuid)>) -> Result<(Vec<Review>, String)> {
    let standing = standing(tx, None).await?;
    tx.require(Action::ListBreakGlassReviews, Subject::of("tenant", tx.tenant()), &standing)?;
    let mut reviews = store::break_glass::reviews(tx, &page).await?;
    let key = |review: &Review| (review.closed.is_some(), review.look.opened_at, review.look.id);
    let next = page.cut(&mut reviews, key);
    Ok((reviews, next))
}

/// Closes a review.
#[derive(Clone, Copy, Debug)]
pub struct Close {
    pub look: Uuid,
    pub finding: Finding,
}

/// Closes a review, by a privacy lead who is not the one who looked.
pub async fn close(tx: &mut Tx, command: Close) -> Result<Review> {
    let review = store::break_glass::review_for_update(tx, command.look).await?;
    let mut review = review.ok_or(Error::NotFound("break_glass_review"))?;
    let standing = standing(tx, Some(&review)).await?;
    let subject = Subject::about("break_glass_review", review.look.id, review.look.person);
    tx.require(Action::CloseBreakGlassReview, subject, &standing)?;
    let closed = Closed { finding: command.finding, by: tx.person()?, at: tx.now() };
    if review.close(closed)? == Change::Changed {
        store::break_glass::save_closed(tx, &review, closed).await?;
    }
    Ok(review)
}

/// What the caller is to a review.
async fn standing(tx: &mut Tx, review: Option<&Review>) -> Result<Standing> {
    let caller = tx.person()?;
    let leads = store::break_glass::holders_of(tx, Role::PrivacyLead).await?.contains(&caller);
    let looked = review.is_some_and(|review| review.look.opened_by == caller);
    let is_integrator = tx.actor().is_integrator();
    Ok(Standing::new().with("privacy_lead", leads).with("reader", looked).with("integrator", is_integrator))
}
