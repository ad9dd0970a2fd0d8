//! Where a call comes from, as far as guessing passwords goes.

/// How many attempts that fail a network has within the window of [`super::account::ATTEMPT_WINDOW`]. Far more than an
/// account's: a whole office may share an address, and who gets in gives their attempt back.
pub const MOST_ATTEMPTS: i32 = 300;

/// A network: one IPv4 address, or the /64 that a household or office has of IPv6.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network([u8; 8]);

impl Network {
    /// The network of an IPv4 address.
    pub fn v4(address: [u8; 4]) -> Self {
        let mut network = [0; 8];
        network[4..].copy_from_slice(&address);
        Self(network)
    }

    /// The network of an IPv6 address.
    pub fn v6(address: [u8; 16]) -> Self {
        let mut network = [0; 8];
        network.copy_from_slice(&address[..8]);
        Self(network)
    }

    /// Callers whose address is not known share one.
    pub fn unknown() -> Self {
        Self([0; 8])
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
        let (mut one, mut other) = ([7; 16], [7; 16]);
        (one[15], other[8]) = (1, 200);
        assert_eq!(Network::v6(one), Network::v6(other));
        other[7] = 8;
        assert_ne!(Network::v6(one), Network::v6(other));
        assert_ne!(Network::v4([192, 0, 2, 1]), Network::v4([192, 0, 2, 2]));
        assert_ne!(Network::v4([192, 0, 2, 1]), Network::unknown());
    }
}
