//! Answers that are kept, so that who repeats a request gets the same one.

use sha2::{Digest as _, Sha256};

use crate::db::Saved;
use crate::error::{Common, Error, Result};

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
