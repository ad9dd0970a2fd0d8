//! Suspended, frozen, thawed, released: what identity does, and what it makes of what the seven say.

use kith_identity::{Desk, TenantLifeFace};
use kith_platform::context::Actor;
use kith_platform::id::{TenantId, Uuid};
use kith_platform::tenant::say_fences;
use kith_platform::testing::reason;
use kith_proto::common::v1::{EventCount, TenantFence, TenantState};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::credential_service_server::CredentialService as _;
use kith_proto::identity::v1::passkey_service_server::PasskeyService as _;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use kith_proto::identity::v1::session_service_server::SessionService as _;
use kith_proto::identity::v1::sign_in_service_server::SignInService as _;
use kith_proto::identity::v1::tenant_life_service_server::TenantLifeService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use kith_proto::{appointments, evaluation, finance, governance, matching, teams};
use tonic::{Code, Status};

use crate::authenticator::Authenticator;
use crate::stage::{Place, Stage, by};

struct Life {
    stage: Stage,
    face: TenantLifeFace,
    operator: Actor,
    place: Place,
}

impl Life {
    /// A live tenant.
    async fn new() -> Self {
        let stage = Stage::new().await;
        let operator = stage.operator().await;
        let place = stage.place(operator, "clapton").await;
        let request = pb::GoLiveRequest { request_id: stage.id() };
        stage.tenants.go_live(by(place.administrator, request)).await.expect("live");
        Self { face: TenantLifeFace::new(Desk::new(stage.host.clone())), stage, operator, place }
    }

    fn tenant(&self) -> TenantId {
        TenantId(self.place.tenant.id.parse().expect("a UUID"))
    }

    async fn freeze(&self) -> Result<pb::Tenant, Status> {
        let (request_id, tenant_id) = (self.stage.id(), self.place.tenant.id.clone());
        let request = pb::FreezeTenantRequest { request_id, tenant_id };
        let answer = self.face.freeze_tenant(by(self.operator, request)).await?;
        Ok(answer.into_inner().tenant.expect("a tenant"))
    }

    async fn thaw(&self) -> Result<pb::Tenant, Status> {
        let (request_id, tenant_id) = (self.stage.id(), self.place.tenant.id.clone());
        let request = pb::ThawTenantRequest { request_id, tenant_id };
        let answer = self.face.thaw_tenant(by(self.operator, request)).await?;
        Ok(answer.into_inner().tenant.expect("a tenant"))
    }

    /// As identity itself writes it down, at the fence that every write passes.
    async fn is_written_down_as(&self, state: &'static str) {
        let tenant = self.tenant();
        let fence =
            async |tx: &mut kith_platform::db::Tx| tx.remember_tenant(state, "Europe/London", 9).await;
        let (actor, mode) = (Actor::Service { tenant }, kith_platform::db::Mode::Apply);
        self.stage.host.within(tenant, actor, mode, fence).await.expect("fenced");
    }

    /// A sum over each table that has tenants, but for the audit.
    async fn rows(&self) -> Vec<(String, i64)> {
        let mut admin = self.stage.world.admin(&self.stage.host).await;
        let tables: Vec<String> = sqlx::query_scalar(
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
             where c.relkind = 'r' and n.nspname in ('public', 'platform') and c.relname not like 'audit%'
             order by 1",
        )
        .fetch_all(&mut admin)
        .await
        .expect("the tables");
        let mut rows = Vec::new();
        for table in tables {
            let sql = format!(
                "select coalesce(sum(hashtextextended(t::text, 0) % 1000000007), 0)::bigint from {table} t"
            );
            let sum =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut admin).await.expect("a sum");
            rows.push((table, sum));
        }
        rows
    }

    async fn release(&self) -> Result<pb::Tenant, Status> {
        let (request_id, tenant_id) = (self.stage.id(), self.place.tenant.id.clone());
        let request = pb::ReleaseTenantRequest { request_id, tenant_id };
        let answer = self.face.release_tenant(by(self.operator, request)).await?;
        Ok(answer.into_inner().tenant.expect("a tenant"))
    }

    async fn progress(&self) -> pb::TenantFreeze {
        let request = pb::GetTenantFreezeRequest { tenant_id: self.place.tenant.id.clone() };
        let answer = self.face.get_tenant_freeze(by(self.operator, request)).await.expect("asked");
        answer.into_inner().freeze.expect("it is frozen")
    }

    /// Some other service says how far it is.
    async fn say(&self, service: &str, no: i64, fence: TenantFence) {
        let (world, host, tenant) = (&self.stage.world, &self.stage.host, self.tenant());
        let state = Some(fence);
        let about = tenant.0;
        match service {
            "appointments" => {
                world.deliver(host, tenant, about, no, &appointments::v1::TenantFenced { state }).await;
            }
            "evaluation" => {
                world.deliver(host, tenant, about, no, &evaluation::v1::TenantFenced { state }).await;
            }
            "finance" => world.deliver(host, tenant, about, no, &finance::v1::TenantFenced { state }).await,
            "governance" => {
                world.deliver(host, tenant, about, no, &governance::v1::TenantFenced { state }).await;
            }
            "matching" => world.deliver(host, tenant, about, no, &matching::v1::TenantFenced { state }).await,
            "teams" => world.deliver(host, tenant, about, no, &teams::v1::TenantFenced { state }).await,
            other => panic!("{other} is identity or unknown"),
        }
    }

    /// Takes everything that identity has written to the broker and back, as if all of it had been published.
    async fn identity_says(&self) -> i64 {
        let mut admin = self.stage.world.admin(&self.stage.host).await;
        sqlx::query(
            "update platform.outbox set published_at = created_at where aggregate_type not like '%_fence'",
        )
        .execute(&mut admin)
        .await
        .expect("published");
        self.stage.hear_itself().await;
        say_fences(&self.stage.host).await.expect("said");
        let own = self.stage.world.written(&self.stage.host).await;
        let own: Vec<_> =
            own.into_iter().filter(|message| message.aggregate_type == "identity.tenant_fence").collect();
        let count = i64::try_from(own.len()).expect("few");
        self.stage.world.receive(&self.stage.host, &own).await;
        count
    }
}

