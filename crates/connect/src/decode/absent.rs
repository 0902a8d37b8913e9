//! What is said where a format's implementation is not part of this binary.

use raccord_model::port::source::SourceError;

/// The error that a feature is absent.
#[cfg_attr(all(feature = "xlsx", feature = "parquet"), expect(dead_code, reason = "nothing is absent"))]
pub(crate) fn without(feature: &str, name: &str) -> SourceError {
    SourceError::Settings {
        place: name.to_owned(),
        message: format!(
            "this raccord was built without the feature `{feature}`; a released binary has it, and so has one that is \
             built with `--features {feature}`"
        ),
    }
}
