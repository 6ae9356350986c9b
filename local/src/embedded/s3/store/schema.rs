//! The index's tables.
//!
//! An *object* is a name with attributes that points at a *content*; a content is one or more
//! *chunks* of bytes in order. Contents never change, so copies share one, and it goes away with the
//! last object that points at it. Small chunks are in the index itself, which makes a small put one
//! fsync; larger ones are files.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::StoreError;

const LAYOUT: i64 = 1;

/// `key` is a BLOB because S3 orders keys by their UTF-8 bytes, and bounds of key ranges are bytes
/// that need not be UTF-8.
const TABLES: &str = "
CREATE TABLE buckets (
    name       TEXT PRIMARY KEY,
    created_ms INTEGER NOT NULL,
    cors       TEXT
) WITHOUT ROWID, STRICT;

CREATE TABLE objects (
    bucket      TEXT NOT NULL,
    key         BLOB NOT NULL,
    content_id  INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    etag        TEXT NOT NULL,
    modified_ms INTEGER NOT NULL,
    attributes  TEXT NOT NULL,
    checksum    TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX objects_by_content ON objects (content_id);

CREATE TABLE chunks (
    content_id INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    file       TEXT,
    bytes      BLOB,
    PRIMARY KEY (content_id, ordinal),
    CHECK ((file IS NULL) <> (bytes IS NULL))
) STRICT;

CREATE TABLE uploads (
    id         TEXT PRIMARY KEY,
    bucket     TEXT NOT NULL,
    key        BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    algorithm  TEXT NOT NULL,
    kind       TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE parts (
    upload_id   TEXT NOT NULL,
    number      INTEGER NOT NULL,
    content_id  INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    md5         BLOB NOT NULL,
    modified_ms INTEGER NOT NULL,
    checksum    TEXT NOT NULL,
    PRIMARY KEY (upload_id, number)
) WITHOUT ROWID, STRICT;
";

/// Opens the index for writing, making it when it is not there.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit returns after the fsync of the log, so what was acknowledged survives a loss of
    // power. With NORMAL it would survive only the death of the process.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Pages. Inline chunks fill the log quickly; the default of 1,000 would check it in every 60 puts.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    prepare(&connection)?;

    let setup = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let layout: i64 = setup.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match layout {
        0 => {
            setup.execute_batch(TABLES)?;
            setup.pragma_update(None, "user_version", LAYOUT)?;
        }
        LAYOUT => {}
        unknown => return Err(StoreError::Layout(unknown)),
    }
    setup.commit()?;
    Ok(connection)
}

/// Opens one more connection, for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(())
}
