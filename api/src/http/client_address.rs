//! The client's address behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// The address of the client: the peer of the connection or, when that is a trusted proxy, the
/// rightmost address in `Forwarded` (RFC 7239) or `X-Forwarded-For` that is not one.
///
/// What stands left of it was written by the client, so it says nothing. When a proxy sends
/// something that is no address, the proxy itself counts as the client.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut client = peer;
    if !is_trusted(&client) {
        return client;
    }
    let hops = match hops(headers, "forwarded") {
        hops if hops.is_empty() => self::hops(headers, "x-forwarded-for"),
        hops => hops.into_iter().filter_map(for_parameter).collect(),
    };
    for hop in hops.into_iter().rev() {
        let Some(address) = parse(hop) else {
            break;
        };
        client = address;
        if !is_trusted(&client) {
            break;
        }
    }
    client
}

/// The elements of a list header, over all its lines, from left to right.
fn hops<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .collect()
}

/// The value of `for=` in an element of `Forwarded`; an element without one hides its client.
fn for_parameter(element: &str) -> Option<&str> {
    let parameter = element.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    Some(parameter.unwrap_or("unknown"))
}

/// An address with or without a port, quotes and brackets.
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
