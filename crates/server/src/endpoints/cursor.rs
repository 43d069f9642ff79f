//! Where a page ended, in a form that nobody reads a meaning into.

use crate::edge::ApiError;
use curfew_api::ErrorCode;

/// Writes a place.
pub(crate) fn write(place: u128) -> String {
    format!("{place:032x}")
}

/// Reads a place; none is the beginning.
///
/// # Errors
/// When it is not one that [`write`] made.
pub(crate) fn read(text: Option<&str>) -> Result<Option<u128>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let place = u128::from_str_radix(text, 16).ok().filter(|place| write(*place) == text);
    let wrong = || ApiError::new(ErrorCode::Malformed, "`cursor` is not the `next` of a page before");
    place.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_read() {
        for place in [0, 1, u128::MAX] {
            assert_eq!(read(Some(&write(place))).ok(), Some(Some(place)));
        }
        assert_eq!(read(None).ok(), Some(None));
        for bad in ["", "1", "+0000000000000000000000000000001", &"F".repeat(32), &"g".repeat(32)] {
            assert!(read(Some(bad)).is_err(), "{bad}");
        }
    }
}
