//! A TCP link between two programs. A story can disturb it in every way in which networks fail.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Everything passes.
    Fair,
    /// Everything passes, with this delay.
    Slow(Duration),
    /// Nothing passes and no side is notified: a black hole. Data sent meanwhile arrives once the
    /// link is fair again.
    Held,
}

/// Where a link leads.
#[derive(Clone, Debug)]
pub enum Target {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A link's current orders.
#[derive(Clone, Copy, Debug)]
struct Orders {
    weather: Weather,
    /// Connections of an older generation get `fate`.
    generation: u64,
    fate: Fate,
}

/// What happens to the existing connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing passes any more; neither side is notified.
    Forgotten,
    /// The server's side is closed; the client is not notified.
    HalfOpen,
    /// Both sides get an RST.
    Reset,
}

/// A link. Gone, with all its connections, when dropped.
pub struct Link {
    /// Where clients connect.
    pub address: SocketAddr,
    orders: watch::Sender<Orders>,
    keeper: JoinHandle<()>,
}

impl Link {
    /// A link to a server.
    pub async fn to(target: Target) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (orders, received) = watch::channel(Orders {
            weather: Weather::Fair,
            generation: 0,
            fate: Fate::Reset,
        });
        Self {
            address,
            orders,
            keeper: tokio::spawn(keep(listener, Arc::new(target), received)),
        }
    }

    /// Sets the weather for all connections from now on.
    pub fn becomes(&self, weather: Weather) {
        self.orders.send_modify(|orders| orders.weather = weather);
    }

    /// Existing connections stop passing data, as when a firewall forgets them; new ones work.
    pub fn forget(&self) {
        self.doom(Fate::Forgotten);
    }

    /// The server closes the existing connections, and the client never notices; new ones work.
    pub fn half_open(&self) {
        self.doom(Fate::HalfOpen);
    }

    /// The existing connections end for both sides; new ones work.
    pub fn reset(&self) {
        self.doom(Fate::Reset);
    }

    fn doom(&self, fate: Fate) {
        self.orders.send_modify(|orders| {
            orders.generation += 1;
            orders.fate = fate;
        });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

async fn keep(listener: TcpListener, target: Arc<Target>, orders: watch::Receiver<Orders>) {
    // All connections end with the link.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        // Failed connections are for the client to handle.
        connections.spawn(connect(client, target.clone(), orders.clone()));
    }
}

async fn connect(
    client: TcpStream,
    target: Arc<Target>,
    mut orders: watch::Receiver<Orders>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let generation = orders.borrow().generation;
    // In a black hole the client's side seems connected: its packets are accepted.
    if orders
        .wait_for(|now| now.weather != Weather::Held)
        .await
        .is_err()
    {
        return Ok(());
    }
    match target.as_ref() {
        Target::Tcp(address) => {
            let server = TcpStream::connect(address).await?;
            server.set_nodelay(true)?;
            carry(client, server, orders, generation).await
        }
        Target::Unix(path) => {
            let server = UnixStream::connect(path).await?;
            carry(client, server, orders, generation).await
        }
    }
}

async fn carry(
    mut client: TcpStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    mut orders: watch::Receiver<Orders>,
    generation: u64,
) -> io::Result<()> {
    let fate = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = tokio::io::split(&mut server);
        let (there, back) = (orders.clone(), orders.clone());
        tokio::select! {
            // When one side closes, the other is notified.
            passed = async {
                tokio::try_join!(
                    pass(&mut from_client, &mut to_server, there),
                    pass(&mut from_server, &mut to_client, back),
                )
            } => return passed.map(drop),
            doomed = orders.wait_for(|now| now.generation > generation) => match doomed {
                Ok(orders) => orders.fate,
                Err(_) => return Ok(()),
            },
        }
    };
    match fate {
        Fate::Reset => client.set_zero_linger(),
        Fate::HalfOpen => {
            drop(server);
            std::future::pending().await
        }
        Fate::Forgotten => std::future::pending().await,
    }
}

/// Passes one direction until its sender ends.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut orders: watch::Receiver<Orders>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = from.read(&mut buffer).await?;
        let weather = orders.wait_for(|now| now.weather != Weather::Held).await;
        let Ok(weather) = weather.map(|now| now.weather) else {
            return Ok(());
        };
        if let Weather::Slow(delay) = weather {
            tokio::time::sleep(delay).await;
        }
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}
