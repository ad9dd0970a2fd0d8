//! The sealed audit: every tampering is found, and the access log tells a person what was written down.

use std::collections::BTreeMap;

use chrono::Duration;
use kith_platform::Host;
use kith_platform::access_log::AccessLog;
use kith_platform::authz::{Standing, Subject};
use kith_platform::chain::{self, Trust};
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::seal::Key;
use kith_platform::testing::{World, request_of};
use kith_proto::common::v1::ListAccessesRequest;
use kith_proto::common::v1::access_log_service_server::AccessLogService as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::common::{Action, SERVICE, id};

/// Writes `rows` rows about `about`, by different people, a second apart.
pub(super) async fn write_down(world: &World, host: &Host, tenant: TenantId, rows: usize, about: PersonId) {
    for _ in 0..rows {
        world.clock.advance(Duration::seconds(1));
        let actor = Actor::Person { tenant, person: world.person(), session: Uuid::nil() };
        let note = id(world);
        let look = async move |tx: &mut Tx| {
            let standing = Standing::new().with("anyone", true);
            tx.require(Action::ReadNote, Subject::about("note", note, about), &standing)
        };
        host.within(tenant, actor, Mode::Read, look).await.expect("it is written down");
    }
}

/// Two tenants with sealed chains and a few rows without a seal.
pub(super) struct Chains {
    pub(super) world: World,
    pub(super) host: Host,
    pub(super) one: TenantId,
    two: TenantId,
    pub(super) trust: Trust,
}

/// Rows of each block of each tenant.
pub(super) const BLOCKS: [usize; 8] = [3, 9, 1, 12, 7, 5, 2, 8];

impl Chains {
    pub(super) async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let (one, two) = (world.tenant(&host, false).await, world.tenant(&host, false).await);
        for rows in BLOCKS {
            for tenant in [one, two] {
                write_down(&world, &host, tenant, rows, world.person()).await;
            }
            assert_eq!(world.seal(&host).await, 2 * rows);
        }
        let trust = Trust {
            keys: vec![Key::of(SERVICE.name, host.config()).expect("a key").public()],
            checkpoints: chain::ends(host.db(), SERVICE.name).await.expect("the ends"),
        };
        for tenant in [one, two] {
            write_down(&world, &host, tenant, 3, world.person()).await;
        }
        Self { world, host, one, two, trust }
    }

    async fn faults(&self, conn: &mut PgConnection) -> Vec<String> {
        faults(conn, &self.trust).await
    }
}

async fn faults(conn: &mut PgConnection, trust: &Trust) -> Vec<String> {
    let mut faults = Vec::new();
    for tenant in chain::tenants(conn, trust).await.expect("the tenants") {
        let report = chain::verify(conn, tenant, trust, |_| ()).await.expect("looked over");
        faults.extend(report.faults);
    }
    faults
}

/// Chooses by the world's seed.
struct Dice<'world>(&'world World);

