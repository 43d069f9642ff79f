//! Canonical JSON: one spelling for each value (RFC 8785), for integers, texts, lists and maps only.
//!
//! Floats, booleans and nulls are refused: they are where implementations of RFC 8785 differ, and
//! evidence has to read the same in any language.

use serde_json::{Map, Value};

/// The largest whole number, either sign, that every JSON reader keeps exactly (RFC 8259, section 6).
pub const LARGEST_INTEGER: i64 = (1 << 53) - 1;
/// How deep lists and maps may nest, the outermost counted.
pub const NESTING: usize = 64;

/// A value that has no canonical bytes here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// A float, or an integer that some readers would round.
    #[error("{0} is not a whole number within ±(2^53 - 1)")]
    Number(String),
    /// `true` or `false`.
    #[error("a boolean has no place in evidence")]
    Boolean,
    /// `null`.
    #[error("null has no place in evidence")]
    Null,
    /// Lists and maps nest deeper than [`NESTING`].
    #[error("it nests deeper than {NESTING} levels")]
    TooDeep,
}

/// Why bytes are not the canonical bytes of a map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonicalBytes {
    /// Not JSON in UTF-8 at all (RFC 8259).
    #[error("it is not JSON")]
    NotJson,
    /// JSON, but not a map.
    #[error("it is not a JSON object")]
    NotAMap,
    /// It holds a value that evidence cannot hold.
    #[error(transparent)]
    Value(#[from] NotCanonical),
    /// The same value has another, canonical spelling.
    #[error("it is not spelled canonically (RFC 8785)")]
    Spelling,
}

/// The one spelling of a value (RFC 8785).
///
/// # Errors
/// When the value holds a float, an integer beyond ±(2^53 - 1), a boolean or a null, or nests too deep.
pub fn canonical(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::with_capacity(512);
    write_value(value, 1, &mut out)?;
    Ok(out)
}

/// The one spelling of a map with one of its keys left out.
pub(super) fn canonical_without(map: &Map<String, Value>, key: &str) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::with_capacity(512);
    write_map(map.iter().filter(|(k, _)| *k != key), 1, &mut out)?;
    Ok(out)
}

/// Reads a map from exactly its canonical bytes; any other spelling of it is refused, and with that
/// also a key that stands twice, since only one of the two would be written back.
///
/// # Errors
/// When the bytes are no JSON map, hold what evidence cannot hold, or are spelled otherwise.
pub fn read_canonical(bytes: &[u8]) -> Result<Map<String, Value>, NotCanonicalBytes> {
    let value: Value = serde_json::from_slice(bytes).map_err(|_| NotCanonicalBytes::NotJson)?;
    if canonical(&value)? != bytes {
        return Err(NotCanonicalBytes::Spelling);
    }
    match value {
        Value::Object(map) => Ok(map),
        Value::Array(_) | Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {
            Err(NotCanonicalBytes::NotAMap)
        }
    }
}

fn write_value(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(i) if (-LARGEST_INTEGER..=LARGEST_INTEGER).contains(&i) => {
                out.extend_from_slice(i.to_string().as_bytes());
            }
            Some(_) | None => return Err(NotCanonical::Number(number.to_string())),
        },
        Value::String(text) => write_text(text, out),
        Value::Array(items) => write_list(items, depth, out)?,
        Value::Object(map) => write_map(map.iter(), depth, out)?,
        Value::Bool(_) => return Err(NotCanonical::Boolean),
        Value::Null => return Err(NotCanonical::Null),
    }
    Ok(())
}

fn write_list(items: &[Value], depth: usize, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    if depth > NESTING {
        return Err(NotCanonical::TooDeep);
    }
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_value(item, depth + 1, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_map<'a>(
    entries: impl Iterator<Item = (&'a String, &'a Value)>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), NotCanonical> {
    if depth > NESTING {
        return Err(NotCanonical::TooDeep);
    }
    let mut entries: Vec<_> = entries.collect();
    // UTF-16 code units, not bytes: beyond U+FFFF the two orders differ (RFC 8785, section 3.2.3).
    entries.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push(b'{');
    for (place, (key, value)) in entries.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(key, out);
        out.push(b':');
        write_value(value, depth + 1, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// RFC 8785, section 3.2.2.2: only the quotation mark, the backslash and what is below U+0020 is escaped.
fn write_text(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            0x20..=0xff => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(value: &Value) -> String {
        String::from_utf8(canonical(value).expect("canonical")).expect("UTF-8")
    }

    #[test]
    fn keys_stand_in_the_order_of_rfc_8785() {
        // The example of section 3.2.3: U+1F600 is D83D DE00 in UTF-16 and so before U+FB33.
        let value = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control",
            "\u{f6}": "Latin Small Letter O With Diaeresis"
        });
        let order: Vec<_> = ["\\r", "1", "\u{80}", "\u{f6}", "\u{20ac}", "\u{1f600}", "\u{fb33}"].into();
        let printed = text(&value);
        let places: Vec<_> = order.iter().map(|k| printed.find(&format!("\"{k}\":"))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{printed}");
    }

    #[test]
    fn texts_are_escaped_as_rfc_8785_says() {
        let value = json!("\u{20ac}$\u{f}\nA'B\"\\\\\"/\u{8}\u{c}\t\r\u{7f}\u{2028}");
        assert_eq!(text(&value), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\\b\\f\\t\\r\u{7f}\u{2028}\"");
    }

    #[test]
    fn refuses_what_evidence_cannot_hold() {
        for (value, why) in [
            (json!(1.5), NotCanonical::Number("1.5".into())),
            (json!(LARGEST_INTEGER + 1), NotCanonical::Number("9007199254740992".into())),
            (json!(u64::MAX), NotCanonical::Number(u64::MAX.to_string())),
            (json!(true), NotCanonical::Boolean),
            (json!([null]), NotCanonical::Null),
        ] {
            assert_eq!(canonical(&value), Err(why));
        }
        assert_eq!(text(&json!([LARGEST_INTEGER, -LARGEST_INTEGER, 0])), "[9007199254740991,-9007199254740991,0]");
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(canonical(&nested(NESTING)).is_ok());
        assert_eq!(canonical(&nested(NESTING + 1)), Err(NotCanonical::TooDeep));
    }

    #[test]
    fn reads_only_the_one_spelling() {
        assert!(read_canonical(br#"{"a":1,"b":["x"]}"#).is_ok());
        for other in [
            r#"{"b":["x"],"a":1}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a": 1}"#,
            r#" {"a":1}"#,
            "{\"a\":1}\n",
            r#"{"a":01}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e0}"#,
            r#"{"a":-0}"#,
            r#"{"\u0061":1}"#,
            r#"{"a":"\/"}"#,
            r#"{"a":"\u000A"}"#,
            r#"{"a":"\ud800"}"#,
            "\u{feff}{}",
            "[]",
            "1",
            "",
            "{}x",
            r#"{"a":NaN}"#,
        ] {
            assert!(read_canonical(other.as_bytes()).is_err(), "{other}");
        }
        assert!(read_canonical(b"{\"a\":\"\xff\"}").is_err());
    }
}
