//! Sharing an amount among payers: whole pence by largest remainder, ties to the earlier payer.

use super::contribution::WHOLE_BP;
use super::{PayerId, Refused};

/// One payer's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Who pays.
    pub payer: PayerId,
    /// How much of each visit, in basis points, 1 to 10,000.
    pub share_bp: i64,
}

/// Shares that make a whole, in the order that settles ties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares(Vec<Share>);

/// One payer's part of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose.
    pub share: Share,
    /// Pence.
    pub amount: i64,
    /// The Commons Contribution within it, in pence, split by the same shares so that the parts sum to the whole.
    pub contribution: i64,
}

impl Shares {
    /// Takes shares of 1 to 10,000 basis points each, of different payers, that sum to 10,000.
    pub fn new(shares: Vec<Share>) -> Result<Self, Refused> {
        if shares.is_empty() {
            return Err(Refused::NoShares);
        }
        let mut sum = 0;
        for (place, share) in shares.iter().enumerate() {
            if !(1..=WHOLE_BP).contains(&share.share_bp) {
                return Err(Refused::BasisPoints { least: 1 });
            }
            if shares[..place].iter().any(|earlier| earlier.payer == share.payer) {
                return Err(Refused::PayerTwice);
            }
            sum += share.share_bp;
        }
        if sum == WHOLE_BP { Ok(Self(shares)) } else { Err(Refused::SharesDoNotSum { sum }) }
    }

    /// In their order.
    pub fn as_slice(&self) -> &[Share] {
        &self.0
    }

    /// Splits a whole amount; the parts sum to it.
    pub fn split(&self, total: i64) -> Result<Vec<Part>, Refused> {
        if total < 0 {
            return Err(Refused::Negative);
        }
        let whole = i128::from(WHOLE_BP);
        let mut parts = Vec::with_capacity(self.0.len());
        let mut remainders = Vec::with_capacity(self.0.len());
        let mut left = total;
        for share in &self.0 {
            let exact = i128::from(total) * i128::from(share.share_bp);
            let amount = i64::try_from(exact / whole).map_err(|_| Refused::TooLarge)?;
            left -= amount;
            parts.push(Part { share: *share, amount, contribution: 0 });
            remainders.push(exact % whole);
        }
        // The sort is stable, so of equal remainders the earlier payer comes first.
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|&place| std::cmp::Reverse(remainders[place]));
        for place in order {
            if left == 0 {
                break;
            }
            parts[place].amount += 1;
            left -= 1;
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kith_platform::id::Uuid;
    use proptest::prelude::*;

    fn shares(basis_points: &[i64]) -> Result<Shares, Refused> {
        let mut shares = Vec::new();
        for (place, &share_bp) in basis_points.iter().enumerate() {
            shares.push(Share { payer: PayerId(Uuid::from_u128(place as u128)), share_bp });
        }
        Shares::new(shares)
    }

    fn amounts(basis_points: &[i64], total: i64) -> Vec<i64> {
        let parts = shares(basis_points).expect("shares").split(total).expect("parts");
        parts.iter().map(|part| part.amount).collect()
    }

    #[test]
    fn the_largest_remainder_takes_the_penny_and_a_tie_goes_to_the_earlier_payer() {
        assert_eq!(amounts(&[5000, 5000], 1), [1, 0]);
        assert_eq!(amounts(&[3333, 3333, 3334], 100), [33, 33, 34]);
        assert_eq!(amounts(&[2000, 8000], 1786), [357, 1429]);
        assert_eq!(amounts(&[2500, 2500, 2500, 2500], 6), [2, 2, 1, 1]);
        assert_eq!(amounts(&[10_000], 44_625), [44_625]);
        assert_eq!(amounts(&[6000, 4000], 0), [0, 0]);
        assert_eq!(amounts(&[5000, 5000], i64::MAX), [i64::MAX / 2 + 1, i64::MAX / 2]);
    }

    #[test]
    fn shares_that_make_no_whole_are_refused() {
        assert_eq!(shares(&[]), Err(Refused::NoShares));
        assert_eq!(shares(&[5000, 4999]), Err(Refused::SharesDoNotSum { sum: 9999 }));
        assert_eq!(shares(&[10_000, 0]), Err(Refused::BasisPoints { least: 1 }));
        assert_eq!(shares(&[10_001]), Err(Refused::BasisPoints { least: 1 }));
        let payer = PayerId(Uuid::from_u128(1));
        let twice = Shares::new(vec![Share { payer, share_bp: 5000 }, Share { payer, share_bp: 5000 }]);
        assert_eq!(twice, Err(Refused::PayerTwice));
        assert_eq!(shares(&[10_000]).expect("shares").split(-1), Err(Refused::Negative));
    }

    proptest! {
        /// However many payers share it, the parts always sum to the line, each within a penny of its exact share.
        #[test]
        fn the_parts_always_sum(total in 0..=i64::MAX, cuts in proptest::collection::btree_set(1..10_000i64, 0..8)) {
            let mut basis_points = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([WHOLE_BP]) {
                basis_points.push(cut - from);
                from = cut;
            }
            let parts = shares(&basis_points).expect("shares").split(total).expect("parts");
            let sum: i128 = parts.iter().map(|part| i128::from(part.amount)).sum();
            prop_assert_eq!(sum, i128::from(total));
            for part in parts {
                let exact = i128::from(total) * i128::from(part.share.share_bp);
                let got = i128::from(part.amount) * i128::from(WHOLE_BP);
                prop_assert!((got - exact).abs() < i128::from(WHOLE_BP));
            }
        }
    }
}
