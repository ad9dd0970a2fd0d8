//! What a person reads of the audit: who saw or changed what about them, when, on which basis, in plain words. Who acts
//! for them reads it too, in the services that their scope is about, as each service's policy says.

use chrono::{DateTime, NaiveDate, Utc};
use kith_proto::common::v1::access_log_service_server::AccessLogService;
use kith_proto::common::v1::{AccessEntry, ListAccessesRequest, ListAccessesResponse};
use tonic::{Request, Response, Status};

use crate::actions;
use crate::authz::{Standing, Subject};
use crate::db::Tx;
use crate::error::Result;
use crate::fields::{Fields, timestamp};
use crate::host::Host;
use crate::id::{PersonId, Uuid};
use crate::page::Page;
use crate::representative::{self, Scope};

actions! { ListAccesses seen by ListAccesses }

/// Serves `AccessLogService`.
#[derive(Clone, Debug)]
pub struct AccessLog(Host);

impl AccessLog {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl AccessLogService for AccessLog {
    async fn list_accesses(
        &self,
        request: Request<ListAccessesRequest>,
    ) -> std::result::Result<Response<ListAccessesResponse>, Status> {
        let render = |(accesses, next_page_token)| ListAccessesResponse { accesses, next_page_token };
        self.0.query(request, parse, list, render).await
    }
}

type Key = (DateTime<Utc>, Uuid);

#[derive(Debug)]
struct List {
    /// None for the caller.
    person: Option<PersonId>,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    include_own: bool,
    page: Page<Key>,
}

fn parse(message: ListAccessesRequest, fields: &mut Fields) -> Option<List> {
    let person = fields.optional_id("person_id", &message.person_id);
    let from = fields.optional_time("from_time", message.from_time.as_ref());
    let until = fields.optional_time("until_time", message.until_time.as_ref());
    let filters = (&message.person_id, from, until, message.include_own);
    let page = Page::parse(fields, message.page_size, &message.page_token, &filters);
    let include_own = message.include_own;
    Some(List { person: person?, from: from?, until: until?, include_own, page: page? })
}

/// What the caller is to somebody whose log is asked for.
async fn standing(tx: &mut Tx, person: PersonId) -> Result<Standing> {
    let caller = tx.person()?;
    if person == caller {
        return Ok(Standing::new().with("self", true));
    }
    let (mut standing, today) = (Standing::new(), tx.today()?);
    for (scope, word) in
        [(Scope::HealthAndWelfare, "represents_health_and_welfare"), (Scope::Property, "represents_property")]
    {
        if let Some(basis) = representative::basis(tx, person, caller, scope, today).await? {
            standing = standing.with(word, true).with(basis, true);
        }
    }
    Ok(standing)
}

/// Lists somebody's log, in the words in which they read it themselves. That another asked for it is in it.
async fn list(tx: &mut Tx, query: List) -> Result<(Vec<AccessEntry>, String)> {
    let person = query.person.unwrap_or(tx.person()?);
    let standing = standing(tx, person).await?;
    tx.require(Action::ListAccesses, Subject::about("access_log", person, person), &standing)?;
    let (tenant, limit) = (tx.tenant(), query.page.limit());
    let (after_time, after_id) = query.page.after.unzip();
    let mut rows = sqlx::query!(
        "select id, actor_id, action, subject_type, subject_id, basis, allowed, recorded_at
         from platform.audit
         where tenant_id = $1 and person_id = $2
             and ($3::timestamptz is null or recorded_at >= $3) and ($4::timestamptz is null or recorded_at < $4)
             and ($5 or actor_id <> $2)
             and (action <> 'ListAccesses' or (subject_id = $2 and actor_id <> $2))
             and ($6::timestamptz is null or (recorded_at, id) < ($6, $7))
         order by recorded_at desc, id desc limit $8",
        tenant.0,
        person.0,
        query.from,
        query.until,
        query.include_own,
        after_time,
        after_id,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    let next = query.page.cut(&mut rows, |row| (row.recorded_at, row.id));
    let words = Words::load(tx).await?;
    let entries = rows.into_iter().map(|row| {
        let actor = match row.actor_id {
            own if own == person.0 => Who::You,
            nil if nil.is_nil() => Who::Kith,
            _ => Who::Somebody,
        };
        let day = row.recorded_at.date_naive();
        let sentence = words.sentence(day, actor, &row.action, &row.basis, row.allowed);
        AccessEntry {
            id: row.id.to_string(),
            access_time: Some(timestamp(row.recorded_at)),
            actor_id: row.actor_id.to_string(),
            action: row.action,
            subject_kind: row.subject_type,
            subject_id: row.subject_id.to_string(),
            basis: row.basis,
            allowed: row.allowed,
            sentence,
        }
    });
    Ok((entries.collect(), next))
}

/// Who is meant, without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    You,
    Somebody,
    Kith,
}

/// The words that are in force, and were.
#[derive(Debug, Default)]
struct Words(Vec<Wording>);

#[derive(Debug)]
struct Wording {
    kind: String,
    word: String,
    valid_from: NaiveDate,
    text: String,
    asked: String,
}

impl Words {
    async fn load(tx: &mut Tx) -> Result<Self> {
        let texts = sqlx::query_as!(
            Wording,
            "select kind, word, valid_from, text, asked from platform.access_text order by valid_from desc"
        )
        .fetch_all(tx.conn_of_no_tenant())
        .await?;
        Ok(Self(texts))
    }

