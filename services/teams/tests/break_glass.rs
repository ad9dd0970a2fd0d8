//! Emergency looks at Teams: opened with a reason, short, written down, and changing nothing. No broker and no other
//! service is there: an emergency look needs neither.

use chrono::Duration;
use kith_platform::Host;
use kith_platform::break_glass::BreakGlass;
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::id::{PersonId, TenantId};
use kith_platform::testing::{World, reason, request_of, wrong_fields};
use kith_proto::common::v1 as common;
use kith_proto::common::v1::break_glass_service_server::BreakGlassService as _;
use kith_proto::common::v1::{OrganisationRole, RoleSnapshot};
use kith_proto::identity::v1::RoleSet;
use kith_proto::teams::v1 as pb;
use kith_proto::teams::v1::teams_service_server::TeamsService as _;
use kith_teams::{SERVICE, Teams};
use prost::Message as _;
use tonic::{Code, Status};

const STATED: &str = "she does not open the door and has not been seen since yesterday";

struct Stage {
    world: World,
    host: Host,
    tenant: TenantId,
    owner: PersonId,
    /// Holds a role in the organisation.
    coach: PersonId,
    lead: PersonId,
    team: String,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, false).await;
        let (owner, coach, lead) = (world.person(), world.person(), world.person());
        let roles = [(coach, OrganisationRole::Checks), (lead, OrganisationRole::PrivacyLead)];
        for (person, role) in roles {
            let state = RoleSnapshot { person_id: person.to_string(), roles: vec![role.into()] };
            world.deliver(&host, tenant, person, 1, &RoleSet { state: Some(state) }).await;
        }
        let mut stage = Self { world, host, tenant, owner, coach, lead, team: String::new() };
        let request = pb::StartTeamRequest {
            request_id: stage.id(),
            circle_id: stage.id(),
            outward_code: "E5".into(),
            ..Default::default()
        };
        let teams = Teams::new(stage.host.clone());
        let team = teams.start_team(request_of(tenant, owner, request)).await.expect("a Team").into_inner();
        stage.team = team.team.expect("a Team").id;
        stage
    }

    fn id(&self) -> String {
        self.world.ids.uuid(self.world.clock.now()).to_string()
    }

    fn request(&self, minutes: i32) -> common::OpenBreakGlassRequest {
        common::OpenBreakGlassRequest {
            request_id: self.id(),
            person_id: self.owner.to_string(),
            reason: "risk_to_life".into(),
            stated_reason: STATED.into(),
            minutes,
        }
    }

    async fn open(
        &self,
        by: PersonId,
        request: common::OpenBreakGlassRequest,
    ) -> Result<common::BreakGlass, Status> {
        let glass = BreakGlass::new(self.host.clone());
        let answer = glass.open_break_glass(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().break_glass.expect("a look"))
    }

    async fn get(&self, by: PersonId) -> Result<pb::Team, Status> {
        let request = pb::GetTeamRequest { id: self.team.clone() };
        let answer = Teams::new(self.host.clone()).get_team(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().team.expect("a Team"))
    }

    async fn list(&self, by: PersonId) -> Result<Vec<pb::Team>, Status> {
        let request = pb::ListTeamsRequest { person_id: self.owner.to_string(), ..Default::default() };
        let answer = Teams::new(self.host.clone()).list_teams(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().teams)
    }
}

impl Stage {
    /// As identity tells of a step in the tenant's life.
    async fn is_now(&self, state: &'static str) {
        let fence = async |tx: &mut Tx| tx.remember_tenant(state, "Europe/London", 3).await;
        let actor = Actor::Service { tenant: self.tenant };
        self.host.within(self.tenant, actor, Mode::Apply, fence).await.expect("noted");
    }

    /// How many rows a table has, and how many emergency looks were told of.
    async fn counts(&self) -> (i64, i64, usize) {
        let mut admin = self.world.admin(&self.host).await;
        let mut count = async |sql: &'static str| -> i64 {
            sqlx::query_scalar(sql).fetch_one(&mut admin).await.expect("a count")
        };
        let main = count("select count(*) from platform.break_glass").await;
        let aside = count("select count(*) from platform.break_glass_aside").await;
        let written = self.world.written(&self.host).await;
        let told = written.iter().filter(|event| event.event_type == "teams.break_glass.opened.v1").count();
        (main, aside, told)
    }
}

