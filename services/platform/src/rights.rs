//! Rights over one's own data, the same in every service: every row that names a person, and the erasure of what may
//! go. Which columns can name a person, and which texts are personal, is declared beside the migrations; so is what is not
//! given out of a row because it is about others too, with its reason.

use chrono::{DateTime, Utc};
use kith_proto::Event;
use kith_proto::common::v1::data_rights_service_server::DataRightsService;
use kith_proto::common::v1::{
    AccessRequestState, ErasureReport, ErasureState, ExportPersonRequest, ExportPersonResponse, KeptClass,
    PersonalRow, RetentionPeriod, SubjectColumn,
};
use tonic::{Request, Response, Status};

use crate::audit;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::fields::{Fields, date_text};
use crate::host::Host;
use crate::id::{PersonId, Uuid};
use crate::inbox::{Outcome, Received};
use crate::page::Page;

const DEFAULT_PAGE: i32 = 100;
const MAX_PAGE: i32 = 500;

/// Serves `DataRightsService`.
#[derive(Clone, Debug)]
pub(crate) struct DataRights(pub Host);

#[tonic::async_trait]
impl DataRightsService for DataRights {
    async fn export_person(
        &self,
        request: Request<ExportPersonRequest>,
    ) -> std::result::Result<Response<ExportPersonResponse>, Status> {
        let service = self.0.name();
        let render = |mut answer: ExportPersonResponse| {
            service.clone_into(&mut answer.service);
            answer
        };
        self.0.query(request, parse, export, render).await
    }
}

struct Export {
    /// None for the caller.
    person: Option<PersonId>,
    page: Page<(String, String)>,
}

fn parse(message: ExportPersonRequest, fields: &mut Fields) -> Option<Export> {
    let person = fields.optional_id::<PersonId>("person_id", &message.person_id);
    let page = Page::parse_sized(
        fields,
        message.page_size,
        &message.page_token,
        &message.person_id,
        DEFAULT_PAGE,
        MAX_PAGE,
    );
    let (person, page) = person.zip(page)?;
    Some(Export { person, page })
}

/// Columns of the platform's own tables that change without anybody's doing.
const CHANGING: [&str; 10] = [
    "published_at",
    "state",
    "attempts",
    "next_attempt_at",
    "received_at",
    "since",
    "last_error",
    "awaiting",
    "snapshot",
    "last_no",
];

/// A page of the rows that name the person, without what is others' to know: the person is the caller, or somebody on
/// whose request the caller acts.
async fn export(tx: &mut Tx, query: Export) -> Result<ExportPersonResponse> {
    let caller = tx.person()?;
    let person = query.person.unwrap_or(caller);
    let basis = if person == caller {
        Some("self")
    } else {
        handles_request(tx, person, caller).await?.then_some("access request")
    };
    tx.note(vec![audit::Row {
        action: "ExportPerson",
        subject_type: "person",
        subject_id: person.0,
        person_id: Some(person.0),
        basis: basis.unwrap_or_default().to_owned(),
        allowed: basis.is_some(),
    }]);
    if basis.is_none() {
        return Err(Error::NotFound("person"));
    }
    // Paged by what a row holds, never by its place: each page writes into the audit, and the sweep takes rows away meanwhile.
    // Not by what changes of itself, such as the place that the sealer gives to a row of the audit. A digest, since a page token
    // is no place for data.
    let (table, digest) = query.page.after.clone().unzip();
    let rows = sqlx::query!(
        r#"select table_name as "table!", content::text as "json!", digest as "digest!"
           from (
               select table_name, content, encode(sha256(convert_to((case when starts_with(table_name, 'platform.')
                   then content - $6::text[] else content end)::text, 'UTF8')), 'hex') as digest
               from platform.rows_given($1, $2) as given (table_name, content)
           ) as r
           where $3::text is null or (table_name collate "C", digest collate "C") > ($3, $4)
           order by table_name collate "C", digest collate "C" limit $5"#,
        person.0,
        person == caller,
        table,
        digest,
        query.page.limit(),
        &CHANGING.map(str::to_owned),
    )
    .fetch_all(tx.conn())
    .await?;
    let mut rows: Vec<(String, PersonalRow)> =
        rows.into_iter().map(|row| (row.digest, PersonalRow { table: row.table, json: row.json })).collect();
    let next_page_token = query.page.cut(&mut rows, |(digest, row)| (row.table.clone(), digest.clone()));
    let columns = sqlx::query!(
        "select table_name, column_name, capacity from platform.subject_column order by table_name, column_name"
    )
    .fetch_all(tx.conn())
    .await?;
    let columns = columns.into_iter().map(|row| SubjectColumn {
        table: row.table_name,
        column: row.column_name,
        capacity: row.capacity,
    });
    Ok(ExportPersonResponse {
        service: String::new(),
        columns: columns.collect(),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        next_page_token,
    })
}

