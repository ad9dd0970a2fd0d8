//! Emergency looks: somebody with a role in the organisation opens a person's record for an hour at most, with a stated
//! reason. Everything that is seen under it is written down with its id as the basis, the person and others are told, and
//! a review opens elsewhere that the reader cannot close. Needs nothing but this service's own database, and works in a
//! tenant that accepts no changes too ([`aside`]).

mod aside;

use chrono::{DateTime, Duration, Utc};
use kith_proto::common::v1 as pb;
use kith_proto::common::v1::OrganisationRole;
use kith_proto::common::v1::break_glass_service_server::BreakGlassService;
use tonic::{Request, Response, Status};

use crate::actions;
use crate::authz::{Standing, Subject};
use crate::db::Tx;
use crate::error::{Error, Kind, Refusal, Result};
use crate::fields::{Fields, timestamp};
use crate::host::Host;
use crate::id::{PersonId, Uuid};
use crate::page::Page;
use crate::people;

pub(crate) use aside::carry_over;

actions! {
    OpenBreakGlass,
    CloseBreakGlass seen by CloseBreakGlass,
    ListBreakGlass,
}

/// What is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    /// The service holds no records that an emergency look would open.
    #[error("nothing is kept here that an emergency look would open")]
    NothingToOpen,
}

impl Refusal for Refused {
    fn kind(&self) -> Kind {
        Kind::FailedPrecondition
    }

    fn reason(&self) -> &'static str {
        "NO_BREAK_GLASS_HERE"
    }
}

/// Serves `BreakGlassService`.
#[derive(Clone, Debug)]
pub struct BreakGlass(Host);

impl BreakGlass {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

type Reply<A> = std::result::Result<Response<A>, Status>;

#[tonic::async_trait]
impl BreakGlassService for BreakGlass {
    async fn open_break_glass(
        &self,
        request: Request<pb::OpenBreakGlassRequest>,
    ) -> Reply<pb::OpenBreakGlassResponse> {
        let host = self.0.clone();
        let parse =
            |message, fields: &mut Fields| parse_open(message, fields).map(|open| (host.clone(), open));
        let render = |look: Look| pb::OpenBreakGlassResponse { break_glass: Some(look.into()) };
        self.0.command_in_any_state(request, parse, open, aside::open, render).await
    }

    async fn close_break_glass(
        &self,
        request: Request<pb::CloseBreakGlassRequest>,
    ) -> Reply<pb::CloseBreakGlassResponse> {
        let host = self.0.clone();
        let parse = |message: pb::CloseBreakGlassRequest, fields: &mut Fields| {
            fields.id::<Uuid>("break_glass_id", &message.break_glass_id).map(|id| (host.clone(), id))
        };
        let render = |look: Look| pb::CloseBreakGlassResponse { break_glass: Some(look.into()) };
        self.0.command_in_any_state(request, parse, close, aside::close, render).await
    }

