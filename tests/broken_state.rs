//! A state that cannot be used as it is: what is said, and that nothing is made worse.
