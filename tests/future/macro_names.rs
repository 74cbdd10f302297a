//! The macros work beside constants, statics, types, modules, functions and macros of the caller, whatever their
//! names. `tests/book/macros.rs` reads the macros, and finds the names that are missing here.

/// Names that the macros bind, without their prefix, those of their parameters, and other common names.
macro_rules! lower_case {
    ($kind:ident) => {
        $kind! {
            future futures output outputs result enabled chosen fits out list pattern patterns condition
            conditions handler handlers order judge rest before branch branches cell key name value poll polled
            cx context waker slot state first index number count end ended random all_branches_are_disabled
            note_and_refuse next poll_each poll_select poll_fn keep keep_value take map new new_if ready pending
        }
    };
}

/// What every file has without an import.
macro_rules! prelude {
    ($kind:ident) => {
        $kind! {
            Option Some None Result Ok Err Poll Ready Pending Future IntoFuture Pin Context RefCell LocalKey
            Box Vec String Default Clone Copy Send Sync Sized Drop Fn FnMut FnOnce Iterator Into From drop
            ControlFlow Continue Break ManuallyDrop MaybeDone Order Biased Rotating Random CELL __CELL
        }
    };
}

macro_rules! constants {
    ($($name:ident)*) => { $(const $name: () = ();)* };
}

macro_rules! statics {
    ($($name:ident)*) => { $(static $name: () = ();)* };
}

macro_rules! unit_structs {
    ($($name:ident)*) => { $(struct $name;)* };
}

macro_rules! tuple_structs {
    ($($name:ident)*) => { $(struct $name(());)* };
}

macro_rules! variants {
    ($($name:ident)*) => {
        enum Variants { $($name),* }
        use Variants::*;
    };
}

macro_rules! modules {
    ($($name:ident)*) => { $(mod $name {})* };
}

macro_rules! functions {
    ($($name:ident)*) => { $(fn $name() {})* };
}

/// What a caller writes, with all forms of all macros.
macro_rules! uses {
    () => {
        ::openwork::task_local! {
            static NUMBER: u8;
            pub static OTHER: ::std::option::Option<u8>
        }

        pub async fn run() -> [u8; 11] {
            let (a, b) = ::openwork::join!(::std::future::ready(1), async { 2 });
            let (c,) = ::openwork::join!(biased; NUMBER.scope(3, async { NUMBER.get() }));
            let both = ::openwork::try_join!(
                async { ::std::result::Result::<u8, ()>::Ok(4) },
                OTHER.scope(::std::option::Option::None, async { ::std::result::Result::Ok(5) }),
            );
            let (d, e) = both.unwrap();
            let none: ::std::result::Result<(), ()> = ::openwork::try_join!();
            none.unwrap();
            let f = ::openwork::select! {
                6 = ::std::future::ready(5) => 0,
                mut six = async { ::std::option::Option::Some(6) }, if true => six.take().unwrap(),
            };
            let g = ::openwork::select! {
                biased;
                _ = ::std::future::pending::<()>(), if !true => { 0 }
                never = ::std::future::pending::<u8>() => { never },
                ::std::result::Result::Ok(seven) | ::std::result::Result::Err(seven) =
                    ::std::future::ready(::std::result::Result::<u8, u8>::Ok(7)) => seven,
                else => 0,
            };
            let h = 'a: loop {
                let b = loop {
                    ::openwork::select! {
                        _ = ::std::future::ready(()) => break 'a 8,
                        else => break 0,
                    }
                };
                break b;
            };
            let i = ::openwork::select! {
                _ = ::std::future::pending::<()>(), if false => 0,
                else => 9,
            };
            let ten = ::std::future::ready(10);
            ::openwork::pin!(ten);
            ::openwork::pin! { let eleven = ::std::future::ready(11); }
            [a, b, c, d, e, f, g, h, i, ten.as_mut().await, eleven.as_mut().await]
        }
    };
}

/// Each caller is a module with names of its own, and without the prelude.
macro_rules! callers {
    ($($caller:ident { $($item:item)* })*) => {
        $(
            #[allow(dead_code, unused_imports, unused_macros)]
            #[allow(non_upper_case_globals, non_camel_case_types, non_snake_case)]
            #[allow(clippy::upper_case_acronyms)]
            #[no_implicit_prelude]
            mod $caller {
                $($item)*
                uses! {}
            }
        )*

        #[test]
        fn the_macros_work_beside_names_of_the_callers() {
            $(
                let numbers = openwork::block_on($caller::run());
                assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], stringify!($caller));
            )*
        }
    };
}

callers! {
    with_nothing {}
    with_constants { lower_case! { constants } prelude! { constants } }
    with_statics { lower_case! { statics } prelude! { statics } }
    with_unit_structs { lower_case! { unit_structs } prelude! { unit_structs } }
    with_tuple_structs { lower_case! { tuple_structs } prelude! { tuple_structs } }
    with_variants { lower_case! { variants } }
    with_variants_of_the_prelude { prelude! { variants } }
    with_modules { lower_case! { modules } prelude! { modules } mod std {} mod core {} mod openwork {} }
    with_functions { lower_case! { functions } prelude! { functions } }
    with_macros {
        macro_rules! unreachable { () => {} }
        macro_rules! panic { () => {} }
        macro_rules! thread_local { () => {} }
        macro_rules! pin { () => {} }
        macro_rules! join { () => {} }
        macro_rules! select { () => {} }
        macro_rules! __join { () => {} }
        macro_rules! __select { () => {} }
        macro_rules! __test { () => {} }
    }
}