    async fn list_break_glass(
        &self,
        request: Request<pb::ListBreakGlassRequest>,
    ) -> Reply<pb::ListBreakGlassResponse> {
        let render = |(looks, next_page_token): (Vec<Look>, String)| pb::ListBreakGlassResponse {
            break_glasses: looks.into_iter().map(Into::into).collect(),
            next_page_token,
        };
        self.0.query(request, parse_list, list, render).await
    }
}

/// An emergency look.
#[derive(Clone, Debug)]
struct Look {
    id: Uuid,
    person_id: Uuid,
    opened_by: Uuid,
    reason: String,
    stated_reason: String,
    opened_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

impl From<Look> for pb::BreakGlass {
    fn from(look: Look) -> Self {
        Self {
            id: look.id.to_string(),
            person_id: look.person_id.to_string(),
            opened_by_person_id: look.opened_by.to_string(),
            reason: look.reason,
            stated_reason: look.stated_reason,
            open_time: Some(timestamp(look.opened_at)),
            end_time: Some(timestamp(look.ends_at)),
        }
    }
}

#[derive(Clone, Debug)]
struct Open {
    person: PersonId,
    reason: String,
    stated_reason: String,
    minutes: i32,
}

fn parse_open(message: pb::OpenBreakGlassRequest, fields: &mut Fields) -> Option<Open> {
    let person = fields.id("person_id", &message.person_id);
    let reason = fields.text("reason", &message.reason, 1, 50);
    let stated_reason = fields.text("stated_reason", &message.stated_reason, 10, 1000);
    let minutes = fields.number("minutes", message.minutes, 0, 24 * 60);
    Some(Open { person: person?, reason: reason?, stated_reason: stated_reason?, minutes: minutes? })
}

async fn open(tx: &mut Tx, (host, command): (Host, Open)) -> Result<Look> {
    let id = tx.new_id();
    let look = decide(tx, id, command).await?;
    insert(tx, &look).await?;
    tell(tx, host.name(), "opened", &look)?;
    Ok(look)
}

/// The look that is asked for, if it may be opened.
async fn decide(tx: &mut Tx, id: Uuid, command: Open) -> Result<Look> {
    let caller = tx.person()?;
    // Another system looks after nobody in an emergency.
    let has_role = !tx.actor().is_integrator() && tx.may_open_looks(caller).await?;
    let standing = Standing::new().with("organisation_role", has_role);
    tx.require(Action::OpenBreakGlass, Subject::about("break_glass", id, command.person), &standing)?;
    let (now, today) = (tx.now(), tx.today()?);
    let known = sqlx::query!(
        r#"select exists (select from platform.break_glass_reason where word = $1 and valid_from <= $2
               and (valid_until is null or valid_until > $2)) as "reason!",
           (select value from platform.setting where name = 'break_glass_minutes' and valid_from <= $2
               order by valid_from desc limit 1) as "minutes!""#,
        command.reason,
        today
    )
    .fetch_one(tx.conn())
    .await?;
    let mut fields = Fields::default();
    let reason =
        if known.reason { Some(()) } else { fields.wrong("reason", "is not a reason that is known here") };
    let asked = if command.minutes == 0 { known.minutes } else { i64::from(command.minutes) };
    let minutes = fields.number("minutes", asked, 1, known.minutes);
    let ((), minutes) = fields.finish(reason.zip(minutes))?;
    Ok(Look {
        id,
        person_id: command.person.0,
        opened_by: caller.0,
        reason: command.reason,
        stated_reason: command.stated_reason,
        opened_at: now,
        ends_at: now + Duration::minutes(minutes),
    })
}

async fn insert(tx: &mut Tx, look: &Look) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into platform.break_glass
             (tenant_id, id, person_id, opened_by, reason, stated_reason, opened_at, ends_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        look.id,
        look.person_id,
        look.opened_by,
        look.reason,
        look.stated_reason,
        look.opened_at,
        look.ends_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn close(tx: &mut Tx, (host, id): (Host, Uuid)) -> Result<Look> {
    let (caller, tenant, now) = (tx.person()?, tx.tenant(), tx.now());
    // No lock is asked for: the app role may change nothing but the end, and ending twice is ending.
    let look = sqlx::query_as!(
        Look,
        "select id, person_id, opened_by, reason, stated_reason, opened_at, ends_at
         from platform.break_glass where tenant_id = $1 and id = $2",
        tenant.0,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    let mut look = look.ok_or(Error::NotFound("break_glass"))?;
    let standing = Standing::new().with("opener", look.opened_by == caller.0);
    let subject = Subject::about("break_glass", id, PersonId(look.person_id));
    tx.require(Action::CloseBreakGlass, subject, &standing)?;
    if look.ends_at > now {
        look.ends_at = now;
        sqlx::query!(
            "update platform.break_glass set ends_at = $3 where tenant_id = $1 and id = $2 and ends_at > $3",
            tenant.0,
            id,
            now
        )
        .execute(tx.conn())
        .await?;
        tell(tx, host.name(), "closed", &look)?;
    }
    Ok(look)
}

#[derive(Debug)]
struct List {
    person: Option<PersonId>,
    page: Page<(DateTime<Utc>, Uuid)>,
}

fn parse_list(message: pb::ListBreakGlassRequest, fields: &mut Fields) -> Option<List> {
    let person = fields.optional_id("person_id", &message.person_id);
    let page = Page::parse(fields, message.page_size, &message.page_token, &message.person_id);
    Some(List { person: person?, page: page? })
}

async fn list(tx: &mut Tx, query: List) -> Result<(Vec<Look>, String)> {
    let (caller, tenant) = (tx.person()?, tx.tenant());
    let person = query.person.unwrap_or(caller);
    let leads = people::holds(tx, caller, OrganisationRole::PrivacyLead).await?;
    let standing = Standing::new().with("self", person == caller).with("privacy_lead", leads);
    tx.require(Action::ListBreakGlass, Subject::about("person", person, person), &standing)?;
    let (after_time, after_id) = query.page.after.unzip();
    let mut looks = sqlx::query_as!(
        Look,
        r#"select id as "id!", person_id as "person_id!", opened_by as "opened_by!", reason as "reason!",
             stated_reason as "stated_reason!", opened_at as "opened_at!", ends_at as "ends_at!"
         from (
             select id, person_id, opened_by, reason, stated_reason, opened_at, ends_at
             from platform.break_glass where tenant_id = $1 and person_id = $2
             union all
             select id, person_id, opened_by, reason, stated_reason, opened_at, ends_at
             from platform.break_glass_aside where tenant_id = $1 and person_id = $2
         ) look
         where $3::timestamptz is null or (opened_at, id) < ($3, $4)
         order by opened_at desc, id desc limit $5"#,
        tenant.0,
        person.0,
        after_time,
        after_id,
        query.page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    let next = query.page.cut(&mut looks, |look| (look.opened_at, look.id));
    Ok((looks, next))
}

/// Tells the others, in the words that the service's contract has for it: ids and times, never the reason.
fn tell(tx: &mut Tx, service: &str, fact: &str, look: &Look) -> Result<()> {
    let event_type = format!("{service}.break_glass.{fact}.v1");
    let event = kith_proto::EVENTS.iter().find(|event| event.event_type == event_type);
    let event = event.ok_or(Refused::NothingToOpen)?;
    let state = pb::BreakGlassSnapshot {
        break_glass_id: look.id.to_string(),
        person_id: look.person_id.to_string(),
        opened_by_person_id: look.opened_by.to_string(),
        open_time: Some(timestamp(look.opened_at)),
        end_time: Some(timestamp(look.ends_at)),
    };
    // Field 1 of every event is its state.
    let mut payload = Vec::new();
    prost::encoding::message::encode(1, &state, &mut payload);
    tx.publish_named(event, look.id, payload);
    Ok(())
}

impl Tx {
    /// Whether somebody holds a role whose holders may open emergency looks, as far as it is known here.
    async fn may_open_looks(&mut self, person: PersonId) -> Result<bool> {
        let (tenant, today) = (self.tenant(), self.today()?);
        let may = sqlx::query_scalar!(
            r#"select exists (select from platform.organisation_role r join platform.break_glass_role b using (role)
                   where r.tenant_id = $1 and r.person_id = $2 and b.valid_from <= $3
                       and (b.valid_until is null or b.valid_until > $3)) as "may!""#,
            tenant.0,
            person.0,
            today
        )
        .fetch_one(self.conn())
        .await?;
        Ok(may)
    }

    /// As [`Tx::require`]; where the standing alone does not allow it, an emergency look of the caller's at the subject's
    /// person counts too, and is the basis then. Answers the standing on which it was decided.
    pub async fn require_or_break_glass(
        &mut self,
        action: impl crate::authz::Action,
        subject: Subject,
        standing: Standing,
    ) -> Result<Standing> {
        let mut standing = standing;
        if let Some(person) = subject.person
            && !self.allows(action, &subject, &standing)
            && let Some(look) = self.open_look_at(person).await?
        {
            standing = standing.under_break_glass(look);
        }
        self.require(action, subject, &standing)?;
        Ok(standing)
    }

    /// The caller's emergency look at somebody that has not ended.
    async fn open_look_at(&mut self, person: PersonId) -> Result<Option<Uuid>> {
        Ok(self.open_looks_at(&[person]).await?.pop().map(|(_, look)| look))
    }

    /// The caller's emergency looks at these people that have not ended, one for each, as long as they hold the role that
    /// it rests on. For lists, whose standing towards each is put together before the policy is asked
    /// ([`Standing::under_break_glass`]).
    pub async fn open_looks_at(&mut self, people: &[PersonId]) -> Result<Vec<(PersonId, Uuid)>> {
        let (tenant, caller, now) = (self.tenant(), self.person()?, self.now());
        let people: Vec<Uuid> = people.iter().map(|person| person.0).collect();
        let looks = sqlx::query!(
            r#"select distinct on (person_id) person_id as "person_id!", id as "id!" from (
                 select person_id, id, ends_at from platform.break_glass
                 where tenant_id = $1 and opened_by = $2 and person_id = any($3) and ends_at > $4
                 union all
                 select person_id, id, ends_at from platform.break_glass_aside
                 where tenant_id = $1 and opened_by = $2 and person_id = any($3) and ends_at > $4
             ) look
             where exists (select from platform.organisation_role o where o.tenant_id = $1 and o.person_id = $2)
             order by person_id, ends_at desc"#,
            tenant.0,
            caller.0,
            &people,
            now
        )
        .fetch_all(self.conn())
        .await?;
        Ok(looks.into_iter().map(|look| (PersonId(look.person_id), look.id)).collect())
    }
}
