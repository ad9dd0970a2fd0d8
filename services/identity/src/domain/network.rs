//! Where a call comes from, as far as guessing passwords goes.

use std::net::IpAddr;

/// How many attempts that fail a network has within the window of [`super::account::ATTEMPT_WINDOW`]. Far more than an
/// account's: a whole office may share an address, and who gets in gives their attempt back.
pub const MOST_ATTEMPTS: i32 = 300;

/// A network: one IPv4 address, or the /64 that a household or office has of IPv6.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network([u8; 8]);

impl Network {
    /// The network of a caller; callers whose address is not known share one.
    pub fn of(peer: Option<IpAddr>) -> Self {
        let mut network = [0; 8];
        match peer.map(|peer| peer.to_canonical()) {
            Some(IpAddr::V4(address)) => network[4..].copy_from_slice(&address.octets()),
            Some(IpAddr::V6(address)) => network.copy_from_slice(&address.octets()[..8]),
            None => {}
        }
        Self(network)
    }

    /// What is hashed with a key; the address itself is never kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(a network)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_cannot_take_many_addresses() {
        let of = |text: &str| Network::of(text.parse().ok());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"), "the same address in another coat");
    }
}
