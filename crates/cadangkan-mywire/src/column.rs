use crate::bytes::Reader;

/// What a result says about one of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the result.
    pub name: String,
    /// Its name in the table; empty for an expression.
    pub org_name: String,
    /// The number of its collation; 63 is binary.
    pub charset: u16,
    /// The type, as it is sent.
    pub kind: ColumnKind,
    /// Bits as in [`Column::NOT_NULL`].
    pub flags: u16,
    /// The greatest length in bytes.
    pub length: u32,
    /// The number of digits after the point; 31 where it floats.
    pub decimals: u8,
}

impl Column {
    /// The flag of a column that has no NULL.
    pub const NOT_NULL: u16 = 1;
    /// The flag of a number without a sign.
    pub const UNSIGNED: u16 = 32;
    /// The flag of a binary collation.
    pub const BINARY: u16 = 128;
    /// The flag of an ENUM, which is sent as a string.
    pub const ENUM: u16 = 256;
    /// The flag of a SET, which is sent as a string.
    pub const SET: u16 = 2048;
    /// The collation of bytes.
    pub const BINARY_CHARSET: u16 = 63;

    /// Reads a definition (manual of the protocol, "Column Definition").
    pub(crate) fn read(packet: &[u8]) -> Option<Column> {
        let mut reader = Reader::new(packet);
        let _catalog_schema_table = (reader.counted()?, reader.counted()?, reader.counted()?);
        let _original_table = reader.counted()?;
        let name = String::from_utf8_lossy(reader.counted()?).into_owned();
        let org_name = String::from_utf8_lossy(reader.counted()?).into_owned();
        let _length_of_the_rest = reader.length()?;
        let (charset, length, kind) = (reader.u16()?, reader.u32()?, ColumnKind::read(reader.u8()?));
        let (flags, decimals) = (reader.u16()?, reader.u8()?);
        Some(Column { name, org_name, charset, kind, flags, length, decimals })
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal;)*) => {
        /// The type of a column on the wire (manual of the protocol, "Column Definition", `field_types`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ColumnKind {
            $($(#[$doc])* $kind,)*
            /// One that this crate has no word for.
            Other(u8),
        }

        impl ColumnKind {
            /// Reads the number of a column's definition.
            pub(crate) fn read(number: u8) -> ColumnKind {
                match number {
                    $($number => ColumnKind::$kind,)*
                    other => ColumnKind::Other(other),
                }
            }
        }
    };
}

kinds! {
    /// DECIMAL of servers before 5.0.
    Decimal = 0;
    /// TINYINT.
    Tiny = 1;
    /// SMALLINT.
    Short = 2;
    /// INT.
    Long = 3;
    /// FLOAT.
    Float = 4;
    /// DOUBLE.
    Double = 5;
    /// NULL.
    Null = 6;
    /// TIMESTAMP.
    Timestamp = 7;
    /// BIGINT.
    LongLong = 8;
    /// MEDIUMINT.
    Int24 = 9;
    /// DATE.
    Date = 10;
    /// TIME.
    Time = 11;
    /// DATETIME.
    DateTime = 12;
    /// YEAR.
    Year = 13;
    /// VARCHAR in a table's definition.
    VarChar = 15;
    /// BIT.
    Bit = 16;
    /// VECTOR of MySQL 9.
    Vector = 242;
    /// JSON of MySQL; MariaDB's is a text.
    Json = 245;
    /// DECIMAL.
    NewDecimal = 246;
    /// ENUM.
    Enum = 247;
    /// SET.
    Set = 248;
    /// TINYBLOB and TINYTEXT.
    TinyBlob = 249;
    /// MEDIUMBLOB and MEDIUMTEXT.
    MediumBlob = 250;
    /// LONGBLOB and LONGTEXT.
    LongBlob = 251;
    /// BLOB and TEXT.
    Blob = 252;
    /// VARCHAR and VARBINARY.
    VarString = 253;
    /// CHAR, BINARY, ENUM and SET.
    String = 254;
    /// GEOMETRY and all its kinds.
    Geometry = 255;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_definition_and_no_part_of_one() {
        let whole = b"\x03def\x01d\x01t\x02ot\x01n\x02on\x0c\x3f\0\x0a\0\0\0\xf6\x21\0\x02\0\0";
        let column = Column::read(whole).unwrap();
        let expected = Column {
            name: "n".into(),
            org_name: "on".into(),
            charset: Column::BINARY_CHARSET,
            kind: ColumnKind::NewDecimal,
            flags: Column::NOT_NULL | Column::UNSIGNED,
            length: 10,
            decimals: 2,
        };
        assert_eq!(column, expected);
        for length in 0..whole.len() - 2 {
            assert_eq!(Column::read(&whole[..length]), None, "{length}");
        }
        assert_eq!(ColumnKind::read(200), ColumnKind::Other(200));
    }
}
