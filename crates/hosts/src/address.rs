//! Which addresses may be connected to (spec §10): public ones always, special
//! ones only on a host with `allow_private = true`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{Ipv4Net, Ipv6Net};

/// Ranges that are not the public internet, from the IANA special-purpose
/// registries; cloud metadata services live inside them (169.254.0.0/16,
/// fd00:ec2::/32, 100.100.100.200).
static SPECIAL_V4: LazyLock<Vec<Ipv4Net>> = LazyLock::new(|| {
    nets(&[
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    ])
});

static SPECIAL_V6: LazyLock<Vec<Ipv6Net>> = LazyLock::new(|| {
    nets(&[
        "::/127",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",
        "ff00::/8",
    ])
});

fn nets<N: std::str::FromStr>(texts: &[&str]) -> Vec<N> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// Whether `address` is reachable only with `allow_private = true`.
///
/// IPv4 addresses wrapped in IPv6 (mapped, compatible, 6to4, NAT64) count as
/// the IPv4 address inside.
pub fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_special_v4(v4),
        IpAddr::V6(v6) => embedded_v4(v6).is_some_and(is_special_v4) || SPECIAL_V6.iter().any(|net| net.contains(&v6)),
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    SPECIAL_V4.iter().any(|net| net.contains(&address))
}

fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, .., high, low] | [0x2002, high, low, ..] => {
            Some(v4(high, low))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(special: bool, addresses: &[&str]) {
        for text in addresses {
            assert_eq!(is_special(text.parse().unwrap()), special, "{text}");
        }
    }

    #[test]
    fn every_range_text_is_a_network() {
        assert_eq!((SPECIAL_V4.len(), SPECIAL_V6.len()), (15, 9));
    }

    #[test]
    fn special_addresses_are_recognized_in_every_notation() {
        check(
            true,
            &["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"],
        );
        check(true, &["255.255.255.255", "224.0.0.1", "100.100.100.200", "192.0.0.192"]);
        check(true, &["::1", "::", "fe80::1", "fec0::1", "fd00:ec2::254", "ff02::1"]);
        check(true, &["::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1"]);
    }

    #[test]
    fn public_addresses_pass() {
        check(
            false,
            &[
                "1.1.1.1",
                "8.8.8.8",
                "172.32.0.1",
                "100.128.0.1",
                "2606:4700::1111",
                "::ffff:8.8.8.8",
                "64:ff9b::808:808",
            ],
        );
    }
}
