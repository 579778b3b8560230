//! Clients at addresses of their own choice: Linux lets any address of 127.0.0.0/8 connect to
//! 127.0.0.1, so that attackers and honest clients can be told apart as on the internet.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long a connection or an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects from an address.
///
/// # Errors
/// When the server does not take the connection in time.
pub async fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    dial(TcpSocket::new_v4()?, from, to).await
}

/// Connects with a receive buffer as small as Linux allows, so that the server must hold what is
/// not read.
///
/// # Errors
/// When the server does not take the connection in time.
pub async fn connect_without_buffer(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(1)?;
    dial(socket, from, to).await
}

async fn dial(socket: TcpSocket, from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    socket.bind(SocketAddrV4::new(from, 0).into())?;
    let stream = tokio::time::timeout(PATIENCE, socket.connect(to)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads and forgets until the other side ends the connection.
pub async fn until_closed(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut buffer = vec![0; 65_536];
    while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
}

/// Sends a request on a connection of its own and reads all that comes back.
///
/// # Errors
/// When nothing comes back in time.
pub async fn exchange(from: Ipv4Addr, to: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(from, to).await?;
    // A server may answer, and close, before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    match tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await? {
        Err(problem) if answer.is_empty() => Err(problem),
        _ => Ok(answer),
    }
}
