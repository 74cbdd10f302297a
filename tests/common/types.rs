//! What the compiler knows of a type.

// As in the other files here, not every test uses it.
#![allow(unused_macros)]

/// Does not compile if the type has the trait: then there are two functions of this name.
macro_rules! assert_not {
    ($type:ty: $trait:path) => {{
        trait Ambiguous<A> {
            fn either() {}
        }
        struct IfItHas;
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + $trait> Ambiguous<IfItHas> for T {}
        let _ = <$type as Ambiguous<_>>::either;
    }};
}

pub(crate) use assert_not;
