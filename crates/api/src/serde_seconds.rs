//! Lengths of time on input: a number of seconds, or a text such as `30m`.

use curfew_domain::Seconds;
use serde::{Deserialize, Deserializer, de};

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Number(u32),
    Text(String),
}

/// Reads a length that may be left out.
pub(crate) fn optional<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Seconds>, D::Error> {
    Option::<Input>::deserialize(d)?.map(read).transpose().map_err(de::Error::custom)
}

/// Reads a length.
pub(crate) fn required<'de, D: Deserializer<'de>>(d: D) -> Result<Seconds, D::Error> {
    read(Input::deserialize(d)?).map_err(de::Error::custom)
}

fn read(input: Input) -> Result<Seconds, curfew_domain::time::NotALength> {
    match input {
        Input::Number(seconds) => Ok(Seconds::new(seconds)),
        Input::Text(text) => text.parse(),
    }
}
