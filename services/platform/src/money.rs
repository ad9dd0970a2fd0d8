//! Exact money: whole minor units of one currency, never floats, never overflowing silently.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an amount is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Currency {
    /// Pounds sterling, counted in pence (ISO 4217).
    GBP,
    /// Care Coins, counted in whole minutes. Never mixed with pounds in one sum.
    XCC,
}

impl Currency {
    /// The code on the wire and in SQL.
    pub const fn code(self) -> &'static str {
        match self {
            Self::GBP => "GBP",
            Self::XCC => "XCC",
        }
    }

    /// Reads a code; `None` for one that is not known here.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "GBP" => Some(Self::GBP),
            "XCC" => Some(Self::XCC),
            _ => None,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// An amount: minor units (pence, or whole minutes of Care Coins) of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Pence or minutes.
    pub minor_units: i64,
    /// Of what.
    pub currency: Currency,
}

impl Money {
    /// Pence.
    pub const fn pence(minor_units: i64) -> Self {
        Self { minor_units, currency: Currency::GBP }
    }

    /// Minutes of Care Coins.
    pub const fn coins(minor_units: i64) -> Self {
        Self { minor_units, currency: Currency::XCC }
    }
}

impl From<Money> for kith_proto::common::v1::Money {
    fn from(money: Money) -> Self {
        Self { minor_units: money.minor_units, currency: money.currency.code().to_owned() }
    }
}

/// Multiplies and divides exactly, rounding half up (away from zero for negative amounts);
/// `None` where the result does not fit or the divisor is zero.
pub fn mul_div_half_up(amount: i64, multiplier: i64, divisor: i64) -> Option<i64> {
    if divisor == 0 {
        return None;
    }
    let product = i128::from(amount) * i128::from(multiplier);
    let sign = if (product < 0) == (divisor < 0) { 1 } else { -1 };
    let divisor = i128::from(divisor).abs();
    let rounded = (product.abs() * 2 + divisor) / (divisor * 2);
    i64::try_from(sign * rounded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_half_up_and_never_overflows_silently() {
        assert_eq!(mul_div_half_up(2070, 60, 60), Some(2070));
        assert_eq!(mul_div_half_up(1, 1, 2), Some(1));
        assert_eq!(mul_div_half_up(-1, 1, 2), Some(-1));
        assert_eq!(mul_div_half_up(1, 49, 100), Some(0));
        assert_eq!(mul_div_half_up(i64::MAX, 2, 1), None);
        assert_eq!(mul_div_half_up(i64::MAX, i64::MAX, i64::MAX), Some(i64::MAX));
        assert_eq!(mul_div_half_up(1, 1, 0), None);
    }
}
