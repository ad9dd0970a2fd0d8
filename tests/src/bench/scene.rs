//! The scene of a run: seven services as they ship, one tenant whose first month was taken in, and as many planned visits
//! like those of that month as a row needs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};
use kith_platform::context::Actor;
use kith_platform::id::{PersonId, TenantId, Uuid};
use sqlx::Row as _;

use super::caller::Caller;
use crate::chaos::databases::{Databases, listeners, number};
use crate::chaos::servers;
use crate::people::People;
use crate::services;
use crate::stack::Stack;

/// Connections of a service to its database, as in the defaults that ship; the tests' own worlds make do with fewer.
const CONNECTIONS: u32 = 16;
/// The first day of planned visits: after the month that was taken in.
const FIRST_DAY: (i32, u32, u32) = (2026, 4, 1);
/// The pause between two looks at a database.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(20);
/// The longest that working off what is on its way takes.
const CALM: Duration = Duration::from_mins(2);
/// One visit every other minute, so that nobody is booked twice; the clock is not set back within so many.
const MOST_VISITS: usize = 149_000;

/// Where it all happens.
#[derive(Debug)]
pub struct Scene {
    pub stack: Stack,
    pub databases: Databases,
    pub people: People,
    pub tenant: TenantId,
    /// A Circle, and somebody who looks after its money.
    pub circle: Uuid,
    pub treasurer: PersonId,
    /// Paid visits that were agreed, each of another series.
    patterns: Vec<Pattern>,
    planned: usize,
}

/// What visits are made after.
#[derive(Clone, Copy, Debug)]
struct Pattern {
    visit: Uuid,
    owner: PersonId,
}

/// A visit that was made.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pub id: Uuid,
    /// The Owner of its Team, who may agree it.
    pub owner: PersonId,
}

/// The id of the visit of that number: the same in scripts and here.
pub fn visit_id(number: usize) -> Uuid {
    format!("01900000-0000-7000-8000-{number:012}").parse().expect("a UUID")
}

/// The same, as an expression over pgbench's variable `n`.
pub const VISIT_ID_OF_N: &str = "('01900000-0000-7000-8000-' || lpad(:n::text, 12, '0'))::uuid";

impl Scene {
    /// Starts the seven and takes the month in.
    pub async fn set() -> Self {
        let names = services().map(|service| service.name);
        let stack =
            Stack::start_some(&names, None, |config| config.database.max_connections = CONNECTIONS).await;
        let databases = Databases::of(&stack);
        let people = People::of_first_month(&stack).await;
        let mut appointments = stack.admin("appointments").await;
        let rows = sqlx::query(
            "select distinct on (v.series_id) v.id, t.owner_person_id from visit v
                 join known_team t using (tenant_id, team_id)
             where v.state = 'agreed' and v.settlement = 'money' and v.kind <> 'trial' order by v.series_id, v.id",
        )
        .fetch_all(&mut appointments)
        .await
        .expect("the month's visits");
        let patterns =
            rows.iter().map(|row| Pattern { visit: row.get(0), owner: PersonId(row.get(1)) }).collect();
        let mut finance = stack.admin("finance").await;
        let (circle, treasurer): (Uuid, Uuid) =
            sqlx::query_as("select circle_id, person_id from finance_hat order by valid_from limit 1")
                .fetch_one(&mut finance)
                .await
                .expect("a finance hat");
        let (tenant, treasurer) = (people.tenant, PersonId(treasurer));
        let scene = Self { stack, databases, people, tenant, circle, treasurer, patterns, planned: 0 };
        scene.count_all().await;
        scene
    }

    /// Has PostgreSQL count what its tables hold, as it does by itself within a minute: until then it plans as if they were
    /// empty, and what is measured here is not the first minute.
    pub async fn count_all(&self) {
        for service in services() {
            self.databases.run(service.name, "analyze").await;
        }
    }

