//! Times and spans in words.

/// Times and spans.
pub(in crate::console) struct Time {
    /// So many seconds.
    pub(in crate::console) seconds: fn(u64) -> String,
    /// So many minutes.
    pub(in crate::console) minutes: fn(u64) -> String,
    /// So many hours.
    pub(in crate::console) hours: fn(u64) -> String,
    /// So many days.
    pub(in crate::console) days: fn(u64) -> String,
    /// So long ago.
    pub(in crate::console) ago: fn(&str) -> String,
    /// In so long.
    pub(in crate::console) ahead: fn(&str) -> String,
    /// Not yet.
    pub(in crate::console) never: &'static str,
}

pub(super) const EN: Time = Time {
    seconds: |n| format!("{n} s"),
    minutes: |n| format!("{n} min"),
    hours: |n| format!("{n} h"),
    days: |n| format!("{n} day{}", if n == 1 { "" } else { "s" }),
    ago: |span| format!("{span} ago"),
    ahead: |span| format!("in {span}"),
    never: "never",
};

pub(super) const FR: Time = Time {
    seconds: |n| format!("{n} s"),
    minutes: |n| format!("{n} min"),
    hours: |n| format!("{n} h"),
    days: |n| format!("{n} jour{}", if n < 2 { "" } else { "s" }),
    ago: |span| format!("il y a {span}"),
    ahead: |span| format!("dans {span}"),
    never: "jamais",
};