const OTHERS: [&str; 6] = ["appointments", "evaluation", "finance", "governance", "matching", "teams"];

fn heard(service: &str, epoch: i64, applied: i64) -> TenantFence {
    TenantFence {
        service: service.to_owned(),
        epoch,
        applied: vec![EventCount { aggregate: "identity.tenant".to_owned(), events: applied }],
        ..TenantFence::default()
    }
}

fn other_state() -> (Code, String) {
    (Code::FailedPrecondition, "OTHER_STATE".into())
}

#[tokio::test]
async fn a_freeze_is_complete_once_all_seven_have_said_so_and_nothing_is_under_way() {
    let life = Life::new().await;
    let frozen = life.freeze().await.expect("frozen");
    assert_eq!(frozen.state(), TenantState::Frozen);
    let begun = life.progress().await;
    assert_eq!((begun.epoch, begun.services.len()), (2, 7));
    assert!(begun.services.iter().all(|service| service.fenced_time.is_none() && !service.at_rest));
    let refused = life.release().await.expect_err("nobody has said so");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "FREEZE_NOT_COMPLETE".into()));

    // created, went_live, frozen: three events about the tenant.
    assert_eq!(life.identity_says().await, 1);
    assert_eq!(life.identity_says().await, 1, "it has said so already");
    for service in OTHERS {
        assert!(life.progress().await.complete_time.is_none(), "{service} has not said so");
        let applied = if service == "teams" { 2 } else { 3 };
        life.say(service, 1, heard(service, 2, applied)).await;
    }
    let teams = life.progress().await.services.pop().expect("the last by name");
    assert_eq!((teams.service.as_str(), teams.at_rest, teams.waiting), ("teams", false, 1));
    life.say("teams", 2, TenantFence { dead: 1, ..heard("teams", 2, 3) }).await;
    assert!(life.progress().await.complete_time.is_none(), "one event was given up on");
    life.say("teams", 3, heard("teams", 2, 3)).await;
    let done = life.progress().await;
    assert!(done.complete_time.is_some() && done.services.iter().all(|service| service.at_rest));

    // A thaw begins anew: what was said of the first freeze does not count for the second.
    assert_eq!(life.thaw().await.expect("thawed").state(), TenantState::Live);
    life.freeze().await.expect("frozen again");
    life.say("teams", 4, heard("teams", 2, 3)).await;
    let begun = life.progress().await;
    assert_eq!(begun.epoch, 4);
    assert!(begun.services.iter().all(|service| service.fenced_time.is_none()), "{begun:?}");
    life.identity_says().await;
    for service in OTHERS {
        life.say(service, if service == "teams" { 5 } else { 2 }, heard(service, 4, 5)).await;
    }
    assert_eq!(life.release().await.expect("released").state(), TenantState::Released);
    assert_eq!(reason(&life.thaw().await.expect_err("no way back")), other_state());
    let written = life.stage.written().await;
    let of_life: Vec<&str> =
        written.iter().filter_map(|kind| kind.strip_prefix("identity.tenant.")).collect();
    assert_eq!(of_life, ["created.v1", "went_live.v1", "frozen.v1", "thawed.v1", "frozen.v1", "released.v1"]);
}

