//! Consent given elsewhere: each service's own copy, and the one question to it.
//!
//! May this reader see this part of that person's record, for this purpose, by a consent in force now? The answer
//! carries its basis for the audit. Whoever reads by a fact of the service's own (the person, their representative, a
//! present member of the Team for its work) is not asked about here and never waits for a copy. Where a consent is the
//! only basis, a copy that is too old opens nothing: `consent_copy_seconds` in `platform.setting`. That holds for the copy
//! of consents, and for the copy of hats where it is a hat, or being of a Team, by which a consent reaches the reader.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kith_proto::common::v1::{ConsentSnapshot, ConsentState, GranteeKind};

use crate::db::Tx;
use crate::error::{Error, Kind, Refusal, Result};
use crate::fields::Fields;
use crate::hats;
use crate::id::{PersonId, Uuid};
use crate::inbox::{Outcome, Received};

/// To whom a consent is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// One person.
    Person(Uuid),
    /// Whoever wears a hat, in one Team or anywhere.
    Hat(String, Option<Uuid>),
    /// Whoever is of a Team.
    Team(Uuid),
}

/// A consent as this copy was told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub consent_id: Uuid,
    pub person: Uuid,
    pub part: String,
    pub purpose: String,
    pub grantee: Grantee,
    /// First day.
    pub valid_from: NaiveDate,
    /// First day no more.
    pub valid_until: NaiveDate,
    pub version: i64,
    pub withdrawn: bool,
}

impl Known {
    /// What is known after hearing of it again, in whatever order: the later version counts, and a withdrawal is for
    /// good.
    pub(crate) fn and(self, arriving: Self) -> Self {
        let withdrawn = self.withdrawn || arriving.withdrawn;
        let later = if arriving.version > self.version { arriving } else { self };
        Self { withdrawn, ..later }
    }

    /// Whether it opens anything on a day.
    pub(crate) fn in_force(&self, day: NaiveDate) -> bool {
        !self.withdrawn && self.valid_from <= day && day < self.valid_until
    }
}

/// Who reads: a person, the Teams they are of at present, and the hats they wear.
#[derive(Clone, Debug)]
pub struct Reader {
    person: Uuid,
    worn: Vec<Worn>,
}

/// By what, besides their name, a consent may reach a reader.
#[derive(Clone, Debug)]
struct Worn {
    as_what: Grantee,
    /// As it was told, too long ago to rely on.
    is_old: bool,
}

impl Reader {
    /// Somebody, as nothing but themselves.
    pub fn new(person: PersonId) -> Self {
        Self { person: person.0, worn: Vec::new() }
    }

    /// Is of that Team at present, by a fact known here.
    #[must_use]
    pub fn of_team(self, team: impl Into<Uuid>) -> Self {
        self.being(Grantee::Team(team.into()), false)
    }

    /// Wears a hat at present, by a fact known here; in a Team where it belongs to one.
    #[must_use]
    pub fn wearing(self, hat: &str, team: Option<Uuid>) -> Self {
        self.being(Grantee::Hat(hat.to_owned(), team), false)
    }

    fn being(mut self, as_what: Grantee, is_old: bool) -> Self {
        self.worn.push(Worn { as_what, is_old });
        self
    }

    /// What a consent to a grantee opens to them.
    pub fn by(&self, grantee: &Grantee, basis: Basis) -> Answer {
        if *grantee == Grantee::Person(self.person) {
            return Answer::Yes(basis);
        }
        let by_worn = self.worn.iter().filter(|worn| worn.as_what.is_reached_by(grantee));
        by_worn
            .map(|worn| if worn.is_old { Answer::Stale } else { Answer::Yes(basis) })
            .fold(Answer::No, Answer::or)
    }
}

impl Grantee {
    /// Whether a consent to `given` is one to this: a hat in whichever Team is each Team's.
    fn is_reached_by(&self, given: &Self) -> bool {
        match (self, given) {
            (Self::Hat(worn, _), Self::Hat(hat, None)) => worn == hat,
            _ => self == given,
        }
    }
}

/// The caller, with the Teams that they are of and the hats that they wear today, as teams and matching told.
pub async fn reader(tx: &mut Tx) -> Result<Reader> {
    let (person, today) = (tx.person()?, tx.today()?);
    let mut reader = Reader::new(person);
    for worn in hats::worn_by(tx, person, today).await? {
        let is_of_team = worn.hat == hats::MEMBER || worn.hat == hats::OWNER;
        if let Some(team) = worn.team.filter(|_| is_of_team) {
            reader = reader.being(Grantee::Team(team), worn.is_old);
        }
        if worn.hat != hats::MEMBER {
            reader = reader.being(Grantee::Hat(worn.hat, worn.team), worn.is_old);
        }
    }
    Ok(reader)
}