impl Dice<'_> {
    fn below(&self, end: usize) -> usize {
        usize::try_from(u64::from_be_bytes(self.0.ids.bytes()) % end as u64).expect("a small number")
    }

    fn one_of<T: Copy>(&self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A column of a row and what it is changed to.
const ROW_CHANGES: &[&str] = &[
    "id = gen_random_uuid()",
    "actor_id = gen_random_uuid()",
    "action = action || 's'",
    "subject_type = 'other'",
    "subject_id = gen_random_uuid()",
    "person_id = gen_random_uuid()",
    "person_id = null",
    "basis = 'owner'",
    "basis = ''",
    "allowed = not allowed",
    "traceparent = ''",
    "recorded_at = recorded_at + interval '1 microsecond'",
    "recorded_at = recorded_at - interval '1 day'",
];

const BLOCK_CHANGES: &[&str] = &[
    "number = number + 100",
    "row_hashes = set_byte(row_hashes, 0, get_byte(row_hashes, 0) # 1)",
    "row_count = row_count + 1, row_hashes = row_hashes || merkle_root",
    "row_ids = row_ids[2:]",
    "row_ids = row_ids || gen_random_uuid()",
    "row_ids[1] = gen_random_uuid()",
    "merkle_root = prev_hash",
    "prev_hash = merkle_root",
    "block_hash = merkle_root",
    "sealed_at = sealed_at + interval '1 second'",
    "public_key = merkle_root",
    "signature = set_byte(signature, 40, get_byte(signature, 40) # 1)",
    "signature = ''",
];

/// One tampering in SQL, with its kind.
fn tampering(dice: &Dice<'_>, tenant: TenantId, other: TenantId) -> (&'static str, String) {
    let block = dice.below(BLOCKS.len()) + 1;
    let count = BLOCKS[block - 1];
    let place = dice.below(count);
    let of_tenant = format!("tenant_id = '{tenant}'");
    // Places in an array are counted from 1.
    let listed = |block: usize, place: usize| {
        format!(
            "(select row_ids[{place} + 1] from platform.audit_block where {of_tenant} and number = {block})"
        )
    };
    let row = format!("{of_tenant} and id = {}", listed(block, place));
    let of_block = |condition: &str| {
        format!(
            "{of_tenant} and id in (select unnest(row_ids) from platform.audit_block where {of_tenant} and number {condition})"
        )
    };
    let forged = "gen_random_uuid(), gen_random_uuid(), 'ReadNote', 'note', gen_random_uuid(), gen_random_uuid(), 'anyone', true, null";
    match dice.below(14) {
        0 | 1 => ("row altered", format!("update platform.audit set {} where {row}", dice.one_of(ROW_CHANGES))),
        2 => ("row removed", format!("delete from platform.audit where {row}")),
        3 => (
            "row inserted at the end of a block",
            format!(
                "with forged as (insert into platform.audit select '{tenant}', {forged}, now() returning id)
                 update platform.audit_block set row_ids = row_ids || (select id from forged)
                 where {of_tenant} and number = {block}"
            ),
        ),
        4 => (
            "row inserted between others",
            format!(
                "with forged as (insert into platform.audit select '{tenant}', {forged}, now() returning id)
                 update platform.audit_block set row_count = row_count + 1, row_hashes = row_hashes || merkle_root,
                     row_ids = row_ids[:{place}] || (select id from forged) || row_ids[{place} + 1:]
                 where {of_tenant} and number = {block}"
            ),
        ),
        5 => (
            "row inserted with an old time, to be sealed later",
            format!(
                "with forged as (
                     insert into platform.audit select '{tenant}', {forged}, min(recorded_at) - interval '1 hour'
                     from platform.audit where {of_tenant} returning tenant_id, id)
                 insert into platform.audit_open (tenant_id, id) select tenant_id, id from forged"
            ),
        ),
        6 => {
            // The row after this one in the chain, which may be in the next block.
            let (next_block, next_place) = if place + 1 < count {
                (block, place + 1)
            } else if block < BLOCKS.len() {
                (block + 1, 0)
            } else {
                (1, 0)
            };
            (
                "rows reordered",
                format!(
                    "create temporary table two on commit drop as select {} as one, {} as other;
                     update platform.audit_block set row_ids[{place} + 1] = (select other from two)
                     where {of_tenant} and number = {block};
                     update platform.audit_block set row_ids[{next_place} + 1] = (select one from two)
                     where {of_tenant} and number = {next_block}",
                    listed(block, place),
                    listed(next_block, next_place)
                ),
            )
        }
        7 => (
            "row moved to another tenant",
            format!("update platform.audit set tenant_id = '{other}' where {row}"),
        ),
        8 => (
            "block altered",
            format!(
                "update platform.audit_block set {} where {of_tenant} and number = {block}",
                dice.one_of(BLOCK_CHANGES)
            ),
        ),
        9 => {
            let rows = format!("delete from platform.audit where {}", of_block(&format!("= {block}")));
            let renumber = format!(
                "update platform.audit_block set number = number + 9999 where {of_tenant} and number > {block};
                 update platform.audit_block set number = number - 10000 where {of_tenant} and number > 10000"
            );
            let delete = format!("delete from platform.audit_block where {of_tenant} and number = {block}");
            let extra = dice.one_of(&[0, 1, 2]);
            let sql = match extra {
                0 => delete,
                1 => format!("{rows};{delete}"),
                _ => format!("{rows};{delete};{renumber}"),
            };
            ("block removed", sql)
        }
        10 => (
            "end cut off",
            format!(
                "delete from platform.audit where {};
                 delete from platform.audit a using platform.audit_open o where o.{of_tenant} and a.{of_tenant} and a.id = o.id;
                 delete from platform.audit_open where {of_tenant};
                 delete from platform.audit_block where {of_tenant} and number >= {block}",
                of_block(&format!(">= {block}"))
            ),
        ),
        11 => (
            "row inserted, in no block",
            format!("insert into platform.audit select '{tenant}', {forged}, now()"),
        ),
        12 => (
            "row removed before it was sealed",
            format!(
                "delete from platform.audit where {of_tenant} and id = (select min(id::text)::uuid from platform.audit_open
                     where {of_tenant})"
            ),
        ),
        _ => {
            let with = if block == BLOCKS.len() { 1 } else { block + 1 };
            (
                "blocks reordered",
                format!(
                    "update platform.audit_block set number = 10000 where {of_tenant} and number = {block};
                     update platform.audit_block set number = {block} where {of_tenant} and number = {with};
                     update platform.audit_block set number = {with} where {of_tenant} and number = 10000"
                ),
            )
        }
    }
}

