//! Looking over the sealed audit: walks every chain and says in words what is not as it was sealed.
//!
//! What it cannot find, stated so that nobody relies on it: rows that were never sealed (about the last second) and were
//! removed; what was cut off the end of a chain after the newest checkpoint that was kept elsewhere; and anything at all
//! by who holds both the database and the folder of secrets, against seals that no checkpoint vouches for.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use sqlx::PgConnection;

use crate::connections::Open;
use crate::db::Db;
use crate::error::Result;
use crate::id::{TenantId, Uuid, hex};
use crate::seal::{self, Checkpoint, Entry, Hash, Head};

/// How much older a row may say it is than what was sealed before it: the longest that a transaction may last, and more.
const LATEST: Duration = Duration::minutes(5);
/// Blocks looked at in one go: bounds memory.
const AT_ONCE: i64 = 50;

/// What is trusted beside the database itself.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Keys whose seals count.
    pub keys: Vec<VerifyingKey>,
    /// Ends of chains that were kept elsewhere.
    pub checkpoints: Vec<Checkpoint>,
}

/// What was found in one tenant's chain.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whose.
    pub tenant: TenantId,
    /// Blocks.
    pub blocks: i64,
    /// Rows in them, by the blocks' own count.
    pub rows: i64,
    /// Rows that no block holds yet.
    pub unsealed: i64,
    /// Everything that is not as it was sealed, in words; empty where all is well.
    pub faults: Vec<String>,
}

/// Every tenant that a database holds rows, blocks or, as a checkpoint says, once held blocks of.
pub async fn tenants(conn: &mut PgConnection, trust: &Trust) -> Result<Vec<TenantId>> {
    let mut tenants = sqlx::query_scalar!(
        r#"select tenant_id as "tenant_id!" from platform.audit union select tenant_id from platform.audit_block"#
    )
    .fetch_all(conn)
    .await?;
    tenants.extend(trust.checkpoints.iter().map(|checkpoint| checkpoint.tenant));
    tenants.sort_unstable();
    tenants.dedup();
    Ok(tenants.into_iter().map(TenantId).collect())
}

/// Looks over one tenant's chain. `progress` is told the blocks that were looked at so far.
pub async fn verify(
    conn: &mut PgConnection,
    tenant: TenantId,
    trust: &Trust,
    mut progress: impl FnMut(i64),
) -> Result<Report> {
    let mut walk = Walk::new(tenant, trust);
    loop {
        let blocks = blocks(conn, tenant, walk.last).await?;
        let Some(newest) = blocks.last().map(|block| block.head.number) else { break };
        let rows = rows(conn, tenant, walk.last, newest).await?;
        for block in &blocks {
            walk.block(block, &rows);
        }
        progress(walk.report.blocks);
    }
    walk.outside(conn).await?;
    Ok(walk.finish())
}

/// The newest end of every chain of a database.
pub async fn ends(db: &Db, service: &str) -> Result<Vec<Checkpoint>> {
    let mut conn = db.relay().await?;
    let rows = sqlx::query!(
        "select distinct on (tenant_id) tenant_id, number, block_hash, sealed_at, signature
         from platform.audit_block order by tenant_id, number desc"
    )
    .fetch_all(&mut *conn)
    .await?;
    let ends = rows.into_iter().map(|row| Checkpoint {
        service: service.to_owned(),
        tenant: row.tenant_id,
        number: row.number,
        block_hash: hex(&row.block_hash),
        sealed_at: row.sealed_at,
        signature: hex(&row.signature),
    });
    Ok(ends.collect())
}

/// Looks over every chain of a service's database, or one tenant's, as the role that seals. `progress` is told the tenant
/// and the blocks of its chain that were looked at so far.
pub async fn verify_all(
    db: &Db,
    only: Option<TenantId>,
    trust: &Trust,
    mut progress: impl FnMut(TenantId, i64),
) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    let tenants = tenants(&mut *db.relay().await?, trust).await?;
    for tenant in tenants {
        if only.is_none_or(|only| only == tenant) {
            // One picture of the chain: the sealer goes on meanwhile.
            let mut picture = Open::from_connection(db.relay().await?);
            let begin = "begin isolation level repeatable read read only";
            sqlx::raw_sql(begin).execute(picture.conn()).await?;
            reports.push(verify(picture.conn(), tenant, trust, |blocks| progress(tenant, blocks)).await?);
            picture.finish("rollback").await?;
        }
    }
    Ok(reports)
}

#[derive(Debug)]
struct Sealed {
    head: Head,
    row_ids: Vec<Uuid>,
    row_hashes: Vec<u8>,
    block_hash: Vec<u8>,
    public_key: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Debug)]
