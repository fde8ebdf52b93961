//! Checks the headers of WebSocket frames as they arrive. A header declares the length of its frame, but the parser
//! behind this guard checks it only when the frame is complete, and buffers everything until then.

use actix_web::HttpRequest;
use actix_web::dev;
use actix_web::error::PayloadError;
use actix_web::web::{Bytes, Payload};
use actix_web::{Error, FromRequest};
use async_graphql::futures_util::StreamExt;
use std::cell::Cell;
use std::rc::Rc;

/// The longest header: two bytes, eight for a length, four for a mask.
const LONGEST_HEADER: usize = 14;
/// The largest payload of a control frame (a ping, a pong or a close), in bytes.
const LARGEST_CONTROL: u64 = 125;

/// The largest message that a socket accepts. It grows after `connection_init`.
#[derive(Clone)]
pub struct MessageLimit(Rc<Cell<u64>>);

impl MessageLimit {
    /// A limit of this many bytes.
    pub fn new(bytes: usize) -> MessageLimit {
        MessageLimit(Rc::new(Cell::new(bytes as u64)))
    }

    /// Changes the limit for frames that arrive from now on.
    pub fn set(&self, bytes: usize) {
        self.0.set(bytes as u64);
    }

    /// Returns the limit in bytes.
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// Makes the body of a request fail as soon as a frame in it declares a message above the limit. Extracting the payload
/// again does not fail.
pub fn guard(request: &HttpRequest, body: Payload, limit: MessageLimit) -> Result<Payload, Error> {
    let mut frames = Frames::default();
    let guarded = body.map(move |bytes| {
        let bytes: Bytes = bytes?;
        match frames.read(&bytes, limit.get()) {
            Ok(()) => Ok(bytes),
            Err(TooLarge) => Err(PayloadError::Overflow),
        }
    });
    let mut payload = dev::Payload::Stream {
        payload: guarded.boxed_local(),
    };
    Payload::from_request(request, &mut payload).into_inner()
}

/// A message is larger than it may be.
#[derive(Debug, PartialEq, Eq)]
struct TooLarge;

/// The position of the reader in a stream of frames (RFC 6455, section 5.2).
#[derive(Default)]
struct Frames {
    header: [u8; LONGEST_HEADER],
    /// How many bytes of the header have arrived.
    filled: usize,
    /// How many bytes of the payload are still to come.
    left: u64,
    /// How many bytes the earlier frames of a fragmented message had.
    earlier: u64,
}

impl Frames {
    fn read(&mut self, mut bytes: &[u8], limit: u64) -> Result<(), TooLarge> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len() as u64);
                self.left -= skipped;
                bytes = &bytes[skipped as usize..];
                continue;
            }
            bytes = rest;
            self.header[self.filled] = *first;
            self.filled += 1;
            self.check_length(limit)?;
        }
        Ok(())
    }

    /// Checks the length as soon as it is known. When the header is complete, the payload follows.
    fn check_length(&mut self, limit: u64) -> Result<(), TooLarge> {
        let [flags, short, ..] = self.header;
        let length_bytes = match short & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.filled < 2 + length_bytes {
            return Ok(());
        }
        let long = self.header[2..2 + length_bytes].iter();
        let length = match length_bytes {
            0 => u64::from(short & 0x7f),
            _ => long.fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let opcode = flags & 0x0f;
        let is_control = opcode >= 8;
        let size = match opcode {
            0 => self.earlier.saturating_add(length),
            _ => length,
        };
        if size > if is_control { LARGEST_CONTROL } else { limit } {
            return Err(TooLarge);
        }
        let mask_bytes = if short & 0x80 == 0 { 0 } else { 4 };
        if self.filled == 2 + length_bytes + mask_bytes {
            self.filled = 0;
            self.left = length;
            if !is_control {
                let is_last = flags & 0x80 != 0;
                self.earlier = if is_last { 0 } else { size };
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a masked frame.
    fn header(flags: u8, length: u64) -> Vec<u8> {
        let mut header = vec![flags];
        match length {
            0..126 => header.push(0x80 | length as u8),
            126..65_536 => {
                header.push(0x80 | 126);
                header.extend((length as u16).to_be_bytes());
            }
            _ => {
                header.push(0x80 | 127);
                header.extend(length.to_be_bytes());
            }
        }
        header.extend([1, 2, 3, 4]);
        header
    }

    fn frame(flags: u8, length: u64) -> Vec<u8> {
        let mut frame = header(flags, length);
        frame.extend(std::iter::repeat_n(0xff, length as usize));
        frame
    }

    /// Reads the bytes at once, byte by byte, and in pieces of seven.
    fn read(bytes: &[u8], limit: u64) -> Result<(), TooLarge> {
        let outcomes = [bytes.len(), 1, 7].map(|size| {
            let mut frames = Frames::default();
            let mut pieces = bytes.chunks(size);
            pieces.try_for_each(|piece| frames.read(piece, limit))
        });
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
        let [outcome, ..] = outcomes;
        outcome
    }

    #[test]
    fn the_declared_length_counts_before_the_payload_is_there() {
        for length in [1_001, 65_535, 65_536, 1 << 40, u64::MAX] {
            for text_or_binary in [0x81, 0x82] {
                assert_eq!(read(&header(text_or_binary, length), 1_000), Err(TooLarge));
            }
        }
        for length in [0, 125, 126, 999, 1_000] {
            assert_eq!(read(&frame(0x81, length), 1_000), Ok(()));
        }
    }

    #[test]
    fn the_pieces_of_a_message_count_together() {
        let ping = frame(0x89, 100);
        let pieces = |count: usize| {
            let mut bytes = frame(0x01, 400);
            for _ in 0..count {
                bytes.extend(&ping);
                bytes.extend(frame(0x00, 200));
            }
            bytes
        };
        assert_eq!(read(&pieces(3), 1_000), Ok(()));
        assert_eq!(read(&pieces(4), 1_000), Err(TooLarge));
        // The next message begins anew.
        let mut two = pieces(2);
        two.extend(frame(0x80, 200));
        two.extend(frame(0x81, 1_000));
        assert_eq!(read(&two, 1_000), Ok(()));
    }

    #[test]
    fn control_frames_have_a_limit_of_their_own() {
        for control in [0x88, 0x89, 0x8a] {
            assert_eq!(read(&frame(control, 125), 10), Ok(()));
            assert_eq!(read(&header(control, 126), 1 << 20), Err(TooLarge));
        }
    }
}
