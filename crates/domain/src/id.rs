//! Typed, prefixed identifiers: `req_...`, `grt_...`, `lse_...`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

/// A noun that has ids.
pub trait Identified {
    /// What its printed ids begin with, without the underscore.
    const PREFIX: &'static str;
}

/// An id of one noun: a UUIDv7 (RFC 9562) printed as its prefix and 26 characters of lower-case
/// Crockford base 32, so that ids sort by the time they were made and are safe in any target's names.
pub struct Id<T> {
    value: u128,
    noun: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// A UUIDv7 of a time and 10 random bytes. The same pair gives the same id.
    pub fn new(at: crate::Timestamp, random: [u8; 10]) -> Self {
        let millis = (at.as_millis().max(0) as u128) & 0xFFFF_FFFF_FFFF;
        let mut tail = [0u8; 16];
        tail[6..].copy_from_slice(&random);
        let random = u128::from_be_bytes(tail);
        let rand_a = (random >> 64) & 0xFFF;
        let rand_b = random & 0x3FFF_FFFF_FFFF_FFFF;
        Self::from_u128((millis << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b)
    }

    /// From its 128 bits, as a ledger keeps them.
    pub const fn from_u128(value: u128) -> Self {
        Self { value, noun: PhantomData }
    }

    /// When it was made, to the millisecond.
    pub const fn made_at(self) -> crate::Timestamp {
        crate::Timestamp::from_millis((self.value >> 80) as i64)
    }

    /// Its 128 bits.
    pub const fn as_u128(self) -> u128 {
        self.value
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

impl<T: Identified> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: String =
            (0..LENGTH).rev().map(|place| ALPHABET[((self.value >> (5 * place)) & 31) as usize] as char).collect();
        write!(f, "{}_{digits}", T::PREFIX)
    }
}

impl<T: Identified> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not an id of the noun that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id: it should be `{prefix}_` and 26 letters and digits")]
pub struct NotAnId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

impl<T: Identified> FromStr for Id<T> {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let wrong = NotAnId { prefix: T::PREFIX };
        let digits = text.strip_prefix(T::PREFIX).and_then(|rest| rest.strip_prefix('_'));
        let digits = digits.filter(|d| d.len() == LENGTH).ok_or(wrong.clone())?;
        let mut value: u128 = 0;
        for (place, byte) in digits.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|a| *a == byte).ok_or(wrong.clone())?;
            if place == 0 && digit > 7 {
                return Err(wrong);
            }
            value = (value << 5) | digit as u128;
        }
        Ok(Self::from_u128(value))
    }
}

impl<T: Identified> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de, T: Identified> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[derive(Debug)]
    struct Thing;
    impl Identified for Thing {
        const PREFIX: &'static str = "thg";
    }

    #[test]
    fn prints_and_reads_back() {
        for random in [[0; 10], [255; 10], [7, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            let id = Id::<Thing>::new(Timestamp::from_millis(1_764_000_000_000), random);
            let text = id.to_string();
            assert_eq!(text.len(), 30);
            assert_eq!(text.parse::<Id<Thing>>(), Ok(id));
        }
    }

    #[test]
    fn sorts_by_time() {
        let early = Id::<Thing>::new(Timestamp::from_millis(1), [255; 10]);
        let late = Id::<Thing>::new(Timestamp::from_millis(2), [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
    }

    #[test]
    fn refuses_what_is_no_id() {
        for bad in [
            "",
            "thg_",
            "thg_0",
            "req_00000000000000000000000000",
            "thg_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "thg_0000000000000000000000000u",
        ] {
            assert!(bad.parse::<Id<Thing>>().is_err(), "{bad}");
        }
    }
}
