//! Text columns whose values are the names of the variants of an enum. A row with another name cannot be loaded: the error
//! says which name it is.

use crate::rule::{CustomType, DependencyKind, Status};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Text;
use std::fmt::Debug;
use std::io::Write;

/// An enum whose variants have names in the database.
pub trait Word: Copy + Debug {
    /// Returns the name.
    fn as_word(self) -> &'static str;

    /// Finds the variant of that name.
    fn find_word(name: &str) -> Option<Self>;
}

impl Word for Status {
    fn as_word(self) -> &'static str {
        self.as_str()
    }

    fn find_word(name: &str) -> Option<Status> {
        Status::parse(name)
    }
}

impl Word for CustomType {
    fn as_word(self) -> &'static str {
        self.as_str()
    }

    fn find_word(name: &str) -> Option<CustomType> {
        CustomType::find(name)
    }
}

impl Word for DependencyKind {
    fn as_word(self) -> &'static str {
        self.as_str()
    }

    fn find_word(name: &str) -> Option<DependencyKind> {
        DependencyKind::find(name)
    }
}

/// The value of a column, for enums of modules that know no database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Named<T: Word>(pub T);

impl<T: Word> FromSql<Text, Pg> for Named<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Named<T>> {
        read(value).map(Named)
    }
}

impl<T: Word> ToSql<Text, Pg> for Named<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_word().as_bytes())?;
        Ok(IsNull::No)
    }
}

/// Reads the value of a column.
pub fn read<T: Word>(value: PgValue<'_>) -> deserialize::Result<T> {
    let name = std::str::from_utf8(value.as_bytes())?;
    let found = T::find_word(name);
    found.ok_or_else(|| {
        format!("another version wrote {name:?}, which this one does not know").into()
    })
}

/// Gives the variants of an enum their names in the database, in the order of their declaration.
macro_rules! words {
    ($type:ident { $($variant:ident: $name:literal),* $(,)? }) => {
        $crate::rule::names!($type { $($variant: $name),* });

        impl std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl $crate::db::word::Word for $type {
            fn as_word(self) -> &'static str {
                self.as_str()
            }

            fn find_word(name: &str) -> Option<$type> {
                $type::find(name)
            }
        }

        impl diesel::deserialize::FromSql<diesel::sql_types::Text, diesel::pg::Pg> for $type {
            fn from_sql(value: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<$type> {
                $crate::db::word::read(value)
            }
        }

        impl diesel::deserialize::Queryable<diesel::sql_types::Text, diesel::pg::Pg> for $type {
            type Row = $type;

            fn build(row: $type) -> diesel::deserialize::Result<$type> {
                Ok(row)
            }
        }
    };
}
pub(crate) use words;
