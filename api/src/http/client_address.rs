//! The client's address behind trusted proxies.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// The address of the client: the peer of the connection or, when that is a trusted proxy, the
/// rightmost address in `Forwarded` (RFC 7239) or `X-Forwarded-For` that is not a trusted proxy.
///
/// Everything left of it was written by the client, so it is ignored. The proxy itself counts as
/// the client when it sends something that is not an address, and when the two headers disagree,
/// because then the client wrote one of them.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    if !is_in(trusted, peer) {
        return peer;
    }
    let forwarded = hops(headers, "forwarded");
    let forwarded: Vec<_> = forwarded.into_iter().map(for_parameter).collect();
    let x_forwarded_for = hops(headers, "x-forwarded-for");
    let of = |hops| rightmost_untrusted(peer, hops, trusted);
    if x_forwarded_for.is_empty() {
        return of(forwarded);
    }
    let client = of(x_forwarded_for);
    if forwarded.is_empty() || of(forwarded) == client {
        client
    } else {
        peer
    }
}

/// The address under which a client is counted: its /64 network for IPv6, because a client can use
/// any address of it (RFC 6177, section 2).
pub fn counted_as(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

fn rightmost_untrusted(peer: IpAddr, hops: Vec<&str>, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        let Some(address) = parse(hop) else {
            break;
        };
        client = address;
        if !is_in(trusted, client) {
            break;
        }
    }
    client
}

/// The elements of a list header across all its lines, from left to right.
fn hops<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .collect()
}

/// The value of `for=` in an element of `Forwarded`; an element without one hides its client.
fn for_parameter(element: &str) -> &str {
    let parameter = element.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    parameter.unwrap_or("unknown")
}

/// Parses an address with or without a port, quotes and brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let forged = [("x-forwarded-for", "1.2.3.4")];
        assert_eq!(client("192.0.2.1", &forged), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &forged), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn a_client_that_adds_the_other_header_counts_as_the_proxy() {
        let both = |forwarded| {
            let lines = [("x-forwarded-for", "1.2.3.4"), ("forwarded", forwarded)];
            client("10.0.0.1", &lines)
        };
        assert_eq!(both("for=6.6.6.6"), "10.0.0.1");
        assert_eq!(both("for=6.6.6.6, for=1.2.3.4"), "1.2.3.4");
    }

    #[test]
    fn addresses_of_one_network_are_counted_together() {
        let counted = |text: &str| counted_as(text.parse().unwrap()).to_string();
        assert_eq!(counted("1.2.3.4"), "1.2.3.4");
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client() {
        let list = [("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.2")];
        assert_eq!(client("10.0.0.1", &list), "1.2.3.4");
        let lines = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "1.2.3.4"),
        ];
        assert_eq!(client("10.0.0.1", &lines), "1.2.3.4");
        assert_eq!(
            client("10.0.0.1", &[("x-forwarded-for", "10.0.0.7")]),
            "10.0.0.7"
        );
        assert_eq!(
            client("10.0.0.1", &[("x-forwarded-for", "1.2.3.4, x")]),
            "10.0.0.1"
        );
    }

    #[test]
    fn forwarded_is_read_in_every_form_of_rfc_7239() {
        for (value, wanted) in [
            ("for=1.2.3.4", "1.2.3.4"),
            ("For=\"1.2.3.4:4711\";proto=https", "1.2.3.4"),
            ("by=10.0.0.1; for=\"[2001:db8::1]\"", "2001:db8::1"),
            ("for=6.6.6.6, for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=6.6.6.6, for=unknown", "10.0.0.1"),
            ("for=6.6.6.6, for=_hidden", "10.0.0.1"),
            ("for=6.6.6.6, proto=http", "10.0.0.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", &[("forwarded", value)]),
                wanted,
                "{value}"
            );
        }
    }
}