    /// Plans so many more visits, each with its two bookings; answers them and the months that they are of.
    ///
    /// # Panics
    /// Where there is no more room.
    pub async fn plan(&mut self, count: usize) -> (Vec<Planned>, Vec<String>) {
        assert!(self.planned + count <= MOST_VISITS, "no room for {count} more visits");
        let mut appointments = self.stack.admin("appointments").await;
        let mut made = Vec::with_capacity(count);
        let (mut ids, mut patterns, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for number in self.planned..self.planned + count {
            let pattern = self.patterns[number % self.patterns.len()];
            made.push(Planned { id: visit_id(number), owner: pattern.owner });
            ids.push(visit_id(number));
            patterns.push(pattern.visit);
            starts.push(start_of(number));
        }
        self.planned += count;
        sqlx::query(
            "with new as (
                 select * from unnest($1::uuid[], $2::uuid[], $3::timestamp[]) as n (id, pattern, local)
             ), made as (
                 insert into visit (tenant_id, id, series_id, team_id, giver_person_id, kind, occurrence_local,
                     starts_local, time_zone, wall_minutes, plan_starts_at, plan_ends_at, state, actual_accepted,
                     settlement_no, cancellation_unconfirmed, brought_in, version)
                 select v.tenant_id, n.id, v.series_id, v.team_id, v.giver_person_id, v.kind, n.local, n.local,
                     v.time_zone, 1, n.local at time zone v.time_zone,
                     (n.local + interval '1 minute') at time zone v.time_zone, 'planned', false, 0, false, false, 1
                 from new n join visit v on v.id = n.pattern
                 returning tenant_id, id, giver_person_id, team_id, plan_starts_at, plan_ends_at
             )
             select m.*, t.owner_person_id from made m join known_team t using (tenant_id, team_id)",
        )
        .bind(&ids)
        .bind(&patterns)
        .bind(&starts)
        .execute(&mut appointments)
        .await
        .expect("the visits");
        sqlx::query(
            "insert into booking (tenant_id, visit_id, person_id, starts_at, ends_at, group_id)
             select v.tenant_id, v.id, who.person, v.plan_starts_at, v.plan_ends_at, v.id
             from visit v join known_team t using (tenant_id, team_id)
                 cross join lateral (values (v.giver_person_id), (t.owner_person_id)) as who (person)
             where v.id = any($1)",
        )
        .bind(&ids)
        .execute(&mut appointments)
        .await
        .expect("the bookings");
        self.count_all().await;
        let mut months: Vec<String> = starts.iter().map(|start| start.format("%Y-%m").to_string()).collect();
        months.dedup();
        (made, months)
    }

    /// Lets those who listen to an aggregate stand still, or go on.
    pub fn signal_listeners(&self, aggregate: &str, signal: &str) {
        for name in listeners(aggregate) {
            servers::signal(self.stack.pid(name).expect("it runs"), signal);
        }
    }

    /// Waits until every event is applied wherever it is listened to.
    ///
    /// # Panics
    /// Where that takes minutes.
    pub async fn until_calm(&self) {
        self.databases.until_resumed(CALM).await.expect("everything is applied");
    }

    /// A token of somebody, for ten minutes.
    pub fn token(&self, person: PersonId) -> String {
        let session = self.people.uuid();
        self.people.token(Actor::Person { tenant: self.tenant, person, session })
    }

    /// Somebody who calls a method of a service.
    pub async fn caller(&self, service: &str, path: &'static str, person: PersonId) -> Caller {
        Caller::connect(&self.stack.address(service), path, Some(&self.token(person))).await
    }

    /// All Owners of visits that are planned here.
    pub fn owners(&self) -> BTreeSet<PersonId> {
        self.patterns.iter().map(|pattern| pattern.owner).collect()
    }

    /// An Owner.
    pub fn owner(&self) -> PersonId {
        self.patterns[0].owner
    }

    /// Waits until a query of a service's database gives so many; answers how long that took. It is asked
    /// again a millisecond later, or where asking takes long later still, so that looking costs no more than a twentieth of a core.
    ///
    /// # Panics
    /// Where it does not within the time.
    pub async fn until(&self, service: &str, sql: &str, wanted: i64, within: Duration) -> Duration {
        let begin = Instant::now();
        let mut conn = self.databases.connect(service).await.expect("a connection as administrator");
        loop {
            let asked = Instant::now();
            let found = number(&mut conn, sql).await.expect("a number");
            let took = asked.elapsed();
            if found >= wanted {
                return begin.elapsed();
            }
            assert!(begin.elapsed() < within, "{service}: {found} of {wanted} after {within:?}: {sql}");
            // What is timed has few processors, and looking takes from it.
            tokio::time::sleep((took * 20).clamp(SHORTEST, LONGEST)).await;
        }
    }
}

fn start_of(number: usize) -> NaiveDateTime {
    let (year, month, day) = FIRST_DAY;
    let first = NaiveDate::from_ymd_opt(year, month, day).expect("a day");
    let (days, minutes) = (number / 720, number % 720 * 2);
    let day = first.checked_add_days(Days::new(days as u64)).expect("a day");
    let minutes = u32::try_from(minutes).expect("minutes of a day");
    day.and_time(NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0).expect("a time of day"))
}