/// A consent by which something may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basis {
    /// Which.
    pub consent_id: Uuid,
    /// Its version at that moment.
    pub version: i64,
}

/// Whether a consent opens something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// By this one.
    Yes(Basis),
    /// None is in force for this reader.
    No,
    /// One was, but a copy is too old to rely on.
    Stale,
}

impl Answer {
    /// By this or by another consent, whichever opens it.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes(_), _) | (_, Self::No) => self,
            _ => other,
        }
    }

    /// For reads whose only basis this is: refused where the copy is too old.
    pub fn or_refuse(self) -> Result<Option<Basis>> {
        match self {
            Self::Stale => Err(Stale.into()),
            answer => Ok(answer.if_fresh()),
        }
    }

    /// What is answered to whom a rule refused: that the copy is too old, where one that is not would have let them in. A
    /// failure stays what it is.
    #[must_use]
    pub fn instead_of(self, error: Error) -> Error {
        let by_rule = match &error {
            Error::NotFound(_) => true,
            Error::Refused(refusal) => refusal.kind() == Kind::PermissionDenied,
            _ => false,
        };
        if by_rule && self == Self::Stale { Stale.into() } else { error }
    }

    /// For reads that have another basis too: a copy that is too old just adds nothing.
    pub fn if_fresh(self) -> Option<Basis> {
        match self {
            Self::Yes(basis) => Some(basis),
            Self::No | Self::Stale => None,
        }
    }
}

/// The copy of consent is too old to open anything. Said only to those for whom it holds a consent: everybody else
/// finds nothing, as ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("whether you may still see this cannot be told at the moment; try again")]
pub struct Stale;

impl Refusal for Stale {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }

    fn reason(&self) -> &'static str {
        "CONSENT_STALE"
    }
}

/// Whether a consent in force now lets the reader see a part of somebody's record for a purpose.
pub async fn asked(
    tx: &mut Tx,
    about: PersonId,
    part: &str,
    purpose: &str,
    reader: &Reader,
) -> Result<Answer> {
    let all = asked_of_many(tx, &[about], part, purpose, reader).await?;
    Ok(all.get(&about).copied().unwrap_or(Answer::No))
}

/// The same about several people at once; whoever is not in the answer has given none.
pub async fn asked_of_many(
    tx: &mut Tx,
    about: &[PersonId],
    part: &str,
    purpose: &str,
    reader: &Reader,
) -> Result<BTreeMap<PersonId, Answer>> {
    let today = tx.today()?;
    let mut answers: BTreeMap<PersonId, Answer> = BTreeMap::new();
    for known in not_withdrawn(tx, about, part, purpose).await? {
        let basis = Basis { consent_id: known.consent_id, version: known.version };
        let answer = if known.in_force(today) { reader.by(&known.grantee, basis) } else { Answer::No };
        if answer != Answer::No {
            let of_person = answers.entry(PersonId(known.person)).or_insert(answer);
            *of_person = answer.or(*of_person);
        }
    }
    if !answers.is_empty() && !is_fresh(tx).await? {
        for answer in answers.values_mut() {
            *answer = Answer::Stale;
        }
    }
    Ok(answers)
}

/// Of several people those who let the reader see it; refused where the copy is too old to tell of any of them.
pub async fn those_who_consent(
    tx: &mut Tx,
    about: &[PersonId],
    part: &str,
    purpose: &str,
    reader: &Reader,
) -> Result<BTreeMap<PersonId, Basis>> {
    let mut consenting = BTreeMap::new();
    for (person, answer) in asked_of_many(tx, about, part, purpose, reader).await? {
        if let Some(basis) = answer.or_refuse()? {
            consenting.insert(person, basis);
        }
    }
    Ok(consenting)
}

/// Keeps the copy: the handler of the aggregate `consent` in every service that shows personal data.
pub async fn follow(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let mut fields = Fields::default();
    let arriving = read(event.state()?, &mut fields);
    let arriving = fields.finish(arriving).map_err(Error::internal)?;
    let known = match load(tx, arriving.consent_id).await? {
        Some(known) => known.and(arriving),
        None => arriving,
    };
    put(tx, &known).await?;
    Ok(Outcome::Done)
}

