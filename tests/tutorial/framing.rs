//! Framing.

use bytes::{Buf, BytesMut};
use futures::StreamExt;
use openwork::io::framed::{Decoder, Encoder, Framed, FramedRead, FramedWrite, LinesCodec};
use openwork::io::{self, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};

use crate::mini::{Connection, Frame};
use crate::program;

async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (client, server) =
        openwork::try_join!(TcpStream::connect(listener.local_addr()?), listener.accept())?;
    Ok((client, server.0))
}

#[test]
fn frames_come_out_as_they_went_in() {
    program(|| async {
        let (client, server) = pair().await?;
        let (mut client, mut server) = (Connection::new(client), Connection::new(server));
        let frames = [
            Frame::Simple("OK".into()),
            Frame::Error("none".into()),
            Frame::Integer(u64::MAX),
            Frame::Bulk("some\r\nbytes".into()),
            Frame::Null,
            Frame::Array(vec![Frame::Integer(0), Frame::Bulk("".into()), Frame::Null]),
        ];
        for frame in &frames {
            client.write_frame(frame).await?;
        }
        drop(client);
        for frame in frames {
            assert_eq!(server.read_frame().await.unwrap(), Some(frame));
        }
        assert_eq!(server.read_frame().await.unwrap(), None);
        io::Result::Ok(())
    });
}

#[test]
fn a_stream_that_ends_in_a_frame_is_an_error() {
    program(|| async {
        let (mut client, server) = pair().await.unwrap();
        client.write_all(b"$100\r\nhalf").await.unwrap();
        drop(client);
        let error = Connection::new(server).read_frame().await.unwrap_err();
        assert_eq!(error.to_string(), "connection reset by peer");
    });
}

/// A string after its length, as in the codec module's documentation.
struct MyStringCodec;

const MAX: usize = 8 * 1024 * 1024;

impl Decoder for MyStringCodec {
    type Item = String;
    type Error = std::io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error> {
        if src.len() < 4 {
            return Ok(None);
        }
        let mut length_bytes = [0_u8; 4];
        length_bytes.copy_from_slice(&src[..4]);
        let length = u32::from_le_bytes(length_bytes) as usize;
        if length > MAX {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("Frame of length {length} is too large."),
            ));
        }
        if src.len() < 4 + length {
            src.reserve(4 + length - src.len());
            return Ok(None);
        }
        let data = src[4..4 + length].to_vec();
        src.advance(4 + length);
        match String::from_utf8(data) {
            Ok(string) => Ok(Some(string)),
            Err(error) => {
                Err(std::io::Error::new(std::io::ErrorKind::InvalidData, error.utf8_error()))
            }
        }
    }
}

impl Encoder<String> for MyStringCodec {
    type Error = std::io::Error;

    fn encode(&mut self, item: String, dst: &mut BytesMut) -> Result<(), Self::Error> {
        if item.len() > MAX {
            return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput));
        }
        let len_slice = u32::to_le_bytes(item.len() as u32);
        dst.reserve(4 + item.len());
        dst.extend_from_slice(&len_slice);
        dst.extend_from_slice(item.as_bytes());
        Ok(())
    }
}

#[test]
fn a_hand_written_codec_makes_a_stream_of_strings() {
    program(|| async {
        let (client, server) = pair().await.unwrap();
        let mut writer = FramedWrite::new(client, MyStringCodec);
        for word in ["Hello", "", "World"] {
            writer.send(word.to_string()).await.unwrap();
        }
        drop(writer);
        let reader = FramedRead::new(server, MyStringCodec);
        let words: Vec<String> = reader.map(|word| word.unwrap()).collect().await;
        assert_eq!(words, ["Hello", "", "World"]);
    });
}

#[test]
fn lines_go_both_ways() {
    program(|| async {
        let (client, server) = pair().await.unwrap();
        openwork::spawn(async move {
            let mut lines = Framed::new(server, LinesCodec::new_with_max_length(80));
            while let Some(Ok(line)) = lines.next().await {
                lines.send(line.to_uppercase()).await.unwrap();
            }
        });
        let mut lines = Framed::new(client, LinesCodec::new());
        for line in ["abc", "", "d e f"] {
            lines.send(line).await.unwrap();
            assert_eq!(lines.next().await.unwrap().unwrap(), line.to_uppercase());
        }
    });
}
