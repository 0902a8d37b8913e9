//! The reference passes the suite. What is generated compares it with itself: with keeping records, and without.

raccord_conformance::conformance!(raccord_conformance::reference::Reference);
