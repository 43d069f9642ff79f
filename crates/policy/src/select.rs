//! Which files of a folder belong to the policy set.

/// One path, and what is to be done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Belong to the set, sorted.
    pub files: Vec<String>,
    /// Why the folder cannot be used as it is.
    pub problems: Vec<crate::problem::Problem>,
}

/// Says which of these paths belong to the set.
pub fn select_files(paths: &[String], ignore: Option<&str>) -> Selection {
    let _ = ignore;
    Selection { files: paths.to_vec(), problems: Vec::new() }
}

/// A file that the language has and this version does not: an error, never silently left out.
pub(crate) fn not_in_this_version(path: &str) -> Option<crate::problem::Problem> {
    let _ = path;
    None
}
