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
