//! The connectors against real loopback servers and real files, through the public interface alone.

#[cfg(test)]
mod ahead;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod buckets;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod continuing;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod decoding;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod files;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod openid;
#[cfg(test)]
mod page_tokens;
#[cfg(test)]
mod partitions;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod registrations;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod service;
#[cfg(test)]
mod sftp;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod single;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod webhooks;