/// Somebody may be in danger whatever state their co-op is in. Suspended: looked, kept and told as ever. Frozen: looked and
/// written down, but nothing of the data that moves changes; told with the thaw. Released: the records are elsewhere.
#[tokio::test]
async fn an_emergency_look_is_possible_in_a_suspended_and_in_a_frozen_tenant() {
    let stage = Stage::new().await;
    stage.is_now("suspended").await;
    let request = stage.request(5);
    let look = stage.open(stage.coach, request.clone()).await.expect("opened");
    assert_eq!(stage.open(stage.coach, request.clone()).await.expect("the same again").id, look.id);
    let other = stage.open(stage.lead, request).await.expect_err("another's request");
    assert_eq!(reason(&other), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    stage.get(stage.coach).await.expect("seen");
    assert_eq!(stage.counts().await, (1, 0, 1), "kept and told");
    stage.is_now("live").await;
    stage.world.clock.advance(Duration::minutes(5));
    stage.get(stage.coach).await.expect_err("it has ended");

    stage.is_now("frozen").await;
    let (outbox, answers) =
        ("select count(*) from platform.outbox", "select count(*) from platform.saved_answer");
    let rows = async |sql: &'static str| -> i64 {
        let mut admin = stage.world.admin(&stage.host).await;
        sqlx::query_scalar(sql).fetch_one(&mut admin).await.expect("a count")
    };
    let before = (rows(outbox).await, rows(answers).await);
    let stranger = stage.world.person();
    stage.open(stranger, stage.request(5)).await.expect_err("no role opens none, as ever");
    let request = stage.request(5);
    let look = stage.open(stage.coach, request.clone()).await.expect("opened");
    assert_eq!(stage.open(stage.coach, request).await.expect("the same again").id, look.id);
    let long = stage.open(stage.lead, stage.request(60)).await.expect("opened");
    stage.get(stage.coach).await.expect("seen");
    assert_eq!(stage.counts().await, (1, 2, 1), "aside");
    assert_eq!((rows(outbox).await, rows(answers).await), before, "nothing that moves has changed");
    let glass = BreakGlass::new(stage.host.clone());
    let close =
        |id: &str| common::CloseBreakGlassRequest { request_id: stage.id(), break_glass_id: id.to_owned() };
    glass.close_break_glass(request_of(stage.tenant, stage.lead, close(&long.id))).await.expect("ended");
    stage.get(stage.lead).await.expect_err("it was ended");
    let listed = common::ListBreakGlassRequest { person_id: stage.owner.to_string(), ..Default::default() };
    let listed =
        glass.list_break_glass(request_of(stage.tenant, stage.owner, listed)).await.expect("their own");
    assert_eq!(listed.into_inner().break_glasses.len(), 3, "the person sees them meanwhile");

    stage.is_now("live").await;
    assert_eq!(stage.counts().await, (3, 0, 3), "with the thaw they are kept with the others and told");
    stage.get(stage.coach).await.expect("it goes on");
    stage.is_now("frozen").await;
    stage.is_now("released").await;
    let gone = stage.open(stage.coach, stage.request(5)).await.expect_err("the records are elsewhere");
    assert_eq!(reason(&gone), (Code::FailedPrecondition, "TENANT_RELEASED".into()));
    println!(
        "emergency looks while suspended 1, while frozen 2, told with the thaw 2; outbox rows written while frozen 0"
    );
}

