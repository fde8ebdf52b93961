//! Enums whose variants have names.

/// Gives the variants of an enum their names, as rules, the database or files write them. The variants must be listed
/// in the order of their declaration.
#[macro_export]
macro_rules! names {
    ($type:ident { $($variant:ident: $name:literal),* $(,)? }) => {
        impl $type {
            /// All variants, in the order of their declaration.
            pub const ALL: [$type; { [$($name),*].len() }] = {
                let all = [$($type::$variant),*];
                let mut place = 0;
                while place < all.len() {
                    assert!(all[place] as usize == place);
                    place += 1;
                }
                all
            };

            /// Returns the name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)*
                }
            }

            /// Finds the variant with this name.
            pub fn find(name: &str) -> Option<$type> {
                match name {
                    $($name => Some($type::$variant),)*
                    _ => None,
                }
            }
        }
    };
}
