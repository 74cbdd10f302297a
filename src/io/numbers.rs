//! The numbers that can be read and written as bytes, in one table.
//!
//! `read_u32`, `write_u32` and their siblings differ in their names, their type and their byte order only. The
//! traits of a reader and of a writer each have a macro that defines one method; this table calls it for each
//! number.
//!
//! Next: `read.rs`, the methods of a reader.

/// Calls the macro `$define` with each number's methods, its type, and the functions of std that convert it.
macro_rules! for_each_number {
    ($define:ident) => {
        $define! {
            read_u8 write_u8 u8 from_be_bytes to_be_bytes "";
            read_i8 write_i8 i8 from_be_bytes to_be_bytes "";
            read_u16 write_u16 u16 from_be_bytes to_be_bytes " in big-endian order";
            read_i16 write_i16 i16 from_be_bytes to_be_bytes " in big-endian order";
            read_u32 write_u32 u32 from_be_bytes to_be_bytes " in big-endian order";
            read_i32 write_i32 i32 from_be_bytes to_be_bytes " in big-endian order";
            read_u64 write_u64 u64 from_be_bytes to_be_bytes " in big-endian order";
            read_i64 write_i64 i64 from_be_bytes to_be_bytes " in big-endian order";
            read_u128 write_u128 u128 from_be_bytes to_be_bytes " in big-endian order";
            read_i128 write_i128 i128 from_be_bytes to_be_bytes " in big-endian order";
            read_f32 write_f32 f32 from_be_bytes to_be_bytes " in big-endian order";
            read_f64 write_f64 f64 from_be_bytes to_be_bytes " in big-endian order";
            read_u16_le write_u16_le u16 from_le_bytes to_le_bytes " in little-endian order";
            read_i16_le write_i16_le i16 from_le_bytes to_le_bytes " in little-endian order";
            read_u32_le write_u32_le u32 from_le_bytes to_le_bytes " in little-endian order";
            read_i32_le write_i32_le i32 from_le_bytes to_le_bytes " in little-endian order";
            read_u64_le write_u64_le u64 from_le_bytes to_le_bytes " in little-endian order";
            read_i64_le write_i64_le i64 from_le_bytes to_le_bytes " in little-endian order";
            read_u128_le write_u128_le u128 from_le_bytes to_le_bytes " in little-endian order";
            read_i128_le write_i128_le i128 from_le_bytes to_le_bytes " in little-endian order";
            read_f32_le write_f32_le f32 from_le_bytes to_le_bytes " in little-endian order";
            read_f64_le write_f64_le f64 from_le_bytes to_le_bytes " in little-endian order";
        }
    };
}

pub(super) use for_each_number;
