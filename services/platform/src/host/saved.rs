//! Answers that are kept, so that who repeats a request gets the same one.

use sha2::{Digest as _, Sha256};

use crate::db::{Saved, Tx};
use crate::error::{Common, Error, Result};
use crate::id::Uuid;

/// How long an answer is kept for a repeat.
const KEPT: chrono::Duration = chrono::Duration::hours(72);

/// The method is inside the hash: every RPC has a request message of its own.
pub fn content_hash<M: prost::Message + prost::Name>(message: &M) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(M::full_name().as_bytes());
    hash.update(message.encode_to_vec());
    hash.finalize().to_vec()
}

pub(super) fn answer_saved<A: prost::Message + Default>(saved: &Saved, hash: &[u8]) -> Result<(A, String)> {
    if saved.hash != hash {
        return Err(Common::RequestIdReused.into());
    }
    let answer = A::decode(saved.answer.as_slice()).map_err(Error::internal)?;
    Ok((answer, saved.caused.clone()))
}

pub(super) async fn save_answer(
    tx: &mut Tx,
    request_id: Uuid,
    hash: &[u8],
    answer: &impl prost::Message,
) -> Result<String> {
    let caused = tx.flush().await?;
    let (tenant, actor, now) = (tx.tenant(), tx.actor(), tx.now());
    sqlx::query!(
        "insert into platform.saved_answer
             (tenant_id, actor_id, request_id, content_hash, answer, caused, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        actor.id(),
        request_id,
        hash,
        answer.encode_to_vec(),
        caused,
        now + KEPT,
    )
    .execute(tx.conn())
    .await?;
    Ok(caused)
}
