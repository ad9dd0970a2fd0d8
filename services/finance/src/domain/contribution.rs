//! What a visit comes to: the arithmetic of the Commons Contribution, in whole pence, every step rounded half up.

use kith_platform::money::mul_div_half_up;

use super::Refused;

/// One whole, in basis points.
pub const WHOLE_BP: i64 = 10_000;
const MINUTES_OF_AN_HOUR: i64 = 60;

/// A part of a whole, 0 to 10,000 basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasisPoints(i64);

impl BasisPoints {
    /// Takes 0 to 10,000.
    pub fn new(basis_points: i64) -> Result<Self, Refused> {
        if (0..=WHOLE_BP).contains(&basis_points) {
            Ok(Self(basis_points))
        } else {
            Err(Refused::BasisPoints { least: 0 })
        }
    }

    /// As a number.
    pub const fn get(self) -> i64 {
        self.0
    }

    fn of(self, pence: i64) -> Result<i64, Refused> {
        mul_div_half_up(pence, self.0, WHOLE_BP).ok_or(Refused::TooLarge)
    }
}

/// How a rule reckons the contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On top of, and off, the giver's hourly rate.
    OnRate {
        /// Added for the payers.
        added: BasisPoints,
        /// Deducted from the giver.
        deducted: BasisPoints,
    },
    /// The hourly rate is the payers' price, and this share of it goes to the commons.
    ShareOfTotal {
        /// The share.
        share: BasisPoints,
    },
}

/// What a visit comes to, in pence. `payers_total = giver_amount + contribution`, none below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// The hourly rate for the elapsed minutes.
    pub base: i64,
    /// What all payers together pay.
    pub payers_total: i64,
    /// What the giver's side receives.
    pub giver_amount: i64,
    /// What goes to the commons.
    pub contribution: i64,
}

/// Prices a visit of elapsed `minutes` at `hourly_rate_pence`.
pub fn price(hourly_rate_pence: i64, minutes: i64, mode: Mode) -> Result<Price, Refused> {
    if hourly_rate_pence < 0 || minutes < 0 {
        return Err(Refused::Negative);
    }
    let base = mul_div_half_up(hourly_rate_pence, minutes, MINUTES_OF_AN_HOUR).ok_or(Refused::TooLarge)?;
    let (payers_total, giver_amount) = match mode {
        Mode::OnRate { added, deducted } => {
            let payers_total = base.checked_add(added.of(base)?).ok_or(Refused::TooLarge)?;
            (payers_total, base - deducted.of(base)?)
        }
        Mode::ShareOfTotal { share } => (base, base - share.of(base)?),
    };
    Ok(Price { base, payers_total, giver_amount, contribution: payers_total - giver_amount })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bp(basis_points: i64) -> BasisPoints {
        BasisPoints::new(basis_points).expect("basis points")
    }

    fn on_rate(added: i64, deducted: i64) -> Mode {
        Mode::OnRate { added: bp(added), deducted: bp(deducted) }
    }

    /// Known answers of `facts/money-and-contradictions.md`, "Contribution arithmetic": an hour at £18, £20, £22, £25.
    /// Proves FIN-06.
    #[test]
    fn the_table_of_known_answers_holds() {
        let table = [
            (1800, 2070, 1530, 1350),
            (2000, 2300, 1700, 1500),
            (2200, 2530, 1870, 1650),
            (2500, 2875, 2125, 1875),
        ];
        for (rate, added_15, deducted_15, deducted_25) in table {
            let added = price(rate, 60, on_rate(1500, 0)).expect("a price");
            assert_eq!((added.payers_total, added.giver_amount), (added_15, rate));
            let deducted = price(rate, 60, on_rate(0, 1500)).expect("a price");
            assert_eq!((deducted.payers_total, deducted.giver_amount), (rate, deducted_15));
            let more = price(rate, 60, on_rate(0, 2500)).expect("a price");
            assert_eq!((more.giver_amount, more.contribution), (deducted_25, rate - deducted_25));
        }
        // Grossed up from a wage of £20: the payers' price is £26.67 and a quarter of it goes to the commons.
        let employed = price(2667, 60, Mode::ShareOfTotal { share: bp(2500) }).expect("a price");
        assert_eq!((employed.payers_total, employed.giver_amount, employed.contribution), (2667, 2000, 667));
    }

    #[test]
    fn every_step_rounds_half_up() {
        // 2070 × 45 ÷ 60 = 1552.5 → 1553; 15 % of it = 232.95 → 233.
        let visit = price(2070, 45, on_rate(1500, 0)).expect("a price");
        assert_eq!(visit, Price { base: 1553, payers_total: 1786, giver_amount: 1553, contribution: 233 });
        // 1 penny at half: the deduction of 0.5 rounds up to 1.
        let penny = price(60, 1, on_rate(0, 5000)).expect("a price");
        assert_eq!((penny.base, penny.giver_amount, penny.contribution), (1, 0, 1));
    }

    #[test]
    fn negative_and_overflowing_money_is_refused() {
        assert_eq!(price(-1, 60, on_rate(0, 0)), Err(Refused::Negative));
        assert_eq!(price(1, -60, on_rate(0, 0)), Err(Refused::Negative));
        assert_eq!(price(i64::MAX, 61, on_rate(0, 0)), Err(Refused::TooLarge));
        assert_eq!(price(i64::MAX, 60, on_rate(1, 0)), Err(Refused::TooLarge));
        assert_eq!(BasisPoints::new(10_001), Err(Refused::BasisPoints { least: 0 }));
        assert_eq!(BasisPoints::new(-1), Err(Refused::BasisPoints { least: 0 }));
    }

    proptest! {
        #[test]
        fn the_parts_always_sum_and_none_is_negative(
            rate in 0..10_000_000i64, minutes in 0..100_000i64, first in 0..=10_000i64, second in 0..=10_000i64, total: bool,
        ) {
            let mode = if total { Mode::ShareOfTotal { share: bp(first) } } else { on_rate(first, second) };
            let price = price(rate, minutes, mode).expect("a price");
            prop_assert_eq!(price.payers_total, price.giver_amount + price.contribution);
            prop_assert!(price.giver_amount >= 0 && price.contribution >= 0 && price.payers_total >= 0);
        }

        #[test]
        fn money_never_wraps(rate: i64, minutes: i64, first in 0..=10_000i64, second in 0..=10_000i64) {
            if let Ok(price) = price(rate, minutes, on_rate(first, second)) {
                prop_assert!(price.base >= 0 && price.payers_total >= price.base && price.giver_amount <= price.base);
            }
        }
    }
}
