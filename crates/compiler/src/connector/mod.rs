//! Connector settings lowered to component trees.
