//! The small key-value store that the chapters build: frames, a connection, a server, a client.

use std::collections::HashMap;
use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes, BytesMut};
use openwork::io::{self, AsyncReadExt, AsyncWriteExt, BufWriter};
use openwork::net::{TcpListener, TcpStream, ToSocketAddrs};

pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type Result<T> = std::result::Result<T, Error>;

#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    Simple(String),
    Error(String),
    Integer(u64),
    Bulk(Bytes),
    Null,
    Array(Vec<Frame>),
}

#[derive(Debug)]
pub enum ParseError {
    Incomplete,
    Other(Error),
}

impl From<&str> for ParseError {
    fn from(message: &str) -> Self {
        ParseError::Other(message.into())
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ParseError::Incomplete => f.write_str("stream ended early"),
            ParseError::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ParseError {}

impl Frame {
    pub fn parse(src: &mut Cursor<&[u8]>) -> std::result::Result<Frame, ParseError> {
        match get_u8(src)? {
            b'+' => Ok(Frame::Simple(get_text(src)?)),
            b'-' => Ok(Frame::Error(get_text(src)?)),
            b':' => Ok(Frame::Integer(get_decimal(src)?)),
            b'$' => {
                if src.chunk().starts_with(b"-") {
                    get_line(src)?;
                    return Ok(Frame::Null);
                }
                let len = get_decimal(src)? as usize;
                if src.remaining() < len + 2 {
                    return Err(ParseError::Incomplete);
                }
                let data = Bytes::copy_from_slice(&src.chunk()[..len]);
                src.advance(len + 2);
                Ok(Frame::Bulk(data))
            }
            b'*' => {
                let len = get_decimal(src)?;
                (0..len)
                    .map(|_| Frame::parse(src))
                    .collect::<std::result::Result<_, _>>()
                    .map(Frame::Array)
            }
            other => Err(ParseError::Other(format!("invalid frame type byte {other}").into())),
        }
    }
}

fn get_u8(src: &mut Cursor<&[u8]>) -> std::result::Result<u8, ParseError> {
    if !src.has_remaining() {
        return Err(ParseError::Incomplete);
    }
    Ok(src.get_u8())
}

fn get_line<'a>(src: &mut Cursor<&'a [u8]>) -> std::result::Result<&'a [u8], ParseError> {
    let start = src.position() as usize;
    let all = *src.get_ref();
    let end = all[start..].windows(2).position(|pair| pair == b"\r\n");
    let end = start + end.ok_or(ParseError::Incomplete)?;
    src.set_position(end as u64 + 2);
    Ok(&all[start..end])
}

fn get_text(src: &mut Cursor<&[u8]>) -> std::result::Result<String, ParseError> {
    String::from_utf8(get_line(src)?.to_vec()).map_err(|_| "invalid text".into())
}

fn get_decimal(src: &mut Cursor<&[u8]>) -> std::result::Result<u64, ParseError> {
    get_text(src)?.parse().map_err(|_| "invalid number".into())
}

#[derive(Debug)]
pub struct Connection {
    stream: BufWriter<TcpStream>,
    buffer: BytesMut,
}

impl Connection {
    pub fn new(socket: TcpStream) -> Connection {
        Connection { stream: BufWriter::new(socket), buffer: BytesMut::with_capacity(4 * 1024) }
    }

