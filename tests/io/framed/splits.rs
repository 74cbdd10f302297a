//! What a decoder finds does not depend on how the bytes were cut: any bytes, any codec, with errors.

use std::fmt::Debug;

use futures::executor::block_on;
use openwork::io::framed::{BytesCodec, Decoder, FramedRead, LengthDelimitedCodec, LinesCodec};

use crate::common::{Random, ends, for_seeds};
use crate::script::Step::Data;
use crate::script::{in_pieces, reader};

/// The frames and errors, up to the end, or to a number that no test reaches unless an error repeats for ever.
fn found<D: Decoder<Item: AsRef<[u8]>, Error: Debug>>(
    mut frames: FramedRead<impl openwork::io::AsyncRead + Unpin, D>,
) -> Vec<Result<Vec<u8>, String>> {
    let mut all = Vec::new();
    while all.len() < 300 {
        match block_on(frames.next()) {
            Some(Ok(frame)) => all.push(Ok(frame.as_ref().to_vec())),
            Some(Err(error)) => {
                all.push(Err(format!("{error:?}")));
                // One `None` follows the error, and then reading continues.
                assert!(block_on(frames.next()).is_none());
            }
            None => break,
        }
    }
    all
}

/// Decodes the bytes in one piece and in pieces.
fn both<D: Decoder<Item: AsRef<[u8]>, Error: Debug>>(
    random: &mut Random,
    bytes: &[u8],
    codec: impl Fn() -> D,
) -> [Vec<Result<Vec<u8>, String>>; 2] {
    let whole = FramedRead::new(reader([Data(bytes.to_vec())]), codec());
    let longest = 1 + random.below(12);
    let steps = in_pieces(bytes, longest, |limit| random.below(limit));
    let cut = FramedRead::with_capacity(reader(steps), codec(), 1 + random.below(9));
    [found(whole), found(cut)]
}

#[test]
fn frames_with_a_length() {
    ends(|| {
        for_seeds(3000, |random| {
            let mut config = LengthDelimitedCodec::builder();
            let field = 1 + random.below(3);
            let offset = random.below(4);
            config.length_field_length(field).length_field_offset(offset);
            config.length_adjustment(random.below(5) as isize - 2);
            config.num_skip(random.below(field + offset + 3));
            config.max_frame_length(5 + random.below(20));
            if random.below(2) == 0 {
                config.little_endian();
            }
            // Small numbers, so that most lengths fit.
            let bytes: Vec<u8> = (0..random.below(80))
                .map(|_| random.below(2) as u8 * random.below(9) as u8)
                .collect();
            let [whole, cut] = both(random, &bytes, || config.new_codec());
            assert_eq!(whole, cut, "{bytes:?} by {config:?}");
        });
    });
}

#[test]
fn lines() {
    ends(|| {
        for_seeds(3000, |random| {
            let most = 1 + random.below(12);
            // The last is no UTF-8.
            let letters = [b'a', b'b', b'\r', b'\n', b'\n', 0xFF];
            let letters = if random.below(2) == 0 { &letters[..5] } else { &letters[..] };
            let bytes: Vec<u8> =
                (0..random.below(60)).map(|_| letters[random.below(letters.len())]).collect();
            let [whole, cut] = both(random, &bytes, || LinesCodec::new_with_max_length(most));
            assert_eq!(whole, cut, "{bytes:?} of at most {most}");
        });
    });
}

#[test]
fn bytes() {
    ends(|| {
        for_seeds(300, |random| {
            let bytes: Vec<u8> = (0..random.below(200)).map(|_| random.below(256) as u8).collect();
            for found in both(random, &bytes, BytesCodec::new) {
                assert!(found.iter().all(|frame| frame.as_ref().is_ok_and(|it| !it.is_empty())));
                assert_eq!(found.into_iter().flatten().flatten().collect::<Vec<_>>(), bytes);
            }
        });
    });
}
