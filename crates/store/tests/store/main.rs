//! The embedded store seen from outside, through its ports and its file.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod moments;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod revisions;
#[cfg(test)]
mod state;
#[cfg(test)]
mod vault;
