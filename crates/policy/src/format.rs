//! The canonical form of a policy text.

use crate::problem::Problem;
use crate::source::SourceFile;

/// The file in its canonical form, comments kept.
///
/// # Errors
/// When the text cannot be read.
pub fn format(file: &SourceFile) -> Result<String, Vec<Problem>> {
    Ok(String::from_utf8_lossy(&file.bytes).into_owned())
}