/// A role that has nothing to do with somebody's safety opens nothing.
#[tokio::test]
async fn only_some_roles_of_the_organisation_open_an_emergency_look() {
    let stage = Stage::new().await;
    let all = [
        (OrganisationRole::Administrator, true),
        (OrganisationRole::Checks, true),
        (OrganisationRole::PrivacyLead, true),
        (OrganisationRole::RegisteredManager, true),
        (OrganisationRole::SafeguardingLead, true),
        (OrganisationRole::Coach, false),
        (OrganisationRole::HrSupport, false),
        (OrganisationRole::PlatformSupport, false),
        (OrganisationRole::AdminTeam, false),
    ];
    for (role, may) in all {
        let person = stage.world.person();
        let state = RoleSnapshot { person_id: person.to_string(), roles: vec![role.into()] };
        stage.world.deliver(&stage.host, stage.tenant, person, 1, &RoleSet { state: Some(state) }).await;
        assert_eq!(stage.open(person, stage.request(5)).await.is_ok(), may, "{role:?}");
    }
}

/// Proves the service's half of ID-52: the reason is required, the time is bounded, and both are needed for a look.
#[tokio::test]
async fn an_emergency_look_is_stated_short_and_for_those_with_a_role() {
    let stage = Stage::new().await;
    let not_found = (Code::NotFound, "NOT_FOUND".to_owned());
    assert_eq!(reason(&stage.get(stage.coach).await.expect_err("no look is open")), not_found);

    let stranger = stage.world.person();
    let refused = stage.open(stranger, stage.request(0)).await.expect_err("no role");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let silent = common::OpenBreakGlassRequest { stated_reason: "need it".into(), ..stage.request(0) };
    let refused = stage.open(stage.coach, silent).await.expect_err("no reason is stated");
    assert_eq!(wrong_fields(&refused), ["stated_reason"]);
    let other = common::OpenBreakGlassRequest { reason: "curious".into(), ..stage.request(61) };
    let refused = stage.open(stage.coach, other).await.expect_err("neither");
    assert_eq!(wrong_fields(&refused), ["reason", "minutes"]);

    let look = stage.open(stage.coach, stage.request(0)).await.expect("opened");
    let (opened, ends) = (look.open_time.expect("a time"), look.end_time.expect("a time"));
    assert_eq!(ends.seconds - opened.seconds, 60 * 60);
    assert_eq!(stage.get(stage.coach).await.expect("seen").id, stage.team);
    assert_eq!(stage.list(stage.coach).await.expect("found").len(), 1);
    assert_eq!(reason(&stage.get(stranger).await.expect_err("another's look is nobody else's")), not_found);
    let change = pb::InviteMemberRequest {
        request_id: stage.id(),
        team_id: stage.team.clone(),
        person_id: stage.coach.to_string(),
        kind: pb::MemberKind::Worker.into(),
        ..Default::default()
    };
    let teams = Teams::new(stage.host.clone());
    let refused =
        teams.invite_member(request_of(stage.tenant, stage.coach, change)).await.expect_err("a look only");
    assert_eq!(refused.code(), Code::PermissionDenied, "who only looks changes nothing");

    stage.world.clock.advance(Duration::minutes(60));
    assert_eq!(reason(&stage.get(stage.coach).await.expect_err("it has ended")), not_found);
    assert_eq!(stage.list(stage.coach).await.expect_err("it has ended").code(), Code::PermissionDenied);

    let mut admin = stage.world.admin(&stage.host).await;
    let under: Vec<(String, String)> = sqlx::query_as(
        "select action, basis from platform.audit where actor_id = $1 and person_id = $2 and allowed order by id",
    )
    .bind(stage.coach.0)
    .bind(stage.owner.0)
    .fetch_all(&mut admin)
    .await
    .expect("the audit");
    let basis = format!("break_glass:{}", look.id);
    let expected = [("OpenBreakGlass", "organisation_role"), ("GetTeam", &basis), ("ListTeams", &basis)];
    let expected: Vec<(String, String)> =
        expected.iter().map(|(action, basis)| ((*action).to_owned(), (*basis).to_owned())).collect();
    let mut sorted = under.clone();
    sorted.sort();
    let mut wanted = expected;
    wanted.sort();
    assert_eq!(sorted, wanted, "every read under it is written down with it as the basis");
}