    pub async fn read_frame(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.parse_frame()? {
                return Ok(Some(frame));
            }
            if 0 == self.stream.read_buf(&mut self.buffer).await? {
                if self.buffer.is_empty() {
                    return Ok(None);
                } else {
                    return Err("connection reset by peer".into());
                }
            }
        }
    }

    fn parse_frame(&mut self) -> Result<Option<Frame>> {
        let mut buf = Cursor::new(&self.buffer[..]);
        match Frame::parse(&mut buf) {
            Ok(frame) => {
                let len = buf.position() as usize;
                self.buffer.advance(len);
                Ok(Some(frame))
            }
            Err(ParseError::Incomplete) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub async fn write_frame(&mut self, frame: &Frame) -> io::Result<()> {
        match frame {
            Frame::Array(frames) => {
                self.stream.write_u8(b'*').await?;
                self.write_decimal(frames.len() as u64).await?;
                for frame in frames {
                    self.write_value(frame).await?;
                }
            }
            _ => self.write_value(frame).await?,
        }
        self.stream.flush().await
    }

    async fn write_value(&mut self, frame: &Frame) -> io::Result<()> {
        match frame {
            Frame::Simple(text) => {
                self.stream.write_u8(b'+').await?;
                self.stream.write_all(text.as_bytes()).await?;
                self.stream.write_all(b"\r\n").await?;
            }
            Frame::Error(text) => {
                self.stream.write_u8(b'-').await?;
                self.stream.write_all(text.as_bytes()).await?;
                self.stream.write_all(b"\r\n").await?;
            }
            Frame::Integer(number) => {
                self.stream.write_u8(b':').await?;
                self.write_decimal(*number).await?;
            }
            Frame::Null => self.stream.write_all(b"$-1\r\n").await?,
            Frame::Bulk(bytes) => {
                self.stream.write_u8(b'$').await?;
                self.write_decimal(bytes.len() as u64).await?;
                self.stream.write_all(bytes).await?;
                self.stream.write_all(b"\r\n").await?;
            }
            Frame::Array(_) => unreachable!(),
        }
        Ok(())
    }

    async fn write_decimal(&mut self, number: u64) -> io::Result<()> {
        use std::io::Write;

        let mut buf = [0_u8; 20];
        let mut buf = Cursor::new(&mut buf[..]);
        write!(&mut buf, "{number}")?;
        let len = buf.position() as usize;
        self.stream.write_all(&buf.get_ref()[..len]).await?;
        self.stream.write_all(b"\r\n").await
    }
}

pub type Db = Arc<Mutex<HashMap<String, Bytes>>>;

pub async fn process(socket: TcpStream, db: Db) {
    let mut connection = Connection::new(socket);
    while let Some(frame) = connection.read_frame().await.unwrap() {
        let Frame::Array(parts) = frame else { panic!("no command: {frame:?}") };
        let words: Vec<&Bytes> = parts
            .iter()
            .map(|part| match part {
                Frame::Bulk(bytes) => bytes,
                other => panic!("no word: {other:?}"),
            })
            .collect();
        let response = match words[..] {
            [name, key, value] if name == "set" => {
                let key = String::from_utf8(key.to_vec()).unwrap();
                db.lock().unwrap().insert(key, value.clone());
                Frame::Simple("OK".to_string())
            }
            [name, key] if name == "get" => {
                let db = db.lock().unwrap();
                match db.get(std::str::from_utf8(key).unwrap()) {
                    Some(value) => Frame::Bulk(value.clone()),
                    None => Frame::Null,
                }
            }
            _ => Frame::Error("unimplemented".to_string()),
        };
        connection.write_frame(&response).await.unwrap();
    }
}

/// Starts a server, which runs for as long as the runtime does.
pub async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let db: Db = Arc::new(Mutex::new(HashMap::new()));
    openwork::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let db = db.clone();
            openwork::spawn(async move {
                process(socket, db).await;
            });
        }
    });
    address
}

#[derive(Debug)]
pub struct Client {
    connection: Connection,
}

pub async fn connect<T: ToSocketAddrs>(address: T) -> Result<Client> {
    let socket = TcpStream::connect(address).await?;
    Ok(Client { connection: Connection::new(socket) })
}

impl Client {
    pub async fn get(&mut self, key: &str) -> Result<Option<Bytes>> {
        let words = [Bytes::from("get"), Bytes::copy_from_slice(key.as_bytes())];
        match self.call(words.into()).await? {
            Frame::Bulk(value) => Ok(Some(value)),
            Frame::Null => Ok(None),
            frame => Err(format!("unexpected {frame:?}").into()),
        }
    }

    pub async fn set(&mut self, key: &str, value: Bytes) -> Result<()> {
        let words = [Bytes::from("set"), Bytes::copy_from_slice(key.as_bytes()), value];
        match self.call(words.into()).await? {
            Frame::Simple(response) if response == "OK" => Ok(()),
            frame => Err(format!("unexpected {frame:?}").into()),
        }
    }

    pub async fn call(&mut self, words: Vec<Bytes>) -> Result<Frame> {
        let frame = Frame::Array(words.into_iter().map(Frame::Bulk).collect());
        self.connection.write_frame(&frame).await?;
        self.connection.read_frame().await?.ok_or_else(|| "connection reset by server".into())
    }
}
