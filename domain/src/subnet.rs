//! A network of addresses, as settings name one: `10.20.0.0/16`, or one address alone.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no network of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a network such as 10.20.0.0/16")]
pub struct SubnetError;

impl Subnet {
    /// A network of IPv4 by its first bits.
    pub const fn v4(address: Ipv4Addr, prefix: u8) -> Self {
        Self {
            address: IpAddr::V4(address),
            prefix,
        }
    }

    /// A network of IPv6 by its first bits.
    pub const fn v6(address: Ipv6Addr, prefix: u8) -> Self {
        Self {
            address: IpAddr::V6(address),
            prefix,
        }
    }

    /// Returns whether an address is in it. One of IPv4 written as one of IPv6 is not told apart here:
    /// whoever asks says which is meant.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX
                    .checked_shl(32_u32.saturating_sub(self.prefix.into()))
                    .unwrap_or(0);
                address.to_bits() & mask == network.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX
                    .checked_shl(128_u32.saturating_sub(self.prefix.into()))
                    .unwrap_or(0);
                address.to_bits() & mask == network.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| SubnetError)?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| SubnetError)?,
            None => whole,
        };
        (prefix <= whole)
            .then_some(Self { address, prefix })
            .ok_or(SubnetError)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        let network: Subnet = network.parse().unwrap();
        network.holds(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_what_begins_like_it() {
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("10.20.0.0/16", "10.20.255.255") && !holds("10.20.0.0/16", "10.21.0.0"));
        assert!(holds("fd12:3456::/32", "fd12:3456::9") && !holds("fd12:3456::/32", "fd12:3457::"));
        assert!(holds("::/0", "ff02::1") && !holds("::/0", "1.1.1.1"));
    }

    #[test]
    fn an_address_alone_is_a_network_of_one() {
        assert!(holds("10.0.0.1", "10.0.0.1") && !holds("10.0.0.1", "10.0.0.2"));
        assert!(holds("::1", "::1") && !holds("::1", "::2"));
        assert_eq!(
            "10.0.0.1".parse::<Subnet>().unwrap().to_string(),
            "10.0.0.1/32"
        );
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "ten/8",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(text.parse::<Subnet>(), Err(SubnetError), "{text}");
        }
    }
}