struct Found {
    hash: Hash,
    recorded_at: DateTime<Utc>,
}

async fn blocks(conn: &mut PgConnection, tenant: TenantId, after: i64) -> Result<Vec<Sealed>> {
    let rows = sqlx::query!(
        "select number, row_count, row_ids, row_hashes, merkle_root, prev_hash, block_hash, sealed_at, public_key, signature
         from platform.audit_block where tenant_id = $1 and number > $2 order by number limit $3",
        tenant.0,
        after,
        AT_ONCE
    )
    .fetch_all(conn)
    .await?;
    let blocks = rows.into_iter().map(|row| Sealed {
        head: Head {
            tenant_id: tenant.0,
            number: row.number,
            row_count: row.row_count,
            merkle_root: row.merkle_root,
            prev_hash: row.prev_hash,
            sealed_at: row.sealed_at,
        },
        row_ids: row.row_ids,
        row_hashes: row.row_hashes,
        block_hash: row.block_hash,
        public_key: row.public_key,
        signature: row.signature,
    });
    Ok(blocks.collect())
}

/// The rows that some blocks list, as far as they are there, by their ids.
async fn rows(
    conn: &mut PgConnection,
    tenant: TenantId,
    after: i64,
    until: i64,
) -> Result<HashMap<Uuid, Found>> {
    let entries = sqlx::query_as!(
        Entry,
        "select a.tenant_id, a.id, a.actor_id, a.action, a.subject_type, a.subject_id, a.person_id, a.basis, a.allowed,
             a.traceparent, a.recorded_at
         from platform.audit_block b cross join unnest(b.row_ids) as sealed (id)
             join platform.audit a on a.tenant_id = b.tenant_id and a.id = sealed.id
         where b.tenant_id = $1 and b.number > $2 and b.number <= $3",
        tenant.0,
        after,
        until
    )
    .fetch_all(conn)
    .await?;
    let found = |entry: Entry| (entry.id, Found { hash: entry.hash(), recorded_at: entry.recorded_at });
    Ok(entries.into_iter().map(found).collect())
}

/// One walk along a chain.
struct Walk<'trust> {
    trust: &'trust Trust,
    report: Report,
    last: i64,
    last_hash: Vec<u8>,
    newest_row: Option<DateTime<Utc>>,
    checkpoints: HashMap<i64, &'trust Checkpoint>,
}

impl<'trust> Walk<'trust> {
    fn new(tenant: TenantId, trust: &'trust Trust) -> Self {
        let mut walk = Self {
            trust,
            report: Report { tenant, blocks: 0, rows: 0, unsealed: 0, faults: Vec::new() },
            last: 0,
            last_hash: seal::NOTHING.to_vec(),
            newest_row: None,
            checkpoints: HashMap::new(),
        };
        for checkpoint in trust.checkpoints.iter().filter(|checkpoint| checkpoint.tenant == tenant.0) {
            let hash = unhex(&checkpoint.block_hash).unwrap_or_default();
            let signature = unhex(&checkpoint.signature).unwrap_or_default();
            if !is_signed(&trust.keys, tenant.0, checkpoint.number, &hash, &signature) {
                walk.fault(format!(
                    "the checkpoint of block {} is not signed with a trusted key: it proves nothing",
                    checkpoint.number
                ));
            } else if let Some(other) = walk.checkpoints.insert(checkpoint.number, checkpoint)
                && other.block_hash != checkpoint.block_hash
            {
                walk.fault(format!("two checkpoints say different things of block {}", checkpoint.number));
            }
        }
        walk
    }

    fn fault(&mut self, what: String) {
        self.report.faults.push(what);
    }

    fn block(&mut self, block: &Sealed, rows: &HashMap<Uuid, Found>) {
        let number = block.head.number;
        match number - self.last {
            1 => {}
            2 => self.fault(format!("block {} is missing", self.last + 1)),
            _ => self.fault(format!("blocks {} to {} are missing", self.last + 1, number - 1)),
        }
        if block.head.prev_hash != self.last_hash {
            self.fault(format!("block {number} does not follow from the block before it"));
        }
        let (kept, rest) = block.row_hashes.as_chunks::<32>();
        let count = usize::try_from(block.head.row_count).unwrap_or(usize::MAX);
        if !rest.is_empty() || kept.len() != count || block.row_ids.len() != count {
            self.fault(format!("block {number}: its list of rows does not have the length that it says"));
        }
        if seal::merkle_root(kept).as_slice() != block.head.merkle_root {
            self.fault(format!("block {number}: its list of rows was altered"));
        }
        if block.head.hash().as_slice() != block.block_hash {
            self.fault(format!("block {number}: it was altered"));
        }
        let own_key = self.trust.keys.iter().any(|key| key.as_bytes().as_slice() == block.public_key);
        if !own_key {
            self.fault(format!("block {number}: sealed with a key that is not trusted"));
        }
        let tenant = self.report.tenant.0;
        if !is_signed(&self.trust.keys, tenant, number, &block.block_hash, &block.signature) {
            self.fault(format!("block {number}: the signature is wrong"));
        }
        if let Some(checkpoint) = self.checkpoints.remove(&number)
            && checkpoint.block_hash != hex(&block.block_hash)
        {
            self.fault(format!(
                "block {number} is not the one that the checkpoint kept elsewhere vouches for"
            ));
        }
        self.rows(number, &block.row_ids, kept, rows);
        self.report.blocks += 1;
        self.report.rows += i64::from(block.head.row_count);
        self.last = number;
        self.last_hash.clone_from(&block.block_hash);
    }

