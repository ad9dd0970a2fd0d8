//! Recovery codes: ten single-use ways back in for who lost everything else.

use std::fmt;

/// How many there are at a time.
pub const CODES: u8 = 10;
/// Without what is easily taken for something else (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 16 characters of 5 bits: 80 bits, so that a plain hash of it is not to be guessed.
const LENGTH: usize = 16;

/// A code as it is compared: upper case, without hyphens.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// The code that these random bytes make.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let characters = bytes.iter().take(LENGTH).map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        Self(characters.collect())
    }

    /// Reads what somebody typed: case, white space and hyphens do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String = text
            .chars()
            .filter(|character| !character.is_whitespace() && *character != '-')
            .map(|character| match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let known = plain.bytes().all(|byte| ALPHABET.contains(&byte));
        (known && plain.len() == LENGTH).then_some(Self(plain))
    }

    /// What is hashed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is shown: four groups of four.
    pub fn shown(&self) -> String {
        [&self.0[..4], &self.0[4..8], &self.0[8..12], &self.0[12..]].join("-")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(a code)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_shown_and_however_it_was_typed() {
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(at * 7 % 251).expect("a byte");
        }
        let code = Code::from_bytes(&bytes);
        assert_eq!(code.shown().len(), 19);
        assert_eq!(Code::parse(&code.shown()), Some(code.clone()));
        assert_eq!(Code::parse(&code.shown().to_lowercase().replace('-', " ")), Some(code));
        assert_eq!(Code::parse("OOOO-IIII-LLLL-0000"), Code::parse("0000-1111-1111-0000"));
        assert!(Code::parse("too-short").is_none() && Code::parse("UUUU-UUUU-UUUU-UUUU").is_none());
    }
}
