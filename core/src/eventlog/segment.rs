//! Segments: how they are named, and cutting one to the lines that count.

use bytes::Bytes;
use serde::Deserialize;

use crate::lease::FenceStart;
use crate::store::StoreError;

/// The name of a segment: which ids it ends at, and who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    /// The last id in it.
    pub last_id: u64,
    /// The writer's fence.
    pub fence: u32,
}

impl SegmentName {
    /// The key under a log's prefix.
    pub fn key(self, prefix: &str) -> String {
        format!("{prefix}{:012}-{:04}.ndjson", self.last_id, self.fence)
    }

    /// Reads a key under a log's prefix; `None` for other objects, which attempts may leave there.
    pub fn parse(prefix: &str, key: &str) -> Option<Self> {
        let (last_id, fence) = key.strip_prefix(prefix)?.strip_suffix(".ndjson")?.split_once('-')?;
        Some(Self { last_id: last_id.parse().ok()?, fence: fence.parse().ok()? })
    }

    /// The greatest key that does not hold anything after `id`.
    pub fn after(prefix: &str, id: u64) -> String {
        format!("{prefix}{id:012}-~")
    }
}

/// The first id that is not the writer's own any more: where the next owner started. `None` while it is the newest.
pub(super) fn end_of(fence: u32, fences: &[FenceStart]) -> Option<u64> {
    fences.iter().filter(|start| start.fence > fence).map(|start| start.first_id).min()
}

/// The lines of a segment whose ids are after `after` and before `end`. Ids in a segment follow each other.
pub fn cut(segment: &Bytes, after: u64, end: u64) -> Result<Bytes, StoreError> {
    #[derive(Deserialize)]
    struct Id {
        id: u64,
    }
    let id_of =
        |line: &[u8]| serde_json::from_slice::<Id>(line).map(|event| event.id).map_err(|e| StoreError::Corrupt(format!("event line: {e}")));
    let line_end = |from: usize| segment[from..].iter().position(|byte| *byte == b'\n').map(|at| from + at + 1);

    let Some(first_end) = line_end(0) else {
        return Ok(Bytes::new());
    };
    let first = id_of(&segment[..first_end])?;
    let (mut start, mut id) = (0, first);
    while id <= after {
        let Some(next) = line_end(start) else {
            return Ok(Bytes::new());
        };
        (start, id) = (next, id + 1);
    }
    let mut stop = start;
    if end == u64::MAX {
        stop = segment.len();
    } else {
        while id < end {
            let Some(next) = line_end(stop) else { break };
            (stop, id) = (next, id + 1);
        }
    }
    Ok(segment.slice(start..stop))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn lines(ids: std::ops::Range<u64>) -> Vec<u8> {
        ids.flat_map(|id| format!("{{\"id\":{id},\"m\":\"x\"}}\n").into_bytes()).collect()
    }

    proptest! {
        #[test]
        fn names_sort_by_id_and_read_back(a in 0u64..999_999_999_999, b in 0u64..999_999_999_999, fence in 0u32..9999) {
            let (x, y) = (SegmentName { last_id: a, fence }, SegmentName { last_id: b, fence });
            prop_assert_eq!(SegmentName::parse("p/", &x.key("p/")), Some(x));
            prop_assert_eq!(a.cmp(&b), x.key("p/").cmp(&y.key("p/")));
            prop_assert_eq!(x.key("p/") > SegmentName::after("p/", b), a > b);
        }

        #[test]
        fn a_cut_keeps_exactly_the_ids_between(first in 1u64..50, count in 0u64..40, after in 0u64..100, end in 0u64..100) {
            let kept = cut(&lines(first..first + count).into(), after, end).unwrap();
            let from = first.max(after + 1);
            let to = (first + count).min(end).max(from);
            prop_assert_eq!(kept, Bytes::from(lines(from..to)));
        }
    }

    #[test]
    fn other_objects_under_the_prefix_are_not_segments() {
        assert_eq!(SegmentName::parse("runs/r/logs/", "runs/r/logs/1/artifact.json"), None);
        assert_eq!(SegmentName::parse("runs/r/logs/", "runs/r/logs/x-1.ndjson"), None);
    }

    #[test]
    fn an_owner_ends_where_the_next_one_started() {
        let fences = [FenceStart { fence: 1, first_id: 2 }, FenceStart { fence: 2, first_id: 9 }, FenceStart { fence: 3, first_id: 9 }];
        assert_eq!(end_of(1, &fences), Some(9));
        assert_eq!(end_of(2, &fences), Some(9));
        assert_eq!(end_of(3, &fences), None);
    }
}
