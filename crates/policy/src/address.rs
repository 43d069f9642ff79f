//! Ranges of IP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address range such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// An address and a prefix length, without bits after the prefix: OpenSSH and PostgreSQL refuse those too.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (address, prefix) = text.split_once('/').ok_or("the prefix length is missing")?;
        let address: IpAddr = address.parse().map_err(|_| "that is no address")?;
        let plain = !prefix.is_empty()
            && prefix.bytes().all(|b| b.is_ascii_digit())
            && (prefix == "0" || !prefix.starts_with('0'));
        let prefix = prefix.parse::<u32>().ok().filter(|_| plain).ok_or("the prefix length is no number")?;
        let (bits, width) = bits(address);
        if prefix > width {
            return Err("the prefix is longer than the address");
        }
        if bits.checked_shl(prefix).unwrap_or(0) != 0 {
            return Err("it has bits set after the prefix");
        }
        Ok(Self { address, prefix })
    }

    /// The range of this length that an address is in.
    pub(crate) fn around(address: IpAddr, prefix: u32) -> Option<Self> {
        let (bits, width) = bits(address);
        let kept = if prefix == 0 { 0 } else { bits & (u128::MAX << (128 - prefix.min(128))) };
        let address = match address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(kept >> 96).ok()?)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(kept)),
        };
        (prefix <= width).then_some(Self { address, prefix })
    }

    /// Whether an address is in it. An IPv4 address written as IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((own, width), (other, other_width)) = (bits(self.address), bits(address.to_canonical()));
        width == other_width && (own ^ other).checked_shr(128 - self.prefix).unwrap_or(0) == 0
    }

    /// Whether every address of the other is in this one.
    pub fn covers(&self, other: &Network) -> bool {
        self.prefix <= other.prefix && self.contains(other.address)
    }
}

/// The bits from the top, and how many there are.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(a) => (u128::from(a.to_bits()) << 96, 32),
        IpAddr::V6(a) => (a.to_bits(), 128),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_ranges() {
        for good in ["10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "2001:db8::/32", "::/0", "::1/128"] {
            assert_eq!(Network::parse(good).map(|n| n.to_string()).as_deref(), Ok(good), "{good}");
        }
        for bad in [
            "10.0.0.0",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "::1/64",
            "x/8",
            "10.0.0.0/",
            "10.0.0.0/08",
            "10.0.0.0/+8",
        ] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_inside() {
        let inside = |range: &str, address: &str| {
            Network::parse(range).expect("a range").contains(address.parse().expect("an address"))
        };
        assert!(inside("10.0.0.0/8", "10.255.1.2") && !inside("10.0.0.0/8", "11.0.0.0"));
        assert!(inside("0.0.0.0/0", "1.2.3.4") && !inside("0.0.0.0/0", "::1") && !inside("::/0", "1.2.3.4"));
        assert!(inside("10.1.2.3/32", "10.1.2.3") && !inside("10.1.2.3/32", "10.1.2.2"));
        assert!(inside("2001:db8::/32", "2001:db8:1::") && !inside("2001:db8::/32", "2001:db9::"));
        assert!(inside("10.0.0.0/8", "::ffff:10.0.0.1"));
        let range = |text| Network::parse(text).expect("a range");
        assert!(
            range("10.0.0.0/8").covers(&range("10.1.0.0/16")) && !range("10.1.0.0/16").covers(&range("10.0.0.0/8"))
        );
    }
}