fn read(state: ConsentSnapshot, fields: &mut Fields) -> Option<Known> {
    let grantee = state.grantee.clone().unwrap_or_default();
    let grantee = match grantee.kind() {
        GranteeKind::Person => Grantee::Person(fields.id("grantee.id", &grantee.id)?),
        GranteeKind::Team => Grantee::Team(fields.id("grantee.id", &grantee.id)?),
        GranteeKind::Hat => Grantee::Hat(
            fields.text("grantee.hat", &grantee.hat, 1, 100)?,
            fields.optional_id("grantee.id", &grantee.id)?,
        ),
        GranteeKind::Unspecified => return fields.wrong("grantee.kind", "is not known here"),
    };
    let state_word = state.state();
    Some(Known {
        consent_id: fields.id("consent_id", &state.consent_id)?,
        person: fields.id("person_id", &state.person_id)?,
        grantee,
        valid_from: fields.date("valid_from", &state.valid_from)?,
        valid_until: fields.date("valid_until", &state.valid_until)?,
        part: state.part,
        purpose: state.purpose,
        version: state.version,
        // What is not known to be given opens nothing.
        withdrawn: state_word != ConsentState::Given,
    })
}

struct Row {
    consent_id: Uuid,
    person_id: Uuid,
    part: String,
    purpose: String,
    grantee_kind: String,
    grantee_id: Option<Uuid>,
    grantee_hat: String,
    valid_from: NaiveDate,
    valid_until: NaiveDate,
    version: i64,
    withdrawn: bool,
}

impl TryFrom<Row> for Known {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let grantee = match (row.grantee_kind.as_str(), row.grantee_id) {
            ("person", Some(person)) => Grantee::Person(person),
            ("team", Some(team)) => Grantee::Team(team),
            ("hat", team) => Grantee::Hat(row.grantee_hat, team),
            _ => {
                return Err(Error::Inconsistent {
                    table: "platform.consent",
                    row: row.consent_id.to_string(),
                    problem: "its grantee is not known".into(),
                });
            }
        };
        Ok(Self {
            consent_id: row.consent_id,
            person: row.person_id,
            part: row.part,
            purpose: row.purpose,
            grantee,
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            version: row.version,
            withdrawn: row.withdrawn,
        })
    }
}

async fn not_withdrawn(tx: &mut Tx, about: &[PersonId], part: &str, purpose: &str) -> Result<Vec<Known>> {
    let tenant = tx.tenant();
    let people: Vec<Uuid> = about.iter().map(|person| person.0).collect();
    let rows = sqlx::query_as!(
        Row,
        "select consent_id, person_id, part, purpose, grantee_kind, grantee_id, grantee_hat, valid_from, valid_until,
             version, withdrawn
         from platform.consent
         where tenant_id = $1 and person_id = any($2) and part = $3 and purpose = $4 and not withdrawn
         order by consent_id",
        tenant.0,
        &people,
        part,
        purpose
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Known::try_from).collect()
}

async fn load(tx: &mut Tx, id: Uuid) -> Result<Option<Known>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select consent_id, person_id, part, purpose, grantee_kind, grantee_id, grantee_hat, valid_from, valid_until,
             version, withdrawn
         from platform.consent where tenant_id = $1 and consent_id = $2 for update",
        tenant.0,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Known::try_from).transpose()
}

async fn put(tx: &mut Tx, known: &Known) -> Result<()> {
    let tenant = tx.tenant();
    let (kind, id, hat) = match &known.grantee {
        Grantee::Person(person) => ("person", Some(*person), ""),
        Grantee::Team(team) => ("team", Some(*team), ""),
        Grantee::Hat(hat, team) => ("hat", *team, hat.as_str()),
    };
    sqlx::query!(
        "insert into platform.consent (tenant_id, consent_id, person_id, part, purpose, grantee_kind, grantee_id,
             grantee_hat, valid_from, valid_until, version, withdrawn)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict on constraint consent_pk do update set person_id = $3, part = $4, purpose = $5, grantee_kind = $6,
             grantee_id = $7, grantee_hat = $8, valid_from = $9, valid_until = $10, version = $11, withdrawn = $12",
        tenant.0,
        known.consent_id,
        known.person,
        known.part,
        known.purpose,
        kind,
        id,
        hat,
        known.valid_from,
        known.valid_until,
        known.version,
        known.withdrawn
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether the copy of consents is young enough to rely on.
async fn is_fresh(tx: &mut Tx) -> Result<bool> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let is_fresh =
        sqlx::query_scalar!(r#"select platform.is_fresh($1, 'consent', $2) as "is_fresh!""#, tenant.0, now);
    Ok(is_fresh.fetch_one(tx.conn()).await?)
}

#[cfg(test)]
#[path = "consent_tests.rs"]
mod tests;
