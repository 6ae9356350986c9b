//! Doing what a request asks for once, however often it is sent.
//!
//! A request that carries a key first makes a *mark*: a record that only one of several repeats can create. Its owner carries the
//! request out and keeps the answer in the mark; whoever comes later gets that answer. An owner that disappears is replaced after
//! [`IN_FLIGHT`]; what it created, if anything, is named in the mark by the same transaction that created it, so its successor
//! finds that instead of creating it again.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::id::RunId;
use crate::store::table::{IDEMPOTENCY, string_key};
use crate::store::{Item, SCHEMA, StoreError, Tables, Update};
use crate::time::Timestamp;

/// How long an owner has to answer.
const IN_FLIGHT: Duration = Duration::from_mins(1);
/// How long answers are kept.
const KEPT: Duration = Duration::from_hours(24);
/// Longest answer that is kept, as it is stored: a record has at most 400 KB.
const STORED_LIMIT: usize = 300 << 10;
/// Longest answer that is read back.
const ANSWER_LIMIT: usize = 16 << 20;

/// Marks of requests.
#[derive(Debug, Clone)]
pub struct Idempotency {
    tables: Tables,
}

/// What became of a request that carries a key.
#[derive(Debug)]
pub enum Begun {
    /// It is the first: carry it out.
    First(Mark),
    /// It has been answered.
    Answered(Vec<u8>),
    /// Another one is being carried out.
    InFlight,
    /// Another request was made with this key.
    Reused,
}

/// The right to carry a request out.
#[derive(Debug, Clone)]
pub struct Mark {
    tables: Tables,
    request: String,
    token: String,
    /// Runs that an owner created who then disappeared.
    pub created: Vec<RunId>,
}

/// A mark as it is stored (table `idempotency`).
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    request: String,
    schema: u32,
    /// Digest of what was asked for.
    fingerprint: String,
    /// Its owner.
    token: String,
    in_flight_until: Timestamp,
    /// Epoch seconds, for the table's own clean-up.
    expires_at: i64,
    #[serde(default)]
    created: Vec<RunId>,
    /// Base64 of the compressed answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

impl Idempotency {
    /// Marks in these tables.
    pub fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Begins a request. `request` names who asks for what kind of thing with which key, `fingerprint` what exactly is asked for.
    pub async fn begin(&self, request: &str, fingerprint: &str) -> Result<Begun, StoreError> {
        loop {
            let now = Timestamp::now();
            let record = Record {
                request: request.to_owned(),
                schema: SCHEMA,
                fingerprint: fingerprint.to_owned(),
                token: Ulid::generate().to_string(),
                in_flight_until: now + IN_FLIGHT,
                expires_at: (now + KEPT).seconds(),
                created: Vec::new(),
                answer: None,
            };
            let old = match self.tables.create(&IDEMPOTENCY, &record).await {
                Ok(()) => return Ok(Begun::First(self.mark(record))),
                Err(StoreError::Condition(Some(old))) => serde_dynamo::from_item::<_, Record>(*old)?,
                // It was there and could not be read: it is gone by now.
                Err(StoreError::Condition(None)) => continue,
                Err(error) => return Err(error),
            };
            let expired = old.expires_at <= now.seconds();
            let in_flight = old.in_flight_until > now;
            // A request that ended without an answer and without having created anything might as well not have been.
            let counts = old.answer.is_some() || in_flight || !old.created.is_empty();
            if counts && !expired {
                match old.answer {
                    _ if old.fingerprint != fingerprint => return Ok(Begun::Reused),
                    Some(answer) => return Ok(Begun::Answered(unpack(&answer)?)),
                    None if in_flight => return Ok(Begun::InFlight),
                    None => {}
                }
            }
            let created = if expired { Vec::new() } else { old.created };
            let record = Record { created, ..record };
            match self.tables.replace(&IDEMPOTENCY, &record, ("token", &old.token)).await {
                Ok(()) => return Ok(Begun::First(self.mark(record))),
                Err(StoreError::Condition(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn mark(&self, record: Record) -> Mark {
        Mark { tables: self.tables.clone(), request: record.request, token: record.token, created: record.created }
    }
}

impl Mark {
    /// Keeps the answer for whoever repeats the request.
    pub async fn keep(&self, answer: &[u8]) -> Result<(), StoreError> {
        let packed = pack(answer)?;
        if packed.len() > STORED_LIMIT {
            // Nothing that creates something answers so much; the rest can be asked for again.
            tracing::warn!(bytes = packed.len(), "an answer is too long to be kept for repeats");
            return self.release().await;
        }
        self.ours(self.update()?.set("answer", packed)?).await
    }

    /// Gives the key back: the request came to nothing and may be made again.
    pub async fn release(&self) -> Result<(), StoreError> {
        self.ours(self.update()?.set("in_flight_until", Timestamp::default())?).await
    }

    /// That this request creates runs, as a part of the transaction that creates them.
    pub(crate) fn creates(&self, runs: &[RunId]) -> Result<TransactWriteItem, StoreError> {
        let update = self.update()?.set("created", runs)?.into_transaction()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn update(&self) -> Result<Update, StoreError> {
        self.tables.update(&IDEMPOTENCY, key(&self.request)).when_equals("token", &self.token)
    }

    /// Sends an update; when somebody else took the request over, theirs is what counts.
    async fn ours(&self, update: Update) -> Result<(), StoreError> {
        match update.send(self.tables.client()).await {
            Ok(_) | Err(StoreError::Condition(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn key(request: &str) -> Item {
    string_key([("request", request)])
}

fn pack(answer: &[u8]) -> Result<String, StoreError> {
    let packed = zstd::bulk::compress(answer, 3).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(STANDARD.encode(packed))
}

fn unpack(text: &str) -> Result<Vec<u8>, StoreError> {
    let packed = STANDARD.decode(text).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    zstd::bulk::decompress(&packed, ANSWER_LIMIT).map_err(|error| StoreError::Corrupt(error.to_string()))
}
