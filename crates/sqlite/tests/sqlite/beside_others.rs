//! beside_others
