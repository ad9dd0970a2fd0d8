//! Sealing the audit: each tenant's rows are closed into blocks that follow from one another and are signed, so that no row
//! can later be altered, removed, inserted or moved without its being found (see `chain`).
//!
//! The sealer puts rows in their order, so that writers do not queue behind one another; a row itself is written once, and a
//! block lists its rows. One sealer of a database leads at a time. A row is without a seal for about a second; what is cut off the end of a chain is found only with a
//! checkpoint that was kept elsewhere: the sealer says each in the log, and `kith audit checkpoint` prints the newest.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::connections::{LONGEST_STATEMENT, LONGEST_WORK, Open, within};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::{TenantId, Uuid, hex};

/// Most rows of one block.
const MOST_ROWS: i64 = 1000;
/// How long rows gather before they are sealed.
const GATHERING: Duration = Duration::from_secs(1);
/// How often the sealer looks without being woken: other replicas' rows, and what an operator's command wrote.
const POLL: Duration = Duration::from_secs(10);
/// The lock that lets one sealer at a time into a database; any number that nothing else uses.
const SEALER_LOCK: i64 = 0x7365_616C;

/// A SHA-256.
pub(crate) type Hash = [u8; 32];

/// What the first block of a chain follows.
pub(crate) const NOTHING: Hash = [0; 32];

/// The key that a service seals with, from its secret: the same after every start.
#[derive(Clone, Debug)]
pub struct Key(SigningKey);

impl Key {
    /// The key of a service, from the folder of secrets.
    pub fn of(service: &str, config: &Config) -> anyhow::Result<Self> {
        let secret = config.secret("derive")?;
        let mut mac = <Hmac<Sha256>>::new_from_slice(secret.reveal().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(b"kith.audit.seal.v1:");
        mac.update(service.as_bytes());
        Ok(Self(SigningKey::from_bytes(&mac.finalize().into_bytes().into())))
    }

    /// Its public half, with which anybody can check the seals.
    pub fn public(&self) -> VerifyingKey {
        self.0.verifying_key()
    }

    /// The public half as operators and auditors pass it on.
    pub fn public_hex(&self) -> String {
        hex(self.public().as_bytes())
    }
}

/// Bytes to be hashed: every part with its length, so that no two rows spell the same.
struct Canonical(Sha256);

impl Canonical {
    fn new(tag: &str) -> Self {
        Self(Sha256::new()).with(tag.as_bytes())
    }

    fn with(mut self, part: &[u8]) -> Self {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// A part that may be missing: missing is not the same as empty.
    fn with_option(self, part: Option<&[u8]>) -> Self {
        match part {
            Some(part) => self.with(&[1]).with(part),
            None => self.with(&[0]),
        }
    }

    fn finish(self) -> Hash {
        self.0.finalize().into()
    }
}

/// A row of the audit, every column of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub actor_id: Uuid,
    pub action: String,
    pub subject_type: String,
    pub subject_id: Uuid,
    pub person_id: Option<Uuid>,
    pub basis: String,
    pub allowed: bool,
    pub traceparent: Option<String>,
    pub recorded_at: DateTime<Utc>,
}

impl Entry {
    pub fn hash(&self) -> Hash {
        Canonical::new("kith.audit.row.v1")
            .with(self.tenant_id.as_bytes())
            .with(self.id.as_bytes())
            .with(self.actor_id.as_bytes())
            .with(self.action.as_bytes())
            .with(self.subject_type.as_bytes())
            .with(self.subject_id.as_bytes())
            .with_option(self.person_id.as_ref().map(|person| person.as_bytes().as_slice()))
            .with(self.basis.as_bytes())
            .with(&[u8::from(self.allowed)])
            .with_option(self.traceparent.as_ref().map(String::as_bytes))
            .with(&self.recorded_at.timestamp_micros().to_be_bytes())
            .finish()
    }
}

/// The Merkle root over hashes in their order: a lone hash at the end of a level goes up as it is. Leaves and inner nodes
/// are hashed apart, so that none can stand for the other.
pub(crate) fn merkle_root(leaves: &[Hash]) -> Hash {
    let mut level: Vec<Hash> =
        leaves.iter().map(|leaf| Canonical::new("kith.audit.leaf.v1").with(leaf).finish()).collect();
    while level.len() > 1 {
        let pairs = level.chunks(2).map(|pair| match pair {
            [left, right] => Canonical::new("kith.audit.node.v1").with(left).with(right).finish(),
            lone => lone[0],
        });
        level = pairs.collect();
    }
    level.first().copied().unwrap_or(NOTHING)
}

/// What a block's hash is over.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub tenant_id: Uuid,
    pub number: i64,
    pub row_count: i32,
    pub merkle_root: Vec<u8>,
    pub prev_hash: Vec<u8>,
    pub sealed_at: DateTime<Utc>,
}