#[tokio::test]
async fn a_suspended_tenant_is_read_and_not_changed_until_it_is_resumed() {
    let life = Life::new().await;
    let tenant_id = life.place.tenant.id.clone();
    let suspend = pb::SuspendTenantRequest { request_id: life.stage.id(), tenant_id: tenant_id.clone() };
    for _ in 0..2 {
        let answer = life.face.suspend_tenant(by(life.operator, suspend.clone())).await.expect("suspended");
        assert_eq!(answer.into_inner().tenant.expect("a tenant").state(), TenantState::Suspended);
    }
    assert_eq!(reason(&life.freeze().await.expect_err("resume it first")), other_state());

    // Signing in, going on and reading work; changing does not, and repeating it is no use.
    let tokens = life.stage.tokens("first@clapton.example", "").await;
    let tokens = life.stage.refresh(&tokens.refresh_token).await.expect("goes on");
    let actor = life.stage.actor(&tokens);
    life.stage.tenants.get_tenant(by(actor, pb::GetTenantRequest {})).await.expect("read");
    let invite = life.stage.invitation(&[]);
    let refused = life.stage.people.invite_person(by(actor, invite.clone())).await.expect_err("refused");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "TENANT_SUSPENDED".into()));

    let listed = life.stage.tenants.list_tenants(by(life.operator, pb::ListTenantsRequest::default())).await;
    assert_eq!(listed.expect("a list").into_inner().tenants[0].state(), TenantState::Suspended);
    let resume = pb::ResumeTenantRequest { request_id: life.stage.id(), tenant_id };
    life.face.resume_tenant(by(life.operator, resume)).await.expect("resumed");
    life.stage.people.invite_person(by(actor, invite)).await.expect("the same call is accepted now");
}

#[tokio::test]
async fn an_invitation_is_not_taken_up_in_a_frozen_tenant_and_stays_good() {
    let life = Life::new().await;
    let (_, code) = life.stage.invite(life.place.administrator, life.stage.invitation(&[])).await;
    life.freeze().await.expect("frozen");
    let refused = life.stage.accept(&code, "giver@example.org").await.expect_err("refused");
    assert_eq!(reason(&refused), (Code::Unavailable, "TENANT_FROZEN".into()));
    let unknown = life.stage.attempt("giver@example.org", crate::stage::PASSWORD).await.expect_err("nobody");
    assert_eq!(reason(&unknown), (Code::Unauthenticated, "SIGN_IN_REFUSED".into()), "no account was made");
    life.thaw().await.expect("thawed");
    life.stage.accept(&code, "giver@example.org").await.expect("joined");
}