async fn handles_request(tx: &mut Tx, person: PersonId, handler: PersonId) -> Result<bool> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let handles = sqlx::query_scalar!(
        r#"select exists (select from platform.access_request
               where tenant_id = $1 and person_id = $2 and handler_person_id = $3 and valid_until > $4) as "handles!""#,
        tenant.0,
        person.0,
        handler.0,
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(handles)
}

/// Remembers that somebody may read a person's data on their behalf; each service's consumer of these facts calls it.
pub async fn access_request(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: AccessRequestState = event.state()?;
    let mut fields = Fields::default();
    let id = fields.id::<Uuid>("access_request_id", &state.access_request_id);
    let person = fields.id::<PersonId>("person_id", &state.person_id);
    let handler = fields.id::<PersonId>("handler_person_id", &state.handler_person_id);
    let until = state.valid_until.parse::<DateTime<Utc>>().ok();
    let parsed = id.zip(person).zip(handler).zip(until);
    let (((id, person), handler), until) = fields.finish(parsed).map_err(Error::internal)?;
    remember_access_request(tx, id, person, handler, until).await?;
    Ok(Outcome::Done)
}

/// Writes an access request down, new or changed.
pub async fn remember_access_request(
    tx: &mut Tx,
    id: Uuid,
    person: PersonId,
    handler: PersonId,
    valid_until: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into platform.access_request (tenant_id, id, person_id, handler_person_id, valid_until)
         values ($1, $2, $3, $4, $5)
         on conflict on constraint access_request_pk do update set handler_person_id = $4, valid_until = $5",
        tenant.0,
        id,
        person.0,
        handler.0,
        valid_until,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Carries an erasure out and tells it: what each service's consumer of such orders calls.
pub async fn erase<E: Event>(
    tx: &mut Tx,
    event: &Received,
    tell: impl FnOnce(ErasureReport) -> E,
) -> Result<Outcome> {
    let state: ErasureState = event.state()?;
    if state.completed {
        return Ok(Outcome::Done);
    }
    let mut fields = Fields::default();
    let id = fields.id::<Uuid>("erasure_id", &state.erasure_id);
    let person = fields.id::<PersonId>("person_id", &state.person_id);
    let (id, person) = fields.finish(id.zip(person)).map_err(Error::internal)?;
    let service = E::AGGREGATE.split('.').next().unwrap_or_default();
    let report = carry_out(tx, service, id, person, &state.periods).await?;
    tx.publish(id, &tell(report));
    Ok(Outcome::Done)
}

/// Erases what may go about a person in this database and says what was done, and what must be kept.
pub async fn carry_out(
    tx: &mut Tx,
    service: &str,
    erasure: Uuid,
    person: PersonId,
    periods: &[RetentionPeriod],
) -> Result<ErasureReport> {
    let today = tx.today()?;
    let classes: Vec<String> = periods.iter().map(|period| period.class.clone()).collect();
    let months: Vec<Option<i32>> = periods.iter().map(|period| period.months).collect();
    let done = sqlx::query!(
        r#"select class as "class!", deleted as "deleted!", blanked as "blanked!", kept as "kept!", kept_until
           from platform.erase_about($1, $2, $3, $4)"#,
        person.0,
        today,
        &classes,
        &months as &[Option<i32>],
    )
    .fetch_all(tx.conn())
    .await?;
    let left = sqlx::query_scalar!(r#"select count(*) as "left!" from platform.rows_about($1)"#, person.0)
        .fetch_one(tx.conn())
        .await?;
    let mut report = ErasureReport {
        erasure_id: erasure.to_string(),
        person_id: person.to_string(),
        service: service.to_owned(),
        ..ErasureReport::default()
    };
    for row in done {
        report.deleted_rows += row.deleted;
        report.blanked_rows += row.blanked;
        if row.kept > 0 {
            report.kept.push(KeptClass {
                class: row.class,
                rows: row.kept,
                until: date_text(row.kept_until),
            });
        }
    }
    let kept: i64 = report.kept.iter().map(|kept| kept.rows).sum();
    report.id_only_rows = (left - kept).max(0);
    Ok(report)
}
