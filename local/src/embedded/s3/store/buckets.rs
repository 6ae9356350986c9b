//! Buckets: the names that hold keys.

use rusqlite::{Connection, OptionalExtension, params};
use s3s::dto::{CORSConfiguration, Timestamp};
use s3s::s3_error;

use super::{Store, StoreError, now_ms, timestamp};

impl Store {
    pub(crate) async fn create_bucket(&self, name: String) -> Result<(), StoreError> {
        self.index
            .write(move |connection, _| {
                let made = connection
                    .prepare_cached("INSERT INTO buckets (name, created_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                    .execute(params![name, now_ms()])?;
                if made == 1 { Ok(()) } else { Err(s3_error!(BucketAlreadyOwnedByYou).into()) }
            })
            .await
    }

    pub(crate) async fn delete_bucket(&self, name: String) -> Result<(), StoreError> {
        self.index
            .write(move |connection, _| {
                require_bucket(connection, &name)?;
                let in_use: bool = connection.query_row(
                    "SELECT EXISTS (SELECT 1 FROM objects WHERE bucket = ?1)
                         OR EXISTS (SELECT 1 FROM uploads WHERE bucket = ?1)",
                    [&name],
                    |row| row.get(0),
                )?;
                if in_use {
                    return Err(s3_error!(BucketNotEmpty).into());
                }
                connection.execute("DELETE FROM buckets WHERE name = ?1", [&name])?;
                Ok(())
            })
            .await
    }

    /// # Errors
    /// `NoSuchBucket` when it does not exist.
    pub(crate) async fn head_bucket(&self, name: String) -> Result<(), StoreError> {
        self.index.read(move |connection| require_bucket(connection, &name)).await
    }

    /// Names and creation times, by name.
    pub(crate) async fn buckets(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.index
            .read(|connection| {
                let mut query = connection.prepare_cached("SELECT name, created_ms FROM buckets ORDER BY name")?;
                let rows = query.query_map([], |row| Ok((row.get(0)?, timestamp(row.get(1)?))))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Stores a bucket's CORS rules, or removes them. They are kept and shown; which origins are
    /// answered is decided where the service is mounted.
    pub(crate) async fn set_cors(&self, name: String, rules: Option<CORSConfiguration>) -> Result<(), StoreError> {
        let rules = rules.map(|rules| serde_json::to_string(&rules)).transpose()?;
        self.index
            .write(move |connection, _| {
                require_bucket(connection, &name)?;
                connection.execute("UPDATE buckets SET cors = ?2 WHERE name = ?1", params![name, rules])?;
                Ok(())
            })
            .await
    }

    pub(crate) async fn cors(&self, name: String) -> Result<Option<CORSConfiguration>, StoreError> {
        self.index
            .read(move |connection| {
                require_bucket(connection, &name)?;
                let rules: Option<String> = connection.query_row("SELECT cors FROM buckets WHERE name = ?1", [&name], |row| row.get(0))?;
                Ok(rules.map(|rules| serde_json::from_str(&rules)).transpose()?)
            })
            .await
    }
}

pub(super) fn require_bucket(connection: &Connection, name: &str) -> Result<(), StoreError> {
    let found = connection.prepare_cached("SELECT 1 FROM buckets WHERE name = ?1")?.query_row([name], |_| Ok(())).optional()?;
    found.ok_or_else(|| s3_error!(NoSuchBucket).into())
}