    fn text(&self, day: NaiveDate, kind: &str, word: &str) -> Option<&Wording> {
        let mut texts = self.0.iter().filter(|text| text.kind == kind && text.word == word);
        texts.find(|text| text.valid_from <= day)
    }

    /// Such as "Somebody looked at your Team, as a member of your Team." Where there are no words for an action or a
    /// standing, their names make do.
    fn sentence(&self, day: NaiveDate, who: Who, action: &str, basis: &str, allowed: bool) -> String {
        let words = self.text(day, "action", action);
        let who = match who {
            Who::You => "You",
            Who::Somebody => "Somebody",
            Who::Kith => "Kith itself",
        };
        if !allowed {
            let asked = words.map_or_else(
                || format!("use “{}” on something about you", spaced(action)),
                |text| text.asked.clone(),
            );
            let were = if who == "You" { "were" } else { "was" };
            return format!("{who} asked to {asked}, and {were} refused.");
        }
        let done = words.map_or_else(
            || format!("used “{}” on something about you", spaced(action)),
            |text| text.text.clone(),
        );
        let basis: Vec<String> = basis
            .split_whitespace()
            .map(|word| word.split(':').next().unwrap_or(word))
            .map(|word| {
                self.text(day, "basis", word).map_or_else(|| word.replace('_', " "), |text| text.text.clone())
            })
            .collect();
        match basis.split_last() {
            None => format!("{who} {done}."),
            Some((only, [])) => format!("{who} {done}, as {only}."),
            Some((last, before)) => format!("{who} {done}, as {} and {last}.", before.join(", ")),
        }
    }
}

/// `GetTeam` as "get team".
fn spaced(action: &str) -> String {
    let mut text = String::new();
    for letter in action.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn text(kind: &str, word: &str, valid_from: &str, text: &str) -> Wording {
        let asked = "look at your Team".into();
        Wording {
            kind: kind.into(),
            word: word.into(),
            valid_from: day(valid_from),
            text: text.into(),
            asked,
        }
    }

    #[test]
    fn a_sentence_is_plain_and_in_the_words_of_its_day() {
        // Newest first, as they are loaded.
        let words = Words(vec![
            text("action", "GetTeam", "2027-01-01", "read about your Team"),
            text("action", "GetTeam", "2000-01-01", "looked at your Team"),
            text("basis", "member", "2000-01-01", "a member of your Team"),
        ]);
        let say =
            |day_text, who, basis, allowed| words.sentence(day(day_text), who, "GetTeam", basis, allowed);
        assert_eq!(
            say("2026-11-21", Who::Somebody, "member", true),
            "Somebody looked at your Team, as a member of your Team."
        );
        assert_eq!(
            say("2027-02-01", Who::You, "owner rota_holder member", true),
            "You read about your Team, as owner, rota holder and a member of your Team."
        );
        assert_eq!(
            say("2026-11-21", Who::Somebody, "", false),
            "Somebody asked to look at your Team, and was refused."
        );
        assert_eq!(
            say("2026-11-21", Who::You, "", false),
            "You asked to look at your Team, and were refused."
        );
        assert_eq!(
            words.sentence(day("2026-11-21"), Who::Kith, "CountThings", "", true),
            "Kith itself used “count things” on something about you."
        );
    }
}
