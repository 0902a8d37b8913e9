//! A struct of texts whose two languages stand side by side.

/// Makes a struct of texts and its values in English and in French.
macro_rules! both {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $en:literal, $fr:literal;)* }) => {
        $(#[$about])*
        pub(in crate::console) struct $name {
            $($(#[$doc])* pub(in crate::console) $field: &'static str,)*
        }
        pub(super) const EN: $name = $name { $($field: $en,)* };
        pub(super) const FR: $name = $name { $($field: $fr,)* };
    };
}

pub(super) use both;
