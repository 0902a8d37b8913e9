//! What the process itself uses, as Linux tells it in `/proc`. Elsewhere there is nothing to tell.

use std::fs;

use jiff::Timestamp;
use rustix::process::{Resource, getrlimit};

use super::exposition::Series;
use super::family::{CPU, MOST_FILES, OPEN_FILES, RESIDENT_MEMORY, START, VIRTUAL_MEMORY};

/// The series of the process. `start` is when the daemon began.
pub(super) fn series(start: Timestamp) -> Vec<Series> {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let status = read("status");
    let open_files = fs::read_dir("/proc/self/fd").ok().and_then(|open| u64::try_from(open.count()).ok());
    vec![
        Series::one(&CPU, cpu_seconds(&read("stat"), rustix::param::clock_ticks_per_second())),
        Series::one(&RESIDENT_MEMORY, bytes(&status, "VmRSS:")),
        Series::one(&VIRTUAL_MEMORY, bytes(&status, "VmSize:")),
        Series::one(&OPEN_FILES, open_files),
        Series::one(&MOST_FILES, getrlimit(Resource::Nofile).current),
        Series::one(&START, Some(start.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64())),
    ]
}

/// The processor time in the line of `/proc/self/stat`: its 14th and 15th words, in ticks.
fn cpu_seconds(stat: &str, ticks_per_second: u64) -> Option<f64> {
    // The second word is the program's name in parentheses, and may hold anything.
    let (_, words) = stat.rsplit_once(')')?;
    let mut words = words.split_whitespace().skip(11);
    let mut ticks = || words.next()?.parse::<u32>().ok();
    let ticks = f64::from(ticks()?) + f64::from(ticks()?);
    Some(ticks / f64::from(u32::try_from(ticks_per_second).ok()?))
}

/// A size in the lines of `/proc/self/status`, which are in kibibytes.
fn bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_is_read() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 5 0 1234 9000 77 18446744073709551615";
        assert_eq!(cpu_seconds(stat, 100), Some(3.0));
        let status = "Name:\traccord\nVmSize:\t  200 kB\nVmRSS:\t    12 kB\n";
        assert_eq!((bytes(status, "VmRSS:"), bytes(status, "VmSize:")), (Some(12_288), Some(204_800)));
        for nonsense in ["", "1 (x", "1 (x) S", "1 (x) S 1 2 3 4 5 6 7 8 9 10 a b"] {
            assert_eq!((cpu_seconds(nonsense, 100), bytes(nonsense, "VmRSS:")), (None, None), "{nonsense}");
        }
    }
}
