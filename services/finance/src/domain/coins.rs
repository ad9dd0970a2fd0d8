//! Care Coins: saved by unpaid visits, given to others, in whole minutes. A wallet never goes below zero.
//!
//! When a visit that earned coins is corrected after they were passed on, the wallet gives back what it holds, and the
//! rest stands on the person's `coins-owed` account until later visits have earned it.

use kith_platform::id::PersonId;

use super::ledger::{Account, Leg};
use super::{CircleId, Refused};

/// What a person's two coin accounts hold, in minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// In the wallet, zero or more.
    pub wallet: i64,
    /// Still to be earned back, zero or more.
    pub owed: i64,
}

/// The legs of a visit that earned `minutes`; what is owed is earned back first.
pub fn earned(circle: CircleId, giver: PersonId, minutes: i64, holdings: Holdings) -> Vec<Leg> {
    let earned_back = minutes.min(holdings.owed);
    legs([
        (Account::CoinsIssued(circle), -minutes),
        (Account::CoinsOwed(giver), earned_back),
        (Account::Coins(giver), minutes - earned_back),
    ])
}

/// The legs that take an earning of `minutes` back.
pub fn taken_back(circle: CircleId, giver: PersonId, minutes: i64, holdings: Holdings) -> Vec<Leg> {
    let from_wallet = minutes.min(holdings.wallet);
    legs([
        (Account::CoinsIssued(circle), minutes),
        (Account::CoinsOwed(giver), from_wallet - minutes),
        (Account::Coins(giver), -from_wallet),
    ])
}

/// A gift of one person's Care Coins to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gift {
    /// Who gives.
    pub from: PersonId,
    /// Who receives.
    pub to: PersonId,
    /// How many, more than zero.
    pub minutes: i64,
}

impl Gift {
    /// Takes at least one minute for somebody else.
    pub fn new(from: PersonId, to: PersonId, minutes: i64) -> Result<Self, Refused> {
        if from == to {
            return Err(Refused::CoinsToSelf);
        }
        if minutes < 1 {
            return Err(Refused::NoCoins);
        }
        Ok(Self { from, to, minutes })
    }

    /// Its legs, where the giver's wallet holds enough.
    pub fn legs(&self, wallet: i64) -> Result<Vec<Leg>, Refused> {
        if wallet < self.minutes {
            return Err(Refused::TooFewCoins);
        }
        Ok(legs([(Account::Coins(self.from), -self.minutes), (Account::Coins(self.to), self.minutes)]))
    }
}

fn legs<const N: usize>(amounts: [(Account, i64); N]) -> Vec<Leg> {
    amounts.into_iter().filter_map(|(account, amount)| Leg::some(account, amount)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TransferId;
    use crate::domain::ledger::{Code, Transfer};
    use kith_platform::id::Uuid;
    use proptest::prelude::*;

    const CIRCLE: CircleId = CircleId(Uuid::from_u128(1));
    const GIVER: PersonId = PersonId(Uuid::from_u128(2));
    const FRIEND: PersonId = PersonId(Uuid::from_u128(3));

    #[test]
    fn a_gift_is_at_least_a_minute_for_somebody_else_and_no_more_than_the_wallet_holds() {
        assert_eq!(Gift::new(GIVER, GIVER, 5), Err(Refused::CoinsToSelf));
        assert_eq!(Gift::new(GIVER, FRIEND, 0), Err(Refused::NoCoins));
        assert_eq!(Gift::new(GIVER, FRIEND, -5), Err(Refused::NoCoins));
        let gift = Gift::new(GIVER, FRIEND, 60).expect("a gift");
        assert_eq!(gift.legs(59), Err(Refused::TooFewCoins));
        assert_eq!(gift.legs(60).expect("legs").len(), 2);
    }

    #[test]
    fn coins_passed_on_before_a_correction_are_earned_back_by_later_visits() {
        let back = taken_back(CIRCLE, GIVER, 60, Holdings { wallet: 20, owed: 0 });
        assert!(back.contains(&Leg { account: Account::Coins(GIVER), amount: -20 }));
        assert!(back.contains(&Leg { account: Account::CoinsOwed(GIVER), amount: -40 }));
        let later = earned(CIRCLE, GIVER, 90, Holdings { wallet: 0, owed: 40 });
        assert!(later.contains(&Leg { account: Account::Coins(GIVER), amount: 50 }));
        assert!(later.contains(&Leg { account: Account::CoinsOwed(GIVER), amount: 40 }));
    }

    /// One thing that happens to the giver's coins.
    #[derive(Clone, Debug)]
    enum Step {
        Earn(i64),
        TakeBack(usize),
        Give(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..600i64).prop_map(Step::Earn),
            (0..8usize).prop_map(Step::TakeBack),
            (1..600i64).prop_map(Step::Give),
        ]
    }

    proptest! {
        /// Whatever happens, all accounts sum to zero, the wallet is never below zero, nobody owes and holds more than
        /// their visits come to, and what is issued is what visits earned.
        #[test]
        fn coins_are_conserved(steps in proptest::collection::vec(step(), 0..60)) {
            let (mut wallet, mut owed, mut friend, mut issued) = (0i64, 0i64, 0i64, 0i64);
            let (mut standing, mut earned_sum, mut given) = (Vec::new(), 0i64, 0i64);
            for step in steps {
                let holdings = Holdings { wallet, owed };
                let legs = match step {
                    Step::Earn(minutes) => {
                        standing.push(minutes);
                        earned_sum += minutes;
                        earned(CIRCLE, GIVER, minutes, holdings)
                    }
                    Step::TakeBack(place) if place < standing.len() => {
                        let minutes = standing.remove(place);
                        earned_sum -= minutes;
                        taken_back(CIRCLE, GIVER, minutes, holdings)
                    }
                    Step::TakeBack(_) => continue,
                    Step::Give(minutes) => {
                        let gift = Gift::new(GIVER, FRIEND, minutes).expect("a gift");
                        match gift.legs(wallet) {
                            Ok(legs) => {
                                given += minutes;
                                legs
                            }
                            Err(refused) => {
                                prop_assert!(refused == Refused::TooFewCoins && minutes > wallet);
                                continue;
                            }
                        }
                    }
                };
                let transfer = Transfer::new(TransferId::default(), Code::Visit, legs).expect("a transfer");
                for leg in transfer.legs() {
                    match leg.account {
                        Account::Coins(person) if person == GIVER => wallet += leg.amount,
                        Account::Coins(_) => friend += leg.amount,
                        Account::CoinsOwed(_) => owed -= leg.amount,
                        Account::CoinsIssued(_) => issued -= leg.amount,
                        other => prop_assert!(false, "{} is no coin account", other),
                    }
                }
                prop_assert!(wallet >= 0 && owed >= 0);
                prop_assert_eq!(issued, earned_sum);
                prop_assert_eq!(wallet - owed + friend, issued);
                prop_assert_eq!(friend, given);
            }
        }
    }
}
