//! Reading a run's `artifact.json`, the audit record, whose format is `artifact.schema.json` of the engine.
//!
//! It may be large and is never held as a whole: its tables are handed over one by one, and each reader keeps what it shows.
//! An engine may be anybody's, so what is missing or odd is read as nothing.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Seek as _};

use ade_core::run;
use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::outputs::finished;
use crate::edge::{Call, Problem};

/// What an artifact says besides its tables.
#[derive(Debug, Default)]
pub(super) struct Audit {
    pub(super) run: RunRecord,
    pub(super) notes: Vec<Note>,
}

/// What an artifact says about the run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunRecord {
    pub(super) outcome: Option<String>,
    pub(super) engine_version: Option<String>,
}

/// Something that people should know.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Note {
    pub(super) code: String,
    pub(super) severity: String,
    pub(super) message: String,
    pub(super) count: u64,
}

/// Reads the artifact of a run that is over, handing each table to `take`; returns the rest and what `take` has kept.
pub(super) async fn read<T, K>(
    call: &Call,
    run: &run::Run,
    mut kept: K,
    take: impl Fn(&mut K, T) + Send + 'static,
) -> Result<(Audit, K), Problem>
where
    T: DeserializeOwned,
    K: Send + 'static,
{
    finished(run)?;
    let no_artifact = || Problem::no_such("artifact");
    let objects = &call.ade().objects;
    let key = run.outcome.report.artifact_uri.as_deref().and_then(|uri| objects.key_of(uri)).ok_or_else(no_artifact)?;
    let object = objects.open(key, None).await?.ok_or_else(no_artifact)?;
    // Nameless: it is gone with its handle, whatever happens.
    let mut scratch = tokio::fs::File::from_std(tempfile::tempfile().map_err(Problem::internal)?);
    tokio::io::copy(&mut object.body.into_async_read(), &mut scratch).await.map_err(Problem::interrupted)?;
    let scratch = scratch.into_std().await;
    let parsed = tokio::task::spawn_blocking(move || {
        let audit = parse(scratch, |table| take(&mut kept, table))?;
        Ok::<_, serde_json::Error>((audit, kept))
    });
    parsed.await.map_err(Problem::internal)?.map_err(|error| Problem::internal(format!("{key}: {error}")))
}

fn parse<T: DeserializeOwned>(mut file: File, take: impl FnMut(T)) -> Result<Audit, serde_json::Error> {
    file.rewind().map_err(serde_json::Error::io)?;
    let mut reader = serde_json::Deserializer::from_reader(BufReader::with_capacity(256 << 10, file));
    let audit = reader.deserialize_map(Whole(Tables { take, of: std::marker::PhantomData }))?;
    reader.end()?;
    Ok(audit)
}

/// Reads the whole artifact.
struct Whole<T, F>(Tables<T, F>);

impl<'de, T: DeserializeOwned, F: FnMut(T)> Visitor<'de> for Whole<T, F> {
    type Value = Audit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an artifact")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Audit, A::Error> {
        let mut audit = Audit::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "run" => audit.run = map.next_value()?,
                "notes" => audit.notes = map.next_value()?,
                "tables" => map.next_value_seed(&mut self.0)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(audit)
    }
}

/// Reads the list of tables, one at a time.
struct Tables<T, F> {
    take: F,
    of: std::marker::PhantomData<fn() -> T>,
}

impl<'de, T: DeserializeOwned, F: FnMut(T)> DeserializeSeed<'de> for &mut Tables<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T)> Visitor<'de> for &mut Tables<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tables")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tables: A) -> Result<(), A::Error> {
        while let Some(table) = tables.next_element()? {
            (self.take)(table);
        }
        Ok(())
    }
}
