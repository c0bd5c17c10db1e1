//! Which addresses may be called on an ERP's word: public ones, and the networks a setting names.
//!
//! The gateway stands inside somebody's network. Whoever may name an address to it could otherwise
//! make it knock at doors that nobody outside can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::subnet::Subnet;

use crate::mutation::{self, Mutation};

/// The networks of IPv4 that are not the public one (IANA's special-purpose registry), and the
/// address at which a large cloud answers its machines.
const NOT_PUBLIC_V4: [Subnet; 17] = [
    Subnet::v4(Ipv4Addr::UNSPECIFIED, 8),
    Subnet::v4(Ipv4Addr::new(10, 0, 0, 0), 8),
    Subnet::v4(Ipv4Addr::new(100, 64, 0, 0), 10),
    Subnet::v4(Ipv4Addr::new(127, 0, 0, 0), 8),
    Subnet::v4(Ipv4Addr::new(168, 63, 129, 16), 32),
    Subnet::v4(Ipv4Addr::new(169, 254, 0, 0), 16),
    Subnet::v4(Ipv4Addr::new(172, 16, 0, 0), 12),
    Subnet::v4(Ipv4Addr::new(192, 0, 0, 0), 24),
    Subnet::v4(Ipv4Addr::new(192, 0, 2, 0), 24),
    Subnet::v4(Ipv4Addr::new(192, 31, 196, 0), 24),
    Subnet::v4(Ipv4Addr::new(192, 88, 99, 0), 24),
    Subnet::v4(Ipv4Addr::new(192, 168, 0, 0), 16),
    Subnet::v4(Ipv4Addr::new(198, 18, 0, 0), 15),
    Subnet::v4(Ipv4Addr::new(198, 51, 100, 0), 24),
    Subnet::v4(Ipv4Addr::new(203, 0, 113, 0), 24),
    Subnet::v4(Ipv4Addr::new(224, 0, 0, 0), 4),
    Subnet::v4(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Of IPv6, only `2000::/3` is public at all; within it, not these: protocols and tunnels (Teredo,
/// 6to4), whose addresses hide others, and documentation.
const PUBLIC_V6: Subnet = Subnet::v6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const NOT_PUBLIC_V6: [Subnet; 5] = [
    Subnet::v6(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    Subnet::v6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    Subnet::v6(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    Subnet::v6(Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    Subnet::v6(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// The prefix under which a NAT64 shows the addresses of IPv4 (RFC 6052).
const NAT64: Subnet = Subnet::v6(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// What may be called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule {
    allowed: Vec<Subnet>,
}

impl Rule {
    /// Makes the rule that allows these networks beside the public one.
    pub(crate) fn new(allowed: Vec<Subnet>) -> Self {
        Self { allowed }
    }

    /// Returns whether an address may be called. One that stands for another is judged as that one.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        if mutation::planted(Mutation::AnyAddress) {
            return true;
        }
        let address = meant(address);
        self.allowed.iter().any(|network| network.holds(address)) || is_public(address)
    }
}

/// Returns the address of IPv4 that one of IPv6 stands for, or the address itself.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    if NAT64.holds(address) {
        let [.., a, b, c, d] = v6.octets();
        return Ipv4Addr::new(a, b, c, d).into();
    }
    address
}

fn is_public(address: IpAddr) -> bool {
    let within = |networks: &[Subnet]| networks.iter().any(|network| network.holds(address));
    match address {
        IpAddr::V4(_) => !within(&NOT_PUBLIC_V4),
        IpAddr::V6(_) => PUBLIC_V6.holds(address) && !within(&NOT_PUBLIC_V6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_PUBLIC: [&str; 49] = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::10.1.2.3",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ];

    const PUBLIC: [&str; 16] = [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a01:e0a::1",
    ];

    #[test]
    fn only_public_addresses_may_be_called() {
        let rule = Rule::default();
        for address in NOT_PUBLIC {
            assert!(!rule.allows(address.parse().unwrap()), "{address}");
        }
        for address in PUBLIC {
            assert!(rule.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_setting_opens_the_networks_it_names_and_no_other() {
        let networks = ["10.20.0.0/16", "fd12:3456::/32", "127.0.0.1/32"];
        let rule = Rule::new(networks.map(|text| text.parse().unwrap()).to_vec());
        for open in [
            "10.20.0.1",
            "10.20.255.255",
            "::ffff:10.20.3.4",
            "64:ff9b::10.20.3.4",
            "fd12:3456::9",
            "127.0.0.1",
        ] {
            assert!(rule.allows(open.parse().unwrap()), "{open}");
        }
        for shut in ["10.21.0.1", "127.0.0.2", "fd12:3457::1", "169.254.169.254"] {
            assert!(!rule.allows(shut.parse().unwrap()), "{shut}");
        }
    }
}