/// Proves ID-56 and A4: 1,000 random tamperings with rows and blocks, each by an administrator of the database who goes
/// around every right, are all found.
#[tokio::test]
async fn a_thousand_tamperings_are_found() {
    const TRIALS: usize = 1000;
    let chains = Chains::new().await;
    let mut admin = chains.world.admin(&chains.host).await;
    assert_eq!(
        chains.faults(&mut admin).await,
        Vec::<String>::new(),
        "nothing is found where nothing is wrong"
    );
    let dice = Dice(&chains.world);
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut missed = Vec::new();
    for _ in 0..TRIALS {
        let (tenant, other) =
            if dice.below(2) == 0 { (chains.one, chains.two) } else { (chains.two, chains.one) };
        let (kind, sql) = tampering(&dice, tenant, other);
        let mut tx = admin.begin().await.expect("a transaction");
        let conn: &mut PgConnection = &mut tx;
        sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut *conn).await.expect("tampered with");
        let faults = chains.faults(conn).await;
        let (found, tried) = kinds.entry(kind).or_default();
        *tried += 1;
        if faults.is_empty() {
            missed.push(sql);
        } else {
            *found += 1;
        }
        tx.rollback().await.expect("taken back");
    }
    for (kind, (found, tried)) in &kinds {
        println!("A4: {kind}: found {found} of {tried}");
    }
    println!("A4: tamperings found {} of {TRIALS}, kinds {}", TRIALS - missed.len(), kinds.len());
    assert!(missed.is_empty(), "{missed:#?}");
    assert_eq!(kinds.len(), 13, "every kind was tried");
    assert_eq!(chains.faults(&mut admin).await, Vec::<String>::new(), "all of it was taken back");
}

/// Everything from a block on is unsealed, a row is altered, and it is sealed again.
async fn reseal(chains: &Chains, with: &Host) {
    let mut admin = chains.world.admin(&chains.host).await;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "insert into platform.audit_open (tenant_id, id)
             select tenant_id, unnest(row_ids) from platform.audit_block where tenant_id = '{0}' and number >= 4;
         delete from platform.audit_block where tenant_id = '{0}' and number >= 4;
         update platform.audit set basis = 'owner' where id =
             (select id from platform.audit_open where tenant_id = '{0}' order by id limit 1)",
        chains.one
    )))
    .execute(&mut admin)
    .await
    .expect("tampered with");
    assert!(chains.world.seal(with).await > 0);
}

#[tokio::test]
async fn a_chain_that_was_sealed_again_with_another_key_is_found_without_a_checkpoint() {
    let chains = Chains::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = chains.host.config().clone();
    for entry in std::fs::read_dir(&config.secrets.folder).expect("the secrets") {
        let entry = entry.expect("a secret");
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy");
    }
    std::fs::write(folder.path().join("derive"), "another secret").expect("a secret");
    config.secrets.folder = folder.path().to_owned();
    let other = chains.world.host_with(&SERVICE, config).await;
    reseal(&chains, &other).await;
    let mut admin = chains.world.admin(&chains.host).await;
    let trust = Trust { checkpoints: Vec::new(), ..chains.trust.clone() };
    let found = faults(&mut admin, &trust).await;
    assert!(found.iter().any(|fault| fault.contains("a key that is not trusted")), "{found:?}");
}

/// Who holds the database and the secrets can seal anew: that is what a checkpoint kept elsewhere is for.
#[tokio::test]
async fn a_chain_that_was_sealed_again_with_the_same_key_is_found_with_a_checkpoint_only() {
    let chains = Chains::new().await;
    reseal(&chains, &chains.host).await;
    let mut admin = chains.world.admin(&chains.host).await;
    let alone = Trust { checkpoints: Vec::new(), ..chains.trust.clone() };
    assert_eq!(faults(&mut admin, &alone).await, Vec::<String>::new());
    let found = chains.faults(&mut admin).await;
    assert!(found.iter().any(|fault| fault.contains("vouches for")), "{found:?}");
}

