//! What the relay role keeps and reads of no tenant: the key set, and dated numbers.

use super::Db;
use crate::error::{Error, Result};

impl Db {
    /// The key set as kept from the last time.
    pub(crate) async fn kept_keys(&self) -> Result<Option<String>> {
        let mut conn = self.relay().await?;
        Ok(sqlx::query_scalar!("select jwks from platform.key_set").fetch_optional(&mut *conn).await?)
    }

    /// Keeps the key set for the next start.
    pub(crate) async fn keep_keys(&self, jwks: &str) -> Result<()> {
        let mut conn = self.relay().await?;
        sqlx::query!(
            "insert into platform.key_set (jwks, fetched_at) values ($1, $2)
             on conflict on constraint key_set_pk do update set jwks = $1, fetched_at = $2",
            jwks,
            self.shared.clock.now(),
        )
        .execute(&mut *conn)
        .await?;
        Ok(())
    }

    /// A dated number of `platform.setting`, as in force today.
    pub(crate) async fn setting(&self, name: &str) -> Result<i64> {
        let mut conn = self.relay().await?;
        let value = sqlx::query_scalar!(
            "select value from platform.setting where name = $1 and valid_from <= $2 order by valid_from desc limit 1",
            name,
            self.shared.clock.now().date_naive(),
        )
        .fetch_optional(&mut *conn)
        .await?;
        value.ok_or_else(|| Error::Inconsistent {
            table: "platform.setting",
            row: name.to_owned(),
            problem: "is missing".into(),
        })
    }
}
