//! Clients at chosen addresses: Linux lets any address of 127.0.0.0/8 connect to 127.0.0.1, so
//! attackers and honest clients can be told apart as on the internet.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// The timeout of a connection or a response.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects from an address.
///
/// # Errors
/// When the server does not accept the connection in time.
pub async fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    dial(TcpSocket::new_v4()?, from, to).await
}

/// Connects with a receive buffer as small as Linux allows, so that the server must hold unread
/// data.
///
/// # Errors
/// When the server does not accept the connection in time.
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

/// Reads and discards until the other side closes the connection.
pub async fn until_closed(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut buffer = vec![0; 65_536];
    while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
}

/// Sends a request on a new connection and reads the whole response.
///
/// # Errors
/// When no response comes in time.
pub async fn exchange(from: Ipv4Addr, to: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(from, to).await?;
    // A server may respond, and close, before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    match tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await? {
        Err(problem) if answer.is_empty() => Err(problem),
        _ => Ok(answer),
    }
}