#[tokio::test]
async fn a_forged_checkpoint_proves_nothing_and_is_said() {
    let chains = Chains::new().await;
    let mut trust = chains.trust.clone();
    trust.checkpoints[0].number += 1;
    let mut admin = chains.world.admin(&chains.host).await;
    let found = faults(&mut admin, &trust).await;
    assert!(found.iter().any(|fault| fault.contains("not signed with a trusted key")), "{found:?}");
}

/// No role of the service can change or remove what is written down, or seal it as it likes.
#[tokio::test]
async fn no_role_of_the_service_changes_what_was_written_down() {
    let chains = Chains::new().await;
    let mut tried = 0;
    for (role, statements) in [
        (
            "app",
            &[
                "update platform.audit set basis = 'x'",
                "delete from platform.audit",
                "delete from platform.audit_open",
                "update platform.audit_open set id = gen_random_uuid()",
                "truncate platform.audit",
                "update platform.audit_block set number = 1",
                "delete from platform.audit_block",
                "insert into platform.audit_block select * from platform.audit_block",
            ][..],
        ),
        (
            "relay",
            &[
                "update platform.audit set basis = 'x'",
                "delete from platform.audit",
                "insert into platform.audit select * from platform.audit",
                "insert into platform.audit_open select * from platform.audit_open",
                "update platform.audit_block set number = 1",
                "delete from platform.audit_block",
                "truncate platform.audit_block",
            ][..],
        ),
    ] {
        let options = chains.host.config().database_as(SERVICE.name, role).expect("the role");
        let mut conn: PgConnection = sqlx::ConnectOptions::connect(&options).await.expect("a connection");
        sqlx::query("select set_config('app.tenant', $1, false)")
            .bind(chains.one.to_string())
            .execute(&mut conn)
            .await
            .expect("the tenant is set");
        for statement in statements {
            let refused = sqlx::query(*statement).execute(&mut conn).await.expect_err(statement);
            let code = refused.as_database_error().and_then(sqlx::error::DatabaseError::code);
            assert_eq!(code.as_deref(), Some("42501"), "{role}: {statement}");
            tried += 1;
        }
    }
    println!("audit is append-only: attempts {tried}, succeeded 0");
    let mut admin = chains.world.admin(&chains.host).await;
    assert_eq!(chains.faults(&mut admin).await, Vec::<String>::new());
}

/// Proves ID-50 for what the platform writes down: a person reads their own log, in pages, with the basis as it was, and
/// nobody else's.
#[tokio::test]
async fn a_person_reads_their_own_log_and_nobody_elses() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let tenant = world.tenant(&host, false).await;
    let (mine, theirs) = (world.person(), world.person());
    write_down(&world, &host, tenant, 5, mine).await;
    write_down(&world, &host, tenant, 2, theirs).await;
    write_down(&world, &host, tenant, 2, mine).await;
    let elsewhere = world.tenant(&host, false).await;
    write_down(&world, &host, elsewhere, 3, mine).await;
    // Somebody who is refused is in the log too.
    let refused = Actor::Person { tenant, person: world.person(), session: Uuid::nil() };
    let attempt = async |tx: &mut Tx| {
        tx.require(Action::ChangeNote, Subject::about("note", Uuid::nil(), mine), &Standing::new())
    };
    world.clock.advance(Duration::seconds(1));
    host.within(tenant, refused, Mode::Read, attempt).await.expect_err("it is refused");

    let log = AccessLog::new(host.clone());
    let mut token = String::new();
    let mut all = Vec::new();
    loop {
        let request = ListAccessesRequest { page_size: 3, page_token: token, ..Default::default() };
        let page = log.list_accesses(request_of(tenant, mine, request)).await.expect("a page").into_inner();
        all.extend(page.accesses);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(all.len(), 8);
    assert!(all.is_sorted_by_key(|entry| std::cmp::Reverse(
        entry.access_time.map(|time| (time.seconds, time.nanos))
    )));
    assert!(!all[0].allowed, "the newest is the refusal");
    assert_eq!((all[1].action.as_str(), all[1].basis.as_str()), ("ReadNote", "anyone"));
    assert_eq!(
        all[1].sentence,
        "Somebody used “read note” on something about you, as somebody who belongs to the same place."
    );
    println!("{}\n{}", all[0].sentence, all[1].sentence);

    let other = log.list_accesses(request_of(tenant, theirs, ListAccessesRequest::default())).await;
    assert_eq!(other.expect("a page").into_inner().accesses.len(), 2);
    let nobody = world.person();
    let none = log.list_accesses(request_of(tenant, nobody, ListAccessesRequest::default())).await;
    assert_eq!(none.expect("a page").into_inner().accesses.len(), 0);
}