/// The place is given away before the freeze or not at all: a freeze that comes meanwhile waits for it.
#[tokio::test]
async fn a_freeze_waits_for_an_invitation_that_is_being_taken_up() {
    let life = Life::new().await;
    let (person, code) = life.stage.invite(life.place.administrator, life.stage.invitation(&[])).await;
    let mut holder = life.stage.world.admin(&life.stage.host).await;
    let hold = "begin; select from signin.invitation for update";
    sqlx::raw_sql(hold).execute(&mut holder).await.expect("held");
    let waits_for = async |event: &str| {
        let mut admin = life.stage.world.admin(&life.stage.host).await;
        for _ in 0..400 {
            let waiting: bool = sqlx::query_scalar(
                "select exists (select from pg_stat_activity
                     where datname = current_database() and wait_event_type = 'Lock' and wait_event = $1)",
            )
            .bind(event)
            .fetch_one(&mut admin)
            .await
            .expect("an answer");
            if waiting {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("nobody waits for {event}");
    };
    let freeze = async {
        waits_for("transactionid").await;
        life.freeze().await
    };
    let release = async {
        waits_for("advisory").await;
        sqlx::raw_sql("commit").execute(&mut holder).await.expect("released");
    };
    let (accepted, frozen, ()) = tokio::join!(life.stage.accept(&code, "giver@example.org"), freeze, release);
    accepted.expect("it came first");
    assert_eq!(frozen.expect("frozen").state(), TenantState::Frozen);
    let request = pb::GetPeopleRequest { ids: vec![person.id] };
    let people = life.stage.people.get_people(by(life.place.administrator, request)).await.expect("read");
    assert!(people.into_inner().people[0].joined, "both halves are done");
}

/// Ending a session works in every state, and writes nothing of the tenant's but the audit.
#[tokio::test]
async fn a_session_ends_while_its_tenant_is_frozen_suspended_or_released() {
    let life = Life::new().await;
    let email = "first@clapton.example";
    let sign_out = async |tokens: &pb::Tokens| {
        let request = pb::SignOutRequest { request_id: life.stage.id() };
        life.stage.sign_in.sign_out(by(life.stage.actor(tokens), request)).await.map(|_| ())
    };
    let end = async |mine: &pb::Tokens, other: &pb::Tokens| {
        let session_id = life.stage.actor(other).session().expect("a session").to_string();
        let request = pb::EndSessionRequest { request_id: life.stage.id(), session_id };
        life.stage.sessions.end_session(by(life.stage.actor(mine), request)).await.map(|_| ())
    };
    let mut ended = 0;
    for state in ["frozen", "released", "suspended"] {
        let mut tokens = Vec::new();
        for _ in 0..4 {
            tokens.push(life.stage.tokens(email, "").await);
        }
        life.is_written_down_as(state).await;
        let before = life.rows().await;
        sign_out(&tokens[0]).await.expect("signed out");
        end(&tokens[1], &tokens[2]).await.expect("ended");
        let request = pb::EndOtherSessionsRequest { request_id: life.stage.id(), everywhere: false };
        let actor = life.stage.actor(&tokens[1]);
        life.stage.sessions.end_other_sessions(by(actor, request)).await.expect("ended");
        assert_eq!(before, life.rows().await, "{state}: nothing of the tenant changed");
        for gone in [0, 2, 3] {
            life.stage.refresh(&tokens[gone].refresh_token).await.expect_err("it has ended");
            ended += 1;
        }
        life.stage.refresh(&tokens[1].refresh_token).await.expect("this one goes on");
        let invite = life.stage.invitation(&[]);
        let refused = life.stage.people.invite_person(by(life.place.administrator, invite)).await;
        assert!(refused.expect_err("a write").message().contains("place"), "{state}");
    }
    println!("sessions ended in tenants that accept no changes: {ended} of 9; rows of the tenant changed: 0");
}

/// What opens the door is the account's own, whatever its place accepts: a lost passkey goes, and codes for the next loss are
/// made, and nothing of the tenant's is written but the audit.
#[tokio::test]
async fn a_lost_passkey_is_removed_while_its_tenant_is_frozen_suspended_or_released() {
    let life = Life::new().await;
    let (stage, actor) = (&life.stage, life.place.administrator);
    let mut keys = Vec::new();
    for seed in [1, 2, 3] {
        let mut authenticator = Authenticator::new(seed);
        keys.push((stage.passkey(actor, &mut authenticator).await, authenticator));
    }
    for (state, (registered, mut authenticator)) in ["frozen", "released", "suspended"].into_iter().zip(keys)
    {
        life.is_written_down_as(state).await;
        let before = life.rows().await;
        stage.with_passkey(&mut authenticator).await.expect("signed in");
        let request = pb::RemovePasskeyRequest { request_id: stage.id(), passkey: registered.id };
        for _ in 0..2 {
            stage.passkeys.remove_passkey(by(actor, request.clone())).await.expect("removed");
        }
        stage.with_passkey(&mut authenticator).await.expect_err("it is gone");
        let request = pb::MakeRecoveryCodesRequest { request_id: stage.id() };
        let made = stage.credentials.make_recovery_codes(by(actor, request)).await.expect("codes");
        assert!(!made.into_inner().codes.is_empty(), "{state}");
        assert_eq!(before, life.rows().await, "{state}: nothing of the tenant changed");
    }
}

#[tokio::test]
async fn nobody_but_an_operator_takes_a_step_and_an_unknown_tenant_is_not_found() {
    let life = Life::new().await;
    let stranger = Actor::Operator { account: Uuid::from_u128(9), session: Uuid::from_u128(9) };
    let step = |actor, tenant_id: String| {
        let request = pb::FreezeTenantRequest { request_id: life.stage.id(), tenant_id };
        life.face.freeze_tenant(by(actor, request))
    };
    let denied = (Code::PermissionDenied, "PERMISSION_DENIED".into());
    for actor in [stranger, life.place.administrator] {
        let refused = step(actor, life.place.tenant.id.clone()).await.expect_err("refused");
        assert_eq!(reason(&refused), denied);
    }
    let unknown = step(life.operator, life.stage.id()).await.expect_err("unknown");
    assert_eq!(reason(&unknown), (Code::NotFound, "NOT_FOUND".into()));
    let nonsense = step(life.operator, "nonsense".into()).await.expect_err("nonsense");
    assert_eq!(kith_platform::testing::wrong_fields(&nonsense), ["tenant_id"]);
}
