//! A list of calls that must be refused, and what is kept in the databases before and after each.

use std::collections::BTreeMap;

use kith_platform::error::ERROR_DOMAIN;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::Method;
use prost::Name;
use sqlx::{AssertSqlSafe, PgConnection};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::people::{People, Someone, method_of, service_of, with_request_id};
use crate::stack::Stack;

/// What a refused call may leave: who tried what. Answers are saved of successes only, but are not what is asked here.
pub const ASIDE: &[&str] = &["platform.audit", "platform.audit_open", "platform.saved_answer"];
/// Changed from time to time, whatever is called: keys are fetched anew, services join at their first start, and what
/// earlier calls left in the audit is sealed.
const NOT_LOOKED_AT: &[&str] = &[
    "platform.audit_block",
    "platform.key_set",
    "platform.resend",
    "platform.subscription",
    "platform.watermark",
];

/// A call that must be refused.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is wrong with it.
    pub what: String,
    /// The service that is called.
    pub service: &'static str,
    /// Which method.
    pub method: &'static Method,
    /// The request as it is sent.
    pub body: Vec<u8>,
    /// As whom.
    pub token: Option<String>,
    /// What is handed on with it.
    pub after: Vec<String>,
    /// The expected code.
    pub code: Code,
    /// The expected reason.
    pub reason: &'static str,
    /// Every field that must be named, in order.
    pub fields: Vec<&'static str>,
}

/// The list.
#[derive(Debug)]
pub struct Cases<'people> {
    people: &'people People,
    /// In the order in which they are tried.
    pub list: Vec<Case>,
}

impl<'people> Cases<'people> {
    /// An empty list.
    pub fn new(people: &'people People) -> Self {
        Self { people, list: Vec::new() }
    }

    /// A request that is refused for a reason; the case is answered so that it can still be changed.
    pub fn refused(
        &mut self,
        what: &str,
        who: Someone<'_>,
        request: impl Name,
        expected: (Code, &'static str),
    ) -> &mut Case {
        self.refused_by(service_of(method_of(&request)), what, who, request, expected)
    }

    /// The same for a method that all services have.
    pub fn refused_by(
        &mut self,
        service: &'static str,
        what: &str,
        who: Someone<'_>,
        request: impl Name,
        (code, reason): (Code, &'static str),
    ) -> &mut Case {
        let method = method_of(&request);
        self.list.push(Case {
            what: what.to_owned(),
            service,
            method,
            body: with_request_id(method, &request, self.people.uuid()),
            token: Some(self.people.token_of(self.people.tenant, who.id)),
            after: Vec::new(),
            code,
            reason,
            fields: Vec::new(),
        });
        self.list.last_mut().expect("just added")
    }

    /// A request with wrong fields, all of which must be named.
    pub fn wrong(
        &mut self,
        what: &str,
        who: Someone<'_>,
        request: impl Name,
        fields: &[&'static str],
    ) -> &mut Case {
        let case = self.refused(what, who, request, (Code::InvalidArgument, "INVALID_FIELDS"));
        case.fields = fields.to_vec();
        case
    }

    /// Tries every case and answers what was not as it must be.
    ///
    /// # Panics
    /// Where a database does not answer.
    pub async fn try_all(&self, stack: &Stack) -> Vec<String> {
        let mut databases = BTreeMap::new();
        for service in crate::services() {
            databases.insert(service.name, stack.admin(service.name).await);
        }
        let mut problems = Vec::new();
        for case in &self.list {
            let admin = databases.get_mut(case.service).expect("one of the seven");
            let before = contents(admin, ASIDE).await;
            let call = (case.service, case.method);
            let answer = self.people.send(call, case.body.clone(), case.token.as_deref(), &case.after).await;
            let mut found = match answer {
                Ok(_) => vec!["it was accepted".to_owned()],
                Err(status) => wrong_with(case, &status),
            };
            for (table, rows) in contents(admin, ASIDE).await {
                if before[&table] != rows {
                    found.push(format!("{table} was {} and is {rows}", before[&table]));
                }
            }
            let place = format!("{} ({})", case.method.path, case.what);
            problems.extend(found.into_iter().map(|problem| format!("{place}: {problem}")));
        }
        problems
    }
}

/// What a refusal should have said and did not.
fn wrong_with(case: &Case, status: &Status) -> Vec<String> {
    let mut problems = Vec::new();
    let details = status.get_error_details();
    if reason(status) != (case.code, case.reason.to_owned()) {
        problems.push(format!(
            "{:?}, not {:?}: {}",
            reason(status),
            (case.code, case.reason),
            status.message()
        ));
    }
    if details.error_info().is_none_or(|info| info.domain != ERROR_DOMAIN) {
        problems.push(format!("its ErrorInfo is {:?}", details.error_info()));
    }
    if wrong_fields(status) != case.fields {
        problems.push(format!("the fields are {:?}, not {:?}", wrong_fields(status), case.fields));
    }
    if details.retry_info().is_some() {
        problems.push("it says that repeating it may help".to_owned());
    }
    if status.message().is_empty() {
        problems.push("it says nothing".to_owned());
    }
    problems
}

/// The number and a digest of the rows of every table of a service, some aside.
///
/// # Panics
/// Where the database does not answer.
pub async fn contents(admin: &mut PgConnection, aside: &[&str]) -> BTreeMap<String, String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select schemaname || '.' || tablename from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema') order by 1",
    )
    .fetch_all(&mut *admin)
    .await
    .expect("the tables");
    let looked_at =
        |table: &&String| !NOT_LOOKED_AT.contains(&table.as_str()) && !aside.contains(&table.as_str());
    let each: Vec<String> = tables
        .iter()
        .filter(looked_at)
        .map(|table| {
            format!(
                "select '{table}', count(*) || ' rows, digest '
                     || coalesce(sum(hashtextextended(t::text, 0)), 0) from {table} t"
            )
        })
        .collect();
    let sql = AssertSqlSafe(each.join(" union all "));
    let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(admin).await.expect("the rows");
    rows.into_iter().collect()
}
