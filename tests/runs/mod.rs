//! What runs do with records, through the program itself: classification, deletions, rejects, and where the next
//! run continues.

mod classification;
mod deletes;
mod modes;
mod rejects;
mod resuming;
mod resync;
mod shop;