/// Looking after somebody opens what is theirs, not the Teams of others whom they support; and no other system looks.
#[tokio::test]
async fn an_emergency_look_at_a_worker_opens_nobody_elses_team() {
    let stage = Stage::new().await;
    let (worker, request) = (stage.world.person(), stage.request(0));
    let mut admin = stage.world.admin(&stage.host).await;
    sqlx::query(
        "insert into membership (tenant_id, id, team_id, person_id, kind, state, valid_from, asked_at)
         select tenant_id, gen_random_uuid(), id, $1, 'worker', 'member', created_at::date, created_at from team",
    )
    .bind(worker.0)
    .execute(&mut admin)
    .await
    .expect("a worker of the Owner's Team");
    let list = async |by| {
        let request = pb::ListTeamsRequest { person_id: worker.to_string(), ..Default::default() };
        let answer = Teams::new(stage.host.clone()).list_teams(request_of(stage.tenant, by, request)).await;
        answer.expect("listed").into_inner().teams.len()
    };
    assert_eq!(list(worker).await, 1, "it is theirs to see");
    let request = common::OpenBreakGlassRequest { person_id: worker.to_string(), ..request };
    stage.open(stage.coach, request.clone()).await.expect("opened");
    assert_eq!(list(stage.coach).await, 0);

    let another = common::OpenBreakGlassRequest { request_id: stage.id(), ..request };
    let mut by_robot = tonic::Request::new(another);
    let actor = Actor::Person { tenant: stage.tenant, person: stage.coach, session: stage.coach.0 };
    by_robot.extensions_mut().insert(actor);
    let refused = BreakGlass::new(stage.host.clone()).open_break_glass(by_robot).await;
    assert_eq!(refused.expect_err("no person").code(), Code::PermissionDenied);
}

/// Who opened it ends it; the person and the privacy lead see all of them; the stated reason leaves the service with
/// nobody else.
#[tokio::test]
async fn it_ends_sooner_and_its_reason_is_for_the_person_and_the_privacy_lead() {
    let stage = Stage::new().await;
    let look = stage.open(stage.coach, stage.request(30)).await.expect("opened");
    let glass = BreakGlass::new(stage.host.clone());
    let close = || common::CloseBreakGlassRequest { request_id: stage.id(), break_glass_id: look.id.clone() };
    let refused = glass.close_break_glass(request_of(stage.tenant, stage.owner, close())).await;
    assert_eq!(refused.expect_err("not theirs to end").code(), Code::NotFound);
    stage.world.clock.advance(Duration::minutes(5));
    glass.close_break_glass(request_of(stage.tenant, stage.coach, close())).await.expect("ended");
    assert_eq!(stage.get(stage.coach).await.expect_err("it has ended").code(), Code::NotFound);

    let about = |person: PersonId| common::ListBreakGlassRequest {
        person_id: person.to_string(),
        ..Default::default()
    };
    for who in [stage.owner, stage.lead] {
        let list = glass.list_break_glass(request_of(stage.tenant, who, about(stage.owner))).await;
        let list = list.expect("listed").into_inner().break_glasses;
        assert_eq!((list.len(), list[0].stated_reason.as_str()), (1, STATED));
        assert_eq!(list[0].opened_by_person_id, stage.coach.to_string());
    }
    let refused = glass.list_break_glass(request_of(stage.tenant, stage.coach, about(stage.owner))).await;
    assert_eq!(refused.expect_err("neither").code(), Code::PermissionDenied);

    let told = stage.world.written(&stage.host).await;
    let told: Vec<_> = told.iter().filter(|event| event.aggregate_type == "teams.break_glass").collect();
    let types: Vec<&str> = told.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(types, ["teams.break_glass.opened.v1", "teams.break_glass.closed.v1"]);
    let opened = pb::BreakGlassOpened::decode(told[0].payload.as_slice()).expect("the contract's event");
    assert_eq!(opened.state.expect("a state").break_glass_id, look.id);
    let mut admin = stage.world.admin(&stage.host).await;
    let elsewhere: i64 = sqlx::query_scalar(
        "select (select count(*) from platform.audit a where a::text like '%' || $1 || '%')
              + (select count(*) from platform.outbox o where position($1::bytea in o.payload) > 0)",
    )
    .bind("does not open the door")
    .fetch_one(&mut admin)
    .await
    .expect("a number");
    assert_eq!(elsewhere, 0, "the reason stands in no audit and no event");
}
