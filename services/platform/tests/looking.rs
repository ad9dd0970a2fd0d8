//! Queries: each statement a transaction of its own that brings its tenant, on connections that keep none.

use kith_platform::Host;
use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::Result;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::{World, reason, request_of};
use kith_proto::teams::v1::teams_service_server::TeamsService as _;
use kith_proto::teams::v1::{self as pb};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::common::{Action, Notes, SERVICE, count, id};

/// A query of a person that does this and answers a text.
async fn query(
    host: &Host,
    tenant: TenantId,
    person: PersonId,
    work: impl AsyncFnOnce(&mut Tx) -> Result<String>,
) -> Result<String, Status> {
    let request = request_of(tenant, person, pb::GetPromiseTextRequest::default());
    let work = async move |tx: &mut Tx, ()| work(tx).await;
    let render = |text| pb::GetPromiseTextResponse { text, ..Default::default() };
    Ok(host.query(request, |_, _| Some(()), work, render).await?.into_inner().text)
}

/// The backend that answers, its tenant, whether it may write, and every note that it is shown.
async fn around(tx: &mut Tx) -> Result<String> {
    let around: String = sqlx::query_scalar(
        "select concat_ws(' ', pg_backend_pid(), current_setting('app.tenant'), current_setting('transaction_read_only'),
             (select string_agg(body, ',') from note))",
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(around)
}

/// Proves D13's third fence: where nothing is begun nothing is left. One connection answers two tenants in turn, shows each
/// its own and may only read; when it rests it has no tenant.
#[tokio::test]
async fn a_query_brings_its_tenant_and_leaves_none_behind() {
    let world = World::new();
    let mut config = world.config(&SERVICE).await;
    config.database.max_connections = 1;
    let host = world.host_with(&SERVICE, config).await;
    let notes = Notes::new(host.clone());
    let tenants = [world.tenant(&host, false).await, world.tenant(&host, false).await];
    let person = world.person();
    for tenant in tenants {
        let request = pb::StartTeamRequest {
            request_id: id(&world).to_string(),
            id: id(&world).to_string(),
            outward_code: tenant.to_string(),
            ..Default::default()
        };
        notes.start_team(request_of(tenant, person, request)).await.expect("a note");
    }
    let backend = query(&host, tenants[0], person, around).await.expect("an answer");
    let backend = backend.split(' ').next().expect("a number").to_owned();
    for _ in 0..3 {
        for tenant in tenants {
            let seen = query(&host, tenant, person, around).await.expect("an answer");
            assert_eq!(seen, format!("{backend} {tenant} on {tenant}"));
            // Beginning refuses a connection that has a tenant, and what writes is on the same one.
            let within = async |tx: &mut Tx| around(tx).await;
            let actor = Actor::Service { tenant };
            let (seen, _) = host.within(tenant, actor, Mode::Write, within).await.expect("a transaction");
            assert_eq!(seen, format!("{backend} {tenant} off {tenant}"));
        }
    }
    let mut admin = world.admin(&host).await;
    let resting = "select count(*) from pg_stat_activity where datname = current_database()
        and application_name = 'notes_app' and state <> 'idle'";
    assert_eq!(count(&mut admin, resting).await, 0, "no connection is inside a transaction");
}

/// What is read without a tenant shows nothing of any, the caller's own included.
#[tokio::test]
async fn what_is_of_no_tenant_is_read_without_one() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let (tenant, person) = (world.tenant(&host, false).await, world.person());
    let request = pb::StartTeamRequest {
        request_id: id(&world).to_string(),
        id: id(&world).to_string(),
        outward_code: "N16".into(),
        ..Default::default()
    };
    Notes::new(host.clone()).start_team(request_of(tenant, person, request)).await.expect("a note");
    let notes = "select count(*)::text from note";
    let of_no_tenant =
        async |tx: &mut Tx| Ok(sqlx::query_scalar(notes).fetch_one(tx.conn_of_no_tenant()).await?);
    let own = async |tx: &mut Tx| Ok(sqlx::query_scalar(notes).fetch_one(tx.conn()).await?);
    for _ in 0..2 {
        assert_eq!(query(&host, tenant, person, of_no_tenant).await.expect("an answer"), "0");
        assert_eq!(query(&host, tenant, person, own).await.expect("an answer"), "1");
    }
}

/// A query that would change something is refused by the database, and its connection works on.
#[tokio::test]
async fn a_query_cannot_write() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let (tenant, person) = (world.tenant(&host, false).await, world.person());
    let writes = async |tx: &mut Tx| {
        let tenant = tx.tenant();
        sqlx::query("insert into note (tenant_id, id, body, version, applied) values ($1, $1, 'sly', 1, '')")
            .bind(tenant.0)
            .execute(tx.conn())
            .await?;
        Ok(String::new())
    };
    let refused = query(&host, tenant, person, writes).await.expect_err("refused");
    let ours = (Code::Internal, "INTERNAL".to_owned());
    assert_eq!(reason(&refused), ours, "a defect of ours: trying again mends nothing");
    assert!(refused.get_error_details().retry_info().is_none());
    let tells = async |tx: &mut Tx| {
        tx.publish(Uuid::from_u128(1), &crate::common::told(Uuid::from_u128(1), crate::common::Ask::Nothing));
        Ok(String::new())
    };
    let refused = query(&host, tenant, person, tells).await.expect_err("refused");
    assert_eq!(reason(&refused), ours);
    let mut admin = world.admin(&host).await;
    assert_eq!(count(&mut admin, "select count(*) from note").await, 0);
    assert_eq!(count(&mut admin, "select count(*) from platform.outbox").await, 0);
    query(&host, tenant, person, around).await.expect("others are answered");
}

/// Queries that end together share commits, and each row says who looked, at what, for which tenant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_end_together_share_a_commit_and_none_is_mixed_up() {
    const EACH: usize = 200;
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let tenants = [world.tenant(&host, false).await, world.tenant(&host, false).await];
    let mut calls = Vec::new();
    let mut wanted = Vec::new();
    for place in 0..2 * EACH {
        let (tenant, person, note) = (tenants[place % 2], world.person(), id(&world));
        wanted.push((tenant.0, Uuid::from(person), note));
        let host = host.clone();
        calls.push(tokio::spawn(async move {
            let look = async move |tx: &mut Tx| {
                let anyone = Standing::new().with("anyone", true);
                tx.require(Action::ReadNote, Subject::of("note", note), &anyone)?;
                Ok(String::new())
            };
            query(&host, tenant, person, look).await
        }));
    }
    for call in calls {
        call.await.expect("it ends").expect("an answer");
    }
    let mut admin = world.admin(&host).await;
    let mut noted: Vec<(Uuid, Uuid, Uuid)> = sqlx::query_as(
        "select tenant_id, actor_id, subject_id from platform.audit where action = 'ReadNote'",
    )
    .fetch_all(&mut admin)
    .await
    .expect("the rows");
    noted.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(noted, wanted);
    let commits =
        count(&mut admin, "select count(distinct xmin::text) from platform.audit where action = 'ReadNote'")
            .await;
    println!("{} looks were written down in {commits} commits", wanted.len());
    assert!(commits < i64::try_from(wanted.len()).expect("few"), "nobody shared a commit");
}
