//! The embedded store seen from outside, through its ports and its file.

#[cfg(test)]
mod classification;
#[cfg(test)]
mod deletions;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod marks;
#[cfg(test)]
mod model;
#[cfg(test)]
mod moments;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod rejects;
#[cfg(test)]
mod revisions;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod state;
#[cfg(test)]
mod suspects;
#[cfg(test)]
mod unique;
#[cfg(test)]
mod vault;