    /// Compares the rows that a block lists with what was sealed.
    fn rows(&mut self, number: i64, ids: &[Uuid], kept: &[Hash], rows: &HashMap<Uuid, Found>) {
        for (place, (id, sealed)) in ids.iter().zip(kept).enumerate() {
            match rows.get(id) {
                Some(row) if row.hash == *sealed => {}
                Some(row) if kept.contains(&row.hash) => {
                    self.fault(format!(
                        "block {number}: row {id} stands at another place than it was sealed at"
                    ));
                }
                Some(_) => {
                    self.fault(format!(
                        "block {number}: row {id} at place {place} is not what was sealed there"
                    ));
                }
                None => self.fault(format!("block {number}: row {id} at place {place} was removed")),
            }
        }
        let before = self.newest_row;
        for (id, row) in ids.iter().filter_map(|id| Some((*id, rows.get(id)?))) {
            self.in_time(id, row.recorded_at, before);
            self.newest_row = self.newest_row.max(Some(row.recorded_at));
        }
    }

    /// A row that says it is older than what was sealed before it was brought in afterwards.
    fn in_time(&mut self, id: Uuid, recorded_at: DateTime<Utc>, before: Option<DateTime<Utc>>) {
        if before.is_some_and(|before| recorded_at < before - LATEST) {
            self.fault(format!(
                "row {id} was inserted: it says that it is older than what was sealed before it"
            ));
        }
    }

    /// Looks at what no block holds: rows that wait for a seal, rows that do not, checkpoints beyond the end.
    async fn outside(&mut self, conn: &mut PgConnection) -> Result<()> {
        let tenant = self.report.tenant.0;
        let open = sqlx::query!(
            r#"select o.id, a.recorded_at as "recorded_at?"
               from platform.audit_open o left join platform.audit a on a.tenant_id = o.tenant_id and a.id = o.id
               where o.tenant_id = $1"#,
            tenant
        )
        .fetch_all(&mut *conn)
        .await?;
        let before = self.newest_row;
        for row in open {
            let Some(recorded_at) = row.recorded_at else {
                self.fault(format!("row {} was removed before it was sealed", row.id));
                continue;
            };
            self.report.unsealed += 1;
            self.in_time(row.id, recorded_at, before);
        }
        let strays = sqlx::query_scalar!(
            "with sealed as (select unnest(row_ids) as id from platform.audit_block where tenant_id = $1)
             select a.id from platform.audit a
             where a.tenant_id = $1 and not exists (select from sealed s where s.id = a.id)
                 and not exists (select from platform.audit_open o where o.tenant_id = $1 and o.id = a.id)",
            tenant
        )
        .fetch_all(&mut *conn)
        .await?;
        for id in strays {
            self.fault(format!("row {id} is in no block and does not wait for one"));
        }
        let mut beyond: Vec<i64> = self.checkpoints.keys().copied().collect();
        beyond.sort_unstable();
        for number in beyond {
            self.fault(format!(
                "the end was cut off or block {number} removed: a checkpoint kept elsewhere vouches for it, and the chain \
                 ends with block {}",
                self.last
            ));
        }
        Ok(())
    }

    fn finish(self) -> Report {
        self.report
    }
}

fn is_signed(keys: &[VerifyingKey], tenant: Uuid, number: i64, block_hash: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = Signature::from_slice(signature) else {
        return false;
    };
    let message = seal::signed(tenant, number, block_hash);
    keys.iter().any(|key| key.verify(&message, &signature).is_ok())
}

/// Reads a public key in hex; `None` where it is none.
pub fn public_key(text: &str) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(&unhex(text)?.try_into().ok()?).ok()
}

/// Reads hex; `None` where it is none.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let pair = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(pair).collect()
}
