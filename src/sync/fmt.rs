//! Macros that implement `Debug` and `Display` for types that contain values of any type.
//!
//! `#[derive(Debug)]` of a `Sender<T>` would require `T: Debug`, and so would that of an error that contains the
//! message. These macros print chosen fields, or a text for each variant, and require nothing of `T`.
//!
//! Next: `wait_queue.rs`.

/// Implements `Debug` with the named fields and methods: `debug_fields!(Sender<T, B>: chan, is_closed());`
macro_rules! debug_fields {
    ($name:ident<$($parameter:tt),+>: $($field:ident $(($($none:tt)*))?),*) => {
        impl<$($parameter),+> ::std::fmt::Debug for $name<$($parameter),+> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &self.$field $(($($none)*))?))*
                    .finish_non_exhaustive()
            }
        }
    };
}

/// Implements `Display` or `Debug` with a text for each pattern: `text!(<T> Display for SendError<T>: _ => "closed");`
macro_rules! text {
    ($(<$parameter:ident>)? $trait:ident for $type:ty: $($pattern:pat => $text:literal),+) => {
        impl$(<$parameter>)? ::std::fmt::$trait for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self {
                    $($pattern => ::std::write!(f, $text),)+
                }
            }
        }
    };
}

pub(crate) use {debug_fields, text};