impl Head {
    pub fn hash(&self) -> Hash {
        Canonical::new("kith.audit.block.v1")
            .with(&self.prev_hash)
            .with(&self.merkle_root)
            .with(&self.number.to_be_bytes())
            .with(&self.row_count.to_be_bytes())
            .with(self.tenant_id.as_bytes())
            .with(&self.sealed_at.timestamp_micros().to_be_bytes())
            .finish()
    }
}

/// What the key signs: a block's hash as that block of that tenant.
pub(crate) fn signed(tenant: Uuid, number: i64, block_hash: &[u8]) -> Hash {
    Canonical::new("kith.audit.seal.v1")
        .with(tenant.as_bytes())
        .with(&number.to_be_bytes())
        .with(block_hash)
        .finish()
}

/// The end of a chain at some moment, to be kept where who can write the database cannot: proves later that nothing was
/// cut off before it. One line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Whose database.
    pub service: String,
    /// Whose chain.
    pub tenant: Uuid,
    /// The last block.
    pub number: i64,
    /// Its hash, in hex; it stands for all rows up to it.
    pub block_hash: String,
    /// When it was sealed.
    pub sealed_at: DateTime<Utc>,
    /// The seal, in hex.
    pub signature: String,
}

/// Seals the audit of a service's database.
#[derive(Clone, Debug)]
pub(crate) struct Sealer {
    pub service: &'static str,
    pub db: Db,
    pub key: Key,
    pub woken: Arc<Notify>,
}

