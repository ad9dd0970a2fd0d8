//! Single-use reply codes, made so that an answer cannot be joined to an account.
//!
//! A code is `tenant (26 characters) + secret (24 characters)` in Crockford's base 32, written in groups of five. The
//! tenant part leads a call without a token to its tenant; the secret part has 120 bits of a key that the service derives
//! from its secret, the round and the person, so that somebody who asks again gets the same code without its being stored.
//! At rest there is only the SHA-256 of a code that is still unused; nothing says whose it is.

use core::fmt;

use kith_platform::id::{PersonId, TenantId, Uuid};
use sha2::{Digest as _, Sha256};

/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 128 bits.
const TENANT_CHARACTERS: usize = 26;
/// 120 bits.
const SECRET_CHARACTERS: usize = 24;
const CHARACTERS: usize = TENANT_CHARACTERS + SECRET_CHARACTERS;
const GROUP: usize = 5;
/// Longest text that is looked at at all.
const LONGEST_TEXT: usize = 2 * CHARACTERS;

/// A reply code. Has no `Debug`: it is a secret until it is used.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplyCode([u8; CHARACTERS]);

impl ReplyCode {
    /// Puts a code together from the first 120 bits of a secret; the others are left out.
    pub fn new(tenant: TenantId, secret: &[u8; 32]) -> Self {
        let (first, _) = secret.split_at(16);
        let mut bits = [0; 16];
        bits.copy_from_slice(first);
        let mut characters = [0; CHARACTERS];
        write_base32(tenant.0.as_u128(), &mut characters[..TENANT_CHARACTERS]);
        write_base32(u128::from_be_bytes(bits) >> 8, &mut characters[TENANT_CHARACTERS..]);
        Self(characters)
    }

    /// Reads a code as a person may type it: any case, with or without hyphens and spaces, O for 0, I and L for 1.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST_TEXT {
            return None;
        }
        let mut characters = [0; CHARACTERS];
        let mut length = 0;
        for byte in text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')) {
            let character = match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            if !ALPHABET.contains(&character) {
                return None;
            }
            *characters.get_mut(length)? = character;
            length += 1;
        }
        let code = Self(characters);
        (length == CHARACTERS && code.tenant_value().is_some()).then_some(code)
    }

    /// The tenant that it leads to.
    pub fn tenant(&self) -> TenantId {
        TenantId(Uuid::from_u128(self.tenant_value().unwrap_or_default()))
    }

    /// None where the characters hold more than 128 bits.
    fn tenant_value(&self) -> Option<u128> {
        let mut value: u128 = 0;
        for character in &self.0[..TENANT_CHARACTERS] {
            let digit = ALPHABET.iter().position(|letter| letter == character)?;
            value = value.checked_mul(32)?.checked_add(digit as u128)?;
        }
        Some(value)
    }

    /// What is kept of it.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

/// What the codes of one round come from: derived from the service's secret, never stored. Has no `Debug`.
#[derive(Clone)]
pub struct RoundSecret([u8; 32]);

impl RoundSecret {
    /// From what was derived for that round alone.
    pub fn new(derived: [u8; 32]) -> Self {
        Self(derived)
    }

    /// Somebody's code: the same whenever they ask. Without the secret nobody can tell whose it is, with the whole
    /// database in hand.
    pub fn code_of(&self, tenant: TenantId, person: PersonId) -> ReplyCode {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(person.0.as_bytes());
        ReplyCode::new(tenant, &hash.finalize().into())
    }

    /// The codes of everybody who is asked, in an order that says nothing of whose they are.
    pub fn codes_of(&self, tenant: TenantId, asked: &[PersonId]) -> Vec<ReplyCode> {
        let mut codes: Vec<ReplyCode> = asked.iter().map(|person| self.code_of(tenant, *person)).collect();
        codes.sort();
        codes
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, character) in self.0.iter().enumerate() {
            if place > 0 && place % GROUP == 0 {
                formatter.write_str("-")?;
            }
            write!(formatter, "{}", char::from(*character))?;
        }
        Ok(())
    }
}

/// Writes the lowest five bits per character, most significant first.
fn write_base32(mut value: u128, into: &mut [u8]) {
    for character in into.iter_mut().rev() {
        *character = ALPHABET[usize::from(value.to_le_bytes()[0] % 32)];
        value /= 32;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn codes(tenant: u128, key: u8, count: u128) -> Vec<ReplyCode> {
        let people: Vec<PersonId> = (0..count).map(|number| PersonId(Uuid::from_u128(number))).collect();
        RoundSecret::new([key; 32]).codes_of(TenantId(Uuid::from_u128(tenant)), &people)
    }

    #[test]
    fn everybody_has_one_code_in_a_round_and_the_order_says_nothing_of_whose_it_is() {
        let few = codes(1, 2, 3);
        let more = codes(1, 2, 40);
        assert!(few.iter().all(|code| more.contains(code)), "the same secret gives the same code");
        assert!(more.is_sorted());
        assert!(few.iter().zip(&more).any(|(one, other)| one != other));
        let mut different = more.clone();
        different.dedup();
        assert_eq!(different.len(), 40);
        assert!(codes(1, 3, 40).iter().all(|code| !more.contains(code)), "another round, other codes");
    }

    #[test]
    fn every_one_of_the_120_bits_of_the_secret_and_of_the_tenant_makes_another_code() {
        let code = ReplyCode::new(TenantId(Uuid::nil()), &[0; 32]);
        for bit in 0..256 {
            let mut secret = [0; 32];
            secret[bit / 8] = 1 << (bit % 8);
            let other = ReplyCode::new(TenantId(Uuid::nil()), &secret);
            assert_eq!(other != code, bit < 120, "bit {bit}");
        }
        for bit in 0..128 {
            assert!(ReplyCode::new(TenantId(Uuid::from_u128(1 << bit)), &[0; 32]) != code);
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = codes(u128::MAX, 2, 1).remove(0);
        let text = code.to_string();
        assert_eq!(text.len(), 59, "ten groups of five");
        let typed = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert!(ReplyCode::parse(&typed) == Some(code));
    }

    #[test]
    fn what_is_not_a_code_is_not_read() {
        let text = codes(1, 2, 1).remove(0).to_string();
        let too_large = format!("Z{}", &text[1..]);
        for wrong in
            ["", "-", &text[1..], &format!("{text}0"), &text.replace('0', "U"), &too_large, &"0".repeat(4000)]
        {
            assert!(ReplyCode::parse(wrong).is_none(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_is_exact(tenant in any::<u128>(), secret in any::<[u8; 32]>()) {
            let code = ReplyCode::new(TenantId(Uuid::from_u128(tenant)), &secret);
            let read = ReplyCode::parse(&code.to_string()).expect("a code");
            prop_assert_eq!(read.tenant(), TenantId(Uuid::from_u128(tenant)));
            prop_assert!(read == code && read.digest() == code.digest());
        }

        #[test]
        fn reading_never_panics(text in ".{0,120}") {
            let _code = ReplyCode::parse(&text);
        }
    }
}
