//! Holds the features of shared libraries together, so that every selection of crates compiles them alike. It has no
//! code: its manifest is what counts, and `raccord-model` depends on it so that everything does.