impl Sealer {
    /// Runs until told to stop. What could not be sealed is sealed later.
    pub async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.seal().await {
                tracing::warn!(error.kind = %error, "the audit is not sealed and will be");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.woken.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(GATHERING) => {}
            }
        }
    }

    /// Seals everything that is without a seal, each tenant's for itself; answers how many rows. None where another
    /// sealer is at it.
    pub async fn seal(&self) -> Result<usize> {
        let mut sealed = 0;
        for tenant in within(LONGEST_STATEMENT, self.waiting()).await? {
            while let Some((rows, checkpoint)) = within(LONGEST_WORK, self.seal_block(tenant)).await? {
                sealed += rows;
                // Kept by whoever keeps the logs: another trust domain than the database.
                let line = serde_json::to_string(&checkpoint).map_err(Error::internal)?;
                tracing::info!(audit.checkpoint = %line, "sealed");
            }
        }
        Ok(sealed)
    }

    /// Tenants with rows that have no seal.
    async fn waiting(&self) -> Result<Vec<TenantId>> {
        let mut conn = self.db.relay().await?;
        let tenants =
            sqlx::query_scalar!("select distinct tenant_id from platform.audit_open order by tenant_id")
                .fetch_all(&mut *conn)
                .await?;
        Ok(tenants.into_iter().map(TenantId).collect())
    }

    /// Closes one block; answers its rows and the chain's new end.
    async fn seal_block(&self, tenant: TenantId) -> Result<Option<(usize, Checkpoint)>> {
        let mut open = Open::from_connection(self.db.relay().await?);
        sqlx::raw_sql("begin").execute(open.conn()).await?;
        let leads = sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1) as "leads!""#, SEALER_LOCK)
            .fetch_one(open.conn())
            .await?;
        let block = if leads { self.close(open.conn(), tenant).await? } else { None };
        open.finish("commit").await?;
        Ok(block)
    }

    async fn close(&self, conn: &mut PgConnection, tenant: TenantId) -> Result<Option<(usize, Checkpoint)>> {
        let entries = sqlx::query_as!(
            Entry,
            "select a.tenant_id, a.id, a.actor_id, a.action, a.subject_type, a.subject_id, a.person_id, a.basis, a.allowed,
                 a.traceparent, a.recorded_at
             from platform.audit_open o join platform.audit a on a.tenant_id = o.tenant_id and a.id = o.id
             where o.tenant_id = $1 order by o.id limit $2",
            tenant.0,
            MOST_ROWS
        )
        .fetch_all(&mut *conn)
        .await?;
        if entries.is_empty() {
            return Ok(None);
        }
        let last = sqlx::query!(
            "select number, block_hash from platform.audit_block where tenant_id = $1 order by number desc limit 1",
            tenant.0
        )
        .fetch_optional(&mut *conn)
        .await?;
        let (last_number, prev_hash) =
            last.map_or_else(|| (0, NOTHING.to_vec()), |last| (last.number, last.block_hash));
        let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id).collect();
        let hashes: Vec<Hash> = entries.iter().map(Entry::hash).collect();
        let head = Head {
            tenant_id: tenant.0,
            number: last_number + 1,
            row_count: i32::try_from(entries.len()).map_err(Error::internal)?,
            merkle_root: merkle_root(&hashes).to_vec(),
            prev_hash,
            sealed_at: self.db.shared.clock.now(),
        };
        let block_hash = head.hash();
        let public_key = self.key.public().to_bytes();
        let signature = self.key.0.sign(&signed(tenant.0, head.number, &block_hash)).to_bytes();
        sqlx::query!(
            "insert into platform.audit_block (tenant_id, number, row_count, row_ids, row_hashes, merkle_root, prev_hash,
                 block_hash, sealed_at, public_key, signature)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            tenant.0,
            head.number,
            head.row_count,
            &ids,
            hashes.concat(),
            head.merkle_root,
            head.prev_hash,
            block_hash.as_slice(),
            head.sealed_at,
            public_key.as_slice(),
            signature.as_slice(),
        )
        .execute(&mut *conn)
        .await?;
        let closed = sqlx::query!(
            "delete from platform.audit_open where tenant_id = $1 and id between $3 and $4 and id = any($2)",
            tenant.0,
            &ids,
            ids.first().copied(),
            ids.last().copied(),
        )
        .execute(&mut *conn)
        .await?;
        if closed.rows_affected() != ids.len() as u64 {
            return Err(Error::internal(anyhow::anyhow!("rows went away while they were sealed")));
        }
        let checkpoint = Checkpoint {
            service: self.service.to_owned(),
            tenant: tenant.0,
            number: head.number,
            block_hash: hex(&block_hash),
            sealed_at: head.sealed_at,
            signature: hex(&signature),
        };
        Ok(Some((ids.len(), checkpoint)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merkle_root_changes_with_every_leaf_and_their_order() {
        let leaves: Vec<Hash> = (0..7u8).map(|number| [number; 32]).collect();
        let root = merkle_root(&leaves);
        for place in 0..leaves.len() {
            let mut other = leaves.clone();
            other[place][0] ^= 0x80;
            assert_ne!(merkle_root(&other), root);
            let mut other = leaves.clone();
            other.swap(place, (place + 1) % leaves.len());
            assert_ne!(merkle_root(&other), root);
        }
        assert_ne!(merkle_root(&leaves[..6]), root);
    }

    #[test]
    fn parts_cannot_run_into_one_another() {
        let one = Canonical::new("t").with(b"ab").with(b"c").finish();
        let two = Canonical::new("t").with(b"a").with(b"bc").finish();
        assert_ne!(one, two);
        let missing = Canonical::new("t").with_option(None).finish();
        assert_ne!(missing, Canonical::new("t").with_option(Some(b"")).finish());
    }
}
