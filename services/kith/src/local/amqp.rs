//! Asks a broker whether it lets us in: the opening of AMQP 0-9-1 up to an open virtual host, and a polite end.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const START: (u16, u16) = (10, 10);
const START_OK: (u16, u16) = (10, 11);
const TUNE: (u16, u16) = (10, 30);
const TUNE_OK: (u16, u16) = (10, 31);
const OPEN: (u16, u16) = (10, 40);
const OPEN_OK: (u16, u16) = (10, 41);
const CLOSE: (u16, u16) = (10, 50);
const CLOSE_OK: (u16, u16) = (10, 51);
const METHOD_FRAME: u8 = 1;
const FRAME_END: u8 = 0xCE;
const LARGEST_FRAME: usize = 1 << 20;

/// Signs in on the loopback and opens the virtual host `/`.
pub fn sign_in(port: u16, user: &str, password: &str) -> io::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"AMQP\x00\x00\x09\x01")?;

    expect(&mut stream, START)?;
    let mut answer = 0_u32.to_be_bytes().to_vec(); // no client properties
    short_string(&mut answer, "PLAIN");
    let response = format!("\0{user}\0{password}");
    answer.extend(u32::try_from(response.len()).map_err(io::Error::other)?.to_be_bytes());
    answer.extend(response.as_bytes());
    short_string(&mut answer, "en_US");
    send(&mut stream, START_OK, &answer)?;

    let limits = expect(&mut stream, TUNE)?;
    send(&mut stream, TUNE_OK, &limits)?;
    let mut host = Vec::new();
    short_string(&mut host, "/");
    host.extend([0, 0]); // two reserved fields
    send(&mut stream, OPEN, &host)?;
    expect(&mut stream, OPEN_OK)?;

    let mut farewell = 200_u16.to_be_bytes().to_vec();
    short_string(&mut farewell, "");
    farewell.extend([0; 4]); // no method to blame
    send(&mut stream, CLOSE, &farewell)?;
    expect(&mut stream, CLOSE_OK).map(drop)
}

/// Appends a string with a length of one byte; every caller's is far shorter than that allows.
fn short_string(buffer: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    buffer.push(length);
    buffer.extend(text.bytes().take(usize::from(length)));
}

fn send(stream: &mut TcpStream, (class, method): (u16, u16), arguments: &[u8]) -> io::Result<()> {
    let size = u32::try_from(arguments.len() + 4).map_err(io::Error::other)?;
    let mut frame = vec![METHOD_FRAME, 0, 0];
    frame.extend(size.to_be_bytes());
    frame.extend(class.to_be_bytes());
    frame.extend(method.to_be_bytes());
    frame.extend(arguments);
    frame.push(FRAME_END);
    stream.write_all(&frame)
}

/// Reads one method frame and returns its arguments; anything but the wanted method is an error.
fn expect(stream: &mut TcpStream, (class, method): (u16, u16)) -> io::Result<Vec<u8>> {
    let mut head = [0_u8; 7];
    stream.read_exact(&mut head)?;
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    if head[0] != METHOD_FRAME || !(4..=LARGEST_FRAME).contains(&size) {
        return Err(io::Error::other("the server does not speak AMQP 0-9-1"));
    }
    let mut payload = vec![0_u8; size + 1];
    stream.read_exact(&mut payload)?;
    payload.truncate(size);
    let got = (u16::from_be_bytes([payload[0], payload[1]]), u16::from_be_bytes([payload[2], payload[3]]));
    if got != (class, method) {
        return Err(io::Error::other(format!(
            "the broker answered with method {got:?}, not {:?}",
            (class, method)
        )));
    }
    Ok(payload.split_off(4))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_port_that_hangs_up_is_not_ready() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        let server = thread::spawn(move || socket.accept().map(drop));
        assert!(sign_in(port, "user", "password").is_err());
        server.join().expect("a thread").expect("a connection");
    }

    #[test]
    fn another_protocol_is_told_apart() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        let server = thread::spawn(move || -> io::Result<()> {
            let (mut connection, _) = socket.accept()?;
            connection.write_all(b"SSH-2.0-something\r\n")?;
            connection.read_to_end(&mut Vec::new()).map(drop)
        });
        let error = sign_in(port, "user", "password").expect_err("no broker");
        assert!(error.to_string().contains("AMQP"), "{error}");
        let _ = server.join();
    }
}
