//! The head of a streamed answer.
//!
//! A function that streams through the HTTP integration writes a JSON document with status and headers, eight NUL bytes,
//! and then its body ([Lambda: response streaming](https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html)).
//! Whoever calls it through the Lambda API sees those bytes too and skips them. JSON holds no raw NUL, so the first eight in
//! a row are the end of the head, wherever the chunks are cut.

use bytes::Bytes;

/// NUL bytes between head and body.
const SEPARATOR: usize = 8;
/// A head is a status and a few headers; more is not a head.
const LIMIT: usize = 64 << 10;

/// How much of the head has been seen.
#[derive(Debug, Default)]
pub(crate) struct Prelude {
    nuls: usize,
    bytes: usize,
}

impl Prelude {
    /// The part of the next chunk that belongs to the body.
    pub(crate) fn skip(&mut self, mut chunk: Bytes) -> Result<Bytes, &'static str> {
        if self.nuls == SEPARATOR {
            return Ok(chunk);
        }
        for (at, byte) in chunk.iter().enumerate() {
            self.bytes += 1;
            self.nuls = if *byte == 0 { self.nuls + 1 } else { 0 };
            if self.nuls == SEPARATOR {
                return Ok(chunk.split_off(at + 1));
            }
            if self.bytes == LIMIT {
                return Err("the answer does not start with a head");
            }
        }
        Ok(Bytes::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_body_survives_any_cut(
            head in "\\PC{0,200}",
            body in proptest::collection::vec(any::<u8>(), 0..300),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        ) {
            let mut whole = head.into_bytes();
            whole.extend([0; SEPARATOR]);
            whole.extend(&body);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).chain([0, whole.len()]).collect();
            cuts.sort_unstable();
            let (mut prelude, mut seen) = (Prelude::default(), Vec::new());
            for piece in cuts.windows(2) {
                let chunk = Bytes::copy_from_slice(&whole[piece[0]..piece[1]]);
                seen.extend(prelude.skip(chunk).map_err(TestCaseError::fail)?);
            }
            prop_assert_eq!(seen, body);
        }
    }

    #[test]
    fn what_has_no_head_is_refused() {
        let mut prelude = Prelude::default();
        assert_eq!(prelude.skip(Bytes::from(vec![b'x'; LIMIT - 1])), Ok(Bytes::new()));
        assert!(prelude.skip(Bytes::from_static(b"xx")).is_err());
    }
}
