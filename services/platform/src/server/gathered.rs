//! A caller's connection that sends an answer in one piece: headers, message and trailers of a small answer, which the
//! HTTP/2 library writes one after the other, leave together when it has written all of them. Two pieces would cost two
//! calls into the system here and wake the caller twice.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// With so many bytes waiting, they are sent before more are taken.
const MOST_WAITING: usize = 16 * 1024;

/// See the module. It takes no slices of several buffers at once: for writers that do, the library hands over every message
/// of more than 256 bytes by itself; so it copies those up to 1024 bytes next to their headers and trailers.
#[derive(Debug)]
pub(crate) struct Gathered {
    stream: TcpStream,
    waiting: BytesMut,
}

impl Gathered {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, waiting: BytesMut::new() }
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &self.waiting))?;
            if sent == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.waiting.advance(sent);
        }
        Poll::Ready(Ok(()))
    }
}

impl Connected for Gathered {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Gathered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Gathered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.waiting.len() >= MOST_WAITING {
            ready!(self.poll_send(context))?;
        }
        self.waiting.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Gathered, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let caller = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("a caller");
        let (stream, _) = listener.accept().await.expect("the caller's connection");
        (Gathered::new(stream), caller)
    }

    #[tokio::test]
    async fn what_is_written_in_pieces_arrives_in_one_when_it_is_flushed() {
        let (mut ours, mut caller) = pair().await;
        assert!(!ours.is_write_vectored());
        ours.write_all(b"headers ").await.expect("taken");
        ours.write_all(b"message ").await.expect("taken");
        ours.write_all(b"trailers").await.expect("taken");
        let mut buffer = [0; 64];
        assert!(caller.try_read(&mut buffer).is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
        ours.flush().await.expect("sent");
        let read = caller.read(&mut buffer).await.expect("the answer");
        assert_eq!(&buffer[..read], b"headers message trailers");
    }

    #[tokio::test]
    async fn much_is_sent_whole_and_the_end_sends_what_waits() {
        let (mut ours, mut caller) = pair().await;
        let much: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let (written, read) = tokio::join!(
            async {
                for part in much.chunks(10_000) {
                    ours.write_all(part).await?;
                }
                ours.write_all(b"the end").await?;
                ours.shutdown().await
            },
            async {
                let mut read = Vec::new();
                caller.read_to_end(&mut read).await.map(|_| read)
            }
        );
        written.expect("sent");
        let read = read.expect("everything");
        assert_eq!(read.len(), much.len() + 7);
        assert!(read.starts_with(&much) && read.ends_with(b"the end"));
    }
}
