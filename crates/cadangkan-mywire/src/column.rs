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
