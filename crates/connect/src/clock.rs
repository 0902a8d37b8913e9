//! What tells the time to those who sign with it or compare with it. It is given to them, never read by them.

use std::sync::Arc;

/// Tells the wall-clock time.
pub type Now = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
